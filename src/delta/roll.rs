//! The rolling loop: which windows of some bytes have a weak sum that the index may hold.
//!
//! It verifies nothing and takes no decisions.

use std::ops::Range;

use super::index::Filter;
use super::weak::{Prefix, Roller};

/// How many windows roll side by side: a sum waits some four cycles for the one before it, and others fill the wait.
/// With more than three lanes their places and sums do not fit into registers.
const LANES: usize = 3;
/// How many steps a lane takes between looks at the lengths of its slices.
const TILE: usize = 512;

/// A window whose weak sum passed the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// Where it starts.
    pub(super) at: usize,
    pub(super) weak: u64,
}

/// Hits of one batch, ascending.
#[derive(Default)]
pub(super) struct Hits {
    lanes: [Vec<Hit>; LANES],
}

impl Hits {
    pub(super) fn iter(&self) -> impl Iterator<Item = Hit> {
        self.lanes.iter().flatten().copied()
    }
}

/// The bytes to roll over.
pub(super) struct Rolling<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) prefix: &'a Prefix<'a>,
    pub(super) roller: &'a Roller,
    /// The length of a window.
    pub(super) window: usize,
}

impl Rolling<'_> {
    /// Finds the hits among windows that start in `starts`; there is one, and the last ends within the bytes.
    pub(super) fn hits(&self, starts: Range<usize>, filter: Filter<'_>, hits: &mut Hits) {
        hits.lanes.iter_mut().for_each(Vec::clear);
        /// The loop for a filter whose size it knows.
        macro_rules! sized {
            ($($words:literal)*) => {
                match filter.words.len() {
                    $($words => {
                        // The length was matched, so this is never the empty filter.
                        let words = filter.words.first_chunk::<$words>();
                        words.map(|words| self.sized_hits(starts, words, hits)).unwrap_or_default()
                    })*
                    words => unreachable!("no filter has {words} words"),
                }
            };
        }
        sized!(0x1000 0x2000 0x4000 0x8000 0x1_0000 0x2_0000 0x4_0000 0x8_0000 0x10_0000 0x20_0000
            0x40_0000 0x80_0000 0x100_0000 0x200_0000 0x400_0000)
    }

    fn sized_hits<const WORDS: usize>(&self, starts: Range<usize>, filter: &[u64; WORDS], hits: &mut Hits) {
        // Lanes of whole tiles, and a rest that is never empty: a lane also rolls to the window behind its last one,
        // which there may not be behind the last of all.
        let tiles = starts.len().saturating_sub(1) / LANES / TILE;
        let lane_len = tiles * TILE;
        let lane_starts: [usize; LANES] = std::array::from_fn(|lane| starts.start + lane * lane_len);
        if tiles > 0 {
            let mut sums = lane_starts.map(|start| self.prefix.window(self.roller, start, self.window));
            for tile in 0..tiles {
                self.roll_tile(lane_starts.map(|start| start + tile * TILE), &mut sums, filter, hits);
            }
        }
        let rest = starts.start + LANES * lane_len..starts.end;
        let mut sum = self.prefix.window(self.roller, rest.start, self.window);
        for at in rest.clone() {
            if may_hold(filter, sum) {
                hits.lanes[LANES - 1].push(Hit { at, weak: sum });
            }
            if at + 1 < rest.end {
                sum = self.roller.roll(sum, self.bytes[at], self.bytes[at + self.window]);
            }
        }
    }

    /// Takes all lanes through one tile.
    #[inline(always)]
    fn roll_tile<const WORDS: usize>(
        &self,
        places: [usize; LANES],
        sums: &mut [u64; LANES],
        filter: &[u64; WORDS],
        hits: &mut Hits,
    ) {
        // Arrays, so that the loop has no bounds to check.
        let tile = |at: usize| self.bytes[at..].first_chunk::<TILE>().expect("a tile lies within the bytes");
        let [out0, out1, out2] = places.map(tile);
        let [next0, next1, next2] = places.map(|at| tile(at + self.window));
        let [mut sum0, mut sum1, mut sum2] = *sums;
        for step in 0..TILE {
            if may_hold(filter, sum0) {
                record(hits, 0, places[0] + step, sum0);
            }
            sum0 = self.roller.roll(sum0, out0[step], next0[step]);
            if may_hold(filter, sum1) {
                record(hits, 1, places[1] + step, sum1);
            }
            sum1 = self.roller.roll(sum1, out1[step], next1[step]);
            if may_hold(filter, sum2) {
                record(hits, 2, places[2] + step, sum2);
            }
            sum2 = self.roller.roll(sum2, out2[step], next2[step]);
        }
        *sums = [sum0, sum1, sum2];
    }
}

/// Whether a block may have this weak sum, in a filter whose size is known where this is compiled.
#[inline(always)]
fn may_hold<const WORDS: usize>(filter: &[u64; WORDS], weak: u64) -> bool {
    let shift = const { 64 - WORDS.trailing_zeros() };
    (filter[(weak >> shift) as usize] >> (weak % 64)) & 1 == 1
}

#[cold]
#[inline(never)]
fn record(hits: &mut Hits, lane: usize, at: usize, weak: u64) {
    hits.lanes[lane].push(Hit { at, weak });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::{index::FILTER_WORDS, weak};

    /// A filter that half of all sums pass.
    fn filter(words: usize) -> Vec<u64> {
        (0..words as u64).map(|i| (i + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(31)).collect()
    }

    #[test]
    fn every_window_is_tested_once_and_in_order() {
        let bytes: Vec<u8> = (0..9000u64).map(|i| ((i * i) >> 5) as u8).collect();
        let (window, words) = (1500, filter(0x1000));
        let (prefix, roller) = (Prefix::new(&bytes), Roller::new(1500));
        let rolling = Rolling { bytes: &bytes, prefix: &prefix, roller: &roller, window };
        let mut hits = Hits::default();
        let last = bytes.len() - window;
        for starts in
            [0..1, 0..last + 1, last..last + 1, 7..7 + 3 * 512, 7..8 + 3 * 512, last - 1535..last + 1, 5..5000]
        {
            rolling.hits(starts.clone(), Filter { words: &words }, &mut hits);
            let passes = |sum: u64| (words[(sum >> 52) as usize] >> (sum % 64)) & 1 == 1;
            let expected: Vec<Hit> = starts
                .map(|at| Hit { at, weak: weak::sum(&bytes[at..at + window]).0 })
                .filter(|hit| passes(hit.weak))
                .collect();
            assert_eq!(hits.iter().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn filters_of_every_size_have_their_loop() {
        let bytes = [1; 4];
        let (prefix, roller) = (Prefix::new(&bytes), Roller::new(4));
        let rolling = Rolling { bytes: &bytes, prefix: &prefix, roller: &roller, window: 4 };
        for power in FILTER_WORDS.start().trailing_zeros()..=20 {
            let words = vec![u64::MAX; 1 << power];
            let mut hits = Hits::default();
            rolling.hits(0..1, Filter { words: &words }, &mut hits);
            assert_eq!(hits.iter().count(), 1);
        }
    }
}
