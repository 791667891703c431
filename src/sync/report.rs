//! What a run reports: each file, and all of them together. The fields are those of docs/JSON.md.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The store has it already.
    Unchanged,
    /// All of its bytes were uploaded.
    Uploaded,
    /// Some of its bytes were uploaded, the store copied the others from the old version.
    Stitched,
    /// It was left out.
    Skipped,
    /// It is not at the destination.
    Failed,
}

/// Who compared what stands at the destination with what was read here, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// The store computed the CRC64NVME of the whole object, and it is the local file's.
    Crc64nvme,
    /// The store computed the MD5 of every part, and each is that of the local file's range.
    PartMd5,
    /// The object is the one that its sidecar names, and the local file has that one's BLAKE3 hash.
    Sidecar,
    /// Nobody: the store reports no sum that can be compared.
    None,
}

/// An error as people and machines read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One file of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileReport {
    /// The local path.
    pub path: String,
    /// The object's key.
    pub key: String,
    /// What became of it. On a dry run: what would.
    pub action: Action,
    /// Why that.
    pub reason: String,
    /// The file's bytes.
    pub bytes_total: u64,
    /// Payload bytes sent for the object.
    pub bytes_uploaded: u64,
    /// Bytes that the store copied from the old version.
    pub bytes_copied: u64,
    /// Bytes that an interrupted run had uploaded already.
    pub bytes_resumed: u64,
    /// Bytes of sidecars fetched.
    pub bytes_sidecar_down: u64,
    /// Bytes of sidecars written.
    pub bytes_sidecar_up: u64,
    /// Whether what stands at the destination was compared with what was read here.
    pub verified: bool,
    /// By whom and how.
    pub verification: Verification,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// How long it took.
    pub duration_seconds: f64,
}

impl FileReport {
    /// A report in which nothing has happened yet.
    pub(super) fn new(path: String, key: String, bytes_total: u64) -> Self {
        Self {
            path,
            key,
            action: Action::Failed,
            reason: String::new(),
            bytes_total,
            bytes_uploaded: 0,
            bytes_copied: 0,
            bytes_resumed: 0,
            bytes_sidecar_down: 0,
            bytes_sidecar_up: 0,
            verified: false,
            verification: Verification::None,
            warnings: Vec::new(),
            error: None,
            duration_seconds: 0.0,
        }
    }

    pub(super) fn verified_by(&mut self, verification: Verification) {
        self.verification = verification;
        self.verified = verification != Verification::None;
    }
}

/// The version of the JSON report; a field that goes or changes its meaning raises it.
pub const JSON_VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The version of this form.
    pub version: u32,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// The destination's URL.
    pub destination: String,
    /// Files looked at.
    pub files_total: u64,
    /// Files of which bytes were uploaded or copied.
    pub files_uploaded: u64,
    /// Files that the store had already.
    pub files_unchanged: u64,
    /// Files and links left out on purpose.
    pub files_skipped: u64,
    /// Files that are not at the destination.
    pub files_failed: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// Payload bytes sent for objects.
    pub bytes_uploaded: u64,
    /// Bytes that the store copied.
    pub bytes_copied: u64,
    /// Bytes that interrupted runs had uploaded already.
    pub bytes_resumed: u64,
    /// Bytes of sidecars fetched.
    pub bytes_sidecar_down: u64,
    /// Bytes of sidecars written.
    pub bytes_sidecar_up: u64,
    /// Requests sent, by operation, each attempt counted.
    pub requests: BTreeMap<String, u64>,
    /// How much of the bytes that stand at the destination did not have to be moved, sidecars in both directions counted
    /// as moved.
    pub percent_saved: f64,
    /// How long it took.
    pub duration_seconds: f64,
    /// Whether every file that stands at the destination was verified.
    pub verified: bool,
    /// Each file.
    pub files: Vec<FileReport>,
}

impl Summary {
    /// Adds up the reports of a run.
    pub(super) fn of(
        files: Vec<FileReport>,
        destination: String,
        dry_run: bool,
        interrupted: bool,
        requests: BTreeMap<String, u64>,
        duration: Duration,
    ) -> Self {
        let count = |of: &dyn Fn(&FileReport) -> bool| files.iter().filter(|file| of(file)).count() as u64;
        let sum = |of: &dyn Fn(&FileReport) -> u64| files.iter().map(of).sum::<u64>();
        let (bytes_total, bytes_uploaded) = (sum(&|file| file.bytes_total), sum(&|file| file.bytes_uploaded));
        let (bytes_sidecar_down, bytes_sidecar_up) =
            (sum(&|file| file.bytes_sidecar_down), sum(&|file| file.bytes_sidecar_up));
        let standing = |file: &FileReport| !matches!(file.action, Action::Failed | Action::Skipped);
        Self {
            version: JSON_VERSION,
            dry_run,
            interrupted,
            destination,
            files_total: files.len() as u64,
            files_uploaded: count(&|file| matches!(file.action, Action::Uploaded | Action::Stitched)),
            files_unchanged: count(&|file| file.action == Action::Unchanged),
            files_skipped: count(&|file| file.action == Action::Skipped),
            files_failed: count(&|file| file.action == Action::Failed),
            bytes_total,
            bytes_uploaded,
            bytes_copied: sum(&|file| file.bytes_copied),
            bytes_resumed: sum(&|file| file.bytes_resumed),
            bytes_sidecar_down,
            bytes_sidecar_up,
            requests,
            percent_saved: percent_saved(
                sum(&|file| if standing(file) { file.bytes_total } else { 0 }),
                bytes_uploaded + bytes_sidecar_down + bytes_sidecar_up,
            ),
            duration_seconds: duration.as_secs_f64(),
            verified: !dry_run
                && files.iter().any(standing)
                && files.iter().all(|file| file.verified || !standing(file)),
            files,
        }
    }

    /// Bytes that moved, sidecars in both directions included.
    pub fn bytes_moved(&self) -> u64 {
        self.bytes_uploaded + self.bytes_sidecar_down + self.bytes_sidecar_up
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
