//! What comes before the first file of an upload: a look at the source, a store, the keys.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::AppError;
use super::request::{SyncRequest, connect};
use crate::store::local::{LocalSingle, LocalTree, TreeOptions};
use crate::store::{EntryKind, Found, ListFrom, ObjectKey, Skipped, Source, SourceEntry, SourceFile, Store};
use crate::sync::{Job, Missing, Shares, SyncOptions, Way};
use crate::tree::{S3Url, SourceName};

/// What comes before the first file: looks at the source, reaches the store, decides about keys.
pub(super) async fn prepare(
    request: SyncRequest,
    source: PathBuf,
    destination: S3Url,
) -> Result<(Job, Arc<dyn Store>), AppError> {
    let SyncRequest { tree, s3, options, .. } = request;
    let name = SourceName::parse(source.to_str().ok_or_else(|| AppError::NotUtf8(source.clone()))?);
    let rules = tree.rules.clone();
    let found = look_at(&source, &name, tree, &options).await?;
    let store = connect(&destination.bucket, s3).await?;
    if let Looked::Folder(folder) = found {
        let prefix = destination.prefix_for(&name);
        let destination = format!("s3://{}/{prefix}", destination.bucket);
        backup_elsewhere(&options, &prefix)?;
        return Ok((Job { way: Way::Up(Arc::new(folder)), prefix, destination, is_tree: true }, store));
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
    Ok((Job { way: Way::Up(source), prefix: String::new(), destination, is_tree: false }, store))
}

/// A copy of an object at its own key would replace it.
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
async fn is_prefix(store: &dyn Store, destination: &S3Url) -> Result<bool, AppError> {
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
