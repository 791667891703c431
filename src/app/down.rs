//! What comes before the first file of a download: a look at the source in the store, the folder here.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::AppError;
use super::request::{SyncRequest, connect};
use crate::store::local::{Links, LocalFolder, LocalSingle, LocalTree, TreeOptions};
use crate::store::{
    Assembly, FileVersion, Folder, FolderError, Found, Kept, ListEntry, ListFrom, ObjectKey, Source, SourceEntry,
    SourceFile, Store,
};
use crate::sync::{Download, Job, Way};
use crate::tree::{Rules, S3Url, SourceName};

pub(super) async fn prepare(
    request: SyncRequest,
    source: S3Url,
    destination: PathBuf,
) -> Result<(Job, Arc<dyn Store>), AppError> {
    let store = connect(&source.bucket, request.s3.clone()).await?;
    let name = SourceName::parse(&source.path);
    let (plan, store) = match single(&*store, &source).await? {
        Some(object) => (Plan::file(&request, object, &name, &destination)?, store),
        None => {
            if !is_prefix(&*store, &source).await? {
                return Err(AppError::NothingThere(source.to_string()));
            }
            (Plan::tree(&source, &name, &destination), store)
        }
    };
    let Plan { root, prefix, single } = plan;
    let is_tree = single.is_none();
    let shown = single.as_ref().map_or_else(|| root.clone(), |(_, name)| root.join(name));
    let is_listed = request.tree.files.is_some();
    let links = request.tree.links == Links::Keep;
    let (sparse, fuzzy) = (request.download.sparse, request.download.fuzzy);
    let bases = request.download.bases.iter().map(|path| basis(path)).collect::<Result<_, _>>()?;
    let root_name = (is_tree && !name.contents).then(|| name.last.clone());
    let folder = tokio::task::spawn_blocking(move || folder(&request, root, root_name))
        .await
        .map_err(|error| AppError::Destination { path: destination.clone(), source: io::Error::other(error) })??;
    let way = Way::Down(Download { folder, single, is_listed, bases, fuzzy, links, sparse });
    Ok((Job { way, prefix, destination: shown.display().to_string(), is_tree }, store))
}

/// A file, whatever it is called, or a folder with files of the same names.
fn basis(path: &Path) -> Result<Arc<dyn Source>, AppError> {
    let failed = |source| AppError::Source { path: path.to_owned(), source };
    Ok(match path.metadata().map_err(failed)?.is_dir() {
        true => Arc::new(LocalTree::new(path.to_owned(), TreeOptions::default()).map_err(failed)?),
        false => Arc::new(LocalSingle::new(path.to_owned(), String::new())),
    })
}

/// Where files go.
struct Plan {
    /// The folder.
    root: PathBuf,
    /// What the keys of its files begin with.
    prefix: String,
    /// The only object, where it is one, and its name below the folder.
    single: Option<(ListEntry, String)>,
}

impl Plan {
    /// One object: into a folder under its own name, else under the name of the destination, as with uploads.
    fn file(request: &SyncRequest, object: ListEntry, name: &SourceName, destination: &Path) -> Result<Self, AppError> {
        let needs_folder = |option| AppError::NeedsFolder { path: PathBuf::from(&object.key), option };
        if request.options.delete.extraneous {
            return Err(needs_folder("--delete"));
        }
        if request.tree.files.is_some() {
            return Err(needs_folder("--files-from"));
        }
        let text = destination.to_str().ok_or_else(|| AppError::NotUtf8(destination.to_owned()))?;
        let into_folder = text.ends_with('/') || SourceName::parse(text).last.is_empty() || destination.is_dir();
        let (root, file) = if into_folder {
            (destination.to_owned(), name.last.clone())
        } else {
            let root = destination.parent().filter(|parent| !parent.as_os_str().is_empty());
            (root.unwrap_or(Path::new(".")).to_owned(), SourceName::parse(text).last)
        };
        Ok(Self { root, prefix: String::new(), single: Some((object, file)) })
    }

    /// A prefix: its contents, or a folder of its name in the destination.
    fn tree(source: &S3Url, name: &SourceName, destination: &Path) -> Self {
        let root = if name.contents { destination.to_owned() } else { destination.join(&name.last) };
        Self { root, prefix: source.as_directory(), single: None }
    }
}

/// The object of exactly this key, if there is one.
async fn single(store: &dyn Store, source: &S3Url) -> Result<Option<ListEntry>, AppError> {
    if source.is_directory() {
        return Ok(None);
    }
    let Ok(key) = ObjectKey::new(source.path.as_str()) else { return Ok(None) };
    let object = store.head(&key).await?;
    Ok(object.map(|object| {
        let (len, etag, modified) = (object.len, object.etag, object.modified);
        ListEntry { key: key.to_string(), len, etag, modified }
    }))
}

