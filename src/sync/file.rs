//! One file from its turn to its report: which way it goes, and again when somebody else was faster.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::Task;
use super::decide::NoBasis;
use super::error::FileError;
use super::events::Event;
use super::large::sync_large;
use super::report::{Action, ErrorReport, FileReport, Verification};
use super::small::sync_small;
use crate::store::{ErrorKind, SourceEntry};

/// How often a file is tried when somebody else writes to the same key.
const MAX_ATTEMPTS: u32 = 4;
/// How long to wait before the second attempt; the third waits twice that, and so on.
const CONFLICT_PAUSE: Duration = Duration::from_millis(200);
/// The longest object that one request writes (S3: 5 GB, docs/S3.md).
const MAX_PUT: u64 = 5_000_000_000;

/// What became of a file.
pub(super) struct Done {
    action: Action,
    reason: String,
    verification: Verification,
}

impl Done {
    pub(super) fn new(action: Action, reason: impl Into<String>, verification: Verification) -> Self {
        Self { action, reason: reason.into(), verification }
    }
}

/// What is known of the object before anybody has asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// A listing has it not.
    Absent,
    /// A listing has it, or nobody has looked.
    Maybe,
}

/// Syncs one file and reports it. Every failure ends in the report.
pub(super) async fn sync_file(task: &Task, entry: &SourceEntry, listed: Listed) -> (FileReport, Option<FileError>) {
    let started = Instant::now();
    let observer = &task.context.observer;
    observer.observe(&Event::FileStarted { file: task.id, path: &task.path, bytes: entry.len });
    let mut report = FileReport::new(task.path.clone(), task.key.to_string(), entry.len);
    let result = tokio::select! {
        biased;
        result = attempts(task, entry, listed, &mut report.bytes_total) => result,
        () = interrupted(task) => Err(FileError::Interrupted),
    };
    task.fill(&mut report);
    report.duration_seconds = started.elapsed().as_secs_f64();
    let error = match result {
        Ok(done) => {
            report.action = done.action;
            report.reason = done.reason;
            report.verified_by(done.verification);
            None
        }
        Err(error) => {
            report.error = Some(ErrorReport { message: error.to_string(), hint: error.hint() });
            Some(error)
        }
    };
    observer.observe(&Event::FileFinished { file: task.id, report: &report });
    (report, error)
}

/// Some time after the run has been stopped: whoever has an upload to give up does that first.
async fn interrupted(task: &Task) {
    task.context.cancel.cancelled().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
}

async fn attempts(
    task: &Task,
    entry: &SourceEntry,
    mut listed: Listed,
    bytes_total: &mut u64,
) -> Result<Done, FileError> {
    let context = &task.context;
    let mut given_up = None;
    let mut attempt = 1;
    loop {
        if context.cancel.is_cancelled() {
            return Err(FileError::Interrupted);
        }
        let source = Arc::clone(&context.source);
        let opened = entry.clone();
        let file = match super::reading::blocking(move || source.open(&opened).map_err(FileError::Read)).await {
            Err(FileError::Read(error)) if error.kind() == io::ErrorKind::NotFound => {
                task.warn("vanished before it was read".to_owned());
                return Ok(Done::new(Action::Skipped, "vanished", Verification::None));
            }
            opened => opened?,
        };
        *bytes_total = file.len();
        let by_parts = context.store.multipart().filter(|_| in_parts(task, file.len()));
        // A listing may be hours old by now: for a large file one request is less than an upload for nothing.
        let object = match listed {
            Listed::Absent if by_parts.is_none() => None,
            _ => context.store.head(&task.key).await?,
        };
        listed = Listed::Maybe;
        let result = match by_parts {
            Some(multipart) => sync_large(task, multipart, &file, object.as_ref(), given_up.as_ref()).await,
            None => sync_small(task, &file, object.as_ref()).await,
        };
        match result {
            Err(error) if error.is_conflict() => {
                if context.options.fail_on_conflict || attempt == MAX_ATTEMPTS {
                    return Err(FileError::Conflict { url: task.url(), attempts: attempt });
                }
                task.warn(format!("somebody else wrote {} in the meantime: trying again", task.url()));
                tokio::time::sleep(CONFLICT_PAUSE * attempt).await;
                attempt += 1;
            }
            Err(error) if error.is_mismatch() => {
                if file.has_changed().map_err(FileError::from_read)? {
                    return Err(FileError::Changed);
                }
                // The sidecar or a copy has lied, or nothing can be copied: once more, from the file alone.
                if by_parts.is_none() || given_up.is_some() || object.is_none() {
                    return Err(error);
                }
                task.warn(format!("{error}: uploading the whole file instead"));
                let refused = matches!(error, FileError::NotCopied(_));
                given_up = Some(if refused { NoBasis::NotCopied } else { NoBasis::NotEqual });
            }
            result => return result,
        }
    }
}

/// Whether a file goes through the engine, or in one request.
fn in_parts(task: &Task, len: u64) -> bool {
    len > 0 && (len >= task.context.options.delta_threshold || len > MAX_PUT)
}

impl FileError {
    /// Whether somebody else wrote to the key.
    pub(super) fn is_conflict(&self) -> bool {
        match self {
            Self::Conflict { .. } => true,
            // An upload that is gone was given up by somebody who shared it.
            Self::Store(error) => error.kind.is_conflict() || error.kind == ErrorKind::NoSuchUpload,
            _ => false,
        }
    }

    /// Whether the store has found, or copied, other bytes than were read here, or copies nothing.
    fn is_mismatch(&self) -> bool {
        match self {
            Self::NotEqual(_) | Self::NotCopied(_) => true,
            Self::Store(error) => error.kind == ErrorKind::ChecksumMismatch,
            _ => false,
        }
    }
}
