//! The signature of a file: a weak and a strong sum of every block, and what binds them together.
//!
//! It holds the sums in memory; their bytes on disk are the sidecar's business.

use thiserror::Error;

use super::block::{BlockLen, BlockSum};

/// The signature of one version of a file. One that exists has proved itself: its block values merge to its BLAKE3 hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    block_len: BlockLen,
    len: u64,
    blocks: Vec<BlockSum>,
    blake3: [u8; 32],
    crc64nvme: u64,
}

/// Why sums are no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// There are not as many blocks as the length says.
    #[error("{found} blocks where a file of {len} bytes has {expected}")]
    BlockCount {
        /// Blocks that the length asks for.
        expected: u64,
        /// Blocks that are there.
        found: u64,
        /// The length of the file in bytes.
        len: u64,
    },
    /// The block values do not merge to the hash that is claimed.
    #[error("the block sums do not merge to the BLAKE3 hash that the signature claims")]
    Root,
}

impl Signature {
    /// A signature out of its parts, if they prove themselves: as many blocks as `len` asks for, and block values that
    /// merge to `blake3`. The CRC64NVME is taken on trust: the store checks it.
    pub fn new(
        block_len: BlockLen,
        len: u64,
        blocks: Vec<BlockSum>,
        blake3: [u8; 32],
        crc64nvme: u64,
    ) -> Result<Self, SignatureError> {
        let expected = block_len.count(len);
        if blocks.len() as u64 != expected {
            return Err(SignatureError::BlockCount { expected, found: blocks.len() as u64, len });
        }
        if super::strong::root(&blocks) != blake3 {
            return Err(SignatureError::Root);
        }
        Ok(Self { block_len, len, blocks, blake3, crc64nvme })
    }

    /// A signature out of parts that cannot disagree, since the hash was merged from the block values.
    pub(super) fn proved(
        block_len: BlockLen,
        len: u64,
        blocks: Vec<BlockSum>,
        blake3: [u8; 32],
        crc64nvme: u64,
    ) -> Self {
        debug_assert_eq!(blocks.len() as u64, block_len.count(len));
        Self { block_len, len, blocks, blake3, crc64nvme }
    }

    /// The signature of an empty file.
    pub fn empty(block_len: BlockLen) -> Self {
        Self::proved(block_len, 0, Vec::new(), super::strong::root(&[]), 0)
    }

    /// The length of a block.
    pub const fn block_len(&self) -> BlockLen {
        self.block_len
    }

    /// The length of the file in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the file is empty.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The sums, in the order of the blocks.
    pub fn blocks(&self) -> &[BlockSum] {
        &self.blocks
    }

    /// The BLAKE3 hash of the file, as `b3sum` prints it.
    pub const fn blake3(&self) -> &[u8; 32] {
        &self.blake3
    }

    /// The CRC64NVME of the file.
    pub const fn crc64nvme(&self) -> u64 {
        self.crc64nvme
    }
}
