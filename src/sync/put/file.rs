//! One file from its turn to its report: which way it goes, and again when somebody else was faster.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::task::unless_interrupted;

use super::large::sync_large;
use super::remote::{Remote, by_rule};
use super::small::sync_small;
use crate::store::EntryKind;
use crate::sync::error::FileError;
use crate::sync::evidence::basis::NoBasis;
use crate::sync::options::SyncOptions;
use crate::sync::pace::blocking::blocking;
use crate::sync::report::Event;
use crate::sync::report::done::Done;
use crate::sync::task::Task;

/// How often a file is tried when somebody else writes to the same key.
const MAX_ATTEMPTS: u32 = 4;
/// How long to wait before the second attempt; the third waits twice that, and so on.
const CONFLICT_PAUSE: Duration = Duration::from_millis(200);
/// The longest object that one request writes (S3: 5 GB, docs/S3.md).
const MAX_PUT: u64 = 5_000_000_000;

/// Syncs one file by itself, for which the caller has a turn to have it open. Returns its length too.
pub(crate) async fn sync_file(task: &Arc<Task>, remote: Remote) -> (u64, Result<Done, FileError>) {
    let mut len = 0;
    let result = unless_interrupted(task, attempts(task, remote, &mut len)).await;
    (len, result)
}

/// What is said of a file that is gone when it is to be read.
pub(crate) fn vanished(task: &Task, error: io::Error) -> Result<Done, FileError> {
    if error.kind() != io::ErrorKind::NotFound || !task.context.options.skip_vanished {
        return Err(FileError::Read(error));
    }
    task.warn("vanished before it was read".to_owned());
    Ok(Done::skipped("vanished"))
}

async fn attempts(task: &Arc<Task>, mut remote: Remote, bytes_total: &mut u64) -> Result<Done, FileError> {
    let context = &task.context;
    let mut given_up = context.options.whole_file.then_some(NoBasis::WholeFile);
    let mut attempt = 1;
    let mut begun = false;
    loop {
        if context.cancel.is_cancelled() {
            return Err(FileError::Interrupted);
        }
        let (source, entry) = (Arc::clone(&context.source), task.entry.clone());
        let file = match blocking(move || source.open(&entry).map_err(FileError::Read)).await {
            Err(FileError::Read(error)) => return vanished(task, error),
            opened => opened?,
        };
        *bytes_total = file.len();
        if !std::mem::replace(&mut begun, true) {
            context.reporter.tell(&Event::FileStarted { file: task.id, path: &task.path, bytes: file.len() });
        }
        let by_parts = context.store.multipart().filter(|_| in_parts(&context.options, task.entry.kind, file.len()));
        // A listing may be hours old by now: for a large file one request is less than an upload for nothing.
        let object = match remote {
            Remote::Absent if by_parts.is_none() => None,
            _ => context.store.head(&task.key).await?,
        };
        if let Some(done) =
            by_rule(&context.options, file.len(), &file.attributes(), &Remote::of(object.as_ref(), &task.key))
        {
            return Ok(done);
        }
        remote = Remote::Unknown;
        let result = match by_parts {
            Some(multipart) => sync_large(task, multipart, &file, object.as_ref(), given_up.as_ref()).await,
            None => sync_small(task, &file, object.as_ref()).await,
        };
        match result {
            Err(error) if error.is_conflict() => {
                if context.options.fail_on_conflict || attempt == MAX_ATTEMPTS {
                    return Err(FileError::Conflict { url: task.url(), attempts: attempt });
                }
                warn_of_conflict(task);
                tokio::time::sleep(CONFLICT_PAUSE * attempt).await;
                attempt += 1;
            }
            Err(error) if error.is_mismatch() => {
                if file.has_changed().map_err(FileError::from_read)? {
                    return Err(FileError::Changed);
                }
                // The sidecar or a copy has lied: once more, from the file alone.
                if by_parts.is_none() || given_up.is_some() || object.is_none() {
                    return Err(error);
                }
                task.warn(format!("{error}: uploading the whole file instead"));
                given_up = Some(NoBasis::NotEqual);
            }
            result => return result,
        }
    }
}

/// Tells the user that somebody else wrote to the same key.
pub(crate) fn warn_of_conflict(task: &Task) {
    task.warn(format!("somebody else wrote {} in the meantime: trying again", task.url()));
}

/// Whether a file goes through the engine, or in one request.
pub(crate) fn in_parts(options: &SyncOptions, kind: EntryKind, len: u64) -> bool {
    kind == EntryKind::File && len > 0 && (len >= options.delta_threshold || len > MAX_PUT)
}
