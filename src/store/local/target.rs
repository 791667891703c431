//! A folder of this machine as a destination.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, OFlags, symlinkat, unlinkat};
use rustix::io::Errno;

use super::assembly::{self, LocalAssembly, unfinished_name};
use super::backup::Backup;
use super::below::{self, Make, version_of};
use super::finish::{self, take_name};
use super::opening;
use super::options::TreeOptions;
use super::similar;
use super::tree::LocalTree;
use crate::store::source::{Found, Source, SourceEntry, SourceFile};
use crate::store::{Assembly, FileVersion, Folder, FolderError, Kept};

/// A folder that files are written to, and what of it the user selects.
#[derive(Debug)]
pub struct LocalFolder {
    root: Arc<OwnedFd>,
    /// What is walked.
    tree: LocalTree,
    /// What the user's rules are asked about.
    rules: LocalTree,
    backup: Option<Arc<Backup>>,
    /// Who new files and folders belong to, where nothing else says so.
    owner: Option<(u32, u32)>,
}

impl LocalFolder {
    /// The folder at `root`; a link to one is followed. `walked` says what of it is told, `rules` which names the user leaves
    /// out. What is replaced or deleted goes below `backup`, if that is given. New files and folders get `owner`, where nothing
    /// else says whose they are.
    ///
    /// # Errors
    /// Where it is no folder or may not be read.
    pub fn new(
        root: PathBuf,
        walked: TreeOptions,
        rules: TreeOptions,
        backup: Option<PathBuf>,
        owner: Option<(u32, u32)>,
    ) -> io::Result<Self> {
        let folder = Arc::new(opening::open(CWD, &root, OFlags::DIRECTORY)?);
        let (tree, rules) = (LocalTree::new(root.clone(), walked)?, LocalTree::new(root, rules)?);
        Ok(Self { root: folder, tree, rules, backup: backup.map(Backup::new).map(Arc::new), owner })
    }

    fn backup_of(&self, relative: &str) -> Option<(Arc<Backup>, String)> {
        self.backup.as_ref().map(|backup| (Arc::clone(backup), relative.to_owned()))
    }
}

impl Source for LocalFolder {
    fn walk(&self, found: &mut dyn FnMut(Found) -> ControlFlow<()>) {
        let backup = self.backup.as_ref().map(|backup| backup.path());
        self.tree.walk(&mut |what| {
            // Backups below the destination are no part of it.
            let is_backup = || {
                what.relative()
                    .is_some_and(|relative| backup.is_some_and(|backup| self.tree.path(relative).starts_with(backup)))
            };
            if is_backup() { ControlFlow::Continue(()) } else { found(what) }
        });
    }

    fn open(&self, entry: &SourceEntry) -> io::Result<Arc<dyn SourceFile>> {
        self.tree.open(entry)
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.tree.path(relative)
    }

    fn leaves_out(&self, relative: &str) -> bool {
        self.rules.leaves_out(relative)
    }
}

impl Folder for LocalFolder {
    fn version(&self, relative: &str) -> Result<Option<FileVersion>, FolderError> {
        let place = match below::find(&self.root, relative, Make::No) {
            Err(FolderError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            place => place?,
        };
        Ok(place.stat()?.as_ref().map(version_of))
    }

    fn similar(&self, relative: &str) -> Result<Option<String>, FolderError> {
        let place = match below::find(&self.root, relative, Make::No) {
            Err(FolderError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            place => place?,
        };
        let found = similar::most_like(&place)?;
        let folder = relative.rsplit_once('/').map(|(folder, _)| folder);
        Ok(found.map(|name| folder.map_or(name.clone(), |folder| format!("{folder}/{name}"))))
    }

    fn assemble(&self, relative: &str, len: u64) -> Result<Box<dyn Assembly>, FolderError> {
        let place = below::find(&self.root, relative, Make::Owned(self.owner))?;
        // What can never be replaced is found out before anything is fetched.
        place.stat()?;
        Ok(Box::new(LocalAssembly::begin(place, len, self.backup_of(relative), self.owner)?))
    }

    fn forget_unfinished(&self, relative: &str) -> Result<(), FolderError> {
        match below::find(&self.root, relative, Make::No) {
            Err(FolderError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            place => assembly::forget(&place?),
        }
    }

    fn link(
        &self,
        relative: &str,
        target: &[u8],
        kept: &Kept,
        expected: Option<&FileVersion>,
    ) -> Result<(), FolderError> {
        if target.is_empty() || target.contains(&0) {
            return Err(FolderError::Name("a symbolic link cannot lead there"));
        }
        let place = below::find(&self.root, relative, Make::Owned(self.owner))?;
        place.stat_as_expected(expected)?;
        let unfinished = unfinished_name(&place.name);
        let make = || symlinkat(target, &place.folder, unfinished.as_str());
        let made = match make() {
            // A run that was killed has left it, or another one is at work on it.
            Err(Errno::EXIST) => {
                assembly::forget_link(&place, &unfinished)?;
                make()
            }
            made => made,
        };
        made.map_err(|errno| FolderError::Io(errno.into()))?;
        finish::set_link(&place, &unfinished, &finish::owned(kept, self.owner))?;
        take_name(&place, &unfinished, expected, self.backup_of(relative).as_ref())
    }

    fn make_folder(&self, relative: &str) -> Result<(), FolderError> {
        let place = below::find(&self.root, relative.trim_end_matches('/'), Make::Owned(self.owner))?;
        below::enter(&place.folder, &place.name, Make::Owned(self.owner)).map(|_| ())
    }

    fn set(&self, relative: &str, kept: &Kept) -> Result<(), FolderError> {
        let place = below::find(&self.root, relative, Make::No)?;
        let Some(stat) = place.stat()? else { return Err(FolderError::Changed) };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            return finish::set_link(&place, &place.name, kept);
        }
        let opened = opening::open(&place.folder, place.name.as_str(), OFlags::NOFOLLOW | OFlags::NONBLOCK);
        let file: File = opened.map_err(|errno| FolderError::Io(errno.into()))?.into();
        if !file.metadata()?.is_file() {
            return Err(FolderError::Changed);
        }
        finish::set(&file, kept)
    }

    fn remove(&self, relative: &str, expected: &FileVersion) -> Result<(), FolderError> {
        let place = match below::find(&self.root, relative, Make::No) {
            Err(FolderError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            place => place?,
        };
        if place.stat()?.is_none() {
            return Ok(());
        }
        place.stat_as_expected(Some(expected))?;
        if let Some(backup) = &self.backup {
            backup.keep(&place, relative)?;
        }
        match unlinkat(&place.folder, place.name.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FolderError::Io(errno.into())),
        }
    }

    fn remove_empty(&self, relative: &str) -> Result<bool, FolderError> {
        let mut folder = relative.trim_end_matches('/');
        let mut removed = false;
        while !folder.is_empty() {
            let place = match below::find(&self.root, folder, Make::No) {
                Err(FolderError::Io(error)) if error.kind() == io::ErrorKind::NotFound => break,
                place => place?,
            };
            match unlinkat(&place.folder, place.name.as_str(), AtFlags::REMOVEDIR) {
                Ok(()) => removed = true,
                Err(Errno::NOENT) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY | Errno::NOTDIR) => break,
                Err(errno) => return Err(FolderError::Io(errno.into())),
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
        Ok(removed)
    }

    #[cfg(target_os = "linux")]
    fn flush(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.root)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn flush(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.root)?)
    }
}
