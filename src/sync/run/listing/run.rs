//! Sends the requests of a listing, and hands its pages on in order.
//!
//! Which requests, is decided in `ranges.rs`.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::ranges::{Cursor, Disorder, Ranges};
use super::samples::Samples;
use crate::store::{ErrorKind, ListEntry, ListPage, Store, StoreError};

type Entries = Result<Vec<ListEntry>, StoreError>;

/// Every object below a prefix, in the order of the keys. Dropping it gives up the requests that are under way.
#[derive(Debug)]
pub(in crate::sync) struct Listing {
    pages: mpsc::Receiver<Entries>,
    task: Option<JoinHandle<()>>,
}

impl Listing {
    /// Lists everything that starts with `prefix`. It starts at once, with at most `at_once` requests under way; with one,
    /// it goes page by page. `samples` may still be filled.
    pub(in crate::sync) fn start(
        store: Arc<dyn Store>,
        prefix: String,
        at_once: NonZeroUsize,
        samples: Arc<Samples>,
    ) -> Self {
        let (sender, pages) = mpsc::channel(1);
        let worker = Worker { store, prefix, pages: sender };
        let task = tokio::spawn(async move {
            if let Err(error) = worker.list(at_once, samples).await {
                // Nobody listens: then nobody misses it.
                let _ = worker.pages.send(Err(error)).await;
            }
        });
        Self { pages, task: Some(task) }
    }

    /// The next entries in order, a page or a part of one; `None` at the end. An error ends it.
    pub(in crate::sync) async fn next(&mut self) -> Option<Entries> {
        if let Some(entries) = self.pages.recv().await {
            return Some(entries);
        }
        // An end that is none: a listing that lacks keys must not pass for a whole one.
        match self.task.take() {
            Some(task) => match task.await {
                Ok(()) => None,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                // The runtime is being shut down.
                Err(error) => Some(Err(refused("", error.to_string()))),
            },
            None => None,
        }
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What a listing needs while it runs.
struct Worker {
    store: Arc<dyn Store>,
    prefix: String,
    pages: mpsc::Sender<Entries>,
}

/// Why a listing in ranges ended early.
enum Halt {
    Failed(StoreError),
    /// The store does not list from any key on, or not in order.
    Disordered(Disorder),
    /// Nobody listens any more.
    Dropped,
}

impl Worker {
    async fn list(&self, at_once: NonZeroUsize, samples: Arc<Samples>) -> Result<(), StoreError> {
        let mut cursor = Cursor::default();
        let first = self.page(&mut cursor).await?;
        let is_whole = first.next.is_none();
        if at_once.get() == 1 || is_whole {
            return if self.hand_on(first.entries).await && !is_whole {
                self.list_serially(cursor, "").await
            } else {
                Ok(())
            };
        }
        let mut ranges = Ranges::new(self.prefix.clone(), at_once, samples);
        let mut delivered = String::new();
        match self.list_in_ranges(&mut ranges, first, &mut delivered).await {
            Ok(()) | Err(Halt::Dropped) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::Disordered(disorder)) => {
                tracing::warn!(
                    prefix = self.prefix,
                    ?disorder,
                    "this store does not list from any key on: listing serially"
                );
                self.list_serially(cursor, &delivered).await
            }
        }
    }

    /// Lists with many requests at once. `delivered` is the last key that was handed on.
    async fn list_in_ranges(&self, ranges: &mut Ranges, first: ListPage, delivered: &mut String) -> Result<(), Halt> {
        // Dropped with this future, and then all requests are given up.
        let mut requests = JoinSet::new();
        if let Some((range, _)) = ranges.request() {
            ranges.answer(range, first).map_err(Halt::Disordered)?;
        }
        while !ranges.is_done() {
            while let Some((range, from)) = ranges.request() {
                let (store, prefix) = (Arc::clone(&self.store), self.prefix.clone());
                requests.spawn(async move { (range, store.list(&prefix, &from).await) });
            }
            tokio::select! {
                permit = self.pages.reserve(), if ranges.is_ready() => {
                    let permit = permit.map_err(|_| Halt::Dropped)?;
                    if let Some(entries) = ranges.pop() {
                        if entries.first().is_some_and(|first| first.key <= *delivered) {
                            let (key, before) = (entries[0].key.clone(), delivered.clone());
                            return Err(Halt::Disordered(Disorder::NotAscending { key, before }));
                        }
                        if let Some(last) = entries.last() {
                            delivered.clone_from(&last.key);
                        }
                        permit.send(Ok(entries));
                    }
                }
                Some(answer) = requests.join_next() => {
                    let (range, page) = answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                    ranges.answer(range, page.map_err(Halt::Failed)?).map_err(Halt::Disordered)?;
                }
            }
        }
        Ok(())
    }

    /// Lists from `cursor` on, page by page by the store's own tokens, and leaves out what was `delivered` before.
    async fn list_serially(&self, mut cursor: Cursor, delivered: &str) -> Result<(), StoreError> {
        loop {
            let mut page = self.page(&mut cursor).await?;
            let behind = page.entries.partition_point(|entry| entry.key.as_str() <= delivered);
            if !self.hand_on(page.entries.split_off(behind)).await || page.next.is_none() {
                return Ok(());
            }
        }
    }

    /// The page at `cursor`, which moves behind it.
    async fn page(&self, cursor: &mut Cursor) -> Result<ListPage, StoreError> {
        let page = self.store.list(&self.prefix, &cursor.from()).await?;
        cursor.advance(&self.prefix, &page).map_err(|disorder| self.refuse(&disorder))?;
        Ok(page)
    }

    /// Whether somebody still listens.
    async fn hand_on(&self, entries: Vec<ListEntry>) -> bool {
        entries.is_empty() || self.pages.send(Ok(entries)).await.is_ok()
    }

    fn refuse(&self, disorder: &Disorder) -> StoreError {
        refused(&self.prefix, disorder.to_string())
    }
}

fn refused(prefix: &str, message: String) -> StoreError {
    let (target, operation) = (prefix.to_owned(), "ListObjectsV2");
    StoreError { kind: ErrorKind::Other, operation, target, message, source: None }
}

/// Checks the only page of a listing that is read: its keys lie below the prefix, in order.
pub(in crate::sync) fn check(prefix: &str, page: &ListPage) -> Result<(), StoreError> {
    Cursor::default().advance(prefix, page).map_err(|disorder| refused(prefix, disorder.to_string()))
}
