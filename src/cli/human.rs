//! Numbers and names as people read them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use indicatif::HumanBytes;

use crate::sync::{Action, Change, FileReport, Summary, Verification};

/// A name that can be printed on one line: control characters (and what turns the direction of text) are escaped, so that
/// no file name can move the cursor or look like a line of ours.
pub(super) fn name(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::new(), |mut shown, c| {
        if harmful(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        shown
    }))
}

/// `1 file`, `2 files`.
pub(super) fn files(number: u64) -> String {
    count(number, "file")
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        indicatif::HumanDuration(Duration::from_secs_f64(seconds)).to_string()
    }
}

/// The last line of a run.
pub(super) fn last_line(summary: &Summary) -> String {
    let mut line = String::new();
    let (moved, total) = (HumanBytes(summary.bytes_moved()), HumanBytes(summary.bytes_total));
    let saved = summary.percent_saved;
    if summary.dry_run {
        let _ = write!(line, "Would transfer {moved} instead of {total} ({saved:.1} % saved)");
    } else if summary.files_uploaded + summary.files_updated == 0 && summary.files_failed == 0 {
        let _ = write!(line, "Nothing to transfer: {}, {total}, unchanged", files(summary.files_unchanged));
        if summary.bytes_sidecar_down + summary.bytes_sidecar_up > 0 {
            let _ = write!(line, " ({moved} of signatures moved)");
        }
    } else {
        let _ = write!(line, "Transferred {moved} of {total} ({saved:.1} % saved)");
    }
    let _ = write!(line, " in {}", duration(summary.duration_seconds));
    if summary.files_updated > 0 {
        let _ = write!(line, ", {} updated in place", files(summary.files_updated));
    }
    if summary.files_deleted > 0 && summary.delete_refused.is_none() {
        let verb = if summary.dry_run { "would be deleted" } else { "deleted" };
        let _ = write!(line, ", {} {verb}", count(summary.files_deleted, "object"));
    }
    if summary.delete_refused.is_some() {
        line.push_str(", NOTHING DELETED");
    }
    if summary.files_failed > 0 {
        let _ = write!(line, ", {} FAILED", files(summary.files_failed));
    }
    if summary.files_skipped > 0 {
        let _ = write!(line, ", {} skipped", files(summary.files_skipped));
    }
    if summary.interrupted {
        line.push_str(", interrupted");
    } else if !summary.dry_run && summary.files_uploaded + summary.files_updated + summary.files_unchanged > 0 {
        line.push_str(if summary.verified { ", verified" } else { ", NOT VERIFIED by the store" });
    }
    line
}

/// A file's line with `-v`.
pub(super) fn file_line(file: &FileReport, dry_run: bool) -> String {
    let verb = match (file.action, dry_run) {
        (Action::Unchanged, _) => "unchanged",
        (Action::Uploaded, false) => "uploaded",
        (Action::Uploaded, true) => "would upload",
        (Action::Stitched, false) => "stitched",
        (Action::Stitched, true) => "would stitch",
        (Action::Updated, false) => "updated",
        (Action::Updated, true) => "would update",
        (Action::Deleted, false) => "deleted",
        (Action::Deleted, true) => "would delete",
        (Action::Skipped, _) => "skipped",
        (Action::Failed, _) => "FAILED",
    };
    let mut line = format!("{verb:<12} {}", name(&file.path));
    match file.action {
        Action::Uploaded | Action::Stitched => {
            let _ = write!(line, ": {} of {}", HumanBytes(file.bytes_uploaded), HumanBytes(file.bytes_total));
            if file.bytes_copied > 0 {
                let _ = write!(line, ", {} copied by the store", HumanBytes(file.bytes_copied));
            }
            if file.bytes_resumed > 0 {
                let _ = write!(line, ", {} there from an interrupted run", HumanBytes(file.bytes_resumed));
            }
            let _ = write!(line, " ({})", file.reason);
        }
        Action::Updated => {
            let _ = write!(line, ": {} copied by the store ({})", HumanBytes(file.bytes_copied), file.reason);
        }
        Action::Unchanged | Action::Skipped | Action::Deleted => {
            let _ = write!(line, " ({})", file.reason);
        }
        Action::Failed => {}
    }
    match file.verification {
        Verification::Crc64nvme => line.push_str(", CRC64NVME equal"),
        Verification::PartMd5 => line.push_str(", MD5s equal"),
        Verification::Sidecar | Verification::Index | Verification::Metadata => line.push_str(", BLAKE3 equal"),
        Verification::None => {}
    }
    line
}

/// A change in rsync's form (rsync(1), "--itemize-changes"): `<f.st......` and the like; nothing for what is not one.
pub(super) fn itemized(file: &FileReport) -> Option<String> {
    let mut letters = match file.action {
        Action::Deleted => return Some(format!("*deleting   {}", name(&file.key))),
        Action::Uploaded | Action::Stitched => String::from("<"),
        Action::Updated => String::from("."),
        Action::Unchanged | Action::Skipped | Action::Failed => return None,
    };
    letters.push(if file.symlink { 'L' } else { 'f' });
    let has = |change| file.changes.contains(&change);
    if has(Change::New) {
        letters.push_str("+++++++++");
    } else {
        for (change, letter) in [
            (Change::Content, 'c'),
            (Change::Size, 's'),
            (Change::Mtime, 't'),
            (Change::Mode, 'p'),
            (Change::Owner, 'o'),
            (Change::Group, 'g'),
        ] {
            letters.push(if has(change) { letter } else { '.' });
        }
        // u and a are access times and ACLs in rsync, x is all that is set beside them.
        letters.push_str("..");
        letters.push(if has(Change::Attributes) { 'x' } else { '.' });
    }
    Some(format!("{letters} {}", name(&file.key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(name("plain é name"), "plain é name");
        assert_eq!(name("a\nerror: x\u{1b}[2J"), "a\\nerror: x\\u{1b}[2J");
        assert_eq!(name("gpj.\u{202e}exe"), "gpj.\\u{202e}exe");
    }
}
