//! How fast the scan is, as ratios measured in one run on one machine, and what block lengths cost on real files.
//!
//! `cargo bench --bench scan -- [MIB]` compares with BLAKE3, `b3sum` (where it is on the path) and `fast_rsync`;
//! `cargo bench --bench scan -- OLD NEW` prints literal and sidecar bytes for every block length.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use hugesync::delta::{self, BlockLen, ReadAt, Scan, ScanOptions, Signature};

const DEFAULT_MIB: usize = 256;
/// The shorter part on which `fast_rsync` is timed: it needs a second for 50 MB.
const FAST_RSYNC_BYTES: usize = 32 << 20;
const ROUNDS: usize = 9;
const SIDECAR_BYTES_PER_BLOCK: u64 = 40;

/// A file read by position, without knowledge of holes.
struct Positional(File, u64);

impl Positional {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self(file, len))
    }
}

impl ReadAt for Positional {
    fn len(&self) -> u64 {
        self.1
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.0, buf, offset)
    }

    fn data_extent(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        Ok((from < self.1).then_some(from..self.1))
    }
}

fn main() -> io::Result<()> {
    // The harness' own arguments start with dashes.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    match &args[..] {
        [] => speeds(DEFAULT_MIB),
        [mib] => speeds(mib.parse().map_err(|_| io::Error::other(format!("{mib} is not a number of MiB")))?),
        [old, new] => block_lengths(Path::new(old), Path::new(new)),
        _ => Err(io::Error::other("give a number of MiB, or two files")),
    }
}

fn go_on(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The best of some rounds, in seconds.
fn seconds<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let start = Instant::now();
        black_box(work());
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(round).fold(f64::INFINITY, f64::min)
}

fn report(what: &str, bytes: usize, seconds: f64) -> f64 {
    let speed = bytes as f64 / seconds / 1e9;
    println!("{what:<58} {speed:7.2} GB/s");
    speed
}

/// A file of bytes that look random, written without holding them.
struct TempFile(PathBuf);

impl TempFile {
    fn noise(seed: u64, front: &[u8], len: usize) -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hugesync-bench-{}-{seed}-{}", std::process::id(), front.len()));
        let mut file = File::create(&path)?;
        file.write_all(front)?;
        let noise = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        io::copy(&mut noise.take(len as u64), &mut file)?;
        Ok(Self(path))
    }

    fn first_bytes(&self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.0)?.take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // What is left behind in the temporary folder does no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn scan(basis: &Signature, new: &dyn ReadAt, threads: NonZeroUsize) -> Scan {
    delta::scan(basis, new, basis.block_len(), &ScanOptions::threads(threads), &go_on).expect("scan")
}

