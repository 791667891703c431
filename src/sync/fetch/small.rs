//! Files below the threshold: fetched in one request, proved in memory, written beside the old version.

use std::sync::Arc;

use crc_fast::CrcAlgorithm;
use futures::stream::TryStreamExt as _;
use md5::{Digest as _, Md5};

use super::examine::Summed;
use super::fetching::Fetching;
use super::standing::Standing;
use crate::store::{Checksums, EntryKind, FolderError, Kept, ListEntry, ObjectInfo, StoreError};
use crate::sync::error::FileError;
use crate::sync::evidence::attributes::BLAKE3;
use crate::sync::evidence::restore;
use crate::sync::evidence::sums::{equal_by, hex};
use crate::sync::options::Comparison;
use crate::sync::pace::blocking::blocking;
use crate::sync::report::done::Done;
use crate::sync::report::{Action, Change, Stage, Verification};
use crate::sync::task::{Task, add};

/// How often an object is fetched that arrives damaged.
const MAX_FETCHES: u32 = 3;

/// Asks the store whether its object has the bytes that stand here, and makes them equal.
pub(crate) async fn settle(fetching: &Fetching, task: &Task, summed: Summed) -> Result<Done, FileError> {
    let context = &task.context;
    context.index.asked_for_one();
    let Some(object) = context.pace.in_turn(context.store.head(&task.key)).await?? else {
        return Err(FileError::Gone);
    };
    let standing = summed.standing;
    let listed =
        ListEntry { key: task.key.to_string(), len: object.len, etag: object.etag.clone(), modified: object.modified };
    if object.len != standing.file.len() {
        return fetch(fetching, task, &listed, Some(standing), vec![Change::Content, Change::Size]).await;
    }
    let recorded = || is_recorded(task, &object, &summed.blake3).then_some(Verification::Metadata);
    let Some(verification) = equal_by(&object, &summed.sums).or_else(recorded) else {
        return fetch(fetching, task, &listed, Some(standing), vec![Change::Content]).await;
    };
    let is_link = task.entry.kind == EntryKind::Symlink;
    if is_link != restore::target(&object.attributes).is_some() {
        return fetch(fetching, task, &listed, Some(standing), vec![Change::Attributes]).await;
    }
    set(fetching, task, &object, standing, verification).await
}

/// Sets what is kept beside the bytes, where that differs.
pub(crate) async fn set(
    fetching: &Fetching,
    task: &Task,
    object: &ObjectInfo,
    standing: Standing,
    verification: Verification,
) -> Result<Done, FileError> {
    let kept = restore::kept(task.context.options.attributes.preserve, &object.attributes);
    let is_link = task.entry.kind == EntryKind::Symlink;
    let changes = restore::changes(&kept, &standing.file.attributes(), is_link);
    if changes.is_empty() {
        return Ok(Done::new(Action::Unchanged, "the store has the same checksum", verification));
    }
    if !task.context.options.dry_run {
        let (folder, relative) = (Arc::clone(&fetching.folder), task.entry.relative.clone());
        blocking(move || Ok(folder.set(&relative, &kept)?)).await?;
    }
    Ok(Done::new(Action::Updated, "only what is kept beside the bytes differs", verification).with(changes))
}

/// Fetches an object of which another version, or none, stands here.
pub(crate) async fn fetch(
    fetching: &Fetching,
    task: &Task,
    object: &ListEntry,
    standing: Option<Standing>,
    changes: Vec<Change>,
) -> Result<Done, FileError> {
    let reason = if standing.is_some() { "changed" } else { "new file" };
    if task.context.options.dry_run {
        add(&task.tally.downloaded, object.len);
        return Ok(Done::new(Action::Downloaded, reason, Verification::None).with(changes));
    }
    task.begin(Stage::Transferring, object.len);
    let _memory = task.context.pace.memory_for(object.len).await?;
    let (info, bytes, verification) = arrived(task, object).await?;
    if let Some(target) = restore::target(&info.attributes) {
        if !fetching.links {
            task.warn("is a symbolic link, which is not restored without --links".to_owned());
            return Ok(Done::skipped("is a symbolic link"));
        }
        if target != bytes {
            return Err(FileError::NotEqual(
                "the object of a symbolic link does not say where its metadata says".into(),
            ));
        }
        put_link(fetching, task, &info, target, standing).await?;
    } else {
        let kept = restore::kept(task.context.options.attributes.preserve, &info.attributes);
        write(fetching, task, bytes, kept, standing).await?;
    }
    Ok(Done::new(Action::Downloaded, reason, verification).with(changes))
}

