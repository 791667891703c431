//! One segment of the new file: read once, summed, compared with the basis at the same offset, its gaps searched.
//!
//! What comes out depends on the segment's place and the bytes around it only, never on other segments or threads.
//! A match across a border is found by one of the two segments: by the one behind, if its first block is in a gap (it
//! reads the block before its border again), else by the one before (it reads the block behind its border again).

use std::ops::Range;
use std::sync::OnceLock;

use super::block::{BlockSum, StrongSum, WeakSum};
use super::cover::Claim;
use super::crc::{combine_crc64, crc64};
use super::error::ScanError;
use super::index::Index;
use super::read::{ReadAt, SparseReader};
use super::roll::Hits;
use super::search::{Basis, Search, View};
use super::signature::Signature;
use super::strong;
use super::weak::{self, Prefix, Roller};

/// What the workers of one scan share.
pub(super) struct Task<'a> {
    pub(super) basis: &'a Signature,
    pub(super) new: &'a dyn ReadAt,
    /// The length of the new file in bytes, asked once.
    pub(super) len: u64,
    /// The length of the new signature's blocks in bytes.
    pub(super) new_block: u64,
    /// A multiple of both block lengths, in bytes.
    pub(super) segment: u64,
    /// Built when the first gap is met: an unchanged file needs none.
    index: OnceLock<Index>,
    roller: Roller,
}

/// What one segment has to say.
pub(super) struct SegmentSums {
    /// Sums and CRCs of the new signature's blocks.
    pub(super) blocks: Vec<BlockSum>,
    pub(super) crcs: Vec<u64>,
    /// What is known to lie in the basis, in order; the first may start before the segment.
    pub(super) claims: Vec<Claim>,
}

impl<'a> Task<'a> {
    pub(super) fn new(basis: &'a Signature, new: &'a dyn ReadAt, len: u64, new_block: u64, segment: u64) -> Self {
        let roller = Roller::new(basis.block_len().bytes());
        Self { basis, new, len, new_block, segment, index: OnceLock::new(), roller }
    }

    pub(super) fn segments(&self) -> u64 {
        self.len.div_ceil(self.segment)
    }

    /// The length of basis blocks in bytes.
    fn block(&self) -> u64 {
        self.basis.block_len().bytes()
    }

    /// The length of what is hashed once for both signatures, in bytes.
    fn leaf(&self) -> u64 {
        self.block().min(self.new_block)
    }

    /// Whether there are windows in the new file and full blocks in the basis.
    fn searchable(&self) -> bool {
        self.basis.len().min(self.len) >= self.block()
    }

    /// Whether one leaf is all there is, so that its sum is the hash of the file.
    fn one_leaf(&self) -> bool {
        self.len <= self.leaf()
    }
}

/// Works through segments, one after the other, with memory of its own: a segment and two basis blocks.
pub(super) struct Worker<'a> {
    task: &'a Task<'a>,
    reader: SparseReader<'a>,
    /// The segment, with room for a basis block before it and one behind it.
    buffer: Vec<u8>,
    hits: Hits,
    /// How many bytes may still be hashed in vain in this segment.
    budget: u64,
}

/// Sums of the leaves of one segment.
#[derive(Default)]
struct Leaves {
    strong: Vec<StrongSum>,
    weak: Vec<Option<WeakSum>>,
    crc: Vec<u64>,
}

/// Neighbouring basis-length blocks of one segment, from offset to offset of the new file.
type Gap = Range<u64>;

impl<'a> Worker<'a> {
    pub(super) fn new(task: &'a Task<'a>) -> Self {
        let size = task.segment.min(task.len) + 2 * task.block();
        let buffer = vec![0; size as usize];
        Self { task, reader: SparseReader::new(task.new), buffer, hits: Hits::default(), budget: 0 }
    }

