//! The scan's corners: files without bytes, zeros without end, cancelled scans, files that shrink, holes, and signatures
//! made to waste its time.

use std::io;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};

use hugesync::delta::{
    self, BlockLen, BlockSum, Op, ReadAt, Scan, ScanError, ScanOptions, Signature, SignatureError, StrongSum, WeakSum,
    reference,
};

const BLOCK: u64 = 1024;

fn block_len(bytes: u64) -> BlockLen {
    BlockLen::new(bytes).unwrap()
}

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn options(segment_len: u64) -> ScanOptions {
    ScanOptions { threads: NonZeroUsize::new(2).unwrap(), segment_len: Some(segment_len) }
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn scan(basis: &[u8], new: &[u8]) -> Scan {
    let old = reference::sign(basis, block_len(BLOCK));
    let found = delta::scan(&old, &new, block_len(BLOCK), &options(8 * BLOCK), &go_on).unwrap();
    let mut out = Vec::new();
    delta::apply(&found.delta, &basis, &new, &mut out).unwrap();
    assert!(out == *new, "the delta makes another file");
    assert_eq!(found.signature, reference::sign(new, block_len(BLOCK)));
    found
}

#[test]
fn empty_files() {
    assert_eq!(scan(&[], &[]).delta.ops(), []);
    assert_eq!(scan(&noise(1, 5000), &[]).delta.ops(), []);
    assert_eq!(scan(&[], &noise(1, 5000)).delta.ops(), [Op::Literal { len: 5000 }]);
}

#[test]
fn identical_files_of_every_length_near_a_block_are_one_copy() {
    for len in [1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 8191, 8192, 8193, 50_000] {
        let bytes = noise(1, len);
        let delta = scan(&bytes, &bytes).delta;
        assert_eq!(delta.ops(), [Op::Copy { from: 0, len: len as u64 }]);
        assert!(delta.is_identity(len as u64));
    }
}

#[test]
fn runs_of_zeros_do_not_lead_a_shifted_copy_astray() {
    let mut basis = Vec::new();
    for seed in 0..20 {
        basis.extend(noise(seed, 5_000 + 700 * seed as usize));
        basis.resize(basis.len() + 3_000 + 1_111 * seed as usize, 0);
    }
    basis.extend(noise(99, 4_000));
    for shift in [1, 1000, 1024, 5000] {
        let new = [noise(50, shift), basis.clone()].concat();
        let expected = [Op::Literal { len: shift as u64 }, Op::Copy { from: 0, len: basis.len() as u64 }];
        assert_eq!(scan(&basis, &new).delta.ops(), expected, "shifted by {shift}");
    }
}

#[test]
fn a_file_shorter_than_a_block_is_found_at_both_ends() {
    let basis = noise(1, 700);
    let mut behind = noise(2, 5000);
    behind.extend(&basis);
    assert_eq!(scan(&basis, &behind).delta.ops(), [Op::Literal { len: 5000 }, Op::Copy { from: 0, len: 700 }]);
    let mut before = basis.clone();
    before.extend(noise(2, 5000));
    assert_eq!(scan(&basis, &before).delta.ops(), [Op::Copy { from: 0, len: 700 }, Op::Literal { len: 5000 }]);
}

#[test]
fn a_basis_of_exactly_one_block_is_found_anywhere() {
    let basis = noise(1, 1024);
    let new = [noise(2, 9_999), basis.clone(), noise(3, 777)].concat();
    let expected = [Op::Literal { len: 9_999 }, Op::Copy { from: 0, len: 1024 }, Op::Literal { len: 777 }];
    assert_eq!(scan(&basis, &new).delta.ops(), expected);
}

#[test]
fn appending_copies_the_short_last_block_too() {
    let basis = noise(1, 5 * 1024 + 300);
    let new = [basis.clone(), noise(2, 3000)].concat();
    assert_eq!(scan(&basis, &new).delta.ops(), [Op::Copy { from: 0, len: 5420 }, Op::Literal { len: 3000 }]);
}

#[test]
fn the_short_last_block_follows_a_shifted_copy() {
    let basis = noise(1, 5 * 1024 + 300);
    let new = [noise(2, 10), basis.clone(), noise(3, 3000)].concat();
    let expected = [Op::Literal { len: 10 }, Op::Copy { from: 0, len: 5420 }, Op::Literal { len: 3000 }];
    assert_eq!(scan(&basis, &new).delta.ops(), expected);
}

#[test]
fn an_insertion_at_the_front_is_one_literal_across_all_segments() {
    let basis = noise(1, 200 * 1024);
    let new = [noise(2, 5), basis.clone()].concat();
    assert_eq!(scan(&basis, &new).delta.ops(), [Op::Literal { len: 5 }, Op::Copy { from: 0, len: 200 * 1024 }]);
}

#[test]
fn swapped_halves_are_two_copies() {
    let basis = noise(1, 100 * 1024);
    let mut new = basis.clone();
    new.rotate_left(50 * 1024);
    let expected = [Op::Copy { from: 50 * 1024, len: 50 * 1024 }, Op::Copy { from: 0, len: 50 * 1024 }];
    assert_eq!(scan(&basis, &new).delta.ops(), expected);
}

/// Half a mebibyte of zeros in 64 segments: neither a copy a block nor one a segment.
#[test]
fn zeros_are_few_copies_whatever_the_lengths() {
    for (old, new) in [(100 * 1024, 512 * 1024), (512 * 1024, 100 * 1024), (100 * 1024 + 5, 512 * 1024 + 77)] {
        let delta = scan(&vec![0; old], &vec![0; new]).delta;
        assert!(delta.literal_bytes() < BLOCK, "{} literal bytes of {new} from {old}", delta.literal_bytes());
        let fewest = new.div_ceil(old);
        assert!(delta.ops().len() <= fewest + 3, "{} operations for {new} zeros from {old}", delta.ops().len());
    }
}

#[test]
fn zeros_that_grow_between_data_stay_few_copies() {
    let (a, b) = (noise(1, 20 * 1024), noise(2, 20 * 1024));
    let basis = [a.clone(), vec![0; 40 * 1024], b.clone()].concat();
    let new = [a, vec![0; 400 * 1024 + 33], b].concat();
    let delta = scan(&basis, &new).delta;
    assert!(delta.literal_bytes() < 2 * BLOCK, "{} literal bytes", delta.literal_bytes());
    assert!(delta.ops().len() <= 16, "{} operations", delta.ops().len());
}

#[test]
fn two_blocks_in_turn_are_at_most_a_copy_or_two_a_segment() {
    let pattern = [noise(1, 1024), noise(2, 1024)].concat();
    let (basis, new) = (pattern.repeat(50), [noise(3, 1), pattern.repeat(200)].concat());
    let delta = scan(&basis, &new).delta;
    assert_eq!(delta.literal_bytes(), 1);
    let segments = new.len().div_ceil(8 * 1024);
    assert!(delta.ops().len() <= 2 * segments + 1, "{} operations, {segments} segments", delta.ops().len());
}

/// A source that counts what is read and has a hole.
struct Holey {
    bytes: Vec<u8>,
    hole: Range<u64>,
    read: AtomicU64,
}

impl ReadAt for Holey {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.read.fetch_add(buf.len() as u64, Ordering::Relaxed);
        self.bytes.read_exact_at(buf, offset)
    }

    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let len = self.len();
        Ok([0..self.hole.start, self.hole.end..len]
            .into_iter()
            .find(|run| run.end > from)
            .map(|run| run.start.max(from)..run.end))
    }
}

