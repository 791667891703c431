//! How a folder of this machine is walked, as the user chooses.

use std::num::NonZeroUsize;

use crate::tree::{FileList, Rules};

/// The fewest threads that read ahead.
pub(super) const MIN_THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");

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
            threads: MIN_THREADS,
        }
    }
}
