//! Straightening: copies that leave a run for blocks that repeat elsewhere, put back into the run.
//!
//! Segments are searched apart from one another, so one that begins among repeated blocks (zeros, most of all) cannot know
//! which of them the segment before was following. Each such detour cuts a long copy in three, and a store that wants long
//! parts makes that expensive. Nothing new is found here: the bytes that are copied stay the same.

use std::io;

use super::cover::Claim;
use super::read::{ReadAt, SparseReader};
use super::signature::Signature;
use super::strong;

/// A copy longer than this stands well by itself, in bytes.
const MAX_DETOUR: u64 = 32 << 20;

/// Tries the bytes of a new file against blocks of the basis once more.
pub(super) struct Straightener<'a> {
    basis: &'a Signature,
    reader: SparseReader<'a>,
    new_len: u64,
    window: Vec<u8>,
    /// How many bytes may still be hashed: a file's length in all, so that no input makes this the longer part of a scan.
    budget: u64,
}

impl<'a> Straightener<'a> {
    pub(super) fn new(basis: &'a Signature, new: &'a dyn ReadAt, new_len: u64) -> Self {
        let window = vec![0; basis.block_len().bytes() as usize];
        Self { basis, reader: SparseReader::new(new), new_len, window, budget: new_len }
    }

    /// Whether the bytes of `claim`, which starts where a copy ends, also lie at `from`, where that copy would go on.
    ///
    /// # Errors
    /// Where the new file cannot be read, with the offset.
    pub(super) fn goes_on(&mut self, claim: &Claim, from: u64) -> Result<bool, (u64, io::Error)> {
        let block = self.basis.block_len().bytes();
        if claim.len > MAX_DETOUR || from + claim.len > self.basis.len() {
            return Ok(false);
        }
        let whole = self.basis.blocks().len() == 1;
        for index in from / block..=(from + claim.len - 1) / block {
            let start = index * block;
            let len = block.min(self.basis.len() - start);
            // Where the block would lie in the new file; its first bytes may lie before the claim.
            let Some(at) = (claim.at + start).checked_sub(from).filter(|at| at + len <= self.new_len) else {
                return Ok(false);
            };
            if self.budget < len {
                return Ok(false);
            }
            self.budget -= len;
            let window = &mut self.window[..len as usize];
            self.reader.read(window, at).map_err(|error| (at, error))?;
            if strong::block_value(window, start, whole) != self.basis.blocks()[index as usize].strong {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
