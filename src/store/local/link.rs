//! A symbolic link that is uploaded as one: its bytes are its target.
//!
//! It never looks at what the link leads to.

use std::io;
use std::ops::Range;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Stat, readlinkat, statat};

use super::file::no_longer;
use crate::delta::ReadAt;
use crate::store::source::{FileAttributes, SourceFile};

/// A link as it was when it was opened.
#[derive(Debug)]
pub(super) struct LocalLink {
    root: Arc<OwnedFd>,
    relative: String,
    target: Vec<u8>,
    attributes: FileAttributes,
}

impl LocalLink {
    /// Reads the link called `relative` below `root`. Anything else is an error of the kind `InvalidInput`.
    pub(super) fn open(root: Arc<OwnedFd>, relative: String) -> io::Result<Self> {
        let (target, attributes) = look_at(&root, &relative)?;
        Ok(Self { root, relative, target, attributes })
    }
}

fn look_at(root: &OwnedFd, relative: &str) -> io::Result<(Vec<u8>, FileAttributes)> {
    let stat = statat(root, relative, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return Err(no_longer("is no symbolic link any more"));
    }
    // EINVAL where it is no link any more (readlink(2)), which is the right kind already.
    Ok((readlinkat(root, relative, Vec::new())?.into_bytes(), attributes_of(&stat)))
}

fn attributes_of(stat: &Stat) -> FileAttributes {
    FileAttributes {
        mode: stat.st_mode,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: stat.st_mtime,
        mtime_nanos: stat.st_mtime_nsec as u32,
        names: stat.st_nlink,
    }
}

impl ReadAt for LocalLink {
    fn len(&self) -> u64 {
        ReadAt::len(&self.target)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.target.read_exact_at(buf, offset)
    }

    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        self.target.data_extent(from)
    }
}

impl SourceFile for LocalLink {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn has_changed(&self) -> io::Result<bool> {
        match look_at(&self.root, &self.relative) {
            Ok((target, attributes)) => Ok((target, attributes.mtime) != (self.target.clone(), self.attributes.mtime)),
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn attributes(&self) -> FileAttributes {
        self.attributes
    }
}
