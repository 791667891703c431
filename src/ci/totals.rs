//! Numbers of one or more syncs, added up from the reports of their files.

use crate::human::Beside;
use crate::sync::{Action, FileReport};

/// What AWS asks for 1,000 PUT, COPY, POST and LIST requests to S3 Standard in us-east-1, in dollars
/// (<https://aws.amazon.com/s3/pricing/>).
pub(super) const USD_PER_1000_WRITES: f64 = 0.005;
/// The same for GET, HEAD and all others. DELETE and cancelling are free.
pub(super) const USD_PER_1000_READS: f64 = 0.000_4;

/// Numbers of one or more syncs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) files_total: u64,
    pub(super) files_uploaded: u64,
    pub(super) files_downloaded: u64,
    pub(super) files_updated: u64,
    pub(super) files_unchanged: u64,
    pub(super) files_skipped: u64,
    pub(super) files_deleted: u64,
    pub(super) files_failed: u64,
    pub(super) bytes_total: u64,
    /// Bytes of files that stand at the destination.
    pub(super) bytes_standing: u64,
    /// Payload bytes sent for objects.
    pub(super) bytes_uploaded: u64,
    /// Payload bytes fetched.
    pub(super) bytes_downloaded: u64,
    /// On a dry run: bytes counted as copied that have to be uploaded if the store refuses to copy.
    pub(super) bytes_unsure: u64,
    /// What moved beside them.
    pub(super) beside: Beside,
    /// Bytes that were uploaded or fetched, and those of sidecars and the index in both directions.
    pub(super) bytes_moved: u64,
    /// Requests that are billed as writes, and others that are billed.
    pub(super) writes: u64,
    pub(super) reads: u64,
    /// All.
    pub(super) requests: u64,
}

impl Totals {
    /// Adds a file.
    pub(super) fn add(&mut self, file: &FileReport) {
        let standing = match file.action {
            Action::Uploaded | Action::Stitched => {
                self.files_uploaded += 1;
                true
            }
            Action::Downloaded | Action::Patched => {
                self.files_downloaded += 1;
                true
            }
            Action::Updated => {
                self.files_updated += 1;
                true
            }
            Action::Unchanged => {
                self.files_unchanged += 1;
                true
            }
            Action::Skipped => {
                self.files_skipped += 1;
                false
            }
            Action::Failed => {
                self.files_failed += 1;
                false
            }
            Action::Deleted => {
                self.files_deleted += 1;
                return;
            }
        };
        self.files_total += 1;
        self.bytes_total += file.bytes_total;
        self.bytes_standing += if standing { file.bytes_total } else { 0 };
        self.bytes_uploaded += file.bytes_uploaded;
        self.bytes_downloaded += file.bytes_downloaded;
        self.bytes_unsure += file.bytes_unsure();
        self.beside.signatures.0 += file.bytes_sidecar_down;
        self.beside.signatures.1 += file.bytes_sidecar_up;
        self.bytes_moved += file.bytes_moved();
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        self.files_total += other.files_total;
        self.files_uploaded += other.files_uploaded;
        self.files_downloaded += other.files_downloaded;
        self.files_updated += other.files_updated;
        self.files_unchanged += other.files_unchanged;
        self.files_skipped += other.files_skipped;
        self.files_deleted += other.files_deleted;
        self.files_failed += other.files_failed;
        self.bytes_total += other.bytes_total;
        self.bytes_standing += other.bytes_standing;
        self.bytes_uploaded += other.bytes_uploaded;
        self.bytes_downloaded += other.bytes_downloaded;
        self.bytes_unsure += other.bytes_unsure;
        self.beside.add(&other.beside);
        self.bytes_moved += other.bytes_moved;
        self.writes += other.writes;
        self.reads += other.reads;
        self.requests += other.requests;
    }

    /// On a dry run, where only trying tells whether the store copies ranges: the most that would be uploaded.
    pub(super) fn bytes_uploaded_at_most(&self) -> Option<u64> {
        (self.bytes_unsure > 0).then_some(self.bytes_uploaded + self.bytes_unsure)
    }

    /// Payload bytes that went over the line, in either direction.
    pub(super) const fn bytes_transferred(&self) -> u64 {
        self.bytes_uploaded + self.bytes_downloaded
    }

    /// Bytes that stand at the destination and did not have to be moved.
    pub(super) const fn bytes_saved(&self) -> u64 {
        self.bytes_standing.saturating_sub(self.bytes_moved)
    }

    /// The same in percent of what stands there.
    pub(super) fn percent_saved(&self) -> f64 {
        if self.bytes_standing == 0 { 0.0 } else { 100.0 * self.bytes_saved() as f64 / self.bytes_standing as f64 }
    }

    /// What the requests cost at AWS's list prices, in dollars.
    pub(super) fn cost_usd(&self) -> f64 {
        (self.writes as f64 * USD_PER_1000_WRITES + self.reads as f64 * USD_PER_1000_READS) / 1000.0
    }
}
