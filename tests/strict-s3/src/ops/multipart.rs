//! Multipart uploads up to the moment of completion: create, upload a part, list parts, abort.

use std::time::SystemTime;

use bytes::Bytes;
use s3s::dto::{
    self, AbortMultipartUploadInput, AbortMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ListPartsInput, ListPartsOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::checks::{Claim, body_error, check_customer_key, check_metadata};
use super::fields::{
    attributes, encryption, etag, given_checksums, owner, set_checksum, set_customer_key, set_encryption, signed,
};
use crate::digest::{Algorithm, Kind, encode};
use crate::limits::Limits;
use crate::state::Part;

/// Most parts of a ListParts page (API reference, "ListParts").
const MAX_PAGE: i32 = 1000;

/// Part numbers run from 1 to 10,000 (docs/S3.md, "Multipart limits").
pub(super) fn check_part_number(number: i32, limits: &Limits) -> S3Result<()> {
    if (1..=limits.max_parts).contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and {}, inclusive", limits.max_parts))
}

/// Which checksum an upload will have; SHA needs COMPOSITE, CRC64NVME needs FULL_OBJECT, the other CRCs may choose
/// (user guide, "Checking object integrity").
fn upload_checksum(input: &CreateMultipartUploadInput) -> S3Result<Option<(Algorithm, Kind)>> {
    let kind = match input.checksum_type.as_ref().map(|kind| kind.as_str().to_ascii_uppercase()).as_deref() {
        None => None,
        Some("FULL_OBJECT") => Some(Kind::FullObject),
        Some("COMPOSITE") => Some(Kind::Composite),
        Some(_) => return Err(s3_error!(InvalidRequest, "Value for x-amz-checksum-type header is invalid.")),
    };
    let Some(name) = input.checksum_algorithm.as_ref() else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(s3_error!(
                InvalidRequest,
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )),
        };
    };
    let algorithm = Algorithm::parse(name.as_str()).ok_or_else(|| {
        s3_error!(
            InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid \
                                   types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    })?;
    let default = if algorithm == Algorithm::Crc64Nvme { Kind::FullObject } else { Kind::Composite };
    let kind = kind.unwrap_or(default);
    let impossible = match kind {
        Kind::FullObject => !algorithm.combines(),
        Kind::Composite => algorithm == Algorithm::Crc64Nvme,
    };
    if impossible {
        return Err(s3_error!(
            InvalidRequest,
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_ascii_lowercase()
        ));
    }
    Ok(Some((algorithm, kind)))
}

pub(super) async fn create(
    double: &Double,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let input = &request.input;
    let attributes = attributes!(input);
    check_metadata(&attributes, &double.limits())?;
    let checksum = upload_checksum(input)?;
    let mut output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        checksum_algorithm: checksum.map(|(algorithm, _)| dto::ChecksumAlgorithm::from_static(algorithm.name())),
        checksum_type: checksum.map(|(_, kind)| dto::ChecksumType::from_static(kind.name())),
        ..Default::default()
    };
    set_encryption!(output, attributes.encryption);
    set_customer_key!(output, attributes.encryption);
    let mut state = double.state();
    output.upload_id = Some(state.bucket_mut(&input.bucket)?.create_upload(&input.key, attributes, checksum));
    Ok(S3Response::new(output))
}

/// A part's algorithm must be the upload's: composite values need it on every part, full-object ones do not
/// (recorded in aws-sdk-java issue 3173 and versitygw issue 1342).
fn check_part_checksum(upload: Option<(Algorithm, Kind)>, given: Option<Algorithm>) -> S3Result<()> {
    let matches = match (upload, given) {
        (None, None) | (Some((_, Kind::FullObject)), None) => true,
        (Some((want, _)), Some(got)) => want == got,
        (Some((_, Kind::Composite)), None) | (None, Some(_)) => false,
    };
    if matches {
        return Ok(());
    }
    let name = |algorithm: Option<Algorithm>| algorithm.map_or("null".to_owned(), |a| a.name().to_ascii_lowercase());
    Err(s3_error!(
        InvalidRequest,
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        name(upload.map(|(algorithm, _)| algorithm)),
        name(given)
    ))
}

