//! The reference: signature and scan written to be read, against which tests hold the fast ones.
//!
//! The whole file in memory, one thread, a byte at a time, and rsync's rule: the first place where a block matches is a
//! copy, and the search goes on behind it. Nobody but tests should use it.

use std::collections::HashMap;

use super::block::{BlockLen, BlockSum, WeakSum};
use super::difference::{Delta, Op};
use super::signature::Signature;
use super::strong::block_value;
use super::weak::{self, Roller};

/// The signature of a file, block by block.
pub fn sign(file: &[u8], block_len: BlockLen) -> Signature {
    let whole = file.len() as u64 <= block_len.bytes();
    let offsets = (0..).step_by(block_len.bytes() as usize);
    let blocks: Vec<BlockSum> = file
        .chunks(block_len.bytes() as usize)
        .zip(offsets)
        .map(|(block, offset)| BlockSum { weak: weak::sum(block), strong: block_value(block, offset, whole) })
        .collect();
    let signature =
        Signature::new(block_len, file.len() as u64, blocks, blake3::hash(file).into(), crc_fast::crc64_nvme(file));
    signature.expect("block values merge to the hash of the file")
}

/// The delta from a basis to a new file.
///
/// At each place: the block at the same offset, else the one that continues the copy before, else any. The short last
/// block of the basis matches at its own offset and at the end of the new file.
pub fn scan(basis: &Signature, new: &[u8]) -> Delta {
    let block_len = basis.block_len().bytes() as usize;
    let full = basis.len() as usize / block_len;
    let tail_len = basis.len() as usize % block_len;
    let mut by_weak: HashMap<WeakSum, Vec<usize>> = HashMap::new();
    for (i, block) in basis.blocks()[..full].iter().enumerate() {
        by_weak.entry(block.weak).or_default().push(i);
    }
    let whole = basis.blocks().len() == 1;
    let equals = |bytes: &[u8], i: usize| block_value(bytes, (i * block_len) as u64, whole) == basis.blocks()[i].strong;

    let roller = Roller::new(block_len as u64);
    let mut delta = Delta::default();
    let mut at = 0;
    let mut continues = None;
    let mut rolling: Option<u64> = None;
    while at < new.len() {
        if let Some(window) = new.get(at..at + block_len) {
            let sum = rolling.unwrap_or_else(|| weak::sum(window).0);
            let found = by_weak.get(&WeakSum(sum)).and_then(|blocks| {
                let same_offset = Some(at / block_len).filter(|_| at % block_len == 0);
                let preferred = [same_offset, continues].into_iter().flatten().filter(|i| blocks.contains(i));
                preferred.chain(blocks.iter().copied()).find(|i| equals(window, *i))
            });
            if let Some(i) = found {
                delta.push(Op::Copy { from: (i * block_len) as u64, len: block_len as u64 });
                at += block_len;
                continues = Some(i + 1);
                rolling = None;
                continue;
            }
            rolling = new.get(at + block_len).map(|next| roller.roll(sum, window[0], *next));
        }
        let tail_fits = tail_len > 0 && (at == full * block_len || at + tail_len == new.len());
        if let Some(tail) = new.get(at..at + tail_len).filter(|_| tail_fits).filter(|tail| equals(tail, full)) {
            delta.push(Op::Copy { from: (full * block_len) as u64, len: tail.len() as u64 });
            at += tail_len;
            rolling = None;
        } else {
            delta.push(Op::Literal { len: 1 });
            at += 1;
        }
        continues = None;
    }
    delta
}
