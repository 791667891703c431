//! What of a folder the user selects: rules, a list of files, ignore files.
//!
//! It looks at no file; who walks asks it for one name after the other, from the top down.

use std::sync::Arc;

use super::ignores::{self, Ignores};
use crate::tree::{FileList, Rules};

/// What the user selects.
#[derive(Debug)]
pub(super) struct Selection {
    rules: Rules,
    files: Option<FileList>,
    /// What paths start with as the rules see them: nothing, or the source's own name and a slash.
    prefix: String,
}

/// What becomes of a name whose folder is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// It is selected.
    Selected,
    /// A rule or an ignore file leaves it out.
    Excluded,
    /// The list of files does not name it.
    Unlisted,
}

impl Selection {
    pub(super) fn new(rules: Rules, files: Option<FileList>, root_name: Option<&str>) -> Self {
        Self { rules, files, prefix: root_name.map(|name| format!("{name}/")).unwrap_or_default() }
    }

    /// The list of files, where there is one.
    pub(super) fn files(&self) -> Option<&FileList> {
        self.files.as_ref()
    }

    /// Whether the source itself is selected. Where its contents are synced, and not itself, no rule is about it.
    pub(super) fn selects_root(&self) -> bool {
        self.prefix.is_empty() || self.rules.selects(self.prefix.trim_end_matches('/').as_bytes(), true)
    }

    /// A buffer for [`Self::choose`] that holds the path of a folder (empty or with a slash at its end); names are
    /// appended to it.
    pub(super) fn path_buffer(&self, folder: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), folder.as_bytes()].concat()
    }

    /// What becomes of something in a selected folder, where the patterns `ignores` count. `path` starts as
    /// [`Self::path_buffer`] does.
    ///
    /// A folder that a list of files only leads through is entered whatever the rules say, as rsync does.
    pub(super) fn choose(&self, path: &[u8], is_dir: bool, ignores: Option<&Arc<Ignores>>) -> Choice {
        let relative = &path[self.prefix.len()..];
        if let Some(files) = &self.files
            && !files.lists(relative)
        {
            return if is_dir && files.leads_to(relative) { Choice::Selected } else { Choice::Unlisted };
        }
        if self.rules.selects(path, is_dir) && !ignores::leave_out(ignores, relative, is_dir) {
            Choice::Selected
        } else {
            Choice::Excluded
        }
    }
}