pub(super) async fn upload(
    double: &Double,
    mut request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let body = request.input.body.take();
    let input = &request.input;
    let limits = double.limits();
    check_part_number(input.part_number, &limits)?;
    if input.content_length.is_some_and(|len| u64::try_from(len).is_ok_and(|len| len > limits.max_part)) {
        return Err(s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed object size."));
    }
    let claim = Claim::new(given_checksums!(input), &request.headers, input.content_md5.as_deref())?;
    let (checksum, encryption) = {
        let state = double.state();
        let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
        (upload.checksum, upload.attributes.encryption.clone())
    };
    check_part_checksum(checksum, claim.algorithm)?;
    check_customer_key(&encryption, input.sse_customer_key_md5.as_deref())?;

    let algorithm = checksum.map(|(algorithm, _)| algorithm);
    let hasher = double.hasher(algorithm, &encryption, claim.has_md5());
    let received = match body {
        Some(body) => double.spool.receive(body, hasher).await,
        None => double.spool.store(Bytes::new(), hasher).map_err(Into::into),
    };
    let (content, digests) = received.map_err(|error| body_error(&error))?;
    claim.verify(&digests, request.trailing_headers)?;

    let etag_value = double.etag(&digests, &encryption);
    let part = Part { content, etag: etag_value, digests, modified: SystemTime::now(), copied: false };
    let mut output = UploadPartOutput { e_tag: Some(etag(&part.etag)), ..Default::default() };
    if let Some(algorithm) = algorithm
        && let Some(raw) = part.digests.value(algorithm)
    {
        set_checksum!(output, algorithm, encode(raw));
    }
    set_encryption!(output, encryption);
    set_customer_key!(output, encryption);
    // Looked up again: it may have been aborted or completed while the body came in.
    let mut state = double.state();
    let upload = state.bucket_mut(&input.bucket)?.upload_mut(&input.key, &input.upload_id)?;
    upload.parts.insert(input.part_number, part);
    Ok(S3Response::new(output))
}

pub(super) async fn list_parts(
    double: &Double,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = request.input;
    let limits = double.limits();
    let marker = input.part_number_marker.unwrap_or(0);
    let max = input.max_parts.unwrap_or(MAX_PAGE).clamp(0, MAX_PAGE);
    let state = double.state();
    let upload = state.bucket(&input.bucket)?.upload(&input.key, &input.upload_id)?;
    let algorithm = upload.checksum.map(|(algorithm, _)| algorithm);
    let mut rest = upload.parts.range(marker.saturating_add(1)..);
    let page: Vec<_> = rest.by_ref().take(usize::try_from(max).unwrap_or(0)).collect();
    let truncated = rest.next().is_some();
    let next = page.last().map(|(number, _)| **number);
    let parts = page.into_iter().map(|(number, part)| {
        let mut listed = dto::Part {
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(dto::Timestamp::from(part.modified)),
            part_number: Some(*number),
            size: Some(signed(part.content.len())),
            ..Default::default()
        };
        if let Some(algorithm) = algorithm.filter(|_| limits.copied_part_checksums || !part.copied)
            && let Some(raw) = part.digests.value(algorithm)
        {
            set_checksum!(listed, algorithm, encode(raw));
        }
        listed
    });
    let class = upload.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned());
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket.clone()),
        checksum_algorithm: upload.checksum.map(|(a, _)| dto::ChecksumAlgorithm::from_static(a.name())),
        checksum_type: upload.checksum.map(|(_, kind)| dto::ChecksumType::from_static(kind.name())),
        initiator: Some(dto::Initiator { display_name: owner().display_name, id: owner().id }),
        is_truncated: Some(truncated),
        key: Some(input.key.clone()),
        max_parts: Some(max),
        next_part_number_marker: next,
        owner: Some(owner()),
        part_number_marker: Some(marker),
        parts: Some(parts.collect()),
        storage_class: Some(dto::StorageClass::from(class)),
        upload_id: Some(input.upload_id.clone()),
        ..Default::default()
    }))
}

pub(super) async fn abort(
    double: &Double,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = &request.input;
    double.state().bucket_mut(&input.bucket)?.remove_upload(&input.key, &input.upload_id)?;
    Ok(S3Response::with_status(AbortMultipartUploadOutput::default(), http::StatusCode::NO_CONTENT))
}
