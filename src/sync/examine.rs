//! One file of a tree, as far as it goes without waiting for the store: opened, read once, compared with what the listing
//! and the index say. Runs on the blocking threads, many files at a stretch.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::context::Task;
use super::error::FileError;
use super::file::{Done, Remote, by_rule, in_parts, vanished};
use super::options::Comparison;
use super::report::{Action, Change, Verification};
use super::small::{Held, Ready, send, settle};
use crate::store::{Condition, ETag, EntryKind, ListEntry};

/// What is left to do.
pub(super) enum Examined {
    /// Nothing.
    Done(u64, Done),
    /// The object is another one, or none: send the file.
    Send { ready: Ready, condition: Condition, changes: Vec<Change> },
    /// Only the store can tell whether the object is the same.
    Ask(Ready),
    /// It is large, and goes its own way.
    Large(u64),
}

/// Looks at a file.
pub(super) fn examine(task: &Task, remote: &Remote, runtime: &Handle) -> Result<Examined, FileError> {
    let context = &task.context;
    if context.cancel.is_cancelled() {
        return Err(FileError::Interrupted);
    }
    // Known from the names alone.
    let rules = &context.options.transfer;
    if rules.existing && *remote == Remote::Absent {
        return Ok(Examined::Done(0, Done::skipped("not at the destination")));
    }
    let file = match context.source.open(&task.entry) {
        Ok(file) => file,
        Err(error) => return vanished(task, error).map(|done| Examined::Done(0, done)),
    };
    let (len, attributes) = (file.len(), file.attributes());
    if attributes.names > 1 && task.entry.kind == EntryKind::File {
        context.summary().files_hard_linked += 1;
    }
    if let Some(done) = by_rule(&context.options, len, &attributes, remote) {
        return Ok(Examined::Done(len, done));
    }
    if in_parts(&context.options, task.entry.kind, len) {
        return Ok(Examined::Large(len));
    }
    let held = runtime.block_on(Held::wait(context, len))?;
    let object = match remote {
        Remote::Unknown => return Ok(Examined::Ask(Ready::read(task, file, false, held)?)),
        Remote::Absent => {
            let ready = Ready::read(task, file, false, held)?;
            return Ok(Examined::Send { ready, condition: Condition::Absent, changes: vec![Change::New] });
        }
        Remote::Listed(object) => object,
    };
    let still = || Condition::Unchanged(object.etag.clone());
    if object.len != len {
        let changes = vec![Change::Content, Change::Size];
        return Ok(Examined::Send { ready: Ready::read(task, file, false, held)?, condition: still(), changes });
    }
    compare(task, file, object, held)
}

fn compare(
    task: &Task,
    file: Arc<dyn crate::store::SourceFile>,
    object: &ListEntry,
    held: Held,
) -> Result<Examined, FileError> {
    let context = &task.context;
    let len = file.len();
    let by_record = context.options.comparison == Comparison::Content;
    let remembered = context.memory_of.get(&task.entry.relative, &object.etag, len).filter(|_| by_record);
    let md5 = remembered.is_none() && object.etag.as_md5().is_some();
    let ready = Ready::read(task, file, md5, held)?;
    let (verification, as_asked) = match &remembered {
        Some(known) if known.content[..] == ready.blake3()[..16] => {
            // What was set since the index was written is not in it.
            let untouched = object.modified.is_some_and(|modified| context.memory_of.is_of(modified));
            (Verification::Index, untouched && known.attributes == ready.asked.fingerprint())
        }
        Some(_) => {
            let condition = Condition::Unchanged(object.etag.clone());
            return Ok(Examined::Send { ready, condition, changes: vec![Change::Content] });
        }
        None if is_md5_of(&object.etag, &ready) => (Verification::PartMd5, ready.asked.is_nothing()),
        // An ETag that is another MD5, or none, or one under SSE-KMS, which only looks like one.
        None => return Ok(Examined::Ask(ready)),
    };
    // What is set on an object no listing tells.
    if !as_asked && !ready.asked.is_nothing() {
        return Ok(Examined::Ask(ready));
    }
    ready.remember(task, &object.etag);
    Ok(Examined::Done(len, Done::new(Action::Unchanged, "the store has the same checksum", verification)))
}

fn is_md5_of(etag: &ETag, ready: &Ready) -> bool {
    let md5 = ready.read.payload.checksums.md5;
    md5.is_some() && etag.as_md5() == md5
}

/// Does what is left to do with a small file.
pub(super) async fn conclude(task: &Task, examined: Examined) -> Result<Done, FileError> {
    match examined {
        Examined::Done(_, done) => Ok(done),
        Examined::Send { ready, condition, changes } => send(task, ready, &condition, changes).await,
        Examined::Ask(ready) => {
            task.context.memory_of.asked_for_one();
            let object = task.context.in_turn(task.context.store.head(&task.key)).await??;
            let (len, attributes) = (ready.len(), ready.file.attributes());
            // Nobody may have looked before.
            if let Some(done) = by_rule(&task.context.options, len, &attributes, &Remote::of(object.as_ref(), task)) {
                return Ok(done);
            }
            settle(task, ready, object.as_ref()).await
        }
        Examined::Large(_) => unreachable!("large files go their own way"),
    }
}
