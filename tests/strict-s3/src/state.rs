//! What the server holds: buckets, object versions, open uploads, under one lock.
//!
//! A condition is checked and the write done while the lock is held, so writes are atomic and races have one winner.
//! Bytes are not here, only [`Content`]s; requests and headers are the business of `ops`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::{self, ETagCondition};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::content::Content;
use crate::digest::{Algorithm, Checksum, Digests, Kind};
use crate::limits::Conditions;

/// Everything a write gives an object besides its bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    pub(crate) metadata: dto::Metadata,
    pub(crate) content_type: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) expires: Option<dto::Timestamp>,
    pub(crate) website_redirect: Option<String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) encryption: Encryption,
}

/// Server-side encryption as the headers describe it; the bytes on disk stay plain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Encryption {
    /// `AES256` or `aws:kms`.
    pub(crate) algorithm: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) bucket_key: Option<bool>,
    /// Base64 MD5 of the customer's key (SSE-C).
    pub(crate) customer_key_md5: Option<String>,
}

impl Encryption {
    /// Whether ETags are opaque instead of MD5 (docs/S3.md, "ETags").
    pub(crate) fn hides_md5(&self) -> bool {
        self.customer_key_md5.is_some() || self.algorithm.as_deref().is_some_and(|a| a.starts_with("aws:kms"))
    }
}

/// One part of a completed multipart object.
#[derive(Debug, Clone)]
pub(crate) struct PartOf {
    pub(crate) number: i32,
    pub(crate) len: u64,
    /// Base64 in the object's algorithm, where it is known for each part.
    pub(crate) checksum: Option<String>,
}

/// One version of an object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) content: Content,
    /// Without quotes.
    pub(crate) etag: String,
    /// Full-object CRC64NVME, raw.
    pub(crate) crc64: Vec<u8>,
    pub(crate) checksum: Checksum,
    /// Empty unless it was made by a multipart upload.
    pub(crate) parts: Vec<PartOf>,
    pub(crate) attributes: Attributes,
}

/// An entry in a key's history; without an object it is a delete marker.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) id: Cow<'static, str>,
    pub(crate) modified: SystemTime,
    pub(crate) object: Option<Arc<Object>>,
}

/// A part that was uploaded or copied.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) content: Content,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) digests: Digests,
    pub(crate) modified: SystemTime,
    /// By UploadPartCopy.
    pub(crate) copied: bool,
}

/// An open multipart upload.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) initiated: SystemTime,
    pub(crate) attributes: Attributes,
    pub(crate) checksum: Option<(Algorithm, Kind)>,
    pub(crate) parts: BTreeMap<i32, Part>,
    /// Somebody wrote or deleted the key since Create: a conditional Complete is now a 409.
    pub(crate) disturbed: bool,
}

/// What a finished upload made, without its bytes; a repeated Complete gets the same answer.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) key: String,
    pub(crate) parts: Vec<(i32, String)>,
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
    pub(crate) encryption: Encryption,
    pub(crate) version: Option<String>,
}

/// State of a bucket's versioning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    Off,
    Enabled,
    Suspended,
}

/// The version id of objects written while versioning is off or suspended.
pub(crate) const NULL_VERSION: &str = "null";

#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) created: SystemTime,
    pub(crate) versioning: Versioning,
    /// History of each key, newest last, never empty.
    pub(crate) objects: BTreeMap<String, Vec<Version>>,
    /// By key, then by order of Create: the order of ListMultipartUploads.
    pub(crate) uploads: BTreeMap<(String, u64), Upload>,
    pub(crate) finished: HashMap<String, Finished>,
    pub(crate) lifecycle: Option<Vec<dto::LifecycleRule>>,
    sequence: u64,
}

/// The outcome of a delete.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    pub(crate) version: Option<String>,
    pub(crate) marker: bool,
}

impl Bucket {
    pub(crate) fn new() -> Self {
        Self {
            created: SystemTime::now(),
            versioning: Versioning::Off,
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
            finished: HashMap::new(),
            lifecycle: None,
            sequence: 0,
        }
    }

    /// The current version, a delete marker counting as none.
    pub(crate) fn current(&self, key: &str) -> Option<(&Version, &Arc<Object>)> {
        let version = self.objects.get(key)?.last()?;
        Some((version, version.object.as_ref()?))
    }

