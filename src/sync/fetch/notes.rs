//! Notes about the parts of an unfinished file that has no sidecar: which are in place, by their sums.
//!
//! They are proposals: a part counts as in place only if its bytes still have the sum.

use std::io;

use super::work::LONGEST_READ;
use crate::stitch::Part;
use crate::store::{Assembly, ObjectInfo};

/// What notes are about: one version of an object, cut into parts of this length.
pub(super) fn identity(object: &ObjectInfo) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"hugesync notes 1\0").update(&LONGEST_READ.to_le_bytes()).update(&object.len.to_le_bytes());
    hasher.update(object.etag.as_str().as_bytes()).finalize().into()
}

/// Notes the sum of a part that is in place.
pub(super) fn write(assembly: &dyn Assembly, identity: &[u8; 32], part: &Part, crc64nvme: u64) -> io::Result<()> {
    assembly.note(number(part), &note(identity, part, crc64nvme))
}

/// The sum that was noted of a part, if one was.
pub(super) fn read(assembly: &dyn Assembly, identity: &[u8; 32], part: &Part) -> io::Result<Option<u64>> {
    let found = assembly.noted(number(part))?;
    let mut crc = [0; 8];
    crc.copy_from_slice(&found[..8]);
    let crc = u64::from_le_bytes(crc);
    Ok((found == note(identity, part, crc)).then_some(crc))
}

const fn number(part: &Part) -> u64 {
    part.offset / LONGEST_READ
}

/// The sum, and what tells a note from whatever else may lie there.
fn note(identity: &[u8; 32], part: &Part, crc64nvme: u64) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(identity);
    hasher.update(&part.offset.to_le_bytes()).update(&part.len.to_le_bytes()).update(&crc64nvme.to_le_bytes());
    let mut note = [0; 16];
    note[..8].copy_from_slice(&crc64nvme.to_le_bytes());
    note[8..].copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    note
}
