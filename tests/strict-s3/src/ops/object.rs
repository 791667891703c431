//! PutObject, and how any whole object comes to be stored.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use s3s::dto::{PutObjectInput, PutObjectOutput};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::checks::{Claim, body_error, check_metadata, stored_checksum};
use super::fields::{
    attributes, checksum_type, encryption, etag, given_checksums, set_checksum, set_customer_key, set_encryption,
};
use crate::state::{Attributes, Object, WriteConditions};

/// Writes the object, or nothing at all: checks come after the body, the condition and the commit under one lock.
pub(super) async fn put(
    double: &Double,
    mut request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let body = request.input.body.take();
    let input = &request.input;
    let limits = double.limits();
    let conditions =
        WriteConditions::new(limits.put_conditions, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let attributes = attributes!(input);
    check_metadata(&attributes, &limits)?;
    if input.content_length.is_some_and(|len| u64::try_from(len).is_ok_and(|len| len > limits.max_put)) {
        return Err(s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed object size."));
    }
    let claim = Claim::new(given_checksums!(input), &request.headers, input.content_md5.as_deref())?;
    double.state().bucket(&input.bucket)?;

    let named = claim.algorithm;
    let hasher = double.hasher(named, &attributes.encryption, claim.has_md5());
    let received = match body {
        Some(body) => double.spool.receive(body, hasher).await,
        None => double.spool.store(Bytes::new(), hasher).map_err(Into::into),
    };
    let (content, digests) = received.map_err(|error| body_error(&error))?;
    claim.verify(&digests, request.trailing_headers)?;

    let checksum = stored_checksum(named, &digests);
    let mut output = PutObjectOutput::default();
    set_encryption!(output, attributes.encryption);
    set_customer_key!(output, attributes.encryption);
    output.checksum_type = Some(checksum_type(&checksum));
    set_checksum!(output, checksum.algorithm, checksum.value.clone());
    let etag_value = double.etag(&digests, &attributes.encryption);
    output.e_tag = Some(etag(&etag_value));
    let crc64 = digests.crc64;
    let object = Object { content, etag: etag_value, crc64, checksum, parts: Vec::new(), attributes };

    let mut state = double.state();
    let bucket = state.bucket_mut(&input.bucket)?;
    bucket.check_write(&input.key, &conditions, false)?;
    output.version_id = bucket.put(&input.key, object);
    Ok(S3Response::new(output))
}

/// Keys in one folder of [`Double::fill`]: a page of a listing each.
const FILL_FOLDER: usize = 1000;
/// The body of all of them: not empty, and cheap to have a million times in a local tree.
const FILL_BODY: &[u8] = b"x";

impl Double {
    /// Puts bytes without HTTP, as another client would have; returns the ETag.
    pub(crate) fn put_directly(&self, bucket: &str, key: &str, from: impl Read) -> S3Result<String> {
        let object = self.object(from)?;
        let etag = object.etag.clone();
        self.state().bucket_mut(bucket)?.put(key, object);
        Ok(etag)
    }

    /// Puts `count` objects of one byte that share all but their keys, `PREFIXd042/f042123.bin` and the like.
    pub(crate) fn fill(&self, bucket: &str, count: usize, prefix: &str) -> S3Result<()> {
        let object = Arc::new(self.object(FILL_BODY)?);
        let mut state = self.state();
        let bucket = state.bucket_mut(bucket)?;
        for number in 0..count {
            let key = format!("{prefix}d{:03}/f{number:06}.bin", number / FILL_FOLDER);
            bucket.put(&key, Arc::clone(&object));
        }
        Ok(())
    }

    fn object(&self, from: impl Read) -> S3Result<Object> {
        let attributes =
            Attributes { encryption: super::checks::encryption(None, None, None, None), ..Attributes::default() };
        let hasher = self.hasher(None, &attributes.encryption, false);
        let (content, digests) = self.spool.store_reader(from, hasher).map_err(S3Error::internal_error)?;
        let etag = self.etag(&digests, &attributes.encryption);
        let checksum = stored_checksum(None, &digests);
        let crc64 = digests.crc64;
        Ok(Object { content, etag, crc64, checksum, parts: Vec::new(), attributes })
    }
}
