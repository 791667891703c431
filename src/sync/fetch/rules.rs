//! What ends the fetching of a file by the user's rules, before its bytes are looked at.

use crate::store::ListEntry;
use crate::sync::fetch::standing::Standing;
use crate::sync::options::{Comparison, SyncOptions};
use crate::sync::report::done::Done;
use crate::sync::report::{Action, Verification};

/// What the rules make of an object and of what stands under its name.
pub(crate) fn by_rule(options: &SyncOptions, object: &ListEntry, standing: Option<&Standing>) -> Option<Done> {
    let rules = &options.transfer;
    if rules.existing && standing.is_none() {
        return Some(Done::skipped("not at the destination"));
    }
    if rules.max_size.is_some_and(|max| object.len > max) {
        return Some(Done::skipped("larger than --max-size"));
    }
    if rules.min_size.is_some_and(|min| object.len < min) {
        return Some(Done::skipped("smaller than --min-size"));
    }
    let standing = standing?;
    if rules.ignore_existing {
        return Some(Done::skipped("already at the destination"));
    }
    let (len, changed) = (standing.file.len(), standing.file.attributes().mtime);
    if rules.update && object.modified.is_some_and(|modified| changed > modified) {
        return Some(Done::skipped("newer at the destination"));
    }
    let same_len = object.len == len;
    let unproven = |reason| Some(Done::new(Action::Unchanged, reason, Verification::None));
    match options.comparison {
        Comparison::SizeOnly if same_len => unproven("the same size, nothing else was compared"),
        Comparison::Mtime if same_len && object.modified.is_some_and(|modified| changed >= modified) => {
            unproven("the same size and not older, nothing else was compared")
        }
        _ => None,
    }
}
