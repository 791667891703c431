//! The plan of one object: parts in order, and how they are chosen.
//!
//! Does not carry it out, and has no plan for an upload that is not in parts.

use super::{
    bound, cut, grid,
    limits::{CostModel, PartLimits, PlanError},
    outline::{Candidate, Problem},
    part::Part,
};
use crate::delta::{Delta, Op};

/// The parts of an object in order, from its first byte to its last without gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    parts: Vec<Part>,
    uploaded: u64,
    copied: u64,
    uploads: usize,
    floor: u64,
}

impl Plan {
    /// The parts; `floor` is what no plan can undercut, as far as is known.
    fn new(parts: Vec<Part>, floor: u64) -> Self {
        let mut plan = Self { parts, floor, ..Self::default() };
        for part in &plan.parts {
            if part.is_upload() {
                plan.uploaded += part.len;
                plan.uploads += 1;
            } else {
                plan.copied += part.len;
            }
        }
        plan
    }

    /// The parts in the order of the object. Empty for an empty file, which has to be written in one piece.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// How many bytes are sent.
    pub const fn uploaded_bytes(&self) -> u64 {
        self.uploaded
    }

    /// How many bytes the store copies.
    pub const fn copied_bytes(&self) -> u64 {
        self.copied
    }

    /// The length of the object in bytes.
    pub const fn len(&self) -> u64 {
        self.uploaded + self.copied
    }

    /// Whether the object is empty.
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// How many requests send bytes.
    pub const fn upload_requests(&self) -> usize {
        self.uploads
    }

    /// How many requests copy bytes. Besides both kinds an upload needs one to create and one to complete.
    pub fn copy_requests(&self) -> usize {
        self.parts.len() - self.uploads
    }

    /// How many bytes every plan for the same delta and limits sends at least, as far as was proved.
    pub const fn uploaded_floor(&self) -> u64 {
        self.floor
    }

    /// Whether it is proved that no plan for the same delta and limits sends fewer bytes.
    pub const fn is_minimal(&self) -> bool {
        self.floor == self.uploaded
    }
}

/// Plans how to make the new file of `delta` in parts: legal under `limits`, the fewest bytes uploaded, then the fewest parts,
/// then cut as `costs` prefers.
///
/// A copy whose range in the basis goes beyond 64 bits is uploaded. An empty file has a plan of no parts.
///
/// # Errors
/// [`PlanError::Limits`] if the limits contradict themselves, [`PlanError::TooLarge`] if the file does not fit them.
pub fn plan(delta: &Delta, limits: &PartLimits, costs: &CostModel) -> Result<Plan, PlanError> {
    let len = delta.ops().iter().try_fold(0_u64, |sum, op| sum.checked_add(op.len())).unwrap_or(u64::MAX);
    limits.check(len)?;
    if len == 0 {
        return Ok(Plan::default());
    }
    if limits.equal_parts {
        let (parts, all) = grid::best(&copies(delta, |_, _| true), len, limits, costs);
        let plan = Plan::new(parts, delta.literal_bytes());
        let floor = if all { plan.uploaded } else { plan.floor };
        return Ok(Plan { floor, ..plan });
    }
    // A part cannot be longer than the file, whatever the limits say.
    let min = limits.min_part.min(len);
    let max = limits.max_part.min(len.max(2 * min));
    let candidates = copies(delta, |offset, op_len| op_len >= min || offset + op_len == len);
    let problem = Problem { candidates, len, min, max };
    let bound::Bounded { outline, floor } = bound::solve(&problem, u64::from(limits.max_parts), bound::COUNTING_BUDGET);
    if outline.uploaded == len {
        return Ok(Plan::new(grid::upload(len, limits, costs), floor));
    }
    Ok(Plan::new(cut::cut(&outline.stretches, limits, costs), floor))
}

/// Plans a first upload of `len` bytes: equal parts of the preferred length of uploads (doubled as often as the number of
/// parts demands), the last one shorter. An empty file has a plan of no parts.
///
/// # Errors
/// As [`plan`].
pub fn whole(len: u64, limits: &PartLimits, costs: &CostModel) -> Result<Plan, PlanError> {
    limits.check(len)?;
    Ok(Plan::new(grid::upload(len, limits, costs), len))
}

/// The copies of a delta that `wanted` picks by offset in the new file and length, both in bytes.
fn copies(delta: &Delta, wanted: impl Fn(u64, u64) -> bool) -> Vec<Candidate> {
    let mut offset = 0;
    let mut copies = Vec::new();
    for op in delta.ops() {
        if let Op::Copy { from, len } = *op
            && from.checked_add(len).is_some()
            && wanted(offset, len)
        {
            copies.push(Candidate { start: offset, len, from });
        }
        offset += op.len();
    }
    copies
}