#[test]
fn unchanged_bytes_are_read_once_and_holes_never() {
    let hole = 20_000..90_000;
    let mut bytes = noise(1, 100_000);
    bytes[20_000..90_000].fill(0);
    let old = reference::sign(&bytes, block_len(BLOCK));
    let file = Holey { bytes, hole, read: AtomicU64::new(0) };
    let found = delta::scan(&old, &file, block_len(BLOCK), &options(8 * BLOCK), &go_on).unwrap();
    assert!(found.delta.is_identity(100_000));
    assert_eq!(file.read.into_inner(), 30_000);
}

#[test]
fn new_bytes_are_read_once_but_for_two_blocks_a_segment() {
    let old = reference::sign(&noise(1, 64 * 1024), block_len(BLOCK));
    let file = Holey { bytes: noise(2, 64 * 1024), hole: 0..0, read: AtomicU64::new(0) };
    delta::scan(&old, &file, block_len(BLOCK), &options(16 * BLOCK), &go_on).unwrap();
    let read = file.read.into_inner();
    assert!(read <= 64 * 1024 + 3 * 2 * 1024, "{read} bytes read");
}

#[test]
fn a_file_that_shrank_is_a_read_error() {
    struct Shrunk(Vec<u8>);
    impl ReadAt for Shrunk {
        fn len(&self) -> u64 {
            self.0.len() as u64 + 5000
        }
        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            self.0.read_exact_at(buf, offset)
        }
        fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
            self.0.data_extent(from)
        }
    }
    let old = reference::sign(&noise(1, 90_000), block_len(BLOCK));
    let result = delta::scan(&old, &Shrunk(noise(1, 60_000)), block_len(BLOCK), &options(8 * BLOCK), &go_on);
    match result {
        Err(ScanError::Read { offset, source }) => {
            assert!(offset < 65_000 && source.kind() == io::ErrorKind::UnexpectedEof, "{offset} {source}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn progress_ends_with_all_bytes_and_can_cancel() {
    let new = noise(2, 100_000);
    let old = reference::sign(&new, block_len(BLOCK));
    let most = AtomicU64::new(0);
    let note = |done| {
        most.fetch_max(done, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    delta::scan(&old, &new, block_len(BLOCK), &options(8 * BLOCK), &note).unwrap();
    assert_eq!(most.into_inner(), 100_000);
    let stop = |done| if done > 20_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let result = delta::scan(&old, &new, block_len(BLOCK), &options(8 * BLOCK), &stop);
    assert!(matches!(result, Err(ScanError::Cancelled)));
}

/// A signature whose weak sums are right and whose strong sums never are, so that every hit is hashed in vain. The new
/// file has a hit at every place.
#[test]
fn a_hostile_signature_costs_no_more_than_a_second_pass() {
    let len = 4 << 20;
    let long = 64 * BLOCK;
    let weak = reference::sign(&vec![0; len], block_len(long)).blocks()[0].weak;
    let blocks = |weak| vec![BlockSum { weak, strong: StrongSum([7; 32]) }; len / long as usize];
    let hostile = |weak: WeakSum| {
        // What a sidecar may claim as long as its own tree is right.
        let root = match Signature::new(block_len(long), len as u64, blocks(weak), [0; 32], 0) {
            Err(SignatureError::Root) => merged(len / long as usize),
            other => panic!("{other:?}"),
        };
        Signature::new(block_len(long), len as u64, blocks(weak), root, 0).unwrap()
    };
    let new = vec![0; len];
    let start = std::time::Instant::now();
    let found = delta::scan(&hostile(weak), &new, block_len(long), &options(8 * long), &go_on).unwrap();
    assert_eq!(found.delta.ops(), [Op::Literal { len: len as u64 }]);
    // Without a budget, four million windows of 64 KiB would be hashed, which takes a minute at the very least.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// The root over `count` values of seven, a power of two.
fn merged(count: usize) -> [u8; 32] {
    use blake3::hazmat::{Mode, merge_subtrees_non_root, merge_subtrees_root};
    let mut value = [7; 32];
    for _ in 1..count.ilog2() {
        value = merge_subtrees_non_root(&value, &value, Mode::Hash);
    }
    merge_subtrees_root(&value, &value, Mode::Hash).into()
}
