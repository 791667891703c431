//! Sources that are not there, are no files, or do not hold still.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use strict_s3::{Fault, FaultAction, Limits};

use super::layout::make_pipe;
use super::support::{Target, noise, run, side_by_side};

/// Long enough to change a file in between.
const PAUSE: FaultAction = FaultAction::Stall(Duration::from_millis(1200));

/// How a file changes.
#[derive(Debug, Clone, Copy)]
enum Change {
    Append,
    Truncate,
    Overwrite,
}

impl Change {
    fn apply(self, path: &Path) {
        let mut file = File::options().append(matches!(self, Self::Append)).write(true).open(path).expect("the file");
        match self {
            Self::Append => file.write_all(b"more").expect("a write"),
            Self::Truncate => file.set_len(1000).expect("a length"),
            Self::Overwrite => file.write_all_at(b"other", 4_000_000).expect("a write"),
        }
    }
}

/// The file changes while its upload is under way: a clear error, and the old version stands.
#[test]
fn that_change_are_an_error() {
    let rows: Vec<_> = ["HeadObject", "GetObject", "CreateMultipartUpload", "UploadPart", "UploadPartCopy"]
        .into_iter()
        .flat_map(|at| [Change::Append, Change::Truncate, Change::Overwrite].map(|change| (at, change)))
        .collect();
    let old = noise(1, 12 << 20);
    let new = [b"?", &old[..]].concat();
    side_by_side(&rows, |_, (at, change)| {
        let target = Target::start();
        target.sync(target.file("old.img", &old), "x.img", &[]).ok();
        let path = target.file("new.img", &new);
        target.double().clear_requests();
        let nth = nth(at);
        target.double().inject(Fault::next(at, PAUSE).nth(nth));
        let running = target.begin(&path, "x.img", &[]);
        target.wait_for(at, nth as usize);
        change.apply(&path);
        let run =
            running.wait().exits(1).says("the file changed while it was read").says("hint: sync it while nothing");
        assert_eq!(run.of_file("action"), "failed");
        target.assert_holds("x.img", &old);
        assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    });
}

/// A file that is written to between the scan and the upload, by a way that leaves its time as it was (writes through a
/// shared mapping may): what is sent is compared with what was scanned, on stores that verify and on those that do not.
#[test]
fn that_change_behind_the_clock_are_an_error() {
    for limits in [Limits::aws(), Limits::ceph()] {
        let target = Target::with(limits);
        let path = target.file("x.img", noise(1, 20 << 20));
        target.sync(&path, "x.img", &[]).ok();
        let before = target.get("x.img");
        let file = OpenOptions::new().write(true).open(&path).expect("it opens");
        file.write_all_at(b"first", 9 << 20).expect("a write");
        let modified = file.metadata().expect("its times").modified().expect("a time");
        target.double().clear_requests();
        target.double().inject(Fault::next("CreateMultipartUpload", PAUSE));
        let running = target.begin(&path, "x.img", &[]);
        target.wait_for("CreateMultipartUpload", 1);
        file.write_all_at(b"other", 9 << 20).expect("a write");
        file.set_times(FileTimes::new().set_modified(modified)).expect("its times");
        running.wait().exits(1).says("the file changed while it was read");
        assert!(target.get("x.img") == before, "the old version stands");
        assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    }
}

/// The same for a first upload in parts, and for one in a single request.
#[test]
fn that_change_are_not_created() {
    for (len, at, change) in [
        (20 << 20, "UploadPart", Change::Append),
        (20 << 20, "UploadPart", Change::Overwrite),
        (20 << 20, "UploadPart", Change::Truncate),
        (20 << 20, "HeadObject", Change::Append),
        (200_000, "HeadObject", Change::Truncate),
    ] {
        let target = Target::start();
        let path = target.file("x.img", noise(1, len));
        let nth = nth(at);
        target.double().inject(Fault::next(at, PAUSE).nth(nth));
        let running = target.begin(&path, "x.img", &["--jobs=1"]);
        target.wait_for(at, nth as usize);
        change.apply(&path);
        running.wait().exits(1).says("the file changed while it was read");
        assert_eq!(target.double().keys("bucket"), [""; 0], "{at} {change:?}");
        assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    }
}

/// The first HEAD asks whether the destination is a folder, before the file is opened.
fn nth(kind: &str) -> u64 {
    if kind == "HeadObject" { 2 } else { 1 }
}

/// A file of a folder that is gone when its turn comes is skipped with a warning, as rsync does.
#[test]
fn that_vanish_are_skipped() {
    let target = Target::start();
    target.file("data/stays", "stays");
    let path = target.file("data/vanishes", "vanishes");
    target.double().inject(Fault::next("ListObjectsV2", PAUSE));
    let running = target.begin("data/", "p", &[]);
    target.wait_for("ListObjectsV2", 1);
    fs::remove_file(path).expect("it is removed");
    let run = running.wait().ok().says("vanished before it was read");
    assert_eq!((run.number("files_uploaded"), run.number("files_skipped")), (1, 1), "{}", run.text());
    assert_eq!(target.double().keys("bucket"), ["p/stays"]);
}

