//! A delta turned around: from where the blocks of a new file lie in an old one.
//!
//! Whoever has the old file and the new one's signature scans the old file for the new one's blocks. What comes out tells of
//! each range of the old file where it lies in the new one; what is wanted is the opposite.

use std::collections::HashMap;
use std::io;

use super::difference::{Delta, Op};
use super::read::ReadAt;
use super::signature::Signature;
use super::strong;

/// How many places of the old file are tried for a block that no copy covers.
const MAX_TRIES: usize = 4;

/// Turns `found`, the delta that makes `old` out of the file that `new` is the signature of, around: the delta that makes
/// that file out of `old`, in whole blocks of `new`. A block is copied if its bytes lie together in the old file, and from
/// its own offset if they lie there too. Blocks that repeat in the new file are looked for where the others of their weak
/// sum were found, which reads as much again as the new file has at the most.
///
/// # Errors
/// Where the old file cannot be read.
pub fn invert(found: &Delta, new: &Signature, old: &dyn ReadAt) -> io::Result<Delta> {
    let mut places = places_of(found, new);
    find_repeats(&mut places, new, old)?;
    let len_of = |block: usize| new.block_len().bytes().min(new.len() - block as u64 * new.block_len().bytes());
    let op = |(block, place): (usize, &Option<u64>)| match *place {
        Some(from) => Op::Copy { from, len: len_of(block) },
        None => Op::Literal { len: len_of(block) },
    };
    Ok(places.iter().enumerate().map(op).collect())
}

/// Fills the literals of `first` with what `second` copies from another file, which lies `shift` bytes behind the first one's
/// basis. Both make the same file.
///
/// # Panics
/// If they make files of different lengths.
pub fn fill(first: &Delta, second: &Delta, shift: u64) -> Delta {
    assert_eq!(first.len(), second.len(), "deltas of different files");
    let mut filled = Delta::default();
    let (mut seconds, mut left) = (second.ops().iter().copied(), Op::Literal { len: 0 });
    for op in first.ops() {
        let mut len = op.len();
        while len > 0 {
            if left.is_empty() {
                left = seconds.next().expect("both make as many bytes");
            }
            let step = len.min(left.len());
            let (taken, rest) = split(left, step);
            filled.push(match (*op, taken) {
                (Op::Copy { from, .. }, _) => Op::Copy { from: from + (op.len() - len), len: step },
                (Op::Literal { .. }, Op::Copy { from, .. }) => Op::Copy { from: from + shift, len: step },
                (Op::Literal { .. }, literal) => literal,
            });
            (left, len) = (rest, len - step);
        }
    }
    filled
}

/// The first `at` bytes of an operation, and the others.
fn split(op: Op, at: u64) -> (Op, Op) {
    match op {
        Op::Literal { len } => (Op::Literal { len: at }, Op::Literal { len: len - at }),
        Op::Copy { from, len } => (Op::Copy { from, len: at }, Op::Copy { from: from + at, len: len - at }),
    }
}

/// Where in the old file each block of the new one begins.
fn places_of(found: &Delta, new: &Signature) -> Vec<Option<u64>> {
    let block_len = new.block_len().bytes();
    let mut places: Vec<Option<u64>> = vec![None; new.blocks().len()];
    let mut at = 0;
    for op in found.ops() {
        if let Op::Copy { from, len } = *op {
            let end = (from + len).min(new.len());
            let last = if end == new.len() { end.div_ceil(block_len) } else { end / block_len };
            for block in from.div_ceil(block_len)..last {
                let start = block * block_len;
                let place = at + (start - from);
                let before = (block as usize).checked_sub(1).and_then(|before| places[before]);
                let rank = |place: u64| match () {
                    () if place == start => 2,
                    () if before.is_some_and(|before| before + block_len == place) => 1,
                    () => 0,
                };
                let known = &mut places[block as usize];
                if known.is_none_or(|known| rank(known) < rank(place)) {
                    *known = Some(place);
                }
            }
        }
        at += op.len();
    }
    places
}

