//! The one place that joins concrete stores and sources to the engine.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::auth::{AuthError, Keys};
use crate::store::local::{LocalSingle, LocalTree, TreeOptions};
use crate::store::s3::{ConnectError, S3Settings, S3Store};
use crate::store::{
    EntryKind, Found, ListFrom, ObjectKey, Skipped, Source, SourceEntry, SourceFile, Store, StoreError,
};
use crate::sync::{Job, Missing, Observer, Shares, Summary, SyncOptions, run};
use crate::tree::{Destination, SourceName};

/// What a user wants synced.
#[derive(Debug, Clone)]
pub struct SyncRequest {
    /// A file or folder of this machine, as it was written: a slash at the end means something.
    pub source: PathBuf,
    /// Which of its files. The root's name among them is set here.
    pub tree: TreeOptions,
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
    /// Only a folder can lack something.
    #[error("the source {} is a file, and {option} needs a folder", .path.display())]
    NeedsFolder {
        /// The file.
        path: PathBuf,
        /// What is of no use with it.
        option: &'static str,
    },
    /// Backups would lie where what they are made of lies.
    #[error("the destination lies below the backups' prefix {0:?}")]
    BackupInPlace(String),
    /// The source's name is not UTF-8.
    #[error("the source {} has a name that is not UTF-8, which no object key can hold", .0.display())]
    NotUtf8(PathBuf),
    /// The run was stopped before its first file.
    #[error("interrupted")]
    Interrupted,
    /// There is no client for the store.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There are no credentials.
    #[error(transparent)]
    Auth(#[from] Box<AuthError>),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        if let Self::Auth(error) = self {
            return error.hint();
        }
        let hint = match self {
            Self::Connect(ConnectError::NoRegion(_)) => Some("name it with --region, or set AWS_REGION"),
            Self::Connect(ConnectError::BadEndpoint(_)) => Some("write it like https://host:port"),
            Self::Connect(ConnectError::Bundle(_)) => Some("let it name a file of certificates in PEM, or unset it"),
            Self::NeedsFolder { .. } => {
                Some("nothing was done; name the folder that the file lies in, or leave the option out")
            }
            Self::Store(error) => error.kind.hint(),
            _ => None,
        };
        hint.map(str::to_owned)
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
    Ok(run(job, store, options, observer, cancel).await?)
}

/// What comes before the first file: looks at the source, reaches the store, decides about keys.
async fn prepare(request: SyncRequest) -> Result<(Job, Arc<dyn Store>), AppError> {
    let SyncRequest { source, tree, destination, s3, options } = request;
    let name = SourceName::parse(source.to_str().ok_or_else(|| AppError::NotUtf8(source.clone()))?);
    let rules = tree.rules.clone();
    let found = look_at(&source, &name, tree, &options).await?;
    let settings = S3Settings { bucket: destination.bucket.clone(), ..with_credentials(s3).await? };
    let store: Arc<dyn Store> = Arc::new(S3Store::connect(&settings).await?);
    if let Looked::Folder(folder) = found {
        let prefix = destination.prefix_for(&name);
        let destination = format!("s3://{}/{prefix}", destination.bucket);
        backup_elsewhere(&options, &prefix)?;
        return Ok((Job { source: Arc::new(folder), prefix, destination, is_tree: true }, store));
    }
    if name.contents {
        return Err(AppError::FileWithSlash(source));
    }
    if options.delete.extraneous {
        return Err(AppError::NeedsFolder { path: source, option: "--delete" });
    }
    let key = destination.key_for(&name, is_prefix(&*store, &destination).await?);
    let destination = format!("s3://{}/{key}", destination.bucket);
    backup_elsewhere(&options, &key)?;
    let source: Arc<dyn Source> = match found {
        // The rules see its name, as rsync's do.
        _ if !rules.selects(name.last.as_bytes(), false) => Arc::new(NoFile { path: source, missing: None }),
        Looked::Missing => Arc::new(NoFile { path: source, missing: Some(key) }),
        Looked::File | Looked::Folder(_) => Arc::new(LocalSingle::new(source, key)),
    };
    Ok((Job { source, prefix: String::new(), destination, is_tree: false }, store))
}

