//! Which ranges of the new file are known to lie in the basis: claims, put together without overlap.
//!
//! It does not look for claims and does not check them.

use super::difference::{Delta, Op};

/// `len` bytes of the new file from `at` on lie in the basis from `from` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) at: u64,
    pub(super) len: u64,
    pub(super) from: u64,
}

impl Claim {
    fn end(&self) -> u64 {
        self.at + self.len
    }

    /// The part of it between two places of the new file.
    fn cut(&self, at: u64, end: u64) -> Self {
        Self { at, len: end - at, from: self.from + (at - self.at) }
    }
}

/// Claims in the order of the new file that do not overlap; those that are one run in both files are one.
#[derive(Default)]
pub(super) struct Cover {
    claims: Vec<Claim>,
}

impl Cover {
    /// Adds what a claim covers and no earlier one did. Cheap near the end, linear elsewhere.
    pub(super) fn add(&mut self, claim: Claim) {
        let first = self.claims.partition_point(|old| old.end() <= claim.at);
        if first == self.claims.len() {
            return self.append(claim);
        }
        let later = self.claims.split_off(first);
        let mut at = claim.at;
        for old in later {
            if at < old.at.min(claim.end()) {
                self.append(claim.cut(at, old.at.min(claim.end())));
            }
            at = at.max(old.end());
            self.append(old);
        }
        if at < claim.end() {
            self.append(claim.cut(at, claim.end()));
        }
    }

    fn append(&mut self, claim: Claim) {
        match self.claims.last_mut() {
            Some(last) if last.end() == claim.at && last.from + last.len == claim.from => last.len += claim.len,
            _ if claim.len == 0 => {}
            _ => self.claims.push(claim),
        }
    }

    /// Ranges of the new file that follow directly on a copy of the basis up to `from`, as where they start and how many
    /// bytes of them nobody claims.
    pub(super) fn after(&self, from: u64, new_len: u64) -> impl Iterator<Item = (u64, u64)> {
        let next = self.claims.iter().skip(1).map(|claim| claim.at).chain([new_len]);
        self.claims.iter().zip(next).filter(move |(claim, _)| claim.from + claim.len == from).map(|(claim, next)| {
            let at = claim.end();
            (at, next - at)
        })
    }

    /// Whether all bytes of a range are claimed.
    pub(super) fn has(&self, at: u64, end: u64) -> bool {
        let first = self.claims.partition_point(|old| old.end() <= at);
        let mut covered = at;
        for claim in &self.claims[first..] {
            if covered >= end || claim.at > covered {
                break;
            }
            covered = claim.end();
        }
        covered >= end
    }

    /// Puts detours back: a claim that starts where the one before ends, in another place of the basis, is replaced by the
    /// continuation of that one where `goes_on` says that the same bytes lie there.
    pub(super) fn straighten<E>(&mut self, mut goes_on: impl FnMut(&Claim, u64) -> Result<bool, E>) -> Result<(), E> {
        let mut straight = Self { claims: Vec::with_capacity(self.claims.len()) };
        for mut claim in std::mem::take(&mut self.claims) {
            if let Some(last) = straight.claims.last() {
                let next = last.from + last.len;
                if last.end() == claim.at && claim.from != next && goes_on(&claim, next)? {
                    claim.from = next;
                }
            }
            straight.append(claim);
        }
        *self = straight;
        Ok(())
    }

    /// The delta of a new file of `new_len` bytes: copies where there are claims, literals elsewhere.
    pub(super) fn into_delta(self, new_len: u64) -> Delta {
        let mut delta = Delta::default();
        for claim in self.claims {
            delta.push(Op::Literal { len: claim.at - delta.len() });
            delta.push(Op::Copy { from: claim.from, len: claim.len });
        }
        delta.push(Op::Literal { len: new_len - delta.len() });
        delta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_fill_what_is_free_and_keep_what_is_taken() {
        let mut cover = Cover::default();
        for (at, len, from) in [(10, 10, 110), (30, 10, 130), (20, 5, 120)] {
            cover.add(Claim { at, len, from });
        }
        cover.add(Claim { at: 5, len: 40, from: 1005 });
        let expected = [
            Op::Literal { len: 5 },
            Op::Copy { from: 1005, len: 5 },
            Op::Copy { from: 110, len: 15 },
            Op::Copy { from: 1025, len: 5 },
            Op::Copy { from: 130, len: 10 },
            Op::Copy { from: 1040, len: 5 },
            Op::Literal { len: 5 },
        ];
        assert_eq!(cover.into_delta(50).ops(), expected);
    }

    #[test]
    fn a_claim_before_all_others() {
        let mut cover = Cover::default();
        cover.add(Claim { at: 10, len: 5, from: 0 });
        cover.add(Claim { at: 2, len: 3, from: 50 });
        let expected = [
            Op::Literal { len: 2 },
            Op::Copy { from: 50, len: 3 },
            Op::Literal { len: 5 },
            Op::Copy { from: 0, len: 5 },
        ];
        assert_eq!(cover.into_delta(15).ops(), expected);
    }

    #[test]
    fn detours_are_put_back_and_what_follows_joins() {
        let mut cover = Cover::default();
        for (at, len, from) in [(0, 10, 100), (10, 5, 900), (15, 5, 115), (20, 5, 700), (30, 5, 730)] {
            cover.add(Claim { at, len, from });
        }
        let mut asked = Vec::new();
        let straightened = cover.straighten(|claim, from| {
            asked.push((claim.at, from));
            Ok::<_, ()>(claim.at == 10)
        });
        assert_eq!(straightened, Ok(()));
        assert_eq!(asked, [(10, 110), (20, 120)]);
        let expected = [
            Op::Copy { from: 100, len: 20 },
            Op::Copy { from: 700, len: 5 },
            Op::Literal { len: 5 },
            Op::Copy { from: 730, len: 5 },
        ];
        assert_eq!(cover.into_delta(35).ops(), expected);
    }

    #[test]
    fn knows_what_is_free() {
        let mut cover = Cover::default();
        cover.add(Claim { at: 0, len: 5, from: 95 });
        cover.add(Claim { at: 8, len: 2, from: 98 });
        cover.add(Claim { at: 10, len: 2, from: 0 });
        assert!(cover.has(0, 5) && cover.has(8, 12) && cover.has(9, 11));
        assert!(!cover.has(4, 6) && !cover.has(6, 9) && !cover.has(11, 13));
        assert_eq!(cover.after(100, 20).collect::<Vec<_>>(), [(5, 3), (10, 0)]);
        assert_eq!(cover.after(2, 20).collect::<Vec<_>>(), [(12, 8)]);
    }
}
