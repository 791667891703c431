//! The numbers that the project promises, at the size that it promises them for.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use strict_s3::Limits;

use super::support::{MIN_PART, Run, Running, Target, fill_noise, noise};

const GIB: u64 = 1 << 30;
/// Written and compared at once, in bytes.
const PIECE: usize = 16 << 20;

/// The slow one: 2 GiB, twenty scattered pages, one byte in front. Block lengths are the program's own choice.
#[test]
fn two_gib() {
    // Opaque ETags spare the server the MD5 of copied parts; the CRC64NVME is checked as ever.
    let target = Target::with(Limits { opaque_etags: true, ..Limits::aws() });
    let len = 2 * GIB;
    let path = target.path("disk.img");
    write_noise(&path, len);
    let sync = || {
        let command = &mut target.sync_command(&path, &target.url("disk.img"), &["--json"]);
        target.double().clear_requests();
        super::support::start(command)
    };

    let (run, read) = read_by(sync());
    assert_eq!(run.number("bytes_uploaded"), len);
    assert_eq!(part_bytes(&target), len, "every byte is sent once");
    if let Some(read) = read {
        assert!(read < len + len / 50, "a first upload reads the file once: {read} bytes of {len} were read");
    }

    let file = File::options().write(true).open(&path).expect("the file");
    for edit in 0..20 {
        let at = (edit * len / 20 + 7_654_321) & !4095;
        file.write_all_at(&noise(1000 + edit, 4096), at).expect("a write");
    }
    let run = sync().wait().ok();
    println!("20 pages: {}", run.stdout);
    let sidecars = run.number("bytes_sidecar_down") + run.number("bytes_sidecar_up");
    assert!(run.number("bytes_uploaded") <= 20 * MIN_PART, "{}", run.text());
    assert_eq!(part_bytes(&target), run.number("bytes_uploaded"), "the report is what was sent");
    let traffic = target.double().traffic();
    // Bodies of Complete and the like are a few hundred bytes a part.
    assert!(traffic.bytes_in <= 20 * MIN_PART + sidecars + 100_000, "{traffic:?}");
    assert_same(&target, &path);

    drop(file);
    insert_a_byte(&path);
    let run = sync().wait().ok();
    println!("a byte in front: {}", run.stdout);
    let block_len = hugesync::delta::BlockLen::for_file_len(len).bytes();
    let sidecars = run.number("bytes_sidecar_down") + run.number("bytes_sidecar_up");
    assert!(run.number("bytes_uploaded") <= MIN_PART + block_len, "{}", run.text());
    let traffic = target.double().traffic();
    assert!(traffic.bytes_in <= MIN_PART + block_len + sidecars + 100_000, "{traffic:?}");
    // Signatures are to cost no more than they save: less than one percent here.
    assert!(sidecars < len / 100, "{sidecars} bytes of sidecars");
    assert_same(&target, &path);

    let run = sync().wait().ok();
    assert_eq!((run.number("bytes_uploaded"), run.number("bytes_copied")), (0, 0), "{}", run.text());
}

fn write_noise(path: &Path, len: u64) {
    let mut file = File::create(path).expect("a file");
    let mut piece = vec![0; PIECE];
    for seed in 0..len / PIECE as u64 {
        fill_noise(seed, &mut piece);
        file.write_all(&piece).expect("a write");
    }
}

fn insert_a_byte(path: &Path) {
    let longer = path.with_extension("longer");
    let mut out = File::create(&longer).expect("a file");
    out.write_all(b"!").expect("a write");
    std::io::copy(&mut File::open(path).expect("the file"), &mut out).expect("a copy");
    fs::rename(longer, path).expect("a rename");
}

/// Body bytes of all uploaded parts.
fn part_bytes(target: &Target) -> u64 {
    let requests = target.double().requests();
    requests.iter().filter(|request| request.kind == "UploadPart").map(|request| request.bytes_in).sum()
}

fn assert_same(target: &Target, path: &Path) {
    let mut stored = blake3::Hasher::new();
    target.double().read_to(&target.bucket, "disk.img", &mut stored).expect("the object");
    let mut local = blake3::Hasher::new();
    local.update_reader(File::open(path).expect("the file")).expect("its bytes");
    assert_eq!(stored.finalize(), local.finalize(), "the object is not the file");
}

/// Waits for a child, and how many bytes it has read by then, where the system counts them: from files, that is, the
/// network is not among them.
fn read_by(running: Running) -> (Run, Option<u64>) {
    let process = format!("/proc/{}", running.id());
    // Once it has ended, and before it has been waited for, its counts are final.
    let ended = || {
        let stat = fs::read_to_string(format!("{process}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, state)| state.starts_with('Z'))
    };
    while !ended() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let io = fs::read_to_string(format!("{process}/io")).unwrap_or_default();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: ")?.parse().ok());
    (running.wait().ok(), read)
}
