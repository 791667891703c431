//! Bytes on their way from a store.

use bytes::Bytes;
use futures::stream::BoxStream;

use super::{ObjectInfo, StoreError};

/// The bytes of a range, in order and piece by piece: as many as were asked for, or an error.
pub type Pieces = BoxStream<'static, Result<Bytes, StoreError>>;

/// An object that is being read.
pub struct Reading {
    /// What the store says of it; of a range that is read no checksum.
    pub info: ObjectInfo,
    /// Its bytes.
    pub pieces: Pieces,
}