/// The credentials of a profile that the user names: they decide, whatever the environment holds.
async fn with_credentials(s3: S3Settings) -> Result<S3Settings, AppError> {
    let (None, Some(profile)) = (&s3.credentials, &s3.profile) else { return Ok(s3) };
    let keys = Keys::Profile(profile.clone());
    let provider = keys.provider(s3.region.as_deref(), Arc::new(|_: &str| {})).await.map_err(Box::new)?;
    Ok(S3Settings { credentials: Some(provider), ..s3 })
}

/// A copy of an object at its own key is none.
fn backup_elsewhere(options: &SyncOptions, place: &str) -> Result<(), AppError> {
    match &options.backup {
        Some(backup) if place.starts_with(backup.as_str()) => Err(AppError::BackupInPlace(backup.clone())),
        _ => Ok(()),
    }
}

enum Looked {
    File,
    Folder(LocalTree),
    /// Nothing is there, and the user said that this is no error.
    Missing,
}

/// Looks at the source before anything is asked of the store: a typo costs no request.
async fn look_at(
    source: &Path,
    name: &SourceName,
    tree: TreeOptions,
    options: &SyncOptions,
) -> Result<Looked, AppError> {
    let (path, may_be_missing) = (source.to_owned(), options.missing != Missing::Fail && !name.contents);
    let has_list = tree.files.is_some();
    let threads = tree.threads.min(Shares::of(options).walkers);
    let tree = TreeOptions { root_name: (!name.contents).then(|| name.last.clone()), threads, ..tree };
    let look = move || match path.metadata() {
        Ok(metadata) if metadata.is_dir() => LocalTree::new(path, tree).map(Looked::Folder),
        Ok(_) => Ok(Looked::File),
        // A link to nothing is there: what it leads to may only be out of reach.
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_be_missing && path.symlink_metadata().is_err() => {
            Ok(Looked::Missing)
        }
        Err(error) => Err(error),
    };
    let failed = |error| AppError::Source { path: source.to_owned(), source: error };
    let looked = tokio::task::spawn_blocking(look).await.map_err(|error| failed(io::Error::other(error)))?;
    match looked.map_err(failed)? {
        Looked::File if has_list => Err(AppError::NeedsFolder { path: source.to_owned(), option: "--files-from" }),
        looked => Ok(looked),
    }
}

/// Whether the destination of a single file is there as a folder: no object of its name, but objects below it.
async fn is_prefix(store: &dyn Store, destination: &Destination) -> Result<bool, AppError> {
    let Some(key) = Some(&destination.path).filter(|_| !destination.is_directory()) else { return Ok(true) };
    let Ok(key) = ObjectKey::new(key.as_str()) else { return Ok(false) };
    if store.head(&key).await?.is_some() {
        return Ok(false);
    }
    Ok(!store.list(&destination.as_directory(), &ListFrom::Start).await?.entries.is_empty())
}

/// A source that has no file: one that is not there, or that the rules leave out.
struct NoFile {
    path: PathBuf,
    /// The name that it would have.
    missing: Option<String>,
}

impl Source for NoFile {
    fn walk(&self, found: &mut dyn FnMut(Found) -> ControlFlow<()>) {
        if let Some(relative) = &self.missing {
            let (path, relative) = (self.path.clone(), Some(relative.clone()));
            // Nothing follows that could be ended.
            let _ = found(Found::LeftOut { path, relative, why: Skipped::Missing });
        }
    }

    fn open(&self, entry: &SourceEntry) -> io::Result<Arc<dyn SourceFile>> {
        debug_assert!(entry.kind == EntryKind::File);
        Err(io::ErrorKind::NotFound.into())
    }

    fn path(&self, _: &str) -> PathBuf {
        self.path.clone()
    }

    fn leaves_out(&self, _: &str) -> bool {
        false
    }
}
