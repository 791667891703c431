//! The scan: which ranges of a new file lie where in a basis, and the new file's signature, in one pass on all cores.
//!
//! It decides nothing about transfers. `reference.rs` is its slow, readable twin.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::block::{BlockLen, BlockSum};
use super::cover::{Claim, Cover};
use super::crc::BlockCrcs;
use super::difference::Delta;
use super::error::ScanError;
use super::read::{ReadAt, SparseReader};
use super::segment::{SegmentSums, Task, Worker};
use super::signature::Signature;
use super::straighten::Straightener;
use super::strong;
use super::sums::{NO_SUM, signature_of};

/// How much of the file a thread takes at a time, in bytes, where blocks are not too long for that.
const SEGMENT_BYTES: u64 = 4 << 20;
/// A segment is this many blocks at least, so that little is read again at its borders.
const MIN_SEGMENT_BLOCKS: u64 = 8;
/// In how many places the short last block of the basis is looked for behind a copy of the block before it.
const MAX_TAIL_PLACES: usize = 16;

/// Told how many bytes are done; `Break` cancels. It is called from several threads, once a segment.
pub type Progress<'a> = &'a (dyn Fn(u64) -> ControlFlow<()> + Sync);

/// How to scan.
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions {
    /// How many threads work, the calling one among them. Each has a buffer of one segment and two basis blocks.
    pub threads: NonZeroUsize,
    /// The length of a segment in bytes, rounded up to whole blocks; `None` chooses 4 MiB, and more for long blocks.
    pub segment_len: Option<u64>,
}

impl ScanOptions {
    /// With this many threads and segments of the usual length.
    pub const fn threads(threads: NonZeroUsize) -> Self {
        Self { threads, segment_len: None }
    }

    fn segment(&self, longest_block: u64) -> u64 {
        let len = self.segment_len.unwrap_or(SEGMENT_BYTES.max(MIN_SEGMENT_BLOCKS * longest_block));
        len.max(1).next_multiple_of(longest_block)
    }
}

/// What a scan finds out about a new file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// How to make it out of the basis.
    pub delta: Delta,
    /// Its signature.
    pub signature: Signature,
    /// The CRC64NVME of any of its ranges.
    pub crcs: BlockCrcs,
}

/// Scans `new` against a `basis` and signs it in blocks of `block_len`, which may differ from those of the basis.
///
/// Every byte is read once, but for one block at either end of a segment that changed there, the bytes under the
/// basis' short last block, and copies that are straightened. Holes are not read. Of the new file's bytes, all that some
/// full block of the basis covers are copied; the short last block is found at its own offset, at the end of the new
/// file, and behind a copy of the block before it. Where bytes lie in several places of the basis, the same offset is
/// preferred, then the place that continues the copy before, also across segments. The result does not depend on the
/// number of threads.
///
/// A hostile signature can make it hash in vain twice as many bytes as the file has, and no more.
///
/// # Errors
///
/// [`ScanError::Read`] where reading fails, and [`ScanError::Cancelled`] once `progress` says so.
pub fn scan(
    basis: &Signature,
    new: &dyn ReadAt,
    block_len: BlockLen,
    options: &ScanOptions,
    progress: Progress<'_>,
) -> Result<Scan, ScanError> {
    let len = new.len();
    let segment = options.segment(block_len.bytes().max(basis.block_len().bytes()));
    let task = Task::new(basis, new, len, block_len.bytes(), segment);
    let mut assembly = run_workers(&task, options.threads, progress)?;
    add_tail(&mut assembly.cover, basis, new, len)?;
    let mut straightener = Straightener::new(basis, new, len);
    let straightened = assembly.cover.straighten(|claim, from| straightener.goes_on(claim, from));
    straightened.map_err(|(offset, source)| ScanError::Read { offset, source })?;
    let (signature, crcs) = signature_of(block_len, len, assembly.blocks, &assembly.crcs);
    Ok(Scan { delta: assembly.cover.into_delta(len), signature, crcs })
}

