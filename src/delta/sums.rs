//! Sums of ranges of a file that are read in any order, and the signature that they make together.
//!
//! For files without a basis, whose parts are read once and sent from memory; the scan has its own way.

use thiserror::Error;

use super::block::{BlockLen, BlockSum, StrongSum, WeakSum};
use super::crc::{BlockCrcs, combine_crc64, crc64};
use super::signature::Signature;
use super::strong::{self, BlockHasher};
use super::weak;

/// How many bytes go through all three sums before the next ones: they stay in the cache, and BLAKE3 has enough of them
/// to fill its widest instructions.
const PIECE_BYTES: usize = 128 << 10;

/// The sums of the blocks of one range of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeSums {
    block_len: BlockLen,
    offset: u64,
    len: u64,
    blocks: Vec<BlockSum>,
    crcs: Vec<u64>,
    crc64nvme: u64,
}

impl RangeSums {
    /// The CRC64NVME of the range.
    pub const fn crc64nvme(&self) -> u64 {
        self.crc64nvme
    }
}

/// Sums `bytes`, which lie at `offset` in a file of `file_len` bytes.
///
/// # Panics
///
/// If the range does not start at a block, or ends neither at a block nor at the end of the file.
pub fn sum_range(bytes: &[u8], offset: u64, file_len: u64, block_len: BlockLen) -> RangeSums {
    let len = bytes.len() as u64;
    let end = offset + len;
    assert!(offset.is_multiple_of(block_len.bytes()), "range at {offset} starts within a block");
    assert!(
        end == file_len || (end < file_len && end.is_multiple_of(block_len.bytes())),
        "range {offset}..{end} of {file_len} bytes ends within a block"
    );
    let whole = file_len <= block_len.bytes();
    let count = block_len.count(len) as usize;
    let mut sums = RangeSums { block_len, offset, len, blocks: Vec::with_capacity(count), crcs: vec![], crc64nvme: 0 };
    sums.crcs.reserve_exact(count);
    for (block, at) in bytes.chunks(block_len.bytes() as usize).zip((offset..).step_by(block_len.bytes() as usize)) {
        let mut strong = BlockHasher::new(at, whole);
        let (mut weak, mut crc) = (0, 0);
        for piece in block.chunks(PIECE_BYTES) {
            strong.update(piece);
            weak = weak::extend(weak, piece);
            crc = combine_crc64(crc, crc64(piece), piece.len() as u64);
        }
        sums.blocks.push(BlockSum { weak: WeakSum(weak), strong: strong.finish() });
        sums.crcs.push(crc);
        sums.crc64nvme = combine_crc64(sums.crc64nvme, crc, block.len() as u64);
    }
    sums
}

/// Sums that do not make a signature yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{missing} of {expected} blocks have no sum yet")]
pub struct Incomplete {
    /// How many blocks have no sum.
    pub missing: u64,
    /// How many blocks the file has.
    pub expected: u64,
}

/// Collects the sums of all ranges of a file, in any order.
#[derive(Debug)]
pub struct SignatureBuilder {
    block_len: BlockLen,
    len: u64,
    blocks: Vec<Option<BlockSum>>,
    crcs: Vec<u64>,
}

impl SignatureBuilder {
    /// For a file of `len` bytes.
    pub fn new(block_len: BlockLen, len: u64) -> Self {
        let count = block_len.count(len) as usize;
        Self { block_len, len, blocks: vec![None; count], crcs: vec![0; count] }
    }

    /// Adds the sums of a range. Those of a range that is read again replace the earlier ones.
    ///
    /// # Panics
    ///
    /// If the sums are those of another block length or reach past the end of the file.
    pub fn add(&mut self, sums: RangeSums) {
        assert_eq!(sums.block_len, self.block_len);
        assert!(sums.offset + sums.len <= self.len, "sums up to {} of {} bytes", sums.offset + sums.len, self.len);
        let first = (sums.offset / self.block_len.bytes()) as usize;
        self.crcs[first..][..sums.crcs.len()].copy_from_slice(&sums.crcs);
        self.blocks[first..].iter_mut().zip(sums.blocks).for_each(|(slot, sum)| *slot = Some(sum));
    }

    /// The signature, and the CRCs of its blocks.
    pub fn finish(self) -> Result<(Signature, BlockCrcs), Incomplete> {
        let expected = self.blocks.len() as u64;
        let blocks: Vec<BlockSum> = self.blocks.into_iter().flatten().collect();
        match expected - blocks.len() as u64 {
            0 => Ok(signature_of(self.block_len, self.len, blocks, &self.crcs)),
            missing => Err(Incomplete { missing, expected }),
        }
    }
}

/// The signature that sums of all blocks of a file make.
pub(super) fn signature_of(
    block_len: BlockLen,
    len: u64,
    blocks: Vec<BlockSum>,
    crcs: &[u64],
) -> (Signature, BlockCrcs) {
    let crcs = BlockCrcs::new(block_len, len, crcs);
    let root = strong::root(&blocks);
    (Signature::proved(block_len, len, blocks, root, crcs.whole()), crcs)
}

/// A sum that stands where none is known yet.
pub(super) const NO_SUM: BlockSum = BlockSum { weak: WeakSum(0), strong: StrongSum([0; 32]) };

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len as u64).map(|i| ((i * i) >> 5) as u8).collect()
    }

    #[test]
    fn ranges_in_any_order_make_the_signature() {
        let block_len = BlockLen::new(2048).unwrap();
        for len in [0, 1, 2047, 2048, 2049, 4096, 20_000] {
            let bytes = bytes(len);
            let mut builder = SignatureBuilder::new(block_len, len as u64);
            let ranges: Vec<_> = bytes.chunks(6144).enumerate().collect();
            for (i, range) in ranges.into_iter().rev() {
                let sums = sum_range(range, 6144 * i as u64, len as u64, block_len);
                assert_eq!(sums.crc64nvme(), crc64(range));
                builder.add(sums);
            }
            let (signature, crcs) = builder.finish().unwrap();
            assert_eq!(*signature.blake3(), *blake3::hash(&bytes).as_bytes());
            assert_eq!(signature.crc64nvme(), crc64(&bytes));
            assert_eq!(crcs.range(0..len as u64, &bytes).unwrap(), crc64(&bytes));
            let weaks: Vec<u64> = signature.blocks().iter().map(|b| b.weak.0).collect();
            assert_eq!(weaks, bytes.chunks(2048).map(|b| weak::sum(b).0).collect::<Vec<_>>());
            let again =
                Signature::new(block_len, len as u64, signature.blocks().to_vec(), *signature.blake3(), crcs.whole());
            assert_eq!(again.unwrap(), signature);
        }
    }

    #[test]
    fn a_missing_range_is_an_error() {
        let block_len = BlockLen::new(1024).unwrap();
        let bytes = bytes(4000);
        let mut builder = SignatureBuilder::new(block_len, 4000);
        builder.add(sum_range(&bytes[2048..], 2048, 4000, block_len));
        assert_eq!(builder.finish().unwrap_err(), Incomplete { missing: 2, expected: 4 });
    }
}
