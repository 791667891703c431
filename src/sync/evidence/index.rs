//! The index of a prefix: what earlier runs have found out about small objects, so that a listing is enough to prove a
//! file unchanged. What it is worth, and what not: ARCHITECTURE.md, "Comparing without asking".
//!
//! Losing it costs requests or slower sums and nothing else, so no failure here is one of the run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::sums::Body;
use crate::sidecar::{self, Index, IndexBuilder, MAX_INDEX_LEN, Remembered};
use crate::store::{Attributes, Condition, ETag, ErrorKind, ObjectInfo, ObjectKey, Payload, Store, StoreError};
use crate::tree::Shard;

/// An index up to this long is written again for a single new entry, in bytes.
const SHORT: u64 = 256 << 10;
/// Fewer entries than these do not pay for an object of their own, unless the store had to be asked one by one.
const FEW: u64 = 16;
/// A longer one is written again when one entry in this many is new.
const WORTH_WRITING: u64 = 100;

/// What is known from before, and what is learned for the next time.
#[derive(Default)]
pub(crate) struct Remembering {
    /// Where the index lies; `None` where it has no key.
    key: Option<ObjectKey>,
    known: OnceLock<Index>,
    learned: Mutex<IndexBuilder>,
    /// Entries learned that the known index does not have.
    news: AtomicU64,
    /// Of those, the ones that had to be asked for one by one.
    asked: AtomicU64,
    down: AtomicU64,
    up: AtomicU64,
    /// Whether all objects below the prefix were met.
    complete: AtomicBool,
    /// When the known index was written, in seconds since 1970 by the store's clock.
    written: OnceLock<i64>,
    /// Whether there is an index that was not read.
    unread: AtomicBool,
}

impl Remembering {
    /// Nothing yet, of a prefix or of a shard of it.
    pub(crate) fn of(prefix: &str, shard: Option<Shard>) -> Self {
        let key = ObjectKey::new(sidecar::index_key(prefix, shard.map(Shard::numbers))).ok();
        Self { key, ..Self::default() }
    }

    /// What is remembered of an object of this name, tag and length.
    pub(crate) fn get(&self, relative: &str, etag: &ETag, len: u64) -> Option<Remembered> {
        self.known.get()?.get(relative, etag.as_str(), len)
    }

    /// Whether an object that was written then is one that the index tells of, with what was set on it: the same bytes may
    /// have been written again since, with the same tag.
    pub(crate) fn is_of(&self, modified: i64) -> bool {
        self.written.get().is_some_and(|written| modified <= *written)
    }

    /// Remembers that an object has the content with this BLAKE3 hash.
    pub(crate) fn learn(&self, relative: &str, etag: &ETag, len: u64, content: &[u8; 32], attributes: u64) {
        let known = self.get(relative, etag, len);
        if known.is_none_or(|known| known.content[..] != content[..16] || known.attributes != attributes) {
            self.news.fetch_add(1, Ordering::Relaxed);
        }
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.add(relative, etag.as_str(), len, content, attributes);
    }

    /// Goes on remembering what is remembered of an object that this run does not compare.
    pub(crate) fn keep(&self, relative: &str, etag: &ETag, len: u64) {
        if let Some(known) = self.get(relative, etag, len) {
            let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
            learned.keep(relative, etag.as_str(), len, known);
        }
    }

    /// Notes that the store had to be asked about an object.
    pub(crate) fn asked_for_one(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes whether the run has met all objects below the prefix; else it goes on remembering the others as they are.
    pub(crate) fn has_seen_all(&self, all: bool) {
        self.complete.store(all, Ordering::Relaxed);
    }

    /// Whether there is an index from before.
    pub(crate) fn is_known(&self) -> bool {
        self.known.get().is_some()
    }

    /// Bytes of indexes fetched and written.
    pub(crate) fn moved(&self) -> (u64, u64) {
        (self.down.load(Ordering::Relaxed), self.up.load(Ordering::Relaxed))
    }

    /// Fetches the index; for a `few` files only a short one. With `dated` it also asks when the index was written, which
    /// matters only for what is set on objects.
    ///
    /// Errors: a store that cannot be reached, after all retries; without an answer nothing else is worth trying.
    pub(crate) async fn recall(&self, store: &dyn Store, few: bool, dated: bool) -> Result<(), StoreError> {
        let Some(key) = &self.key else { return Ok(()) };
        let bytes = match store.get(key, if few { SHORT } else { MAX_INDEX_LEN }).await {
            Ok(Some((bytes, _))) => bytes,
            Ok(None) => return Ok(()),
            Err(error) if error.kind.is_silence() || error.kind == ErrorKind::NotS3 => return Err(error),
            Err(error) => {
                self.unread.store(true, Ordering::Relaxed);
                tracing::debug!(%error, "the index is not read");
                return Ok(());
            }
        };
        self.down.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        match Index::from_vec(bytes) {
            Ok(index) => {
                tracing::debug!(entries = index.len(), "the index is read");
                let _ = self.known.set(index);
                if dated && let Ok(Some(ObjectInfo { modified: Some(modified), .. })) = store.head(key).await {
                    let _ = self.written.set(modified);
                }
            }
            Err(error) => tracing::warn!(%key, "the index is refused and will be written anew: {error}"),
        }
        Ok(())
    }

    /// Writes what was learned, if that is worth the bytes. A dry run only counts them.
    pub(crate) async fn remember(&self, store: &dyn Store, dry_run: bool) {
        let (Some(key), Some(bytes)) = (&self.key, self.worth_writing()) else { return };
        let len = bytes.len() as u64;
        if dry_run {
            self.up.fetch_add(len, Ordering::Relaxed);
            return;
        }
        let content_type = Some(sidecar::INDEX_CONTENT_TYPE.to_owned());
        let attributes = Attributes { content_type, ..Attributes::default() };
        let Body { body, checksums } = Body::of(bytes);
        let payload = Payload { body, checksums, on_sent: std::sync::Arc::new(|_| {}) };
        match store.put(key, payload, &attributes, &Condition::Always).await {
            Ok(_) => {
                self.up.fetch_add(len, Ordering::Relaxed);
                tracing::debug!(bytes = len, "the index is written");
            }
            Err(error) => tracing::warn!("the index was not written, so the next run asks more: {error}"),
        }
    }

    /// The new index, if it is worth its bytes. What was learned is gone afterwards.
    fn worth_writing(&self) -> Option<Vec<u8>> {
        if self.unread.load(Ordering::Relaxed) {
            return None;
        }
        let mut learned = std::mem::take(&mut *self.learned.lock().unwrap_or_else(PoisonError::into_inner));
        let (news, asked) = (self.news.load(Ordering::Relaxed), self.asked.load(Ordering::Relaxed));
        let entries = learned.len();
        if news == 0 && asked == 0 {
            return None;
        }
        if let (false, Some(known)) = (self.complete.load(Ordering::Relaxed), self.known.get()) {
            learned.keep_all(known);
        }
        if asked == 0 && !self.is_known() && entries < FEW {
            return None;
        }
        let bytes = learned.encode();
        let len = bytes.len() as u64;
        let is_worth_it = len <= SHORT || asked > 0 || news >= entries / WORTH_WRITING;
        (len <= MAX_INDEX_LEN && is_worth_it).then_some(bytes)
    }
}
