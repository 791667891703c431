//! Cuts runs and pieces into parts of a preferred length.
//!
//! Does not decide what is copied.

use super::{
    limits::{CostModel, PartLimits},
    outline::Stretch,
    part::{Part, PartSource},
};

/// How one kind of stretch is cut: evenly, then every cut is rounded down to a multiple of `align` in the new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    /// The longest part in bytes.
    longest: u64,
    /// A power of two.
    align: u64,
}

impl Cut {
    /// As preferred, as far as the limits allow it.
    fn new(preferred: u64, align: u64, limits: &PartLimits) -> Self {
        // What is longer than twice the shortest part can be halved; rounding changes a part by less than `align`, so
        // there has to be room for three times that in the worst case, two parts of hardly more than the longest.
        let longest = preferred.clamp(2 * limits.min_part, limits.max_part);
        let room = (longest - 2 * limits.min_part) / 3;
        Self { longest, align: 1 << align.min(room).max(1).ilog2() }
    }

    /// In how many parts `len` bytes are cut, each at most `longest` after rounding.
    fn parts(self, len: u64) -> u64 {
        if len <= self.longest { 1 } else { len.div_ceil(self.longest - (self.align - 1)) }
    }

    /// Where the parts of a stretch end.
    fn ends(self, stretch: &Stretch) -> impl Iterator<Item = u64> {
        let Stretch { offset, len, .. } = *stretch;
        let parts = self.parts(len);
        (1..parts)
            .map(move |part| {
                let even = u128::from(len) * u128::from(part) / u128::from(parts);
                let end = offset + even as u64;
                end - end % self.align
            })
            .chain([offset + len])
    }
}

/// How copied and uploaded stretches are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cuts {
    copy: Cut,
    upload: Cut,
}

impl Cuts {
    /// As preferred, with the longest parts doubled until the parts suffice: always of the kind that makes more parts. If
    /// even the longest parts do not, without alignment.
    fn new(stretches: &[Stretch], limits: &PartLimits, costs: &CostModel) -> Self {
        let cut = |longest| Cut::new(longest, costs.align, limits);
        let longest = Cut { longest: limits.max_part, align: 1 };
        let mut cuts = Self { copy: cut(costs.copy_part), upload: cut(costs.upload_part) };
        loop {
            let (copied, uploaded) = cuts.parts(stretches);
            let (copy, upload) = (cuts.copy.longest, cuts.upload.longest);
            if copied + uploaded <= u64::from(limits.max_parts) {
                return cuts;
            }
            if copy.min(upload) == limits.max_part {
                return Self { copy: longest, upload: longest };
            }
            if upload == limits.max_part || (copy < limits.max_part && copied > uploaded) {
                cuts.copy = cut(copy.saturating_mul(2));
            } else {
                cuts.upload = cut(upload.saturating_mul(2));
            }
        }
    }

    const fn of(&self, stretch: &Stretch) -> Cut {
        if stretch.from.is_some() { self.copy } else { self.upload }
    }

    /// How many parts the copied and the uploaded stretches make.
    fn parts(&self, stretches: &[Stretch]) -> (u64, u64) {
        stretches.iter().fold((0, 0), |(copied, uploaded), stretch| {
            let parts = self.of(stretch).parts(stretch.len);
            if stretch.from.is_some() { (copied + parts, uploaded) } else { (copied, uploaded + parts) }
        })
    }
}

/// The parts of all stretches. Stretches follow one another; each is at least a shortest part long, or the last; in parts of
/// the longest length they make no more than allowed.
pub(super) fn cut(stretches: &[Stretch], limits: &PartLimits, costs: &CostModel) -> Vec<Part> {
    let cuts = Cuts::new(stretches, limits, costs);
    let (copied, uploaded) = cuts.parts(stretches);
    let mut parts = Vec::with_capacity((copied + uploaded) as usize);
    for stretch in stretches {
        let mut offset = stretch.offset;
        for end in cuts.of(stretch).ends(stretch) {
            let source = match stretch.from {
                Some(from) => PartSource::Copy { from: from + (offset - stretch.offset) },
                None => PartSource::Upload,
            };
            parts.push(Part { offset, len: end - offset, source });
            offset = end;
        }
    }
    parts
}
