//! The search in a gap: blocks of the basis that lie anywhere in bytes that did not match at their own offset.
//!
//! It finds every byte that some full block of the basis covers: the classical greedy cover by intervals. While a match
//! continues with the next block, it only verifies. Where it does not, it rolls over the windows, and of those that
//! overlap what is covered already it takes the one that reaches farthest. Every window is rolled over at most once,
//! and two true matches in a row reach a block further at least, so that the work is linear but for false matches;
//! these are bounded by a budget of bytes hashed in vain.

use std::ops::Range;

use super::block::WeakSum;
use super::cover::Claim;
use super::index::Index;
use super::roll::{Hit, Hits, Rolling};
use super::signature::Signature;
use super::strong;
use super::weak::{Prefix, Roller};

/// How many windows are rolled over before their hits are looked at.
const BATCH_WINDOWS: usize = 64 << 10;
/// How many hits are kept of those that overlap what is covered: one true hit is enough.
const MAX_PENDING: usize = 4;
/// How many blocks of one weak sum are tried at one place. True ones of equal sums are equal blocks, so one is enough.
const MAX_CANDIDATES: usize = 3;

/// The basis, as the search needs it.
pub(super) struct Basis<'a> {
    pub(super) signature: &'a Signature,
    pub(super) index: &'a Index,
    pub(super) roller: &'a Roller,
}

/// Bytes of the new file around a gap.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) bytes: &'a [u8],
    /// Where they start in the new file.
    pub(super) offset: u64,
}

/// Finds claims in a gap of a view. All places are relative to the view.
pub(super) struct Search<'a> {
    basis: &'a Basis<'a>,
    view: View<'a>,
    prefix: &'a Prefix<'a>,
    block: usize,
    /// Where windows may start.
    starts: Range<usize>,
    /// Claims end here at the latest.
    limit: usize,
    /// Everything before is covered, or left to other segments.
    covered: usize,
    /// Claims start here at the earliest. Less than `covered` at the start of a segment: a match may reach back into the
    /// segment before, which does not see it.
    unclaimed: usize,
    /// The match that does, found before those that reach farther.
    back: Option<(usize, u32)>,
    /// The block that covers the bytes up to `covered`.
    last: Option<u32>,
    /// Hits that overlap what is covered, ascending.
    pending: Vec<Hit>,
    /// How many bytes may still be hashed in vain.
    budget: &'a mut u64,
    claims: Vec<Claim>,
}

impl<'a> Search<'a> {
    /// A search over windows that start in `starts`, for the bytes of `gap`.
    pub(super) fn new(
        basis: &'a Basis<'a>,
        view: View<'a>,
        prefix: &'a Prefix<'a>,
        starts: Range<usize>,
        gap: Range<usize>,
        budget: &'a mut u64,
    ) -> Self {
        let block = basis.signature.block_len().bytes() as usize;
        Self {
            basis,
            view,
            prefix,
            block,
            starts,
            limit: gap.end,
            covered: gap.start,
            unclaimed: gap.start,
            back: None,
            last: None,
            pending: Vec::new(),
            budget,
            claims: Vec::new(),
        }
    }

    /// Lets claims start as early as windows do.
    pub(super) fn reaching_back(mut self) -> Self {
        self.unclaimed = self.starts.start;
        self
    }

    /// The claims that cover all that can be covered, in the order of the new file.
    pub(super) fn run(mut self, hits: &mut Hits) -> Vec<Claim> {
        let (bytes, roller) = (self.view.bytes, self.basis.roller);
        let rolling = Rolling { bytes, prefix: self.prefix, roller, window: self.block };
        let mut rolled = self.starts.start;
        loop {
            // Windows that end within what is covered have nothing to add.
            rolled = rolled.max((self.covered + 1).saturating_sub(self.block));
            if rolled >= self.starts.end || self.covered >= self.limit {
                break;
            }
            let batch = rolled..self.starts.end.min(rolled + BATCH_WINDOWS);
            rolled = batch.end;
            rolling.hits(batch, self.basis.index.filter(), hits);
            hits.iter().for_each(|hit| self.look_at(hit));
            if rolled > self.covered {
                self.take_pending();
            }
        }
        self.take_pending();
        self.claims
    }