    /// The current or the named version, or the error S3 answers with.
    pub(crate) fn find(&self, key: &str, version: Option<&str>) -> S3Result<(&Version, &Arc<Object>)> {
        let Some(id) = version else {
            return self.current(key).ok_or_else(|| {
                let mut error = s3_error!(NoSuchKey, "The specified key does not exist.");
                if self.objects.contains_key(key) {
                    let mut headers = http::HeaderMap::new();
                    headers.insert("x-amz-delete-marker", http::HeaderValue::from_static("true"));
                    error.set_headers(headers);
                }
                error
            });
        };
        let found = self.objects.get(key).and_then(|history| history.iter().find(|v| v.id == id));
        let version = found.ok_or_else(|| s3_error!(NoSuchVersion, "The specified version does not exist."))?;
        let object = version.object.as_ref().ok_or_else(|| s3_error!(MethodNotAllowed))?;
        Ok((version, object))
    }

    fn new_version_id(&mut self) -> String {
        self.sequence += 1;
        format!("v{:08x}{}", self.sequence, random_hex(8))
    }

    /// Every upload of this key has now been overtaken by another writer.
    fn disturb(&mut self, key: &str) {
        if self.uploads.is_empty() {
            return;
        }
        for (_, upload) in self.uploads.range_mut((key.to_owned(), 0)..=(key.to_owned(), u64::MAX)) {
            upload.disturbed = true;
        }
    }

    /// Makes it the current version; the id is given where the bucket is or was versioned.
    pub(crate) fn put(&mut self, key: &str, object: impl Into<Arc<Object>>) -> Option<String> {
        let id = self.push(key, Some(object.into()));
        (self.versioning != Versioning::Off).then(|| id.into_owned())
    }

    /// Adds to the history, in place of the null version unless versions are kept; returns the id.
    fn push(&mut self, key: &str, object: Option<Arc<Object>>) -> Cow<'static, str> {
        self.disturb(key);
        let enabled = self.versioning == Versioning::Enabled;
        let id = if enabled { self.new_version_id().into() } else { Cow::Borrowed(NULL_VERSION) };
        // Most keys have one version only, and a vector left to itself makes room for four.
        let history = self.objects.entry(key.to_owned()).or_insert_with(|| Vec::with_capacity(1));
        if !enabled {
            history.retain(|version| version.id != NULL_VERSION);
        }
        history.push(Version { id: id.clone(), modified: SystemTime::now(), object });
        id
    }

    /// Removes the named version for good, or the current one as the bucket's versioning has it.
    pub(crate) fn delete(&mut self, key: &str, version: Option<&str>) -> Deleted {
        if let Some(id) = version {
            self.disturb(key);
            let history = self.objects.entry(key.to_owned()).or_default();
            let marker = history.iter().any(|v| v.id == id && v.object.is_none());
            history.retain(|v| v.id != id);
            if history.is_empty() {
                self.objects.remove(key);
            }
            return Deleted { version: Some(id.to_owned()), marker };
        }
        match self.versioning {
            Versioning::Off => {
                self.disturb(key);
                self.objects.remove(key);
                Deleted::default()
            }
            Versioning::Enabled | Versioning::Suspended => {
                let id = self.push(key, None);
                Deleted { version: Some(id.into_owned()), marker: true }
            }
        }
    }

    /// Opens an upload and returns its id.
    pub(crate) fn create_upload(
        &mut self,
        key: &str,
        attributes: Attributes,
        checksum: Option<(Algorithm, Kind)>,
    ) -> String {
        self.sequence += 1;
        let id = format!("{:08x}-{}", self.sequence, random_hex(16));
        let upload = Upload {
            id: id.clone(),
            initiated: SystemTime::now(),
            attributes,
            checksum,
            parts: BTreeMap::new(),
            disturbed: false,
        };
        self.uploads.insert((key.to_owned(), self.sequence), upload);
        id
    }

    fn upload_slot(&self, key: &str, id: &str) -> S3Result<(String, u64)> {
        // The id begins with its sequence number, so no second index is needed.
        let sequence = id.split('-').next().and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let slot = (key.to_owned(), sequence.unwrap_or(0));
        match self.uploads.get(&slot) {
            Some(upload) if upload.id == id => Ok(slot),
            _ => Err(s3_error!(
                NoSuchUpload,
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been \
                 aborted or completed."
            )),
        }
    }

    pub(crate) fn upload(&self, key: &str, id: &str) -> S3Result<&Upload> {
        let slot = self.upload_slot(key, id)?;
        self.uploads.get(&slot).ok_or_else(|| s3_error!(NoSuchUpload))
    }

    pub(crate) fn upload_mut(&mut self, key: &str, id: &str) -> S3Result<&mut Upload> {
        let slot = self.upload_slot(key, id)?;
        self.uploads.get_mut(&slot).ok_or_else(|| s3_error!(NoSuchUpload))
    }

    pub(crate) fn remove_upload(&mut self, key: &str, id: &str) -> S3Result<Upload> {
        let slot = self.upload_slot(key, id)?;
        self.uploads.remove(&slot).ok_or_else(|| s3_error!(NoSuchUpload))
    }

    /// The write conditions of PutObject, CopyObject and CompleteMultipartUpload (docs/S3.md, "Conditions").
    ///
    /// `disturbed` says that the key was written since the upload was created.
    pub(crate) fn check_write(&self, key: &str, conditions: &WriteConditions, disturbed: bool) -> S3Result<()> {
        let current = self.current(key).map(|(_, object)| object.etag.as_str());
        let conflict = || {
            s3_error!(
                ConditionalRequestConflict,
                "The conditional request cannot succeed due to a conflicting operation against this resource."
            )
        };
        match (&conditions.if_match, conditions.if_none_match) {
            (Some(_), _) if current.is_none() => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Some(_), _) | (_, true) if disturbed => Err(conflict()),
            (Some(want), _) if current != Some(want) => Err(precondition_failed("If-Match")),
            (_, true) if current.is_some() => Err(precondition_failed("If-None-Match")),
            _ => Ok(()),
        }
    }
}

