//! The value of a partial plan as a function of where it ends, and the two steps that extend it.
//!
//! Decides nothing: which steps to take is up to the search.
//!
//! A plan alternates between *runs* (uploaded) and *pieces* (each kept of one copy). With the order of the kept copies and
//! the number of parts of each run and piece fixed, the only freedom left is where they meet. For a partial plan that ends
//! at `y`, the most bytes it can have copied is always of one form: it grows by one a byte up to a knee and is flat from
//! there on. That holds at the start, and both steps preserve it, so four numbers describe all positions at once.

/// The bytes copied by the partial plans that end at `y`, for every `y` in `lo..=hi`: `copied - max(0, knee - y)`.
///
/// `lo <= knee <= hi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ramp {
    pub(super) lo: u64,
    pub(super) knee: u64,
    pub(super) hi: u64,
    pub(super) copied: i64,
}

impl Ramp {
    /// The ramp that is one position.
    pub(super) const fn point(at: u64, copied: i64) -> Self {
        Self { lo: at, knee: at, hi: at, copied }
    }

    /// The bytes copied when ending at `y`.
    pub(super) const fn at(&self, y: u64) -> i64 {
        self.copied - self.knee.saturating_sub(y) as i64
    }

    /// The same function on fewer positions, or none if that leaves no position.
    fn clip(mut self, lo: u64, hi: u64) -> Option<Self> {
        self.lo = self.lo.max(lo);
        self.hi = self.hi.min(hi);
        if self.lo > self.hi {
            return None;
        }
        self.knee = self.knee.max(self.lo);
        self.copied = self.at(self.hi);
        self.knee = self.knee.min(self.hi);
        Some(self)
    }

    /// From plans that end where a piece starts to plans that end where it ends: `parts` parts of the copy that ends at
    /// `end`, each `min` to `max` bytes.
    ///
    /// A piece `x..y` copies `y - x`, and `at(x) - x` never grows with `x` and is level up to the knee. So the best
    /// start is the knee or anything before it, unless `parts * max` forces a later one: hence the new knee.
    pub(super) fn keep(&self, end: u64, parts: u64, min: u64, max: u64) -> Option<Self> {
        let reach = parts * max;
        let copied = self.copied + reach as i64;
        Self { lo: self.lo + min, knee: self.knee + reach, hi: self.hi + reach, copied }.clip(0, end)
    }

    /// From plans that end where a run starts to plans that end where it ends, which has to be in `first..=last`: `parts`
    /// parts of `min` to `max` bytes.
    ///
    /// `at` never falls, so the best start is the latest one that leaves `min`.
    pub(super) fn upload(&self, first: u64, last: u64, parts: u64, min: u64, max: u64) -> Option<Self> {
        Self { lo: self.lo + min, knee: self.knee + min, hi: self.hi + parts * max, ..*self }.clip(first, last)
    }
}