fn speeds(mib: usize) -> io::Result<()> {
    let len = mib << 20;
    let block_len = BlockLen::for_file_len(len as u64);
    let all = std::thread::available_parallelism()?;
    println!("{mib} MiB, blocks of {} KiB, {all} threads at most\n", block_len.bytes() >> 10);
    let file = TempFile::noise(1, &[], len)?;
    let basis_file = Positional::open(&file.0)?;
    let shifted_file = TempFile::noise(1, &[7; 1000], len)?;
    let fresh_file = TempFile::noise(2, &[], len)?;

    let one = NonZeroUsize::MIN;
    let mut counts = vec![one];
    counts.extend((all > one).then_some(all));
    let (basis, _) = delta::sign(&basis_file, block_len, &ScanOptions::threads(all), &go_on).expect("sign");
    let mut all_new = Vec::new();
    for threads in counts {
        println!("{threads} threads");
        if threads == one {
            let mut buffer = vec![0; 256 << 10];
            let hash = seconds(ROUNDS, || {
                let mut file = File::open(&file.0).expect("open");
                let mut hasher = blake3::Hasher::new();
                while let Ok(read @ 1..) = file.read(&mut buffer) {
                    hasher.update(&buffer[..read]);
                }
                hasher.finalize()
            });
            report("  blake3, read in 256 KiB", len, hash);
        }
        let unchanged = seconds(ROUNDS, || scan(&basis, &basis_file, threads));
        let unchanged = report("  scan, unchanged", len, unchanged);
        let b3sum = || b3sum(&file.0, threads);
        if b3sum().is_ok() {
            let ours = report("  b3sum", len, seconds(ROUNDS, b3sum));
            println!("  unchanged / b3sum{:>48.2}", unchanged / ours);
        }
        let signing = || delta::sign(&basis_file, block_len, &ScanOptions::threads(threads), &go_on).expect("sign");
        report("  sign", len, seconds(ROUNDS, signing));
        let new = Positional::open(&shifted_file.0)?;
        report("  scan, shifted by 1000 bytes", len, seconds(ROUNDS, || scan(&basis, &new, threads)));
        let new = Positional::open(&fresh_file.0)?;
        let speed = report("  scan, all new", len, seconds(ROUNDS, || scan(&basis, &new, threads)));
        all_new.push((threads, speed));
    }
    if let Some(peak) = peak_memory_mib() {
        println!("peak memory so far {peak} MiB");
    }
    let piece = fresh_file.first_bytes(8 << 20)?;
    let sums = seconds(ROUNDS * 10, || delta::sum_range(&piece, 0, len as u64, block_len));
    report("sum_range, 8 MiB in memory", piece.len(), sums);
    let theirs = fast_rsync_speed(&file, &fresh_file, block_len)?;
    for (threads, speed) in all_new {
        println!("all new / fast_rsync, {threads} threads {:>40.2}", speed / theirs);
    }
    Ok(())
}

fn b3sum(path: &Path, threads: NonZeroUsize) -> io::Result<()> {
    let status =
        Command::new("b3sum").arg("--num-threads").arg(threads.to_string()).arg(path).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("b3sum failed")) }
}

fn fast_rsync_speed(basis: &TempFile, fresh: &TempFile, block_len: BlockLen) -> io::Result<f64> {
    let (basis, fresh) = (basis.first_bytes(FAST_RSYNC_BYTES)?, fresh.first_bytes(FAST_RSYNC_BYTES)?);
    let options = fast_rsync::SignatureOptions { block_size: block_len.bytes() as u32, crypto_hash_size: 16 };
    let signature = fast_rsync::Signature::calculate(&basis, options);
    let index = signature.index();
    let time = seconds(3, || fast_rsync::diff(&index, &fresh, io::sink()));
    Ok(report("fast_rsync::diff, all new, in memory", fresh.len(), time))
}

/// The most memory the process has had, in MiB, where the system tells.
fn peak_memory_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? >> 10)
}

fn block_lengths(old: &Path, new: &Path) -> io::Result<()> {
    let (old, new) = (Positional::open(old)?, Positional::open(new)?);
    let threads = std::thread::available_parallelism()?;
    let auto = BlockLen::for_file_len(new.len());
    println!(
        "{:>10} {:>14} {:>14} {:>10} {:>14}",
        "block KiB", "literal bytes", "sidecar bytes", "copies", "literal+2.5 sc"
    );
    for shift in 12..=22 {
        let block_len = BlockLen::new(1 << shift).map_err(io::Error::other)?;
        let options = ScanOptions::threads(threads);
        let (basis, _) = delta::sign(&old, block_len, &options, &go_on).map_err(io::Error::other)?;
        let found = delta::scan(&basis, &new, block_len, &options, &go_on).map_err(io::Error::other)?;
        let literal = found.delta.literal_bytes();
        let sidecar = block_len.count(new.len()) * SIDECAR_BYTES_PER_BLOCK;
        let copies = found.delta.ops().iter().filter(|op| matches!(op, delta::Op::Copy { .. })).count();
        let chosen = if block_len == auto { "  <- chosen" } else { "" };
        let total = literal + sidecar * 5 / 2;
        println!("{:>10} {literal:>14} {sidecar:>14} {copies:>10} {total:>14}{chosen}", block_len.bytes() >> 10);
    }
    Ok(())
}
