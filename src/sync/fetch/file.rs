//! One file from its turn to its report: fetched, and again when the object or the file changed in the meantime.

use std::sync::Arc;
use std::time::Duration;

use super::examine::Summed;
use super::fetching::Fetching;
use super::large::fetch_large;
use super::rules::by_rule;
use super::small;
use super::standing::Standing;
use crate::store::{ErrorKind, ListEntry, ObjectInfo, StorageTier, StoreError};
use crate::sync::error::FileError;
use crate::sync::evidence::reading::{Wanted, read};
use crate::sync::pace::blocking::blocking;
use crate::sync::pace::turns::MAX_BUFFERED;
use crate::sync::report::Change;
use crate::sync::report::Event;
use crate::sync::report::done::Done;
use crate::sync::task::{Task, unless_interrupted};

/// How often a file is tried when the object or the local file changes meanwhile.
const MAX_ATTEMPTS: u32 = 4;
/// The longest object that there may be in bytes (S3 user guide, "Amazon S3 multipart upload limits": 50 TB).
const MAX_OBJECT: u64 = 50 << 40;
/// How long to wait before the second attempt; the third waits twice that, and so on.
const PAUSE: Duration = Duration::from_millis(200);

/// Fetches one file by itself, for which the caller has a turn to have it open. Returns its length too.
pub(crate) async fn fetch_file(fetching: &Fetching, task: &Arc<Task>) -> (u64, Result<Done, FileError>) {
    let mut len = 0;
    let result = unless_interrupted(task, attempts(fetching, task, &mut len)).await;
    (len, result)
}

async fn attempts(fetching: &Fetching, task: &Arc<Task>, bytes_total: &mut u64) -> Result<Done, FileError> {
    let context = &task.context;
    let (mut attempt, mut begun, mut given_up) = (1, false, false);
    loop {
        if context.cancel.is_cancelled() {
            return Err(FileError::Interrupted);
        }
        let Some(object) = context.store.head(&task.key).await? else { return Err(FileError::Gone) };
        *bytes_total = object.len;
        if !std::mem::replace(&mut begun, true) {
            context.reporter.tell(&Event::FileStarted { file: task.id, path: &task.path, bytes: object.len });
        }
        let (folder, entry) = (Arc::clone(&fetching.folder), task.entry.clone());
        let standing = blocking(move || Standing::open(&*folder, &entry)).await;
        let result = match standing {
            Ok(standing) => once(fetching, task, &object, standing, given_up).await,
            Err(error) => Err(error),
        };
        match result {
            Err(error) if error.is_conflict() => {
                if context.options.fail_on_conflict || attempt == MAX_ATTEMPTS {
                    return Err(FileError::Conflict { url: task.url(), attempts: attempt });
                }
                task.warn(format!("{} or the file here changed in the meantime: trying again", task.url()));
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            // The sidecar has lied, or nobody knows who: once more, without it.
            Err(error)
                if error.is_mismatch()
                    && !given_up
                    && object.len >= context.options.delta_threshold.min(MAX_BUFFERED) =>
            {
                task.warn(format!("{error}: fetching the whole object instead"));
                given_up = true;
            }
            result => return result,
        }
    }
}

async fn once(
    fetching: &Fetching,
    task: &Arc<Task>,
    object: &ObjectInfo,
    standing: Option<Standing>,
    given_up: bool,
) -> Result<Done, FileError> {
    let options = &task.context.options;
    let (etag, modified) = (object.etag.clone(), object.modified);
    let listed = ListEntry { key: task.key.to_string(), len: object.len, etag, modified };
    if let Some(done) = by_rule(options, &listed, standing.as_ref()) {
        return Ok(done);
    }
    if let StorageTier::Archived(class) = &object.tier {
        let (operation, target) = ("GetObject", task.url());
        let message = format!("the object is in {class} and cannot be read");
        return Err(StoreError { kind: ErrorKind::Archived, operation, target, message, source: None }.into());
    }
    if object.len > MAX_OBJECT {
        let message = format!("it is said to have {} bytes, and no store has objects that long", object.len);
        return Err(StoreError::wrong_range(task.url(), message).into());
    }
    if object.len >= options.delta_threshold || object.len > MAX_BUFFERED {
        return fetch_large(fetching, task, object, standing, given_up).await;
    }
    match standing {
        Some(standing) if standing.file.len() == object.len => {
            let (file, pool) = (Arc::clone(&standing.file), Arc::clone(&task.context.pace.buffers));
            let wanted = Wanted { blocks: None, md5: object.crc64nvme.is_none(), blake3: true };
            let read = blocking(move || read(&file, &pool, 0, file.len(), wanted, Arc::new(|_| {}))).await?;
            let summed = Summed { standing, sums: read.payload.checksums, blake3: read.blake3 };
            small::settle(fetching, task, summed).await
        }
        Some(standing) => {
            small::fetch(fetching, task, &listed, Some(standing), vec![Change::Content, Change::Size]).await
        }
        None => small::fetch(fetching, task, &listed, None, vec![Change::New]).await,
    }
}
