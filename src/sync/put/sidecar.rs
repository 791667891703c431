//! The sidecar of a file that is put: written around the moment when a new version stands.

use super::write::put;
use crate::delta::Signature;
use crate::sidecar::{self, Entry};
use crate::store::{Attributes, Condition, ETag, ObjectKey};
use crate::sync::error::FileError;
use crate::sync::evidence::sidecars::is_ours;
use crate::sync::evidence::sums::Body;
use crate::sync::task::{Task, add};

/// What the user has to know of a key that leaves no room for [`sidecar::SUFFIX`].
const KEY_TOO_LONG: &str = "its key is too long for a sidecar beside it; every change will be uploaded whole";

/// The condition that a sidecar which is not read stays what it is: one can lie where no object does any more.
pub(crate) async fn as_it_stands(task: &Task) -> Result<Condition, FileError> {
    let Some(key) = key_of(task) else { return Ok(Condition::Always) };
    match task.context.store.head(&key).await {
        Ok(sidecar) => Ok(Condition::still(sidecar.as_ref())),
        // Whoever may not look may still write.
        Err(error) if is_ours(error.kind) => Ok(Condition::Always),
        Err(error) => Err(error.into()),
    }
}

/// Writes the sidecar of the file's object, if what lies there still is what `condition` says. `None` where it cannot be
/// written, which has been said to the user: the next change is uploaded whole, nothing else.
///
/// # Errors
/// Only where somebody else has written it.
pub(crate) async fn write(
    task: &Task,
    entries: &[(Option<ETag>, &Signature)],
    condition: &Condition,
) -> Result<Option<ETag>, FileError> {
    let Some(key) = key_of(task) else {
        task.warn(KEY_TOO_LONG.to_owned());
        return Ok(None);
    };
    let entries: Vec<Entry<'_>> =
        entries.iter().map(|(etag, signature)| Entry { etag: etag.as_ref().map(ETag::as_str), signature }).collect();
    let bytes = match sidecar::encode(&entries) {
        Ok(bytes) => bytes,
        Err(error) => {
            task.warn(format!("no sidecar was written: {error}"));
            return Ok(None);
        }
    };
    let len = bytes.len() as u64;
    let attributes = Attributes { content_type: Some(sidecar::CONTENT_TYPE.to_owned()), ..Attributes::default() };
    match put(task, &key, Body::of(bytes), &attributes, condition).await {
        Ok(receipt) => {
            add(&task.tally.sidecar_up, len);
            Ok(Some(receipt.etag))
        }
        Err(FileError::Store(error)) if !error.kind.is_conflict() => {
            task.warn(format!("no sidecar was written, so the next change is uploaded whole: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Counts a sidecar that a real run would write: of each entry the length of its ETag in bytes and how many blocks it has.
/// Whether the store would take it is not known.
pub(crate) fn foresee(task: &Task, entries: &[(usize, u64)]) {
    match key_of(task) {
        Some(_) => add(&task.tally.sidecar_up, sidecar::encoded_len_of(entries.iter().copied())),
        None => task.warn(KEY_TOO_LONG.to_owned()),
    }
}

fn key_of(task: &Task) -> Option<ObjectKey> {
    task.key.with_suffix(sidecar::SUFFIX).ok()
}
