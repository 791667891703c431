//! Object tags.

use std::sync::Arc;

use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::checks::check_tags;

pub(super) async fn get(
    double: &Double,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let input = &request.input;
    let state = double.state();
    let (_, object) = state.bucket(&input.bucket)?.find(&input.key, input.version_id.as_deref())?;
    let tags = object.attributes.tags.iter();
    let tag_set = tags.map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect();
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: input.version_id.clone() }))
}

pub(super) async fn put(
    double: &Double,
    request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let input = request.input;
    let tags = input.tagging.tag_set.into_iter();
    let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())).collect();
    replace(double, &input.bucket, &input.key, input.version_id.as_deref(), check_tags(tags)?)?;
    Ok(S3Response::new(PutObjectTaggingOutput { version_id: input.version_id }))
}

pub(super) async fn delete(
    double: &Double,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let input = request.input;
    replace(double, &input.bucket, &input.key, input.version_id.as_deref(), Vec::new())?;
    let output = DeleteObjectTaggingOutput { version_id: input.version_id };
    Ok(S3Response::with_status(output, http::StatusCode::NO_CONTENT))
}

/// Tags belong to a version but are no write of it: neither ETag nor date changes.
fn replace(
    double: &Double,
    bucket: &str,
    key: &str,
    version: Option<&str>,
    tags: Vec<(String, String)>,
) -> S3Result<()> {
    let mut state = double.state();
    let bucket = state.bucket_mut(bucket)?;
    let id = bucket.find(key, version)?.0.id.to_string();
    let history = bucket.objects.get_mut(key).ok_or_else(|| s3_error!(NoSuchKey))?;
    for entry in history.iter_mut().filter(|entry| entry.id == id) {
        if let Some(object) = &mut entry.object {
            Arc::make_mut(object).attributes.tags.clone_from(&tags);
        }
    }
    Ok(())
}
