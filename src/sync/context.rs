//! What the files of a run share, and what one file carries through it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::error::FileError;
use super::events::{Event, FileId, Observer, Stage};
use super::options::SyncOptions;
use super::pool::BufferPool;
use super::report::FileReport;
use crate::store::{ObjectKey, OnSent, Source, Store};

/// Copies that a store works on at once: it does about 65 MiB/s in each, so that a large object wants many (docs/S3.md).
const COPIES_AT_ONCE: usize = 64;
/// The most bytes of one payload that are held in memory; a longer one is read twice, once for its sums.
pub(super) const MAX_BUFFERED: u64 = 32 << 20;
/// Payload bytes in memory for each upload under way: a part of the usual length.
const MEMORY_PER_JOB: u64 = 8 << 20;
/// The unit of the memory gate in bytes, so that a count of them fits its permits.
const MEMORY_UNIT: u64 = 64 << 10;

/// What the files of a run share.
pub(super) struct Context {
    pub(super) store: Arc<dyn Store>,
    pub(super) source: Arc<dyn Source>,
    pub(super) options: SyncOptions,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) cancel: CancellationToken,
    uploads: Semaphore,
    copies: Semaphore,
    memory: Semaphore,
    memory_units: u64,
    scans: Semaphore,
    pub(super) buffers: Arc<BufferPool>,
}

impl Context {
    pub(super) fn new(
        store: Arc<dyn Store>,
        source: Arc<dyn Source>,
        options: SyncOptions,
        observer: Arc<dyn Observer>,
        cancel: CancellationToken,
    ) -> Self {
        let jobs = options.jobs.get();
        let memory_units = (jobs as u64 * MEMORY_PER_JOB).max(MAX_BUFFERED) / MEMORY_UNIT;
        Self {
            store,
            source,
            observer,
            cancel,
            uploads: Semaphore::new(jobs),
            copies: Semaphore::new(COPIES_AT_ONCE),
            memory: Semaphore::new(memory_units as usize),
            memory_units,
            // A scan keeps every core busy; a second one would only take its memory.
            scans: Semaphore::new(1),
            buffers: Arc::default(),
            options,
        }
    }

    /// Waits for its turn to upload, and for memory for `buffered` bytes.
    pub(super) async fn upload_turn(&self, buffered: u64) -> Result<[SemaphorePermit<'_>; 2], FileError> {
        let units = buffered.div_ceil(MEMORY_UNIT).min(self.memory_units);
        // Memory first: whoever holds a turn never waits for it.
        let memory = self.memory.acquire_many(units as u32).await.map_err(|_| FileError::Interrupted)?;
        Ok([memory, turn(&self.uploads).await?])
    }

    /// Waits for its turn to have the store copy a range.
    pub(super) async fn copy_turn(&self) -> Result<SemaphorePermit<'_>, FileError> {
        turn(&self.copies).await
    }

    /// Waits for its turn to scan.
    pub(super) async fn scan_turn(&self) -> Result<SemaphorePermit<'_>, FileError> {
        turn(&self.scans).await
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
    pub(super) key: ObjectKey,
    pub(super) tally: Tally,
    warnings: Mutex<Vec<String>>,
}

/// Bytes that moved for a file, over all attempts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) uploaded: AtomicU64,
    pub(super) copied: AtomicU64,
    pub(super) resumed: AtomicU64,
    pub(super) sidecar_down: AtomicU64,
    pub(super) sidecar_up: AtomicU64,
}

impl Task {
    pub(super) fn new(context: Arc<Context>, id: FileId, path: String, key: ObjectKey) -> Self {
        Self { context, id, path, key, tally: Tally::default(), warnings: Mutex::default() }
    }

    /// The object as people write it.
    pub(super) fn url(&self) -> String {
        self.context.store.url(&self.key)
    }

    /// Tells the user something, once.
    pub(super) fn warn(&self, text: String) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&text) {
            self.context.observer.observe(&Event::Warning { path: &self.path, text: &text });
            warnings.push(text);
        }
    }

    pub(super) fn begin(&self, stage: Stage, bytes: u64) {
        self.context.observer.observe(&Event::StageStarted { file: self.id, stage, bytes });
    }

    pub(super) fn advance(&self, bytes: u64) {
        self.context.observer.observe(&Event::Advanced { file: self.id, bytes });
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
            context.observer.observe(&Event::Advanced { file, bytes });
            if context.cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    /// Writes what has been done into a report.
    pub(super) fn fill(&self, report: &mut FileReport) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        report.bytes_uploaded = read(&self.tally.uploaded);
        report.bytes_copied = read(&self.tally.copied);
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
