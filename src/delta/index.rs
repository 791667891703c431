//! The index of a basis: from a weak sum to the blocks that have it, behind a filter that rejects nearly all others.
//!
//! It compares weak sums only; whether a block really matches is for its strong sum to say.

use super::block::WeakSum;

use super::signature::Signature;

/// Bits of the filter per block, before rounding up to a power of two: few windows pass by chance, one in this many to
/// twice as many.
const FILTER_BITS_PER_BLOCK: usize = 64;
/// The same for filters that would not fit into a core's own cache, where a miss costs more than passing.
const LARGE_FILTER_BITS_PER_BLOCK: usize = 16;
/// A filter that does, in words of 64 bits: 512 KiB.
const SMALL_FILTER_WORDS: usize = 64 << 10;
/// The sizes of filter that the rolling loop knows, in words: 32 KiB, which the fastest cache holds, to 512 MiB.
pub(super) const FILTER_WORDS: std::ops::RangeInclusive<usize> = 0x1000..=0x400_0000;

/// Full blocks of a basis by weak sum.
///
/// Memory: 8 to 16 bytes a block of sums and places, 4 to 8 of directory and 4 to 8 of filter, so about 400 KiB for
/// 16,384 blocks and 350 MB for 12.5 million.
pub(super) struct Index {
    /// A bit for every weak sum that there is: see [`Filter`].
    filter: Vec<u64>,
    /// Where in `weaks` the sums start that have these high bits, and one entry for the end.
    directory: Vec<u32>,
    directory_shift: u32,
    /// The different weak sums, ascending.
    weaks: Vec<u64>,
    /// Where in `blocks` those of each weak sum start, and one entry for the end.
    starts: Vec<u32>,
    /// Blocks grouped by weak sum, in the order of the basis within a group.
    blocks: Vec<u32>,
}

impl Index {
    /// Of the full blocks of a basis. Blocks past the 2^32nd are left out: they match at the same offset only.
    pub(super) fn new(basis: &Signature) -> Self {
        let full = (basis.len() / basis.block_len().bytes()).min(u64::from(u32::MAX) - 1) as usize;
        let mut pairs: Vec<(u64, u32)> =
            basis.blocks()[..full].iter().zip(0..).map(|(sum, block)| (sum.weak.0, block)).collect();
        pairs.sort_unstable();

        let mut filter = vec![0; filter_words(full)];
        let filter_shift = 64 - filter.len().trailing_zeros();
        let mut weaks = Vec::with_capacity(full);
        let mut starts = Vec::with_capacity(full + 1);
        for (place, (weak, _)) in pairs.iter().enumerate() {
            if weaks.last() != Some(weak) {
                weaks.push(*weak);
                starts.push(place as u32);
                filter[(weak >> filter_shift) as usize] |= 1 << (weak % 64);
            }
        }
        starts.push(full as u32);

        let directory_len = weaks.len().next_power_of_two().max(2);
        let directory_shift = 64 - directory_len.trailing_zeros();
        let mut directory = Vec::with_capacity(directory_len + 1);
        for (place, weak) in weaks.iter().enumerate() {
            while directory.len() as u64 <= weak >> directory_shift {
                directory.push(place as u32);
            }
        }
        directory.resize(directory_len + 1, weaks.len() as u32);
        let blocks = pairs.into_iter().map(|(_, block)| block).collect();
        Self { filter, directory, directory_shift, weaks, starts, blocks }
    }

    /// What the rolling loop asks first.
    pub(super) fn filter(&self) -> Filter<'_> {
        Filter { words: &self.filter }
    }

    /// The blocks that have this weak sum, in the order of the basis; none for a sum that is not there.
    pub(super) fn blocks(&self, weak: WeakSum) -> &[u32] {
        let slot = (weak.0 >> self.directory_shift) as usize;
        let (from, to) = (self.directory[slot] as usize, self.directory[slot + 1] as usize);
        // Sums made on purpose may all share a slot, so this is no linear search.
        match self.weaks[from..to].binary_search(&weak.0) {
            Ok(found) => &self.blocks[self.starts[from + found] as usize..self.starts[from + found + 1] as usize],
            Err(_) => &[],
        }
    }
}

fn filter_words(blocks: usize) -> usize {
    let words = |bits_per_block: usize| (blocks * bits_per_block / 64).next_power_of_two();
    let small = words(FILTER_BITS_PER_BLOCK);
    let words =
        if small <= SMALL_FILTER_WORDS { small } else { words(LARGE_FILTER_BITS_PER_BLOCK).max(SMALL_FILTER_WORDS) };
    words.clamp(*FILTER_WORDS.start(), *FILTER_WORDS.end())
}

/// A set of weak sums with false members but no missing ones. A sum's highest bits choose a word, its lowest six a bit of
/// it, which saves the loop two instructions of fifteen. Where all bytes of a file agree in their low six bits, the lowest
/// bits of sums say nothing, and more windows pass than need to.
#[derive(Clone, Copy)]
pub(super) struct Filter<'a> {
    /// A power of two of them.
    pub(super) words: &'a [u64],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::block::BlockLen;
    use crate::delta::block::{BlockSum, StrongSum};

    fn may_hold(index: &Index, weak: u64) -> bool {
        let word = index.filter[(weak >> (64 - index.filter.len().trailing_zeros())) as usize];
        (word >> (weak % 64)) & 1 == 1
    }

    fn index(weaks: &[u64]) -> Index {
        let blocks: Vec<BlockSum> =
            weaks.iter().map(|w| BlockSum { weak: WeakSum(*w), strong: StrongSum([0; 32]) }).collect();
        let root = crate::delta::strong::root(&blocks);
        let block_len = BlockLen::new(1024).unwrap();
        Index::new(&Signature::new(block_len, 1024 * weaks.len() as u64, blocks, root, 0).unwrap())
    }

    #[test]
    fn finds_every_block_and_nothing_else() {
        let weaks = [9, 1 << 63, 9, u64::MAX, 0, 77, 9, u64::MAX - 1, 1 << 40];
        let index = index(&weaks);
        for weak in weaks {
            let expected: Vec<u32> = (0..).zip(weaks).filter(|(_, w)| *w == weak).map(|(i, _)| i).collect();
            assert_eq!(index.blocks(WeakSum(weak)), expected);
            assert!(may_hold(&index, weak));
        }
        for absent in [1, 8, 10, u64::MAX - 2, 1 << 62] {
            assert!(index.blocks(WeakSum(absent)).is_empty());
        }
    }

    #[test]
    fn an_empty_basis_holds_nothing() {
        let index = index(&[]);
        assert!(index.blocks(WeakSum(0)).is_empty());
        assert!(index.blocks(WeakSum(u64::MAX)).is_empty());
        assert!(!may_hold(&index, 0));
    }

    #[test]
    fn the_filter_rejects_most_of_what_is_not_there() {
        let mix = |i: u64| i.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(29).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let weaks: Vec<u64> = (0..1000).map(mix).collect();
        let index = index(&weaks);
        let passed = (1000..101_000).filter(|i| may_hold(&index, mix(*i))).count();
        assert!(passed < 100_000 / 20, "{passed} of 100,000");
    }
}
