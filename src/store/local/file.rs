//! An open local file, read by position.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;

use super::assembly::data_extent;
use super::{opening, untold};
use crate::delta::ReadAt;
use crate::store::source::{FileAttributes, SourceFile};

/// A regular file, open for reading; its length is the one that it had then.
#[derive(Debug)]
pub struct LocalFile {
    file: File,
    opened: Metadata,
    /// All of its bytes, where the file system does not tell how many there are.
    read: Option<Vec<u8>>,
}

/// What was found is something else by now.
pub(super) fn no_longer(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

impl LocalFile {
    /// Opens a regular file; a link is followed. Anything else is an error of the kind `InvalidInput`.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_below(CWD, path, true)
    }

    /// Opens a regular file that lies below `folder`. Anything else, which includes links unless they are to be followed,
    /// is an error of the kind `InvalidInput`.
    pub(super) fn open_below(folder: impl AsFd, path: impl Arg + Copy, follow: bool) -> io::Result<Self> {
        // Without NONBLOCK opening a pipe would wait for its other end; regular files do not mind it (open(2)).
        let mut flags = OFlags::NONBLOCK;
        flags.set(OFlags::NOFOLLOW, !follow);
        let file: File = match opening::open(folder, path, flags) {
            Ok(file) => file.into(),
            Err(Errno::LOOP) if !follow => return Err(no_longer("is a symbolic link")),
            // A socket, or a device that nothing stands behind (open(2)).
            Err(Errno::NXIO) => return Err(no_longer("is no regular file")),
            Err(errno) => return Err(errno.into()),
        };
        let opened = file.metadata()?;
        if !opened.is_file() {
            return Err(no_longer("is no regular file"));
        }
        let read = untold::bytes(&file, &opened)?;
        Ok(Self { file, opened, read })
    }
}

impl ReadAt for LocalFile {
    fn len(&self) -> u64 {
        self.read.as_ref().map_or(self.opened.len(), ReadAt::len)
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        if let Some(read) = &self.read {
            return read.read_exact_at(buf, offset);
        }
        FileExt::read_exact_at(&self.file, buf, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read")
            }
            _ => error,
        })
    }

    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        if let Some(read) = &self.read {
            return read.data_extent(from);
        }
        data_extent(&self.file, from, self.len())
    }
}

impl SourceFile for LocalFile {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.read.is_none().then(|| self.file.as_fd())
    }

    fn has_changed(&self) -> io::Result<bool> {
        if self.read.is_some() {
            // It is the bytes that were read when it was opened, whatever stands there now.
            return Ok(false);
        }
        let state = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        // Bytes behind its end: the file system has not told the length, or not yet.
        Ok(state(&self.file.metadata()?) != state(&self.opened) || self.file.read_at(&mut [0], self.opened.len())? > 0)
    }

    fn attributes(&self) -> FileAttributes {
        FileAttributes {
            mode: self.opened.mode(),
            uid: self.opened.uid(),
            gid: self.opened.gid(),
            mtime: self.opened.mtime(),
            mtime_nanos: self.opened.mtime_nsec() as u32,
            names: self.opened.nlink(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustix::fs::{FileType, Mode};

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
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
        for path in [folder.path().to_owned(), at("pipe"), at("socket")] {
            assert_eq!(LocalFile::open(&path).expect_err("no file").kind(), io::ErrorKind::InvalidInput, "{path:?}");
        }
    }

    #[test]
    fn links_are_followed_where_that_is_wanted() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "seven").expect("a file");
        std::os::unix::fs::symlink("file", folder.path().join("link")).expect("a link");
        let open = |follow| LocalFile::open_below(File::open(folder.path()).expect("it opens"), "link", follow);
        assert_eq!(open(true).expect("it opens").len(), 5);
        assert_eq!(open(true).expect("it opens").attributes().mode & 0o170000, 0o100000);
        assert_eq!(open(false).expect_err("a link").kind(), io::ErrorKind::InvalidInput);
    }
}
