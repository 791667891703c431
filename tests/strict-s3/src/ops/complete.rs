//! CompleteMultipartUpload: the parts named become the object, if every check holds.
//!
//! Order of checks: the upload, the list's form and order, each part, sizes, the checksum, then the condition and the
//! commit. Everything happens under the one lock, and a check that fails leaves the upload as it was.

use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::checks::bad_digest;
use super::fields::{checksum_type, etag, given_checksums, set_checksum, set_encryption, signed};
use crate::content::Content;
use crate::digest::{Algorithm, Checksum, Kind, encode, hex, md5};
use crate::limits::{Conditions, Limits};
use crate::state::{Finished, Object, Part, PartOf, Upload, WriteConditions, random_hex};

pub(super) async fn complete(
    double: &Double,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let input = &request.input;
    let limits = double.limits();
    let habit = limits.complete_conditions;
    let conditions = WriteConditions::new(habit, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let list = input.multipart_upload.as_ref().and_then(|upload| upload.parts.as_deref()).unwrap_or_default();
    let wanted = named_parts(list)?;

    let mut state = double.state();
    let bucket = state.bucket_mut(&input.bucket)?;
    let upload = match bucket.upload(&input.key, &input.upload_id) {
        Ok(upload) => upload,
        Err(error) => {
            // A Complete that is repeated because its answer was lost succeeds again (docs/S3.md, "Resume").
            let finished = bucket.finished.get(&input.upload_id);
            let finished = finished.filter(|done| done.key == input.key && done.parts == wanted);
            return finished.map(|done| answer(input, done)).ok_or(error);
        }
    };
    let parts = find_parts(upload, list, &wanted)?;
    check_sizes(&parts, &limits)?;
    check_numbers(upload, list, &parts)?;
    let len: u64 = parts.iter().map(|(_, part)| part.content.len()).sum();
    if let Some(claimed) = input.mpu_object_size
        && claimed != signed(len)
    {
        return Err(s3_error!(
            InvalidRequest,
            "The provided 'x-amz-mp-object-size' header value {claimed} does not match what was computed: {len}"
        ));
    }
    if len > limits.max_object {
        return Err(s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed object size"));
    }
    let (checksum, crc64) = stitch_checksums(upload, &parts)?;
    if limits.verifies_complete {
        check_claim(input, upload, &checksum)?;
    }
    if habit == Conditions::Honoured {
        bucket.check_write(&input.key, &conditions, upload.disturbed)?;
    }

    let opaque = double.opaque(&upload.attributes.encryption) || limits.opaque_multipart_etags;
    let mut content = Content::default();
    let mut md5s = Vec::with_capacity(parts.len() * 16);
    for (_, part) in &parts {
        content.append(&part.content);
        md5s.extend_from_slice(&part.digests.md5.unwrap_or_default());
    }
    let digest = if opaque { random_hex(16) } else { hex(&md5(&md5s)) };
    let each = upload.checksum.is_some();
    let object = Object {
        content,
        etag: format!("{digest}-{}", parts.len()),
        crc64,
        parts: parts
            .iter()
            .map(|(number, part)| PartOf {
                number: *number,
                len: part.content.len(),
                checksum: part.digests.value(checksum.algorithm).filter(|_| each).map(encode),
            })
            .collect(),
        checksum,
        attributes: upload.attributes.clone(),
    };
    let mut finished = Finished {
        key: input.key.clone(),
        parts: wanted,
        etag: object.etag.clone(),
        checksum: object.checksum.clone(),
        encryption: object.attributes.encryption.clone(),
        version: None,
    };
    bucket.remove_upload(&input.key, &input.upload_id)?;
    finished.version = bucket.put(&input.key, object);
    let output = answer(input, &finished);
    bucket.finished.insert(input.upload_id.clone(), finished);
    Ok(output)
}

/// The list as numbers and ETags: never empty, in strictly rising order.
fn named_parts(list: &[CompletedPart]) -> S3Result<Vec<(i32, String)>> {
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    let named = list.iter().map(|part| Some((part.part_number?, part.e_tag.as_ref()?.value().to_owned())));
    let named: Vec<_> = named.collect::<Option<_>>().filter(|list: &Vec<_>| !list.is_empty()).ok_or_else(malformed)?;
    if named.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err(s3_error!(
            InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        ));
    }
    Ok(named)
}

/// Every part must have been uploaded, with this ETag and, where the list gives one, this checksum.
fn find_parts<'a>(
    upload: &'a Upload,
    list: &[CompletedPart],
    wanted: &[(i32, String)],
) -> S3Result<Vec<(i32, &'a Part)>> {
    let mut found = Vec::with_capacity(wanted.len());
    for ((number, etag), given) in wanted.iter().zip(list) {
        let part = upload.parts.get(number).filter(|part| part.etag == *etag);
        let part = part.filter(|part| {
            let mut values = given_checksums!(given).into_iter();
            values.all(|(algorithm, value)| part.digests.value(algorithm).map(encode) == Some(value))
        });
        let part = part.ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
                 specified entity tag may not match the part's entity tag."
            )
        })?;
        found.push((*number, part));
    }
    Ok(found)
}