/// The bytes of an object, proved as far as the store tells something to prove them by.
async fn arrived(task: &Task, object: &ListEntry) -> Result<(ObjectInfo, Vec<u8>, Verification), FileError> {
    let pace = &task.context.pace;
    for attempt in 1.. {
        let (info, bytes) = pace.in_turn_with(object.len, whole(task, object)).await??;
        add(&task.tally.downloaded, object.len);
        match proof(task, &info, &bytes) {
            Some(verification) => return Ok((info, bytes, verification)),
            None if attempt == MAX_FETCHES => break,
            None => tracing::debug!(key = %task.key, "damaged on its way: fetching again"),
        }
    }
    Err(FileError::NotEqual(format!("{} arrives with another checksum than the store reports", task.url())))
}

async fn whole(task: &Task, object: &ListEntry) -> Result<(ObjectInfo, Vec<u8>), FileError> {
    let store = &task.context.store;
    let Some(reading) = store.read(&task.key, Some(&object.etag), None).await? else { return Err(FileError::Gone) };
    if reading.info.len != object.len {
        let message = format!("it was listed with {} bytes and has {}", object.len, reading.info.len);
        return Err(StoreError::wrong_range(task.url(), message).into());
    }
    let mut bytes = Vec::with_capacity(object.len as usize);
    let mut pieces = reading.pieces;
    while let Some(piece) = pieces.try_next().await? {
        task.advance(piece.len() as u64);
        bytes.extend_from_slice(&piece);
    }
    Ok((reading.info, bytes))
}

/// What proves the bytes; nothing ([`Verification::None`]) where the store tells nothing of them, and `None` where what it
/// tells is of others.
fn proof(task: &Task, info: &ObjectInfo, bytes: &[u8]) -> Option<Verification> {
    let md5 = info.crc64nvme.is_none() && info.etag.as_md5().is_some();
    let sums = Checksums {
        crc64nvme: crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes),
        md5: md5.then(|| Md5::digest(bytes).into()),
    };
    if let Some(verification) = equal_by(info, &sums) {
        return Some(verification);
    }
    // An ETag that looks like an MD5 may be none (SSE-KMS): only a CRC64NVME that differs proves damage.
    if info.crc64nvme.is_some() {
        return None;
    }
    let blake3 = blake3::hash(bytes);
    let remembered = task.context.index.get(&task.entry.relative, &info.etag, info.len);
    if remembered.is_some_and(|known| known.content[..] == blake3.as_bytes()[..16]) {
        return Some(Verification::Index);
    }
    if is_recorded(task, info, blake3.as_bytes()) {
        return Some(Verification::Metadata);
    }
    Some(Verification::None)
}

fn is_recorded(task: &Task, object: &ObjectInfo, blake3: &[u8; 32]) -> bool {
    let by_record = task.context.options.comparison == Comparison::Content && object.crc64nvme.is_none();
    by_record && object.attributes.metadata.get(BLAKE3).is_some_and(|recorded| *recorded == hex(blake3))
}

async fn write(
    fetching: &Fetching,
    task: &Task,
    bytes: Vec<u8>,
    kept: Kept,
    standing: Option<Standing>,
) -> Result<(), FileError> {
    let (folder, relative) = (Arc::clone(&fetching.folder), task.entry.relative.clone());
    blocking(move || {
        let assembly = folder.assemble(&relative, bytes.len() as u64)?;
        let expected = standing.map(|standing| standing.version);
        let written = assembly.write_at(&bytes, 0).map_err(FolderError::from);
        // Not waited for to reach the disk one by one: the whole folder is, at the end of the run.
        let committed = written.and_then(|()| assembly.commit(&kept, expected.as_ref(), false));
        committed.map_err(|error| {
            // The failure is what the user has to know.
            let _ = assembly.discard();
            error.into()
        })
    })
    .await
}

async fn put_link(
    fetching: &Fetching,
    task: &Task,
    info: &ObjectInfo,
    target: Vec<u8>,
    standing: Option<Standing>,
) -> Result<(), FileError> {
    let kept = restore::kept(task.context.options.attributes.preserve, &info.attributes);
    let (folder, relative) = (Arc::clone(&fetching.folder), task.entry.relative.clone());
    let expected = standing.map(|standing| standing.version);
    blocking(move || Ok(folder.link(&relative, &target, &kept, expected.as_ref())?)).await
}
