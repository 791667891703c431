//! Reading a range of the file once, for its sums and to send it.

use std::sync::Arc;

use crc_fast::CrcAlgorithm;
use md5::{Digest as _, Md5};

use crate::delta::{BlockLen, RangeSums, ReadAt, combine_crc64, sum_range};
use crate::store::{Checksums, OnSent, Payload, PayloadBody, SourceFile};
use crate::sync::error::FileError;
use crate::sync::pace::blocking::blocking;
use crate::sync::pace::pool::BufferPool;
use crate::sync::pace::turns::MAX_BUFFERED;

/// How much is read and hashed at once where a range is not kept, in bytes: a multiple of every block length.
const PIECE_LEN: u64 = 4 << 20;

/// What a range of the file is read for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The sums of its blocks, at this block length.
    pub(crate) blocks: Option<BlockLen>,
    /// Its MD5.
    pub(crate) md5: bool,
    /// Its BLAKE3 hash.
    pub(crate) blake3: bool,
}

/// A range that has been read.
pub(crate) struct ReadRange {
    pub(crate) payload: Payload,
    /// The sums of its blocks, piece by piece, where they are wanted.
    pub(crate) sums: Vec<RangeSums>,
    /// Its BLAKE3 hash; zeros where that is not wanted.
    pub(crate) blake3: [u8; 32],
}

/// Reads `len` bytes from `offset` on. Blocks.
pub(crate) fn read(
    file: &Arc<dyn SourceFile>,
    pool: &Arc<BufferPool>,
    offset: u64,
    len: u64,
    wanted: Wanted,
    on_sent: OnSent,
) -> Result<ReadRange, FileError> {
    let keep = len <= MAX_BUFFERED;
    let file_len = file.len();
    let mut buffer = pool.take(if keep { len } else { PIECE_LEN } as usize);
    let mut sums = Vec::new();
    let mut crc64nvme = 0;
    let mut md5 = wanted.md5.then(Md5::new);
    let mut blake3 = wanted.blake3.then(blake3::Hasher::new);
    let end = offset + len;
    let mut at = offset;
    while at < end {
        let piece_len = (end - at).min(PIECE_LEN) as usize;
        let from = if keep { (at - offset) as usize } else { 0 };
        let piece = &mut buffer.bytes_mut()[from..from + piece_len];
        file.read_exact_at(piece, at).map_err(FileError::from_read)?;
        let piece_crc = match wanted.blocks {
            Some(block_len) => {
                let blocks = sum_range(piece, at, file_len, block_len);
                let crc = blocks.crc64nvme();
                sums.push(blocks);
                crc
            }
            None => crc_fast::checksum(CrcAlgorithm::Crc64Nvme, piece),
        };
        crc64nvme = combine_crc64(crc64nvme, piece_crc, piece_len as u64);
        if let Some(md5) = &mut md5 {
            md5.update(&*piece);
        }
        if let Some(blake3) = &mut blake3 {
            blake3.update(piece);
        }
        at += piece_len as u64;
    }
    let body = if keep {
        PayloadBody::Buffer(buffer.into_bytes())
    } else {
        let file: Arc<dyn ReadAt + Send + Sync> = Arc::clone(file) as Arc<dyn ReadAt + Send + Sync>;
        PayloadBody::File { file, offset, len }
    };
    let checksums = Checksums { crc64nvme, md5: md5.map(|md5| md5.finalize().into()) };
    let blake3 = blake3.map_or([0; 32], |hasher| hasher.finalize().into());
    Ok(ReadRange { payload: Payload { body, checksums, on_sent }, sums, blake3 })
}

/// The sums of `len` bytes from `offset` on, read piece by piece and not kept.
pub(crate) async fn sums_of(
    file: &Arc<dyn SourceFile>,
    offset: u64,
    len: u64,
    md5: bool,
) -> Result<Checksums, FileError> {
    let file = Arc::clone(file);
    blocking(move || {
        let mut crc64nvme = crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme);
        let mut md5 = md5.then(Md5::new);
        let mut buffer = vec![0; PIECE_LEN.min(len) as usize];
        let (mut at, end) = (offset, offset + len);
        while at < end {
            let piece = &mut buffer[..(end - at).min(PIECE_LEN) as usize];
            file.read_exact_at(piece, at).map_err(FileError::from_read)?;
            crc64nvme.update(piece);
            if let Some(md5) = &mut md5 {
                md5.update(&*piece);
            }
            at += piece.len() as u64;
        }
        Ok(Checksums { crc64nvme: crc64nvme.finalize(), md5: md5.map(|md5| md5.finalize().into()) })
    })
    .await
}
