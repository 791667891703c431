//! Numbers and names as people read them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use indicatif::HumanBytes;

use crate::sync::{Action, Change, Direction, FileReport, Summary, Verification};

/// A name that can be printed on one line: control characters, what turns the direction of text, and what cannot be seen
/// are escaped, so that no file name can move the cursor or look like a line of ours.
pub(crate) fn name(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| c.is_control() || is_ignorable(c);
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

/// Whether a character shows nothing and is passed over when texts are compared by the rules of a language (Unicode's
/// Default_Ignorable_Code_Point, without the variation selectors and joiners that emoji and scripts are written with), or
/// turns the direction of text, or ends a line for some.
pub(crate) const fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// `1 file`, `2 files`.
pub(crate) fn files(number: u64) -> String {
    count(number, "file")
}

/// `1 object`, `2 objects`.
pub(crate) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Three digits of a number of bytes, with a unit: `12.4 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut number = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        // What would be rounded to 1000 is written in the next unit.
        if number < 999.5 {
            break;
        }
        number /= 1024.0;
        unit = larger;
    }
    let digits = match number {
        _ if unit == "B" || number >= 99.95 => 0,
        _ if number >= 9.995 => 1,
        _ => 2,
    };
    format!("{number:.digits$} {unit}")
}

/// A time as people say it.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 59.5 {
        format!("{seconds:.0} s")
    } else {
        indicatif::HumanDuration(Duration::from_secs_f64(seconds)).to_string()
    }
}

/// The last line of a run.
pub(crate) fn last_line(summary: &Summary) -> String {
    let mut line = String::new();
    let total = HumanBytes(summary.bytes_total);
    let beside = match Beside::of(summary).told(|bytes| HumanBytes(bytes).to_string()) {
        nothing if nothing.is_empty() => nothing,
        beside => format!(" ({beside})"),
    };
    let (moved, verbs, thing) = match summary.direction {
        Direction::Upload => (summary.bytes_uploaded, ("Would upload", "Uploaded"), "object"),
        Direction::Download => (summary.bytes_downloaded, ("Would download", "Downloaded"), "file"),
    };
    let transferred = summary.files_uploaded + summary.files_downloaded;
    if transferred + summary.files_updated == 0 && summary.files_failed == 0 {
        let _ = write!(line, "Nothing to transfer: {}, {total}, unchanged{beside}", files(summary.files_unchanged));
    } else {
        let verb = if summary.dry_run { verbs.0 } else { verbs.1 };
        let _ = write!(line, "{verb} {} of {total}", HumanBytes(moved));
        at_most(&mut line, summary.bytes_uploaded_at_most);
        let _ = write!(line, "{beside}, {:.1} % saved", summary.percent_saved);
    }
    let _ = write!(line, " in {}", duration(summary.duration_seconds));
    if summary.files_updated > 0 {
        let verb = if summary.dry_run { "would be updated" } else { "updated" };
        let _ = write!(line, ", {} {verb} in place", files(summary.files_updated));
    }
    if summary.files_deleted > 0 && summary.delete_refused.is_none() {
        let verb = if summary.dry_run { "would be deleted" } else { "deleted" };
        let _ = write!(line, ", {} {verb}", count(summary.files_deleted, thing));
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
    } else if !summary.dry_run && transferred + summary.files_updated + summary.files_unchanged > 0 {
        line.push_str(if summary.verified { ", verified" } else { ", NOT VERIFIED by the store" });
    }
    line
}

/// What moves beside the bytes of files, in bytes that were fetched and bytes that are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Sidecars.
    pub(crate) signatures: (u64, u64),
    /// The index of a prefix.
    pub(crate) index: (u64, u64),
}

impl Beside {
    /// Of a run.
    pub(crate) const fn of(summary: &Summary) -> Self {
        let index = (summary.bytes_index_down, summary.bytes_index_up);
        let (down, up) = (summary.bytes_sidecar_down - index.0, summary.bytes_sidecar_up - index.1);
        Self { signatures: (down, up), index }
    }

    /// Adds those of another run.
    pub(crate) const fn add(&mut self, other: &Self) {
        self.signatures = (self.signatures.0 + other.signatures.0, self.signatures.1 + other.signatures.1);
        self.index = (self.index.0 + other.index.0, self.index.1 + other.index.1);
    }

    /// In words that are right for a dry run too: what is read has been read by then. Empty where there is nothing.
    pub(crate) fn told(&self, size: fn(u64) -> String) -> String {
        let mut parts = Vec::new();
        for (what, (down, up)) in [("signatures", self.signatures), ("index", self.index)] {
            if up > 0 {
                parts.push(format!("+ {} of {what}", size(up)));
            }
            if down > 0 {
                parts.push(format!("{} of {what} read", size(down)));
            }
        }
        parts.join(", ")
    }
}

/// Says how much has to be uploaded if the store turns out to refuse copies.
fn at_most(line: &mut String, bytes: Option<u64>) {
    if let Some(bytes) = bytes {
        let _ = write!(line, ", up to {} if the store does not copy ranges", HumanBytes(bytes));
    }
}

/// A file's line with `-v`.
pub(crate) fn file_line(file: &FileReport, dry_run: bool) -> String {
    let verb = match (file.action, dry_run) {
        (Action::Unchanged, _) => "unchanged",
        (Action::Uploaded, false) => "uploaded",
        (Action::Uploaded, true) => "would upload",
        (Action::Stitched, false) => "stitched",
        (Action::Stitched, true) => "would stitch",
        (Action::Downloaded, false) => "downloaded",
        (Action::Downloaded, true) => "would fetch",
        (Action::Patched, false) => "patched",
        (Action::Patched, true) => "would patch",
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
            at_most(&mut line, file.bytes_uploaded_at_most);
            if file.bytes_copied > 0 {
                let _ = write!(line, ", {} copied by the store", HumanBytes(file.bytes_copied));
            }
            if file.bytes_resumed > 0 {
                let _ = write!(line, ", {} there from an interrupted run", HumanBytes(file.bytes_resumed));
            }
            let _ = write!(line, " ({})", file.reason);
        }
        Action::Downloaded | Action::Patched => {
            let _ = write!(line, ": {} of {}", HumanBytes(file.bytes_downloaded), HumanBytes(file.bytes_total));
            if file.bytes_copied > 0 {
                let _ = write!(line, ", {} from the old version", HumanBytes(file.bytes_copied));
            }
            if file.bytes_resumed > 0 {
                let _ = write!(line, ", {} there from an interrupted run", HumanBytes(file.bytes_resumed));
            }
            let _ = write!(line, " ({})", file.reason);
        }
        Action::Updated => {
            if file.bytes_copied > 0 {
                let _ = write!(line, ": {} copied by the store", HumanBytes(file.bytes_copied));
                at_most(&mut line, file.bytes_uploaded_at_most);
            }
            let _ = write!(line, " ({})", file.reason);
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
pub(crate) fn itemized(file: &FileReport) -> Option<String> {
    let mut letters = match file.action {
        Action::Deleted => return Some(format!("*deleting   {}", name(&file.key))),
        Action::Uploaded | Action::Stitched => String::from("<"),
        Action::Downloaded | Action::Patched => String::from(">"),
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
        assert_eq!(name("a\u{200b}b"), "a\\u{200b}b");
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "0.98 KiB"),
            (1 << 10, "1.00 KiB"),
            (318 << 20, "318 MiB"),
            (13_314_398_618, "12.4 GiB"),
            (1023 << 20, "1.00 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
