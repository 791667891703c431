//! Names below a folder, looked up so that nothing leads out of it: one component after the other, following no link.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, fchown, mkdirat, statat};
use rustix::io::Errno;

use super::opening;
use crate::store::{FileVersion, FolderError};

/// The longest name of a file in bytes (Linux, NAME_MAX).
pub(super) const MAX_NAME: usize = 255;

/// Whether folders that are missing on the way are made, and whose they are then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    No,
    Owned(Option<(u32, u32)>),
}

/// A name in a folder that is open.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) folder: Arc<OwnedFd>,
    pub(super) name: String,
}

/// Finds the folder that `relative` lies in; if it may be made it is, and those above it.
///
/// # Errors
/// [`FolderError::Name`] for a name that no file below a folder has, [`FolderError::InTheWay`] where a component is no folder.
pub(super) fn find(root: &Arc<OwnedFd>, relative: &str, make: Make) -> Result<Place, FolderError> {
    check(relative)?;
    let mut folder = Arc::clone(root);
    let mut components = relative.split('/').peekable();
    while let Some(component) = components.next() {
        if components.peek().is_none() {
            return Ok(Place { folder, name: component.to_owned() });
        }
        folder = Arc::new(enter(&folder, component, make)?);
    }
    unreachable!("a name has a last component")
}

fn check(relative: &str) -> Result<(), FolderError> {
    for component in relative.split('/') {
        match component {
            "" => return Err(FolderError::Name("it has an empty component")),
            "." | ".." => return Err(FolderError::Name("it leads through . or ..")),
            _ if component.contains('\0') => return Err(FolderError::Name("it has a zero byte")),
            _ if component.len() > MAX_NAME => return Err(FolderError::Name("a component is longer than 255 bytes")),
            _ => {}
        }
    }
    Ok(())
}

/// Opens a folder in a folder, no link; it may be made if it is not there.
pub(super) fn enter(folder: &OwnedFd, name: &str, make: Make) -> Result<OwnedFd, FolderError> {
    let open = || opening::open(folder, name, OFlags::DIRECTORY | OFlags::NOFOLLOW);
    let opened = match open() {
        Err(Errno::NOENT) if make != Make::No => match mkdirat(folder, name, Mode::from_raw_mode(0o777)) {
            Ok(()) => open().and_then(|made| {
                if let Make::Owned(Some((user, group))) = make {
                    match fchown(&made, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))) {
                        // Who may not give folders away keeps them.
                        Ok(()) | Err(Errno::PERM) => {}
                        Err(errno) => return Err(errno),
                    }
                }
                Ok(made)
            }),
            // Another thread was faster.
            Err(Errno::EXIST) => open(),
            Err(errno) => Err(errno),
        },
        opened => opened,
    };
    opened.map_err(|errno| match errno {
        Errno::NOTDIR | Errno::LOOP => FolderError::InTheWay(match kind_of(folder, name) {
            Some(FileType::Symlink) => "a symbolic link, where a folder should be,",
            Some(FileType::RegularFile) => "a file, where a folder should be,",
            _ => "something that is no folder",
        }),
        errno => FolderError::Io(errno.into()),
    })
}

fn kind_of(folder: &OwnedFd, name: &str) -> Option<FileType> {
    let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

impl Place {
    /// What stands there: a file or a link.
    pub(super) fn stat(&self) -> Result<Option<Stat>, FolderError> {
        let stat = match statat(&self.folder, self.name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(FolderError::Io(errno.into())),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Symlink => Ok(Some(stat)),
            FileType::Directory => Err(FolderError::InTheWay("a folder of this name")),
            _ => Err(FolderError::InTheWay("a special file of this name")),
        }
    }

    /// What stands there, if it is what is `expected`.
    pub(super) fn stat_as_expected(&self, expected: Option<&FileVersion>) -> Result<Option<Stat>, FolderError> {
        let stat = self.stat()?;
        if stat.as_ref().map(version_of).as_ref() == expected { Ok(stat) } else { Err(FolderError::Changed) }
    }
}

/// Which version a file is.
#[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
pub(super) fn version_of(stat: &Stat) -> FileVersion {
    FileVersion {
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        len: stat.st_size as u64,
        mtime: (stat.st_mtime as i64, stat.st_mtime_nsec as u32),
    }
}
