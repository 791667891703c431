//! GetObject, HeadObject and GetObjectAttributes.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use s3s::dto::{
    self, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::checks::{ReadConditions, check_customer_key, check_readable, custom};
use super::fields::{checksum_type, etag, set_attributes, set_checksum, set_customer_key, set_encryption, signed};
use crate::state::{Object, Versioning};

/// A version as one request sees it; it stays readable when the key is overwritten meanwhile.
struct Found {
    object: Arc<Object>,
    modified: SystemTime,
    /// Only where the bucket is or was versioned.
    version: Option<String>,
}

fn find(double: &Double, bucket: &str, key: &str, version: Option<&str>) -> S3Result<Found> {
    let state = double.state();
    let bucket = state.bucket(bucket)?;
    let (entry, object) = bucket.find(key, version)?;
    let version = (bucket.versioning != Versioning::Off).then(|| entry.id.to_string());
    Ok(Found { object: Arc::clone(object), modified: entry.modified, version })
}

/// What of the object is asked for.
struct Wanted {
    range: Range<u64>,
    partial: bool,
    parts: Option<i32>,
}

fn wanted(object: &Object, range: Option<&dto::Range>, part: Option<i32>) -> S3Result<Wanted> {
    let len = object.content.len();
    match (range, part) {
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter"))
        }
        (None, None) => Ok(Wanted { range: 0..len, partial: false, parts: None }),
        (Some(range), None) => {
            let range = if len == 0 { None } else { range.check(len).ok() };
            range.map(|range| Wanted { range, partial: true, parts: None }).ok_or_else(|| out_of_range(len))
        }
        (None, Some(1)) if object.parts.is_empty() => Ok(Wanted { range: 0..len, partial: true, parts: None }),
        (None, Some(number)) => {
            let mut start = 0;
            for part in &object.parts {
                if part.number == number {
                    let parts = i32::try_from(object.parts.len()).ok();
                    return Ok(Wanted { range: start..start + part.len, partial: true, parts });
                }
                start += part.len;
            }
            Err(custom(416, "InvalidPartNumber", "The requested partnumber is not satisfiable"))
        }
    }
}

fn out_of_range(len: u64) -> S3Error {
    let mut error = s3_error!(InvalidRange, "The requested range is not satisfiable");
    let mut headers = http::HeaderMap::new();
    if let Ok(value) = http::HeaderValue::from_str(&format!("bytes */{len}")) {
        headers.insert(http::header::CONTENT_RANGE, value);
    }
    error.set_headers(headers);
    error
}

/// Fills what GET and HEAD have in common; both have the same field names.
macro_rules! describe {
    ($output:expr, $input:expr, $found:expr, $wanted:expr) => {{
        let (found, wanted) = (&$found, &$wanted);
        let object = &found.object;
        set_attributes!($output, object.attributes);
        $output.accept_ranges = Some("bytes".to_owned());
        $output.content_length = Some(signed(wanted.range.end - wanted.range.start));
        $output.e_tag = Some(etag(&object.etag));
        $output.last_modified = Some(dto::Timestamp::from(found.modified));
        $output.version_id = found.version.clone();
        $output.parts_count = wanted.parts;
        if wanted.partial && wanted.range.start < wanted.range.end {
            let (first, last) = (wanted.range.start, wanted.range.end - 1);
            $output.content_range = Some(format!("bytes {first}-{last}/{}", object.content.len()));
        }
        let enabled = $input.checksum_mode.as_ref().is_some_and(|mode| mode.as_str() == "ENABLED");
        // A range has no stored checksum; S3 sends none with it.
        if enabled && !wanted.partial {
            set_checksum!($output, object.checksum.algorithm, object.checksum.value.clone());
            $output.checksum_type = Some(checksum_type(&object.checksum));
        }
    }};
}

/// Looks up, and checks conditions, key and range.
macro_rules! open {
    ($double:expr, $input:expr) => {{
        let input = &$input;
        let found = find($double, &input.bucket, &input.key, input.version_id.as_deref())?;
        let conditions = ReadConditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        };
        conditions.check(&found.object.etag, found.modified, true)?;
        check_customer_key(&found.object.attributes.encryption, input.sse_customer_key_md5.as_deref())?;
        let wanted = wanted(&found.object, input.range.as_ref(), input.part_number)?;
        (found, wanted)
    }};
}

