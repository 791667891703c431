//! What is known of an object before its file is looked at, and what the user's rules make of that.

use crate::store::{FileAttributes, ListEntry, ObjectInfo, ObjectKey};
use crate::sync::options::{Comparison, SyncOptions};
use crate::sync::report::done::Done;
use crate::sync::report::{Action, Verification};

/// What is known of the object before anybody has asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remote {
    /// A listing has it not.
    Absent,
    /// A listing has it.
    Listed(ListEntry),
    /// Nobody has looked.
    Unknown,
}

impl Remote {
    /// What a HEAD says.
    pub(crate) fn of(object: Option<&ObjectInfo>, key: &ObjectKey) -> Self {
        object.map_or(Self::Absent, |object| {
            let (key, etag) = (key.to_string(), object.etag.clone());
            Self::Listed(ListEntry { key, len: object.len, etag, modified: object.modified })
        })
    }
}

/// What ends a file's sync by the user's rules, before its bytes are looked at.
pub(crate) fn by_rule(options: &SyncOptions, len: u64, file: &FileAttributes, remote: &Remote) -> Option<Done> {
    let rules = &options.transfer;
    let listed = match remote {
        Remote::Absent if rules.existing => return Some(Done::skipped("not at the destination")),
        Remote::Absent | Remote::Unknown => None,
        Remote::Listed(object) => Some(object),
    };
    if rules.max_size.is_some_and(|max| len > max) {
        return Some(Done::skipped("larger than --max-size"));
    }
    if rules.min_size.is_some_and(|min| len < min) {
        return Some(Done::skipped("smaller than --min-size"));
    }
    let object = listed?;
    if rules.ignore_existing {
        return Some(Done::skipped("already at the destination"));
    }
    if rules.update && object.modified.is_some_and(|modified| modified > file.mtime) {
        return Some(Done::skipped("newer at the destination"));
    }
    let same_len = object.len == len;
    let unproven = |reason| Some(Done::new(Action::Unchanged, reason, Verification::None));
    match options.comparison {
        Comparison::SizeOnly if same_len => unproven("the same size, nothing else was compared"),
        Comparison::Mtime if same_len && object.modified.is_some_and(|modified| modified >= file.mtime) => {
            unproven("the same size and not older, nothing else was compared")
        }
        _ => None,
    }
}
