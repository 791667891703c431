//! The layout of a `.hssig`: its constants, its limits, and the longest one that is worth fetching.
//!
//! What the fields mean, and the order in which they are checked, is the business of `encode.rs` and `decode.rs`.

use crate::delta::MIN_BLOCK_LEN;

/// What is appended to an object's key to get the key of its sidecar.
pub const SUFFIX: &str = ".hssig";
/// The media type that a sidecar is stored with.
pub const CONTENT_TYPE: &str = "application/vnd.hugesync.hssig";
/// The version of the format that this program writes, and the highest that it reads.
pub const VERSION: u32 = 1;

/// The most signatures that a sidecar holds. A writer needs two; the others are room for versions that compete.
pub const MAX_ENTRIES: usize = 4;
/// The longest ETag in bytes. An MD5 in hex with the number of at most 10,000 parts behind it, as on S3, has 38.
pub const MAX_ETAG_LEN: usize = 1024;
/// The most blocks that a signature has. The largest object of S3, 48.8 TiB, has 12.8 million of 4 MiB.
pub const MAX_BLOCKS: u64 = 1 << 24;

/// How a sidecar begins. The first byte is no text, the last two are mangled by whatever converts line ends.
pub(super) const MAGIC: [u8; 8] = *b"\x89hssig\r\n";
/// Magic, version (u32), number of entries (u32), length of the whole sidecar (u64).
pub(super) const HEADER_LEN: usize = 24;
/// A claim without its ETag: length of the claim (u32), block length (u32), object length (u64), CRC64NVME (u64),
/// BLAKE3 (32 bytes), length of the ETag (u32).
pub(super) const CLAIM_FIXED_LEN: usize = 60;
/// The longest claim in bytes: a full ETag, and room for fields that a later version of this program adds.
pub(super) const MAX_CLAIM_LEN: usize = 4096;
/// Claims are padded to a multiple of this many bytes, so that all sums are aligned.
pub(super) const CLAIM_ALIGN: usize = 8;
/// The sums of a block: weak (u64) and strong (32 bytes).
pub(super) const SUMS_LEN: usize = 40;
/// The BLAKE3 hash of everything before it.
pub(super) const CHECKSUM_LEN: usize = 32;

/// The length of a claim with an ETag of `etag_len` bytes, as this version writes it.
pub(super) const fn claim_len(etag_len: usize) -> usize {
    (CLAIM_FIXED_LEN + etag_len).next_multiple_of(CLAIM_ALIGN)
}

/// The longest sidecar, in bytes, that a reader should fetch for an object of `object_len` bytes.
///
/// It has room for the signature of the object in the shortest blocks, and for as much again of other versions: at most
/// 8 % of the object and 16 KiB, and never more than 1.4 GB. What is longer would cost more than it is worth, or is
/// hostile, and is refused before the download. That can hit a sidecar which also holds the signature of a version many
/// times as long; the object that stands is then cheap to upload in comparison.
pub const fn max_encoded_len(object_len: u64) -> u64 {
    let blocks = object_len.div_ceil(MIN_BLOCK_LEN as u64);
    let blocks = if blocks < MAX_BLOCKS { blocks } else { MAX_BLOCKS };
    (HEADER_LEN + MAX_ENTRIES * MAX_CLAIM_LEN + CHECKSUM_LEN) as u64 + 2 * blocks * SUMS_LEN as u64
}

// A full ETag fits into a claim.
const _: () = assert!(claim_len(MAX_ETAG_LEN) <= MAX_CLAIM_LEN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetch_limit_grows_with_the_object_and_ends() {
        assert_eq!(max_encoded_len(0), 16_440);
        assert_eq!(max_encoded_len(1), 16_440 + 80);
        assert_eq!(max_encoded_len(1024), 16_440 + 80);
        assert_eq!(max_encoded_len(1025), 16_440 + 160);
        assert_eq!(max_encoded_len(1 << 34), max_encoded_len(u64::MAX));
        assert!(max_encoded_len(u64::MAX) < 1_400_000_000);
    }

    #[test]
    fn largest_object_of_s3_has_no_more_blocks_than_the_limit() {
        let longest = 10_000 * (5 << 30);
        assert!(crate::delta::BlockLen::new(4 << 20).unwrap().count(longest) <= MAX_BLOCKS);
    }
}
