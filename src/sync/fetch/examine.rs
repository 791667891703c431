//! One object of a tree and what stands under its name, compared as far as it goes without waiting for the store. Runs on
//! the blocking threads, many files at a stretch.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::fetching::Fetching;
use super::rules::by_rule;
use super::standing::Standing;
use crate::store::{Checksums, EntryKind, ListEntry, PayloadBody};
use crate::sync::error::FileError;
use crate::sync::evidence::attributes::Asked;
use crate::sync::evidence::reading::{ReadRange, Wanted, read};
use crate::sync::options::Comparison;
use crate::sync::pace::turns::MAX_BUFFERED;
use crate::sync::report::done::Done;
use crate::sync::report::{Action, Change, Verification};
use crate::sync::task::Task;

/// What is left to do.
pub(crate) enum Examined {
    /// Nothing.
    Done(Done),
    /// To fetch it.
    Fetch { standing: Option<Standing>, changes: Vec<Change> },
    /// To ask the store whether its object is the same: what stands here has these sums.
    Ask(Box<Summed>),
    /// It is large and goes its own way.
    Large,
}

/// What stands at the destination, read once.
pub(crate) struct Summed {
    pub(crate) standing: Standing,
    pub(crate) sums: Checksums,
    pub(crate) blake3: [u8; 32],
}

/// Looks at one object that was listed, and at what stands under its name.
pub(crate) fn examine(
    fetching: &Fetching,
    task: &Task,
    object: &ListEntry,
    runtime: &Handle,
) -> Result<Examined, FileError> {
    let context = &task.context;
    if context.cancel.is_cancelled() {
        return Err(FileError::Interrupted);
    }
    if object.len >= context.options.delta_threshold {
        return Ok(Examined::Large);
    }
    let _open = runtime.block_on(context.pace.open_turn())?;
    let standing = Standing::open(&*fetching.folder, &task.entry)?;
    if let Some(done) = by_rule(&context.options, object, standing.as_ref()) {
        return Ok(Examined::Done(done));
    }
    // Longer than what is held in memory: by ranges.
    let by_ranges = object.len > MAX_BUFFERED;
    let Some(standing) = standing else {
        if by_ranges {
            return Ok(Examined::Large);
        }
        return Ok(Examined::Fetch { standing: None, changes: vec![Change::New] });
    };
    if standing.file.len() != object.len && by_ranges {
        return Ok(Examined::Large);
    }
    if standing.file.len() != object.len {
        return Ok(Examined::Fetch { standing: Some(standing), changes: vec![Change::Content, Change::Size] });
    }
    match compare(task, object, standing, runtime)? {
        Examined::Fetch { .. } | Examined::Ask(_) if by_ranges => Ok(Examined::Large),
        examined => Ok(examined),
    }
}

fn compare(task: &Task, object: &ListEntry, standing: Standing, runtime: &Handle) -> Result<Examined, FileError> {
    let context = &task.context;
    let by_record = context.options.comparison == Comparison::Content;
    let relative = &task.entry.relative;
    let remembered = context.index.get(relative, &object.etag, object.len).filter(|_| by_record);
    let _memory = runtime.block_on(context.pace.memory_for(object.len.min(MAX_BUFFERED)))?;
    let wanted = Wanted { blocks: None, md5: object.etag.as_md5().is_some(), blake3: true };
    let read = read(&standing.file, &context.pace.buffers, 0, object.len, wanted, Arc::new(|_| {}))?;
    let is_link = task.entry.kind == EntryKind::Symlink;
    let preserve = context.options.attributes.preserve;
    // That it is a link stands in the metadata.
    let nothing_kept = preserve == Default::default() && !is_link;
    let (verification, as_kept) = match &remembered {
        Some(known) if known.content[..] == read.blake3[..16] => {
            let target = match &read.payload.body {
                PayloadBody::Buffer(bytes) if is_link => Some(&bytes[..]),
                _ => None,
            };
            let ours = Asked::of(&context.options.attributes, relative, &standing.file.attributes(), target);
            let untouched = object.modified.is_some_and(|modified| context.index.is_of(modified));
            (Verification::Index, untouched && known.attributes == ours.fingerprint())
        }
        Some(_) => {
            return Ok(Examined::Fetch { standing: Some(standing), changes: vec![Change::Content] });
        }
        None if wanted.md5 && object.etag.as_md5() == read.payload.checksums.md5 => (Verification::PartMd5, false),
        // An ETag that is another MD5, or none, or one under SSE-KMS, which only looks like one.
        None => return Ok(ask(standing, &read)),
    };
    if !as_kept && !nothing_kept {
        return Ok(ask(standing, &read));
    }
    Ok(Examined::Done(Done::new(Action::Unchanged, "the store has the same checksum", verification)))
}

fn ask(standing: Standing, read: &ReadRange) -> Examined {
    Examined::Ask(Box::new(Summed { standing, sums: read.payload.checksums, blake3: read.blake3 }))
}
