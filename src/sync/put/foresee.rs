//! What a dry run says of a large file: the numbers of the real run that would follow, found out by reading alone.
//!
//! What there is to do is decided in `work.rs`, for both. Small files and the index are foreseen where they are written.

use std::sync::Arc;

use super::complete::usual_etag_len;
use super::resume::unfinished;
use super::sidecar;
use super::work::Work;
use crate::delta::BlockLen;
use crate::store::{MultipartStore, ObjectInfo, SourceFile};
use crate::sync::error::FileError;
use crate::sync::evidence::attributes::Asked;
use crate::sync::task::{Task, add};

/// Counts what a real run would move.
pub(crate) async fn foresee(
    task: &Task,
    multipart: &dyn MultipartStore,
    file: &Arc<dyn SourceFile>,
    object: Option<&ObjectInfo>,
    block_len: BlockLen,
    asked: &Asked,
    work: &Work,
) -> Result<(), FileError> {
    let resumed = match work.is_resumable(asked) {
        true => unfinished(task, multipart, file, &work.plan, object).await?,
        false => None,
    };
    let resumed = resumed.iter().flat_map(|(_, kept)| kept.values()).map(|part| part.len).sum();
    add(&task.tally.resumed, resumed);
    add(&task.tally.uploaded, work.plan.uploaded_bytes() - resumed);
    add(&task.tally.copied, work.plan.copied_bytes());
    add(&task.tally.unsure, work.unsure_bytes(multipart));
    if task.context.options.sidecars {
        let new = (usual_etag_len(work.plan.parts().len()), block_len.count(file.len()));
        let old = work.old.as_ref().zip(object);
        let old = old.map(|(signature, object)| (object.etag.as_str().len(), signature.blocks().len() as u64));
        // As `stand` writes them.
        let before: Vec<_> = std::iter::once(new).chain(old).collect();
        sidecar::foresee(task, &before);
        if before.len() > 1 {
            sidecar::foresee(task, &[new]);
        }
    }
    Ok(())
}
