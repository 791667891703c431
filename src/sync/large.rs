//! Files at or above the threshold: compared with their sidecar, stitched or uploaded in parts, signed for the next time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::attributes::{Asked, BLAKE3, hex};
use super::backup::back_up;
use super::compare::{Compared, Difference, Known, compare};
use super::complete::{Completed, complete, expected_etag};
use super::context::{Task, add};
use super::decide::NoBasis;
use super::error::FileError;
use super::file::Done;
use super::report::{Action, Change, Verification};
use super::resume::unfinished;
use super::sidecars::write;
use super::transfer::{Transfer, Transferred};
use crate::delta::{BlockLen, Delta, Op, Signature};
use crate::sidecar;
use crate::stitch::{self, Plan};
use crate::store::{
    Attributes, Condition, CopySource, ETag, ErrorKind, MultipartStore, ObjectInfo, SourceFile, StoreError, Upload,
};

/// How long giving up an upload may take when the run is being stopped.
const ABORT_TIMEOUT: Duration = Duration::from_secs(4);

/// What is to be uploaded, and how.
struct Work {
    plan: Plan,
    known: Option<Known>,
    /// The old version, where parts are copied from it.
    basis: Option<CopySource>,
    /// The signature of the old version, where it is known.
    old: Option<Signature>,
    /// What the object gets; `None` where that waits for what is read.
    attributes: Option<Attributes>,
    changes: Vec<Change>,
    reason: String,
}

/// What the store has before anything is written.
struct Before<'a> {
    object: Option<&'a ObjectInfo>,
    write_sidecar_if: &'a Condition,
}

/// Syncs a file in parts, once. `object` is what the store has, `given_up` why it is no basis any more.
pub(super) async fn sync_large(
    task: &Task,
    multipart: &dyn MultipartStore,
    file: &Arc<dyn SourceFile>,
    object: Option<&ObjectInfo>,
    given_up: Option<&NoBasis>,
) -> Result<Done, FileError> {
    let options = &task.context.options;
    let block_len = block_len_for(task, file.len());
    let asked = Asked::of(&options.attributes, &task.entry.relative, &file.attributes(), None);
    let Compared { difference, write_sidecar_if } = compare(task, file, block_len, object, given_up).await?;
    let work = match (difference, object) {
        (Difference::Unchanged { verification, reason, known, unsigned }, Some(object)) => {
            let wants_tags = asked.has_tags() && object.tag_count > 0;
            let tags = if wants_tags { task.context.store.tags(&task.key).await? } else { Default::default() };
            let changes = asked.changes(object, &tags);
            if !changes.is_empty() {
                update(task, multipart, &asked, object, known, changes).await?
            } else {
                if unsigned && options.sidecars && !options.dry_run {
                    let entry = (Some(object.etag.clone()), &known.signature);
                    unless_conflict(write(task, &[entry], &write_sidecar_if).await)?;
                }
                return Ok(Done::new(Action::Unchanged, reason, verification));
            }
        }
        (difference, object) => plan(task, multipart, file, object, difference)?,
    };
    tracing::debug!(
        key = %task.key,
        reason = work.reason,
        parts = work.plan.len(),
        upload_requests = work.plan.upload_requests(),
        copy_requests = work.plan.copy_requests(),
        uploaded_bytes = work.plan.uploaded_bytes(),
        minimal = work.plan.is_minimal(),
        "planned"
    );
    let action = match (&work.attributes, work.plan.copied_bytes()) {
        (Some(_), _) => Action::Updated,
        (None, 0) => Action::Uploaded,
        (None, _) => Action::Stitched,
    };
    let changes = work.changes.clone();
    if options.dry_run {
        add(&task.tally.uploaded, work.plan.uploaded_bytes());
        add(&task.tally.copied, work.plan.copied_bytes());
        return Ok(Done::new(action, work.reason, Verification::None).with(changes));
    }
    let reason = work.reason.clone();
    let before = Before { object, write_sidecar_if: &write_sidecar_if };
    let verification = carry_out(task, multipart, file, before, block_len, &asked, work).await?;
    Ok(Done::new(action, reason, verification).with(changes))
}

