//! Files below the threshold: read once, compared by the sum that the store has, and written in one request.

use std::collections::BTreeMap;
use std::sync::Arc;

use md5::{Digest as _, Md5};
use tokio::sync::OwnedSemaphorePermit;

use super::backup::back_up;
use super::write::{holds, may_be_wrong, put};
use crate::store::{Checksums, Condition, CopySource, ETag, EntryKind, ObjectInfo, PayloadBody, SourceFile};
use crate::sync::context::Context;
use crate::sync::error::FileError;
use crate::sync::evidence::attributes::{Asked, BLAKE3};
use crate::sync::evidence::reading::{ReadRange, Wanted, read, sums_of};
use crate::sync::evidence::sums::{Body, equal_by, hex, verification_of};
use crate::sync::options::Comparison;
use crate::sync::pace::blocking::blocking;
use crate::sync::pace::turns::MAX_BUFFERED;
use crate::sync::report::Stage;
use crate::sync::report::done::Done;
use crate::sync::report::{Action, Change, Verification};
use crate::sync::task::{Task, add};

/// A file that has been read and can be sent as it is.
pub(crate) struct Ready {
    pub(crate) file: Arc<dyn SourceFile>,
    pub(crate) read: ReadRange,
    pub(crate) asked: Asked,
    /// What it is counted by while it is open and its bytes are in memory.
    _held: Held,
}

/// What a file that is open and in memory is counted by.
pub(crate) struct Held {
    /// `None` where whoever waits for the file counts it.
    _open: Option<OwnedSemaphorePermit>,
    _memory: OwnedSemaphorePermit,
}

impl Held {
    /// Waits until an open file of `len` bytes may be read.
    pub(crate) async fn wait(
        context: &Context,
        open: Option<OwnedSemaphorePermit>,
        len: u64,
    ) -> Result<Self, FileError> {
        Ok(Self { _open: open, _memory: context.pace.memory_for(len.min(MAX_BUFFERED)).await? })
    }
}

impl Ready {
    /// Reads a file for its sums and to send it. Blocks.
    pub(crate) fn read(task: &Task, file: Arc<dyn SourceFile>, md5: bool, held: Held) -> Result<Self, FileError> {
        let wanted = Wanted { blocks: None, md5, blake3: true };
        let read = read(&file, &task.context.pace.buffers, 0, file.len(), wanted, task.on_sent())?;
        let target = match (&read.payload.body, task.entry.kind) {
            (PayloadBody::Buffer(bytes), EntryKind::Symlink) => Some(&bytes[..]),
            _ => None,
        };
        let asked = Asked::of(&task.context.options.attributes, &task.entry.relative, &file.attributes(), target);
        Ok(Self { read, asked, file, _held: held })
    }

    pub(crate) fn len(&self) -> u64 {
        self.read.payload.len()
    }

    pub(crate) fn blake3(&self) -> &[u8; 32] {
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
        let md5 = if task.context.index.is_known() { self.sums_with_md5().await?.md5 } else { None };
        Ok(ETag::new(&hex(&md5.unwrap_or_default())))
    }

    /// Remembers that the object with this tag has the file's bytes and all that is asked for.
    pub(crate) fn remember(&self, task: &Task, etag: &ETag) {
        if !etag.as_str().is_empty() {
            let memory = &task.context.index;
            memory.learn(&task.entry.relative, etag, self.len(), self.blake3(), self.asked.fingerprint());
        }
    }
}

/// Syncs a file in one request. `object` is what the store has.
pub(crate) async fn sync_small(
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
pub(crate) async fn settle(task: &Task, ready: Ready, object: Option<&ObjectInfo>) -> Result<Done, FileError> {
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
        task.context.pace.in_turn(task.context.store.tags(&task.key)).await??
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
    let copied = context.pace.in_turn(context.store.copy(&source, &task.key, Some(&attributes), &condition)).await?;
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
pub(crate) async fn send(
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
