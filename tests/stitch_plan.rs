//! Plans at real size: what is uploaded around a change, how long copies are cut, what the errors say, and that no input
//! breaks the planner.

use hugesync::{
    delta::{Delta, Op},
    stitch::{CostModel, Part, PartLimits, PartSource, Plan, PlanError, plan, whole},
};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

const S3: PartLimits = PartLimits {
    min_part: 5 * MIB,
    max_part: 5 * GIB,
    max_parts: 10_000,
    max_object: 50_000_000_000_000,
    equal_parts: false,
};

const EQUAL: PartLimits = PartLimits { equal_parts: true, ..S3 };

fn copy(from: u64, len: u64) -> Op {
    Op::Copy { from, len }
}

fn literal(len: u64) -> Op {
    Op::Literal { len }
}

fn planned(ops: &[Op], limits: &PartLimits) -> Plan {
    let delta: Delta = ops.iter().copied().collect();
    let plan = plan(&delta, limits, &CostModel::default()).unwrap();
    assert_legal(&plan, &delta, limits);
    plan
}

/// Every rule that a plan has to obey.
fn assert_legal(plan: &Plan, delta: &Delta, limits: &PartLimits) {
    assert!(plan.parts().len() <= limits.max_parts as usize);
    let mut ops = delta.ops().iter().peekable();
    let (mut offset, mut op_start) = (0, 0);
    for (index, part) in plan.parts().iter().enumerate() {
        assert_eq!(part.offset, offset);
        let shortest = if index + 1 == plan.parts().len() { 1 } else { limits.min_part };
        assert!((shortest..=limits.max_part).contains(&part.len), "part {index} is {} bytes", part.len);
        while let Some(op) = ops.next_if(|op| op_start + op.len() <= offset) {
            op_start += op.len();
        }
        if let PartSource::Copy { from } = part.source {
            let Some(Op::Copy { from: start, len }) = ops.peek() else { panic!("part {index} copies what is new") };
            assert_eq!(from - start, offset - op_start, "part {index} copies the right bytes");
            assert!(offset + part.len <= op_start + len, "part {index} lies inside one copy");
        }
        offset += part.len;
    }
    assert_eq!(offset, delta.len());
    assert_eq!(plan.len(), delta.len());
    if let (true, [first, .., last]) = (limits.equal_parts, plan.parts()) {
        assert!(plan.parts().iter().rev().skip(1).all(|part| part.len == first.len) && last.len <= first.len);
    }
}

/// The parts as (length, is it uploaded).
fn shape(plan: &Plan) -> Vec<(u64, bool)> {
    plan.parts().iter().map(|part| (part.len, part.is_upload())).collect()
}

#[test]
fn a_small_change_takes_the_shortest_part_from_its_neighbours() {
    let plan = planned(&[copy(0, 50 * MIB), literal(1), copy(50 * MIB + 1, 60 * MIB)], &S3);
    assert_eq!(plan.uploaded_bytes(), 5 * MIB);
    assert_eq!((plan.upload_requests(), plan.copy_requests()), (1, 2));
    assert!(plan.is_minimal());
}

#[test]
fn a_change_at_either_end() {
    let appended = planned(&[copy(0, 50 * MIB), literal(7)], &S3);
    assert_eq!(shape(&appended), [(50 * MIB, false), (7, true)]);
    let prepended = planned(&[literal(7), copy(0, 50 * MIB)], &S3);
    assert_eq!(shape(&prepended), [(5 * MIB, true), (45 * MIB + 7, false)]);
    let last = planned(&[copy(0, 50 * MIB), literal(6 * MIB), copy(60 * MIB, 1)], &S3);
    assert_eq!(shape(&last), [(50 * MIB, false), (6 * MIB, true), (1, false)]);
}

