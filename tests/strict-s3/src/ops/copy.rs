//! CopyObject and UploadPartCopy: the source's extents are shared, only its digests may have to be computed.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::{
    self, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETagCondition,
    UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::checks::{ReadConditions, check_customer_key, check_metadata, check_readable, stored_checksum};
use super::fields::{attributes, checksum_type, encryption, etag, set_checksum, set_customer_key, set_encryption};
use super::multipart::check_part_number;
use crate::digest::{Algorithm, Digests, Kind, encode};
use crate::limits::Conditions;
use crate::state::{Object, Part, Versioning, WriteConditions};

struct Source {
    bucket: String,
    key: String,
    object: Arc<Object>,
    /// Only where its bucket is or was versioned.
    version: Option<String>,
}

/// Finds the source and checks the conditions on it; any that fails is 412 (docs/S3.md, "Conditions").
fn source(
    double: &Double,
    habit: Conditions,
    named: &CopySource,
    conditions: &ReadConditions<'_>,
    customer_key_md5: Option<&str>,
) -> S3Result<Source> {
    let CopySource::Bucket { bucket, key, version_id } = named else {
        return Err(s3_error!(NotImplemented, "access points are not implemented as copy sources"));
    };
    let (object, modified, version): (_, SystemTime, _) = {
        let state = double.state();
        let bucket = state.bucket(bucket)?;
        let (entry, object) = bucket.find(key, version_id.as_deref())?;
        let version = (bucket.versioning != Versioning::Off).then(|| entry.id.to_string());
        (Arc::clone(object), entry.modified, version)
    };
    let any = conditions.if_match.is_some()
        || conditions.if_none_match.is_some()
        || conditions.if_modified_since.is_some()
        || conditions.if_unmodified_since.is_some();
    match habit {
        Conditions::Honoured => conditions.check(&object.etag, modified, false)?,
        Conditions::Refused if any => {
            return Err(s3_error!(NotImplemented, "Header 'x-amz-copy-source-if-*' is not implemented"));
        }
        Conditions::Refused | Conditions::Ignored => {}
    }
    check_customer_key(&object.attributes.encryption, customer_key_md5)?;
    check_readable(&object)?;
    Ok(Source { bucket: bucket.to_string(), key: key.to_string(), object, version })
}

macro_rules! source_conditions {
    ($input:expr) => {
        ReadConditions {
            if_match: $input.copy_source_if_match.as_ref(),
            if_none_match: $input.copy_source_if_none_match.as_ref(),
            if_modified_since: $input.copy_source_if_modified_since.as_ref(),
            if_unmodified_since: $input.copy_source_if_unmodified_since.as_ref(),
        }
    };
}

/// `bytes=first-last` and nothing else; beyond the end is 400, not 416 (docs/S3.md, "Multipart limits").
fn source_range(header: Option<&str>, len: u64) -> S3Result<Range<u64>> {
    let Some(header) = header else { return Ok(0..len) };
    let parsed = header.strip_prefix("bytes=").and_then(|range| {
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
        Some((number(first)?, number(last)?))
    });
    match parsed {
        Some((first, last)) if first <= last && last < len => Ok(first..last + 1),
        Some(_) => Err(s3_error!(InvalidArgument, "Range specified is not valid for source object of size: {len}")),
        None => Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy"
        )),
    }
}

fn too_large(limit: u64) -> s3s::S3Error {
    s3_error!(
        InvalidRequest,
        "The specified copy source is larger than the maximum allowable size for a copy source: {limit}"
    )
}

pub(super) async fn part(
    double: &Double,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = &request.input;
    let limits = double.limits();
    check_part_number(input.part_number, &limits)?;
    let (checksum, encryption) = {
        let state = double.state();
        let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
        (upload.checksum, upload.attributes.encryption.clone())
    };
    if checksum.is_some() && !limits.copy_into_checksummed {
        return Err(s3_error!(InvalidRequest, "copied parts are not possible in an upload with a checksum algorithm"));
    }
    check_customer_key(&encryption, input.sse_customer_key_md5.as_deref())?;
    let conditions = source_conditions!(input);
    let key_md5 = input.copy_source_sse_customer_key_md5.as_deref();
    let source = source(double, limits.part_copy_conditions, &input.copy_source, &conditions, key_md5)?;
    let range = source_range(input.copy_source_range.as_deref(), source.object.content.len())?;
    if range.end - range.start > limits.max_part {
        return Err(too_large(limits.max_part));
    }

    let content = source.object.content.slice(range);
    let algorithm = checksum.map(|(algorithm, _)| algorithm);
    let digests = double.digest(&content, algorithm, &encryption).await?;
    let etag_value = double.etag(&digests, &encryption);
    let part = Part { content, etag: etag_value, digests, modified: SystemTime::now(), copied: true };

    let mut result = CopyPartResult {
        e_tag: Some(etag(&part.etag)),
        last_modified: Some(dto::Timestamp::from(part.modified)),
        ..Default::default()
    };
    if let Some(algorithm) = algorithm.filter(|_| limits.copied_part_checksums)
        && let Some(raw) = part.digests.value(algorithm)
    {
        set_checksum!(result, algorithm, encode(raw));
    }
    let mut state = double.state();
    let upload = state.bucket_mut(&input.bucket)?.upload_mut(&input.key, &input.upload_id)?;
    upload.parts.insert(input.part_number, part);
    let mut output = UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: source.version,
        ..Default::default()
    };
    set_encryption!(output, encryption);
    set_customer_key!(output, encryption);
    Ok(S3Response::new(output))
}

