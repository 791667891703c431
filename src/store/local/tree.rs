//! A folder as a source: how it is walked, and its files opened.
//!
//! The walk itself, what is selected, and what a foreign key would be are decided next door.

use std::io;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{CWD, OFlags};

use super::LocalFile;
use super::folder::Reader;
use super::foreign::Descent;
use super::link::LocalLink;
use super::options::{Links, MIN_THREADS, TreeOptions};
use super::selection::Selection;
use super::{opening, walk};
use crate::store::source::{EntryKind, Found, Source, SourceEntry, SourceFile};

/// A folder of this machine: everything below it, other file systems and hidden files included.
#[derive(Debug)]
pub struct LocalTree {
    root: PathBuf,
    reader: Reader,
    threads: NonZeroUsize,
    /// The folders that the last foreign key was looked for in: keys come in order, so the next one shares most of them.
    descent: Mutex<Descent>,
}

impl LocalTree {
    /// The folder at `root`; a link to one is followed. Nothing else is looked at yet.
    ///
    /// # Errors
    /// Where it is no folder or may not be read.
    pub fn new(root: PathBuf, options: TreeOptions) -> io::Result<Self> {
        let folder = opening::open(CWD, &root, OFlags::DIRECTORY)?;
        let TreeOptions { links, ignore_files, rules, files, root_name, threads } = options;
        let selection = Selection::new(rules, files, root_name.as_deref());
        let reader = Reader { root: Arc::new(folder), links, ignore_files, selection };
        Ok(Self { root, reader, threads: threads.max(MIN_THREADS), descent: Mutex::default() })
    }
}

#[cfg(test)]
impl LocalTree {
    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }
}

impl Source for LocalTree {
    fn walk(&self, found: &mut dyn FnMut(Found) -> ControlFlow<()>) {
        walk::walk(&self.root, &self.reader, self.threads, found);
    }

    fn open(&self, entry: &SourceEntry) -> io::Result<Arc<dyn SourceFile>> {
        let root = &self.reader.root;
        Ok(match entry.kind {
            EntryKind::File => {
                Arc::new(LocalFile::open_below(root, &entry.relative, self.reader.links == Links::Follow)?)
            }
            EntryKind::Symlink => Arc::new(LocalLink::open(root.clone(), entry.relative.clone())?),
        })
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A name that no local file can have (with an empty component, `.` or `..`) is left out by nothing.
    fn leaves_out(&self, relative: &str) -> bool {
        self.descent.lock().unwrap_or_else(PoisonError::into_inner).leaves_out(&self.reader, relative)
    }
}
