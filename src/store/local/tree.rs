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
use super::selection::Selection;
use super::{opening, walk};
use crate::store::source::{EntryKind, Found, Source, SourceEntry, SourceFile};
use crate::tree::{FileList, Rules};

/// What becomes of symbolic links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Links {
    /// They are not uploaded, and told.
    #[default]
    Skip,
    /// They are not uploaded, and only their names are known
    /// ([`Skipped::UntoldSymlink`](crate::store::Skipped::UntoldSymlink)).
    SkipQuietly,
    /// They are uploaded as links, wherever they lead: their targets' names as bytes.
    Keep,
    /// What they lead to is uploaded under their name, folders with everything in them.
    Follow,
}

/// How a folder of this machine is walked.
#[derive(Debug, Clone)]
pub struct TreeOptions {
    /// What becomes of symbolic links.
    pub links: Links,
    /// Names of files that say, in the way of `.gitignore`, what in their folder is left out; in one folder the last wins.
    /// `.dockerignore` counts in the source itself only.
    pub ignore_files: Vec<String>,
    /// What is included and excluded.
    pub rules: Rules,
    /// The only files and folders that are uploaded, where there is such a list.
    pub files: Option<FileList>,
    /// What paths start with as the rules see them, where the folder itself is synced and not its contents: its name.
    pub root_name: Option<String>,
    /// How many folders are read at the same time, ahead of what is told; no fewer than two.
    pub threads: NonZeroUsize,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            links: Links::default(),
            ignore_files: Vec::new(),
            rules: Rules::default(),
            files: None,
            root_name: None,
            threads: walk::MIN_THREADS,
        }
    }
}

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
        Ok(Self { root, reader, threads: threads.max(walk::MIN_THREADS), descent: Mutex::default() })
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