pub(super) async fn get(double: &Double, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
    let (found, wanted) = open!(double, request.input);
    check_readable(&found.object)?;
    let mut output = GetObjectOutput::default();
    describe!(output, request.input, found, wanted);
    let tags = found.object.attributes.tags.len();
    output.tag_count = i32::try_from(tags).ok().filter(|count| *count > 0);
    let body = found.object.content.slice(wanted.range).body().map_err(S3Error::internal_error)?;
    output.body = Some(body.into());
    Ok(answer(output, wanted.partial))
}

pub(super) async fn head(
    double: &Double,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let (found, wanted) = open!(double, request.input);
    let mut output = HeadObjectOutput::default();
    describe!(output, request.input, found, wanted);
    let mut answer = answer(output, wanted.partial);
    // `s3s` has no field for it in this answer.
    let tags = found.object.attributes.tags.len();
    if tags > 0 {
        answer.headers.insert("x-amz-tagging-count", tags.into());
    }
    Ok(answer)
}

fn answer<T>(output: T, partial: bool) -> S3Response<T> {
    if partial { S3Response::with_status(output, http::StatusCode::PARTIAL_CONTENT) } else { S3Response::new(output) }
}

pub(super) async fn attributes(
    double: &Double,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let input = &request.input;
    let found = find(double, &input.bucket, &input.key, input.version_id.as_deref())?;
    let object = &found.object;
    check_customer_key(&object.attributes.encryption, input.sse_customer_key_md5.as_deref())?;
    // `s3s` gives one entry a header line, and SDKs send all names in one line.
    let names = input.object_attributes.iter().flat_map(|line| line.as_str().split(','));
    let names: Vec<&str> = names.map(str::trim).collect();
    let asked = |name: &str| names.contains(&name);
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(dto::Timestamp::from(found.modified)),
        version_id: found.version.clone(),
        ..Default::default()
    };
    if asked(dto::ObjectAttributes::ETAG) {
        output.e_tag = Some(etag(&object.etag));
    }
    if asked(dto::ObjectAttributes::OBJECT_SIZE) {
        output.object_size = Some(signed(object.content.len()));
    }
    if asked(dto::ObjectAttributes::STORAGE_CLASS) {
        let class = object.attributes.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned());
        output.storage_class = Some(dto::StorageClass::from(class));
    }
    if asked(dto::ObjectAttributes::CHECKSUM) {
        let mut checksum = dto::Checksum::default();
        set_checksum!(checksum, object.checksum.algorithm, object.checksum.value.clone());
        checksum.checksum_type = Some(checksum_type(&object.checksum));
        output.checksum = Some(checksum);
    }
    if asked(dto::ObjectAttributes::OBJECT_PARTS) && !object.parts.is_empty() {
        output.object_parts = Some(parts_page(object, input.part_number_marker, input.max_parts));
    }
    Ok(S3Response::new(output))
}

fn parts_page(object: &Object, marker: Option<i32>, max: Option<i32>) -> dto::GetObjectAttributesParts {
    let max = max.unwrap_or(1000).clamp(0, 1000);
    let marker = marker.unwrap_or(0);
    let mut rest = object.parts.iter().filter(|part| part.number > marker);
    let page: Vec<_> = rest.by_ref().take(usize::try_from(max).unwrap_or(0)).collect();
    let mut out = dto::GetObjectAttributesParts {
        is_truncated: Some(rest.next().is_some()),
        max_parts: Some(max),
        next_part_number_marker: page.last().map(|part| part.number),
        part_number_marker: Some(marker),
        total_parts_count: i32::try_from(object.parts.len()).ok(),
        ..Default::default()
    };
    // AWS lists single parts only where each has a checksum of its own (API reference, "GetObjectAttributes").
    if object.parts.iter().all(|part| part.checksum.is_some()) {
        let list = page.into_iter().map(|part| {
            let mut listed =
                dto::ObjectPart { part_number: Some(part.number), size: Some(signed(part.len)), ..Default::default() };
            if let Some(value) = &part.checksum {
                set_checksum!(listed, object.checksum.algorithm, value.clone());
            }
            listed
        });
        out.parts = Some(list.collect());
    }
    out
}
