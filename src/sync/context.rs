//! What the files of a run share, and what one file carries through it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::error::FileError;
use super::events::{Event, FileId, Observer, Stage};
use super::file::Done;
use super::gate::{Clock, Gate, Pass};
use super::options::SyncOptions;
use super::pool::BufferPool;
use super::remember::Remembering;
use super::report::{ErrorReport, FileReport, Summary};
use super::run::Job;
use super::shares::Shares;
use crate::store::{EntryKind, ObjectKey, OnSent, Source, SourceEntry, Store};

/// The most bytes of one payload that are held in memory; a longer one is read twice, once for its sums.
pub(super) const MAX_BUFFERED: u64 = 32 << 20;
/// Payload bytes in memory for each part: its usual length.
const MEMORY_PER_PART: u64 = 8 << 20;
/// Failures that are reported one by one; the others are counted.
const MAX_FAILURES: usize = 10_000;
/// A request with a longer body, in bytes, takes its time by the line.
const SHORT_BODY: u64 = 64 << 10;
/// The unit of the memory gate in bytes, so that a count of them fits its permits.
const MEMORY_UNIT: u64 = 64 << 10;

/// What the files of a run share.
pub(super) struct Context {
    pub(super) store: Arc<dyn Store>,
    pub(super) source: Arc<dyn Source>,
    pub(super) options: SyncOptions,
    /// What every key starts with.
    pub(super) prefix: String,
    /// What earlier runs have remembered of the objects below the prefix.
    pub(super) memory_of: Remembering,
    observer: Arc<dyn Observer>,
    pub(super) cancel: CancellationToken,
    summary: Mutex<Summary>,
    uploads: Gate,
    copies: Semaphore,
    memory: Arc<Semaphore>,
    memory_units: u64,
    scans: Semaphore,
    /// How many of everything that holds a descriptor may be under way.
    pub(super) shares: Shares,
    /// Small files that are open at once, from when they are opened until they are sent.
    open: Arc<Semaphore>,
    pub(super) buffers: Arc<BufferPool>,
}

impl Context {
    pub(super) fn new(
        job: Job,
        store: Arc<dyn Store>,
        options: SyncOptions,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Self {
        let shares = Shares::of(&options);
        let memory_units = (options.parts_in_memory.get() as u64 * MEMORY_PER_PART).max(MAX_BUFFERED) / MEMORY_UNIT;
        Self {
            store,
            source: job.source,
            summary: Mutex::new(Summary::new(job.destination, options.dry_run)),
            prefix: job.prefix,
            memory_of: Remembering::default(),
            observer,
            cancel,
            uploads: Gate::new(shares.uploads),
            copies: Semaphore::new(shares.copies),
            memory: Arc::new(Semaphore::new(memory_units as usize)),
            memory_units,
            // A scan keeps every core busy; a second one would only take its memory.
            scans: Semaphore::new(1),
            open: Arc::new(Semaphore::new(shares.small)),
            shares,
            buffers: Arc::default(),
            options,
        }
    }

    /// Waits for memory for `buffered` bytes.
    pub(super) async fn memory_for(&self, buffered: u64) -> Result<OwnedSemaphorePermit, FileError> {
        // An empty file takes a unit too: what is counted is also the requests that wait for their turn.
        let units = buffered.div_ceil(MEMORY_UNIT).clamp(1, self.memory_units);
        // Memory comes before the turn to upload: whoever holds a turn never waits for it.
        Arc::clone(&self.memory).acquire_many_owned(units as u32).await.map_err(|_| FileError::Interrupted)
    }

    /// Waits until one more small file may be open. This comes before memory: whoever has memory never waits for a descriptor.
    pub(super) async fn open_turn(&self) -> Result<OwnedSemaphorePermit, FileError> {
        Arc::clone(&self.open).acquire_owned().await.map_err(|_| FileError::Interrupted)
    }

    /// Waits for its turn to upload.
    pub(super) async fn upload_turn(&self) -> Result<Pass<'_>, FileError> {
        self.uploads.enter().await.ok_or(FileError::Interrupted)
    }

    /// Sends a request in its turn, and learns from how long it took.
    pub(super) async fn in_turn<T>(&self, request: impl Future<Output = T>) -> Result<T, FileError> {
        self.in_turn_with(0, request).await
    }

    /// The same for a request with a body of so many bytes; a long one tells nothing of a queue.
    pub(super) async fn in_turn_with<T>(&self, body: u64, request: impl Future<Output = T>) -> Result<T, FileError> {
        let short = body <= SHORT_BODY;
        let _turn = self.upload_turn().await?;
        // Many wait here when a run is stopped.
        if self.cancel.is_cancelled() {
            return Err(FileError::Interrupted);
        }
        let began = Clock::start();
        let answer = request.await;
        let time = began.elapsed();
        self.uploads.learn(short.then_some(time), self.store.throttles());
        Ok(answer)
    }