#[test]
fn a_neighbour_that_would_be_too_short_is_uploaded() {
    // The copy in the middle can give 1 MiB and would have to give more to both literals.
    let plan = planned(&[literal(MIB), copy(0, 6 * MIB), literal(MIB), copy(9 * MIB, 5 * MIB), literal(5 * MIB)], &S3);
    assert_eq!(plan.uploaded_bytes(), 13 * MIB);
    assert!(plan.is_minimal());
    let short = planned(&[literal(5 * MIB), copy(0, 5 * MIB - 1), literal(5 * MIB)], &S3);
    assert_eq!(short.copied_bytes(), 0);
    let enough = planned(&[literal(5 * MIB), copy(0, 5 * MIB), literal(5 * MIB)], &S3);
    assert_eq!(enough.copied_bytes(), 5 * MIB);
}

#[test]
fn copies_that_touch_need_no_upload_between_them() {
    let plan = planned(&[copy(100 * MIB, 50 * MIB), copy(0, 50 * MIB), copy(100 * MIB, 50 * MIB)], &S3);
    assert_eq!((plan.uploaded_bytes(), plan.parts().len()), (0, 3));
}

#[test]
fn long_copies_are_cut_evenly_at_whole_mebibytes() {
    let plan = planned(&[copy(3, TIB + 12_345)], &S3);
    assert_eq!(plan.uploaded_bytes(), 0);
    assert!((8193..8300).contains(&plan.parts().len()), "{} parts", plan.parts().len());
    for part in plan.parts() {
        assert_eq!(part.offset % MIB, 0);
        assert!((64 * MIB..=128 * MIB).contains(&part.len), "{} bytes", part.len);
    }
}

#[test]
fn parts_grow_only_where_their_number_forces_them() {
    let plan = planned(&[copy(0, 10 * TIB), literal(GIB)], &S3);
    assert!(plan.parts().iter().filter(|part| !part.is_upload()).all(|part| part.len > 1024 * MIB));
    assert!(plan.parts().iter().filter(|part| part.is_upload()).all(|part| part.len <= 16 * MIB));
    let longest = planned(&[literal(MIB), copy(0, S3.max_object - MIB)], &S3);
    assert_eq!(longest.uploaded_bytes(), 5 * MIB);
}

#[test]
fn a_file_that_fills_its_parts_exactly_leaves_no_choice() {
    let limits = PartLimits { max_parts: 4, max_object: u64::MAX, ..S3 };
    let full = planned(&[copy(0, 5 * GIB), literal(1), copy(0, 15 * GIB - 1)], &limits);
    assert_eq!(full.parts().len(), 4);
    assert_eq!(full.uploaded_bytes(), 5 * GIB);
    assert!(full.is_minimal());
}

#[test]
fn a_first_upload_has_equal_parts_of_a_power_of_two() {
    let cases = [
        (1, 16 * MIB, 1),
        (16 * MIB, 16 * MIB, 1),
        (16 * MIB + 1, 16 * MIB, 2),
        (160_000 * MIB, 16 * MIB, 10_000),
        (160_000 * MIB + 1, 32 * MIB, 5_001),
        (10_000 * 4 * GIB, 4 * GIB, 10_000),
        (S3.max_object, 5 * GIB, 9_314),
    ];
    for (len, cell, parts) in cases {
        let plan = whole(len, &S3, &CostModel::default()).unwrap();
        assert_eq!(plan.parts().len(), parts, "{len} bytes");
        for (index, part) in plan.parts().iter().enumerate() {
            assert!(part.offset == index as u64 * cell && part.is_upload(), "{len} bytes in parts of {cell}: {part:?}");
        }
        assert_eq!(plan.uploaded_bytes(), len);
        let all_new: Delta = [literal(len)].into_iter().collect();
        assert_eq!(plan, self::plan(&all_new, &S3, &CostModel::default()).unwrap());
    }
}

#[test]
fn an_empty_file_has_no_parts() {
    for limits in [S3, EQUAL] {
        assert!(whole(0, &limits, &CostModel::default()).unwrap().is_empty());
        assert!(plan(&Delta::default(), &limits, &CostModel::default()).unwrap().parts().is_empty());
    }
}

