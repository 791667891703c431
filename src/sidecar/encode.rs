//! Signatures to the bytes of a sidecar.
//!
//! The same signatures always give the same bytes. When a sidecar is written, and with which of them, is not decided here.

use thiserror::Error;

use super::format::{
    CHECKSUM_LEN, HEADER_LEN, MAGIC, MAX_BLOCKS, MAX_ENTRIES, MAX_ETAG_LEN, SUMS_LEN, VERSION, claim_len,
};
use crate::delta::Signature;

/// A signature, and the ETag of the object that it is of. Borrowed: a signature may have hundreds of megabytes, and is
/// written twice (before and after the object is replaced).
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The ETag as the store reports it, without the quotes, where it is known. 1 to 1,024 bytes.
    pub etag: Option<&'a str>,
    /// The signature.
    pub signature: &'a Signature,
}

/// Why signatures fit into no sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// None, or too many.
    #[error("{0} signatures where a sidecar holds 1 to {MAX_ENTRIES}")]
    EntryCount(usize),
    /// An ETag is empty or too long.
    #[error("an ETag of {0} bytes where a sidecar holds 1 to {MAX_ETAG_LEN}")]
    EtagLen(usize),
    /// A signature has too many blocks.
    #[error("{0} blocks where a signature in a sidecar has at most {MAX_BLOCKS}: the blocks are too short")]
    TooManyBlocks(u64),
}

/// The length in bytes of the sidecar that [`encode`] makes of `entries`.
pub fn encoded_len(entries: &[Entry<'_>]) -> u64 {
    let sizes = |entry: &Entry<'_>| (entry.etag.map_or(0, str::len), entry.signature.blocks().len() as u64);
    encoded_len_of(entries.iter().map(sizes))
}

/// The same before there are signatures: of each entry the length of its ETag in bytes, 0 for none, and how many blocks it
/// has.
pub fn encoded_len_of(entries: impl IntoIterator<Item = (usize, u64)>) -> u64 {
    let of_entry = |(etag_len, blocks): (usize, u64)| claim_len(etag_len) as u64 + blocks * SUMS_LEN as u64;
    (HEADER_LEN + CHECKSUM_LEN) as u64 + entries.into_iter().map(of_entry).sum::<u64>()
}

/// The sidecar that holds `entries`, in their order.
pub fn encode(entries: &[Entry<'_>]) -> Result<Vec<u8>, EncodeError> {
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        return Err(EncodeError::EntryCount(entries.len()));
    }
    for entry in entries {
        check(entry.etag, entry.signature.blocks().len() as u64)?;
    }

    let len = encoded_len(entries);
    let mut out = Vec::with_capacity(len as usize);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    out.extend_from_slice(&len.to_le_bytes());
    for entry in entries {
        put_claim(entry, &mut out);
    }
    for block in entries.iter().flat_map(|entry| entry.signature.blocks()) {
        out.extend_from_slice(&block.weak.0.to_le_bytes());
        out.extend_from_slice(&block.strong.0);
    }
    let checksum = blake3::hash(&out);
    out.extend_from_slice(checksum.as_bytes());
    debug_assert_eq!(out.len() as u64, len);
    Ok(out)
}

/// Whether a sidecar holds such an ETag, and a signature of so many blocks.
fn check(etag: Option<&str>, blocks: u64) -> Result<(), EncodeError> {
    match etag.map_or(1, str::len) {
        1..=MAX_ETAG_LEN => {}
        len => return Err(EncodeError::EtagLen(len)),
    }
    if blocks > MAX_BLOCKS { Err(EncodeError::TooManyBlocks(blocks)) } else { Ok(()) }
}

/// Appends what the sidecar says of an entry.
fn put_claim(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let etag = entry.etag.unwrap_or_default();
    let len = claim_len(etag.len());
    let end = out.len() + len;
    out.extend_from_slice(&(len as u32).to_le_bytes());
    out.extend_from_slice(&(entry.signature.block_len().bytes() as u32).to_le_bytes());
    out.extend_from_slice(&entry.signature.len().to_le_bytes());
    out.extend_from_slice(&entry.signature.crc64nvme().to_le_bytes());
    out.extend_from_slice(entry.signature.blake3());
    out.extend_from_slice(&(etag.len() as u32).to_le_bytes());
    out.extend_from_slice(etag.as_bytes());
    out.resize(end, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Here and not through `encode`, because such a signature has 671 MB.
    #[test]
    fn limit_of_blocks() {
        assert_eq!(check(None, MAX_BLOCKS), Ok(()));
        assert_eq!(check(None, MAX_BLOCKS + 1), Err(EncodeError::TooManyBlocks(MAX_BLOCKS + 1)));
    }
}
