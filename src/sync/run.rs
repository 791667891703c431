//! A run: every file of a job, as many side by side as their transfers allow.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::stream::{self, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::context::{Context, Task};
use super::error::FileError;
use super::events::{Event, FileId, Observer};
use super::file::{Listed, sync_file};
use super::options::SyncOptions;
use super::report::{Action, ErrorReport, FileReport, Summary};
use crate::sidecar;
use crate::store::{Listing, ObjectKey, Skipped, Source, SourceEntry, Store, StoreError};

/// What a run syncs, and where to.
#[derive(Debug)]
pub struct Job {
    /// The files.
    pub listing: Listing,
    /// What every key starts with; a file's key is this and its relative name.
    pub prefix: String,
    /// The destination's URL, for the report.
    pub destination: String,
    /// Whether the source is a folder, so that the destination is listed first.
    pub is_directory: bool,
}

/// Runs a job. Failures of single files are in the summary; an error is one that concerns all of them.
pub async fn run(
    job: Job,
    store: Arc<dyn Store>,
    source: Arc<dyn Source>,
    options: SyncOptions,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Summary, StoreError> {
    let started = Instant::now();
    let Job { mut listing, prefix, destination, is_directory } = job;
    reserve_sidecar_names(&mut listing);
    let bytes = listing.entries.iter().map(|entry| entry.len).sum();
    observer.observe(&Event::RunStarted { files: listing.entries.len() as u64, bytes });
    let present = if is_directory { Some(present(&*store, &prefix, &listing, &cancel).await?) } else { None };
    let dry_run = options.dry_run;
    // Twice as many files as uploads: one can be read or asked about while another one is sent.
    let files_at_once = options.jobs.get() * 2;
    // Its own token: an error that concerns all files stops the others too, and is no interruption by the user.
    let context = Arc::new(Context::new(Arc::clone(&store), source, options, observer, cancel.child_token()));
    let skipped = listing.skipped.into_iter().map(|(path, why)| skip(&context, &prefix, &path, &why));
    let mut reports: Vec<FileReport> = skipped.collect();
    let finished: Vec<FileReport> = stream::iter(listing.entries.into_iter().enumerate())
        .map(|(index, entry)| {
            let (context, key) = (Arc::clone(&context), format!("{prefix}{}", entry.relative));
            let listed = match &present {
                Some(present) if !present.contains(&key) => Listed::Absent,
                _ => Listed::Maybe,
            };
            // A task of its own: hashing and encryption of one file do not hold up another.
            let task = tokio::spawn(async move { one(context, FileId(index), entry, key, listed).await });
            async move {
                match task.await {
                    Ok(report) => report,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }
        })
        .buffer_unordered(files_at_once)
        .collect()
        .await;
    reports.extend(finished);
    reports.sort_by(|a, b| a.key.cmp(&b.key));
    let requests = store.requests();
    Ok(Summary::of(reports, destination, dry_run, cancel.is_cancelled(), requests, started.elapsed()))
}

async fn one(context: Arc<Context>, id: FileId, entry: SourceEntry, key: String, listed: Listed) -> FileReport {
    let path = entry.path.display().to_string();
    let key = match ObjectKey::new(key.clone()) {
        Ok(key) => key,
        Err(error) => {
            let mut report = FileReport::new(path, key, entry.len);
            let error = FileError::from(error);
            report.error = Some(ErrorReport { message: error.to_string(), hint: error.hint() });
            context.observer.observe(&Event::FileFinished { file: id, report: &report });
            return report;
        }
    };
    let task = Task::new(context, id, path, key);
    let (report, error) = sync_file(&task, &entry, listed).await;
    if error.is_some_and(|error| error.concerns_all()) {
        task.context.cancel.cancel();
    }
    report
}

/// A file of a name that sidecars have would be overwritten by one, or be taken for one.
fn reserve_sidecar_names(listing: &mut Listing) {
    let (reserved, entries) =
        std::mem::take(&mut listing.entries).into_iter().partition(|entry| entry.relative.ends_with(sidecar::SUFFIX));
    let reserved: Vec<SourceEntry> = reserved;
    listing.entries = entries;
    listing.skipped.extend(reserved.into_iter().map(|entry| (entry.path, Skipped::Reserved)));
}

fn skip(context: &Context, prefix: &str, path: &Path, why: &Skipped) -> FileReport {
    let path = path.display().to_string();
    let text = why.to_string();
    if !why.is_failure() {
        context.observer.observe(&Event::Warning { path: &path, text: &text });
    }
    let mut report = FileReport::new(path, prefix.to_owned(), 0);
    if why.is_failure() {
        report.error = Some(ErrorReport { message: text, hint: None });
    } else {
        report.action = Action::Skipped;
        report.reason = text;
    }
    report
}

/// The keys of a listing's files that exist already. Others below the prefix are not kept: there may be far more of them.
async fn present(
    store: &dyn Store,
    prefix: &str,
    listing: &Listing,
    cancel: &CancellationToken,
) -> Result<HashSet<String>, StoreError> {
    let ours: HashSet<&str> = listing.entries.iter().map(|entry| entry.relative.as_str()).collect();
    let mut keys = HashSet::new();
    let mut page = None;
    loop {
        let found = tokio::select! {
            biased;
            // Every file will say that it was interrupted.
            () = cancel.cancelled() => return Ok(keys),
            found = store.list(prefix, page.as_deref()) => found?,
        };
        let known = found.entries.into_iter().map(|entry| entry.key);
        keys.extend(known.filter(|key| key.strip_prefix(prefix).is_some_and(|relative| ours.contains(relative))));
        page = found.next;
        if page.is_none() {
            return Ok(keys);
        }
    }
}
