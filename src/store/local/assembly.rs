//! A new version of a file, put together beside the old one under a name of its own and renamed when it is whole.
//!
//! What is written into it, and whether it is right, the engine decides.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, SeekFrom, fchmod, flock, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::backup::Backup;
use super::below::{MAX_NAME, Place, version_of};
use super::finish::{self, take_name};
use super::opening;
use crate::delta::ReadAt;
use crate::store::source::SourceFile;
use crate::store::{Assembly, FileVersion, FolderError, Kept, UNFINISHED_SUFFIX};

/// How much is copied at once where the system does not copy by itself, in bytes.
const COPY_BUFFER: usize = 1 << 20;
/// The length of the identity that notes begin with, and of a note, in bytes.
const IDENTITY_LEN: u64 = 32;
const NOTE_LEN: u64 = 16;
/// How often a file is opened that others rename or remove meanwhile.
const MAX_OPENS: u32 = 10;

/// A file that is being put together. Its lock keeps other runs away and ends with it.
#[derive(Debug)]
pub(super) struct LocalAssembly {
    file: File,
    len: u64,
    resumed: bool,
    place: Place,
    /// Its name until it is whole.
    unfinished: String,
    backup: Option<(Arc<Backup>, String)>,
    /// Whose it is to be, where nothing else says so.
    owner: Option<(u32, u32)>,
}

impl LocalAssembly {
    /// Notes lie behind the bytes: whose they are, then one for each part.
    const fn place_of_note(&self, part: u64) -> u64 {
        self.len + IDENTITY_LEN + part * NOTE_LEN
    }

    /// Begins one of `len` bytes for `place`, or takes up what an earlier run has left. What it replaces goes into the
    /// backup under the name that comes with it.
    pub(super) fn begin(
        place: Place,
        len: u64,
        backup: Option<(Arc<Backup>, String)>,
        owner: Option<(u32, u32)>,
    ) -> Result<Self, FolderError> {
        let unfinished = unfinished_name(&place.name);
        for _ in 0..MAX_OPENS {
            if let Some(file) = open_locked(&place, &unfinished)? {
                let before = file.metadata()?.len();
                let resumed = before > 0;
                // What lies behind may be notes of an earlier run.
                if before < len {
                    file.set_len(len)?;
                }
                return Ok(Self { file, len, resumed, place, unfinished, backup, owner });
            }
        }
        Err(FolderError::Busy)
    }
}

/// Opens and locks the unfinished file; `None` where another run has renamed or removed it before it was locked.
fn open_locked(place: &Place, unfinished: &str) -> Result<Option<File>, FolderError> {
    // Without NONBLOCK opening a pipe would wait for its other end.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    // Nobody else reads what may not be for everybody; the file gets its mode when it is whole.
    let opened = opening::open_or_make(&place.folder, unfinished, flags, Mode::RUSR | Mode::WUSR);
    let in_the_way = FolderError::InTheWay("something that is not an unfinished file of HugeSync");
    let file: File = match opened {
        Ok(file) => file.into(),
        // A run that was killed right before its end has given it a mode without write permission.
        Err(Errno::ACCESS) if is_ours(&place.folder, unfinished) => {
            unlinkat(&place.folder, unfinished, AtFlags::empty()).map_err(|errno| FolderError::Io(errno.into()))?;
            return Ok(None);
        }
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Err(in_the_way),
        Err(errno) => return Err(FolderError::Io(errno.into())),
    };
    let opened = file.metadata()?;
    // One that somebody else has put there could be written to by them later.
    if !opened.is_file() || opened.nlink() > 1 || opened.uid() != geteuid().as_raw() {
        return Err(in_the_way);
    }
    if opened.mode() & 0o777 != 0o600 {
        fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(|errno| FolderError::Io(errno.into()))?;
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(FolderError::Busy),
        // A file system without locks.
        Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK | Errno::INVAL) => {}
        Err(errno) => return Err(FolderError::Io(errno.into())),
    }
    let stands = statat(&place.folder, unfinished, AtFlags::SYMLINK_NOFOLLOW);
    Ok(stands.is_ok_and(|stat| version_of(&stat).inode == opened.ino()).then_some(file))
}

fn is_ours(folder: &OwnedFd, unfinished: &str) -> bool {
    let stat = statat(folder, unfinished, AtFlags::SYMLINK_NOFOLLOW);
    stat.is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_uid == geteuid().as_raw()
    })
}

/// Deletes what an earlier run has left, if there is something and nobody is at work on it.
pub(super) fn forget(place: &Place) -> Result<(), FolderError> {
    let unfinished = unfinished_name(&place.name);
    if statat(&place.folder, unfinished.as_str(), AtFlags::SYMLINK_NOFOLLOW).is_err() {
        return Ok(());
    }
    match open_locked(place, &unfinished) {
        Ok(Some(_lock)) => match unlinkat(&place.folder, unfinished.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FolderError::Io(errno.into())),
        },
        Ok(None) | Err(FolderError::Busy | FolderError::InTheWay(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes room for an unfinished link: what an earlier run has left goes, what another run is at work on stays.
pub(super) fn forget_link(place: &Place, unfinished: &str) -> Result<(), FolderError> {
    let stat = statat(&place.folder, unfinished, AtFlags::SYMLINK_NOFOLLOW);
    let is_link = stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    // A link cannot be locked, and is whole as soon as it is there.
    let _lock = if is_link { None } else { open_locked(place, unfinished)? };
    match unlinkat(&place.folder, unfinished, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(FolderError::Io(errno.into())),
    }
}

/// What a file is called until it is whole. A name that leaves no room is cut and told from others by its hash.
pub(super) fn unfinished_name(name: &str) -> String {
    let whole = format!(".{name}{UNFINISHED_SUFFIX}");
    if whole.len() <= MAX_NAME {
        return whole;
    }
    let hash = &blake3::hash(name.as_bytes()).to_hex()[..16];
    let mut end = MAX_NAME - UNFINISHED_SUFFIX.len() - hash.len() - 2;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}.{hash}{UNFINISHED_SUFFIX}", &name[..end])
}

impl ReadAt for LocalAssembly {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buf, offset)
    }

    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        data_extent(&self.file, from, self.len)
    }
}