/// Tries blocks without a place where others of the same weak sum lie.
fn find_repeats(places: &mut [Option<u64>], new: &Signature, old: &dyn ReadAt) -> io::Result<()> {
    let block_len = new.block_len().bytes();
    let full = (new.len() / block_len) as usize;
    let missing = (0..full).filter(|block| places[*block].is_none());
    let mut known: HashMap<u64, Vec<u64>> = missing.map(|block| (new.blocks()[block].weak.0, Vec::new())).collect();
    if known.is_empty() {
        return Ok(());
    }
    for (place, sum) in places.iter().zip(new.blocks()).take(full) {
        if let (Some(place), Some(of_sum)) = (*place, known.get_mut(&sum.weak.0))
            && of_sum.len() < MAX_TRIES
        {
            of_sum.push(place);
        }
    }
    let mut budget = new.len();
    let mut bytes = vec![0; block_len as usize];
    for (block, (found, sum)) in places.iter_mut().zip(new.blocks()).take(full).enumerate() {
        let Some(tries) = known.get(&sum.weak.0).filter(|_| found.is_none()) else { continue };
        for &place in tries {
            if budget < block_len || place + block_len > old.len() {
                break;
            }
            budget -= block_len;
            old.read_exact_at(&mut bytes, place)?;
            if strong::block_value(&bytes, block as u64 * block_len, full == 1 && new.blocks().len() == 1) == sum.strong
            {
                *found = Some(place);
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::ops::ControlFlow;

    use proptest::prelude::*;

    use super::*;
    use crate::delta::{BlockLen, ScanOptions, apply, scan, sign};

    const BLOCK: usize = 1024;

    /// What a download does: the old file and the new one's signature, and of the new file no more than the literals.
    fn inverted(old: &[u8], new: &[u8]) -> Delta {
        let block_len = BlockLen::new(BLOCK as u64).expect("a length");
        let options = ScanOptions::threads(NonZeroUsize::MIN);
        let on = |_| ControlFlow::Continue(());
        let (signature, _) = sign(&new, block_len, &options, &on).expect("a signature");
        let found = scan(&signature, &old, block_len, &options, &on).expect("a scan").delta;
        let delta = invert(&found, &signature, &old).expect("inverted");
        let mut made = Vec::new();
        apply(&delta, &old, &new, &mut made).expect("applied");
        assert!(made == new, "{} bytes from {}", new.len(), old.len());
        delta
    }

    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn the_same_file_is_one_copy() {
        for len in [1, BLOCK - 1, BLOCK, BLOCK + 1, 7 * BLOCK, 7 * BLOCK + 5] {
            let bytes = noise(1, len);
            assert!(inverted(&bytes, &bytes).is_identity(len as u64), "{len}");
        }
        assert!(inverted(&noise(1, 9), b"").is_empty());
    }

    #[test]
    fn a_second_file_fills_what_the_first_lacks() {
        let of = |ops: &[Op]| ops.iter().copied().collect::<Delta>();
        let first = of(&[Op::Copy { from: 5, len: 10 }, Op::Literal { len: 20 }, Op::Copy { from: 90, len: 10 }]);
        let second = of(&[Op::Copy { from: 0, len: 12 }, Op::Literal { len: 8 }, Op::Copy { from: 40, len: 20 }]);
        let expected = of(&[
            Op::Copy { from: 5, len: 10 },
            Op::Copy { from: 110, len: 2 },
            Op::Literal { len: 8 },
            Op::Copy { from: 140, len: 10 },
            Op::Copy { from: 90, len: 10 },
        ]);
        assert_eq!(fill(&first, &second, 100), expected);
        assert_eq!(fill(&first, &of(&[Op::Literal { len: 40 }]), 100), first);
        assert_eq!(fill(&Delta::default(), &Delta::default(), 7), Delta::default());
    }

    #[test]
    fn edits_cost_their_blocks() {
        let old = noise(1, 40 * BLOCK + 100);
        let mut new = old.clone();
        new[10 * BLOCK + 7] ^= 1;
        assert_eq!(inverted(&old, &new).literal_bytes(), BLOCK as u64);
        let mut shifted = old.clone();
        shifted.splice(5 * BLOCK..5 * BLOCK, noise(2, 10));
        let literal = inverted(&old, &shifted).literal_bytes();
        assert!(literal <= 3 * BLOCK as u64, "{literal}");
        assert_eq!(inverted(&noise(3, 9 * BLOCK), &old).literal_bytes(), old.len() as u64);
    }

    #[test]
    fn blocks_that_repeat_are_found_once_and_copied_often() {
        let piece = noise(5, BLOCK);
        let old = [noise(1, 3 * BLOCK), piece.clone(), noise(2, BLOCK)].concat();
        let new = piece.repeat(30);
        assert_eq!(inverted(&old, &new).literal_bytes(), 0);
        let zeros = vec![0; 64 * BLOCK];
        assert_eq!(inverted(&zeros[..2 * BLOCK], &zeros).literal_bytes(), 0);
    }

    proptest! {
        #[test]
        fn any_edits_lead_to_the_new_file(
            seed in any::<u64>(), blocks in 1usize..40, tail in 0usize..BLOCK,
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3 * BLOCK, 0usize..3 * BLOCK), 0..6),
        ) {
            let old = noise(seed, blocks * BLOCK + tail);
            let mut new = old.clone();
            let mut touched = 0;
            for (at, gone, more) in edits {
                let at = at.index(new.len() + 1);
                let gone = gone.min(new.len() - at);
                new.splice(at..at + gone, noise(seed ^ at as u64, more));
                touched += more + 4 * BLOCK;
            }
            let delta = inverted(&old, &new);
            prop_assert!(delta.literal_bytes() <= touched as u64, "{} of {}", delta.literal_bytes(), new.len());
        }
    }
}
