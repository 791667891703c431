//! Properties of the scan: it reconstructs the file, signs it rightly, and finds no less than the reference and
//! `fast_rsync` do, with blocks and segments so short that every border is met.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use hugesync::delta::{self, BlockLen, Delta, Op, Scan, ScanOptions, Signature, reference};
use proptest::prelude::*;
use proptest::sample::Index;

const BLOCK: usize = 1024;

fn block_len(bytes: usize) -> BlockLen {
    BlockLen::new(bytes as u64).unwrap()
}

/// Bytes that look random and depend on the seed only.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| byte()).collect()
}

/// A stretch of a file: what tends to break delta algorithms.
#[derive(Debug, Clone)]
enum Stretch {
    Noise {
        seed: u64,
        len: usize,
    },
    Zeros {
        len: usize,
    },
    /// Full blocks out of two, so that blocks repeat.
    Blocks {
        seed: u64,
        which: Vec<bool>,
    },
    Period {
        seed: u64,
        period: usize,
        len: usize,
    },
}

impl Stretch {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Noise { seed, len } => noise(*seed, *len),
            Self::Zeros { len } => vec![0; *len],
            Self::Blocks { seed, which } => which.iter().flat_map(|b| noise(seed * 2 + u64::from(*b), BLOCK)).collect(),
            Self::Period { seed, period, len } => noise(*seed, *period).into_iter().cycle().take(*len).collect(),
        }
    }
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let seed = 1..5u64;
    let len = prop_oneof![0..3 * BLOCK, (0..12usize).prop_map(|n| n * BLOCK / 2), 4 * BLOCK..20 * BLOCK];
    prop_oneof![
        4 => (1..1000u64, len.clone()).prop_map(|(seed, len)| Stretch::Noise { seed, len }),
        1 => len.clone().prop_map(|len| Stretch::Zeros { len }),
        1 => (seed.clone(), prop::collection::vec(any::<bool>(), 1..12))
            .prop_map(|(seed, which)| Stretch::Blocks { seed, which }),
        1 => (seed, 1..700usize, len).prop_map(|(seed, period, len)| Stretch::Period { seed, period, len }),
    ]
}

/// What may happen to a file between two versions.
#[derive(Debug, Clone)]
enum Edit {
    Insert(Index, Stretch),
    Delete(Index, usize),
    Overwrite(Index, Stretch),
    Copy { from: Index, to: Index, len: usize },
    SwapHalves(Index),
    Truncate(Index),
}

