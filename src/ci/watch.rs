//! Watches a sync: lines for the log as it goes, and what the summary shows of single files.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::log::Log;
use super::totals::Totals;
use crate::human;
use crate::sync::{Action, Event, FileReport, Observer, RunProgress};

/// How many lines about single files are printed of a sync.
const MAX_LINES: u64 = 500;
/// How often a line says how far a sync has come.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// How many changed files the summary shows, the largest.
const MAX_CHANGED: usize = 20;
/// How many names of deleted objects, warnings and failures the summary shows.
const MAX_SHOWN: usize = 200;

/// A file that was changed at the destination.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    /// The key.
    pub(super) key: String,
    /// What became of it.
    pub(super) action: Action,
    /// The file's bytes.
    pub(super) bytes_total: u64,
    /// Bytes that were uploaded.
    pub(super) bytes_transferred: u64,
    /// Bytes that were not.
    pub(super) bytes_reused: u64,
}

/// The first of many, and how many there are.
#[derive(Debug, Clone, Default)]
pub(super) struct First<T> {
    /// The first.
    pub(super) shown: Vec<T>,
    /// All.
    pub(super) count: u64,
}

impl<T> First<T> {
    fn add(&mut self, make: impl FnOnce() -> T) {
        self.count += 1;
        if self.shown.len() < MAX_SHOWN {
            self.shown.push(make());
        }
    }
}

/// What was seen of a sync.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The largest of the files that were changed, the largest first.
    pub(super) largest: Vec<Changed>,
    /// Files that were changed.
    pub(super) changed: u64,
    /// Keys of objects that were deleted.
    pub(super) deleted: First<String>,
    /// Paths, and what is worth knowing of them.
    pub(super) warnings: First<(String, String)>,
    /// Paths, and what went wrong.
    pub(super) failures: First<(String, String)>,
    /// The numbers so far.
    pub(super) totals: Totals,
}

/// The observer of one sync.
pub(super) struct Watch {
    log: Arc<Log>,
    dry_run: bool,
    debug: bool,
    state: Mutex<State>,
}

struct State {
    progress: RunProgress,
    seen: Seen,
    lines: u64,
    last_line: Instant,
}

impl Watch {
    /// `debug` also prints files that are unchanged.
    pub(super) fn new(log: Arc<Log>, dry_run: bool, debug: bool) -> Self {
        let state =
            State { progress: RunProgress::default(), seen: Seen::default(), lines: 0, last_line: Instant::now() };
        Self { log, dry_run, debug, state: Mutex::new(state) }
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> Seen {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).seen.clone()
    }

    fn finished(&self, state: &mut State, report: &FileReport) {
        state.seen.totals.add(report);
        match report.action {
            Action::Uploaded | Action::Stitched | Action::Downloaded | Action::Patched | Action::Updated => {
                state.seen.add_changed(report)
            }
            Action::Deleted => state.seen.deleted.add(|| report.key.clone()),
            Action::Failed => {
                let error = report.error.as_ref().map_or("failed", |error| error.message.as_str());
                state.seen.failures.add(|| (report.path.clone(), error.to_owned()));
            }
            Action::Unchanged | Action::Skipped if !self.debug => return,
            Action::Unchanged | Action::Skipped => {}
        }
        state.lines += 1;
        if state.lines <= MAX_LINES {
            self.log.line(&human::file_line(report, self.dry_run));
        } else if state.lines == MAX_LINES + 1 {
            self.log.line("(no more lines about single files: report-path writes them all into a file)");
        }
    }

    fn progress(&self, state: &mut State) {
        if state.last_line.elapsed() < LINE_EVERY {
            return;
        }
        state.last_line = Instant::now();
        let progress = &state.progress;
        self.log.line(&format!(
            "progress: {} of {}, {}/{} files, {} saved",
            human::size(progress.bytes_done),
            human::size(progress.bytes_total),
            progress.files_done,
            progress.files_total,
            human::size(progress.bytes_saved)
        ));
    }
}

impl Seen {
    fn add_changed(&mut self, report: &FileReport) {
        self.changed += 1;
        // What was only set anew moved no byte: it comes after all that did.
        let rank = |action: Action, bytes: u64| (action != Action::Updated, bytes);
        let new = rank(report.action, report.bytes_total);
        let place = self.largest.partition_point(|changed| rank(changed.action, changed.bytes_total) >= new);
        if place >= MAX_CHANGED {
            return;
        }
        self.largest.truncate(MAX_CHANGED - 1);
        let changed = Changed {
            key: report.key.clone(),
            action: report.action,
            bytes_total: report.bytes_total,
            bytes_transferred: report.bytes_uploaded + report.bytes_downloaded,
            bytes_reused: report.bytes_total.saturating_sub(report.bytes_uploaded + report.bytes_downloaded),
        };
        self.largest.insert(place, changed);
    }
}

impl Observer for Watch {
    fn observe(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.progress.observe(event);
        match *event {
            Event::FileFinished { report, .. } => self.finished(&mut state, report),
            Event::Warning { path, text } => {
                state.seen.warnings.add(|| (path.to_owned(), text.to_owned()));
                if state.seen.warnings.count <= MAX_LINES {
                    self.log.line(&format!("warning: {}: {}", human::name(path), human::name(text)));
                }
            }
            _ => {}
        }
        self.progress(&mut state);
    }
}
