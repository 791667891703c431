//! The limit on the number of parts: which plan is best within it, and how good any plan can be.
//!
//! Does not know how a plan is found, only what a part may cost.
//!
//! Method: Lagrangian relaxation. With a price on each part the limit goes away. Whatever the price, the cheapest priced
//! plan, less the price of all parts allowed, is a floor under the bytes of every plan within the limit. The price
//! that gives the highest floor is the slope of the lower convex hull of (parts, bytes) where it crosses the
//! limit: two plans on either side of the limit are moved towards it along the hull, and the two at the ends of the edge
//! that crosses it are mixed, stretch by stretch, to use the parts that the lower one leaves over. If the result does
//! not meet the floor, a search that counts parts decides, if it fits its budget.

use super::{
    outline::{Outline, Problem, Stretch},
    search::{Goal, Search},
};

/// How many comparisons of labels the search that counts parts may take: well under a second.
pub(super) const COUNTING_BUDGET: usize = 100_000_000;

/// The best plan found, and the fewest bytes that any plan within the limit can upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounded {
    pub(super) outline: Outline,
    pub(super) floor: u64,
}

/// The best plan in at most `max_parts` parts, which have to suffice to upload everything. `budget` is that of the search
/// that counts parts.
pub(super) fn solve(problem: &Problem, max_parts: u64, budget: usize) -> Bounded {
    let everything = Outline::upload(problem.len, problem.max);
    let mut search = Search::new(problem);
    let Some(free) = search.run(Goal::FREE, usize::MAX) else {
        return Bounded { floor: 0, outline: everything };
    };
    if free.parts <= max_parts {
        return Bounded { floor: free.uploaded, outline: free };
    }
    let (outline, floor) = follow_hull(&mut search, free, everything, max_parts, problem.max);
    if outline.uploaded > floor
        && let Some(outline) = search.run(Goal::Limited(max_parts), budget)
    {
        return Bounded { floor: outline.uploaded, outline };
    }
    Bounded { outline, floor }
}

/// From the plan of the fewest bytes, which has too many parts, and one that has not: a good plan within the limit, and
/// a floor under all of them.
fn follow_hull(
    search: &mut Search<'_>,
    mut above: Outline,
    mut within: Outline,
    max_parts: u64,
    max: u64,
) -> (Outline, u64) {
    let mut floor = above.uploaded;
    loop {
        // The slope between the two as a price leads to a vertex between them, or proves that there is none.
        let (bytes, parts) = (within.uploaded.saturating_sub(above.uploaded), above.parts - within.parts);
        let priced = |outline: &Outline| {
            i128::from(outline.uploaded) * i128::from(parts) + i128::from(outline.parts) * i128::from(bytes)
        };
        let Some(next) = search.run(Goal::Priced { bytes, parts }, usize::MAX) else { break };
        // Bytes are whole, so the floor may be rounded up.
        let dual = (priced(&next) - i128::from(max_parts) * i128::from(bytes)).max(0) as u128;
        floor = floor.max(u64::try_from(dual.div_ceil(u128::from(parts))).unwrap_or(0));
        if priced(&next) >= priced(&above).min(priced(&within)) {
            break;
        }
        let side = if next.parts > max_parts { &mut above } else { &mut within };
        *side = next;
    }
    let outline = mix(&within, &above, max_parts, max);
    let floor = floor.min(outline.uploaded);
    (outline, floor)
}

/// What two plans do between two places where both have an end of a stretch.
struct Segment {
    /// The stretches of the plan within the limit, and of the one above it.
    within: std::ops::Range<usize>,
    above: std::ops::Range<usize>,
    /// How many more parts the plan above takes here, and how many bytes fewer it uploads.
    parts: i64,
    saved: i64,
}

