//! The S3 operations: requests as `s3s` parsed them in, what AWS would answer out.
//!
//! One file a group of operations; this one only lists them. Signatures, XML and headers are `s3s`'s work.

mod bucket;
pub(crate) mod checks;
mod complete;
mod copy;
mod delete;
mod fields;
mod list;
mod multipart;
mod object;
mod page;
mod read;
mod tags;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use s3s::{S3, S3Error, S3Request, S3Response, S3Result, dto};

use crate::content::{Content, Spool};
use crate::digest::{Algorithm, Digests, Hasher};
use crate::limits::Limits;
use crate::state::{Encryption, State, random_hex};

/// The double itself: state, disk and the habits it imitates.
#[derive(Debug)]
pub(crate) struct Double {
    state: Mutex<State>,
    pub(crate) spool: Spool,
    limits: Mutex<Limits>,
    /// Digests of ranges that were copied before: benchmarks copy the same ones again and again.
    copied: Mutex<HashMap<(u64, u64, u64), Digests>>,
}

/// Ranges whose digests are kept, some 150 bytes each; the memory of a test server is not worth a better policy.
const COPIED_MAX: usize = 100_000;

impl Double {
    pub(crate) fn new(spool: Spool, limits: Limits) -> Self {
        Self { state: Mutex::default(), spool, limits: Mutex::new(limits), copied: Mutex::default() }
    }

    /// The one lock; never held across a wait.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// The pass for one body: MD5 only where an ETag will be made of it or `content_md5` is to be checked.
    fn hasher(&self, named: Option<Algorithm>, encryption: &Encryption, content_md5: bool) -> Hasher {
        Hasher::new(named, content_md5 || !self.opaque(encryption))
    }

    fn opaque(&self, encryption: &Encryption) -> bool {
        self.limits().opaque_etags || encryption.hides_md5()
    }

    /// ETag of an object or part that was written in one piece.
    fn etag(&self, digests: &Digests, encryption: &Encryption) -> String {
        match digests.md5 {
            Some(md5) if !self.opaque(encryption) => crate::digest::hex(&md5),
            _ => random_hex(16),
        }
    }

    /// Digests of bytes that are already stored, computed on a thread where that may take its time.
    async fn digest(&self, content: &Content, named: Option<Algorithm>, encryption: &Encryption) -> S3Result<Digests> {
        let copied = || self.copied.lock().unwrap_or_else(PoisonError::into_inner);
        let needs_md5 = !self.opaque(encryption);
        let identity = content.identity();
        let known = identity.and_then(|identity| copied().get(&identity).cloned());
        let enough = |known: &Digests| {
            (known.md5.is_some() || !needs_md5) && named.is_none_or(|algorithm| known.value(algorithm).is_some())
        };
        if let Some(known) = known.filter(enough) {
            return Ok(known);
        }
        let (content, hasher) = (content.clone(), Hasher::new(named, needs_md5));
        let pass = tokio::task::spawn_blocking(move || content.digest(hasher));
        let digests = pass.await.map_err(S3Error::internal_error)?.map_err(S3Error::internal_error)?;
        if let Some(identity) = identity {
            let mut copied = copied();
            if copied.len() >= COPIED_MAX {
                copied.clear();
            }
            copied.insert(identity, digests.clone());
        }
        Ok(digests)
    }
}

/// What `s3s` calls.
#[derive(Debug, Clone)]
pub(crate) struct Service(pub(crate) std::sync::Arc<Double>);

macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident = $module:ident::$function:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Service {
            $(
                async fn $name(&self, request: S3Request<dto::$input>) -> S3Result<S3Response<dto::$output>> {
                    $module::$function(&self.0, request).await
                }
            )*
        }
    };
}

operations! {
    create_bucket(CreateBucketInput) -> CreateBucketOutput = bucket::create;
    head_bucket(HeadBucketInput) -> HeadBucketOutput = bucket::head;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput = bucket::delete;
    list_buckets(ListBucketsInput) -> ListBucketsOutput = bucket::list;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput = bucket::location;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput = bucket::put_versioning;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput = bucket::get_versioning;
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput)
        -> PutBucketLifecycleConfigurationOutput = bucket::put_lifecycle;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput)
        -> GetBucketLifecycleConfigurationOutput = bucket::get_lifecycle;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput = bucket::delete_lifecycle;
    put_object(PutObjectInput) -> PutObjectOutput = object::put;
    get_object(GetObjectInput) -> GetObjectOutput = read::get;
    head_object(HeadObjectInput) -> HeadObjectOutput = read::head;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput = read::attributes;
    copy_object(CopyObjectInput) -> CopyObjectOutput = copy::object;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput = delete::one;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput = delete::many;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput = tags::get;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput = tags::put;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput = tags::delete;
    list_objects(ListObjectsInput) -> ListObjectsOutput = list::objects_v1;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output = list::objects_v2;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput = list::versions;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput = list::uploads;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput = multipart::create;
    upload_part(UploadPartInput) -> UploadPartOutput = multipart::upload;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput = copy::part;
    list_parts(ListPartsInput) -> ListPartsOutput = multipart::list_parts;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput = multipart::abort;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput = complete::complete;
}
