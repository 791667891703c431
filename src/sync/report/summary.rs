//! What a run reports of all files together. The fields are those of docs/JSON.md.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::file::{Action, Direction, ErrorReport, FileReport};

/// The version of the JSON report; a field that goes or changes its meaning raises it.
pub const JSON_VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The version of this form.
    pub version: u32,
    /// Which way the bytes went.
    pub direction: Direction,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// The destination: a URL, or a path.
    pub destination: String,
    /// Files looked at.
    pub files_total: u64,
    /// Files of which bytes were uploaded or copied.
    pub files_uploaded: u64,
    /// Files of which bytes were fetched or copied here.
    pub files_downloaded: u64,
    /// Files of which only what is set on the object was changed.
    pub files_updated: u64,
    /// Files that the destination had already.
    pub files_unchanged: u64,
    /// Files and links left out on purpose.
    pub files_skipped: u64,
    /// Objects, or files here, that were deleted.
    pub files_deleted: u64,
    /// Files that have several names (hard links): each name is an object of its own.
    pub files_hard_linked: u64,
    /// Files that are not at the destination, and objects that are still there.
    pub files_failed: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// Payload bytes sent for objects. On a dry run: that would be, as far as is known.
    pub bytes_uploaded: u64,
    /// On a dry run, where only trying tells whether the store copies ranges: the most that would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_uploaded_at_most: Option<u64>,
    /// Payload bytes fetched. On a dry run: that would be.
    pub bytes_downloaded: u64,
    /// Bytes that were copied from old versions, by the store or here.
    pub bytes_copied: u64,
    /// Bytes that interrupted runs had uploaded or fetched already.
    pub bytes_resumed: u64,
    /// Bytes of sidecars and of the index fetched.
    pub bytes_sidecar_down: u64,
    /// Bytes of sidecars and of the index written. On a dry run: that would be.
    pub bytes_sidecar_up: u64,
    /// Of the bytes fetched, those of the index.
    pub bytes_index_down: u64,
    /// Of the bytes written, those of the index.
    pub bytes_index_up: u64,
    /// Requests sent, by operation, each attempt counted.
    pub requests: BTreeMap<String, u64>,
    /// How much of the bytes that stand at the destination did not have to be moved, sidecars in both directions counted
    /// as moved.
    pub percent_saved: f64,
    /// How long it took.
    pub duration_seconds: f64,
    /// Whether every file that stands at the destination was verified.
    pub verified: bool,
    /// What ended the run before all files were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// Why nothing was deleted that was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_refused: Option<ErrorReport>,
    /// Each file, in the order of their keys; without [`SyncOptions::report_all`](crate::sync::SyncOptions::report_all) only
    /// failures.
    pub files: Vec<FileReport>,
    /// Bytes of files that stand at the destination.
    #[serde(skip)]
    bytes_standing: u64,
    /// On a dry run: bytes counted as copied that have to be uploaded if the store refuses to copy.
    #[serde(skip)]
    bytes_unsure: u64,
    /// Files that stand at the destination, and how many of them nobody has verified.
    #[serde(skip)]
    standing: u64,
    #[serde(skip)]
    unverified: u64,
}

impl Summary {
    /// A run in which nothing has happened yet.
    pub(crate) fn new(direction: Direction, destination: String, dry_run: bool) -> Self {
        Self {
            version: JSON_VERSION,
            direction,
            dry_run,
            interrupted: false,
            destination,
            files_total: 0,
            files_uploaded: 0,
            files_downloaded: 0,
            files_updated: 0,
            files_unchanged: 0,
            files_skipped: 0,
            files_deleted: 0,
            files_hard_linked: 0,
            files_failed: 0,
            bytes_total: 0,
            bytes_uploaded: 0,
            bytes_downloaded: 0,
            bytes_uploaded_at_most: None,
            bytes_copied: 0,
            bytes_resumed: 0,
            bytes_sidecar_down: 0,
            bytes_sidecar_up: 0,
            bytes_index_down: 0,
            bytes_index_up: 0,
            requests: BTreeMap::new(),
            percent_saved: 0.0,
            duration_seconds: 0.0,
            verified: false,
            error: None,
            delete_refused: None,
            files: Vec::new(),
            bytes_standing: 0,
            bytes_unsure: 0,
            standing: 0,
            unverified: 0,
        }
    }

    /// Adds a file; `keep` its report too.
    pub(crate) fn add(&mut self, file: FileReport, keep: bool) {
        match file.action {
            Action::Uploaded | Action::Stitched => self.files_uploaded += 1,
            Action::Downloaded | Action::Patched => self.files_downloaded += 1,
            Action::Updated => self.files_updated += 1,
            Action::Unchanged => self.files_unchanged += 1,
            Action::Skipped => self.files_skipped += 1,
            Action::Deleted => self.files_deleted += 1,
            Action::Failed => self.files_failed += 1,
        }
        if file.action != Action::Deleted {
            self.files_total += 1;
            self.bytes_total += file.bytes_total;
        }
        if !matches!(file.action, Action::Failed | Action::Skipped | Action::Deleted) {
            self.standing += 1;
            self.unverified += u64::from(!file.verified);
            self.bytes_standing += file.bytes_total;
        }
        self.bytes_unsure += file.bytes_unsure();
        self.bytes_uploaded += file.bytes_uploaded;
        self.bytes_downloaded += file.bytes_downloaded;
        self.bytes_copied += file.bytes_copied;
        self.bytes_resumed += file.bytes_resumed;
        self.bytes_sidecar_down += file.bytes_sidecar_down;
        self.bytes_sidecar_up += file.bytes_sidecar_up;
        if keep {
            self.files.push(file);
        }
    }

    /// Adds the index of the prefix: bytes of it fetched and written.
    pub(crate) fn add_index(&mut self, down: u64, up: u64) {
        self.bytes_index_down += down;
        self.bytes_sidecar_down += down;
        self.bytes_index_up += up;
        self.bytes_sidecar_up += up;
    }

    /// Ends the run.
    pub(crate) fn finish(&mut self, interrupted: bool, requests: BTreeMap<String, u64>, duration: Duration) {
        self.interrupted = interrupted;
        self.requests = requests;
        self.duration_seconds = duration.as_secs_f64();
        self.bytes_uploaded_at_most = (self.bytes_unsure > 0).then_some(self.bytes_uploaded + self.bytes_unsure);
        self.percent_saved = percent_saved(self.bytes_standing, self.bytes_moved());
        self.verified = !self.dry_run && self.standing > 0 && self.unverified == 0;
        self.files.sort_by(|a, b| a.key.cmp(&b.key));
    }

    /// Bytes that moved, sidecars and the index in both directions included.
    pub fn bytes_moved(&self) -> u64 {
        self.bytes_uploaded + self.bytes_downloaded + self.bytes_sidecar_down + self.bytes_sidecar_up
    }
}

fn percent_saved(total: u64, moved: u64) -> f64 {
    if total == 0 { 0.0 } else { (100.0 * (1.0 - moved as f64 / total as f64)).max(0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_is_not_saved() {
        assert_eq!(percent_saved(1000, 0), 100.0);
        assert_eq!(percent_saved(1000, 250), 75.0);
        assert_eq!(percent_saved(1000, 1200), 0.0);
        assert_eq!(percent_saved(0, 0), 0.0);
    }
}