    /// Waits for its turn to have the store copy a range.
    pub(super) async fn copy_turn(&self) -> Result<SemaphorePermit<'_>, FileError> {
        turn(&self.copies).await
    }

    /// Waits for its turn to scan.
    pub(super) async fn scan_turn(&self) -> Result<SemaphorePermit<'_>, FileError> {
        turn(&self.scans).await
    }

    /// Tells whoever watches.
    pub(super) fn tell(&self, event: &Event<'_>) {
        self.observer.observe(event);
    }

    /// Reports what became of a file.
    pub(super) fn report(&self, file: FileId, report: FileReport) {
        self.tell(&Event::FileFinished { file, report: &report });
        let mut summary = self.summary();
        let keep = self.options.report_all || (report.error.is_some() && summary.files.len() < MAX_FAILURES);
        summary.add(report, keep);
    }

    /// What has been added up so far.
    pub(super) fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn turn(gate: &Semaphore) -> Result<SemaphorePermit<'_>, FileError> {
    gate.acquire().await.map_err(|_| FileError::Interrupted)
}

/// One file on its way: its names, and what has been done for it so far.
pub(super) struct Task {
    pub(super) context: Arc<Context>,
    pub(super) id: FileId,
    pub(super) path: String,
    pub(super) entry: SourceEntry,
    pub(super) key: ObjectKey,
    pub(super) tally: Tally,
    warnings: Mutex<Vec<String>>,
    started: Instant,
}

/// Bytes that moved for a file, over all attempts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) uploaded: AtomicU64,
    pub(super) copied: AtomicU64,
    /// On a dry run: bytes counted as copied that have to be uploaded if the store refuses to copy.
    pub(super) unsure: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) sidecar_down: AtomicU64,
    pub(super) sidecar_up: AtomicU64,
}

impl Task {
    pub(super) fn new(context: Arc<Context>, id: FileId, entry: SourceEntry, key: ObjectKey) -> Self {
        let path = context.source.path(&entry.relative).display().to_string();
        let started = Instant::now();
        Self { context, id, path, entry, key, tally: Tally::default(), warnings: Mutex::default(), started }
    }

    /// Reports what became of the file, and ends the run where every other file would fail in the same way.
    pub(super) fn finish(&self, len: u64, result: Result<Done, FileError>) {
        let mut report = FileReport::new(self.path.clone(), self.key.to_string(), len);
        report.symlink = self.entry.kind == EntryKind::Symlink;
        report.duration_seconds = self.started.elapsed().as_secs_f64();
        self.fill(&mut report);
        match result {
            Ok(done) => done.into_report(&mut report),
            Err(error) => {
                if error.concerns_all() {
                    self.context.cancel.cancel();
                    let message = format!("stopped before all files were looked at: {error}");
                    let stopped = ErrorReport { message, hint: error.hint() };
                    self.context.summary().error.get_or_insert(stopped);
                }
                report.error = Some(ErrorReport::of(&error));
            }
        }
        self.context.report(self.id, report);
    }

    /// The object as people write it.
    pub(super) fn url(&self) -> String {
        self.context.store.url(&self.key)
    }

    /// Tells the user something, once.
    pub(super) fn warn(&self, text: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&text) {
            self.context.tell(&Event::Warning { path: &self.path, text: &text });
            warnings.push(text);
        }
    }

    pub(super) fn begin(&self, stage: Stage, bytes: u64) {
        self.context.tell(&Event::StageStarted { file: self.id, stage, bytes });
    }

    pub(super) fn advance(&self, bytes: u64) {
        self.context.tell(&Event::Advanced { file: self.id, bytes });
    }

    /// What a payload calls as its bytes leave.
    pub(super) fn on_sent(&self) -> OnSent {
        let (observer, file) = (Arc::clone(&self.context.observer), self.id);
        Arc::new(move |bytes| observer.observe(&Event::Advanced { file, bytes }))
    }

    /// What a scan calls as it moves on, from its own threads; it also ends a scan that nobody waits for any more.
    pub(super) fn on_scanned(&self) -> impl Fn(u64) -> ControlFlow<()> + Send + Sync + use<> {
        let (context, file, told) = (Arc::clone(&self.context), self.id, AtomicU64::new(0));
        // The scan says how far it has come in all, its threads not always in order.
        move |done| {
            let bytes = done.saturating_sub(told.fetch_max(done, Ordering::Relaxed));
            context.tell(&Event::Advanced { file, bytes });
            if context.cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    /// Writes what has been done into a report.
    fn fill(&self, report: &mut FileReport) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        report.bytes_uploaded = read(&self.tally.uploaded);
        report.bytes_copied = read(&self.tally.copied);
        let unsure = read(&self.tally.unsure);
        report.bytes_uploaded_at_most = (unsure > 0).then_some(report.bytes_uploaded + unsure);
        report.bytes_resumed = read(&self.tally.resumed);
        report.bytes_sidecar_down = read(&self.tally.sidecar_down);
        report.bytes_sidecar_up = read(&self.tally.sidecar_up);
        report.warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone();
    }
}

/// Adds to a count.
pub(super) fn add(count: &AtomicU64, bytes: u64) {
    count.fetch_add(bytes, Ordering::Relaxed);
}
