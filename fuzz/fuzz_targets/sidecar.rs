//! Sidecars from anybody: decoding arbitrary bytes neither panics nor passes over anything.
//!
//! Every input is tried twice: as it is, and with its length and checksum made right, which no mutation would hit.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unused_imports)]
#[path = "../../src/delta/mod.rs"]
mod delta;
#[allow(dead_code, unused_imports)]
#[path = "../../src/sidecar/mod.rs"]
mod sidecar;

use sidecar::{Entry, ObjectIdentity, Sidecar, encode, encoded_len};

const CHECKSUM_LEN: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    if let Some(sealed) = seal(bytes) {
        check(&sealed);
    }
});

/// `bytes` with their own length and checksum in the places for them.
fn seal(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = bytes.to_vec();
    let len = bytes.len() as u64;
    sealed.get_mut(16..24)?.copy_from_slice(&len.to_le_bytes());
    let (covered, checksum) = sealed.split_last_chunk_mut::<CHECKSUM_LEN>()?;
    *checksum = *blake3::hash(covered).as_bytes();
    Some(sealed)
}

fn check(bytes: &[u8]) {
    let Ok(sidecar) = Sidecar::decode(bytes) else { return };
    let mut signatures = Vec::new();
    for (entry, claim) in sidecar.claims().iter().enumerate() {
        let object = ObjectIdentity { len: claim.len, etag: claim.etag.clone(), crc64nvme: Some(claim.crc64nvme) };
        let Ok(signature) = sidecar.signature(entry) else { continue };
        assert_eq!(signature.blocks().len() as u64, claim.blocks());
        assert!(claim.difference(&object).is_none());
        // The first claim about the object is taken: it need not be this one, nor good.
        if let Ok(found) = sidecar.signature_for(&object) {
            assert_eq!((found.len(), found.crc64nvme()), (claim.len, claim.crc64nvme));
        }
        signatures.push((claim.etag.as_deref(), signature));
    }
    if signatures.len() < sidecar.claims().len() {
        return;
    }
    // All of it is good, so it is what it encodes to, but for additions to a claim that are not known here.
    let entries: Vec<_> = signatures.iter().map(|(etag, signature)| Entry { etag: *etag, signature }).collect();
    let again = encode(&entries).expect("what was decoded is in the limits");
    assert_eq!(again.len() as u64, encoded_len(&entries));
    assert!(again == bytes || again.len() < bytes.len());
    assert_eq!(Sidecar::decode(&again).expect("what was encoded decodes").claims(), sidecar.claims());
}