/// The next range of a file from `from` on that is no hole. Moves the descriptor's offset, which reading by position does
/// not use.
pub(super) fn data_extent(file: &File, from: u64, len: u64) -> io::Result<Option<Range<u64>>> {
    let start = match rustix::fs::seek(file, SeekFrom::Data(from)) {
        Ok(start) => start,
        // ENXIO: no data behind `from` (lseek(2)).
        Err(Errno::NXIO) => return Ok(None),
        // A file system that does not know holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok((from < len).then_some(from..len)),
        Err(errno) => return Err(errno.into()),
    };
    let end = rustix::fs::seek(file, SeekFrom::Hole(start))?.min(len);
    Ok((start < end).then_some(start..end))
}

impl Assembly for LocalAssembly {
    fn is_resumed(&self) -> bool {
        self.resumed
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn copy(&self, basis: &dyn SourceFile, from: u64, to: u64, len: u64) -> io::Result<()> {
        let done = copied_by_the_system(basis, &self.file, from, to, len)?;
        copied_here(basis, &self.file, from + done, to + done, len - done)
    }

    fn begin_notes(&self, identity: &[u8; 32]) -> io::Result<bool> {
        let mut there = [0; IDENTITY_LEN as usize];
        let read = FileExt::read_exact_at(&self.file, &mut there, self.len);
        if read.is_ok() && there == *identity {
            return Ok(true);
        }
        self.file.set_len(self.len)?;
        self.file.write_all_at(identity, self.len)?;
        Ok(false)
    }

    fn note(&self, part: u64, note: &[u8; 16]) -> io::Result<()> {
        self.file.write_all_at(note, self.place_of_note(part))
    }

    fn noted(&self, part: u64) -> io::Result<[u8; 16]> {
        let mut note = [0; 16];
        match FileExt::read_exact_at(&self.file, &mut note, self.place_of_note(part)) {
            Ok(()) => Ok(note),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok([0; 16]),
            Err(error) => Err(error),
        }
    }

    fn commit(&self, kept: &Kept, expected: Option<&FileVersion>, durable: bool) -> Result<(), FolderError> {
        let stands = self.place.stat_as_expected(expected)?;
        // Notes go, and what a longer version has left.
        self.file.set_len(self.len)?;
        finish::set_all(&self.file, &finish::owned(kept, self.owner), stands.as_ref())?;
        if durable {
            self.file.sync_all()?;
        }
        take_name(&self.place, &self.unfinished, expected, self.backup.as_ref())?;
        if durable {
            rustix::fs::fsync(&self.place.folder).map_err(|errno| FolderError::Io(errno.into()))?;
        }
        Ok(())
    }

    fn discard(&self) -> io::Result<()> {
        match unlinkat(&self.place.folder, self.unfinished.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Copies what the system copies by itself, which shares blocks on file systems that can. Returns how many bytes that were.
#[cfg(target_os = "linux")]
fn copied_by_the_system(basis: &dyn SourceFile, file: &File, from: u64, to: u64, len: u64) -> io::Result<u64> {
    let Some(descriptor) = basis.descriptor() else { return Ok(0) };
    let (mut from, mut to, mut done) = (from, to, 0);
    while done < len {
        let most = usize::try_from(len - done).unwrap_or(usize::MAX).min(1 << 30);
        match rustix::fs::copy_file_range(descriptor, Some(&mut from), file, Some(&mut to), most) {
            // It has become shorter; whoever reads it says so.
            Ok(0) => break,
            Ok(copied) => done += copied as u64,
            Err(Errno::INTR) => {}
            // Between file systems, from special ones, by old kernels or where a sandbox forbids it (copy_file_range(2)).
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::TXTBSY) => break,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(done)
}

#[cfg(not(target_os = "linux"))]
fn copied_by_the_system(_: &dyn SourceFile, _: &File, _: u64, _: u64, _: u64) -> io::Result<u64> {
    Ok(0)
}

fn copied_here(basis: &dyn SourceFile, file: &File, from: u64, to: u64, len: u64) -> io::Result<()> {
    let mut buffer = vec![0; COPY_BUFFER.min(len as usize)];
    let mut done = 0;
    while done < len {
        let piece = &mut buffer[..(len - done).min(COPY_BUFFER as u64) as usize];
        basis.read_exact_at(piece, from + done)?;
        file.write_all_at(piece, to + done)?;
        done += piece.len() as u64;
    }
    Ok(())
}
