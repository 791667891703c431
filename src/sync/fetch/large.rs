//! Objects at or above the threshold: compared with the old version by their sidecar, put together beside it.

use super::build::build;
use super::compare::{Difference, compare};
use super::fetching::Fetching;
use super::small;
use super::standing::Standing;
use super::work::Work;
use crate::store::{EntryKind, ObjectInfo};
use crate::sync::error::FileError;
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
    let difference = compare(task, object, basis, given_up).await?;
    if let (Difference::Unchanged { verification, reason }, Some(standing)) = (&difference, &standing) {
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
