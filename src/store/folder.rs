//! Folders as destinations: new versions of files are put together beside the old ones and take their names at once.
//!
//! What is written, and where it comes from, the engine decides.
//!
//! # Contract
//! - A name stands for the old version or the new one, whole, whatever is killed, whenever.
//! - Nothing outside of the folder is read, written or deleted, whatever a name looks like: no link below the folder is
//!   followed, no component is `.`, `..` or empty.
//! - What is in the way and is no file (a folder, a device, a socket, a pipe) is never replaced.
//! - Every method blocks, and may be called from many threads at once.

use std::io;

use thiserror::Error;

use super::source::{Source, SourceFile};
use crate::delta::ReadAt;

/// What names of unfinished versions end with; they begin with a dot.
pub(crate) const UNFINISHED_SUFFIX: &str = ".hspart";

/// Whether a name is one that an unfinished version has, so that it is neither synced nor deleted.
pub fn is_unfinished(relative: &str) -> bool {
    let name = relative.rsplit('/').next().unwrap_or_default();
    name.starts_with('.') && name.ends_with(UNFINISHED_SUFFIX)
}

/// What a file or link is to have beside its bytes. `None` is what the system gives to a new file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Permission bits; the type is not looked at. Set-user-ID, set-group-ID and sticky are set only with `owner`.
    pub mode: Option<u32>,
    /// User and group, set where the process may.
    pub owner: Option<(u32, u32)>,
    /// Last change of the bytes: seconds since 1970, and nanoseconds of that second.
    pub mtime: Option<(i64, u32)>,
}

/// Which version of a file stands under a name: another one differs in one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileVersion {
    /// The file system.
    pub device: u64,
    /// The file.
    pub inode: u64,
    /// Bytes.
    pub len: u64,
    /// Last change of the bytes: seconds and nanoseconds.
    pub mtime: (i64, u32),
}

/// Why a name below a folder is not what it should be.
#[derive(Debug, Error)]
pub enum FolderError {
    /// No file below a folder can have this name.
    #[error("no local file can have this name: {0}")]
    Name(&'static str),
    /// Something stands there that is not replaced.
    #[error("{0} is in the way")]
    InTheWay(&'static str),
    /// Another run writes the same file.
    #[error("another run is writing this file")]
    Busy,
    /// What stands there is another version than the one that was looked at.
    #[error("the file was changed in the meantime")]
    Changed,
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A folder that files are written to.
pub trait Folder: Source {
    /// Which version stands under a name; `None` where nothing does. A link is a version too; what is neither file nor link
    /// is [`FolderError::InTheWay`].
    fn version(&self, relative: &str) -> Result<Option<FileVersion>, FolderError>;

    /// The file in the same folder whose name is most like this one, if one is like it at all.
    fn similar(&self, relative: &str) -> Result<Option<String>, FolderError>;

    /// Begins a new version of `len` bytes, making the folders above it. Where an earlier run has left one unfinished, that
    /// one is taken up ([`Assembly::is_resumed`]).
    fn assemble(&self, relative: &str, len: u64) -> Result<Box<dyn Assembly>, FolderError>;

    /// Deletes what an interrupted run has left of a new version, unless another run is at work on it.
    fn forget_unfinished(&self, relative: &str) -> Result<(), FolderError>;

    /// Puts a symbolic link under a name, in the place of the version that is `expected` there.
    fn link(
        &self,
        relative: &str,
        target: &[u8],
        kept: &Kept,
        expected: Option<&FileVersion>,
    ) -> Result<(), FolderError>;

    /// Makes a folder and those above it; one that is there already is no error.
    fn make_folder(&self, relative: &str) -> Result<(), FolderError>;

    /// Sets what a standing file or link is to have beside its bytes.
    fn set(&self, relative: &str, kept: &Kept) -> Result<(), FolderError>;

    /// Deletes a file or link if it still is `expected`, or moves it below the folder for backups, if there is one. One that
    /// is gone already is no error.
    fn remove(&self, relative: &str, expected: &FileVersion) -> Result<(), FolderError>;

    /// Deletes a folder if it is empty, and then those above it that have become so; never the root. Says whether it did.
    fn remove_empty(&self, relative: &str) -> Result<bool, FolderError>;

    /// Has the file system write everything down that was written here.
    fn flush(&self) -> io::Result<()>;
}

/// A new version of a file that is being put together. Nothing shows under its name before it is committed. One that is
/// dropped stays for the next run.
pub trait Assembly: ReadAt + Send + Sync {
    /// Whether an earlier run has begun it: some of its bytes may be right already.
    fn is_resumed(&self) -> bool;

    /// Writes bytes at their place. Bytes that were never written are zeros.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the `len` bytes from `to` on those of `basis` from `from` on, shared on the disk where the file system can.
    fn copy(&self, basis: &dyn SourceFile, from: u64, to: u64, len: u64) -> io::Result<()>;

    /// Begins, or takes up, notes about the version of this `identity`, which lie with the bytes until it is committed. Says
    /// whether an earlier run has left notes about the same one; those about another are gone.
    fn begin_notes(&self, identity: &[u8; 32]) -> io::Result<bool>;

    /// Notes something about the part of this number.
    fn note(&self, part: u64, note: &[u8; 16]) -> io::Result<()>;

    /// What was noted about it; zeros where nothing was.
    fn noted(&self, part: u64) -> io::Result<[u8; 16]>;

    /// Gives it its name, if what stands there still is `expected`; that version goes below the folder for backups, if there
    /// is one. With `durable` its bytes are on the disk before.
    ///
    /// # Errors
    /// [`FolderError::Changed`] where something else stands there; nothing is replaced then.
    fn commit(&self, kept: &Kept, expected: Option<&FileVersion>, durable: bool) -> Result<(), FolderError>;

    /// Deletes it.
    fn discard(&self) -> io::Result<()>;
}
