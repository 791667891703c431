//! The strong sum: a block's chaining value in the BLAKE3 tree of its file, and merging such values to the root.
//!
//! The value depends on where the block lies, so a window of one file is tested against a block of another by hashing
//! it as if it lay at that block's offset. A file of one block has a tree without inner values: there the block's sum
//! is the hash of the file itself. A file without bytes has no blocks, and its root is the hash of no bytes.
//!
//! Method: section 2.1 of the BLAKE3 paper, through `blake3::hazmat`.

use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use super::block::{BlockSum, StrongSum};

/// The sum of `block`, which lies at `offset` and is the `whole` file or one block of several.
pub(super) fn block_value(block: &[u8], offset: u64, whole: bool) -> StrongSum {
    let mut hasher = BlockHasher::new(offset, whole);
    hasher.update(block);
    hasher.finish()
}

/// The same in steps.
pub(super) struct BlockHasher {
    hasher: blake3::Hasher,
    whole: bool,
}

impl BlockHasher {
    pub(super) fn new(offset: u64, whole: bool) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset);
        Self { hasher, whole }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    pub(super) fn finish(&self) -> StrongSum {
        StrongSum(if self.whole { self.hasher.finalize().into() } else { self.hasher.finalize_non_root() })
    }
}

/// The value of the subtree over neighbouring values, all but the last of equal span, the `whole` file or a part of it.
/// One value is its own subtree.
pub(super) fn merge(values: &[StrongSum], whole: bool) -> StrongSum {
    merge_by(values, &|value| &value.0, whole)
}

/// The BLAKE3 hash of the file that has these blocks.
pub(super) fn root(blocks: &[BlockSum]) -> [u8; 32] {
    match blocks {
        [] => blake3::hash(&[]).into(),
        blocks => merge_by(blocks, &|block| &block.strong.0, true).0,
    }
}

fn merge_by<T>(items: &[T], value: &impl Fn(&T) -> &[u8; 32], whole: bool) -> StrongSum {
    if let [one] = items {
        return StrongSum(*value(one));
    }
    // The left subtree is the largest power of two that leaves something to the right one.
    let (left, right) = items.split_at(items.len().div_ceil(2).next_power_of_two());
    let (left, right) = (merge_by(left, value, false).0, merge_by(right, value, false).0);
    StrongSum(match whole {
        true => merge_subtrees_root(&left, &right, Mode::Hash).into(),
        false => merge_subtrees_non_root(&left, &right, Mode::Hash),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::WeakSum;

    fn blocks(bytes: &[u8], block: usize) -> Vec<BlockSum> {
        let whole = bytes.len() <= block;
        let value = |(i, b)| block_value(b, (i * block) as u64, whole);
        bytes.chunks(block).enumerate().map(|b| BlockSum { weak: WeakSum(0), strong: value(b) }).collect()
    }

    #[test]
    fn block_values_merge_to_the_hash_of_the_file() {
        let bytes: Vec<u8> = (0..70_000u64).map(|i| ((i * i) >> 7) as u8).collect();
        for block in [1024, 4096, 65536, 131_072] {
            for len in [0, 1, 1023, 1024, 1025, 2048, 3 * 1024 + 1, 4096, 8191, 8192, 8193, 65536, 65537, 70_000] {
                let bytes = &bytes[..len];
                assert_eq!(root(&blocks(bytes, block)), *blake3::hash(bytes).as_bytes(), "{len} in {block}");
            }
        }
    }

    #[test]
    fn small_values_merge_to_values_of_longer_blocks() {
        let bytes: Vec<u8> = (0..9_000u32).map(|i| ((i * i) >> 5) as u8).collect();
        let small: Vec<StrongSum> = blocks(&bytes, 1024).iter().map(|b| b.strong).collect();
        let long: Vec<StrongSum> = blocks(&bytes, 4096).iter().map(|b| b.strong).collect();
        let merged: Vec<StrongSum> = small.chunks(4).map(|values| merge(values, false)).collect();
        assert_eq!(merged, long);
    }

    #[test]
    fn the_same_bytes_at_another_offset_have_another_value() {
        let block = [5; 1024];
        assert_ne!(block_value(&block, 0, false), block_value(&block, 1024, false));
        assert_ne!(block_value(&block, 0, false), block_value(&block, 0, true));
        assert_eq!(block_value(&block, 0, true).0, *blake3::hash(&block).as_bytes());
    }
}
