//! Buckets and their settings: create, head, delete, location, versioning, lifecycle.

use s3s::dto::{
    self, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput, DeleteBucketOutput, GetBucketLifecycleConfigurationInput,
    GetBucketLifecycleConfigurationOutput, GetBucketLocationInput, GetBucketLocationOutput, GetBucketVersioningInput,
    GetBucketVersioningOutput, HeadBucketInput, HeadBucketOutput, ListBucketsInput, ListBucketsOutput,
    PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput, PutBucketVersioningInput,
    PutBucketVersioningOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Double;
use super::fields::owner;
use crate::REGION;
use crate::state::{Bucket, Versioning};

pub(super) async fn create(
    double: &Double,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let name = request.input.bucket;
    // In us-east-1 creating one's own bucket again is a success (API reference, "CreateBucket").
    double.state().buckets.entry(name.clone()).or_insert_with(Bucket::new);
    Ok(S3Response::new(CreateBucketOutput { location: Some(format!("/{name}")) }))
}

pub(super) async fn head(
    double: &Double,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    double.state().bucket(&request.input.bucket)?;
    Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..Default::default() }))
}

pub(super) async fn delete(
    double: &Double,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    let name = &request.input.bucket;
    let mut state = double.state();
    if !state.bucket(name)?.objects.is_empty() {
        return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
    }
    state.buckets.remove(name);
    Ok(S3Response::with_status(DeleteBucketOutput::default(), http::StatusCode::NO_CONTENT))
}

pub(super) async fn list(
    double: &Double,
    _request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let state = double.state();
    let buckets = state.buckets.iter().map(|(name, bucket)| dto::Bucket {
        bucket_region: None,
        creation_date: Some(dto::Timestamp::from(bucket.created)),
        name: Some(name.clone()),
    });
    let buckets = Some(buckets.collect());
    Ok(S3Response::new(ListBucketsOutput { buckets, owner: Some(owner()), ..Default::default() }))
}

pub(super) async fn location(
    double: &Double,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    double.state().bucket(&request.input.bucket)?;
    // An empty element is how S3 says us-east-1.
    let location_constraint = Some(BucketLocationConstraint::from_static(""));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}

pub(super) async fn put_versioning(
    double: &Double,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let input = request.input;
    let versioning = match input.versioning_configuration.status.as_ref().map(dto::BucketVersioningStatus::as_str) {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        _ => return Err(s3_error!(IllegalVersioningConfigurationException)),
    };
    double.state().bucket_mut(&input.bucket)?.versioning = versioning;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}

pub(super) async fn get_versioning(
    double: &Double,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    let status = match double.state().bucket(&request.input.bucket)?.versioning {
        Versioning::Off => None,
        Versioning::Enabled => Some(dto::BucketVersioningStatus::from_static("Enabled")),
        Versioning::Suspended => Some(dto::BucketVersioningStatus::from_static("Suspended")),
    };
    Ok(S3Response::new(GetBucketVersioningOutput { status, ..Default::default() }))
}

pub(super) async fn put_lifecycle(
    double: &Double,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let input = request.input;
    let rules = input.lifecycle_configuration.ok_or_else(|| s3_error!(MalformedXML))?.rules;
    double.state().bucket_mut(&input.bucket)?.lifecycle = Some(rules);
    Ok(S3Response::new(PutBucketLifecycleConfigurationOutput::default()))
}

pub(super) async fn get_lifecycle(
    double: &Double,
    request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    let rules = double.state().bucket(&request.input.bucket)?.lifecycle.clone();
    let rules =
        rules.ok_or_else(|| s3_error!(NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist"))?;
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput { rules: Some(rules), ..Default::default() }))
}

pub(super) async fn delete_lifecycle(
    double: &Double,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    double.state().bucket_mut(&request.input.bucket)?.lifecycle = None;
    Ok(S3Response::with_status(DeleteBucketLifecycleOutput::default(), http::StatusCode::NO_CONTENT))
}
