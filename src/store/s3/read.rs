//! Reading an object or a range of it, piece by piece.
//!
//! The SDK sends a request again, but not one whose answer breaks off in its body: that is taken up again here, behind the
//! last byte that came, from the same version.

use std::ops::Range;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumMode, ChecksumType, StorageClass};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::encryption::with_customer_key;
use super::error::meaning;
use super::{S3Store, attributes, crc_from_header};
use crate::store::{ETag, ErrorKind, ObjectInfo, ObjectKey, Pieces, Reading, StoreError};

/// How often in a row a body is taken up again that brings nothing.
const MAX_READS: u32 = 4;

/// A body on its way, and what is needed to take it up again.
struct Body {
    store: S3Store,
    key: ObjectKey,
    version: ETag,
    stream: ByteStream,
    /// What has not come yet.
    left: Range<u64>,
    /// How often it broke off since the last byte.
    broken: u32,
}

impl S3Store {
    pub(super) async fn read_object(
        &self,
        key: &ObjectKey,
        version: Option<&ETag>,
        range: Option<Range<u64>>,
    ) -> Result<Option<Reading>, StoreError> {
        let answer = match self.get_range(key, version, range.as_ref()).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = meaning("GetObject", self.url_of(key), error);
                return if error.kind == ErrorKind::NotFound { Ok(None) } else { Err(error) };
            }
        };
        let (mut answer, stream) = split(answer);
        let (info, came) = self.described(key, &mut answer)?;
        self.check_version(key, version, &info.etag)?;
        let left = range.unwrap_or(0..info.len);
        self.check_range(key, &left, &came)?;
        let body = Body { store: self.clone(), key: key.clone(), version: info.etag.clone(), stream, left, broken: 0 };
        Ok(Some(Reading { info, pieces: body.pieces() }))
    }

    async fn get_range(
        &self,
        key: &ObjectKey,
        version: Option<&ETag>,
        range: Option<&Range<u64>>,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError, HttpResponse>> {
        let request = self.client.get_object().bucket(&self.bucket).key(key.as_str());
        with_customer_key!(request, &self.encryption)
            .set_if_match(version.map(ETag::quoted))
            .set_range(range.map(|range| format!("bytes={}-{}", range.start, range.end - 1)))
            // No sum of a whole comes with a range.
            .set_checksum_mode(range.is_none().then_some(ChecksumMode::Enabled))
            .send()
            .await
    }

    /// What an answer says of the object, and which of its bytes come.
    fn described(&self, key: &ObjectKey, answer: &mut GetObjectOutput) -> Result<(ObjectInfo, Range<u64>), StoreError> {
        let body_len = u64::try_from(answer.content_length().unwrap_or_default()).unwrap_or_default();
        let (came, len) = match answer.content_range() {
            None => (0..body_len, body_len),
            Some(text) => content_range(text)
                .filter(|(came, _)| came.end - came.start == body_len)
                .ok_or_else(|| self.lies(key, format!("it answers with {text:?} and {body_len} bytes")))?,
        };
        let full = answer.checksum_type() != Some(&ChecksumType::Composite) && answer.content_range().is_none();
        let info = ObjectInfo {
            len,
            etag: ETag::new(answer.e_tag().unwrap_or_default()),
            crc64nvme: crc_from_header(answer.checksum_crc64_nvme()).filter(|_| full),
            modified: answer.last_modified().map(DateTime::secs),
            tier: attributes::tier(answer.storage_class().map(StorageClass::as_str), answer.restore()),
            tag_count: answer.tag_count().and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            encryption_differs: false,
            attributes: attributes::of_get(answer),
        };
        Ok((info, came))
    }

    /// A store that does not check the condition answers with whatever stands there.
    fn check_version(&self, key: &ObjectKey, wanted: Option<&ETag>, came: &ETag) -> Result<(), StoreError> {
        if wanted.is_none_or(|wanted| wanted == came) {
            return Ok(());
        }
        let (operation, target) = ("GetObject", self.url_of(key));
        let message = "another version stands there".to_owned();
        Err(StoreError { kind: ErrorKind::PreconditionFailed, operation, target, message, source: None })
    }

    fn check_range(&self, key: &ObjectKey, wanted: &Range<u64>, came: &Range<u64>) -> Result<(), StoreError> {
        if wanted == came {
            return Ok(());
        }
        let (start, end) = (wanted.start, wanted.end);
        Err(self.lies(key, format!("asked for bytes {start} to {end}, it sends {} to {}", came.start, came.end)))
    }

    fn lies(&self, key: &ObjectKey, message: String) -> StoreError {
        StoreError::wrong_range(self.url_of(key), message)
    }
}

impl Body {
    fn pieces(self) -> Pieces {
        stream::unfold(Some(self), |body| async move {
            let mut body = body?;
            match body.next().await {
                Ok(None) => None,
                Ok(Some(piece)) => Some((Ok(piece), Some(body))),
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            if self.left.is_empty() {
                return Ok(None);
            }
            let why = match self.stream.next().await {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => {
                    let piece = self.in_turn(piece).await;
                    self.broken = 0;
                    // A body is as long as its answer says, and that has been checked.
                    self.left.start += piece.len() as u64;
                    return Ok(Some(piece));
                }
                Some(Err(error)) => error.to_string(),
                None => "it ended early".to_owned(),
            };
            self.broken += 1;
            if self.broken == MAX_READS {
                let (operation, target) = ("GetObject", self.store.url_of(&self.key));
                let message = format!("the answer broke off: {why}");
                return Err(StoreError { kind: ErrorKind::Network, operation, target, message, source: None });
            }
            tracing::debug!(key = %self.key, at = self.left.start, %why, "reading on");
            self.stream = self.again().await?;
        }
    }

    /// Waits until the bandwidth limit lets a piece in: what is not read is not sent.
    async fn in_turn(&self, piece: Bytes) -> Bytes {
        if let Some(bandwidth) = &self.store.bandwidth {
            tokio::time::sleep_until(bandwidth.take(piece.len(), Instant::now())).await;
        }
        piece
    }

    async fn again(&self) -> Result<ByteStream, StoreError> {
        let answer = self.store.get_range(&self.key, Some(&self.version), Some(&self.left)).await;
        let answer = answer.map_err(|error| meaning("GetObject", self.store.url_of(&self.key), error))?;
        let (mut answer, stream) = split(answer);
        let (info, came) = self.store.described(&self.key, &mut answer)?;
        self.store.check_version(&self.key, Some(&self.version), &info.etag)?;
        self.store.check_range(&self.key, &self.left, &came)?;
        Ok(stream)
    }
}

fn split(mut answer: GetObjectOutput) -> (GetObjectOutput, ByteStream) {
    let stream = std::mem::take(&mut answer.body);
    (answer, stream)
}

/// `bytes FIRST-LAST/LENGTH` (RFC 9110, section 14.4).
fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, len) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, len): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, len.parse().ok()?);
    // Computed only where it cannot overflow.
    (first <= last && last < len).then(|| (first..last + 1, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_or_refused() {
        assert_eq!(content_range("bytes 0-4/5"), Some((0..5, 5)));
        assert_eq!(content_range("bytes 7-7/18446744073709551615"), Some((7..8, u64::MAX)));
        for bad in
            ["bytes 0-5/5", "bytes 3-2/5", "bytes */5", "bytes 0-4/*", "0-4/5", "bytes 0-18446744073709551615/1", ""]
        {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
