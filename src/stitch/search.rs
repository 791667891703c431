//! The search over which copies to keep and in how many parts.
//!
//! Does not choose the price of a part and does not cut for parallelism.
//!
//! One pass over the copies in the order of the new file. A *label* is a partial plan that ends where a piece starts
//! (closed) or where a run starts (open), for a whole [`Ramp`] of such positions. Each label is extended in every way that
//! can be part of a best plan, and dropped as soon as another is at least as good wherever it can be used. What can be part
//! of a best plan:
//!
//! - A copy is kept in one piece: a run inside a copy could be copied part by part instead.
//! - A piece starts less than one longest part behind the start of its copy and ends less than one before its end, as
//!   otherwise a whole part of the neighbouring run could be copied. So a piece has at most two parts less than
//!   the copy would need.
//! - A run has as few parts as the earliest start of the next piece allows.
//!
//! The dropped labels keep the pass near linear: a copy of three shortest parts or more parts the problem in two unless
//! parts are scarce.

use super::{
    outline::{Candidate, Outline, Problem, Stretch},
    ramp::Ramp,
};

/// What makes one plan better than another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// The fewest uploaded bytes where `parts` parts cost as much as `bytes` bytes, then the fewest parts.
    Priced {
        /// Their price in bytes; 0 if parts cost nothing.
        bytes: u64,
        /// How many parts; at least 1.
        parts: u64,
    },
    /// The fewest uploaded bytes in at most so many parts, then the fewest parts.
    Limited(u64),
}

impl Goal {
    /// Fewest bytes, then fewest parts.
    pub(super) const FREE: Self = Self::Priced { bytes: 0, parts: 1 };

    /// Whether `copied` bytes in `parts` parts are at least as good as `others` in `others_parts`, whatever follows.
    fn covers(self, copied: i64, parts: u64, others: i64, others_parts: u64) -> bool {
        match self {
            Self::Priced { bytes, parts: lot } => {
                let more = i128::from(copied - others) * i128::from(lot);
                let price = (i128::from(parts) - i128::from(others_parts)) * i128::from(bytes);
                more > price || (more == price && parts <= others_parts)
            }
            Self::Limited(_) => copied >= others && parts <= others_parts,
        }
    }

    /// Whether a plan that has `parts` parts so far and still has to make `left` bytes may become one that counts.
    fn allows(self, parts: u64, left: u64, max: u64) -> bool {
        match self {
            Self::Priced { .. } => true,
            Self::Limited(most) => parts + left.div_ceil(max) <= most,
        }
    }
}

/// No node: the partial plan has kept no copy yet.
const ROOT: usize = usize::MAX;

/// How a partial plan came about: one kept copy and the node before it.
#[derive(Debug, Clone, Copy)]
struct Node {
    before: usize,
    candidate: usize,
    /// Parts up to the start of the piece.
    parts_before: u64,
    /// Parts of the piece.
    parts: u64,
}

#[derive(Debug, Clone, Copy)]
struct Label {
    ramp: Ramp,
    parts: u64,
    node: usize,
}

/// A complete plan that a pass has found.
#[derive(Debug, Clone, Copy)]
struct Found {
    copied: i64,
    parts: u64,
    node: usize,
}

