//! One object written under a condition, also to stores that check none.

use std::sync::Arc;

use crate::store::{Attributes, Condition, ErrorKind, ObjectKey, PartReceipt, Payload, StoreError};
use crate::sync::error::FileError;
use crate::sync::evidence::sums::{Body, equal_by};
use crate::sync::task::Task;

/// How often a payload is sent that arrives damaged.
const MAX_SENDS: u32 = 3;

/// Writes an object if `condition` holds.
///
/// Some look-alike stores refuse a condition that holds (Ceph 16 compares a quoted ETag with an unquoted one) or do not
/// know conditions at all; there the object is looked at instead, and the user is told that nobody else may write.
pub(crate) async fn put(
    task: &Task,
    key: &ObjectKey,
    body: Body,
    attributes: &Attributes,
    condition: &Condition,
) -> Result<PartReceipt, FileError> {
    let store = &task.context.store;
    let on_sent = if *key == task.key { task.on_sent() } else { Arc::new(|_| {}) };
    let payload = Payload { body: body.body, checksums: body.checksums, on_sent };
    let sent = undamaged(|| store.put(key, payload.clone(), attributes, condition));
    match task.context.pace.in_turn_with(payload.len(), sent).await? {
        Ok(receipt) => Ok(receipt),
        // The answer to our own write was lost, and the request was sent again: what it met is what it wrote.
        Err(error)
            if error.kind.is_conflict()
                && let Some(receipt) = ours(task, key, &payload).await? =>
        {
            Ok(receipt)
        }
        // The version that If-Match names is gone (S3 user guide, "Conditional writes").
        Err(error) if error.kind == ErrorKind::NotFound && matches!(condition, Condition::Unchanged(_)) => {
            Err(FileError::Conflict { url: task.url(), attempts: 1 })
        }
        Err(error) if may_be_wrong(task, error.kind) && holds(task, key, condition).await? => {
            task.warn(NO_CONDITIONS.to_owned());
            Ok(store.put(key, payload, attributes, &Condition::Always).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// What the store says of the object at `key`, if it has the bytes of the payload.
async fn ours(task: &Task, key: &ObjectKey, payload: &Payload) -> Result<Option<PartReceipt>, FileError> {
    let object = task.context.store.head(key).await?;
    let object = object.filter(|object| object.len == payload.len() && equal_by(object, &payload.checksums).is_some());
    Ok(object.map(|object| PartReceipt { etag: object.etag, crc64nvme: object.crc64nvme }))
}

/// Sends a payload again that was damaged on its way, as the store's checksum told.
pub(crate) async fn undamaged<F>(send: impl Fn() -> F) -> Result<PartReceipt, StoreError>
where
    F: Future<Output = Result<PartReceipt, StoreError>>,
{
    for _ in 1..MAX_SENDS {
        match send().await {
            Err(error) if error.kind == ErrorKind::ChecksumMismatch => tracing::debug!(%error, "sending again"),
            result => return result,
        }
    }
    send().await
}

/// What the user has to know where a store does not check conditions.
pub(crate) const NO_CONDITIONS: &str =
    "this store does not check conditions on writes: let nobody else write to the same keys at the same time";

/// Whether a refusal may come from a store that does not know better.
pub(crate) fn may_be_wrong(task: &Task, kind: ErrorKind) -> bool {
    kind == ErrorKind::Unsupported || (kind.is_conflict() && !task.context.store.is_proven())
}

/// Whether a condition holds right now, as far as HEAD tells.
pub(crate) async fn holds(task: &Task, key: &ObjectKey, condition: &Condition) -> Result<bool, FileError> {
    let object = task.context.store.head(key).await?;
    Ok(match condition {
        Condition::Always => true,
        Condition::Absent => object.is_none(),
        Condition::Unchanged(etag) => object.is_some_and(|object| object.etag == *etag),
    })
}
