//! The last steps of a new version: mode, owner and times, and the name that it takes from the old one.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, OnceLock};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, chownat, fchmod, fchown, futimens,
    renameat, utimensat,
};
use rustix::io::Errno;

use super::backup::Backup;
use super::below::Place;
use crate::store::{FileVersion, FolderError, Kept};

/// Permission bits of everybody.
const PERMISSIONS: u32 = 0o777;
/// Set-user-ID, set-group-ID and sticky.
const SPECIAL: u32 = 0o7000;

/// Sets what a file is to have; what is not asked for comes from the version that it replaces, or is what new files get.
pub(super) fn set_all(file: &File, kept: &Kept, replaced: Option<&Stat>) -> Result<(), FolderError> {
    let of_replaced = replaced
        .filter(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
        .map(|stat| stat.st_mode & PERMISSIONS);
    let mode = kept.mode.or(of_replaced).unwrap_or(0o666 & !umask());
    set(file, &Kept { mode: Some(mode), ..*kept })
}

/// What is to be set, with an owner where none is asked for.
pub(super) fn owned(kept: &Kept, owner: Option<(u32, u32)>) -> Kept {
    Kept { owner: kept.owner.or(owner), ..*kept }
}

/// Sets what is asked for on an open file.
pub(super) fn set(file: &File, kept: &Kept) -> Result<(), FolderError> {
    let mut owned = false;
    if let Some((user, group)) = kept.owner {
        // Who may not give files away keeps them, as with tar and rsync.
        owned = match fchown(file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))) {
            Ok(()) => true,
            Err(Errno::PERM) => false,
            Err(errno) => return Err(io(errno)),
        };
    }
    if let Some(mode) = kept.mode {
        // Rights of an owner are not lent to another one.
        let allowed = if owned { PERMISSIONS | SPECIAL } else { PERMISSIONS };
        if file.metadata()?.mode() & (PERMISSIONS | SPECIAL) != mode & allowed {
            fchmod(file, Mode::from_raw_mode((mode & allowed) as _)).map_err(io)?;
        }
    }
    if let Some(mtime) = kept.mtime {
        futimens(file, &times(mtime)).map_err(io)?;
    }
    Ok(())
}

/// Sets what is asked for on a link; links have no mode.
pub(super) fn set_link(place: &Place, name: &str, kept: &Kept) -> Result<(), FolderError> {
    if let Some((user, group)) = kept.owner {
        let (user, group) = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        match chownat(&place.folder, name, user, group, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(()) | Err(Errno::PERM) => {}
            Err(errno) => return Err(io(errno)),
        }
    }
    if let Some(mtime) = kept.mtime {
        utimensat(&place.folder, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW).map_err(io)?;
    }
    Ok(())
}

/// Gives what is called `unfinished` the name of `place`, if what stands there still is `expected`. That goes into the
/// backup before, so that the name is never without a file.
pub(super) fn take_name(
    place: &Place,
    unfinished: &str,
    expected: Option<&FileVersion>,
    backup: Option<&(Arc<Backup>, String)>,
) -> Result<(), FolderError> {
    place.stat_as_expected(expected)?;
    if let (Some(_), Some((backup, relative))) = (expected, backup) {
        backup.keep(place, relative)?;
    }
    let name = place.name.as_str();
    #[cfg(target_os = "linux")]
    if expected.is_none() {
        use rustix::fs::{RenameFlags, renameat_with};
        match renameat_with(&place.folder, unfinished, &place.folder, name, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => return Err(FolderError::Changed),
            // A file system that does not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            renamed => return renamed.map_err(io),
        }
    }
    renameat(&place.folder, unfinished, &place.folder, name).map_err(io)
}

fn times((seconds, nanos): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT as _ },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: nanos as _ },
    }
}

/// The bits that new files do not get. Asked of /proc, since only setting it would tell otherwise, for all threads.
fn umask() -> u32 {
    static UMASK: OnceLock<u32> = OnceLock::new();
    *UMASK.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let told = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        told.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok()).unwrap_or(0o022)
    })
}

fn io(errno: Errno) -> FolderError {
    FolderError::Io(errno.into())
}
