//! One folder: its selected names, sorted as their keys are.
//!
//! It knows nothing of the order in which folders are read, nor of threads.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, FileType, OFlags, RawDir, Stat, fstat, statat};
use rustix::io::Errno;

use super::ignores::{self, Ignores};
use super::opening;
use super::options::Links;
use super::selection::{Choice, Selection};
use crate::store::source::{EntryKind, Skipped};

/// How many bytes of names the kernel is asked for at once, as the C library does it.
const DIRENT_BUFFER_LEN: usize = 32 << 10;

/// What folders are read with.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) root: Arc<OwnedFd>,
    pub(super) links: Links,
    pub(super) ignore_files: Vec<String>,
    pub(super) selection: Selection,
}

/// A folder to read.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its name below the source: empty, or with a slash at its end.
    pub(super) relative: String,
    /// The patterns that count in the folder that it lies in.
    ignores: Option<Arc<Ignores>>,
    /// The folders that it lies in, where links are followed.
    ancestors: Option<Arc<Ancestor>>,
}

impl Folder {
    /// The source itself.
    pub(super) fn root() -> Self {
        Self { relative: String::new(), ignores: None, ancestors: None }
    }
}

/// A folder by what tells it from all others, and those that it lies in.
#[derive(Debug)]
struct Ancestor {
    device_and_inode: (u64, u64),
    above: Option<Arc<Ancestor>>,
}

/// Why a folder cannot be read.
#[derive(Debug)]
pub(super) struct Unread {
    /// The ignore file in it that is to blame, if one is.
    pub(super) ignore_file: Option<String>,
    pub(super) error: io::Error,
}

impl From<Errno> for Unread {
    fn from(errno: Errno) -> Self {
        Self { ignore_file: None, error: errno.into() }
    }
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something to upload.
    Entry(EntryKind),
    /// A folder.
    Folder,
    /// Something that is not uploaded.
    LeftOut(Why),
}

impl Kind {
    fn is_folder(self) -> bool {
        matches!(self, Self::Folder | Self::LeftOut(Why::Loop))
    }
}

/// [`Skipped`], as small as it can be held a million times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Symlink,
    UntoldSymlink,
    Special,
    Vanished,
    NotUtf8,
    Missing,
    Loop,
    Unreadable(Errno),
}

impl From<Why> for Skipped {
    fn from(why: Why) -> Self {
        match why {
            Why::Symlink => Self::Symlink,
            Why::UntoldSymlink => Self::UntoldSymlink,
            Why::Special => Self::Special,
            Why::Vanished => Self::Vanished,
            Why::NotUtf8 => Self::NotUtf8,
            Why::Missing => Self::Missing,
            Why::Loop => Self::Loop,
            Why::Unreadable(errno) => Self::Unreadable(errno.into()),
        }
    }
}

/// A name, as a range of [`Listing::names`]. 12 bytes: folders with millions of them exist.
#[derive(Debug, Clone, Copy)]
struct Item {
    start: u32,
    len: u32,
    kind: Kind,
}

/// The selected names in a folder.
#[derive(Debug)]
pub(super) struct Listing {
    /// The folder's name below the source: empty, or with a slash at its end.
    relative: String,
    /// All names, end to end; those of folders end in a slash.
    names: String,
    /// In the byte order of the names. With the slash of folders that is the order of everything below them too: `a-b`
    /// comes before `a/x`, since `-` is less than `/`.
    items: Vec<Item>,
    /// Which of the items are folders.
    folders: Vec<u32>,
    /// What no key can be named after.
    pub(super) nameless: Vec<(OsString, Why)>,
    ignores: Option<Arc<Ignores>>,
    itself: Option<Arc<Ancestor>>,
}

impl Listing {
    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The name of an item below the source, and what it stands for.
    pub(super) fn item(&self, index: usize) -> (String, Kind) {
        let item = &self.items[index];
        let name = self.name(item);
        let mut relative = String::with_capacity(self.relative.len() + name.len());
        relative.push_str(&self.relative);
        relative.push_str(name);
        (relative, item.kind)
    }

    /// How many of the names are folders.
    pub(super) fn folders(&self) -> usize {
        self.folders.len()
    }

