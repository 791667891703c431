//! One file of this machine as a source.
//!
//! It decides nothing about names: the caller says what the file is called.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::LocalFile;
use crate::store::source::{EntryKind, Found, Source, SourceEntry, SourceFile};

/// A file that the user named. A link is followed.
#[derive(Debug, Clone)]
pub struct LocalSingle {
    path: PathBuf,
    relative: String,
}

impl LocalSingle {
    /// The file at `path`, as the only entry, with the name `relative`. Nothing is looked at yet.
    pub fn new(path: PathBuf, relative: String) -> Self {
        Self { path, relative }
    }
}

impl Source for LocalSingle {
    fn walk(&self, found: &mut dyn FnMut(Found) -> ControlFlow<()>) {
        let entry = SourceEntry { relative: self.relative.clone(), kind: EntryKind::File };
        // Nothing follows that could be ended.
        let _ = found(Found::Entry(entry));
    }

    fn open(&self, _: &SourceEntry) -> io::Result<Arc<dyn SourceFile>> {
        Ok(Arc::new(LocalFile::open(&self.path)?))
    }

    fn path(&self, _: &str) -> PathBuf {
        self.path.clone()
    }

    fn leaves_out(&self, _: &str) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_once_and_opened_under_any_name() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("disk"), "seven").expect("a file");
        let single = LocalSingle::new(folder.path().join("disk"), "disk.img".to_owned());
        let mut all = Vec::new();
        single.walk(&mut |found| {
            all.push(found);
            ControlFlow::Continue(())
        });
        let [Found::Entry(entry)] = &all[..] else { panic!("{all:?}") };
        assert_eq!((entry.relative.as_str(), entry.kind), ("disk.img", EntryKind::File));
        assert_eq!(single.open(entry).expect("it opens").len(), 5);
        assert!(single.path("disk.img").ends_with("disk") && !single.leaves_out("disk.img"));
        let folder = LocalSingle::new(folder.path().to_owned(), "x".to_owned());
        assert_eq!(folder.open(entry).err().expect("no file").kind(), io::ErrorKind::InvalidInput);
    }
}
