//! The one place that joins concrete stores and sources to the engine.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::store::local::{LocalFiles, walk};
use crate::store::s3::{ConnectError, S3Settings, S3Store};
use crate::store::{Listing, ObjectKey, SourceEntry, Store, StoreError};
use crate::sync::{Job, Observer, Summary, SyncOptions, run};
use crate::tree::{Destination, SourceName};

/// What a user wants synced.
#[derive(Debug, Clone)]
pub struct SyncRequest {
    /// A file or folder of this machine, as it was written: a slash at the end means something.
    pub source: PathBuf,
    /// Where to.
    pub destination: Destination,
    /// How to reach the bucket that the destination names.
    pub s3: S3Settings,
    /// How to go about it.
    pub options: SyncOptions,
}

/// Why nothing could be synced.
#[derive(Debug, Error)]
pub enum AppError {
    /// The source is not there or cannot be read.
    #[error("cannot read the source {}: {source}", .path.display())]
    Source {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is meant, and a slash says that it is a folder.
    #[error("the source {} is a file, but its name ends in a slash", .0.display())]
    FileWithSlash(PathBuf),
    /// The source's name is not UTF-8.
    #[error("the source {} has a name that is not UTF-8, which no object key can hold", .0.display())]
    NotUtf8(PathBuf),
    /// The run was stopped before its first file.
    #[error("interrupted")]
    Interrupted,
    /// There is no client for the store.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connect(ConnectError::NoRegion(_)) => Some("name it with --region, or set AWS_REGION"),
            Self::Connect(ConnectError::BadEndpoint(_)) => Some("write it like https://host:port"),
            Self::Store(error) => error.kind.hint(),
            _ => None,
        }
    }
}

/// Syncs a file or a folder to a bucket.
pub async fn sync(
    request: SyncRequest,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Summary, AppError> {
    let options = request.options.clone();
    let (job, store) = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(AppError::Interrupted),
        prepared = prepare(request) => prepared?,
    };
    Ok(run(job, store, Arc::new(LocalFiles), options, observer, cancel).await?)
}

/// What comes before the first file: looks at the source, reaches the store, decides about keys.
async fn prepare(request: SyncRequest) -> Result<(Job, Arc<dyn Store>), AppError> {
    let SyncRequest { source, destination, s3, .. } = request;
    let name = SourceName::parse(source.to_str().ok_or_else(|| AppError::NotUtf8(source.clone()))?);
    let found = look_at(&source).await?;
    let settings = S3Settings { bucket: destination.bucket.clone(), ..s3 };
    let store: Arc<dyn Store> = Arc::new(S3Store::connect(&settings).await?);
    let job = match found {
        Found::Folder(listing) => {
            let prefix = destination.prefix_for(&name);
            let destination = format!("s3://{}/{prefix}", destination.bucket);
            Job { listing, prefix, destination, is_directory: true }
        }
        Found::File(_) if name.contents => return Err(AppError::FileWithSlash(source)),
        Found::File(len) => {
            let key = destination.key_for(&name, is_prefix(&*store, &destination).await?);
            let destination = format!("s3://{}/{key}", destination.bucket);
            let entries = vec![SourceEntry { path: source, relative: key, len }];
            let listing = Listing { entries, ..Listing::default() };
            Job { listing, prefix: String::new(), destination, is_directory: false }
        }
    };
    Ok((job, store))
}

enum Found {
    File(u64),
    Folder(Listing),
}

/// Looks at the source before anything is asked of the store: a typo costs no request.
async fn look_at(source: &Path) -> Result<Found, AppError> {
    let path = source.to_owned();
    let look = move || {
        let metadata = path.metadata()?;
        if metadata.is_dir() { walk(&path).map(Found::Folder) } else { Ok(Found::File(metadata.len())) }
    };
    let failed = |error| AppError::Source { path: source.to_owned(), source: error };
    tokio::task::spawn_blocking(look).await.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)
}

/// Whether the destination of a single file is there as a folder: no object of its name, but objects below it.
async fn is_prefix(store: &dyn Store, destination: &Destination) -> Result<bool, AppError> {
    let Some(key) = Some(&destination.path).filter(|_| !destination.is_directory()) else { return Ok(true) };
    let Ok(key) = ObjectKey::new(key.as_str()) else { return Ok(false) };
    if store.head(&key).await?.is_some() {
        return Ok(false);
    }
    Ok(!store.list(&destination.as_directory(), None).await?.entries.is_empty())
}
