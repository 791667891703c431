//! Who may call, and where a request's operation becomes known: there its record gets a name and a fault strikes.
//!
//! `s3s` calls this after checking the signature and before reading the body. Session tokens are checked here, since it
//! knows nothing of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use crate::fault::{FaultAction, FaultPlan};
use crate::ops::checks::custom;
use crate::record::Exchange;

/// The one lasting pair of credentials, and temporary ones.
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) temporary: Mutex<HashMap<String, Temporary>>,
}

/// What an STS has given for an access key.
pub(crate) struct Temporary {
    pub(crate) secret_key: String,
    pub(crate) session_token: String,
    pub(crate) expires: SystemTime,
}

impl Keys {
    pub(crate) fn new(access_key: String, secret_key: String) -> Self {
        Self { access_key, secret_key, temporary: Mutex::default() }
    }

    pub(crate) fn temporary(&self) -> MutexGuard<'_, HashMap<String, Temporary>> {
        self.temporary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn secret_of(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            return Ok(SecretKey::from(self.secret_key.as_str()));
        }
        let temporary = self.temporary();
        let found = temporary.get(access_key).ok_or_else(unknown)?;
        Ok(SecretKey::from(found.secret_key.as_str()))
    }

    /// Lasting keys come without a token, temporary ones with theirs and until they expire.
    fn check_token(&self, access_key: &str, token: Option<&str>) -> S3Result<()> {
        let invalid = || s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid.");
        if access_key == self.access_key {
            return if token.is_none() { Ok(()) } else { Err(invalid()) };
        }
        let temporary = self.temporary();
        let (found, token) = temporary.get(access_key).zip(token).ok_or_else(unknown)?;
        if token != found.session_token {
            return Err(invalid());
        }
        if SystemTime::now() >= found.expires {
            return Err(s3_error!(ExpiredToken, "The provided token has expired."));
        }
        Ok(())
    }
}

/// What S3 also says of a temporary key that comes without its token.
fn unknown() -> s3s::S3Error {
    s3_error!(InvalidAccessKeyId, "The AWS Access Key Id you provided does not exist in our records.")
}

/// The token of a request: in a header, or in the query of a presigned URL.
fn token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if let Some(token) = headers.get("x-amz-security-token") {
        // One that is no text is no token, but there.
        return Some(token.to_str().unwrap_or_default().to_owned());
    }
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-security-token"))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// Finds secrets for `s3s`.
pub(crate) struct Secrets(pub(crate) Arc<Keys>);

#[async_trait::async_trait]
impl S3Auth for Secrets {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        self.0.secret_of(access_key)
    }
}

/// Names the request's record, checks its token, and lets a fault that is due act.
pub(crate) struct Gate {
    pub(crate) faults: Arc<FaultPlan>,
    pub(crate) keys: Arc<Keys>,
}

#[async_trait::async_trait]
impl S3Access for Gate {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(access_key) = context.credentials().map(|credentials| credentials.access_key.clone()) else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let admitted = self.keys.check_token(&access_key, token(context.headers(), context.uri()).as_deref());
        let kind = kind_name(context.s3_op().name());
        let (bucket, key) = match context.s3_path() {
            s3s::path::S3Path::Root => ("", ""),
            s3s::path::S3Path::Bucket { bucket } => (&**bucket, ""),
            s3s::path::S3Path::Object { bucket, key } => (&**bucket, &**key),
        };
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let exchange = context.extensions_mut().get::<Arc<Exchange>>().cloned();
        if let Some(exchange) = &exchange {
            let _ = exchange.target.set((kind, bucket, key.clone()));
        }
        admitted?;
        let fault = self.faults.meet(kind, &key);
        let Some(exchange) = exchange else { return Ok(()) };
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