/// Whether something lies below the prefix; the bucket itself may be empty.
async fn is_prefix(store: &dyn Store, source: &S3Url) -> Result<bool, AppError> {
    let page = store.list(&source.as_directory(), &ListFrom::Start).await?;
    Ok(!page.entries.is_empty() || source.path.is_empty())
}

/// The folder that files go to, made unless nothing may be written.
fn folder(request: &SyncRequest, root: PathBuf, root_name: Option<String>) -> Result<Arc<dyn Folder>, AppError> {
    let failed = |source| AppError::Destination { path: root.clone(), source };
    match root.metadata() {
        Ok(metadata) if !metadata.is_dir() => return Err(AppError::FileInTheWay(root)),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && request.options.dry_run => {
            // The rules are asked about names all the same; nothing is there to be looked at.
            let rules =
                LocalFolder::new(PathBuf::from("/"), TreeOptions::default(), rules(request, root_name), None, None);
            let rules = rules.map_err(failed)?;
            return Ok(Arc::new(NoFolder { root, rules }));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_all(&root, request.download.owner).map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    let rules = rules(request, root_name);
    // What is left out is not told of, so that it stays; but for whoever wants that to go too.
    let walked = if request.options.delete.excluded { everything(&rules) } else { rules.clone() };
    let backup = request.download.backup.clone().map(|backup| absolute(&backup)).transpose().map_err(failed)?;
    if let Some(backup) = &backup
        && root.canonicalize().map_err(failed)?.starts_with(backup.canonicalize().unwrap_or_else(|_| backup.clone()))
    {
        return Err(AppError::BackupInPlace(backup.display().to_string()));
    }
    // Backups below the destination are told by their paths, whatever links lead to either.
    let backup = backup.map(|backup| backup.canonicalize().unwrap_or(backup));
    let root = if backup.is_some() { root.canonicalize().map_err(failed)? } else { root.clone() };
    let folder = LocalFolder::new(root.clone(), walked, rules, backup, request.download.owner);
    Ok(Arc::new(folder.map_err(|source| AppError::Destination { path: root, source })?))
}

/// Makes a folder and those above it, and has them belong to `owner`.
fn make_all(root: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let missing: Vec<&Path> =
        root.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    fs::create_dir_all(root)?;
    if let Some((user, group)) = owner {
        for path in missing {
            std::os::unix::fs::chown(path, Some(user), Some(group))?;
        }
    }
    Ok(())
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}

/// What the user selects. Ignore files lie in the source, where they are not read.
fn rules(request: &SyncRequest, root_name: Option<String>) -> TreeOptions {
    TreeOptions { links: Links::Keep, ignore_files: Vec::new(), root_name, ..request.tree.clone() }
}

fn everything(rules: &TreeOptions) -> TreeOptions {
    TreeOptions { rules: Rules::default(), root_name: None, ..rules.clone() }
}

/// A folder that is not there, and that a dry run does not make.
struct NoFolder {
    root: PathBuf,
    rules: LocalFolder,
}

impl Source for NoFolder {
    fn walk(&self, _: &mut dyn FnMut(Found) -> ControlFlow<()>) {}

    fn open(&self, _: &SourceEntry) -> io::Result<Arc<dyn SourceFile>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    fn leaves_out(&self, relative: &str) -> bool {
        self.rules.leaves_out(relative)
    }
}

/// Nothing is asked of it by a dry run but what stands there.
impl Folder for NoFolder {
    fn version(&self, _: &str) -> Result<Option<FileVersion>, FolderError> {
        Ok(None)
    }

    fn assemble(&self, _: &str, _: u64) -> Result<Box<dyn Assembly>, FolderError> {
        Err(not_there())
    }

    fn similar(&self, _: &str) -> Result<Option<String>, FolderError> {
        Ok(None)
    }

    fn forget_unfinished(&self, _: &str) -> Result<(), FolderError> {
        Ok(())
    }

    fn link(&self, _: &str, _: &[u8], _: &Kept, _: Option<&FileVersion>) -> Result<(), FolderError> {
        Err(not_there())
    }

    fn make_folder(&self, _: &str) -> Result<(), FolderError> {
        Err(not_there())
    }

    fn set(&self, _: &str, _: &Kept) -> Result<(), FolderError> {
        Err(not_there())
    }

    fn remove(&self, _: &str, _: &FileVersion) -> Result<(), FolderError> {
        Err(not_there())
    }

    fn remove_empty(&self, _: &str) -> Result<bool, FolderError> {
        Err(not_there())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn not_there() -> FolderError {
    FolderError::Io(io::ErrorKind::NotFound.into())
}