    pub(super) fn run(&mut self, segment: u64) -> Result<SegmentSums, ScanError> {
        let task = self.task;
        let start = segment * task.segment;
        let range = start..task.len.min(start + task.segment);
        let mut leaves = self.read_leaves(&range)?;
        let (mut claims, gaps) = self.compare(&range, &mut leaves);
        self.search_gaps(&range, &gaps, &mut leaves, &mut claims)?;
        claims.sort_by_key(|claim| claim.at);
        let (blocks, crcs) = self.new_blocks(&range, &leaves);
        Ok(SegmentSums { blocks, crcs, claims })
    }

    /// Reads the segment and hashes its leaves.
    fn read_leaves(&mut self, range: &Range<u64>) -> Result<Leaves, ScanError> {
        let leaf = self.task.leaf();
        let mut leaves = Leaves::default();
        for at in range.clone().step_by(leaf as usize) {
            let place = at..range.end.min(at + leaf);
            self.read(range.start, place.clone())?;
            let bytes = self.bytes(range.start, place);
            leaves.strong.push(strong::block_value(bytes, at, self.task.one_leaf()));
            leaves.crc.push(crc64(bytes));
            leaves.weak.push(None);
        }
        Ok(leaves)
    }

    /// Compares every block with the one at the same offset of the basis. Gives the claims and the gaps between them.
    fn compare(&self, range: &Range<u64>, leaves: &mut Leaves) -> (Vec<Claim>, Vec<Gap>) {
        let block = self.task.block();
        let per_block = (block / self.task.leaf()) as usize;
        let (mut claims, mut gaps) = (Vec::<Claim>::new(), Vec::<Gap>::new());
        for (i, at) in range.clone().step_by(block as usize).enumerate() {
            let end = range.end.min(at + block);
            let first = i * per_block;
            let strong = &leaves.strong[first..leaves.strong.len().min(first + per_block)];
            if self.same(at..end, strong, range.start) {
                claims.push(Claim { at, len: end - at, from: at });
                if per_block == 1 {
                    leaves.weak[first] = Some(self.task.basis.blocks()[(at / block) as usize].weak);
                }
            } else if let Some(gap) = gaps.last_mut().filter(|gap| gap.end == at) {
                gap.end = end;
            } else {
                gaps.push(at..end);
            }
        }
        (claims, gaps)
    }

    /// Whether the bytes of one block are those of the basis at the same place. `leaves` may be empty: then it hashes.
    fn same(&self, place: Range<u64>, leaves: &[StrongSum], segment_start: u64) -> bool {
        let basis = self.task.basis;
        let Some(sum) = basis.blocks().get((place.start / self.task.block()) as usize) else {
            return false;
        };
        if place.end - place.start != self.task.block().min(basis.len() - place.start) {
            return false;
        }
        let whole = basis.blocks().len() == 1;
        let merges = leaves.len() > 1 || (leaves.len() == 1 && whole == self.task.one_leaf());
        sum.strong
            == match merges {
                true => strong::merge(leaves, whole),
                false => strong::block_value(self.bytes(segment_start, place.clone()), place.start, whole),
            }
    }

    fn search_gaps(
        &mut self,
        range: &Range<u64>,
        gaps: &[Gap],
        leaves: &mut Leaves,
        claims: &mut Vec<Claim>,
    ) -> Result<(), ScanError> {
        let Some(last) = gaps.last() else {
            return Ok(());
        };
        let (task, block) = (self.task, self.task.block());
        let mut readable = range.clone();
        if task.searchable() && gaps[0].start == range.start && range.start > 0 {
            readable.start -= block;
            self.read(range.start, readable.start..range.start)?;
        }
        if task.searchable() && last.end == range.end && range.end < task.len {
            let behind = range.end..task.len.min(range.end + block);
            self.read(range.start, behind.clone())?;
            if self.same(behind.clone(), &[], range.start) {
                readable.end = behind.end;
            }
        }
        // What a whole segment costs to hash, once more.
        self.budget = task.segment;
        for gap in gaps {
            claims.extend(self.search_gap(range, gap, &readable, leaves));
        }
        Ok(())
    }