#[test]
fn equal_parts_upload_the_cells_that_changed() {
    let unchanged = planned(&[copy(0, GIB + 5)], &EQUAL);
    assert_eq!(unchanged.uploaded_bytes(), 0);
    assert_eq!(unchanged.parts().len(), 9);
    let changed = planned(&[copy(0, 512 * MIB), literal(1), copy(512 * MIB + 1, 512 * MIB)], &EQUAL);
    assert_eq!(changed.uploaded_bytes(), 5 * MIB);
    let inserted = planned(&[copy(0, 512 * MIB), literal(1), copy(512 * MIB, 512 * MIB)], &EQUAL);
    assert_eq!(inserted.uploaded_bytes(), 5 * MIB);
}

#[test]
fn limits_that_cannot_be_met_are_refused() {
    let costs = CostModel::default();
    let len = S3.max_object + 1;
    assert_eq!(whole(len, &S3, &costs), Err(PlanError::TooLarge { len, max: S3.max_object }));
    let few = PartLimits { max_parts: 2, ..S3 };
    let error = whole(10 * GIB + 1, &few, &costs).unwrap_err();
    assert_eq!(error.to_string(), "10737418241 bytes do not fit an upload in parts, which holds at most 10737418240");
    for limits in [
        PartLimits { min_part: 0, ..S3 },
        PartLimits { max_parts: 0, ..S3 },
        PartLimits { max_part: 2 * S3.min_part - 1, ..S3 },
        PartLimits { min_part: u64::MAX, max_part: u64::MAX, ..S3 },
    ] {
        let error = whole(1, &limits, &costs).unwrap_err();
        assert!(matches!(error, PlanError::Limits { .. }), "{error}");
    }
}

#[test]
fn a_copy_beyond_the_range_of_offsets_is_uploaded() {
    for limits in [S3, EQUAL] {
        let delta: Delta = [copy(u64::MAX - 5, 100 * MIB)].into_iter().collect();
        let plan = plan(&delta, &limits, &CostModel::default()).unwrap();
        assert_eq!(plan.uploaded_bytes(), 100 * MIB);
    }
}

#[test]
fn parts_are_plain_data() {
    let plan = planned(&[copy(9, 5 * MIB), literal(3)], &S3);
    let expected = [
        Part { offset: 0, len: 5 * MIB, source: PartSource::Copy { from: 9 } },
        Part { offset: 5 * MIB, len: 3, source: PartSource::Upload },
    ];
    assert_eq!(plan.parts(), expected);
}

/// Lengths of every magnitude up to 2^58, small ones as likely as large ones.
fn length() -> impl Strategy<Value = u64> {
    (0_u32..=58).prop_flat_map(|bits| 0..=1_u64 << bits)
}

fn op() -> impl Strategy<Value = Op> {
    let from = prop_oneof![Just(0), length(), Just(u64::MAX / 2)];
    prop_oneof![length().prop_map(literal), (from, length()).prop_map(|(from, len)| copy(from, len))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_delta_under_any_limits_is_planned_legally_or_refused(
        ops in prop::collection::vec(op(), 0..24),
        lengths in (length(), length()),
        max_parts in 0_u32..2_000,
        max_object in prop_oneof![Just(u64::MAX), length()],
        costs in (length(), length(), length()),
        equal_parts: bool,
    ) {
        let delta: Delta = ops.into_iter().collect();
        let (min_part, spread) = lengths;
        // Half of the limits are such that the file fits.
        let needed = if spread % 2 == 0 { delta.len() / u64::from(max_parts.max(1)) + 1 } else { 0 };
        let max_part = (2 * min_part).max(needed) + spread;
        let limits = PartLimits { min_part, max_part, max_parts, max_object, equal_parts };
        let costs = CostModel { copy_part: costs.0, upload_part: costs.1, align: costs.2 };
        match plan(&delta, &limits, &costs) {
            Ok(plan) => {
                assert_legal(&plan, &delta, &limits);
                prop_assert!(plan.uploaded_bytes() >= delta.literal_bytes());
                prop_assert!(plan.uploaded_floor() <= plan.uploaded_bytes());
            }
            Err(PlanError::TooLarge { len, max }) => {
                prop_assert_eq!(len, delta.len());
                prop_assert!(max < len && max == limits.longest_file());
            }
            Err(PlanError::Limits { .. }) => prop_assert!(min_part == 0 || max_parts == 0),
        }
    }
}
