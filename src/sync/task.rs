//! One file on its way: its names, what has been done for it so far, and whom it tells.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::context::Context;
use super::error::FileError;
use super::report::done::Done;
use super::report::{ErrorReport, Event, FileId, FileReport, Stage};
use crate::store::{EntryKind, ObjectKey, OnSent, SourceEntry};

/// One file on its way: its names, and what has been done for it so far.
pub(crate) struct Task {
    pub(crate) context: Arc<Context>,
    pub(crate) id: FileId,
    pub(crate) path: String,
    pub(crate) entry: SourceEntry,
    pub(crate) key: ObjectKey,
    pub(crate) tally: Tally,
    warnings: Mutex<Vec<String>>,
    started: Instant,
}

/// Bytes that moved for a file, over all attempts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) uploaded: AtomicU64,
    pub(crate) downloaded: AtomicU64,
    pub(crate) copied: AtomicU64,
    /// On a dry run: bytes counted as copied that have to be uploaded if the store refuses to copy.
    pub(crate) unsure: AtomicU64,
    pub(crate) resumed: AtomicU64,
    pub(crate) sidecar_down: AtomicU64,
    pub(crate) sidecar_up: AtomicU64,
}

impl Task {
    pub(crate) fn new(context: Arc<Context>, id: FileId, entry: SourceEntry, key: ObjectKey) -> Self {
        let path = context.source.path(&entry.relative).display().to_string();
        let started = Instant::now();
        Self { context, id, path, entry, key, tally: Tally::default(), warnings: Mutex::default(), started }
    }

    /// Reports what became of the file, and ends the run where every other file would fail in the same way.
    pub(crate) fn finish(&self, len: u64, result: Result<Done, FileError>) {
        let mut report = FileReport::new(self.path.clone(), self.key.to_string(), len);
        report.symlink = self.entry.kind == EntryKind::Symlink;
        report.duration_seconds = self.started.elapsed().as_secs_f64();
        self.fill(&mut report);
        match result {
            Ok(done) => done.into_report(&mut report),
            Err(error) => {
                if error.concerns_all() {
                    self.context.cancel.cancel();
                    let message = format!("stopped before all files were looked at: {error}");
                    let stopped = ErrorReport { message, hint: error.hint() };
                    self.context.reporter.summary().error.get_or_insert(stopped);
                }
                report.error = Some(ErrorReport::of(&error));
            }
        }
        self.context.reporter.report(self.id, report);
    }

    /// The object as people write it.
    pub(crate) fn url(&self) -> String {
        self.context.store.url(&self.key)
    }

    /// Tells the user something, once.
    pub(crate) fn warn(&self, text: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&text) {
            self.context.reporter.tell(&Event::Warning { path: &self.path, text: &text });
            warnings.push(text);
        }
    }

    pub(crate) fn begin(&self, stage: Stage, bytes: u64) {
        self.context.reporter.tell(&Event::StageStarted { file: self.id, stage, bytes });
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.context.reporter.tell(&Event::Advanced { file: self.id, bytes });
    }

    /// What a payload calls as its bytes leave.
    pub(crate) fn on_sent(&self) -> OnSent {
        let (observer, file) = (Arc::clone(&self.context.reporter.observer), self.id);
        Arc::new(move |bytes| observer.observe(&Event::Advanced { file, bytes }))
    }

    /// What a scan calls as it moves on, from its own threads; it also ends a scan that nobody waits for any more.
    pub(crate) fn on_scanned(&self) -> impl Fn(u64) -> ControlFlow<()> + Send + Sync + use<> {
        let (context, file, told) = (Arc::clone(&self.context), self.id, AtomicU64::new(0));
        // The scan says how far it has come in all, its threads not always in order.
        move |done| {
            let bytes = done.saturating_sub(told.fetch_max(done, Ordering::Relaxed));
            context.reporter.tell(&Event::Advanced { file, bytes });
            if context.cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    /// Writes what has been done into a report.
    fn fill(&self, report: &mut FileReport) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        report.bytes_uploaded = read(&self.tally.uploaded);
        report.bytes_downloaded = read(&self.tally.downloaded);
        report.bytes_copied = read(&self.tally.copied);
        let unsure = read(&self.tally.unsure);
        report.bytes_uploaded_at_most = (unsure > 0).then_some(report.bytes_uploaded + unsure);
        report.bytes_resumed = read(&self.tally.resumed);
        report.bytes_sidecar_down = read(&self.tally.sidecar_down);
        report.bytes_sidecar_up = read(&self.tally.sidecar_up);
        report.warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone();
    }
}

/// Adds to a count.
pub(crate) fn add(count: &AtomicU64, bytes: u64) {
    count.fetch_add(bytes, Ordering::Relaxed);
}

/// The result of some work, or that it was interrupted.
pub(crate) async fn unless_interrupted(
    task: &Task,
    work: impl Future<Output = Result<Done, FileError>>,
) -> Result<Done, FileError> {
    tokio::select! {
        biased;
        result = work => result,
        () = interrupted(task) => Err(FileError::Interrupted),
    }
}

/// Some time after the run has been stopped: whoever has an upload to give up does that first.
async fn interrupted(task: &Task) {
    task.context.cancel.cancelled().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
}
