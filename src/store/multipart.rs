//! Objects made of parts, each uploaded or copied from a range of another object.

use std::ops::Range;

use async_trait::async_trait;

use super::{Attributes, Condition, ETag, ObjectKey, Payload, StoreError};
use crate::stitch::{CostModel, PartLimits};

/// A multipart upload that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The key that it will become.
    pub key: ObjectKey,
    /// The store's name for it.
    pub id: String,
    /// Whether the store computes the CRC64NVME of parts and of the whole for it.
    pub checksummed: bool,
    /// When it was created, in seconds since 1970, by the store's clock, where it was listed.
    pub initiated: Option<i64>,
}

/// What a store says of bytes that it has just taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartReceipt {
    /// The tag of the part or object.
    pub etag: ETag,
    /// The CRC64NVME that the store computed of it, where it does.
    pub crc64nvme: Option<u64>,
}

/// A part that an upload already holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPart {
    /// Its number, from 1.
    pub number: u32,
    /// Bytes.
    pub len: u64,
    /// What the store said of it.
    pub receipt: PartReceipt,
}

/// Where copied bytes come from: one version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySource {
    /// The object.
    pub key: ObjectKey,
    /// The version that has to stand there, or the copy is refused.
    pub etag: ETag,
}

/// What the finished object has to be, by what was read from the local file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeObject {
    /// Bytes.
    pub len: u64,
    /// The CRC64NVME of the whole.
    pub crc64nvme: u64,
}

/// Whether a store copies ranges of an object into an upload, if that object is still the version that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// It does.
    Work,
    /// It does not; why, for people.
    Refused(&'static str),
    /// Only trying will tell.
    Untried,
}

/// A store that makes objects out of parts.
#[async_trait]
pub trait MultipartStore: Send + Sync {
    /// What parts it takes.
    fn limits(&self) -> PartLimits;

    /// What parts cost it.
    fn costs(&self) -> CostModel;

    /// Whether it copies ranges, as far as it is known by now without asking.
    fn copies(&self) -> Copies;

    /// Begins an upload. Nothing shows at the key before [`complete`](Self::complete).
    async fn create(&self, key: &ObjectKey, attributes: &Attributes) -> Result<Upload, StoreError>;

    /// Uploads part `number`; the store checks the payload's checksums before it takes it. A second upload of the same
    /// number replaces the first.
    async fn upload_part(&self, upload: &Upload, number: u32, payload: Payload) -> Result<PartReceipt, StoreError>;

    /// Copies `range` of `source` as part `number`, inside the store.
    ///
    /// # Errors
    /// [`ErrorKind::PreconditionFailed`](super::ErrorKind::PreconditionFailed) where another version or nothing stands there, and
    /// [`ErrorKind::Unsupported`](super::ErrorKind::Unsupported) where this range cannot be copied and has to be uploaded.
    async fn copy_part(
        &self,
        upload: &Upload,
        number: u32,
        source: &CopySource,
        range: Range<u64>,
    ) -> Result<PartReceipt, StoreError>;

    /// Makes the object out of its parts, numbered from 1 in this order, all at once, if `condition` holds and (for a checksummed upload) the whole has
    /// the length and CRC64NVME of `whole`.
    async fn complete(
        &self,
        upload: &Upload,
        parts: &[PartReceipt],
        whole: WholeObject,
        condition: &Condition,
    ) -> Result<PartReceipt, StoreError>;

    /// Gives an upload up and frees its parts. One that is gone already is no error.
    async fn abort(&self, upload: &Upload) -> Result<(), StoreError>;

    /// The uploads under way for exactly this key, oldest first.
    async fn uploads(&self, key: &ObjectKey) -> Result<Vec<Upload>, StoreError>;

    /// The parts that an upload holds, in the order of their numbers.
    async fn parts(&self, upload: &Upload) -> Result<Vec<ListedPart>, StoreError>;
}
