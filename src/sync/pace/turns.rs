//! Turns: how many requests, copies, scans, open files and bytes in memory are under way in a run.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::gate::{Clock, Gate, Pass};
use super::pool::BufferPool;
use super::shares::Shares;
use crate::store::Store;
use crate::sync::error::FileError;
use crate::sync::options::SyncOptions;

/// The most bytes of one payload that are held in memory; a longer one is read twice, once for its sums.
pub(crate) const MAX_BUFFERED: u64 = 32 << 20;
/// Payload bytes in memory for each part: its usual length.
const MEMORY_PER_PART: u64 = 8 << 20;
/// A request with a longer body, in bytes, takes its time by the line.
const SHORT_BODY: u64 = 64 << 10;
/// The unit of the memory gate in bytes, so that a count of them fits its permits.
const MEMORY_UNIT: u64 = 64 << 10;

/// Who may go on, and with how much.
pub(crate) struct Pace {
    /// Says how often it has asked to slow down.
    store: Arc<dyn Store>,
    cancel: CancellationToken,
    uploads: Gate,
    copies: Semaphore,
    memory: Arc<Semaphore>,
    memory_units: u64,
    scans: Semaphore,
    /// How many of everything that holds a descriptor may be under way.
    pub(crate) shares: Shares,
    /// Small files that are open at once, from when they are opened until they are sent.
    open: Arc<Semaphore>,
    pub(crate) buffers: Arc<BufferPool>,
}

impl Pace {
    pub(crate) fn new(options: &SyncOptions, store: Arc<dyn Store>, cancel: CancellationToken) -> Self {
        let shares = Shares::of(options);
        let memory_units = (options.parts_in_memory.get() as u64 * MEMORY_PER_PART).max(MAX_BUFFERED) / MEMORY_UNIT;
        Self {
            store,
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
        }
    }

    /// Waits for memory for `buffered` bytes.
    pub(crate) async fn memory_for(&self, buffered: u64) -> Result<OwnedSemaphorePermit, FileError> {
        // An empty file takes a unit too: what is counted is also the requests that wait for their turn.
        let units = buffered.div_ceil(MEMORY_UNIT).clamp(1, self.memory_units);
        // Memory comes before the turn to upload: whoever holds a turn never waits for it.
        Arc::clone(&self.memory).acquire_many_owned(units as u32).await.map_err(|_| FileError::Interrupted)
    }

    /// Waits until one more small file may be open. This comes before memory: whoever has memory never waits for a descriptor.
    pub(crate) async fn open_turn(&self) -> Result<OwnedSemaphorePermit, FileError> {
        Arc::clone(&self.open).acquire_owned().await.map_err(|_| FileError::Interrupted)
    }

    /// Waits for its turn to upload.
    pub(crate) async fn upload_turn(&self) -> Result<Pass<'_>, FileError> {
        self.uploads.enter().await.ok_or(FileError::Interrupted)
    }

    /// Sends a request in its turn, and learns from how long it took.
    pub(crate) async fn in_turn<T>(&self, request: impl Future<Output = T>) -> Result<T, FileError> {
        self.in_turn_with(0, request).await
    }

    /// The same for a request with a body of so many bytes; a long one tells nothing of a queue.
    pub(crate) async fn in_turn_with<T>(&self, body: u64, request: impl Future<Output = T>) -> Result<T, FileError> {
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
    pub(crate) async fn copy_turn(&self) -> Result<SemaphorePermit<'_>, FileError> {
        turn(&self.copies).await
    }

    /// Waits for its turn to scan.
    pub(crate) async fn scan_turn(&self) -> Result<SemaphorePermit<'_>, FileError> {
        turn(&self.scans).await
    }
}

async fn turn(gate: &Semaphore) -> Result<SemaphorePermit<'_>, FileError> {
    gate.acquire().await.map_err(|_| FileError::Interrupted)
}
