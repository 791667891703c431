//! Files below the threshold: read once, compared by the sum that the store has, and written in one request.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest as _, Md5};
use tokio::sync::OwnedSemaphorePermit;

use super::attributes::{Asked, BLAKE3, hex};
use super::backup::back_up;
use super::context::{Context, MAX_BUFFERED, Task, add};
use super::error::FileError;
use super::events::Stage;
use super::file::Done;
use super::options::Comparison;
use super::reading::{ReadRange, Wanted, blocking, read, sums_of};
use super::report::{Action, Change, Verification};
use crate::store::{
    Attributes, Checksums, Condition, CopySource, ETag, EntryKind, ErrorKind, ObjectInfo, ObjectKey, PartReceipt,
    Payload, PayloadBody, SourceFile, StoreError,
};

/// How often a payload is sent that arrives damaged.
const MAX_SENDS: u32 = 3;

/// A file that has been read and can be sent as it is.
pub(super) struct Ready {
    pub(super) file: Arc<dyn SourceFile>,
    pub(super) read: ReadRange,
    pub(super) asked: Asked,
    /// What it is counted by while it is open and its bytes are in memory.
    _held: Held,
}

/// What a file that is open and in memory is counted by.
pub(super) struct Held {
    /// `None` where whoever waits for the file counts it.
    _open: Option<OwnedSemaphorePermit>,
    _memory: OwnedSemaphorePermit,
}

impl Held {
    /// Waits until an open file of `len` bytes may be read.
    pub(super) async fn wait(
        context: &Context,
        open: Option<OwnedSemaphorePermit>,
        len: u64,
    ) -> Result<Self, FileError> {
        Ok(Self { _open: open, _memory: context.memory_for(len.min(MAX_BUFFERED)).await? })
    }
}

impl Ready {
    /// Reads a file for its sums and to send it. Blocks.
    pub(super) fn read(task: &Task, file: Arc<dyn SourceFile>, md5: bool, held: Held) -> Result<Self, FileError> {
        let wanted = Wanted { blocks: None, md5, blake3: true };
        let read = read(&file, &task.context.buffers, 0, file.len(), wanted, task.on_sent())?;
        let target = match (&read.payload.body, task.entry.kind) {
            (PayloadBody::Buffer(bytes), EntryKind::Symlink) => Some(&bytes[..]),
            _ => None,
        };
        let asked = Asked::of(&task.context.options.attributes, &task.entry.relative, &file.attributes(), target);
        Ok(Self { read, asked, file, _held: held })
    }

    pub(super) fn len(&self) -> u64 {
        self.read.payload.len()
    }

    pub(super) fn blake3(&self) -> &[u8; 32] {
        &self.read.blake3
    }

    /// The sums, with the MD5 that stores want which are not known to check another one.
    async fn sums_with_md5(&self) -> Result<Checksums, FileError> {
        let mut sums = self.read.payload.checksums;
        if sums.md5.is_none() {
            sums.md5 = match &self.read.payload.body {
                PayloadBody::Buffer(bytes) => Some(Md5::digest(bytes).into()),
                PayloadBody::File { .. } => sums_of(&self.file, 0, self.len(), true).await?.md5,
            };
        }
        Ok(sums)
    }

    /// The tag that most stores would give to an object of these bytes: what a dry run remembers in place of the real one.
    /// Which it is matters only where an index from before may have it; elsewhere it is not worth an MD5.
    async fn usual_etag(&self, task: &Task) -> Result<ETag, FileError> {
        let md5 = if task.context.memory_of.is_known() { self.sums_with_md5().await?.md5 } else { None };
        Ok(ETag::new(&hex(&md5.unwrap_or_default())))
    }

    /// Remembers that the object with this tag has the file's bytes and all that is asked for.
    pub(super) fn remember(&self, task: &Task, etag: &ETag) {
        if !etag.as_str().is_empty() {
            let memory = &task.context.memory_of;
            memory.learn(&task.entry.relative, etag, self.len(), self.blake3(), self.asked.fingerprint());
        }
    }
}

/// Syncs a file in one request. `object` is what the store has.
pub(super) async fn sync_small(
    task: &Arc<Task>,
    file: &Arc<dyn SourceFile>,
    object: Option<&ObjectInfo>,
) -> Result<Done, FileError> {
    let held = Held::wait(&task.context, None, file.len()).await?;
    // An object of the same length may be the same: its ETag, where it is an MD5, or its checksum tells.
    let md5 = object.is_some_and(|object| object.len == file.len() && object.crc64nvme.is_none());
    let (reading, file) = (Arc::clone(task), Arc::clone(file));
    let ready = blocking(move || Ready::read(&reading, file, md5, held)).await?;
    settle(task, ready, object).await
}

