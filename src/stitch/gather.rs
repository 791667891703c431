//! From a delta to the cheapest reads: which ranges are fetched, where bytes come from a distant store and the basis is here.
//!
//! A range costs a round trip, a byte costs its time on the line. Where copies between two literals are short, one request
//! for all three is cheaper than two, as long as the bytes fetched needlessly stay a small share.

use super::part::{Part, PartSource};
use crate::delta::{Delta, Op};

/// What reads cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadCosts {
    /// The longest range of one request in bytes; longer ones are fetched side by side. A multiple of the block length.
    pub longest: u64,
    /// How many bytes take as long as a round trip: a longer copy is never fetched needlessly.
    pub round_trip: u64,
    /// How much may be fetched needlessly in all, in hundredths of what has to be fetched.
    pub waste_percent: u64,
}

/// The parts of the new file in order: those to be fetched ([`PartSource::Upload`], from the new file) and those to be copied
/// from the basis. Parts begin and end where operations of the delta do, or where a range is cut at `costs.longest`.
pub fn gather(delta: &Delta, costs: &ReadCosts) -> Vec<Part> {
    let wasted = in_vain(delta, costs);
    let mut parts: Vec<Part> = Vec::new();
    let mut offset = 0;
    for (index, op) in delta.ops().iter().enumerate() {
        let source = match *op {
            Op::Copy { from, .. } if !wasted.contains(&index) => PartSource::Copy { from },
            _ => PartSource::Upload,
        };
        match parts.last_mut() {
            Some(last) if last.is_upload() && source == PartSource::Upload => last.len += op.len(),
            _ => parts.push(Part { offset, len: op.len(), source }),
        }
        offset += op.len();
    }
    parts.into_iter().flat_map(|part| cut(part, costs.longest)).collect()
}

/// The copies that are fetched needlessly: the shortest ones between two literals, as far as the costs allow.
fn in_vain(delta: &Delta, costs: &ReadCosts) -> std::collections::HashSet<usize> {
    let mut budget = delta.literal_bytes().saturating_mul(costs.waste_percent) / 100;
    let literal = |index: Option<usize>| index.and_then(|index| delta.ops().get(index)).is_some_and(is_literal);
    let between = |index: &usize| literal(index.checked_sub(1)) && literal(index.checked_add(1));
    let mut gaps: Vec<(u64, usize)> = (0..delta.ops().len())
        .filter(|index| !is_literal(&delta.ops()[*index]) && between(index))
        .map(|index| (delta.ops()[index].len(), index))
        .filter(|(len, _)| *len <= costs.round_trip)
        .collect();
    gaps.sort_unstable();
    let affordable = |(len, index): (u64, usize)| {
        budget = budget.checked_sub(len)?;
        Some(index)
    };
    gaps.into_iter().map_while(affordable).collect()
}

const fn is_literal(op: &Op) -> bool {
    matches!(op, Op::Literal { .. })
}

fn cut(part: Part, longest: u64) -> impl Iterator<Item = Part> {
    let starts = (0..part.len).step_by(longest as usize);
    starts.map(move |start| {
        let source = match part.source {
            PartSource::Upload => PartSource::Upload,
            PartSource::Copy { from } => PartSource::Copy { from: from + start },
        };
        Part { offset: part.offset + start, len: longest.min(part.len - start), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: ReadCosts = ReadCosts { longest: 100, round_trip: 50, waste_percent: 20 };

    fn parts(ops: &[Op], costs: &ReadCosts) -> Vec<(u64, u64, Option<u64>)> {
        let delta = ops.iter().copied().collect();
        let from = |part: &Part| match part.source {
            PartSource::Copy { from } => Some(from),
            PartSource::Upload => None,
        };
        gather(&delta, costs).iter().map(|part| (part.offset, part.len, from(part))).collect()
    }

    #[test]
    fn neighbours_are_joined_where_that_is_cheap() {
        let ops = [
            Op::Literal { len: 60 },
            Op::Copy { from: 7, len: 10 },
            Op::Literal { len: 20 },
            Op::Copy { from: 300, len: 49 },
            Op::Literal { len: 20 },
        ];
        // A fifth of 100 bytes may be wasted: the first gap is, the second one would be too much.
        assert_eq!(parts(&ops, &COSTS), [(0, 90, None), (90, 49, Some(300)), (139, 20, None)]);
        let generous = ReadCosts { waste_percent: 100, ..COSTS };
        assert_eq!(parts(&ops, &generous), [(0, 100, None), (100, 59, None)]);
        let far = ReadCosts { round_trip: 9, ..generous };
        assert_eq!(parts(&ops, &far).len(), 5, "a copy that takes longer than a round trip stays one");
    }

    #[test]
    fn long_ranges_are_cut_and_edges_are_not_joined() {
        let ops = [Op::Copy { from: 0, len: 5 }, Op::Literal { len: 250 }, Op::Copy { from: 5, len: 105 }];
        let expected = [
            (0, 5, Some(0)),
            (5, 100, None),
            (105, 100, None),
            (205, 50, None),
            (255, 100, Some(5)),
            (355, 5, Some(105)),
        ];
        assert_eq!(parts(&ops, &COSTS), expected);
        assert_eq!(parts(&[], &COSTS), []);
    }
}
