//! What stands at the destination under a file's name.

use std::sync::Arc;

use crate::store::{FileVersion, Folder, FolderError, SourceEntry, SourceFile};
use crate::sync::error::FileError;

/// An old version, open, and which one it is.
#[derive(Clone)]
pub(crate) struct Standing {
    pub(crate) file: Arc<dyn SourceFile>,
    pub(crate) version: FileVersion,
}

impl Standing {
    /// Opens what stands under a name, if something does. Blocks.
    ///
    /// The version is asked for before the file is opened: should it be replaced in between, the commit will notice.
    pub(crate) fn open(folder: &dyn Folder, entry: &SourceEntry) -> Result<Option<Self>, FileError> {
        let Some(version) = folder.version(&entry.relative)? else { return Ok(None) };
        match folder.open(entry) {
            Ok(file) => Ok(Some(Self { file, version })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            // A file has become a link or a link a file.
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => Err(FolderError::Changed.into()),
            Err(error) => Err(FileError::Read(error)),
        }
    }
}