/// Takes from `above` what fits into the limit on top of `within`, the most bytes a part first. Both are legal, so a mixture
/// that changes over where both have an end of a stretch is legal too.
fn mix(within: &Outline, above: &Outline, max_parts: u64, max: u64) -> Outline {
    let mut segments = segments(&within.stretches, &above.stretches, max);
    let mut order: Vec<usize> = (0..segments.len()).filter(|&index| segments[index].saved > 0).collect();
    // By falling bytes a part; those that need no more parts come first.
    order.sort_by(|&a, &b| {
        let (a, b) = (&segments[a], &segments[b]);
        let parts = |segment: &Segment| i128::from(segment.parts.max(0));
        (i128::from(b.saved) * parts(a)).cmp(&(i128::from(a.saved) * parts(b)))
    });
    let mut spare = max_parts as i64 - within.parts as i64;
    let mut taken = vec![false; segments.len()];
    for index in order {
        if segments[index].parts <= spare {
            spare -= segments[index].parts;
            taken[index] = true;
        }
    }
    let mut stretches: Vec<Stretch> = Vec::new();
    for (segment, taken) in segments.drain(..).zip(taken) {
        let source = if taken { &above.stretches[segment.above] } else { &within.stretches[segment.within] };
        for stretch in source {
            match stretches.last_mut() {
                Some(last) if last.is_continued_by(stretch) => last.len += stretch.len,
                _ => stretches.push(*stretch),
            }
        }
    }
    Outline::new(stretches, max)
}

/// Cuts two plans of the same file where both have an end of a stretch.
fn segments(within: &[Stretch], above: &[Stretch], max: u64) -> Vec<Segment> {
    let cost = |stretches: &[Stretch]| {
        let outline = Outline::cost(stretches, max);
        (outline.0 as i64, outline.1 as i64)
    };
    let mut segments = Vec::new();
    let (mut w, mut a) = (0, 0);
    while w < within.len() && a < above.len() {
        let (first_w, first_a) = (w, a);
        w += 1;
        a += 1;
        while within[w - 1].end() != above[a - 1].end() {
            if within[w - 1].end() < above[a - 1].end() {
                w += 1;
            } else {
                a += 1;
            }
        }
        let (sent_within, parts_within) = cost(&within[first_w..w]);
        let (sent_above, parts_above) = cost(&above[first_a..a]);
        segments.push(Segment {
            within: first_w..w,
            above: first_a..a,
            parts: parts_above - parts_within,
            saved: sent_within - sent_above,
        });
    }
    segments
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::stitch::outline::Candidate;

    /// A file of copies and gaps in random order, and as many parts as it needs or somewhat more.
    fn random_problem(rng: &mut StdRng) -> (Problem, u64) {
        let min = rng.random_range(1..=6);
        let max = rng.random_range(2 * min..=12 * min);
        let mut candidates = Vec::new();
        let mut len = 0;
        for _ in 0..rng.random_range(1..=30) {
            len += rng.random_range(0..=2 * min);
            let copy = rng.random_range(min..=8 * min);
            candidates.push(Candidate { start: len, len: copy, from: 0 });
            len += copy;
        }
        len += rng.random_range(0..=min);
        let needed = len.div_ceil(max);
        (Problem { candidates, len, min, max: max.min(2 * len) }, needed + rng.random_range(0..30))
    }

    /// What the hull alone finds, as with files that are too large to count parts.
    #[test]
    fn without_counting_the_floor_holds_and_the_plan_is_legal() {
        let mut rng = StdRng::seed_from_u64(7);
        let (mut binding, mut proved) = (0, 0);
        for _ in 0..5_000 {
            let (problem, max_parts) = random_problem(&mut rng);
            let best = Search::new(&problem).run(Goal::Limited(max_parts), usize::MAX).unwrap();
            let hull = solve(&problem, max_parts, 0);
            let (floor, found) = (hull.floor, &hull.outline);
            assert!(floor <= best.uploaded && best.uploaded <= found.uploaded, "{floor} {best:?} {found:?}");
            assert!(found.parts <= max_parts);
            assert_legal(&problem, found);
            let free = Search::new(&problem).run(Goal::FREE, usize::MAX).unwrap();
            if free.parts > max_parts {
                binding += 1;
                proved += usize::from(floor == found.uploaded);
            }
        }
        assert!(binding > 1_000 && proved > binding / 10, "{proved} of {binding} proved by the hull");
    }

    fn assert_legal(problem: &Problem, outline: &Outline) {
        let mut offset = 0;
        for stretch in &outline.stretches {
            assert_eq!(stretch.offset, offset);
            offset = stretch.end();
            assert!(stretch.len >= problem.min || offset == problem.len);
            let inside = |copy: &Candidate| copy.start <= stretch.offset && offset <= copy.start + copy.len;
            assert!(stretch.from.is_none() || problem.candidates.iter().any(inside));
        }
        assert_eq!(offset, problem.len);
        assert_eq!(outline, &Outline::new(outline.stretches.clone(), problem.max));
    }
}
