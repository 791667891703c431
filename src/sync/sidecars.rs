//! Sidecar objects: reading the one that belongs to an object, and writing it around the moment when a new version stands.

use super::context::{Task, add};
use super::decide::NoBasis;
use super::error::FileError;
use super::small::{Body, put};
use crate::delta::Signature;
use crate::sidecar::{self, Entry, ObjectIdentity};
use crate::store::{Attributes, Condition, ETag, ErrorKind, ObjectInfo, ObjectKey};

/// What the user has to know of a key that leaves no room for [`sidecar::SUFFIX`].
const KEY_TOO_LONG: &str = "its key is too long for a sidecar beside it; every change will be uploaded whole";

/// What lies at a sidecar's key.
pub(super) struct Fetched {
    /// The signature of the object, or why there is none that can be used.
    pub(super) signature: Result<Signature, NoBasis>,
    /// When the sidecar may be written, so that nobody else's is overwritten unseen.
    pub(super) write_if: Condition,
}

/// Reads the sidecar of `object`. Whatever is wrong with it costs a bigger upload and nothing else.
pub(super) async fn fetch(task: &Task, object: &ObjectInfo) -> Result<Fetched, FileError> {
    let none = |why, write_if| Fetched { signature: Err(why), write_if };
    let Some(key) = key_of(task) else { return Ok(none(NoBasis::NoSidecar, Condition::Always)) };
    let (bytes, version) = match task.context.store.get(&key, worth_fetching(object.len)).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(none(NoBasis::NoSidecar, Condition::Absent)),
        Err(error) if is_ours(error.kind) => {
            return Ok(none(NoBasis::Refused(error.to_string()), as_it_stands(task).await?));
        }
        Err(error) => return Err(error.into()),
    };
    add(&task.tally.sidecar_down, bytes.len() as u64);
    let identity = ObjectIdentity {
        len: object.len,
        etag: Some(object.etag.as_str().to_owned()).filter(|etag| !etag.is_empty()),
        crc64nvme: object.crc64nvme,
    };
    // Millions of sums take a moment to prove: not on a thread that serves connections.
    let signature = super::reading::blocking(move || {
        Ok(sidecar::signature_for(&bytes, &identity).map_err(|refusal| NoBasis::Refused(chain(&refusal))))
    });
    Ok(Fetched { signature: signature.await?, write_if: Condition::Unchanged(version) })
}

/// The longest sidecar in bytes that an object of `len` bytes may have here: two signatures of blocks of 64 KiB, which are
/// 64 of the shortest that the format knows.
fn worth_fetching(len: u64) -> u64 {
    sidecar::max_encoded_len(len.div_ceil(64))
}

/// The condition that a sidecar which is not read stays what it is: one can lie where no object does any more.
pub(super) async fn as_it_stands(task: &Task) -> Result<Condition, FileError> {
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
pub(super) async fn write(
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
pub(super) fn foresee(task: &Task, entries: &[(usize, u64)]) {
    match key_of(task) {
        Some(_) => add(&task.tally.sidecar_up, sidecar::encoded_len_of(entries.iter().copied())),
        None => task.warn(KEY_TOO_LONG.to_owned()),
    }
}

/// Whether an error is about the sidecar, which then counts as none, and not about the store or the run as a whole.
fn is_ours(kind: ErrorKind) -> bool {
    let of_all = matches!(
        kind,
        ErrorKind::Unavailable
            | ErrorKind::Throttled
            | ErrorKind::NoSuchBucket
            | ErrorKind::WrongRegion
            | ErrorKind::NotS3
    );
    !of_all && !kind.is_silence() && !kind.concerns_credentials()
}

/// An error and what lies beneath it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let beneath = std::iter::successors(error.source(), |error| error.source());
    beneath.fold(error.to_string(), |text, error| format!("{text}: {error}"))
}

fn key_of(task: &Task) -> Option<ObjectKey> {
    task.key.with_suffix(sidecar::SUFFIX).ok()
}
