//! How long plans take at full size: `cargo bench --bench plan`.
//!
//! Prints, for each shape of change, the seconds (by the clock and, on Linux, on a processor), the plan, and the most memory
//! the process has held so far.

use std::time::Instant;

use hugesync::{
    delta::{Delta, Op},
    stitch::{CostModel, PartLimits, PlanError, plan},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TB: u64 = 1_000_000_000_000;

/// What S3 allows.
const LIMITS: PartLimits =
    PartLimits { min_part: 5 * MIB, max_part: 5 * GIB, max_parts: 10_000, max_object: 50 * TB, equal_parts: false };

/// A file of `len` bytes with `changes` changes of 64 KiB at random places, the rest where it was.
fn scattered(len: u64, changes: u64, rng: &mut StdRng) -> Delta {
    let block = 64 * KIB;
    let mut changed: Vec<u64> = (0..changes).map(|_| rng.random_range(0..len / block)).collect();
    changed.sort_unstable();
    changed.dedup();
    let mut delta = Delta::default();
    for at in changed {
        let at = at * block;
        delta.push(Op::Copy { from: delta.len(), len: at - delta.len() });
        delta.push(Op::Literal { len: block });
    }
    delta.push(Op::Copy { from: delta.len(), len: len - delta.len() });
    delta
}

/// `copies` copies of a length that `lengths` draws, a few literal bytes before each.
fn dense(copies: u64, rng: &mut StdRng, lengths: impl Fn(&mut StdRng) -> u64) -> Delta {
    let mut delta = Delta::default();
    let mut from = 0;
    for _ in 0..copies {
        delta.push(Op::Literal { len: rng.random_range(1..=MIB) });
        let len = lengths(rng);
        delta.push(Op::Copy { from, len });
        from += len + 1;
    }
    delta
}

/// A file of `len` bytes with a few bytes inserted now and then, so that all behind lies at a shifted place.
fn shifted(len: u64, insertions: u64, rng: &mut StdRng) -> Delta {
    let mut delta = Delta::default();
    let step = len / insertions;
    for at in 0..insertions {
        delta.push(Op::Literal { len: rng.random_range(1..=100 * KIB) });
        delta.push(Op::Copy { from: at * step, len: step });
    }
    delta
}

fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

/// How long this thread has run on a processor, which other processes do not blur.
fn processor_seconds() -> Option<f64> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(schedstat.split_whitespace().next()?.parse::<u64>().ok()? as f64 / 1e9)
}

fn measure(name: &str, delta: &Delta, limits: &PartLimits) -> Result<(), PlanError> {
    let (start, processor) = (Instant::now(), processor_seconds());
    let plan = plan(delta, limits, &CostModel::default())?;
    let seconds = start.elapsed().as_secs_f64();
    let on_processor = processor_seconds().zip(processor).map_or(seconds, |(now, before)| now - before);
    println!(
        "{name}: {seconds:.3} s ({on_processor:.3} s on a processor) for {} operations, {:.3} TB; uploads {} bytes (new {}, at least {}) in {} parts, copies {} in {}; peak {} MiB",
        delta.ops().len(),
        delta.len() as f64 / TB as f64,
        plan.uploaded_bytes(),
        delta.literal_bytes(),
        plan.uploaded_floor(),
        plan.upload_requests(),
        plan.copied_bytes(),
        plan.copy_requests(),
        peak_memory_mib().unwrap_or(0),
    );
    Ok(())
}

fn main() -> Result<(), PlanError> {
    let mut rng = StdRng::seed_from_u64(50);
    let free = PartLimits { max_parts: u32::MAX, ..LIMITS };
    measure("100 GB, 1,000 changes", &scattered(TB / 10, 1_000, &mut rng), &LIMITS)?;
    measure("1 TB, 50,000 changes", &scattered(TB, 50_000, &mut rng), &LIMITS)?;
    measure("10 TB, a million changes", &scattered(10 * TB, 1_000_000, &mut rng), &LIMITS)?;
    let huge = scattered(50 * TB, 1_000_000, &mut rng);
    measure("50 TB, a million changes", &huge, &LIMITS)?;
    measure("50 TB, a million changes, any number of parts", &huge, &free)?;
    measure("50 TB, a million changes, equal parts", &huge, &PartLimits { equal_parts: true, ..LIMITS })?;
    let middling = dense(1_000_000, &mut rng, |rng| rng.random_range(LIMITS.min_part..3 * LIMITS.min_part));
    measure("a million copies of 5 to 15 MiB", &middling, &LIMITS)?;
    measure("a million copies of 5 to 15 MiB, any number of parts", &middling, &free)?;
    let tight = dense(1_000_000, &mut rng, |rng| LIMITS.min_part + rng.random_range(0..64 * KIB));
    measure("a million copies hardly above 5 MiB, any number of parts", &tight, &free)?;
    measure("4 TB shifted by 2,000 insertions", &shifted(4 * TB, 2_000, &mut rng), &LIMITS)?;
    Ok(())
}
