//! From request fields to our types and back: the same dozen fields appear in many of `s3s`'s generated structs.
//!
//! Conversions only; the rules behind them are in `checks`.

use s3s::dto;

use crate::digest::Checksum;

/// Puts a checksum into whichever `checksum_*` field of an answer is its own.
macro_rules! set_checksum {
    ($out:expr, $algorithm:expr, $value:expr) => {{
        let value = Some($value);
        match $algorithm {
            crate::digest::Algorithm::Crc32 => $out.checksum_crc32 = value,
            crate::digest::Algorithm::Crc32c => $out.checksum_crc32c = value,
            crate::digest::Algorithm::Crc64Nvme => $out.checksum_crc64nvme = value,
            crate::digest::Algorithm::Sha1 => $out.checksum_sha1 = value,
            crate::digest::Algorithm::Sha256 => $out.checksum_sha256 = value,
        }
    }};
}

/// The checksum values a request carries, by algorithm.
macro_rules! given_checksums {
    ($input:expr) => {
        [
            (crate::digest::Algorithm::Crc32, &$input.checksum_crc32),
            (crate::digest::Algorithm::Crc32c, &$input.checksum_crc32c),
            (crate::digest::Algorithm::Crc64Nvme, &$input.checksum_crc64nvme),
            (crate::digest::Algorithm::Sha1, &$input.checksum_sha1),
            (crate::digest::Algorithm::Sha256, &$input.checksum_sha256),
        ]
        .into_iter()
        .filter_map(|(algorithm, value)| value.clone().map(|value| (algorithm, value)))
        .collect::<Vec<_>>()
    };
}

/// Encryption headers of a write.
macro_rules! encryption {
    ($input:expr) => {
        crate::ops::checks::encryption(
            $input.server_side_encryption.as_ref().map(|value| value.as_str().to_owned()),
            $input.ssekms_key_id.clone(),
            $input.bucket_key_enabled,
            crate::ops::checks::customer_key(
                $input.sse_customer_algorithm.as_deref(),
                $input.sse_customer_key.as_deref(),
                $input.sse_customer_key_md5.as_deref(),
            )?,
        )
    };
}

/// Everything PutObject, CopyObject and CreateMultipartUpload can give an object.
macro_rules! attributes {
    ($input:expr) => {
        crate::state::Attributes {
            metadata: $input.metadata.clone().unwrap_or_default(),
            content_type: $input.content_type.clone(),
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: crate::ops::fields::stored_encoding($input.content_encoding.as_deref()),
            content_language: $input.content_language.clone(),
            expires: $input.expires.clone(),
            website_redirect: $input.website_redirect_location.clone(),
            storage_class: crate::ops::checks::storage_class($input.storage_class.as_ref())?,
            tags: crate::ops::checks::tag_header($input.tagging.as_deref())?,
            encryption: encryption!($input),
        }
    };
}

/// Encryption headers of an answer.
macro_rules! set_encryption {
    ($out:expr, $encryption:expr) => {{
        let encryption = &$encryption;
        $out.server_side_encryption = encryption.algorithm.clone().map(s3s::dto::ServerSideEncryption::from);
        $out.ssekms_key_id = encryption.kms_key.clone();
        $out.bucket_key_enabled = encryption.bucket_key;
    }};
}

/// SSE-C headers of an answer.
macro_rules! set_customer_key {
    ($out:expr, $encryption:expr) => {{
        $out.sse_customer_key_md5 = $encryption.customer_key_md5.clone();
        $out.sse_customer_algorithm = $encryption.customer_key_md5.as_ref().map(|_| "AES256".to_owned());
    }};
}

/// Headers that GetObject and HeadObject share.
macro_rules! set_attributes {
    ($out:expr, $attributes:expr) => {{
        let attributes = &$attributes;
        // S3's default when a write named none.
        let content_type = attributes.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned());
        $out.content_type = Some(content_type);
        $out.metadata = (!attributes.metadata.is_empty()).then(|| attributes.metadata.clone());
        $out.cache_control = attributes.cache_control.clone();
        $out.content_disposition = attributes.content_disposition.clone();
        $out.content_encoding = attributes.content_encoding.clone();
        $out.content_language = attributes.content_language.clone();
        $out.expires = attributes.expires.clone();
        $out.website_redirect_location = attributes.website_redirect.clone();
        $out.storage_class = attributes.storage_class.clone().map(s3s::dto::StorageClass::from);
        set_encryption!($out, attributes.encryption);
        set_customer_key!($out, attributes.encryption);
    }};
}

pub(super) use {
    attributes, encryption, given_checksums, set_attributes, set_checksum, set_customer_key, set_encryption,
};

/// `aws-chunked` is the transfer's encoding, not the object's: it is not stored.
pub(super) fn stored_encoding(header: Option<&str>) -> Option<String> {
    let kept: Vec<&str> = header?.split(',').map(str::trim).filter(|c| !c.is_empty() && *c != "aws-chunked").collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// An ETag for an answer.
pub(super) fn etag(value: &str) -> dto::ETag {
    dto::ETag::Strong(value.to_owned())
}

/// A checksum's type for an answer.
pub(super) fn checksum_type(checksum: &Checksum) -> dto::ChecksumType {
    dto::ChecksumType::from_static(checksum.kind.name())
}

/// Lengths in answers are signed.
pub(super) fn signed(len: u64) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Who owns everything here.
pub(super) fn owner() -> dto::Owner {
    dto::Owner { display_name: Some("strict-s3".to_owned()), id: Some("0".repeat(64)) }
}
