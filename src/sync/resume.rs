//! Uploads that an interrupted run has left: found again without any state on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::Task;
use crate::store::{ListedPart, MultipartStore, ObjectInfo, SourceFile, Upload};

/// The upload that a run of the same file has left unfinished, and its parts by number; `None` where there is none that
/// can be used. Not being allowed to look is no error.
///
/// Each part is compared with the local file by its checksum before it is kept. What cannot be compared is the metadata
/// that was set when the upload began, so an upload older than the file's last change is left alone; and Complete refuses
/// an upload that began before the object's last write (recorded on AWS), so is an older one than that.
pub(super) async fn unfinished(
    task: &Task,
    multipart: &dyn MultipartStore,
    file: &Arc<dyn SourceFile>,
    object: Option<&ObjectInfo>,
) -> Option<(Upload, BTreeMap<u32, ListedPart>)> {
    let not_before = file.attributes().mtime.max(object.and_then(|object| object.modified).unwrap_or(i64::MIN));
    let uploads = match multipart.uploads(&task.key).await {
        Ok(uploads) => uploads,
        Err(error) => {
            tracing::debug!(%error, "unfinished uploads cannot be listed");
            return None;
        }
    };
    let upload = uploads.into_iter().rev().find(|upload| upload.initiated.is_some_and(|began| began > not_before))?;
    match multipart.parts(&upload).await {
        Ok(parts) if !parts.is_empty() => {
            tracing::info!(parts = parts.len(), key = %task.key, "going on with an unfinished upload");
            Some((upload, parts.into_iter().map(|part| (part.number, part)).collect()))
        }
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(%error, "the parts of an unfinished upload cannot be listed");
            None
        }
    }
}
