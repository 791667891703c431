//! Objects in one request: head, get, put, list, tags.

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, EncodingType};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::attributes::{self, with_attributes};
use super::encryption::{encrypted, with_customer_key};
use super::error::{lacks, meaning};
use super::{Encryption, S3Store, body, crc_from_header, crc_to_header, receipt, url_decoded};
use crate::store::{
    Attributes, Condition, CopySource, Doomed, ETag, ErrorKind, ListEntry, ListFrom, ListPage, MultipartStore,
    ObjectInfo, ObjectKey, PartReceipt, Payload, Reading, Store, StoreError,
};

/// How often an object is read whose bytes break off.
const MAX_READS: u32 = 4;

#[async_trait]
impl Store for S3Store {
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, StoreError> {
        let error = match self.head_once(key).await {
            Err(error) if needs_explaining(error.kind) => error,
            result => return result,
        };
        // A HEAD has no body that could say why it was refused. A GET of the same key has one.
        match self.get_once(key, 0).await {
            // By its answer the SDK has learned what time it is at the store, and signs with that from now on.
            Ok(Some(_)) | Err(StoreError { kind: ErrorKind::TooLarge, .. }) => self.head_once(key).await,
            Ok(None) => Ok(None),
            Err(why) if why.kind.is_silence() => Err(error),
            Err(mut why) => {
                if why.kind == ErrorKind::AccessDenied && matches!(self.encryption, Encryption::Customer(_)) {
                    // What AWS answers to a wrong key, as to a missing permission.
                    why.message.push_str(" (or the object is encrypted with another customer key)");
                }
                Err(why)
            }
        }
    }

    async fn get(&self, key: &ObjectKey, max_len: u64) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
        // The SDK sends a request again, but not one whose answer broke off in its body.
        for _ in 1..MAX_READS {
            match self.get_once(key, max_len).await {
                Err(error) if error.kind == ErrorKind::Network => tracing::debug!(%error, "reading again"),
                result => return result,
            }
        }
        self.get_once(key, max_len).await
    }

    async fn read(
        &self,
        key: &ObjectKey,
        version: Option<&ETag>,
        range: Option<Range<u64>>,
    ) -> Result<Option<Reading>, StoreError> {
        self.read_object(key, version, range).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        payload: Payload,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError> {
        self.check_attributes("PutObject", key, attributes)?;
        let (if_match, if_none_match) = condition_headers(condition);
        let time = self.sending(payload.len());
        let request = self.client.put_object().bucket(&self.bucket).key(key.as_str());
        let answer = encrypted!(with_attributes!(request, attributes), &self.encryption)
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .content_length(payload.len() as i64)
            .checksum_crc64_nvme(crc_to_header(payload.checksums.crc64nvme))
            .set_content_md5(payload.checksums.md5.map(|md5| BASE64_STANDARD.encode(md5)))
            .body(body::stream(payload, self.bandwidth.as_ref()))
            .customize()
            .config_override(time)
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| meaning("PutObject", self.url_of(key), error))?;
        Ok(receipt(answer.e_tag(), answer.checksum_crc64_nvme()))
    }

    async fn list(&self, prefix: &str, from: &ListFrom) -> Result<ListPage, StoreError> {
        let (after, token) = match from {
            ListFrom::Start => (None, None),
            ListFrom::After(key) => (Some(key.clone()), None),
            ListFrom::Page(token) => (None, Some(token.clone())),
        };
        let answer = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            // Keys may hold characters that XML cannot.
            .encoding_type(EncodingType::Url)
            .set_start_after(after)
            .set_continuation_token(token)
            .send()
            .await
            .map_err(|error| meaning("ListObjectsV2", format!("s3://{}/{prefix}", self.bucket), error))?;
        let decoded = |key: &str| match answer.encoding_type() {
            Some(EncodingType::Url) => url_decoded(key),
            // A store that does not know the parameter.
            _ => key.to_owned(),
        };
        let entries = answer.contents().iter().filter_map(|object| {
            Some(ListEntry {
                key: decoded(object.key()?),
                len: u64::try_from(object.size()?).ok()?,
                etag: ETag::new(object.e_tag()?),
                modified: object.last_modified().map(aws_sdk_s3::primitives::DateTime::secs),
            })
        });
        let next = answer.next_continuation_token().filter(|_| answer.is_truncated() == Some(true)).map(str::to_owned);
        if answer.is_truncated() == Some(true) && next.is_none() {
            // Taken for the end, it would make all that follows look as if it were not there.
            return Err(lacks("NextContinuationToken", "ListObjectsV2", format!("s3://{}/{prefix}", self.bucket)));
        }
        Ok(ListPage { entries: entries.collect(), next })
    }

    async fn copy(
        &self,
        source: &CopySource,
        to: &ObjectKey,
        attributes: Option<&Attributes>,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError> {
        self.copy_whole(source, to, attributes, condition).await
    }

    async fn delete(&self, doomed: &[Doomed]) -> Result<Vec<(ObjectKey, StoreError)>, StoreError> {
        self.delete_all(doomed).await
    }

    async fn tags(&self, key: &ObjectKey) -> Result<BTreeMap<String, String>, StoreError> {
        match self.client.get_object_tagging().bucket(&self.bucket).key(key.as_str()).send().await {
            Ok(answer) => Ok(answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()),
            Err(error) => {
                let none = absent_or(meaning("GetObjectTagging", self.url_of(key), error))?;
                Ok(none.unwrap_or_default())
            }
        }
    }

    fn multipart(&self) -> Option<&dyn MultipartStore> {
        Some(self)
    }

    fn is_proven(&self) -> bool {
        self.wire.is_aws()
    }

    fn url(&self, key: &ObjectKey) -> String {
        self.url_of(key)
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        self.wire.requests()
    }

    fn throttles(&self) -> u64 {
        self.wire.throttles()
    }
}

