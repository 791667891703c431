//! The planner against an oracle that tries every legal part at every byte: no plan is illegal, none could upload less, none
//! that uploads as little has fewer parts.

use hugesync::{
    delta::{Delta, Op},
    stitch::{CostModel, PartLimits, PartSource, Plan, plan},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Cases of random limits and deltas each test runs.
const CASES: usize = 12_000;

/// For every byte of the new file: which operation makes it, and where it lies in the basis.
fn bytes(delta: &Delta) -> Vec<(usize, Option<u64>)> {
    let byte = |(index, op): (usize, &Op)| {
        let op = *op;
        (0..op.len()).map(move |at| match op {
            Op::Copy { from, .. } => (index, Some(from + at)),
            Op::Literal { .. } => (index, None),
        })
    };
    delta.ops().iter().enumerate().flat_map(byte).collect()
}

/// Every rule that a plan has to obey, byte by byte.
fn assert_legal(plan: &Plan, delta: &Delta, limits: &PartLimits) {
    let bytes = bytes(delta);
    assert!(plan.parts().len() <= limits.max_parts as usize, "{} parts", plan.parts().len());
    let (mut offset, mut uploaded) = (0, 0);
    for (index, part) in plan.parts().iter().enumerate() {
        assert_eq!(part.offset, offset, "part {index} follows the one before");
        let last = index + 1 == plan.parts().len();
        assert!(part.len >= if last { 1 } else { limits.min_part }, "part {index} is {} bytes", part.len);
        assert!(part.len <= limits.max_part, "part {index} is {} bytes", part.len);
        if limits.equal_parts {
            let first = plan.parts()[0].len;
            assert!(part.len == first || (last && part.len < first), "part {index} is {} bytes", part.len);
        }
        let range = &bytes[offset as usize..(offset + part.len) as usize];
        match part.source {
            PartSource::Copy { from } => {
                for (at, byte) in range.iter().enumerate() {
                    assert_eq!(*byte, (range[0].0, Some(from + at as u64)), "part {index} lies in one copy");
                }
            }
            PartSource::Upload => uploaded += part.len,
        }
        offset += part.len;
    }
    assert_eq!(offset, delta.len());
    assert_eq!(plan.uploaded_bytes(), uploaded);
    assert_eq!(plan.copied_bytes(), delta.len() - uploaded);
    assert_eq!(plan.upload_requests() + plan.copy_requests(), plan.parts().len());
    assert!(plan.uploaded_floor() <= uploaded);
}

/// The fewest uploaded bytes, then the fewest parts, over all plans in parts of `min..=max` bytes, by trying every part
/// before every byte.
fn oracle(delta: &Delta, min: usize, max: usize, max_parts: usize) -> Option<(u64, usize)> {
    let bytes = bytes(delta);
    let len = bytes.len();
    let max_parts = max_parts.min(len);
    // copyable[at]: how many bytes before `at` lie in one operation that is a copy.
    let mut copyable = vec![0; len + 1];
    for at in 1..=len {
        let (op, from) = bytes[at - 1];
        copyable[at] = if from.is_none() {
            0
        } else if at > 1 && bytes[at - 2].0 == op {
            copyable[at - 1] + 1
        } else {
            1
        };
    }
    // fewest[parts][at]: the fewest bytes uploaded before `at` in exactly so many parts.
    let mut fewest = vec![vec![None; len + 1]; max_parts + 1];
    fewest[0][0] = Some(0);
    for parts in 1..=max_parts {
        for at in 1..=len {
            let shortest = if at == len { 1 } else { min };
            fewest[parts][at] = (shortest..=max.min(at))
                .filter_map(|part| {
                    let sent = if part <= copyable[at] { 0 } else { part as u64 };
                    fewest[parts - 1][at - part].map(|before: u64| before + sent)
                })
                .min();
        }
    }
    (1..=max_parts).filter_map(|parts| fewest[parts][len].map(|sent| (sent, parts))).min()
}

/// Random operations of up to `longest` bytes, `len` bytes in all; copies may overlap, repeat or touch.
fn random_delta(rng: &mut StdRng, len: u64, longest: u64) -> Delta {
    let mut ops = Vec::new();
    let mut left = len;
    let copies = rng.random_range(0.2..0.95);
    while left > 0 {
        let len = rng.random_range(1..=longest).min(left);
        // Offsets that are multiples of a large number never touch in the basis by chance.
        let from = rng.random_range(0..4) * 1000;
        ops.push(if rng.random_bool(copies) { Op::Copy { from, len } } else { Op::Literal { len } });
        left -= len;
    }
    ops.into_iter().collect()
}

struct Case {
    delta: Delta,
    limits: PartLimits,
}

/// Limits of a few bytes, and a file of a few parts that fits them. With `scarce`, hardly more parts than needed.
fn random_case(rng: &mut StdRng, scarce: bool) -> Case {
    let min_part = rng.random_range(1..=5);
    let max_part = 2 * min_part + if rng.random_bool(0.5) { rng.random_range(0..=3) } else { rng.random_range(0..=30) };
    let len: u64 = rng.random_range(1..=40);
    let longest = rng.random_range(1..=20);
    let needed = len.div_ceil(max_part) as u32;
    let spare = if scarce { rng.random_range(0..=3) } else { 40 };
    let limits = PartLimits { min_part, max_part, max_parts: needed + spare, max_object: u64::MAX, equal_parts: false };
    Case { delta: random_delta(rng, len, longest), limits }
}

/// Preferences that ask for no cuts beyond those the limits force.
fn uncut(limits: &PartLimits) -> CostModel {
    CostModel { copy_part: limits.max_part, upload_part: limits.max_part, align: 1 }
}

fn assert_best(case: &Case) {
    let Case { delta, limits } = case;
    let plan = plan(delta, limits, &uncut(limits)).unwrap();
    assert_legal(&plan, delta, limits);
    let best = oracle(delta, limits.min_part as usize, limits.max_part as usize, limits.max_parts as usize);
    let found = (plan.uploaded_bytes(), plan.parts().len());
    assert_eq!(Some(found), best, "{:?} {limits:?} {:?}", delta.ops(), plan.parts());
    assert!(plan.is_minimal());
}

#[test]
fn uploads_least_where_parts_suffice() {
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..CASES {
        assert_best(&random_case(&mut rng, false));
    }
}

#[test]
fn uploads_least_where_parts_are_scarce() {
    let mut rng = StdRng::seed_from_u64(2);
    for _ in 0..CASES {
        assert_best(&random_case(&mut rng, true));
    }
}

#[test]
fn uploads_least_on_an_equal_grid() {
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..CASES {
        let scarce = rng.random();
        let Case { delta, mut limits } = random_case(&mut rng, scarce);
        limits.equal_parts = true;
        let plan = plan(&delta, &limits, &uncut(&limits)).unwrap();
        assert_legal(&plan, &delta, &limits);
        // A grid is one cell length: the oracle with nothing else to choose.
        let max_parts = limits.max_parts as usize;
        let best = (limits.min_part..=limits.max_part)
            .filter_map(|cell| oracle(&delta, cell as usize, cell as usize, max_parts))
            .min();
        let found = (plan.uploaded_bytes(), plan.parts().len());
        assert_eq!(Some(found), best, "{:?} {limits:?} {:?}", delta.ops(), plan.parts());
        assert!(plan.is_minimal());
    }
}

#[test]
fn cutting_changes_neither_bytes_nor_rules() {
    let mut rng = StdRng::seed_from_u64(4);
    for _ in 0..CASES {
        let scarce = rng.random();
        let Case { delta, limits } = random_case(&mut rng, scarce);
        let costs = CostModel {
            copy_part: rng.random_range(0..=24),
            upload_part: rng.random_range(0..=24),
            align: 1 << rng.random_range(0..4),
        };
        let cut = plan(&delta, &limits, &costs).unwrap();
        assert_legal(&cut, &delta, &limits);
        let uncut = plan(&delta, &limits, &uncut(&limits)).unwrap();
        assert_eq!(cut.uploaded_bytes(), uncut.uploaded_bytes());
        assert!(cut.parts().len() >= uncut.parts().len());
    }
}
