//! The files below a folder.

use std::io;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use crate::store::source::{Listing, Skipped, SourceEntry};

/// Every regular file below `root`, in the order of their names, and what is left out. Hidden files are included, links
/// are not followed. Fails only where `root` itself cannot be read.
pub fn walk(root: &Path) -> io::Result<Listing> {
    std::fs::read_dir(root)?;
    let mut listing = Listing::default();
    let entries = WalkBuilder::new(root).standard_filters(false).follow_links(false).build();
    for entry in entries {
        match entry {
            Ok(entry) if entry.depth() == 0 || entry.file_type().is_some_and(|kind| kind.is_dir()) => {}
            Ok(entry) => match look_at(root, &entry) {
                Ok(found) => listing.entries.push(found),
                Err(skipped) => listing.skipped.push((entry.into_path(), skipped)),
            },
            Err(error) => {
                let path = path_of(&error).unwrap_or_else(|| root.to_owned());
                let skipped = match error.into_io_error() {
                    Some(error) => unreadable(error),
                    None => Skipped::Unreadable(io::Error::other("the walk failed")),
                };
                listing.skipped.push((path, skipped));
            }
        }
    }
    listing.entries.sort_unstable_by(|a, b| a.relative.cmp(&b.relative));
    Ok(listing)
}

fn look_at(root: &Path, entry: &DirEntry) -> Result<SourceEntry, Skipped> {
    let kind = entry.file_type().ok_or(Skipped::Special)?;
    if kind.is_symlink() {
        return Err(Skipped::Symlink);
    }
    if !kind.is_file() {
        return Err(Skipped::Special);
    }
    let relative = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_str().ok_or(Skipped::NotUtf8)?;
    let metadata = entry.path().symlink_metadata().map_err(unreadable)?;
    Ok(SourceEntry { path: entry.path().to_owned(), relative: relative.to_owned(), len: metadata.len() })
}

fn unreadable(error: io::Error) -> Skipped {
    if error.kind() == io::ErrorKind::NotFound { Skipped::Vanished } else { Skipped::Unreadable(error) }
}

fn path_of(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn files_are_listed_in_order_and_the_rest_is_said() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("a/.hidden")).expect("folders");
        for name in ["z", "a/b c\nd", "a/.hidden/x", ".gitignore"] {
            std::fs::write(at(name), name).expect("a file");
        }
        std::fs::write(at(".gitignore"), "z\n").expect("a file");
        std::os::unix::fs::symlink("z", at("link")).expect("a link");
        std::fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"bad\xff")), "x").expect("a file");
        let listing = walk(root.path()).expect("it can be read");
        let names: Vec<&str> = listing.entries.iter().map(|entry| entry.relative.as_str()).collect();
        assert_eq!(names, [".gitignore", "a/.hidden/x", "a/b c\nd", "z"]);
        assert_eq!(listing.entries[3].len, 1);
        let mut skipped: Vec<String> = listing.skipped.iter().map(|(_, why)| why.to_string()).collect();
        skipped.sort();
        assert_eq!(skipped.len(), 2, "{skipped:?}");
        assert!(skipped[0].contains("not UTF-8") && skipped[1].contains("link"));
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        assert_eq!(walk(Path::new("/no/such/folder")).expect_err("none").kind(), io::ErrorKind::NotFound);
    }
}