    fn look_at(&mut self, hit: Hit) {
        if hit.at > self.covered && !self.pending.is_empty() {
            self.take_pending();
        }
        if hit.at + self.block <= self.covered || self.basis.index.blocks(WeakSum(hit.weak)).is_empty() {
            return;
        }
        if hit.at > self.covered {
            self.take(hit);
        } else {
            self.reach_back(hit);
            if self.pending.len() == MAX_PENDING {
                self.pending.remove(0);
            }
            self.pending.push(hit);
        }
    }

    /// Claims what lies before the gap and in the window of a hit, if that is the first to verify.
    fn reach_back(&mut self, hit: Hit) {
        if self.unclaimed == self.covered {
            return;
        }
        if let Some(block) = self.verify(hit) {
            self.back = Some((hit.at, block));
            self.push_claim(hit.at, self.covered, block);
            self.unclaimed = self.covered;
        }
    }

    /// Takes the pending hit that reaches farthest.
    fn take_pending(&mut self) {
        while let Some(hit) = self.pending.pop() {
            if self.take(hit) {
                self.pending.clear();
            }
        }
    }

    /// Claims the window of a hit, if a block verifies, and all that follows on it.
    fn take(&mut self, hit: Hit) -> bool {
        let known = self.back.filter(|(at, _)| *at == hit.at).map(|(_, block)| block);
        let mut found = known.or_else(|| self.verify(hit));
        let any = found.is_some();
        let mut at = hit.at;
        while let Some(block) = found {
            self.claim(at, block);
            at = self.covered;
            found = match self.starts.contains(&at) {
                true => self.verify(Hit { at, weak: self.prefix.window(self.basis.roller, at, self.block) }),
                false => None,
            };
        }
        any
    }

    fn claim(&mut self, at: usize, block: u32) {
        self.push_claim(at, at + self.block, block);
        self.covered = at + self.block;
        self.unclaimed = self.covered;
        self.last = Some(block);
    }

    /// Claims the part before `end` of a window that equals a block.
    fn push_claim(&mut self, at: usize, end: usize, block: u32) {
        let (start, end) = (at.max(self.unclaimed), end.min(self.limit));
        if start < end {
            self.claims.push(Claim {
                at: self.view.offset + start as u64,
                len: (end - start) as u64,
                from: u64::from(block) * self.block as u64 + (start - at) as u64,
            });
        }
    }

    /// The block of the basis that a window equals: the one that continues the match before, if that is one, else one
    /// that depends on nothing but the place, so that searches in neighbouring segments choose alike.
    fn verify(&mut self, hit: Hit) -> Option<u32> {
        if *self.budget == 0 {
            return None;
        }
        let blocks = self.basis.index.blocks(WeakSum(hit.weak));
        if blocks.is_empty() {
            return None;
        }
        let next = self.last.filter(|_| hit.at == self.covered).map(|last| last + 1);
        let next = next.filter(|next| blocks.binary_search(next).is_ok());
        let rank = ((self.view.offset + hit.at as u64) / self.block as u64 % blocks.len() as u64) as usize;
        let by_rank = (0..blocks.len().min(MAX_CANDIDATES)).map(|i| blocks[(rank + i) % blocks.len()]);
        let sums = self.basis.signature.blocks();
        let window = &self.view.bytes[hit.at..hit.at + self.block];
        for block in next.into_iter().chain(by_rank.filter(|block| Some(*block) != next)) {
            let offset = u64::from(block) * self.block as u64;
            if strong::block_value(window, offset, sums.len() == 1) == sums[block as usize].strong {
                return Some(block);
            }
            *self.budget = self.budget.saturating_sub(self.block as u64);
        }
        None
    }
}
