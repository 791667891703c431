//! Who may call, and where a request's operation becomes known: there its record gets a name and a fault strikes.
//!
//! `s3s` calls this after checking the signature and before reading the body.

use std::sync::Arc;

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use crate::fault::{FaultAction, FaultPlan};
use crate::ops::checks::custom;
use crate::record::Exchange;

/// The one pair of credentials.
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(SecretKey::from(self.secret_key.as_str()));
        }
        Err(s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records."))
    }
}

/// Names the request's record and lets a fault that is due act.
pub(crate) struct Gate(pub(crate) Arc<FaultPlan>);

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        let kind = kind_name(context.s3_op().name());
        let (bucket, key) = match context.s3_path() {
            s3s::path::S3Path::Root => ("", ""),
            s3s::path::S3Path::Bucket { bucket } => (&**bucket, ""),
            s3s::path::S3Path::Object { bucket, key } => (&**bucket, &**key),
        };
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let fault = self.0.meet(kind, &key);
        let Some(exchange) = context.extensions_mut().get::<Arc<Exchange>>().cloned() else { return Ok(()) };
        let _ = exchange.target.set((kind, bucket, key));
        let Some(fault) = fault else { return Ok(()) };
        let _ = exchange.fault.set(fault.clone());
        match fault {
            FaultAction::Status(status, code) => Err(custom(status, code, "fault on order")),
            FaultAction::ErrorIn200 => Err(custom(200, "InternalError", "We encountered an internal error.")),
            FaultAction::Stall(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// `s3s` lends the name for the context's life only, but they are all constants of the API.
fn kind_name(name: &str) -> &'static str {
    const NAMES: [&str; 30] = [
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateBucket",
        "CreateMultipartUpload",
        "DeleteBucket",
        "DeleteBucketLifecycle",
        "DeleteObject",
        "DeleteObjectTagging",
        "DeleteObjects",
        "GetBucketLifecycleConfiguration",
        "GetBucketLocation",
        "GetBucketVersioning",
        "GetObject",
        "GetObjectAttributes",
        "GetObjectTagging",
        "HeadBucket",
        "HeadObject",
        "ListBuckets",
        "ListMultipartUploads",
        "ListObjectVersions",
        "ListObjects",
        "ListObjectsV2",
        "ListParts",
        "PutBucketLifecycleConfiguration",
        "PutBucketVersioning",
        "PutObject",
        "PutObjectTagging",
        "UploadPart",
        "UploadPartCopy",
    ];
    NAMES.into_iter().find(|known| *known == name).unwrap_or("Other")
}
