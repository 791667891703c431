//! Objects in one request: head, get, put, list.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, EncodingType};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::error::meaning;
use super::{S3Store, body, crc_from_header, crc_to_header, url_decoded};
use crate::store::{
    Attributes, Condition, ETag, ErrorKind, ListEntry, ListPage, MultipartStore, ObjectInfo, ObjectKey, PartReceipt,
    Payload, StorageTier, Store, StoreError,
};

/// How often an object is read whose bytes break off.
const MAX_READS: u32 = 4;

#[async_trait]
impl Store for S3Store {
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, StoreError> {
        let request = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        let head = match request.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(head) => head,
            Err(error) => {
                let error = meaning("HeadObject", self.url_of(key), error);
                return absent_or(self.explained(key, error).await);
            }
        };
        let full = head.checksum_type() != Some(&ChecksumType::Composite);
        Ok(Some(ObjectInfo {
            len: u64::try_from(head.content_length().unwrap_or_default()).unwrap_or_default(),
            etag: ETag::new(head.e_tag().unwrap_or_default()),
            crc64nvme: crc_from_header(head.checksum_crc64_nvme()).filter(|_| full),
            modified: head.last_modified().map(aws_sdk_s3::primitives::DateTime::secs),
            tier: tier(head.storage_class().map(aws_sdk_s3::types::StorageClass::as_str), head.restore()),
            metadata: head.metadata.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
        }))
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

    async fn put(
        &self,
        key: &ObjectKey,
        payload: Payload,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError> {
        let (if_match, if_none_match) = condition_headers(condition);
        let answer = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .set_content_type(attributes.content_type.clone())
            .set_metadata(Some(attributes.metadata.clone().into_iter().collect()))
            .set_if_match(if_match)
            .set_if_none_match(if_none_match)
            .content_length(payload.len() as i64)
            .checksum_crc64_nvme(crc_to_header(payload.checksums.crc64nvme))
            .set_content_md5(payload.checksums.md5.map(|md5| BASE64_STANDARD.encode(md5)))
            .body(body::stream(payload))
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| meaning("PutObject", self.url_of(key), error))?;
        Ok(PartReceipt {
            etag: ETag::new(answer.e_tag().unwrap_or_default()),
            crc64nvme: crc_from_header(answer.checksum_crc64_nvme()),
        })
    }

    async fn list(&self, prefix: &str, page: Option<&str>) -> Result<ListPage, StoreError> {
        let answer = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            // Keys may hold characters that XML cannot.
            .encoding_type(EncodingType::Url)
            .set_continuation_token(page.map(str::to_owned))
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
            })
        });
        Ok(ListPage {
            entries: entries.collect(),
            next: answer.next_continuation_token().filter(|_| answer.is_truncated() == Some(true)).map(str::to_owned),
        })
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
}

impl S3Store {
    /// A refused HEAD has no body that says why: a GET of the same key has one. Wrong credentials are told from missing
    /// permissions in this way.
    async fn explained(&self, key: &ObjectKey, error: StoreError) -> StoreError {
        if !matches!(error.kind, ErrorKind::AccessDenied | ErrorKind::Other) {
            return error;
        }
        match self.get_once(key, 0).await {
            Err(why) if why.kind.concerns_credentials() => why,
            _ => error,
        }
    }

    async fn get_once(&self, key: &ObjectKey, max_len: u64) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
        let answer = match self.client.get_object().bucket(&self.bucket).key(key.as_str()).send().await {
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

fn absent_or<T>(error: StoreError) -> Result<Option<T>, StoreError> {
    if error.kind == ErrorKind::NotFound { Ok(None) } else { Err(error) }
}

/// S3 user guide, "Understanding and managing Amazon S3 storage classes": which classes bill retrieval, and which cannot
/// be read at all without a restore.
fn tier(class: Option<&str>, restore: Option<&str>) -> StorageTier {
    match class {
        Some(name @ ("GLACIER" | "DEEP_ARCHIVE")) => {
            // `ongoing-request="false"` with an expiry date: a restored copy can be read.
            if restore.is_some_and(|state| state.contains("ongoing-request=\"false\"")) {
                StorageTier::Infrequent(name.to_owned())
            } else {
                StorageTier::Archived(name.to_owned())
            }
        }
        Some(name @ ("STANDARD_IA" | "ONEZONE_IA" | "GLACIER_IR")) => StorageTier::Infrequent(name.to_owned()),
        _ => StorageTier::Standard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cost_what_the_guide_says() {
        assert_eq!(tier(None, None), StorageTier::Standard);
        assert_eq!(tier(Some("INTELLIGENT_TIERING"), None), StorageTier::Standard);
        assert_eq!(tier(Some("STANDARD_IA"), None), StorageTier::Infrequent("STANDARD_IA".into()));
        assert_eq!(tier(Some("GLACIER"), None), StorageTier::Archived("GLACIER".into()));
        let restored = Some("ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2026 00:00:00 GMT\"");
        assert_eq!(tier(Some("GLACIER"), restored), StorageTier::Infrequent("GLACIER".into()));
    }
}
