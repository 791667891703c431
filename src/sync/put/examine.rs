//! One file of a tree, as far as it goes without waiting for the store: opened, read once, compared with what the listing
//! and the index say. Runs on the blocking threads, many files at a stretch.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::file::{in_parts, vanished};
use super::remote::{Remote, by_rule};
use super::small::{Held, Ready, send, settle};
use crate::store::{Condition, ETag, EntryKind, ListEntry};
use crate::sync::error::FileError;
use crate::sync::options::Comparison;
use crate::sync::report::done::Done;
use crate::sync::report::{Action, Change, Verification};
use crate::sync::task::Task;

/// What is left to do.
pub(crate) enum Examined {
    /// Nothing, for a file of so many bytes.
    Done(u64, Done),
    /// It has been read, and the store has to do the rest.
    Read(Box<Ready>, Next),
    /// It is large, has so many bytes, and goes its own way.
    Large(u64),
}

/// What the store has to do with a small file.
pub(crate) enum Next {
    /// The object is another one, or none: take the file.
    Send { condition: Condition, changes: Vec<Change> },
    /// Say whether the object is the same.
    Ask,
}

/// Looks at a file.
pub(crate) fn examine(task: &Task, remote: &Remote, runtime: &Handle) -> Result<Examined, FileError> {
    let context = &task.context;
    if context.cancel.is_cancelled() {
        return Err(FileError::Interrupted);
    }
    // Known from the names alone.
    let rules = &context.options.transfer;
    if rules.existing && *remote == Remote::Absent {
        return Ok(Examined::Done(0, Done::skipped("not at the destination")));
    }
    let open = runtime.block_on(context.pace.open_turn())?;
    let file = match context.source.open(&task.entry) {
        Ok(file) => file,
        Err(error) => return vanished(task, error).map(|done| Examined::Done(0, done)),
    };
    let (len, attributes) = (file.len(), file.attributes());
    if attributes.names > 1 && task.entry.kind == EntryKind::File {
        context.reporter.summary().files_hard_linked += 1;
    }
    if let Some(done) = by_rule(&context.options, len, &attributes, remote) {
        return Ok(Examined::Done(len, done));
    }
    if in_parts(&context.options, task.entry.kind, len) {
        return Ok(Examined::Large(len));
    }
    let held = runtime.block_on(Held::wait(context, Some(open), len))?;
    let object = match remote {
        Remote::Unknown => return Ok(Examined::Read(Ready::read(task, file, false, held)?.into(), Next::Ask)),
        Remote::Absent => {
            let ready = Ready::read(task, file, false, held)?;
            let next = Next::Send { condition: Condition::Absent, changes: vec![Change::New] };
            return Ok(Examined::Read(ready.into(), next));
        }
        Remote::Listed(object) => object,
    };
    if object.len != len {
        let changes = vec![Change::Content, Change::Size];
        let next = Next::Send { condition: Condition::Unchanged(object.etag.clone()), changes };
        return Ok(Examined::Read(Ready::read(task, file, false, held)?.into(), next));
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
    let remembered = context.index.get(&task.entry.relative, &object.etag, len).filter(|_| by_record);
    let md5 = remembered.is_none() && object.etag.as_md5().is_some();
    let ready = Ready::read(task, file, md5, held)?;
    let (verification, as_asked) = match &remembered {
        Some(known) if known.content[..] == ready.blake3()[..16] => {
            // What was set since the index was written is not in it.
            let untouched = object.modified.is_some_and(|modified| context.index.is_of(modified));
            (Verification::Index, untouched && known.attributes == ready.asked.fingerprint())
        }
        Some(_) => {
            let condition = Condition::Unchanged(object.etag.clone());
            return Ok(Examined::Read(ready.into(), Next::Send { condition, changes: vec![Change::Content] }));
        }
        None if is_md5_of(&object.etag, &ready) => (Verification::PartMd5, ready.asked.is_nothing()),
        // An ETag that is another MD5, or none, or one under SSE-KMS, which only looks like one.
        None => return Ok(Examined::Read(ready.into(), Next::Ask)),
    };
    // What is set on an object no listing tells.
    if !as_asked && !ready.asked.is_nothing() {
        return Ok(Examined::Read(ready.into(), Next::Ask));
    }
    ready.remember(task, &object.etag);
    Ok(Examined::Done(len, Done::new(Action::Unchanged, "the store has the same checksum", verification)))
}

fn is_md5_of(etag: &ETag, ready: &Ready) -> bool {
    let md5 = ready.read.payload.checksums.md5;
    md5.is_some() && etag.as_md5() == md5
}

/// Does what is left to do with a small file that has been read.
pub(crate) async fn conclude(task: &Task, ready: Ready, next: Next) -> Result<Done, FileError> {
    match next {
        Next::Send { condition, changes } => send(task, ready, &condition, changes).await,
        Next::Ask => {
            task.context.index.asked_for_one();
            let object = task.context.pace.in_turn(task.context.store.head(&task.key)).await??;
            let (len, attributes) = (ready.len(), ready.file.attributes());
            // Nobody may have looked before.
            if let Some(done) =
                by_rule(&task.context.options, len, &attributes, &Remote::of(object.as_ref(), &task.key))
            {
                return Ok(done);
            }
            settle(task, ready, object.as_ref()).await
        }
    }
}
