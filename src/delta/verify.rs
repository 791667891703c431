//! Whether bytes are those that a signature promises.

use super::signature::Signature;
use super::strong;

/// The first block of `bytes`, which lie at `offset`, that is not the one of the signature; `None` where all are.
///
/// # Panics
///
/// If the range does not start at a block, or ends neither at a block nor at the end of the file.
pub fn wrong_block(signature: &Signature, bytes: &[u8], offset: u64) -> Option<u64> {
    let block_len = signature.block_len().bytes();
    let end = offset + bytes.len() as u64;
    assert!(offset.is_multiple_of(block_len), "range at {offset} starts within a block");
    assert!(
        end == signature.len() || (end < signature.len() && end.is_multiple_of(block_len)),
        "range {offset}..{end} of {} bytes ends within a block",
        signature.len()
    );
    let whole = signature.blocks().len() == 1;
    let first = offset / block_len;
    let blocks = (first..).zip(bytes.chunks(block_len as usize));
    blocks
        .filter(|(block, bytes)| {
            strong::block_value(bytes, block * block_len, whole) != signature.blocks()[*block as usize].strong
        })
        .map(|(block, _)| block)
        .next()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::ops::ControlFlow;

    use super::*;
    use crate::delta::{BlockLen, ScanOptions, sign};

    #[test]
    fn a_changed_byte_is_found_in_its_block() {
        for len in [1, 1024, 1025, 5 * 1024, 5 * 1024 + 7] {
            let bytes: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let options = ScanOptions::threads(NonZeroUsize::MIN);
            let block_len = BlockLen::new(1024).expect("a length");
            let (signature, _) =
                sign(&bytes, block_len, &options, &|_| ControlFlow::Continue(())).expect("a signature");
            assert_eq!(wrong_block(&signature, &bytes, 0), None);
            for at in [0, len / 2, len - 1] {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                assert_eq!(wrong_block(&signature, &changed, 0), Some(at as u64 / 1024), "{len} {at}");
                let from = at / 1024 * 1024;
                assert_eq!(wrong_block(&signature, &changed[from..], from as u64), Some(at as u64 / 1024));
            }
        }
    }
}