impl S3Store {
    /// An error of ours, before anything is sent, where attributes cannot be.
    pub(super) fn check_attributes(
        &self,
        operation: &'static str,
        key: &ObjectKey,
        attributes: &Attributes,
    ) -> Result<(), StoreError> {
        attributes::check(attributes).map_err(|message| StoreError {
            kind: ErrorKind::BadAttributes,
            operation,
            target: self.url_of(key),
            message,
            source: None,
        })
    }

    async fn head_once(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, StoreError> {
        let request = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        let request = with_customer_key!(request, &self.encryption);
        let head = match request.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(head) => head,
            Err(error) => return absent_or(meaning("HeadObject", self.url_of(key), error)),
        };
        let full = head.checksum_type() != Some(&ChecksumType::Composite);
        Ok(Some(ObjectInfo {
            len: u64::try_from(head.content_length().unwrap_or_default()).unwrap_or_default(),
            etag: ETag::new(head.e_tag().unwrap_or_default()),
            crc64nvme: crc_from_header(head.checksum_crc64_nvme()).filter(|_| full),
            modified: head.last_modified().map(aws_sdk_s3::primitives::DateTime::secs),
            tier: attributes::tier(head.storage_class().map(aws_sdk_s3::types::StorageClass::as_str), head.restore()),
            tag_count: head.tag_count().and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            encryption_differs: self.encryption.differs(&head),
            attributes: attributes::of(head),
        }))
    }

    async fn get_once(&self, key: &ObjectKey, max_len: u64) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
        let request = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        let answer = match with_customer_key!(request, &self.encryption).send().await {
            Ok(answer) => answer,
            Err(error) => return absent_or(meaning("GetObject", self.url_of(key), error)),
        };
        let failed = |kind, message| StoreError {
            kind,
            operation: "GetObject",
            target: self.url_of(key),
            message,
            source: None,
        };
        let len = u64::try_from(answer.content_length().unwrap_or_default()).unwrap_or_default();
        let etag = ETag::new(answer.e_tag().unwrap_or_default());
        let too_large =
            || failed(ErrorKind::TooLarge, format!("it is longer than {max_len} bytes (the store says {len})"));
        if len > max_len {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(len as usize);
        let mut body = answer.body;
        // Counted as it comes: a server that lies about the length must not fill the memory.
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| failed(ErrorKind::Network, format!("the answer broke off: {error}")))?;
            if (bytes.len() + piece.len()) as u64 > max_len {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some((bytes, etag)))
    }
}

/// `If-Match` and `If-None-Match` for a condition.
pub(super) fn condition_headers(condition: &Condition) -> (Option<String>, Option<String>) {
    match condition {
        Condition::Always => (None, None),
        Condition::Absent => (None, Some("*".to_owned())),
        Condition::Unchanged(etag) => (Some(etag.quoted()), None),
    }
}

/// Whether a status without a code may have several meanings.
fn needs_explaining(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AccessDenied | ErrorKind::WrongRegion | ErrorKind::Other) || kind.is_conflict()
}

fn absent_or<T>(error: StoreError) -> Result<Option<T>, StoreError> {
    if error.kind == ErrorKind::NotFound { Ok(None) } else { Err(error) }
}
