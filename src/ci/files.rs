//! The files that a job is told in: written where the job says, and nowhere that a link leads to.
//!
//! A container's root writes into a workspace that a checkout has filled: a link in it could lead anywhere. So names below
//! the working folder are opened one component after the other, following no link; and what is new belongs to whoever owns
//! the folder that it is in, since what root leaves there would be in the way of the next job.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{CWD, FileType, Gid, Mode, OFlags, Uid, fchown, fstat, mkdirat, openat};
use rustix::io::Errno;

/// How a folder on the way is opened.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// How the file itself is: without waiting, since it could be a pipe that nobody reads.
const FILE: OFlags = OFlags::WRONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Opens a file that the job names, to write it anew.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let here = std::env::current_dir()?;
    let below = path.strip_prefix(&here).unwrap_or(path);
    let mut names = Vec::new();
    for component in below.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::CurDir => {}
            // Elsewhere on the machine, where a checkout has put nothing.
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return create_elsewhere(path),
        }
    }
    let name = names.pop().ok_or(io::ErrorKind::IsADirectory)?;
    let mut folder = openat(CWD, ".", FOLDER, Mode::empty())?;
    for name in names {
        folder = match openat(&folder, name, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) => {
                mkdirat(&folder, name, Mode::from_raw_mode(0o755))?;
                let new = openat(&folder, name, FOLDER, Mode::empty())?;
                give_away(&new, &folder);
                new
            }
            found => found.map_err(told)?,
        };
    }
    open(&folder, name.as_ref())
}

fn create_elsewhere(path: &Path) -> io::Result<File> {
    let (folder, name) = (path.parent().ok_or(io::ErrorKind::IsADirectory)?, path.file_name());
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = openat(CWD, folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    open(&folder, name.ok_or(io::ErrorKind::IsADirectory)?.as_ref())
}

fn open(folder: &OwnedFd, name: &Path) -> io::Result<File> {
    let mode = Mode::from_raw_mode(0o644);
    let file = match openat(folder, name, FILE | OFlags::CREATE | OFlags::EXCL, mode) {
        Ok(new) => {
            give_away(&new, folder);
            new
        }
        Err(Errno::EXIST) => openat(folder, name, FILE, mode).map_err(told)?,
        Err(error) => return Err(told(error)),
    };
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("it is no file"));
    }
    rustix::fs::ftruncate(&file, 0)?;
    Ok(File::from(file))
}

/// Gives what is new to whoever owns the folder that it is in. Only root can, and only root has to.
fn give_away(new: &OwnedFd, folder: &OwnedFd) {
    if let Ok(owner) = fstat(folder) {
        let _ = fchown(new, Some(Uid::from_raw(owner.st_uid)), Some(Gid::from_raw(owner.st_gid)));
    }
}

/// What a refusal to follow links means.
fn told(error: Errno) -> io::Error {
    match error {
        Errno::LOOP => io::Error::other("it is a link"),
        Errno::NXIO => io::Error::other("it is no file"),
        Errno::NOTDIR => io::Error::other("it is below a link or a file"),
        error => error.into(),
    }
}
