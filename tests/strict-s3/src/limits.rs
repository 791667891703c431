//! What a store allows and how it treats conditions: AWS as recorded, and imitations of its look-alikes.
//!
//! Pure data. Every field can be changed, so a test can shrink 5 MiB to 64 bytes.

/// How a store treats the condition headers of one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// Checked, as on AWS.
    Honoured,
    /// Accepted and not looked at: the dangerous kind.
    Ignored,
    /// Answered with 501 `NotImplemented`.
    Refused,
}

/// The limits and habits of one kind of store.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Smallest part in bytes, the last part excepted; checked at Complete only.
    pub min_part: u64,
    /// Largest part in bytes.
    pub max_part: u64,
    /// Highest part number, and so the most parts.
    pub max_parts: i32,
    /// Largest object in bytes.
    pub max_object: u64,
    /// Largest body of one PutObject in bytes.
    pub max_put: u64,
    /// Largest source of CopyObject in bytes.
    pub max_copy: u64,
    /// Most bytes of user metadata, names (without `x-amz-meta-`) and values together.
    pub max_metadata: usize,
    /// All parts but the last must have the same length (R2).
    pub equal_parts: bool,
    /// `x-amz-copy-source-if-*` on CopyObject.
    pub copy_conditions: Conditions,
    /// `x-amz-copy-source-if-*` on UploadPartCopy.
    pub part_copy_conditions: Conditions,
    /// `If-Match` and `If-None-Match` on PutObject.
    pub put_conditions: Conditions,
    /// `If-Match` and `If-None-Match` on CompleteMultipartUpload.
    pub complete_conditions: Conditions,
    /// `If-Match` on DeleteObject.
    pub delete_conditions: Conditions,
    /// UploadPartCopy and ListParts give the checksums of copied parts when the upload has an algorithm.
    pub copied_part_checksums: bool,
    /// UploadPartCopy works at all in an upload that was created with a checksum algorithm (not on MinIO).
    pub copy_into_checksummed: bool,
    /// Checks the checksum given at Complete; a store that does not still stores what it computed.
    pub verifies_complete: bool,
    /// ETags are not MD5 but opaque: all of them with SSE-KMS. Saves the server the MD5 of copied parts.
    pub opaque_etags: bool,
    /// Only multipart ETags are opaque (R2).
    pub opaque_multipart_etags: bool,
    /// Headers of every answer by which the store can be told from others, names in lower case.
    pub announces: &'static [(&'static str, &'static str)],
    /// Whether answers have `x-amz-request-id` (not on R2).
    pub request_ids: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self::aws()
    }
}

impl Limits {
    /// AWS S3, general-purpose bucket (docs/S3.md, "Multipart limits").
    pub fn aws() -> Self {
        Self {
            min_part: 5 << 20,
            max_part: 5 << 30,
            max_parts: 10_000,
            // 48.8 TiB: 10,000 parts of 5 GiB (docs/S3.md, "Multipart limits").
            max_object: 10_000 * (5 << 30),
            max_put: 5 << 30,
            max_copy: 5 << 30,
            max_metadata: 2 << 10,
            equal_parts: false,
            copy_conditions: Conditions::Honoured,
            part_copy_conditions: Conditions::Honoured,
            put_conditions: Conditions::Honoured,
            complete_conditions: Conditions::Honoured,
            delete_conditions: Conditions::Honoured,
            copied_part_checksums: true,
            copy_into_checksummed: true,
            verifies_complete: true,
            opaque_etags: false,
            opaque_multipart_etags: false,
            // API reference, "Common response headers".
            announces: &[("server", "AmazonS3")],
            request_ids: true,
        }
    }

    /// Cloudflare R2: equal parts, random multipart ETags, no conditions on copied ranges, though on whole copies (docs/S3.md,
    /// "Stores that differ"). Its answers come through Cloudflare's proxy, which writes `server` and `cf-ray` (Cloudflare's
    /// "HTTP headers"), and have no request id (rclone issue 9511: "request id: , host id:").
    pub fn r2() -> Self {
        Self {
            equal_parts: true,
            part_copy_conditions: Conditions::Refused,
            opaque_multipart_etags: true,
            announces: &[("server", "cloudflare"), ("cf-ray", "8f2a6c0b1d3e4f50-FRA")],
            request_ids: false,
            ..Self::aws()
        }
    }

    /// Ceph's gateway before 2025: ignores conditions on copies and on Complete, no checksums of copied parts.
    pub fn ceph() -> Self {
        Self {
            copy_conditions: Conditions::Ignored,
            part_copy_conditions: Conditions::Ignored,
            complete_conditions: Conditions::Ignored,
            delete_conditions: Conditions::Ignored,
            copied_part_checksums: false,
            ..Self::unnamed()
        }
    }

    /// MinIO: no UploadPartCopy into an upload with a checksum algorithm. It names itself in every answer (its source,
    /// `setCommonHeaders` in `cmd/api-headers.go`).
    pub fn minio() -> Self {
        Self { copy_into_checksummed: false, announces: &[("server", "MinIO")], ..Self::aws() }
    }

    /// Garage: conditions on writes are ignored, those on copies work; small parts are accepted.
    pub fn garage() -> Self {
        Self {
            put_conditions: Conditions::Ignored,
            complete_conditions: Conditions::Ignored,
            delete_conditions: Conditions::Ignored,
            min_part: 0,
            ..Self::unnamed()
        }
    }

    /// Scaleway: 1,000 parts.
    pub fn scaleway() -> Self {
        Self { max_parts: 1_000, ..Self::unnamed() }
    }

    /// The worst of them: every condition silently ignored, no checksum verified or reported for copies.
    pub fn careless() -> Self {
        Self {
            copy_conditions: Conditions::Ignored,
            part_copy_conditions: Conditions::Ignored,
            put_conditions: Conditions::Ignored,
            complete_conditions: Conditions::Ignored,
            delete_conditions: Conditions::Ignored,
            copied_part_checksums: false,
            verifies_complete: false,
            ..Self::unnamed()
        }
    }

    /// AWS's limits and habits, by a store whose answers do not say what it is.
    pub fn unnamed() -> Self {
        Self { announces: &[], ..Self::aws() }
    }

    /// The imitation of that name, as the binary's `--imitate` takes it.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "aws" => Self::aws(),
            "r2" => Self::r2(),
            "ceph" => Self::ceph(),
            "minio" => Self::minio(),
            "garage" => Self::garage(),
            "scaleway" => Self::scaleway(),
            "careless" => Self::careless(),
            _ => return None,
        })
    }

    /// The names [`Limits::named`] knows.
    pub const NAMES: [&'static str; 7] = ["aws", "r2", "ceph", "minio", "garage", "scaleway", "careless"];
}