    /// Sums the leaves of a gap and finds what it can of it in the basis, in bytes that lie in `readable`.
    fn search_gap(&mut self, range: &Range<u64>, gap: &Gap, readable: &Range<u64>, leaves: &mut Leaves) -> Vec<Claim> {
        let (task, block) = (self.task, self.task.block());
        let (mut hits, mut budget) = (std::mem::take(&mut self.hits), self.budget);
        // All windows that touch the gap and lie within what is readable.
        let offset = gap.start.saturating_sub(block).max(readable.start);
        let end = readable.end.min(gap.end + block - 1);
        let view = View { bytes: self.bytes(range.start, offset..end), offset };
        let prefix = Prefix::new(view.bytes);
        let leaf = task.leaf();
        for at in gap.clone().step_by(leaf as usize) {
            let (from, to) = ((at - offset) as usize, (gap.end.min(at + leaf) - offset) as usize);
            let (before, until) = (prefix.until(from), prefix.until(to));
            let weak = until.wrapping_sub(before.wrapping_mul(weak::power((to - from) as u64)));
            leaves.weak[((at - range.start) / leaf) as usize] = Some(WeakSum(weak));
        }
        let mut claims = Vec::new();
        let window = block as usize;
        if task.searchable() && view.bytes.len() >= window {
            let index = task.index.get_or_init(|| Index::new(task.basis));
            let basis = Basis { signature: task.basis, index, roller: &task.roller };
            let at = (gap.start - offset) as usize;
            let starts = (at + 1).saturating_sub(window)..view.bytes.len() - window + 1;
            let gap_in_view = at..(gap.end - offset) as usize;
            let search = Search::new(&basis, view, &prefix, starts, gap_in_view, &mut budget);
            let search = if gap.start == range.start { search.reaching_back() } else { search };
            claims = search.run(&mut hits);
        }
        (self.hits, self.budget) = (hits, budget);
        claims
    }

    /// The new signature's blocks out of the leaves.
    fn new_blocks(&self, range: &Range<u64>, leaves: &Leaves) -> (Vec<BlockSum>, Vec<u64>) {
        let (leaf, per_block) = (self.task.leaf(), (self.task.new_block / self.task.leaf()) as usize);
        let whole = self.task.len <= self.task.new_block;
        let mut blocks = Vec::with_capacity(leaves.strong.len().div_ceil(per_block));
        let mut crcs = Vec::with_capacity(blocks.capacity());
        for first in (0..leaves.strong.len()).step_by(per_block) {
            let those = first..leaves.strong.len().min(first + per_block);
            let (mut weak, mut crc) = (WeakSum(0), 0);
            for i in those.clone() {
                let at = range.start + i as u64 * leaf;
                let place = at..range.end.min(at + leaf);
                let len = place.end - at;
                let leaf_weak = leaves.weak[i].unwrap_or_else(|| weak::sum(self.bytes(range.start, place)));
                weak = weak::combine(weak, leaf_weak, len);
                crc = combine_crc64(crc, leaves.crc[i], len);
            }
            blocks.push(BlockSum { weak, strong: strong::merge(&leaves.strong[those], whole) });
            crcs.push(crc);
        }
        (blocks, crcs)
    }

    /// Where in the buffer a range of the new file lies.
    fn place(&self, segment_start: u64, range: Range<u64>) -> Range<usize> {
        let buffer_start = |at: u64| (at + self.task.block() - segment_start) as usize;
        buffer_start(range.start)..buffer_start(range.end)
    }

    fn bytes(&self, segment_start: u64, range: Range<u64>) -> &[u8] {
        &self.buffer[self.place(segment_start, range)]
    }

    fn read(&mut self, segment_start: u64, range: Range<u64>) -> Result<(), ScanError> {
        let place = self.place(segment_start, range.clone());
        let offset = range.start;
        self.reader.read(&mut self.buffer[place], offset).map_err(|source| ScanError::Read { offset, source })
    }
}