/// Signs a file that has no basis: its signature, and the CRC64NVME of any of its ranges. Errors are those of [`scan`].
pub fn sign(
    file: &dyn ReadAt,
    block_len: BlockLen,
    options: &ScanOptions,
    progress: Progress<'_>,
) -> Result<(Signature, BlockCrcs), ScanError> {
    let scan = scan(&Signature::empty(block_len), file, block_len, options, progress)?;
    Ok((scan.signature, scan.crcs))
}

fn run_workers(task: &Task<'_>, threads: NonZeroUsize, progress: Progress<'_>) -> Result<Assembly, ScanError> {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let assembly = Mutex::new(Assembly::new(task));
    let work = || -> Result<(), ScanError> {
        let mut worker = Worker::new(task);
        while !stop.load(Ordering::Relaxed) {
            let segment = next.fetch_add(1, Ordering::Relaxed);
            if segment >= task.segments() {
                break;
            }
            let sums = worker.run(segment)?;
            assembly.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).add(task, segment, sums);
            let len = task.segment.min(task.len - segment * task.segment);
            let bytes = done.fetch_add(len, Ordering::Relaxed) + len;
            if progress(bytes).is_break() {
                return Err(ScanError::Cancelled);
            }
        }
        Ok(())
    };
    let work = || work().inspect_err(|_| stop.store(true, Ordering::Relaxed));
    let others = task.segments().min(threads.get() as u64).saturating_sub(1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..others).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for handle in handles {
            result = result.and(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        result
    })?;
    Ok(assembly.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// The results of segments, put together in order.
struct Assembly {
    cover: Cover,
    blocks: Vec<BlockSum>,
    crcs: Vec<u64>,
    /// The segment whose claims come next, and claims of later ones.
    next: u64,
    early: BTreeMap<u64, Vec<Claim>>,
}

impl Assembly {
    fn new(task: &Task<'_>) -> Self {
        let count = task.len.div_ceil(task.new_block) as usize;
        let (blocks, crcs) = (vec![NO_SUM; count], vec![0; count]);
        Self { cover: Cover::default(), blocks, crcs, next: 0, early: BTreeMap::new() }
    }

    fn add(&mut self, task: &Task<'_>, segment: u64, sums: SegmentSums) {
        let first = (segment * (task.segment / task.new_block)) as usize;
        self.blocks[first..][..sums.blocks.len()].copy_from_slice(&sums.blocks);
        self.crcs[first..][..sums.crcs.len()].copy_from_slice(&sums.crcs);
        self.early.insert(segment, sums.claims);
        while let Some(claims) = self.early.remove(&self.next) {
            claims.into_iter().for_each(|claim| self.cover.add(claim));
            self.next += 1;
        }
    }
}

/// Looks for the short last block of the basis: at its own offset, behind copies of the block before it, at the end.
fn add_tail(cover: &mut Cover, basis: &Signature, new: &dyn ReadAt, len: u64) -> Result<(), ScanError> {
    let from = basis.len() / basis.block_len().bytes() * basis.block_len().bytes();
    let tail_len = basis.len() - from;
    let (Some(sum), 1..) = (basis.blocks().last(), tail_len) else {
        return Ok(());
    };
    if len < tail_len {
        return Ok(());
    }
    let behind = cover.after(from, len).filter(|(_, free)| *free > 0).map(|(at, _)| at).take(MAX_TAIL_PLACES);
    let places: Vec<u64> = [from].into_iter().chain(behind).chain([len - tail_len]).collect();
    let mut reader = SparseReader::new(new);
    let mut bytes = vec![0; tail_len as usize];
    for at in places {
        if at + tail_len > len || cover.has(at, at + tail_len) {
            continue;
        }
        reader.read(&mut bytes, at).map_err(|source| ScanError::Read { offset: at, source })?;
        if strong::block_value(&bytes, from, basis.blocks().len() == 1) == sum.strong {
            cover.add(Claim { at, len: tail_len, from });
        }
    }
    Ok(())
}