#[test]
fn that_are_not_there_cost_no_request() {
    let target = Target::start();
    let missing = run(&mut target.sync_command("nowhere", "s3://bucket/x", &["--json"])).exits(1);
    let missing = missing.says("error: cannot read the source nowhere: No such file or directory");
    assert!(missing.json()["error"]["message"].as_str().is_some_and(|text| text.contains("nowhere")));

    target.file("file", "x");
    let slash = run(&mut target.sync_command("file/", "s3://bucket/x", &[])).exits(1);
    slash.says("file/");
    assert_eq!(target.double().traffic().requests, 0);
    assert_eq!(target.double().keys("bucket"), [""; 0]);
}

/// A pipe has no length and can be read once: it is refused, not waited for.
#[test]
fn that_are_pipes_are_refused() {
    let target = Target::start();
    make_pipe(&target.path("pipe"));
    run(&mut target.sync_command("pipe", "s3://bucket/x", &[])).exits(1).says("is no regular file");
    assert_eq!(target.double().keys("bucket"), [""; 0]);
}

/// A link that is named as the source is followed; those in a folder are not (`layout.rs`).
#[test]
fn that_are_links_are_followed() {
    let target = Target::start();
    target.file("data/a", "one");
    std::os::unix::fs::symlink("data/a", target.path("file")).expect("a link");
    std::os::unix::fs::symlink("data", target.path("folder")).expect("a link");
    run(&mut target.sync_command("file", "s3://bucket/", &[])).ok();
    run(&mut target.sync_command("folder/", "s3://bucket/p", &[])).ok();
    assert_eq!(target.double().keys("bucket"), ["file", "p/a"]);
}

#[test]
fn that_may_not_be_read_fail_alone() {
    let target = Target::start();
    target.file("data/good", "good");
    let secret = target.file("data/secret", "secret");
    fs::create_dir(target.path("data/closed")).expect("a folder");
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    mode(&secret, 0o000);
    mode(&target.path("data/closed"), 0o000);
    mode(&target.path("."), 0o755);
    let mut command = target.sync_command("data/", "s3://bucket/p", &["--json"]);
    // Root may read everything: as nobody, then.
    let probe = File::open(&secret).is_ok();
    if probe {
        command.uid(65534).gid(65534);
    }
    let started = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut command)));
    mode(&target.path("data/closed"), 0o755);
    let Ok(run) = started else {
        assert!(probe, "the program could not be started");
        eprintln!("the program cannot be started as another user here: nothing to test");
        return;
    };
    let run = run.exits(3).says("secret: cannot read the file: Permission denied").says("closed: ");
    assert_eq!((run.number("files_uploaded"), run.number("files_failed")), (1, 2), "{}", run.text());
    assert_eq!(target.double().keys("bucket"), ["p/good"]);
}

/// Holes are not read, and are zeros at the destination.
#[test]
fn that_are_sparse_are_filled_with_zeros() {
    let target = Target::start();
    let path = target.path("sparse.img");
    let file = File::create(&path).expect("a file");
    file.set_len(40 << 20).expect("a length");
    file.write_all_at(&noise(1, 100_000), 17_000_000).expect("a write");
    let run = target.sync(&path, "x.img", &[]).ok();
    assert!(run.verified());
    target.assert_holds("x.img", &fs::read(&path).expect("its bytes"));
    file.write_all_at(b"here", 30_000_000).expect("a write");
    let run = target.sync(&path, "x.img", &[]).ok();
    assert!(run.number("bytes_uploaded") <= 5 << 20, "{}", run.text());
    target.assert_holds("x.img", &fs::read(&path).expect("its bytes"));
}

/// The kernel makes such files up as they are read, and says nothing sensible of their length before.
#[cfg(target_os = "linux")]
#[test]
fn files_whose_length_nobody_tells_are_read_to_their_end() {
    let target = Target::start();
    for (path, key) in [("/proc/version", "version"), ("/sys/devices/system/cpu/online", "online")] {
        let bytes = std::fs::read(path).expect("it can be read");
        let run = target.sync(path, key, &[]).ok();
        assert!(run.verified(), "{}", run.text());
        assert_eq!(run.number("bytes_total"), bytes.len() as u64, "{}", run.text());
        target.assert_holds(key, &bytes);
        assert_eq!(target.sync(path, key, &[]).ok().of_file("action"), "unchanged");
    }
    // In a tree they are found behind links.
    std::os::unix::fs::symlink("/proc/version", target.path("link")).expect("a link");
    target.file("tree/empty", "");
    std::fs::rename(target.path("link"), target.path("tree/link")).expect("it moves");
    run(&mut target.sync_command("tree/", "s3://bucket/tree/", &["-L"])).ok();
    target.assert_holds("tree/link", &std::fs::read("/proc/version").expect("it can be read"));
    target.assert_holds("tree/empty", b"");
}
