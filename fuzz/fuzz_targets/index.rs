//! Indexes from anybody: decoding arbitrary bytes neither panics nor passes over anything.
//!
//! Every input is tried twice: as it is, and with its number of entries and checksum made right, which no mutation would
//! hit.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unused_imports)]
#[path = "../../src/delta/mod.rs"]
mod delta;
#[allow(dead_code, unused_imports)]
#[path = "../../src/sidecar/mod.rs"]
mod sidecar;

use sidecar::{Index, IndexBuilder, Remembered};

const HEADER_LEN: usize = 24;
const ENTRY_LEN: usize = 40;
const CHECKSUM_LEN: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Some(sealed) = seal(bytes) {
        check(&sealed);
    }
});

/// `bytes` with their own number of entries and checksum in the places for them.
fn seal(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = bytes.to_vec();
    let entries = bytes.len().checked_sub(HEADER_LEN + CHECKSUM_LEN)? / ENTRY_LEN;
    sealed.truncate(HEADER_LEN + entries * ENTRY_LEN + CHECKSUM_LEN);
    sealed.get_mut(16..24)?.copy_from_slice(&(entries as u64).to_le_bytes());
    let (covered, checksum) = sealed.split_last_chunk_mut::<CHECKSUM_LEN>()?;
    *checksum = *blake3::hash(covered).as_bytes();
    Some(sealed)
}

fn check(bytes: &[u8]) {
    let Ok(index) = Index::decode(bytes) else { return };
    assert_eq!(bytes.len() as u64, (HEADER_LEN + CHECKSUM_LEN) as u64 + index.len() * ENTRY_LEN as u64);
    // What it remembers of an object can be kept, and is then found again.
    let remembered = index.get("key", "etag", 1).unwrap_or(Remembered { content: [0; 16], attributes: 0 });
    let mut builder = IndexBuilder::default();
    builder.keep("key", "etag", 1, remembered);
    let again = Index::decode(&builder.encode()).expect("what was encoded decodes");
    assert_eq!(again.get("key", "etag", 1), Some(remembered));
}
