//! DeleteObject and DeleteObjects, conditional ones included.

use s3s::dto::{
    self, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Double;
use crate::limits::Conditions;
use crate::state::{Bucket, precondition_failed};

/// Most keys of one DeleteObjects (API reference, "DeleteObjects").
const MAX_KEYS: usize = 1000;

/// A wrong ETag or a delete marker is 412, no such key 404 (user guide, "How to perform conditional deletes").
fn check(bucket: &Bucket, key: &str, if_match: Option<&ETagCondition>) -> S3Result<()> {
    let Some(condition) = if_match else { return Ok(()) };
    if !bucket.objects.contains_key(key) {
        return Err(s3_error!(NoSuchKey, "The specified key does not exist."));
    }
    match (bucket.current(key), condition) {
        (Some(_), ETagCondition::Any) => Ok(()),
        (Some((_, object)), ETagCondition::ETag(etag)) if etag.value() == object.etag => Ok(()),
        _ => Err(precondition_failed("If-Match")),
    }
}

pub(super) async fn one(
    double: &Double,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = &request.input;
    let limits = double.limits();
    if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        return Err(s3_error!(NotImplemented, "these conditions are for directory buckets"));
    }
    let mut state = double.state();
    let bucket = state.bucket_mut(&input.bucket)?;
    match limits.delete_conditions {
        Conditions::Honoured => check(bucket, &input.key, input.if_match.as_ref())?,
        Conditions::Refused if input.if_match.is_some() => return Err(s3_error!(NotImplemented)),
        Conditions::Refused | Conditions::Ignored => {}
    }
    let deleted = bucket.delete(&input.key, input.version_id.as_deref());
    let output = DeleteObjectOutput {
        delete_marker: deleted.marker.then_some(true),
        version_id: deleted.version,
        ..Default::default()
    };
    Ok(S3Response::with_status(output, http::StatusCode::NO_CONTENT))
}

pub(super) async fn many(
    double: &Double,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = &request.input;
    let limits = double.limits();
    let has_digest =
        request.headers.keys().any(|name| name == "content-md5" || name.as_str().starts_with("x-amz-checksum-"));
    if !has_digest && !request.headers.contains_key("x-amz-trailer") {
        return Err(s3_error!(InvalidRequest, "Missing required header for this request: Content-MD5"));
    }
    if input.delete.objects.is_empty() || input.delete.objects.len() > MAX_KEYS {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let mut state = double.state();
    let bucket = state.bucket_mut(&input.bucket)?;
    let (mut done, mut errors) = (Vec::new(), Vec::new());
    for object in &input.delete.objects {
        let condition = object.e_tag.clone().map(ETagCondition::ETag);
        let checked = match limits.delete_conditions {
            Conditions::Honoured => check(bucket, &object.key, condition.as_ref()),
            Conditions::Refused | Conditions::Ignored => Ok(()),
        };
        if let Err(error) = checked {
            errors.push(dto::Error {
                code: Some(error.code().as_str().to_owned()),
                key: Some(object.key.clone()),
                message: error.message().map(str::to_owned),
                version_id: object.version_id.clone(),
            });
            continue;
        }
        let deleted = bucket.delete(&object.key, object.version_id.as_deref());
        let made_marker = deleted.marker && object.version_id.is_none();
        done.push(DeletedObject {
            delete_marker: deleted.marker.then_some(true),
            delete_marker_version_id: deleted.version.filter(|_| made_marker || deleted.marker),
            key: Some(object.key.clone()),
            version_id: object.version_id.clone(),
        });
    }
    let quiet = input.delete.quiet.unwrap_or(false);
    let output = DeleteObjectsOutput {
        deleted: (!quiet).then_some(done),
        errors: (!errors.is_empty()).then_some(errors),
        ..Default::default()
    };
    Ok(S3Response::new(output))
}
