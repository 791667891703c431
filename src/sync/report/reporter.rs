//! Whom a run tells, and what it adds up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::events::{Event, FileId, Observer};
use super::file::FileReport;
use super::summary::Summary;

/// Failures that are reported one by one; the others are counted.
const MAX_FAILURES: usize = 10_000;

/// What is told while a run goes on, and added up for its end.
pub(crate) struct Reporter {
    pub(crate) observer: Arc<dyn Observer>,
    summary: Mutex<Summary>,
    /// Whether every file's report is kept, or only those of failures.
    keeps_all: bool,
}

impl Reporter {
    pub(crate) fn new(observer: Arc<dyn Observer>, summary: Summary, keeps_all: bool) -> Self {
        Self { observer, summary: Mutex::new(summary), keeps_all }
    }

    /// Tells whoever watches.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        self.observer.observe(event);
    }

    /// Reports what became of a file.
    pub(crate) fn report(&self, file: FileId, report: FileReport) {
        self.tell(&Event::FileFinished { file, report: &report });
        let mut summary = self.summary();
        let keep = self.keeps_all || (report.error.is_some() && summary.files.len() < MAX_FAILURES);
        summary.add(report, keep);
    }

    /// What has been added up so far.
    pub(crate) fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