/// The search and its memory, which is kept from one pass to the next.
#[derive(Debug)]
pub(super) struct Search<'a> {
    problem: &'a Problem,
    goal: Goal,
    nodes: Vec<Node>,
    /// Open labels whose run is already a shortest part long or longer; no two cover each other.
    settled: Vec<Label>,
    /// All other open labels.
    fresh: Vec<Label>,
    closed: Vec<Label>,
    best: Option<Found>,
    comparisons: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(problem: &'a Problem) -> Self {
        Self {
            problem,
            goal: Goal::FREE,
            nodes: Vec::new(),
            settled: Vec::new(),
            fresh: Vec::new(),
            closed: Vec::new(),
            best: None,
            comparisons: 0,
        }
    }

    /// The best plan for `goal`; none if no plan has so few parts, or if it takes more than `budget` comparisons.
    pub(super) fn run(&mut self, goal: Goal, budget: usize) -> Option<Outline> {
        let Problem { candidates, len, max, .. } = self.problem;
        self.goal = goal;
        self.nodes.clear();
        self.settled.clear();
        self.fresh.clear();
        self.fresh.push(Label { ramp: Ramp::point(0, 0), parts: 0, node: ROOT });
        self.best = None;
        self.comparisons = 0;
        for (index, candidate) in candidates.iter().enumerate() {
            self.age(candidate.start);
            self.close(candidate);
            if candidate.end() == *len {
                self.keep_to_the_end(index);
            } else {
                self.keep(index);
            }
            if self.comparisons > budget {
                return None;
            }
        }
        for label in self.settled.iter().chain(&self.fresh) {
            let parts = label.parts + (len - label.ramp.hi).div_ceil(*max);
            consider(goal, &mut self.best, Found { copied: label.ramp.copied, parts, node: label.node });
        }
        self.best.map(|found| self.outline(found))
    }

    /// Brings the open labels to `at`, where the next copy starts.
    fn age(&mut self, at: u64) {
        let Problem { min, max, len, .. } = *self.problem;
        let goal = self.goal;
        // A run that can give up a longest part and still be a shortest one long gives it up, so that all starts are
        // about as far back.
        for label in self.settled.extract_if(.., |label| at - label.ramp.hi >= min + max) {
            self.fresh.push(label);
        }
        for label in &mut self.fresh {
            let long = (at - label.ramp.hi).saturating_sub(min) / max;
            if long > 0 {
                label.ramp = Ramp::point(label.ramp.hi + long * max, label.ramp.copied);
                label.parts += long;
            }
        }
        self.fresh.retain(|label| goal.allows(label.parts, len - label.ramp.hi, max));
        let covers = |a: &Label, b: &Label| open_covers(goal, self.problem, at, a, b);
        self.comparisons += prune(&mut self.fresh, covers);
        let settled = self.settled.len();
        self.comparisons += settled * self.fresh.len();
        self.fresh.retain(|label| !self.settled.iter().any(|other| covers(other, label)));
        self.settled.retain(|label| !self.fresh.iter().any(|other| covers(other, label)));
        self.settled.extend(self.fresh.extract_if(.., |label| label.ramp.hi + min <= at));
    }

    /// Extends the open labels by runs up to where a piece of `candidate` may start.
    fn close(&mut self, candidate: &Candidate) {
        let Problem { min, max, len, .. } = *self.problem;
        let goal = self.goal;
        self.closed.clear();
        let last = self.problem.last_start(candidate);
        for label in self.settled.iter().chain(&self.fresh) {
            let Label { ramp, parts, node } = *label;
            if ramp.hi == candidate.start {
                // No run at all: two copies touch, or the file starts with one.
                self.closed.push(Label { ramp: Ramp::point(candidate.start, ramp.copied), parts, node });
            }
            let first = candidate.start.max(ramp.lo + min);
            if first > last {
                continue;
            }
            // One part more would let the piece start later by less than a longest part, which saves it one part at most.
            let run = (first - ramp.hi.min(first - min)).div_ceil(max);
            if let Some(ramp) = ramp.upload(first, last, run, min, max) {
                self.closed.push(Label { ramp, parts: parts + run, node });
            }
        }
        self.closed.retain(|label| goal.allows(label.parts, len - label.ramp.hi, max));
        self.comparisons += prune(&mut self.closed, |a, b| {
            let covers = |y| goal.covers(a.ramp.at(y), a.parts, b.ramp.at(y), b.parts);
            // The difference of two ramps is monotone, so its ends decide.
            a.ramp.lo <= b.ramp.lo && a.ramp.hi >= b.ramp.hi && covers(b.ramp.lo) && covers(b.ramp.hi)
        });
    }

    /// Extends the closed labels by a piece of the copy, and opens a run behind it.
    fn keep(&mut self, index: usize) {
        let Problem { candidates, min, max, .. } = self.problem;
        let candidate = &candidates[index];
        let fewest = candidate.len.div_ceil(*max).saturating_sub(2).max(1);
        for label in &self.closed {
            let most = (candidate.end() - label.ramp.lo).div_ceil(*max);
            for parts in fewest..=most {
                if let Some(ramp) = label.ramp.keep(candidate.end(), parts, *min, *max) {
                    let node = self.nodes.len();
                    let parts_before = label.parts;
                    self.nodes.push(Node { before: label.node, candidate: index, parts_before, parts });
                    self.fresh.push(Label { ramp, parts: label.parts + parts, node });
                }
            }
        }
    }

    /// Completes the closed labels by a piece up to the end of the file, the last part of which may be short.
    fn keep_to_the_end(&mut self, index: usize) {
        let Problem { len, max, .. } = *self.problem;
        for label in &self.closed {
            for parts in (len - label.ramp.hi).div_ceil(max)..=(len - label.ramp.lo).div_ceil(max) {
                let start = label.ramp.knee.max(len.saturating_sub(parts * max));
                let copied = label.ramp.at(start) + (len - start) as i64;
                let node = self.nodes.len();
                if consider(self.goal, &mut self.best, Found { copied, parts: label.parts + parts, node }) {
                    let parts_before = label.parts;
                    self.nodes.push(Node { before: label.node, candidate: index, parts_before, parts });
                }
            }
        }
    }

    /// Goes back over the kept copies and fixes where each piece starts and ends.
    fn outline(&self, found: Found) -> Outline {
        let Problem { candidates, len, min, max } = self.problem;
        let mut kept = Vec::new();
        let mut at = found.node;
        while at != ROOT {
            kept.push(self.nodes[at]);
            at = self.nodes[at].before;
        }
        kept.reverse();
        // The ramps of this one chain, forward: parts of the run, where it may start, where the piece behind it may.
        let mut chain = Vec::with_capacity(kept.len());
        let (mut open, mut open_parts) = (Ramp::point(0, 0), 0);
        for node in &kept {
            let candidate = &candidates[node.candidate];
            let run = node.parts_before - open_parts;
            let starts = match run {
                0 => Some(Ramp::point(candidate.start, open.copied)),
                _ => open.upload(candidate.start, self.problem.last_start(candidate), run, *min, *max),
            };
            let shortest = self.problem.shortest(candidate);
            let ends = starts.and_then(|starts| starts.keep(candidate.end(), node.parts, shortest, *max));
            let (Some(starts), Some(ends)) = (starts, ends) else {
                debug_assert!(false, "a chain of labels that was legal going forward is legal going back");
                return Outline::upload(*len, *max);
            };
            chain.push((run, open, starts));
            (open, open_parts) = (ends, node.parts_before + node.parts);
        }
        // Backward: given where a stretch ends, where it starts best.
        let mut stretches = Vec::with_capacity(2 * kept.len() + 1);
        let mut push = |offset: u64, end: u64, from| {
            if offset < end {
                stretches.push(Stretch { offset, len: end - offset, from });
            }
        };
        let mut end = if found.parts == open_parts { *len } else { open.hi };
        push(end, *len, None);
        for (node, (run, open, starts)) in kept.iter().zip(&chain).rev() {
            let candidate = &candidates[node.candidate];
            let shortest = self.problem.shortest(candidate);
            let earliest = starts.lo.max(end.saturating_sub(node.parts * max));
            let start = starts.knee.min(starts.hi.min(end - shortest)).max(earliest);
            push(start, end, Some(candidate.from + (start - candidate.start)));
            end = if *run == 0 { start } else { open.hi.min(start - min) };
            push(end, start, None);
        }
        push(0, end, None);
        stretches.reverse();
        Outline::new(stretches, *max)
    }
}

