//! Where bytes live: the traits that the engine asks of a store, and their contract. One folder a store.
//!
//! It decides nothing about what to transfer. What a store can do beside whole objects is a trait of its own that it
//! implements or not: [`Store::multipart`] is `None` for a store that cannot stitch.
//!
//! # Contract
//! - A key names at most one object; a write makes it the old object or the new one, whole.
//! - [`Condition`]s are checked by the store at the moment of the write, or the store says that it does not
//!   ([`Store::is_proven`]).
//! - Errors are told apart by what they mean to the caller ([`ErrorKind`]), never by a store's own codes.
//! - Every method may be called from many tasks at once. Dropping its future gives up the request.

mod error;
mod folder;
pub mod local;
mod multipart;
mod object;
mod payload;
mod reading;
pub mod s3;
mod source;

use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;

pub(crate) use error::TOO_MANY_OPEN;
pub use error::{ErrorKind, StoreError};
pub(crate) use folder::UNFINISHED_SUFFIX;
pub use folder::{Assembly, FileVersion, Folder, FolderError, Kept, is_unfinished};
pub use multipart::{Copies, CopySource, ListedPart, MultipartStore, PartReceipt, Upload, WholeObject};
pub use object::{
    Attributes, BadKey, Condition, Doomed, ETag, ListEntry, ListFrom, ListPage, ObjectInfo, ObjectKey, StorageTier,
};
pub use payload::{Checksums, OnSent, Payload, PayloadBody};
pub use reading::{Pieces, Reading};
pub use source::{EntryKind, FileAttributes, Found, Skipped, Source, SourceEntry, SourceFile};

/// The most objects that one [`Store::delete`] takes (S3 API reference, "DeleteObjects").
pub const MAX_DELETE: usize = 1000;

/// A place that holds objects by key.
#[async_trait]
pub trait Store: Send + Sync {
    /// What the store says of the object at `key`; `None` where there is none.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, StoreError>;

    /// The bytes of a small object, with its ETag; `None` where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`], before the body is read, where it is longer than `max_len` bytes.
    async fn get(&self, key: &ObjectKey, max_len: u64) -> Result<Option<(Vec<u8>, ETag)>, StoreError>;

    /// Begins to read an object, or a `range` of it that is not empty and ends with the object at the latest; with `version`,
    /// of that version only. `None` where there is no object. A body that breaks off is taken up again where it did.
    ///
    /// # Errors
    /// [`ErrorKind::PreconditionFailed`] where another version stands there, [`ErrorKind::Archived`] where it cannot be read.
    async fn read(
        &self,
        key: &ObjectKey,
        version: Option<&ETag>,
        range: Option<Range<u64>>,
    ) -> Result<Option<Reading>, StoreError>;

    /// Writes an object in one request. The store checks the payload's checksums before the object stands.
    async fn put(
        &self,
        key: &ObjectKey,
        payload: Payload,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError>;

    /// One page of the objects whose keys start with `prefix`, in the byte order of their keys.
    async fn list(&self, prefix: &str, from: &ListFrom) -> Result<ListPage, StoreError>;

    /// Copies one version of an object inside the store, as a whole: at most 5 GB on S3. With `attributes` the copy has
    /// those and no others (but the source's tags, where it has none of its own); without, those of the source but for its
    /// storage class and ACL, which S3 never copies. `condition` is about what lies at `to`.
    ///
    /// # Errors
    /// [`ErrorKind::PreconditionFailed`] where another version or nothing stands at the source.
    async fn copy(
        &self,
        source: &CopySource,
        to: &ObjectKey,
        attributes: Option<&Attributes>,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError>;

    /// Deletes objects, at most [`MAX_DELETE`] of them, in one request. What is gone already is no failure. Returns those
    /// that were not deleted, each with the reason; an error is one of the whole request.
    async fn delete(&self, doomed: &[Doomed]) -> Result<Vec<(ObjectKey, StoreError)>, StoreError>;

    /// The tags of an object; empty where there is none.
    async fn tags(&self, key: &ObjectKey) -> Result<BTreeMap<String, String>, StoreError>;

    /// Multipart uploads with copied parts, where the store has them.
    fn multipart(&self) -> Option<&dyn MultipartStore>;

    /// Whether the store is known to check conditions on writes and the CRC64NVME of payloads, as far as the last request
    /// told; a store that has not been asked anything is not. Where it is not known to, a caller
    /// checks what it can by itself, sends MD5s too, and says in its report what nobody checked.
    fn is_proven(&self) -> bool;

    /// How people write the object at `key`, for messages: `s3://bucket/key`.
    fn url(&self, key: &ObjectKey) -> String;

    /// Requests sent so far, by operation, each attempt counted.
    fn requests(&self) -> BTreeMap<String, u64>;

    /// Answers so far that asked to slow down (503, 429), each attempt counted, retried or not.
    fn throttles(&self) -> u64;
}