/// The conditions of one write, with what S3 does not implement already refused.
#[derive(Debug, Default)]
pub(crate) struct WriteConditions {
    /// The ETag, without quotes.
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: bool,
}

impl WriteConditions {
    /// `If-Match: *`, `If-None-Match` with an ETag, and both headers at once are 501 (docs/S3.md, "Conditions").
    pub(crate) fn new(
        habit: Conditions,
        if_match: Option<&ETagCondition>,
        if_none_match: Option<&ETagCondition>,
    ) -> S3Result<Self> {
        let refused = |what: &'static str| {
            Err(S3Error::with_message(
                S3ErrorCode::NotImplemented,
                format!("A header you provided implies functionality that is not implemented: {what}"),
            ))
        };
        match (habit, if_match, if_none_match) {
            (Conditions::Ignored, _, _) | (_, None, None) => Ok(Self::default()),
            (Conditions::Refused, _, _) => refused("conditional write"),
            (_, Some(_), Some(_)) => refused("If-Match with If-None-Match"),
            (_, Some(ETagCondition::Any), None) => refused("If-Match: *"),
            (_, None, Some(ETagCondition::ETag(_))) => refused("If-None-Match with an ETag"),
            (_, None, Some(ETagCondition::Any)) => Ok(Self { if_match: None, if_none_match: true }),
            (_, Some(ETagCondition::ETag(etag)), None) => {
                Ok(Self { if_match: Some(etag.value().to_owned()), if_none_match: false })
            }
        }
    }
}

/// 412, naming the header as S3 does.
pub(crate) fn precondition_failed(header: &'static str) -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold: {header}")
}

/// All buckets.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<String, Bucket>,
}

impl State {
    pub(crate) fn bucket(&self, name: &str) -> S3Result<&Bucket> {
        self.buckets.get(name).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }

    pub(crate) fn bucket_mut(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets.get_mut(name).ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
    }
}

/// That many random bytes in hexadecimal; for ids and opaque ETags, not for secrets.
pub(crate) fn random_hex(bytes: usize) -> String {
    use std::hash::{BuildHasher, RandomState};
    let words = (0..bytes.div_ceil(8)).map(|i| RandomState::new().hash_one((i, SystemTime::now())));
    let mut hex: String = words.map(|word| format!("{word:016x}")).collect();
    hex.truncate(bytes * 2);
    hex
}
