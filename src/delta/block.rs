//! A block: its length, a power of two that is chosen from the length of the file, and its two sums.
//!
//! How sums are computed is the business of `weak.rs` and `strong.rs`.

use std::fmt;

use thiserror::Error;

/// The shortest block that the format knows, in bytes: one BLAKE3 chunk, below which a tree has no values.
pub const MIN_BLOCK_LEN: u32 = 1024;
/// The longest block that the format knows, in bytes.
pub const MAX_BLOCK_LEN: u32 = 4 << 20;

/// The shortest block that is chosen unasked, in bytes.
const SHORTEST_AUTOMATIC: u32 = 64 << 10;
/// The square of the block length, in bytes, for every byte of the file.
///
/// A block has 40 bytes in the sidecar, which move about 2.5 times a version, and every place that changed costs literal
/// bytes in proportion to the block: the sum of both is least where `block^2 = 100 * len / places`. Measured on pairs of
/// real versions (wheels, a toolchain, a file system image), that was at 4 to 31 times the length; the sum is flat there.
const SQUARE_BYTES_PER_BYTE: u64 = 16;

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

/// A rolling sum of a block (see `weak.rs`): equal bytes have equal sums, different bytes rarely do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct WeakSum(pub u64);

/// A block's chaining value in the BLAKE3 tree of the file it lies in (see `strong.rs`), 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StrongSum(pub [u8; 32]);

impl fmt::Debug for StrongSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StrongSum(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// The two sums of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockSum {
    /// The rolling sum.
    pub weak: WeakSum,
    /// The value in the file's BLAKE3 tree.
    pub strong: StrongSum,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_with_the_square_root_of_the_file() {
        const MIB: u64 = 1 << 20;
        let cases = [
            (0, 64 << 10),
            (50 * MIB, 64 << 10),
            (500 * MIB, 64 << 10),
            (600 * MIB, 128 << 10),
            (4096 * MIB, 256 << 10),
            (100_000 * MIB, MIB),
            (1 << 40, 4 * MIB),
            (u64::MAX, 4 * MIB),
        ];
        for (len, block) in cases {
            assert_eq!(BlockLen::for_file_len(len).bytes(), block, "{len} bytes");
        }
    }

    #[test]
    fn only_powers_of_two_in_range_are_lengths() {
        assert_eq!(BlockLen::new(1024).unwrap().bytes(), 1024);
        assert_eq!(BlockLen::new(4 << 20).unwrap().bytes(), 4 << 20);
        for bad in [0, 1, 512, 1025, 3072, 8 << 20, 1 << 40, (1 << 32) + 1024] {
            assert_eq!(BlockLen::new(bad), Err(BadBlockLen(bad)));
        }
    }

    #[test]
    fn the_last_block_counts_when_short() {
        let len = BlockLen::new(1024).unwrap();
        assert_eq!([0, 1, 1024, 1025, 2048].map(|bytes| len.count(bytes)), [0, 1, 1, 2, 2]);
    }
}