pub(super) async fn object(
    double: &Double,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let input = &request.input;
    let limits = double.limits();
    let condition = |name: &str| {
        let header = request.headers.get(name)?.to_str().ok()?;
        header.parse::<ETagCondition>().ok()
    };
    let (if_match, if_none_match) = (condition("if-match"), condition("if-none-match"));
    let write = WriteConditions::new(limits.put_conditions, if_match.as_ref(), if_none_match.as_ref())?;
    let key_md5 = input.copy_source_sse_customer_key_md5.as_deref();
    let source = source(double, limits.copy_conditions, &input.copy_source, &source_conditions!(input), key_md5)?;
    if source.object.content.len() > limits.max_copy {
        return Err(too_large(limits.max_copy));
    }

    let replace = input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == "REPLACE");
    let replace_tags = input.tagging_directive.as_ref().is_some_and(|directive| directive.as_str() == "REPLACE");
    let asked = attributes!(input);
    let same_key = source.bucket == input.bucket && source.key == input.key && source.version.is_none();
    let nothing_else = input.storage_class.is_none()
        && input.website_redirect_location.is_none()
        && input.server_side_encryption.is_none()
        && input.sse_customer_key.is_none();
    if same_key && !replace && nothing_else {
        return Err(s3_error!(
            InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes."
        ));
    }
    // Storage class, redirect and encryption are never copied (API reference, "CopyObject").
    let mut attributes = if replace { asked.clone() } else { source.object.attributes.clone() };
    attributes.tags = if replace_tags { asked.tags } else { source.object.attributes.tags.clone() };
    attributes.storage_class = asked.storage_class;
    attributes.website_redirect = asked.website_redirect;
    attributes.encryption = asked.encryption;
    check_metadata(&attributes, &limits)?;

    let algorithm = input.checksum_algorithm.as_ref().and_then(|name| Algorithm::parse(name.as_str()));
    let algorithm = algorithm.unwrap_or(source.object.checksum.algorithm);
    let digests = match known_digests(double, &source.object, algorithm, &attributes.encryption) {
        Some(digests) => digests,
        None => double.digest(&source.object.content, Some(algorithm), &attributes.encryption).await?,
    };
    let checksum = stored_checksum(Some(algorithm), &digests);
    let etag_value = double.etag(&digests, &attributes.encryption);
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&etag_value)),
        last_modified: Some(dto::Timestamp::from(SystemTime::now())),
        checksum_type: Some(checksum_type(&checksum)),
        ..Default::default()
    };
    set_checksum!(result, algorithm, checksum.value.clone());
    let mut output = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: source.version,
        ..Default::default()
    };
    set_encryption!(output, attributes.encryption);
    set_customer_key!(output, attributes.encryption);
    let content = source.object.content.clone();
    let object = Object { content, etag: etag_value, crc64: digests.crc64, checksum, parts: Vec::new(), attributes };
    let mut state = double.state();
    let bucket = state.bucket_mut(&input.bucket)?;
    bucket.check_write(&input.key, &write, false)?;
    output.version_id = bucket.put(&input.key, object);
    Ok(S3Response::new(output))
}

/// What need not be computed again: a source in one piece has its MD5 as its ETag.
fn known_digests(
    double: &Double,
    source: &Object,
    algorithm: Algorithm,
    encryption: &crate::state::Encryption,
) -> Option<Digests> {
    let opaque = double.opaque(encryption);
    let plain = source.parts.is_empty() && !source.attributes.encryption.hides_md5();
    let md5 = if plain { crate::digest::decode_hex(&source.etag) } else { None };
    if md5.is_none() && !opaque {
        return None;
    }
    let named = match algorithm {
        Algorithm::Crc64Nvme => None,
        _ if algorithm == source.checksum.algorithm && source.checksum.kind == Kind::FullObject => {
            Some((algorithm, crate::digest::decode(&source.checksum.value, algorithm.width())?))
        }
        _ => return None,
    };
    Some(Digests { md5, crc64: source.crc64.clone(), named })
}
