//! Bytes on their way to a store: a buffer or a range of a file, with the checksums that the store has to find.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::delta::ReadAt;

/// Told how many bytes have just left, for progress; a retry sends them again and reports them again.
pub type OnSent = Arc<dyn Fn(u64) + Send + Sync>;

/// Where the bytes are.
#[derive(Clone)]
pub enum PayloadBody {
    /// In memory.
    Buffer(Bytes),
    /// In a file, `len` bytes from `offset` on, read as they are sent.
    File {
        /// The file.
        file: Arc<dyn ReadAt + Send + Sync>,
        /// Where the bytes begin.
        offset: u64,
        /// How many.
        len: u64,
    },
}

/// The sums of a payload, computed from what was read from the local file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksums {
    /// The CRC64NVME.
    pub crc64nvme: u64,
    /// The MD5, where the store is not known to check a CRC64NVME.
    pub md5: Option<[u8; 16]>,
}

/// What a request carries.
#[derive(Clone)]
pub struct Payload {
    /// The bytes.
    pub body: PayloadBody,
    /// Their sums.
    pub checksums: Checksums,
    /// Told as they leave.
    pub on_sent: OnSent,
}

impl Payload {
    /// How many bytes it carries.
    pub fn len(&self) -> u64 {
        match &self.body {
            PayloadBody::Buffer(bytes) => bytes.len() as u64,
            PayloadBody::File { len, .. } => *len,
        }
    }

    /// Whether it carries none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("len", &self.len()).field("checksums", &self.checksums).finish_non_exhaustive()
    }
}
