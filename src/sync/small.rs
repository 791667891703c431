//! Files below the threshold: compared by the checksum that the store has, and written in one request.

use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::attributes::attributes_for;
use super::context::{MAX_BUFFERED, Task, add};
use super::error::FileError;
use super::events::Stage;
use super::file::Done;
use super::reading::{Wanted, read_range};
use super::report::{Action, Verification};
use crate::store::{
    Attributes, Checksums, Condition, ErrorKind, ObjectInfo, ObjectKey, PartReceipt, Payload, PayloadBody, SourceFile,
    StoreError,
};

/// How often a payload is sent that arrives damaged.
const MAX_SENDS: u32 = 3;

/// Syncs a file in one request. `object` is what the store has.
pub(super) async fn sync_small(
    task: &Task,
    file: &Arc<dyn SourceFile>,
    object: Option<&ObjectInfo>,
) -> Result<Done, FileError> {
    let context = &task.context;
    let len = file.len();
    let _turn = context.upload_turn(len.min(MAX_BUFFERED)).await?;
    task.begin(Stage::Transferring, len);
    // An object of the same length may be the same: its ETag, where it is an MD5, or its checksum tells.
    let same_len = object.filter(|object| object.len == len);
    let md5 = !context.store.is_proven() || same_len.is_some_and(|object| object.crc64nvme.is_none());
    let read = read_range(task, file, 0, len, Wanted { blocks: None, md5, blake3: true }).await?;
    let sums = read.payload.checksums;
    if let Some(verification) = same_len.and_then(|object| equal_by(object, &sums)) {
        return Ok(Done::new(Action::Unchanged, "the store has the same checksum", verification));
    }
    if file.has_changed().map_err(FileError::from_read)? {
        return Err(FileError::Changed);
    }
    let reason = if object.is_some() { "changed" } else { "new object" };
    if context.options.dry_run {
        add(&task.tally.uploaded, len);
        return Ok(Done::new(Action::Uploaded, reason, Verification::None));
    }
    let attributes = attributes_for(&task.path, &file.attributes(), context.options.archive, read.blake3.as_ref());
    let receipt = put(task, &task.key, read.payload.into(), &attributes, &Condition::still(object)).await?;
    add(&task.tally.uploaded, len);
    Ok(Done::new(Action::Uploaded, reason, verification_of(&receipt, &sums)))
}

/// What proves that an object of the same length has the bytes with these sums, if something does.
fn equal_by(object: &ObjectInfo, sums: &Checksums) -> Option<Verification> {
    if let Some(crc) = object.crc64nvme {
        return (crc == sums.crc64nvme).then_some(Verification::Crc64nvme);
    }
    (sums.md5.is_some() && object.etag.as_md5() == sums.md5).then_some(Verification::PartMd5)
}

/// What the store's answer to a PUT proves.
fn verification_of(receipt: &PartReceipt, sums: &Checksums) -> Verification {
    if receipt.crc64nvme == Some(sums.crc64nvme) {
        Verification::Crc64nvme
    } else if sums.md5.is_some() && receipt.etag.as_md5() == sums.md5 {
        Verification::PartMd5
    } else {
        Verification::None
    }
}

/// Bytes to put, with their sums.
pub(super) struct Body {
    body: PayloadBody,
    checksums: Checksums,
}

impl Body {
    /// Bytes in memory, summed here.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let crc64nvme = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes);
        let md5 = Some(Md5::digest(&bytes).into());
        Self { body: PayloadBody::Buffer(Bytes::from(bytes)), checksums: Checksums { crc64nvme, md5 } }
    }
}

impl From<Payload> for Body {
    fn from(payload: Payload) -> Self {
        Self { body: payload.body, checksums: payload.checksums }
    }
}

/// Writes an object if `condition` holds.
///
/// Some look-alike stores refuse a condition that holds (Ceph 16 compares a quoted ETag with an unquoted one) or do not
/// know conditions at all; there the object is looked at instead, and the user is told that nobody else may write.
pub(super) async fn put(
    task: &Task,
    key: &ObjectKey,
    body: Body,
    attributes: &Attributes,
    condition: &Condition,
) -> Result<PartReceipt, FileError> {
    let store = &task.context.store;
    let on_sent = if *key == task.key { task.on_sent() } else { Arc::new(|_| {}) };
    let payload = Payload { body: body.body, checksums: body.checksums, on_sent };
    match undamaged(|| store.put(key, payload.clone(), attributes, condition)).await {
        Ok(receipt) => Ok(receipt),
        // The answer to our own write was lost, and the request was sent again: what it met is what it wrote.
        Err(error)
            if error.kind.is_conflict()
                && let Some(receipt) = ours(task, key, &payload).await? =>
        {
            Ok(receipt)
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
pub(super) async fn undamaged<F>(send: impl Fn() -> F) -> Result<PartReceipt, StoreError>
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
pub(super) const NO_CONDITIONS: &str =
    "this store does not check conditions on writes: let nobody else write to the same keys at the same time";

/// Whether a refusal may come from a store that does not know better.
pub(super) fn may_be_wrong(task: &Task, kind: ErrorKind) -> bool {
    kind == ErrorKind::Unsupported || (kind.is_conflict() && !task.context.store.is_proven())
}

/// Whether a condition holds right now, as far as HEAD tells.
pub(super) async fn holds(task: &Task, key: &ObjectKey, condition: &Condition) -> Result<bool, FileError> {
    let object = task.context.store.head(key).await?;
    Ok(match condition {
        Condition::Always => true,
        Condition::Absent => object.is_none(),
        Condition::Unchanged(etag) => object.is_some_and(|object| object.etag == *etag),
    })
}