fn check_sizes(parts: &[(i32, &Part)], limits: &Limits) -> S3Result<()> {
    let (_, all_but_last) = parts.split_last().ok_or_else(|| s3_error!(MalformedXML))?;
    if all_but_last.iter().any(|(_, part)| part.content.len() < limits.min_part) {
        return Err(s3_error!(EntityTooSmall, "Your proposed upload is smaller than the minimum allowed size"));
    }
    let first = parts[0].1.content.len();
    let last = parts[parts.len() - 1].1.content.len();
    if limits.equal_parts && (all_but_last.iter().any(|(_, part)| part.content.len() != first) || last > first) {
        return Err(s3_error!(InvalidPart, "All non-trailing parts must have the same length."));
    }
    Ok(())
}

/// With an additional checksum the numbers are 1, 2, 3 .. (API reference, "CompletedPart"), and a composite one needs
/// the value of every part in the list.
fn check_numbers(upload: &Upload, list: &[CompletedPart], parts: &[(i32, &Part)]) -> S3Result<()> {
    let Some((algorithm, kind)) = upload.checksum else { return Ok(()) };
    if parts.iter().zip(1..).any(|((number, _), expected)| *number != expected) {
        return Err(s3_error!(
            InvalidPartOrder,
            "Part numbers must be consecutive and start at 1 when an additional checksum is used"
        ));
    }
    let missing = |given: &CompletedPart| given_checksums!(given).is_empty();
    if kind == Kind::Composite
        && let Some(number) = list.iter().zip(1..).find(|(given, _)| missing(given)).map(|(_, number)| number)
    {
        let name = algorithm.name().to_ascii_lowercase();
        return Err(s3_error!(
            InvalidRequest,
            "The upload was created using a {name} checksum. The complete request must include the checksum for each \
             part. It was missing for part {number} in the request."
        ));
    }
    Ok(())
}

/// The object's checksum and its CRC64NVME, from those of the parts: no byte is read.
fn stitch_checksums(upload: &Upload, parts: &[(i32, &Part)]) -> S3Result<(Checksum, Vec<u8>)> {
    let joined = |algorithm: Algorithm| {
        let mut values = parts.iter().map(|(_, part)| Some((part.digests.value(algorithm)?, part.content.len())));
        let (first, _) = values.next()??;
        values.try_fold(first.to_vec(), |sum, next| {
            let (value, len) = next?;
            algorithm.combine(&sum, value, len)
        })
    };
    let lost = || s3_error!(InternalError, "a part's checksum is missing");
    let crc64 = joined(Algorithm::Crc64Nvme).ok_or_else(lost)?;
    let checksum = match upload.checksum {
        None => Checksum::full(Algorithm::Crc64Nvme, &crc64),
        Some((algorithm, Kind::FullObject)) => Checksum::full(algorithm, &joined(algorithm).ok_or_else(lost)?),
        Some((algorithm, kind @ Kind::Composite)) => {
            let values = parts.iter().map(|(_, part)| part.digests.value(algorithm));
            let values: Vec<&[u8]> = values.collect::<Option<_>>().ok_or_else(lost)?;
            let value = format!("{}-{}", encode(&algorithm.of(&values.concat())), parts.len());
            Checksum { algorithm, kind, value }
        }
    };
    Ok((checksum, crc64))
}

/// What the client says the whole object's checksum is. A full-object value without `x-amz-checksum-type` is
/// `BadDigest` even when right (recorded, docs/S3.md, "Checksums").
fn check_claim(input: &CompleteMultipartUploadInput, upload: &Upload, checksum: &Checksum) -> S3Result<()> {
    if let Some(claimed) = &input.checksum_type
        && claimed.as_str() != checksum.kind.name()
    {
        return Err(s3_error!(
            InvalidRequest,
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            checksum.kind.name()
        ));
    }
    let given = given_checksums!(input);
    let Some((algorithm, value)) = given.first() else { return Ok(()) };
    if given.len() > 1 || *algorithm != checksum.algorithm {
        let want = upload.checksum.map_or("null".to_owned(), |(a, _)| a.name().to_ascii_lowercase());
        return Err(s3_error!(
            InvalidRequest,
            "Checksum Type mismatch occurred, expected checksum Type: {want}, actual checksum Type: {}",
            algorithm.name().to_ascii_lowercase()
        ));
    }
    let untyped = checksum.kind == Kind::FullObject && input.checksum_type.is_none();
    // A composite value may come with or without its "-N".
    let same = *value == checksum.value || checksum.value.rsplit_once('-').is_some_and(|(bare, _)| bare == value);
    if untyped || !same { Err(bad_digest(*algorithm)) } else { Ok(()) }
}

fn answer(input: &CompleteMultipartUploadInput, done: &Finished) -> S3Response<CompleteMultipartUploadOutput> {
    let checksum = &done.checksum;
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        e_tag: Some(etag(&done.etag)),
        version_id: done.version.clone(),
        checksum_type: Some(checksum_type(checksum)),
        ..Default::default()
    };
    set_checksum!(output, checksum.algorithm, checksum.value.clone());
    set_encryption!(output, done.encryption);
    S3Response::new(output)
}
