//! Files at or above the threshold: compared with their sidecar, stitched or uploaded in parts, signed for the next time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::backup::back_up;
use super::compare::{Compared, Difference, compare};
use super::complete::{Completed, complete, expected_etag};
use super::foresee::foresee;
use super::resume::unfinished;
use super::sidecar::{self, write};
use super::transfer::{Transfer, Transferred};
use super::work::Work;
use crate::delta::{BlockLen, Signature};
use crate::sidecar::MAX_BLOCKS;
use crate::store::{Condition, ETag, MultipartStore, ObjectInfo, SourceFile, Upload};
use crate::sync::error::FileError;
use crate::sync::evidence::attributes::Asked;
use crate::sync::evidence::basis::NoBasis;
use crate::sync::report::done::Done;
use crate::sync::report::{Action, Verification};
use crate::sync::task::Task;

/// How long giving up an upload may take when the run is being stopped.
const ABORT_TIMEOUT: Duration = Duration::from_secs(4);

/// What the store has before anything is written.
struct Before<'a> {
    object: Option<&'a ObjectInfo>,
    write_sidecar_if: &'a Condition,
}

/// Syncs a file in parts, once. `object` is what the store has, `given_up` why it is no basis any more.
pub(crate) async fn sync_large(
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
                Work::update(task, multipart, &asked, object, known, changes, given_up).await?
            } else {
                let etag_len = object.etag.as_str().len();
                match unsigned && options.sidecars {
                    true if options.dry_run => {
                        sidecar::foresee(task, &[(etag_len, known.signature.blocks().len() as u64)]);
                    }
                    true => {
                        let entry = (Some(object.etag.clone()), &*known.signature);
                        unless_conflict(write(task, &[entry], &write_sidecar_if).await)?;
                    }
                    false => {}
                }
                return Ok(Done::new(Action::Unchanged, reason, verification));
            }
        }
        (difference, object) => Work::of(task, multipart, file.len(), object, difference)?,
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
    if options.dry_run {
        foresee(task, multipart, file, object, block_len, &asked, &work).await?;
        return Ok(Done::new(work.action(), work.reason, Verification::None).with(work.changes));
    }
    if let Some(object) = object.filter(|_| work.attributes.is_none()) {
        back_up(&task.context, &task.key, &object.etag, object.len).await?;
    }
    let before = Before { object, write_sidecar_if: &write_sidecar_if };
    match carry_out(task, multipart, file, &before, block_len, &asked, &work).await {
        Err(error @ FileError::NotCopied(_)) => {
            task.warn(format!("{error}: uploading the whole file instead"));
            let work = work.whole(multipart, "the store does not copy ranges of the old version".to_owned())?;
            let verification = carry_out(task, multipart, file, &before, block_len, &asked, &work).await?;
            Ok(Done::new(work.action(), work.reason, verification).with(work.changes))
        }
        result => Ok(Done::new(work.action(), work.reason, result?).with(work.changes)),
    }
}

/// The block length of the new signature: the user's, unless the file would then have more blocks than a sidecar holds.
fn block_len_for(task: &Task, len: u64) -> BlockLen {
    let auto = BlockLen::for_file_len(len);
    let Some(asked) = task.context.options.block_len else { return auto };
    if asked.count(len) <= MAX_BLOCKS {
        return asked;
    }
    task.warn(format!(
        "blocks of {} KB are too many for a file of this size, {} KB are used",
        asked.bytes() >> 10,
        auto.bytes() >> 10
    ));
    auto
}

/// Transfers the parts and makes the new object stand.
async fn carry_out(
    task: &Task,
    multipart: &dyn MultipartStore,
    file: &Arc<dyn SourceFile>,
    before: &Before<'_>,
    block_len: BlockLen,
    asked: &Asked,
    work: &Work,
) -> Result<Verification, FileError> {
    let Before { object, write_sidecar_if } = *before;
    let Work { plan, known, basis, old, attributes, .. } = work;
    let resumable = work.is_resumable(asked);
    let resumed = if resumable { unfinished(task, multipart, file, plan, object).await? } else { None };
    let (upload, kept) = match resumed {
        Some(found) => found,
        None => {
            let blake3 = known.as_ref().map(|known| known.signature.blake3());
            let attributes = attributes.clone().unwrap_or_else(|| asked.for_new(&task.entry.relative, blake3));
            (multipart.create(&task.key, &attributes).await?, Default::default())
        }
    };
    let is_new = kept.is_empty();
    tracing::debug!(key = %task.key, upload = upload.id, checksummed = upload.checksummed, kept = kept.len(), "uploading");
    let (basis, known) = (basis.as_ref(), known.as_ref());
    let transfer = Transfer { task, multipart, upload: &upload, file, plan, basis, known, block_len, kept };
    let finish = async {
        let transferred = transfer.run().await?;
        if file.has_changed().map_err(FileError::from_read)? {
            return Err(FileError::Changed);
        }
        let old = old.as_ref().zip(object).map(|(signature, object)| (object.etag.clone(), &**signature));
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
    let mut entries = vec![(expected.clone(), &*transferred.signature)];
    entries.extend(old.map(|(etag, signature)| (Some(etag), signature)));
    let written = write(task, &entries, write_sidecar_if).await?;
    let Completed { etag, verification } = complete(task, multipart, upload, transferred, condition).await?;
    tracing::debug!(key = %task.key, %etag, ?verification, "the new object stands");
    // Where the store reports its CRC64NVME, that names the object, whatever its ETag (`Claim::difference`).
    let is_named = expected.as_ref() == Some(&etag) || verification == Verification::Crc64nvme;
    if let Some(version) = written.filter(|_| entries.len() > 1 || !is_named) {
        let entry = (Some(etag), &*transferred.signature);
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
    if error.is_passing() && resumable {
        tracing::info!(key = %task.key, "the unfinished upload is kept for the next run");
        return;
    }
    match tokio::time::timeout(ABORT_TIMEOUT, multipart.abort(upload)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => task.warn(format!("the unfinished upload is left behind: {error}")),
        Err(_) => task.warn("the unfinished upload is left behind: the store did not answer in time".to_owned()),
    }
}
