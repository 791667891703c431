//! What the search is given and what it finds: copies in, stretches out.
//!
//! Knows no parts but their number.

/// A copy that may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Where it starts in the new file.
    pub(super) start: u64,
    pub(super) len: u64,
    /// Where it starts in the basis.
    pub(super) from: u64,
}

impl Candidate {
    /// Where it ends in the new file.
    pub(super) const fn end(&self) -> u64 {
        self.start + self.len
    }
}

/// What is to be planned. Lengths are in bytes; `max >= 2 * min`, both at most twice `len`.
#[derive(Debug)]
pub(super) struct Problem {
    /// In the order of the new file; each at least `min` long, or at the end of the file.
    pub(super) candidates: Vec<Candidate>,
    pub(super) len: u64,
    pub(super) min: u64,
    pub(super) max: u64,
}

impl Problem {
    /// The shortest piece of a copy: at the end of the file it may be any length.
    pub(super) const fn shortest(&self, candidate: &Candidate) -> u64 {
        if candidate.end() == self.len { 1 } else { self.min }
    }

    /// The last position where a piece of a copy can start in a best plan: a longest part further, the end of the run before
    /// could be copied instead.
    pub(super) fn last_start(&self, candidate: &Candidate) -> u64 {
        (candidate.end() - self.shortest(candidate)).min(candidate.start + (self.max - 1))
    }
}

/// A run or a piece of a plan, before it is cut into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Where it starts in the new file.
    pub(super) offset: u64,
    pub(super) len: u64,
    /// Where it starts in the basis, if it is copied.
    pub(super) from: Option<u64>,
}

impl Stretch {
    /// Where it ends in the new file.
    pub(super) const fn end(&self) -> u64 {
        self.offset + self.len
    }

    /// Whether `next`, which follows, is more of the same.
    pub(super) fn is_continued_by(&self, next: &Self) -> bool {
        self.from.map(|from| from + self.len) == next.from
    }
}

/// A plan before it is cut for parallelism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) stretches: Vec<Stretch>,
    /// Bytes uploaded.
    pub(super) uploaded: u64,
    /// Parts at the longest part length.
    pub(super) parts: u64,
}

impl Outline {
    /// The plan of these stretches.
    pub(super) fn new(stretches: Vec<Stretch>, max: u64) -> Self {
        let (uploaded, parts) = Self::cost(&stretches, max);
        Self { stretches, uploaded, parts }
    }

    /// Everything uploaded.
    pub(super) fn upload(len: u64, max: u64) -> Self {
        Self::new(vec![Stretch { offset: 0, len, from: None }], max)
    }

    /// The bytes that stretches upload, and their parts.
    pub(super) fn cost(stretches: &[Stretch], max: u64) -> (u64, u64) {
        stretches.iter().fold((0, 0), |(uploaded, parts), stretch| {
            let sent = if stretch.from.is_none() { stretch.len } else { 0 };
            (uploaded + sent, parts + stretch.len.div_ceil(max))
        })
    }
}
