//! The folder that files go to before they are replaced or deleted.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, linkat, readlinkat, symlinkat, unlinkat};
use rustix::io::Errno;

use super::below::{self, Make, Place, version_of};
use super::opening;
use crate::store::FolderError;

/// A folder for old versions. It is made when the first one comes.
#[derive(Debug)]
pub(super) struct Backup {
    path: PathBuf,
    root: OnceLock<Arc<OwnedFd>>,
}

impl Backup {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, root: OnceLock::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn root(&self) -> Result<Arc<OwnedFd>, FolderError> {
        if let Some(root) = self.root.get() {
            return Ok(Arc::clone(root));
        }
        std::fs::create_dir_all(&self.path)?;
        let root = opening::open(CWD, &self.path, OFlags::DIRECTORY).map_err(|errno| FolderError::Io(errno.into()))?;
        Ok(Arc::clone(self.root.get_or_init(|| Arc::new(root))))
    }

    /// Has what stands at a place stand here too, as `relative`; an older one of that name is replaced.
    pub(super) fn keep(&self, place: &Place, relative: &str) -> Result<(), FolderError> {
        let to = below::find(&self.root()?, relative, Make::Owned(None))?;
        // The folder for backups may be the destination itself, by whatever path: there is nothing to replace then.
        if to.stat()?.map(|stat| version_of(&stat)) == place.stat()?.map(|stat| version_of(&stat)) {
            return Err(FolderError::InTheWay("the file itself, where its backup should go,"));
        }
        // A second name costs nothing, and leaves no moment at which neither has the file.
        let link = || linkat(&place.folder, place.name.as_str(), &to.folder, to.name.as_str(), AtFlags::empty());
        let linked = match link() {
            Err(Errno::EXIST) => remove(&to).and_then(|()| link()),
            linked => linked,
        };
        match linked {
            Ok(()) => Ok(()),
            // Another file system, or one without second names.
            Err(Errno::XDEV | Errno::PERM | Errno::MLINK | Errno::OPNOTSUPP) => Ok(copy(place, &to)?),
            Err(errno) => Err(FolderError::Io(errno.into())),
        }
    }
}

fn remove(place: &Place) -> Result<(), Errno> {
    match unlinkat(&place.folder, place.name.as_str(), AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}

fn copy(from: &Place, to: &Place) -> io::Result<()> {
    remove(to)?;
    let stat = rustix::fs::statat(&from.folder, from.name.as_str(), AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
        let target = readlinkat(&from.folder, from.name.as_str(), Vec::new())?;
        return Ok(symlinkat(target, &to.folder, to.name.as_str())?);
    }
    let mut old: File = opening::open(&from.folder, from.name.as_str(), OFlags::NOFOLLOW)?.into();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
    let mut new: File = opening::open_or_make(&to.folder, to.name.as_str(), flags, mode)?.into();
    io::copy(&mut old, &mut new)?;
    new.set_times(std::fs::FileTimes::new().set_modified(old.metadata()?.modified()?))
}
