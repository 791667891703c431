//! Copies of objects inside the store before they are replaced or deleted.

use futures::future::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::delta::combine_crc64;
use crate::store::{Attributes, Condition, CopySource, ETag, MultipartStore, ObjectKey, PartReceipt, WholeObject};
use crate::sync::context::Context;
use crate::sync::error::FileError;

/// The longest object that one request copies (S3 API reference, "CopyObject": 5 GB), in bytes.
const MAX_COPY: u64 = 5_000_000_000;
/// Parts of one object that are asked for at once; how many run is the gate's matter.
const COPIES_AHEAD: usize = 64;

/// Copies the version of an object that is about to go to where the user wants copies, if anywhere.
pub(crate) async fn back_up(context: &Context, key: &ObjectKey, etag: &ETag, len: u64) -> Result<(), FileError> {
    let Some(prefix) = &context.options.backup else { return Ok(()) };
    let relative = key.as_str().strip_prefix(&context.prefix).unwrap_or(key.as_str());
    let to = ObjectKey::new(format!("{prefix}{relative}"))?;
    let source = CopySource { key: key.clone(), etag: etag.clone() };
    match context.store.multipart().filter(|_| len > MAX_COPY) {
        None => {
            context.pace.in_turn(context.store.copy(&source, &to, None, &Condition::Always)).await??;
        }
        Some(multipart) => in_parts(context, multipart, &source, &to, len).await?,
    }
    tracing::debug!(%key, %to, "copied before it goes");
    Ok(())
}

async fn in_parts(
    context: &Context,
    multipart: &dyn MultipartStore,
    source: &CopySource,
    to: &ObjectKey,
    len: u64,
) -> Result<(), FileError> {
    let attributes = context.store.head(&source.key).await?.map(|object| object.attributes).unwrap_or_default();
    let tags = context.store.tags(&source.key).await?;
    let upload = &multipart.create(to, &Attributes { tags, ..attributes }).await?;
    let copied = async {
        let limits = multipart.limits();
        let part_len = multipart.costs().copy_part.max(len.div_ceil(u64::from(limits.max_parts)));
        let starts = (1..).zip((0..len).step_by(part_len as usize));
        let parts = stream::iter(starts).map(|(number, start)| {
            let range = start..len.min(start + part_len);
            let copied = async move {
                let _turn = context.pace.copy_turn().await?;
                let len = range.end - range.start;
                Ok::<_, FileError>((multipart.copy_part(upload, number, source, range).await?, len))
            };
            copied.boxed()
        });
        let parts: Vec<(PartReceipt, u64)> = parts.buffered(COPIES_AHEAD).try_collect().await?;
        let crc64nvme =
            parts.iter().fold(0, |whole, (part, len)| combine_crc64(whole, part.crc64nvme.unwrap_or_default(), *len));
        let receipts: Vec<PartReceipt> = parts.into_iter().map(|(part, _)| part).collect();
        multipart.complete(upload, &receipts, WholeObject { len, crc64nvme }, &Condition::Always).await?;
        Ok::<_, FileError>(())
    };
    if let Err(error) = copied.await {
        // The failure is what the user has to know; the parts are the lifecycle rule's.
        let _ = multipart.abort(upload).await;
        return Err(error);
    }
    Ok(())
}
