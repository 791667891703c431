//! CRC64NVME of any range of a file, from the sums of its blocks.
//!
//! It only combines: the sum of bytes is computed by `crc-fast`, and nothing here judges a store's answer.

use std::io;
use std::ops::Range;

use super::block::BlockLen;
use super::read::{ReadAt, SparseReader};

/// The polynomial, lowest power in the highest bit.
const POLYNOMIAL: u64 = 0x9A6C_9329_AC4B_C9B5;
/// How many bytes of a range's ends are read at once.
const FRINGE_BUFFER_BYTES: u64 = 256 << 10;

/// The CRC64NVME of bytes.
pub(super) fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::crc64_nvme(bytes)
}

/// The product of two polynomials modulo that of the CRC.
const fn multiply(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    let mut bit = 64;
    while bit > 0 {
        bit -= 1;
        product ^= b & ((a >> bit) & 1).wrapping_neg();
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
    }
    product
}

/// `x` to the power of eight times a power of two: what one, two, four, .. zero bytes multiply a sum by.
const ZERO_BYTES: [u64; 64] = {
    let mut powers = [0; 64];
    powers[0] = 1 << (63 - 8);
    let mut i = 1;
    while i < 64 {
        powers[i] = multiply(powers[i - 1], powers[i - 1]);
        i += 1;
    }
    powers
};

/// What `len` more bytes multiply a sum by.
pub(super) fn shift_by(mut len: u64) -> u64 {
    let mut product = 1 << 63;
    while len != 0 {
        product = multiply(product, ZERO_BYTES[len.trailing_zeros() as usize]);
        len &= len - 1;
    }
    product
}

/// The CRC64NVME of two runs of bytes, one after the other, from the sum of each and the length of the second in bytes.
///
/// Ones that flip the register before and after cancel out, so this is plain arithmetic of polynomials.
pub fn combine_crc64(first: u64, second: u64, second_len: u64) -> u64 {
    multiply(first, shift_by(second_len)) ^ second
}

/// The CRC64NVME of the first block of a file, of the first two, and so on: 8 bytes a block, out of which comes the
/// CRC64NVME of any range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockCrcs {
    block_len: BlockLen,
    len: u64,
    /// The sum up to the start of each block, and that of the whole at the end.
    until: Vec<u64>,
}

impl BlockCrcs {
    /// Of a file of `len` bytes, from the sum of each of its blocks.
    pub(super) fn new(block_len: BlockLen, len: u64, blocks: &[u64]) -> Self {
        debug_assert_eq!(blocks.len() as u64, block_len.count(len));
        let mut until = Vec::with_capacity(blocks.len() + 1);
        let mut sum = 0;
        until.push(sum);
        let block_shift = shift_by(block_len.bytes());
        for (i, block) in blocks.iter().enumerate() {
            let full = (i as u64 + 1) * block_len.bytes() <= len;
            let shift = if full { block_shift } else { shift_by(len % block_len.bytes()) };
            sum = multiply(sum, shift) ^ block;
            until.push(sum);
        }
        Self { block_len, len, until }
    }

    /// The CRC64NVME of the whole file.
    pub fn whole(&self) -> u64 {
        self.until.last().copied().unwrap_or_default()
    }

    /// The CRC64NVME of a range of `file`, which must be the file whose sums these are: whole blocks are combined, in
    /// microseconds, and at most two blocks at the ends are read again.
    ///
    /// # Errors
    ///
    /// Those of reading, and [`io::ErrorKind::UnexpectedEof`] for a range that the file does not have.
    pub fn range(&self, range: Range<u64>, file: &dyn ReadAt) -> io::Result<u64> {
        if range.start > range.end || range.end > self.len {
            let message = format!("range {}..{} of a file of {} bytes", range.start, range.end, self.len);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        let block = self.block_len.bytes();
        let first = range.start.div_ceil(block);
        // The end of the file ends a block, be it a short one.
        let last = if range.end == self.len { self.block_len.count(self.len) } else { range.end / block };
        if first >= last {
            return read_crc(file, range);
        }
        let (start, end) = (first * block, (last * block).min(self.len));
        let inner = combine_crc64(self.until[first as usize], self.until[last as usize], end - start);
        let with_start = combine_crc64(read_crc(file, range.start..start)?, inner, end - start);
        Ok(combine_crc64(with_start, read_crc(file, end..range.end)?, range.end - end))
    }
}

fn read_crc(file: &dyn ReadAt, range: Range<u64>) -> io::Result<u64> {
    let mut reader = SparseReader::new(file);
    let mut buffer = vec![0; (range.end - range.start).min(FRINGE_BUFFER_BYTES) as usize];
    let (mut sum, mut at) = (0, range.start);
    while at < range.end {
        let piece_len = (range.end - at).min(FRINGE_BUFFER_BYTES);
        let piece = &mut buffer[..piece_len as usize];
        reader.read(piece, at)?;
        sum = combine_crc64(sum, crc64(piece), piece_len);
        at += piece_len;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value() {
        assert_eq!(crc64(b"123456789"), 0xAE8B_1486_0A79_9888);
        assert_eq!(crc64(b""), 0);
    }

    #[test]
    fn combining_agrees_with_crc_fast() {
        let bytes: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 4) as u8).collect();
        for cut in [0, 1, 7, 8, 1000, 4096, 4999, 5000] {
            let (a, b) = bytes.split_at(cut);
            let theirs =
                crc_fast::checksum_combine(crc_fast::CrcAlgorithm::Crc64Nvme, crc64(a), crc64(b), b.len() as u64);
            assert_eq!(combine_crc64(crc64(a), crc64(b), b.len() as u64), theirs);
            assert_eq!(theirs, crc64(&bytes));
        }
        // Lengths that no test can hold in memory.
        for len in [1 << 40, (1 << 45) + 12_345] {
            let theirs = crc_fast::checksum_combine(crc_fast::CrcAlgorithm::Crc64Nvme, 77, 99, len);
            assert_eq!(combine_crc64(77, 99, len), theirs);
        }
    }

    #[test]
    fn every_range_of_a_file() {
        let block_len = BlockLen::new(1024).unwrap();
        for len in [0, 1, 1023, 1024, 1025, 3 * 1024, 3 * 1024 + 5] {
            let bytes: Vec<u8> = (0..len as u32).map(|i| ((i * i) >> 4) as u8).collect();
            let blocks: Vec<u64> = bytes.chunks(1024).map(crc64).collect();
            let crcs = BlockCrcs::new(block_len, len as u64, &blocks);
            assert_eq!(crcs.whole(), crc64(&bytes));
            let ends = [0, 1, 2, 1000, 1023, 1024, 1025, 2047, 2048, 2049, 3071, 3072, 3073, 3077];
            for start in ends.into_iter().filter(|s| *s <= len) {
                for end in ends.into_iter().filter(|e| start <= *e && *e <= len) {
                    let sum = crcs.range(start as u64..end as u64, &bytes).unwrap();
                    assert_eq!(sum, crc64(&bytes[start..end]), "{start}..{end} of {len}");
                }
            }
            assert!(crcs.range(0..len as u64 + 1, &bytes).is_err());
        }
    }
}
