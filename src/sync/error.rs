//! Why a file is not at the destination.

use std::io;

use rustix::io::Errno;
use thiserror::Error;

use crate::delta::ScanError;
use crate::stitch::PlanError;
use crate::store::{BadKey, ErrorKind, FolderError, StoreError, TOO_MANY_OPEN};

/// What is said of a file whose sync was stopped, or not begun any more.
pub const INTERRUPTED: &str = "interrupted";

/// What ended the sync of one file.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Read(#[source] io::Error),
    /// The file was written to while it was read.
    #[error("the file changed while it was read")]
    Changed,
    /// Somebody else writes to the same key.
    #[error("somebody else wrote {url} in the meantime ({attempts} attempts)")]
    Conflict {
        /// The object.
        url: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store copied or keeps is not what was read here.
    #[error("{0}")]
    NotEqual(String),
    /// The store does not copy a range that it has.
    #[error("the store does not copy ranges of the old version ({0})")]
    NotCopied(String),
    /// The file cannot be cut into parts.
    #[error("the file cannot be uploaded: {0}")]
    Plan(#[from] PlanError),
    /// The name is no key.
    #[error("the file cannot have a key: {0}")]
    Key(#[from] BadKey),
    /// The file cannot be written.
    #[error("cannot write the file: {0}")]
    Folder(#[from] FolderError),
    /// The object was there when it was listed.
    #[error("the object is gone")]
    Gone,
    /// The run was stopped.
    #[error("{INTERRUPTED}")]
    Interrupted,
}

impl FileError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Some("run as a user who may read it".to_owned())
            }
            Self::Read(error) if matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE)) => {
                Some(TOO_MANY_OPEN.to_owned())
            }
            Self::Changed => Some("sync it while nothing writes to it, or sync a snapshot of it".to_owned()),
            Self::Conflict { .. } => Some("let one job at a time write to a key".to_owned()),
            Self::Store(error) => error.kind.hint().map(str::to_owned),
            Self::Folder(error) => folder_hint(error).map(str::to_owned),
            _ => None,
        }
    }

    /// Whether it may be another one, or none, when it is tried again later with nothing changed here.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Interrupted => true,
            Self::Store(StoreError { kind, .. }) => {
                kind.is_silence()
                    || matches!(kind, ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::ExpiredCredentials)
            }
            _ => false,
        }
    }

    /// Whether every other file would fail in the same way.
    pub(crate) fn concerns_all(&self) -> bool {
        matches!(self, Self::Store(error) if error.kind.concerns_credentials()
        || matches!(
            error.kind,
            ErrorKind::NoSuchBucket | ErrorKind::WrongRegion | ErrorKind::Untrusted | ErrorKind::NoServer
        ))
    }
}

/// What to do about a file that cannot be written.
fn folder_hint(error: &FolderError) -> Option<&'static str> {
    Some(match error {
        FolderError::InTheWay(_) => "move it away, or leave the name out with --exclude",
        FolderError::Busy => "wait until that run has ended",
        FolderError::Name(_) => "copy the object to another key, or leave it out with --exclude",
        FolderError::Changed => "sync it while nothing else writes to it",
        FolderError::Io(error) => match (error.kind(), Errno::from_io_error(error)) {
            (io::ErrorKind::PermissionDenied, _) => "run as a user who may write there",
            (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => {
                "make room on the disk: the old version stays until the new one is whole"
            }
            (io::ErrorKind::ReadOnlyFilesystem, _) => {
                "the file system is mounted read-only: choose another destination"
            }
            (_, Some(Errno::MFILE | Errno::NFILE)) => TOO_MANY_OPEN,
            _ => return None,
        },
    })
}

impl From<ScanError> for FileError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Cancelled => Self::Interrupted,
            ScanError::Read { source, .. } => Self::from_read(source),
        }
    }
}

impl FileError {
    /// A failed read: a file that ended early has changed.
    pub(crate) fn from_read(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Changed } else { Self::Read(error) }
    }
}

impl FileError {
    /// Whether somebody else wrote to the key.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Folder(FolderError::Changed) => true,
            // An upload that is gone was given up by somebody who shared it.
            Self::Store(error) => error.kind.is_conflict() || error.kind == ErrorKind::NoSuchUpload,
            _ => false,
        }
    }

    /// Whether the store has found, or copied, other bytes than were read here.
    pub(crate) fn is_mismatch(&self) -> bool {
        match self {
            Self::NotEqual(_) => true,
            Self::Store(error) => error.kind == ErrorKind::ChecksumMismatch,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_descriptors_says_what_to_do() {
        for errno in [Errno::MFILE, Errno::NFILE] {
            assert_eq!(FileError::Read(errno.into()).hint().as_deref(), Some(TOO_MANY_OPEN));
        }
        assert_eq!(FileError::Read(Errno::IO.into()).hint(), None);
    }
}
