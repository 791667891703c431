//! An open local file, read by position.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::delta::ReadAt;
use crate::store::source::{FileAttributes, Source, SourceEntry, SourceFile};

/// Opens the files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalFiles;

impl Source for LocalFiles {
    fn open(&self, entry: &SourceEntry) -> io::Result<Arc<dyn SourceFile>> {
        Ok(Arc::new(LocalFile::open(&entry.path)?))
    }
}

/// A regular file, open for reading; its length is the one that it had then.
#[derive(Debug)]
pub struct LocalFile {
    file: File,
    opened: Metadata,
}

impl LocalFile {
    /// Opens a regular file. Anything else is an error of the kind `InvalidInput`.
    pub fn open(path: &Path) -> io::Result<Self> {
        // Looked at first: opening a pipe would wait for its other end.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"));
        }
        let file = File::open(path)?;
        let opened = file.metadata()?;
        Ok(Self { file, opened })
    }
}

impl ReadAt for LocalFile {
    fn len(&self) -> u64 {
        self.opened.len()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buf, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read")
            }
            _ => error,
        })
    }

    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        // Moves the descriptor's offset, which reading by position does not use.
        let len = self.len();
        let start = match rustix::fs::seek(&self.file, SeekFrom::Data(from)) {
            Ok(start) => start,
            // ENXIO: no data behind `from` (lseek(2)).
            Err(Errno::NXIO) => return Ok(None),
            // A file system that does not know holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok((from < len).then_some(from..len)),
            Err(errno) => return Err(errno.into()),
        };
        let end = rustix::fs::seek(&self.file, SeekFrom::Hole(start))?.min(len);
        Ok((start < end).then_some(start..end))
    }
}

impl SourceFile for LocalFile {
    fn has_changed(&self) -> io::Result<bool> {
        let state = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        Ok(state(&self.file.metadata()?) != state(&self.opened))
    }

    fn attributes(&self) -> FileAttributes {
        FileAttributes {
            mode: self.opened.mode() & 0o7777,
            uid: self.opened.uid(),
            gid: self.opened.gid(),
            mtime: self.opened.mtime(),
            mtime_nanos: self.opened.mtime_nsec() as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn holes_are_found_and_the_rest_is_data() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len(1 << 20).expect("a hole");
        file.as_file().write_all_at(&[7; 4096], 512 << 10).expect("data");
        let local = LocalFile::open(file.path()).expect("it opens");
        let data = local.data_extent(0).expect("extents").expect("there is data");
        assert!(data.start <= 512 << 10 && data.end >= (512 << 10) + 4096, "{data:?}");
        assert!(data.start == 0 && data.end == 1 << 20 || local.data_extent(data.end).expect("extents").is_none());
        file.write_all(b"x").expect("a write");
        assert!(local.has_changed().expect("its state"));
    }

    #[test]
    fn a_file_that_shrinks_is_an_error() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        file.as_file().set_len(8192).expect("a length");
        let local = LocalFile::open(file.path()).expect("it opens");
        file.as_file().set_len(100).expect("a length");
        let error = local.read_exact_at(&mut [0; 4096], 0).expect_err("it is too short");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(local.has_changed().expect("its state"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(LocalFile::open(folder.path()).expect_err("a folder").kind(), io::ErrorKind::InvalidInput);
    }
}