/// Whether open label `a` can stand in for `b` wherever a run that starts with `b` may end, from `at` on.
fn open_covers(goal: Goal, problem: &Problem, at: u64, a: &Label, b: &Label) -> bool {
    let Problem { min, max, .. } = *problem;
    let a_parts = if a.ramp.hi >= b.ramp.hi {
        a.parts
    } else if a.ramp.hi + max >= b.ramp.hi && b.ramp.hi < at {
        // An earlier start costs at most one part more. Not in place of a piece that the next copy touches.
        a.parts + 1
    } else {
        return false;
    };
    // Starts up to here are all usable: they leave a shortest part before `at`.
    let usable = at.saturating_sub(min);
    let (a_lo, b_lo) = (a.ramp.lo.max(usable), b.ramp.lo.max(usable));
    a_lo <= b_lo
        && goal.covers(a.ramp.at(b_lo), a_parts, b.ramp.at(b_lo), b.parts)
        && goal.covers(a.ramp.copied, a_parts, b.ramp.copied, b.parts)
}

/// Drops every label that another covers; of two that cover each other the earlier stays. Returns how many comparisons.
fn prune(labels: &mut Vec<Label>, covers: impl Fn(&Label, &Label) -> bool) -> usize {
    let mut kept = 0;
    let mut comparisons = 0;
    for next in 0..labels.len() {
        let label = labels[next];
        comparisons += 1 + kept;
        if labels[..kept].iter().any(|other| covers(other, &label)) {
            continue;
        }
        let mut still = 0;
        for at in 0..kept {
            if !covers(&label, &labels[at]) {
                labels[still] = labels[at];
                still += 1;
            }
        }
        labels[still] = label;
        kept = still + 1;
    }
    labels.truncate(kept);
    comparisons
}

/// Keeps the better of two complete plans; whether it is the new one.
fn consider(goal: Goal, best: &mut Option<Found>, found: Found) -> bool {
    let better = best.is_none_or(|best| {
        let covers = |a: Found, b: Found| goal.covers(a.copied, a.parts, b.copied, b.parts);
        match goal {
            Goal::Priced { .. } => !covers(best, found),
            Goal::Limited(_) => (found.copied, best.parts) > (best.copied, found.parts),
        }
    });
    let better = better && goal.allows(found.parts, 0, 1);
    if better {
        *best = Some(found);
    }
    better
}
