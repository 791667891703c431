//! Where the bytes to upload come from: files that can be listed, opened and read by position.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::delta::ReadAt;

/// What the file system says of a file beside its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileAttributes {
    /// Type and permission bits, as `st_mode` has them: 0100644.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the bytes: seconds since 1970.
    pub mtime: i64,
    /// Nanoseconds of that second.
    pub mtime_nanos: u32,
    /// Names that the file has: more than one for hard links.
    pub names: u64,
}

/// What becomes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file: its bytes.
    File,
    /// A symbolic link that is kept as one: the bytes of its target.
    Symlink,
}

/// Something to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Its name below the source, with `/` between components: what its key ends with. Never empty, without `.`, `..` or
    /// empty components.
    pub relative: String,
    /// What it is.
    pub kind: EntryKind,
}

/// Something that is not uploaded, and why.
#[derive(Debug, Error)]
pub enum Skipped {
    /// It is a symbolic link.
    #[error("is a symbolic link, which is not followed")]
    Symlink,
    /// It is a symbolic link, and the user asked not to be told of those. Its name is known all the same, so that nothing
    /// takes its object for one whose file is gone.
    #[error("is a symbolic link, which is passed over")]
    UntoldSymlink,
    /// It is a device, a socket or a pipe.
    #[error("is no regular file")]
    Special,
    /// Its name is one that sidecars or unfinished files have.
    #[error("has a name that is reserved for files of HugeSync itself")]
    Reserved,
    /// It was there and is gone.
    #[error("vanished")]
    Vanished,
    /// Its name is no UTF-8, which no key can hold.
    #[error("has a name that is not UTF-8, which no object key can hold")]
    NotUtf8,
    /// A list of files names it, and it is not there.
    #[error("is not there")]
    Missing,
    /// A followed link leads back to a folder that it lies in.
    #[error("is a symbolic link to a folder that it lies in")]
    Loop,
    /// It cannot be looked at.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
}

impl Skipped {
    /// Whether something that should be at the destination is missing there.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::NotUtf8 | Self::Missing | Self::Unreadable(_) | Self::Loop)
    }

    /// Whether the user wants to hear of it.
    pub const fn is_told(&self) -> bool {
        !matches!(self, Self::UntoldSymlink)
    }
}

/// What a walk comes across.
#[derive(Debug)]
pub enum Found {
    /// Something to upload.
    Entry(SourceEntry),
    /// Something that the user's rules select and that is not uploaded.
    LeftOut {
        /// Where it is.
        path: PathBuf,
        /// The name that it would have, where it could have one. With a `/` at its end it stands for a folder with
        /// everything in it, known or not: an object whose name starts so is not one whose file is gone. A failure without
        /// a name (the source itself, a folder whose name is no UTF-8) may stand for anything.
        relative: Option<String>,
        /// Why.
        why: Skipped,
    },
}

impl Found {
    /// The name below the source, where there is one.
    pub fn relative(&self) -> Option<&str> {
        match self {
            Self::Entry(entry) => Some(&entry.relative),
            Self::LeftOut { relative, .. } => relative.as_deref(),
        }
    }
}

/// An open file whose bytes are uploaded. Its length is the one that it had when it was opened.
pub trait SourceFile: ReadAt + Send + Sync {
    /// Whether the file has been written to since it was opened, as far as its length and times tell.
    fn has_changed(&self) -> io::Result<bool>;

    /// What the file system said of it when it was opened.
    fn attributes(&self) -> FileAttributes;

    /// The descriptor that its bytes can be copied from inside the system, where there is one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// Where files come from.
pub trait Source: Send + Sync {
    /// Finds everything that the user's rules select and tells it in the byte order of the names below the source, so that
    /// it can be merged with a listing of keys; what has no such name comes at any time. Looks at names and kinds only.
    /// Blocks, so it wants a thread of its own; ends early when it is told to break.
    fn walk(&self, found: &mut dyn FnMut(Found) -> ControlFlow<()>);

    /// Opens an entry. One that is no longer what the walk has found is an error of the kind `InvalidInput`.
    fn open(&self, entry: &SourceEntry) -> io::Result<Arc<dyn SourceFile>>;

    /// Where an entry of this name is, for messages.
    fn path(&self, relative: &str) -> PathBuf;

    /// Whether the user's rules leave out a file of this name, existing or not: `relative` is the end of a foreign key
    /// and may be anything.
    fn leaves_out(&self, relative: &str) -> bool;
}