    /// The name of one of the folders below the source, with a slash at its end.
    pub(super) fn folder_name(&self, nth: usize) -> String {
        self.item(self.folders[nth] as usize).0
    }

    /// One of the folders, to read.
    pub(super) fn folder(&self, nth: usize) -> Folder {
        Folder { relative: self.folder_name(nth), ignores: self.ignores.clone(), ancestors: self.itself.clone() }
    }

    /// The folder's name below the source: empty, or with a slash at its end.
    pub(super) fn relative(&self) -> &str {
        &self.relative
    }

    /// About how many bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.relative.len() + self.names.len() + size_of::<Item>() * self.items.len()
    }

    fn name(&self, item: &Item) -> &str {
        &self.names[item.start as usize..][..item.len as usize]
    }

    fn push(&mut self, name: &str, kind: Kind) -> Result<(), Unread> {
        let (Ok(start), Ok(len)) = (u32::try_from(self.names.len()), u32::try_from(name.len() + 1)) else {
            let error = io::Error::other(format!("folder has more than {} bytes of names", u32::MAX));
            return Err(Unread { ignore_file: None, error });
        };
        self.names.push_str(name);
        let len = if kind.is_folder() {
            self.names.push('/');
            len
        } else {
            len - 1
        };
        self.items.push(Item { start, len, kind });
        Ok(())
    }

    fn sort(&mut self) {
        let names = self.names.as_bytes();
        self.items.sort_unstable_by_key(|item| &names[item.start as usize..][..item.len as usize]);
        self.folders.clear();
        self.folders.extend((0u32..).zip(&self.items).filter(|(_, item)| item.kind == Kind::Folder).map(|(at, _)| at));
    }

    /// Whether there is an item of this name, folders with their slash.
    fn has(&self, name: &[u8]) -> bool {
        self.items.binary_search_by(|item| self.name(item).as_bytes().cmp(name)).is_ok()
    }
}

impl Reader {
    /// Reads a folder. `buffer` is for reuse. Ends with an error of the kind `Interrupted` as soon as it is told to stop.
    pub(super) fn read(&self, folder: Folder, buffer: &mut Vec<u8>, stop: &AtomicBool) -> Result<Listing, Unread> {
        let descriptor = self.open(&folder.relative)?;
        let itself = if self.links == Links::Follow {
            Some(Arc::new(Ancestor { device_and_inode: identity(&fstat(&descriptor)?), above: folder.ancestors }))
        } else {
            None
        };
        let ignores = ignores::read(&self.ignore_files, &descriptor, &folder.relative, folder.ignores.as_ref())
            .map_err(|bad| Unread { ignore_file: Some(bad.name), error: bad.error })?;
        let mut path = self.selection.path_buffer(&folder.relative);
        let stem = path.len();
        let mut listing = Listing {
            relative: folder.relative,
            names: String::new(),
            items: Vec::new(),
            folders: Vec::new(),
            nameless: Vec::new(),
            ignores,
            itself,
        };
        // Names on the list of files that are there although no item stands for them: not to be told as missing.
        let mut known = Vec::new();
        buffer.clear();
        buffer.reserve(DIRENT_BUFFER_LEN);
        let mut entries = RawDir::new(&descriptor, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            if stop.load(Ordering::Relaxed) {
                return Err(Errno::INTR.into());
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                // ENOENT too: the folder was deleted while it was read (getdents(2)), which the C library shows as its end.
                Err(errno) => return Err(errno.into()),
            };
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            path.truncate(stem);
            path.extend_from_slice(name);
            let kind = self.kind(descriptor.as_fd(), name, entry.file_type(), listing.itself.as_deref());
            let choice = self.selection.choose(&path, kind.is_folder(), listing.ignores.as_ref());
            match std::str::from_utf8(name) {
                Ok(name) if choice == Choice::Selected => {
                    listing.push(name, kind)?;
                    continue;
                }
                Err(_) if choice == Choice::Selected => {
                    let why = if let Kind::LeftOut(why) = kind { why } else { Why::NotUtf8 };
                    listing.nameless.push((OsString::from_vec(name.to_vec()), why));
                }
                _ => {}
            }
            if choice != Choice::Unlisted && self.selection.files().is_some() {
                known.push(name.to_vec());
            }
        }
        listing.sort();
        self.add_missing(&mut listing, descriptor.as_fd(), known)?;
        listing.names.shrink_to_fit();
        listing.items.shrink_to_fit();
        Ok(listing)
    }

