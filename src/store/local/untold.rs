//! Files whose length the file system does not tell: it says 0 (`/proc`, some FUSE and network file systems) or a page
//! (`/sys`), and there are more or fewer bytes. They are read at once, since the next reading may bring others.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

/// The longest such file that is taken, in bytes; it is held in memory.
const MAX_LEN: u64 = 8 << 20;
/// How many bytes such file systems make up, at most: a page (sysfs), on machines with the largest ones.
const MADE_UP: u64 = 64 << 10;

/// The bytes of an open file whose length is not what the file system says; `None` where it may well be. A file that has no
/// blocks and some bytes is a hole, lies in its inode, or has no bytes that anybody counted.
pub(super) fn bytes(file: &File, says: &Metadata) -> io::Result<Option<Vec<u8>>> {
    up_to(MAX_LEN, file, says)
}

fn up_to(max_len: u64, file: &File, says: &Metadata) -> io::Result<Option<Vec<u8>>> {
    let is_doubtful = match says.len() {
        0 => file.read_at(&mut [0], 0)? > 0,
        1..=MADE_UP => says.blocks() == 0,
        _ => false,
    };
    if !is_doubtful {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(max_len + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_len {
        let text = format!(
            "the file system does not tell its length, and it has more than {max_len} bytes: sync a copy of it"
        );
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 != says.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &File) -> io::Result<Option<Vec<u8>>> {
        bytes(file, &file.metadata().expect("its metadata"))
    }

    #[test]
    fn of_ordinary_files_there_are_none() {
        for len in [0, 1, 4096, 100_000] {
            let file = tempfile::tempfile().expect("a file");
            file.set_len(len).expect("a hole");
            assert!(of(&file).expect("it can be read").is_none(), "{len}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn those_of_pseudo_files_are_read() {
        let version = of(&File::open("/proc/version").expect("it opens")).expect("it can be read");
        assert!(version.is_some_and(|text| text.starts_with(b"Linux version")));
        let online = File::open("/sys/devices/system/cpu/online").expect("it opens");
        assert_eq!(online.metadata().expect("its metadata").len(), 4096);
        let text = of(&online).expect("it can be read").expect("fewer bytes than it says");
        assert!(text.starts_with(b"0") && text.len() < 4096);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_does_not_end_is_an_error() {
        let version = File::open("/proc/version").expect("it opens");
        let error = up_to(5, &version, &version.metadata().expect("its metadata")).expect_err("it is longer");
        assert_eq!(
            error.to_string(),
            "the file system does not tell its length, and it has more than 5 bytes: sync a copy of it"
        );
    }
}
