//! The length of a block: a power of two, chosen from the length of the file.

use std::fmt;

use thiserror::Error;

/// The shortest block that the format knows, in bytes: one BLAKE3 chunk, below which a tree has no values.
pub const MIN_BLOCK_LEN: u32 = 1024;
/// The longest block that the format knows, in bytes.
pub const MAX_BLOCK_LEN: u32 = 4 << 20;

/// The shortest block that is chosen unasked, in bytes.
const SHORTEST_AUTOMATIC: u32 = 64 << 10;
/// The square of the block length, in bytes, for every byte of the file.
const SQUARE_BYTES_PER_BYTE: u64 = 8;

/// The length of a signature's blocks in bytes: a power of two from 1 KiB to 4 MiB.
///
/// The last block of a file may be shorter. Being a power of two makes every block a whole subtree of the file's
/// BLAKE3 tree, so that its sum is a value of that tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockLen(u32);

/// A block length that the format does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("block length {0} is not a power of two from {MIN_BLOCK_LEN} to {MAX_BLOCK_LEN}")]
pub struct BadBlockLen(pub u64);

impl BlockLen {
    /// The block length of `bytes`, if that is a power of two from 1 KiB to 4 MiB.
    pub fn new(bytes: u64) -> Result<Self, BadBlockLen> {
        match u32::try_from(bytes) {
            Ok(len) if len.is_power_of_two() && (MIN_BLOCK_LEN..=MAX_BLOCK_LEN).contains(&len) => Ok(Self(len)),
            _ => Err(BadBlockLen(bytes)),
        }
    }

    /// The length that suits a file of `len` bytes: from 64 KiB to 4 MiB, growing with the square root of the file.
    pub const fn for_file_len(len: u64) -> Self {
        let ideal = len.saturating_mul(SQUARE_BYTES_PER_BYTE).isqrt();
        // The nearest power of two, by ratio: 2^n serves from 2^n / sqrt(2) up to 2^n * sqrt(2).
        let nearest = (ideal.saturating_mul(ideal) / 2).isqrt().next_power_of_two();
        if nearest < SHORTEST_AUTOMATIC as u64 {
            Self(SHORTEST_AUTOMATIC)
        } else if nearest > MAX_BLOCK_LEN as u64 {
            Self(MAX_BLOCK_LEN)
        } else {
            Self(nearest as u32)
        }
    }

    /// The length in bytes.
    pub const fn bytes(self) -> u64 {
        self.0 as u64
    }

    /// How many blocks a file of `len` bytes has; an empty file has none.
    pub const fn count(self, len: u64) -> u64 {
        len.div_ceil(self.bytes())
    }
}

impl fmt::Debug for BlockLen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockLen({})", self.0)
    }
}