impl Edit {
    fn apply(&self, file: &mut Vec<u8>) {
        let place = |index: &Index| index.index(file.len() + 1);
        match self {
            Self::Insert(at, stretch) => {
                let at = place(at);
                file.splice(at..at, stretch.bytes());
            }
            Self::Delete(at, len) => {
                let at = place(at);
                file.drain(at..file.len().min(at + len));
            }
            Self::Overwrite(at, stretch) => {
                let (at, bytes) = (place(at), stretch.bytes());
                file.splice(at..file.len().min(at + bytes.len()), bytes);
            }
            Self::Copy { from, to, len } => {
                let (from, to) = (place(from), place(to));
                let bytes = file[from..file.len().min(from + len)].to_vec();
                file.splice(to..to, bytes);
            }
            Self::SwapHalves(at) => {
                let at = place(at);
                file.rotate_left(at);
            }
            Self::Truncate(at) => {
                let at = place(at);
                file.truncate(at);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    let len = 0..5 * BLOCK;
    prop_oneof![
        (at(), stretch()).prop_map(|(at, stretch)| Edit::Insert(at, stretch)),
        (at(), len.clone()).prop_map(|(at, len)| Edit::Delete(at, len)),
        (at(), stretch()).prop_map(|(at, stretch)| Edit::Overwrite(at, stretch)),
        (at(), at(), len).prop_map(|(from, to, len)| Edit::Copy { from, to, len }),
        at().prop_map(Edit::SwapHalves),
        at().prop_map(Edit::Truncate),
    ]
}

fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (prop::collection::vec(stretch(), 0..6), prop::collection::vec(edit(), 0..5)).prop_map(|(stretches, edits)| {
        let basis: Vec<u8> = stretches.iter().flat_map(Stretch::bytes).collect();
        let mut new = basis.clone();
        edits.iter().for_each(|edit| edit.apply(&mut new));
        (basis, new)
    })
}

fn options(threads: usize, segment_len: u64) -> ScanOptions {
    ScanOptions { threads: NonZeroUsize::new(threads).unwrap(), segment_len: Some(segment_len) }
}

fn scan(basis: &Signature, new: &[u8], block: usize, options: &ScanOptions) -> Scan {
    delta::scan(basis, &new, block_len(block), options, &|_| ControlFlow::Continue(())).unwrap()
}

fn assert_normal_form(delta: &Delta) {
    for op in delta.ops() {
        assert!(!op.is_empty());
    }
    for pair in delta.ops().windows(2) {
        match (pair[0], pair[1]) {
            (Op::Literal { .. }, Op::Literal { .. }) => panic!("two literals touch"),
            (Op::Copy { from, len }, Op::Copy { from: next, .. }) => assert_ne!(from + len, next),
            _ => {}
        }
    }
}

fn applied(delta: &Delta, basis: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    delta::apply(delta, &basis, &new, &mut out).unwrap();
    out
}

/// How many literal bytes `fast_rsync` needs.
fn fast_rsync_literal(basis: &[u8], new: &[u8], block: usize) -> u64 {
    let options = fast_rsync::SignatureOptions { block_size: block as u32, crypto_hash_size: 16 };
    let signature = fast_rsync::Signature::calculate(basis, options);
    let mut patch = Vec::new();
    fast_rsync::diff(&signature.index(), new, &mut patch).unwrap();
    // librsync's format: a magic number, then literals (1 to 0x44) and copies (0x45 to 0x54) with big-endian numbers.
    let (mut at, mut literal) = (4, 0);
    loop {
        let command = patch[at];
        at += 1;
        let number = |at: usize, len: usize| patch[at..at + len].iter().fold(0, |n, b| n << 8 | u64::from(*b));
        match command {
            0 => return literal,
            1..=0x44 => {
                let (size, len) = match command {
                    1..=0x40 => (0, u64::from(command)),
                    _ => (1 << (command - 0x41), number(at, 1 << (command - 0x41))),
                };
                literal += len;
                at += size + len as usize;
            }
            0x45..=0x54 => at += (1 << ((command - 0x45) / 4)) + (1 << ((command - 0x45) % 4)),
            _ => panic!("command {command:#x}"),
        }
    }
}

fn assert_scan(basis: &[u8], new: &[u8], threads: usize, segment: u64, new_block: usize) {
    let old = reference::sign(basis, block_len(BLOCK));
    let found = scan(&old, new, new_block, &options(threads, segment));
    assert_normal_form(&found.delta);
    assert!(applied(&found.delta, basis, new) == *new, "the delta makes another file");
    assert_eq!(found.signature, reference::sign(new, block_len(new_block)));
    assert_eq!(found.crcs.whole(), found.signature.crc64nvme());
    let slow = reference::scan(&old, new);
    assert_normal_form(&slow);
    assert!(applied(&slow, basis, new) == *new, "the reference makes another file");
    let (ours, reference) = (found.delta.literal_bytes(), slow.literal_bytes());
    assert!(ours <= reference, "{ours} literal bytes, the reference has {reference}");
    let theirs = fast_rsync_literal(basis, new, BLOCK);
    assert!(ours <= theirs, "{ours} literal bytes, fast_rsync has {theirs}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reconstructs_and_finds_no_less(
        (basis, new) in pair(), threads in 1..4usize, segment in 1..6u64, new_block in 0..3u32
    ) {
        assert_scan(&basis, &new, threads, segment * BLOCK as u64, BLOCK << new_block);
    }

    #[test]
    fn shorter_new_blocks((basis, new) in pair()) {
        let old = reference::sign(&basis, block_len(4 * BLOCK));
        let found = scan(&old, &new, BLOCK, &options(2, 8 * BLOCK as u64));
        assert!(applied(&found.delta, &basis, &new) == new);
        assert_eq!(found.signature, reference::sign(&new, block_len(BLOCK)));
        assert!(found.delta.literal_bytes() <= reference::scan(&old, &new).literal_bytes());
    }

    #[test]
    fn threads_do_not_change_the_result((basis, new) in pair()) {
        let old = reference::sign(&basis, block_len(BLOCK));
        let one = scan(&old, &new, BLOCK, &options(1, 3000));
        assert_eq!(scan(&old, &new, BLOCK, &options(3, 3000)), one);
    }

    #[test]
    fn crcs_of_ranges((_, new) in pair(), a in any::<Index>(), b in any::<Index>()) {
        let (signature, crcs) =
            delta::sign(&new, block_len(BLOCK), &options(2, 4096), &|_| ControlFlow::Continue(())).unwrap();
        assert_eq!(signature, reference::sign(&new, block_len(BLOCK)));
        let (a, b) = (a.index(new.len() + 1), b.index(new.len() + 1));
        let (a, b) = (a.min(b), a.max(b));
        let expected = if a == b { 0 } else { crc_fast::crc64_nvme(&new[a..b]) };
        assert_eq!(crcs.range(a as u64..b as u64, &new).unwrap(), expected);
    }
}