    /// Opens a folder of the source, by its name as [`Folder::relative`] has it.
    pub(super) fn open(&self, relative: &str) -> Result<OwnedFd, Errno> {
        let mut flags = OFlags::DIRECTORY;
        flags.set(OFlags::NOFOLLOW, self.links != Links::Follow);
        // With a slash at its end a link would be followed all the same (path_resolution(7)).
        let path = if relative.is_empty() { "." } else { relative.trim_end_matches('/') };
        opening::open(&self.root, path, flags)
    }

    /// What a name stands for; asks the file system only where the folder does not tell.
    fn kind(&self, folder: BorrowedFd<'_>, name: &[u8], told: FileType, itself: Option<&Ancestor>) -> Kind {
        let name = Path::new(OsStr::from_bytes(name));
        let kind = match told {
            FileType::Unknown => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => return Kind::LeftOut(Why::Vanished),
                Err(errno) => return Kind::LeftOut(Why::Unreadable(errno)),
            },
            told => told,
        };
        if kind != FileType::Symlink {
            return plain(kind);
        }
        match self.links {
            Links::Skip => Kind::LeftOut(Why::Symlink),
            Links::SkipQuietly => Kind::LeftOut(Why::UntoldSymlink),
            Links::Keep => Kind::Entry(EntryKind::Symlink),
            // ENOENT: it leads nowhere.
            Links::Follow => match statat(folder, name, AtFlags::empty()) {
                Ok(stat) => match plain(FileType::from_raw_mode(stat.st_mode)) {
                    Kind::Folder if is_among(itself, identity(&stat)) => Kind::LeftOut(Why::Loop),
                    kind => kind,
                },
                Err(errno) => Kind::LeftOut(Why::Unreadable(errno)),
            },
        }
    }

    /// Adds what the list of files names in this folder, or below it in a folder that is not there.
    /// `known` is what is there although no item stands for it.
    fn add_missing(
        &self,
        listing: &mut Listing,
        descriptor: BorrowedFd<'_>,
        mut known: Vec<Vec<u8>>,
    ) -> Result<(), Unread> {
        let Some(files) = self.selection.files() else { return Ok(()) };
        known.sort_unstable();
        let folder = listing.relative.as_bytes();
        let paths = files.paths();
        let from = paths.partition_point(|path| path.as_slice() < folder);
        let below = paths[from..].iter().map_while(|path| path.strip_prefix(folder)).filter(|rest| !rest.is_empty());
        let mut missing = Vec::new();
        let mut key = Vec::new();
        for rest in below {
            let component = rest.split(|&byte| byte == b'/').next().unwrap_or(rest);
            key.clear();
            key.extend_from_slice(component);
            let is_last = component.len() == rest.len();
            let mut is_there = known.binary_search(&key).is_ok() || is_last && listing.has(&key);
            key.push(b'/');
            is_there |= listing.has(&key);
            if !is_there {
                missing.push(rest);
            }
        }
        for rest in missing {
            // It may be there, below a link that is not followed.
            let why = match statat(descriptor, rest, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Why::Symlink,
                Err(Errno::NOENT | Errno::NOTDIR) => Why::Missing,
                Err(errno) => Why::Unreadable(errno),
            };
            match std::str::from_utf8(rest) {
                Ok(rest) => listing.push(rest, Kind::LeftOut(why))?,
                Err(_) => listing.nameless.push((OsString::from_vec(rest.to_vec()), why)),
            }
        }
        listing.sort();
        Ok(())
    }
}

/// What something that is no link stands for.
fn plain(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::Entry(EntryKind::File),
        FileType::Directory => Kind::Folder,
        _ => Kind::LeftOut(Why::Special),
    }
}

fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

fn is_among(mut ancestor: Option<&Ancestor>, device_and_inode: (u64, u64)) -> bool {
    while let Some(folder) = ancestor {
        if folder.device_and_inode == device_and_inode {
            return true;
        }
        ancestor = folder.above.as_deref();
    }
    false
}
