//! The index of a prefix: what earlier runs have found out about small objects, so that a listing is enough to prove a
//! file unchanged. What it is worth, and what not: ARCHITECTURE.md, "Comparing without asking".
//!
//! Losing it costs requests or slower sums and nothing else, so no failure here is one of the run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::context::Context;
use super::small::Body;
use crate::sidecar::{self, Index, IndexBuilder, MAX_INDEX_LEN, Remembered};
use crate::store::{Attributes, Condition, ETag, ErrorKind, ObjectInfo, ObjectKey, Payload, StoreError};

/// An index up to this long is written again for a single new entry, in bytes.
const SHORT: u64 = 256 << 10;
/// Fewer entries than these do not pay for an object of their own, unless the store had to be asked one by one.
const FEW: u64 = 16;
/// A longer one is written again when one entry in this many is new.
const WORTH_WRITING: u64 = 100;

/// What is known from before, and what is learned for the next time.
#[derive(Default)]
pub(super) struct Remembering {
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
    /// What is remembered of an object of this name, tag and length.
    pub(super) fn get(&self, relative: &str, etag: &ETag, len: u64) -> Option<Remembered> {
        self.known.get()?.get(relative, etag.as_str(), len)
    }

    /// Whether an object that was written then is one that the index tells of, with what was set on it: the same bytes may
    /// have been written again since, with the same tag.
    pub(super) fn is_of(&self, modified: i64) -> bool {
        self.written.get().is_some_and(|written| modified <= *written)
    }

    /// Remembers that an object has the content with this BLAKE3 hash.
    pub(super) fn learn(&self, relative: &str, etag: &ETag, len: u64, content: &[u8; 32], attributes: u64) {
        let known = self.get(relative, etag, len);
        if known.is_none_or(|known| known.content[..] != content[..16] || known.attributes != attributes) {
            self.news.fetch_add(1, Ordering::Relaxed);
        }
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.add(relative, etag.as_str(), len, content, attributes);
    }

    /// Goes on remembering what is remembered of an object that this run does not compare.
    pub(super) fn keep(&self, relative: &str, etag: &ETag, len: u64) {
        if let Some(known) = self.get(relative, etag, len) {
            let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
            learned.keep(relative, etag.as_str(), len, known);
        }
    }

    /// Notes that the store had to be asked about an object.
    pub(super) fn asked_for_one(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes whether the run has met all objects below the prefix; else it goes on remembering the others as they are.
    pub(super) fn has_seen_all(&self, all: bool) {
        self.complete.store(all, Ordering::Relaxed);
    }

    /// Whether there is an index from before.
    pub(super) fn is_known(&self) -> bool {
        self.known.get().is_some()
    }

    /// Bytes of indexes fetched and written.
    pub(super) fn moved(&self) -> (u64, u64) {
        (self.down.load(Ordering::Relaxed), self.up.load(Ordering::Relaxed))
    }
}

fn key(context: &Context) -> Option<ObjectKey> {
    let shard = context.options.shard.map(crate::tree::Shard::numbers);
    ObjectKey::new(sidecar::index_key(&context.prefix, shard)).ok()
}

/// Fetches the index of the run's prefix; for a `few` files only a short one.
///
/// Errors: a store that cannot be reached, after all retries; without an answer nothing else is worth trying.
pub(super) async fn recall(context: &Context, few: bool) -> Result<(), StoreError> {
    let Some(key) = key(context) else { return Ok(()) };
    let bytes = match context.store.get(&key, if few { SHORT } else { MAX_INDEX_LEN }).await {
        Ok(Some((bytes, _))) => bytes,
        Ok(None) => return Ok(()),
        Err(error) if error.kind.is_silence() || error.kind == ErrorKind::NotS3 => return Err(error),
        Err(error) => {
            context.memory_of.unread.store(true, Ordering::Relaxed);
            tracing::debug!(%error, "the index is not read");
            return Ok(());
        }
    };
    context.memory_of.down.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    match Index::from_vec(bytes) {
        Ok(index) => {
            tracing::debug!(entries = index.len(), "the index is read");
            let _ = context.memory_of.known.set(index);
            // Matters only for what is set on objects.
            if context.options.attributes.ask_for_something()
                && let Ok(Some(ObjectInfo { modified: Some(modified), .. })) = context.store.head(&key).await
            {
                let _ = context.memory_of.written.set(modified);
            }
        }
        Err(error) => tracing::warn!(%key, "the index is refused and will be written anew: {error}"),
    }
    Ok(())
}

/// Writes what was learned, if that is worth the bytes. A dry run only counts them.
pub(super) async fn remember(context: &Context) {
    let memory = &context.memory_of;
    let Some(key) = key(context) else { return };
    if memory.unread.load(Ordering::Relaxed) {
        return;
    }
    let mut learned = std::mem::take(&mut *memory.learned.lock().unwrap_or_else(PoisonError::into_inner));
    let (news, asked) = (memory.news.load(Ordering::Relaxed), memory.asked.load(Ordering::Relaxed));
    let entries = learned.len();
    if news == 0 && asked == 0 {
        return;
    }
    if let (false, Some(known)) = (memory.complete.load(Ordering::Relaxed), memory.known.get()) {
        learned.keep_all(known);
    }
    if asked == 0 && !memory.is_known() && entries < FEW {
        return;
    }
    let bytes = learned.encode();
    let len = bytes.len() as u64;
    if len > MAX_INDEX_LEN || (len > SHORT && asked == 0 && news < entries / WORTH_WRITING) {
        return;
    }
    if context.options.dry_run {
        memory.up.fetch_add(len, Ordering::Relaxed);
        return;
    }
    let attributes = Attributes { content_type: Some(sidecar::INDEX_CONTENT_TYPE.to_owned()), ..Attributes::default() };
    let Body { body, checksums } = Body::of(bytes);
    let payload = Payload { body, checksums, on_sent: std::sync::Arc::new(|_| {}) };
    match context.store.put(&key, payload, &attributes, &Condition::Always).await {
        Ok(_) => {
            memory.up.fetch_add(len, Ordering::Relaxed);
            tracing::debug!(entries, news, "the index is written");
        }
        Err(error) => tracing::warn!("the index was not written, so the next run asks more: {error}"),
    }
}
