//! Objects at or above the threshold: compared with the old version by their sidecar, put together beside it.

use std::io::ErrorKind;
use std::sync::Arc;

use super::build::build;
use super::compare::{Difference, compare};
use super::fetching::Fetching;
use super::small;
use super::standing::Standing;
use super::work::Work;
use crate::store::{EntryKind, ObjectInfo, SourceEntry, SourceFile};
use crate::sync::error::FileError;
use crate::sync::pace::blocking::blocking;
use crate::sync::report::Verification;
use crate::sync::report::done::Done;
use crate::sync::task::{Task, add};

/// Fetches a large object, once. `given_up` is whether its sidecar has turned out to be wrong.
pub(crate) async fn fetch_large(
    fetching: &Fetching,
    task: &Task,
    object: &ObjectInfo,
    standing: Option<Standing>,
    given_up: bool,
) -> Result<Done, FileError> {
    // A link is replaced, its target is no old version.
    let basis = standing.as_ref().filter(|_| task.entry.kind == EntryKind::File);
    let others = others(fetching, task, basis.is_none()).await?;
    let difference = compare(task, object, basis, &others, given_up).await?;
    if let (Difference::Unchanged { verification, reason }, Some(standing)) = (&difference, &standing) {
        if !task.context.options.dry_run {
            let (folder, relative) = (Arc::clone(&fetching.folder), task.entry.relative.clone());
            // What stands is right: what an interrupted run has left is of use to nobody.
            blocking(move || Ok(folder.forget_unfinished(&relative)?)).await?;
        }
        let done = small::set(fetching, task, object, standing.clone(), *verification).await?;
        return Ok(if done.is_unchanged() { done.because(*reason) } else { done });
    }
    let standing_len = basis.map(|standing| standing.file.len());
    let Some(work) = Work::of(difference, object.len, standing_len) else {
        unreachable!("only what stands can be unchanged")
    };
    tracing::debug!(
        key = %task.key,
        reason = work.reason,
        parts = work.parts.len(),
        fetched_bytes = work.fetched_bytes(),
        copied_bytes = work.copied_bytes(),
        "planned"
    );
    let action = work.action();
    if task.context.options.dry_run {
        add(&task.tally.downloaded, work.fetched_bytes());
        add(&task.tally.copied, work.copied_bytes());
        return Ok(Done::new(action, work.reason, Verification::None).with(work.changes));
    }
    let verification = build(fetching, task, object, standing.as_ref(), &work).await?;
    Ok(Done::new(action, work.reason, verification).with(work.changes))
}

/// Other files that may have bytes of the new version: those that the user names, and for a new file one of a similar name.
async fn others(fetching: &Fetching, task: &Task, is_new: bool) -> Result<Vec<Arc<dyn SourceFile>>, FileError> {
    let fetching = fetching.clone();
    let entry = SourceEntry { relative: task.entry.relative.clone(), kind: EntryKind::File };
    blocking(move || {
        let mut others = Vec::new();
        for basis in &fetching.bases {
            match basis.open(&entry) {
                Ok(file) => others.push(file),
                // It has no such file, or something else of that name.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => {}
                Err(error) => return Err(FileError::Read(error)),
            }
        }
        if fetching.fuzzy
            && is_new
            && let Some(relative) = fetching.folder.similar(&entry.relative)?
        {
            tracing::debug!(%relative, "taken for an old version");
            others.extend(fetching.folder.open(&SourceEntry { relative, kind: EntryKind::File }).ok());
        }
        Ok(others)
    })
    .await
}