/// Compares what was read with what the store says of the object, and makes them equal.
pub(super) async fn settle(task: &Task, ready: Ready, object: Option<&ObjectInfo>) -> Result<Done, FileError> {
    let by_record = task.context.options.comparison == Comparison::Content;
    let Some(object) = object else { return send(task, ready, &Condition::Absent, vec![Change::New]).await };
    if object.len != ready.len() {
        let changes = vec![Change::Content, Change::Size];
        return send(task, ready, &Condition::still(Some(object)), changes).await;
    }
    let mut sums = ready.read.payload.checksums;
    if object.crc64nvme.is_none() {
        sums = ready.sums_with_md5().await?;
    }
    let recorded = || {
        let hash = object.attributes.metadata.get(BLAKE3).filter(|_| by_record && object.crc64nvme.is_none());
        hash.filter(|hash| **hash == hex(ready.blake3())).map(|_| Verification::Metadata)
    };
    let Some(verification) = equal_by(object, &sums).or_else(recorded) else {
        return send(task, ready, &Condition::still(Some(object)), vec![Change::Content]).await;
    };
    // Tags that are not asked for are not compared, and a copy keeps them.
    let tags = if ready.asked.has_tags() && object.tag_count > 0 {
        task.context.in_turn(task.context.store.tags(&task.key)).await??
    } else {
        BTreeMap::new()
    };
    let changes = ready.asked.changes(object, &tags);
    if changes.is_empty() {
        ready.remember(task, &object.etag);
        return Ok(Done::new(Action::Unchanged, "the store has the same checksum", verification));
    }
    let etag = update(task, &ready, object, tags).await?;
    ready.remember(task, &etag);
    Ok(Done::new(Action::Updated, "only what is set on the object differs", verification).with(changes))
}

/// Sets what is asked for on an object whose bytes are right, by a copy onto itself inside the store. Returns its new tag.
async fn update(
    task: &Task,
    ready: &Ready,
    object: &ObjectInfo,
    tags: BTreeMap<String, String>,
) -> Result<ETag, FileError> {
    let context = &task.context;
    if context.options.dry_run {
        add(&task.tally.copied, object.len);
        return ready.usual_etag(task).await;
    }
    let attributes = ready.asked.over(object, tags);
    let source = CopySource { key: task.key.clone(), etag: object.etag.clone() };
    let condition = Condition::Unchanged(object.etag.clone());
    let copied = context.in_turn(context.store.copy(&source, &task.key, Some(&attributes), &condition)).await?;
    let receipt = match copied {
        Err(error) if may_be_wrong(task, error.kind) && holds(task, &task.key, &condition).await? => {
            context.store.copy(&source, &task.key, Some(&attributes), &Condition::Always).await?
        }
        copied => copied?,
    };
    if let (Some(now), Some(before)) = (receipt.crc64nvme, object.crc64nvme)
        && now != before
    {
        return Err(FileError::NotEqual(format!(
            "the store's copy of {} onto itself has another checksum",
            task.url()
        )));
    }
    add(&task.tally.copied, object.len);
    Ok(receipt.etag)
}

/// Uploads what was read, if `condition` holds.
pub(super) async fn send(
    task: &Task,
    ready: Ready,
    condition: &Condition,
    changes: Vec<Change>,
) -> Result<Done, FileError> {
    let context = &task.context;
    let len = ready.len();
    if ready.file.has_changed().map_err(FileError::from_read)? {
        return Err(FileError::Changed);
    }
    let reason = if *condition == Condition::Absent { "new object" } else { "changed" };
    if context.options.dry_run {
        add(&task.tally.uploaded, len);
        ready.remember(task, &ready.usual_etag(task).await?);
        return Ok(Done::new(Action::Uploaded, reason, Verification::None).with(changes));
    }
    task.begin(Stage::Transferring, len);
    if let Condition::Unchanged(etag) = condition {
        back_up(context, &task.key, etag, len).await?;
    }
    let proven = context.store.is_proven();
    let sums = if proven { ready.read.payload.checksums } else { ready.sums_with_md5().await? };
    let body = Body { body: ready.read.payload.body.clone(), checksums: sums };
    let attributes = ready.asked.for_new(&task.entry.relative, Some(ready.blake3()));
    let receipt = put(task, &task.key, body, &attributes, condition).await?;
    add(&task.tally.uploaded, len);
    ready.remember(task, &receipt.etag);
    Ok(Done::new(Action::Uploaded, reason, verification_of(&receipt, &sums)).with(changes))
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
    pub(super) body: PayloadBody,
    pub(super) checksums: Checksums,
}

impl Body {
    /// Bytes in memory, summed here.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let crc64nvme = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes);
        let md5 = Some(Md5::digest(&bytes).into());
        Self { body: PayloadBody::Buffer(Bytes::from(bytes)), checksums: Checksums { crc64nvme, md5 } }
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
    let sent = undamaged(|| store.put(key, payload.clone(), attributes, condition));
    match task.context.in_turn_with(payload.len(), sent).await? {
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
