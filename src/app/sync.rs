//! From a request to a run: which way it goes, and what has to be known before.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::request::{Place, SyncRequest};
use super::{down, up};
use crate::store::Store;
use crate::sync::{Job, Observer, Summary, run};

/// Syncs a file or a folder to a bucket, or an object or a prefix of a bucket to this machine.
///
/// # Errors
/// What keeps the first file from being looked at; failures of single files are in the summary.
pub async fn sync(
    request: SyncRequest,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Summary, AppError> {
    let options = request.options.clone();
    let (job, store) = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(AppError::Interrupted),
        prepared = prepare(request) => prepared?,
    };
    Ok(run(job, store, options, observer, cancel).await?)
}

async fn prepare(request: SyncRequest) -> Result<(Job, Arc<dyn Store>), AppError> {
    match (request.source.clone(), request.destination.clone()) {
        (Place::Here(source), Place::Bucket(destination)) => up::prepare(request, source, destination).await,
        (Place::Bucket(source), Place::Here(destination)) => down::prepare(request, source, destination).await,
        (Place::Here(_), Place::Here(_)) => {
            Err(AppError::BothSides("neither the source nor the destination is a bucket"))
        }
        (Place::Bucket(_), Place::Bucket(_)) => Err(AppError::BothSides("from bucket to bucket is not supported yet")),
    }
}
