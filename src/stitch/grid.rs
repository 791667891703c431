//! Plans whose parts are all equally long but the last: the only ones that some stores take, and the plan of a first upload.
//!
//! Does not move a cell to where a copy lies: cell `i` starts at `i` times the cell length.

use super::{
    limits::{CostModel, PartLimits},
    outline::Candidate,
    part::{Part, PartSource},
};

/// If there are no more cell lengths than this, all are tried.
const EVERY_LENGTH: u64 = 512;

/// How many multiples of the alignment above the shortest cell are tried otherwise.
const ALIGNED_LENGTHS: u64 = 32;

/// Nothing copied: cells of the preferred length of uploads, doubled until the parts suffice.
pub(super) fn upload(len: u64, limits: &PartLimits, costs: &CostModel) -> Vec<Part> {
    let mut cell = costs.upload_part.clamp(limits.min_part, limits.max_part);
    while len.div_ceil(cell) > u64::from(limits.max_parts) {
        cell = cell.saturating_mul(2).min(limits.max_part);
    }
    parts(len, cell, &[])
}

/// The best grid: the fewest uploaded bytes, then the fewest parts, over the cell lengths of [`lengths`]; and whether those
/// were all lengths that the limits allow. `copies` are in the order of the new file.
pub(super) fn best(copies: &[Candidate], len: u64, limits: &PartLimits, costs: &CostModel) -> (Vec<Part>, bool) {
    let (lengths, all) = lengths(len, limits, costs);
    let best = lengths.into_iter().min_by_key(|&cell| (len - copied(copies, len, cell), len.div_ceil(cell), cell));
    (parts(len, best.unwrap_or(limits.max_part), copies), all)
}

/// The cell lengths to try, and whether they are all that the limits allow.
///
/// None is longer than the preferred copied part unless the number of parts forces it. If there are few, all of them; else
/// the shortest, the multiples of the alignment next to it, and those doubled and doubled again, because
/// short cells lose least around a change and long ones save requests where nothing changed.
fn lengths(len: u64, limits: &PartLimits, costs: &CostModel) -> (Vec<u64>, bool) {
    let shortest = limits.min_part.max(len.div_ceil(u64::from(limits.max_parts)));
    let longest = costs.copy_part.clamp(shortest, limits.max_part);
    if longest - shortest < EVERY_LENGTH {
        // One cell that holds everything is the same plan whatever its length.
        return ((shortest..=longest).collect(), longest == limits.max_part || longest >= len);
    }
    let align = costs.align.max(1);
    let mut lengths = vec![shortest, longest];
    let mut next = shortest.next_multiple_of(align);
    for _ in 0..ALIGNED_LENGTHS {
        lengths.push(next);
        next = next.saturating_add(align);
    }
    let mut doubled = shortest.next_multiple_of(align);
    while doubled <= longest {
        lengths.push(doubled);
        doubled = doubled.saturating_mul(2);
    }
    lengths.retain(|cell| (shortest..=longest).contains(cell));
    (lengths, false)
}

/// The bytes of all cells that lie inside one copy.
fn copied(copies: &[Candidate], len: u64, cell: u64) -> u64 {
    copies
        .iter()
        .map(|copy| {
            let end = copy.start + copy.len;
            let first = copy.start.next_multiple_of(cell);
            let last = if end == len { end } else { end - end % cell };
            last.saturating_sub(first)
        })
        .sum()
}

/// The cells as parts, copied where they lie inside one copy.
fn parts(len: u64, cell: u64, copies: &[Candidate]) -> Vec<Part> {
    let mut copies = copies.iter().peekable();
    let mut parts = Vec::new();
    let mut offset = 0;
    while offset < len {
        let part = cell.min(len - offset);
        while copies.next_if(|copy| copy.start + copy.len <= offset).is_some() {}
        let source = match copies.peek() {
            Some(copy) if copy.start <= offset && offset + part <= copy.start + copy.len => {
                PartSource::Copy { from: copy.from + (offset - copy.start) }
            }
            _ => PartSource::Upload,
        };
        parts.push(Part { offset, len: part, source });
        offset += part;
    }
    parts
}
