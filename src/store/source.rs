//! Where the bytes to upload come from: files that can be listed, opened and read by position.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::delta::ReadAt;

/// What the file system says of a file beside its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileAttributes {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the bytes: seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds of that second.
    pub mtime_nanos: u32,
}

/// A file to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Where it is.
    pub path: PathBuf,
    /// Its name below the source, with `/` between components: what its key ends with.
    pub relative: String,
    /// Bytes, when it was listed.
    pub len: u64,
}

/// A file or folder that is not uploaded, and why.
#[derive(Debug, Error)]
pub enum Skipped {
    /// It is a symbolic link.
    #[error("is a symbolic link, which is not followed")]
    Symlink,
    /// It is a device, a socket or a pipe.
    #[error("is no regular file")]
    Special,
    /// Its name is one that sidecars have.
    #[error("has a name that is reserved for sidecars")]
    Reserved,
    /// It was there and is gone.
    #[error("vanished")]
    Vanished,
    /// Its name is no UTF-8, which no key can hold.
    #[error("has a name that is not UTF-8, which no object key can hold")]
    NotUtf8,
    /// It cannot be looked at.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
}

impl Skipped {
    /// Whether something that should be at the destination is missing there.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::NotUtf8 | Self::Unreadable(_))
    }
}

/// What lies in a source.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files, in the order of their names.
    pub entries: Vec<SourceEntry>,
    /// What is left out.
    pub skipped: Vec<(PathBuf, Skipped)>,
}

/// An open file whose bytes are uploaded. Its length is the one that it had when it was opened.
pub trait SourceFile: ReadAt + Send + Sync {
    /// Whether the file has been written to since it was opened, as far as its length and times tell.
    fn has_changed(&self) -> io::Result<bool>;

    /// What the file system said of it when it was opened.
    fn attributes(&self) -> FileAttributes;
}

/// Files to upload.
pub trait Source: Send + Sync {
    /// Opens one of them.
    fn open(&self, entry: &SourceEntry) -> io::Result<Arc<dyn SourceFile>>;
}
