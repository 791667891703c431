//! Uploads that an interrupted run has left: found again without any state on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::transfer::is_same;
use crate::stitch::Plan;
use crate::store::{ListedPart, MultipartStore, ObjectInfo, SourceFile, StoreError, Upload};
use crate::sync::error::FileError;
use crate::sync::evidence::reading::sums_of;
use crate::sync::report::Stage;
use crate::sync::task::Task;

/// The upload that a run of the same file has left unfinished, and its parts by number; `None` where there is none that
/// can be used. Not being allowed to look is no error.
///
/// All of its parts have to be parts of `plan` by their checksums: what somebody else is uploading to the same key just now
/// must not be disturbed. The file's own time says nothing of them: a checkout renews it. Complete refuses an upload that
/// began before the object's last write (recorded on AWS), so an older one than that is left alone.
pub(crate) async fn unfinished(
    task: &Task,
    multipart: &dyn MultipartStore,
    file: &Arc<dyn SourceFile>,
    plan: &Plan,
    object: Option<&ObjectInfo>,
) -> Result<Option<(Upload, BTreeMap<u32, ListedPart>)>, FileError> {
    let not_before = object.and_then(|object| object.modified).unwrap_or(i64::MIN);
    let Some(uploads) = allowed(multipart.uploads(&task.key).await) else { return Ok(None) };
    let last = uploads.into_iter().rev().find(|upload| upload.initiated.is_some_and(|began| began > not_before));
    let Some(upload) = last else { return Ok(None) };
    let Some(parts) = allowed(multipart.parts(&upload).await).filter(|parts| !parts.is_empty()) else {
        return Ok(None);
    };
    task.begin(Stage::Comparing, parts.iter().map(|part| part.len).sum());
    for listed in &parts {
        let Some(part) = (listed.number as usize).checked_sub(1).and_then(|index| plan.parts().get(index)) else {
            return Ok(None);
        };
        if listed.len != part.len {
            return Ok(None);
        }
        let sums = sums_of(file, part.offset, part.len, !upload.checksummed).await?;
        if !is_same(listed, part, &sums, &upload) {
            return Ok(None);
        }
        task.advance(part.len);
    }
    tracing::info!(parts = parts.len(), key = %task.key, "going on with an unfinished upload");
    Ok(Some((upload, parts.into_iter().map(|part| (part.number, part)).collect())))
}

/// What was listed; `None`, and a line in the log, where it could not be.
fn allowed<T>(listed: Result<T, StoreError>) -> Option<T> {
    listed.inspect_err(|error| tracing::debug!(%error, "unfinished uploads cannot be looked at")).ok()
}