/// The way to set what is asked for on an object whose bytes are right: every part of it is copied, since what is set is
/// fixed when an upload is created.
async fn update(
    task: &Task,
    multipart: &dyn MultipartStore,
    asked: &Asked,
    object: &ObjectInfo,
    known: Known,
    changes: Vec<Change>,
) -> Result<Work, FileError> {
    let all = Delta::from_iter([Op::Copy { from: 0, len: object.len }]);
    let plan = stitch::plan(&all, &multipart.limits(), &multipart.costs())?;
    let tags = if object.tag_count > 0 { task.context.store.tags(&task.key).await? } else { Default::default() };
    let mut attributes = asked.over(object, tags);
    attributes.metadata.insert(BLAKE3.to_owned(), hex(known.signature.blake3()));
    let basis = Some(CopySource { key: task.key.clone(), etag: object.etag.clone() });
    let reason = "only what is set on the object differs".to_owned();
    let old = Some(known.signature.clone());
    Ok(Work { plan, known: Some(known), basis, old, attributes: Some(attributes), changes, reason })
}

/// The block length of the new signature: the user's, unless the file would then have more blocks than a sidecar holds.
fn block_len_for(task: &Task, len: u64) -> BlockLen {
    let auto = BlockLen::for_file_len(len);
    let Some(asked) = task.context.options.block_len else { return auto };
    if asked.count(len) <= sidecar::MAX_BLOCKS {
        return asked;
    }
    task.warn(format!(
        "blocks of {} KB are too many for a file of this size, {} KB are used",
        asked.bytes() >> 10,
        auto.bytes() >> 10
    ));
    auto
}

/// From what differs to parts.
fn plan(
    task: &Task,
    multipart: &dyn MultipartStore,
    file: &Arc<dyn SourceFile>,
    object: Option<&ObjectInfo>,
    difference: Difference,
) -> Result<Work, FileError> {
    let (limits, costs) = (multipart.limits(), multipart.costs());
    let whole = || stitch::whole(file.len(), &limits, &costs);
    let mut changes = vec![if object.is_some() { Change::Content } else { Change::New }];
    changes.extend(object.filter(|object| object.len != file.len()).map(|_| Change::Size));
    Ok(match (difference, object) {
        (Difference::Delta { delta, known, basis }, Some(object)) => {
            let plan = stitch::plan(&delta, &limits, &costs)?;
            if plan.copied_bytes() == 0 || task.context.options.whole_file {
                let reason = if task.context.options.whole_file {
                    NoBasis::WholeFile.reason()
                } else if delta.literal_bytes() == delta.len() {
                    "nothing of it is in the old version".to_owned()
                } else {
                    format!(
                        "its {} new bytes are too scattered for parts of at least {} bytes",
                        delta.literal_bytes(),
                        limits.min_part
                    )
                };
                let (plan, known, old) = (whole()?, Some(known), Some(basis));
                return Ok(Work { plan, known, basis: None, old, attributes: None, changes, reason });
            }
            let source = CopySource { key: task.key.clone(), etag: object.etag.clone() };
            let reason = format!("{} of {} bytes are new", delta.literal_bytes(), delta.len());
            let (known, basis, old) = (Some(known), Some(source), Some(basis));
            Work { plan, known, basis, old, attributes: None, changes, reason }
        }
        (Difference::Whole { known, why }, _) => {
            let reason = why.reason();
            Work { plan: whole()?, known, basis: None, old: None, attributes: None, changes, reason }
        }
        (Difference::Delta { .. } | Difference::Unchanged { .. }, _) => {
            unreachable!("without an object there is nothing to differ from")
        }
    })
}

