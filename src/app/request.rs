//! What a user wants synced, and the store that it names.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::AppError;
use crate::auth::Keys;
use crate::store::Store;
use crate::store::local::TreeOptions;
use crate::store::s3::{S3Settings, S3Store};
use crate::sync::SyncOptions;
use crate::tree::S3Url;

/// A side of a sync.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file or folder of this machine, as it was written: a slash at the end means something.
    Here(PathBuf),
    /// A key or prefix of a bucket.
    Bucket(S3Url),
}

/// What a user wants synced.
#[derive(Debug, Clone)]
pub struct SyncRequest {
    /// Where from.
    pub source: Place,
    /// Which of its files. The root's name among them is set here.
    pub tree: TreeOptions,
    /// Where to.
    pub destination: Place,
    /// How to reach the bucket.
    pub s3: S3Settings,
    /// How to go about it.
    pub options: SyncOptions,
    /// What is asked for of a download.
    pub download: DownloadOptions,
}

/// What is asked for of a download beside what all syncs have.
#[derive(Debug, Clone, Default)]
pub struct DownloadOptions {
    /// Where files go before they are replaced or deleted.
    pub backup: Option<PathBuf>,
    /// Files, or folders with files of the same names, that old versions may lie in too.
    pub bases: Vec<PathBuf>,
    /// Whether a file of a similar name beside a new one is looked at as its old version.
    pub fuzzy: bool,
    /// Whether runs of zeros become holes.
    pub sparse: bool,
    /// Who new files and folders belong to, where nothing else says so.
    pub owner: Option<(u32, u32)>,
}

/// The bucket, reached with the credentials that are meant: those of a profile that the user names decide, whatever the
/// environment holds.
pub(super) async fn connect(bucket: &str, s3: S3Settings) -> Result<Arc<dyn Store>, AppError> {
    let settings = S3Settings { bucket: bucket.to_owned(), ..with_credentials(s3).await? };
    Ok(Arc::new(S3Store::connect(&settings).await?))
}

async fn with_credentials(s3: S3Settings) -> Result<S3Settings, AppError> {
    let (None, Some(profile)) = (&s3.credentials, &s3.profile) else { return Ok(s3) };
    let keys = Keys::Profile(profile.clone());
    let provider = keys.provider(s3.region.as_deref(), Arc::new(|_: &str| {})).await.map_err(Box::new)?;
    Ok(S3Settings { credentials: Some(provider), ..s3 })
}
