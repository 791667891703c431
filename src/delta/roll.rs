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
    /// Finds the hits among windows that start in `starts`; the last of them must end within the bytes.
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
        sized!(0x200 0x400 0x800 0x1000 0x2000 0x4000 0x8000 0x1_0000 0x2_0000 0x4_0000 0x8_0000 0x10_0000 0x20_0000
            0x40_0000 0x80_0000 0x100_0000 0x200_0000 0x400_0000)
    }

    fn sized_hits<const WORDS: usize>(&self, starts: Range<usize>, filter: &[u64; WORDS], hits: &mut Hits) {
        // A lane of whole tiles, and what is left to the end.
        let tiles = starts.len() / LANES / TILE;
        let lane_len = tiles * TILE;
        let lane_starts: [usize; LANES] = std::array::from_fn(|lane| starts.start + lane * lane_len);
        if tiles > 0 {
            let mut sums = lane_starts.map(|start| self.prefix.window(self.roller, start, self.window));
            for tile in 0..tiles {
                self.roll_tile(lane_starts.map(|start| start + tile * TILE), &mut sums, filter, hits);
            }
        }
        let rest = starts.start + LANES * lane_len..starts.end;
        if rest.is_empty() {
            return;
        }
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
        let tile = |at: usize| self.bytes.get(at..).and_then(|bytes| bytes.first_chunk::<TILE>());
        let out = places.map(tile);
        let next = places.map(|at| tile(at + self.window));
        let ([Some(out0), Some(out1), Some(out2)], [Some(next0), Some(next1), Some(next2)]) = (out, next) else {
            return;
        };
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
    (filter[(weak >> shift) as usize] >> ((weak >> (shift - 6)) % 64)) & 1 == 1
}

#[cold]
#[inline(never)]
fn record(hits: &mut Hits, lane: usize, at: usize, weak: u64) {
    hits.lanes[lane].push(Hit { at, weak });
}