async fn carry_out(
    task: &Task,
    multipart: &dyn MultipartStore,
    file: &Arc<dyn SourceFile>,
    before: Before<'_>,
    block_len: BlockLen,
    asked: &Asked,
    work: Work,
) -> Result<Verification, FileError> {
    let Before { object, write_sidecar_if } = before;
    let Work { plan, known, basis, old, attributes, .. } = work;
    if let Some(object) = object.filter(|_| attributes.is_none()) {
        back_up(&task.context, &task.key, &object.etag, object.len).await?;
    }
    // Parts that were copied are as quickly copied again; only uploads from the file alone are gone on with.
    // Nor are those whose metadata says something of this file that cannot be compared.
    let resumable = basis.is_none() && known.is_none() && asked.is_nothing();
    let resumed = if resumable { unfinished(task, multipart, file, &plan, object).await? } else { None };
    let (upload, kept) = match resumed {
        Some(found) => found,
        None => {
            let blake3 = known.as_ref().map(|known| known.signature.blake3());
            let attributes = attributes.unwrap_or_else(|| asked.for_new(&task.entry.relative, blake3));
            (multipart.create(&task.key, &attributes).await?, Default::default())
        }
    };
    let is_new = kept.is_empty();
    tracing::debug!(key = %task.key, upload = upload.id, checksummed = upload.checksummed, kept = kept.len(), "uploading");
    let transfer =
        Transfer { task, multipart, upload: &upload, file, plan: &plan, basis: basis.as_ref(), known, block_len, kept };
    let finish = async {
        let transferred = transfer.run().await?;
        if file.has_changed().map_err(FileError::from_read)? {
            return Err(FileError::Changed);
        }
        let old = old.as_ref().zip(object).map(|(signature, object)| (object.etag.clone(), signature));
        stand(task, multipart, &upload, &transferred, &Condition::still(object), write_sidecar_if, old).await
    };
    let result = tokio::select! {
        biased;
        () = task.context.cancel.cancelled() => Err(FileError::Interrupted),
        result = finish => result,
    };
    if let Err(error) = &result {
        let has_parts = !is_new || task.tally.uploaded.load(Ordering::Relaxed) > 0;
        give_up(task, multipart, &upload, resumable && has_parts, error).await;
    }
    result
}

/// Makes the new object stand, with its sidecar around that moment: first both versions' signatures, so that whichever
/// object stands has its own, then the new one's alone.
async fn stand(
    task: &Task,
    multipart: &dyn MultipartStore,
    upload: &Upload,
    transferred: &Transferred,
    condition: &Condition,
    write_sidecar_if: &Condition,
    old: Option<(ETag, &Signature)>,
) -> Result<Verification, FileError> {
    if !task.context.options.sidecars {
        return Ok(complete(task, multipart, upload, transferred, condition).await?.verification);
    }
    let expected = expected_etag(&transferred.receipts);
    let mut entries = vec![(expected.clone(), &transferred.signature)];
    entries.extend(old.map(|(etag, signature)| (Some(etag), signature)));
    let written = write(task, &entries, write_sidecar_if).await?;
    let Completed { etag, verification } = complete(task, multipart, upload, transferred, condition).await?;
    tracing::debug!(key = %task.key, %etag, ?verification, "the new object stands");
    let final_already = entries.len() == 1 && expected.as_ref() == Some(&etag);
    if let Some(version) = written.filter(|_| !final_already) {
        let entry = (Some(etag), &transferred.signature);
        unless_conflict(write(task, &[entry], &Condition::Unchanged(version)).await)?;
    }
    Ok(verification)
}

/// Lets a sidecar be that somebody else writes now: that one is of this version too, or of the next.
fn unless_conflict<T>(written: Result<T, FileError>) -> Result<(), FileError> {
    match written {
        Err(error) if !error.is_conflict() => Err(error),
        _ => Ok(()),
    }
}

/// Frees the parts of an upload that will not be finished. One that the next run can go on with is kept.
async fn give_up(task: &Task, multipart: &dyn MultipartStore, upload: &Upload, resumable: bool, error: &FileError) {
    let passing = match error {
        FileError::Interrupted => true,
        FileError::Store(StoreError { kind, .. }) => {
            kind.is_silence()
                || matches!(kind, ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::ExpiredCredentials)
        }
        _ => false,
    };
    if passing && resumable {
        tracing::info!(key = %task.key, "the unfinished upload is kept for the next run");
        return;
    }
    match tokio::time::timeout(ABORT_TIMEOUT, multipart.abort(upload)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => task.warn(format!("the unfinished upload is left behind: {error}")),
        Err(_) => task.warn("the unfinished upload is left behind: the store did not answer in time".to_owned()),
    }
}
