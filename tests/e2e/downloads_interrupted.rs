//! Downloads that end before their end: killed, interrupted, and resumed.

use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _};
use strict_s3::{Fault, FaultAction};

use super::support::{Target, noise, side_by_side};

/// Runs that are killed, of each kind. `HUGESYNC_KILLS` asks for more.
const TRIES: u64 = 12;
/// The longest range of one request in bytes.
const RANGE: u64 = 8 << 20;

/// `kill -9` at random moments: whatever stands is the old version or the new one, and the next run makes it the new one,
/// fetches no more than was missing, and leaves nothing else.
#[test]
fn killed_at_random_moments() {
    let given: Option<u64> = std::env::var("HUGESYNC_E2E_SEED").ok().and_then(|seed| seed.parse().ok());
    let tries = std::env::var("HUGESYNC_KILLS").ok().and_then(|tries| tries.parse().ok()).unwrap_or(TRIES);
    let seed = given.unwrap_or_else(rand::random);
    println!("HUGESYNC_E2E_SEED={seed}");
    let target = Target::start();
    let old = noise(1, 24 << 20);
    let new = [b"?", &old[..14_000_000], &noise(2, 3 << 20), &old[14_000_000..]].concat();
    target.sync(target.file("new.img", &new), "new.img", &[]).ok();
    for number in 0..30u64 {
        target.put(&format!("tree/f{number}"), noise(number, 20_000));
    }
    let begun = Instant::now();
    target.fetch("new.img", "first.img", &[]).ok();
    let whole_run = begun.elapsed();
    let rows: Vec<(u64, &str)> =
        (0..tries).flat_map(|number| ["whole", "delta", "unsigned", "tree"].map(|kind| (number, kind))).collect();
    target.put("unsigned.img", &new);
    side_by_side(&rows, |row, (number, kind)| {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed ^ (row as u64) << 8);
        let folder = format!("{number}-{kind}");
        std::fs::create_dir(target.path(&folder)).expect("a folder");
        let at = format!("{folder}/x.img");
        let (key, to) = match *kind {
            "tree" => ("tree/", folder.as_str()),
            "unsigned" => ("unsigned.img", at.as_str()),
            _ => ("new.img", at.as_str()),
        };
        if *kind == "delta" {
            target.file(&at, &old);
        }
        let running = target.begin_fetch(key, to, &[]);
        std::thread::sleep(whole_run.mul_f64(random.random_range(0.0..2.0)));
        running.kill();
        if *kind == "tree" {
            for number in 0..30u64 {
                if let Ok(bytes) = std::fs::read(target.path(&format!("{folder}/f{number}"))) {
                    assert!(bytes == noise(number, 20_000), "f{number} is not whole");
                }
            }
            target.fetch(key, to, &[]).ok();
            assert_eq!(target.names(&folder).len(), 30, "{:?}", target.names(&folder));
            return;
        }
        let stands = std::fs::read(target.path(&at)).ok();
        match &stands {
            None => assert!(*kind != "delta", "the old version is gone"),
            Some(bytes) => assert!(*bytes == new || *kind == "delta" && *bytes == old, "{at} is neither version"),
        }
        let left = std::fs::metadata(target.path(&format!("{folder}/.x.img.hspart"))).ok();
        let run = target.fetch(key, to, &[]).ok();
        assert!(run.verified(), "{}", run.text());
        target.assert_file(&at, &new);
        assert_eq!(target.names(&folder), ["x.img"]);
        if left.is_none() && stands.is_some_and(|bytes| bytes == new) {
            assert_eq!(run.number("bytes_downloaded"), 0, "{}", run.text());
        }
        let again = target.fetch(key, to, &[]).ok();
        assert_eq!(again.number("bytes_downloaded"), 0, "{}", again.text());
    });
}

/// What a killed run has fetched is not fetched again.
#[test]
fn a_killed_download_is_resumed() {
    for signed in [true, false] {
        let target = Target::start();
        let bytes = noise(1, 40 << 20);
        if signed {
            target.sync(target.file("disk.img", &bytes), "x.img", &[]).ok();
        } else {
            target.put("x.img", &bytes);
        }
        target.double().clear_requests();
        // The sidecar is asked for too.
        let stall = Fault::next("GetObject", FaultAction::Stall(Duration::from_secs(600))).nth(5).times(u64::MAX);
        target.double().inject(stall);
        let running = target.begin_fetch("x.img", "x.img", &["--jobs=1"]);
        target.wait_for("GetObject", 5);
        std::thread::sleep(Duration::from_millis(200));
        running.kill();
        target.double().clear_faults();
        assert!(!target.path("x.img").exists());

        let run = target.fetch("x.img", "x.img", &[]).ok();
        assert!(run.verified(), "{}", run.text());
        target.assert_file("x.img", &bytes);
        let (resumed, fetched) = (run.number("bytes_resumed"), run.number("bytes_downloaded"));
        assert!(resumed >= 2 * RANGE && resumed + fetched == bytes.len() as u64, "signed {signed}: {}", run.text());
        assert_eq!(target.names("").iter().filter(|name| name.ends_with(".hspart")).count(), 0);
    }
}

/// What is left of another version is no help and no harm.
#[test]
fn what_another_version_has_left_is_not_taken_for_this_one() {
    let target = Target::start();
    let (first, second) = (noise(1, 24 << 20), noise(2, 24 << 20));
    for signed in [true, false] {
        let put = |bytes: &[u8]| match signed {
            true => _ = target.sync(target.file("disk.img", bytes), "x.img", &[]).ok(),
            false => {
                target.double().delete("bucket", "x.img.hssig");
                target.put("x.img", bytes);
            }
        };
        put(&first);
        let stall = Fault::next("GetObject", FaultAction::Stall(Duration::from_secs(600))).nth(3).times(u64::MAX);
        target.double().clear_requests();
        target.double().inject(stall);
        let running = target.begin_fetch("x.img", "y.img", &["--jobs=1"]);
        target.wait_for("GetObject", 3);
        std::thread::sleep(Duration::from_millis(200));
        running.kill();
        target.double().clear_faults();
        assert!(target.path(".y.img.hspart").exists());
        put(&second);
        let run = target.fetch("x.img", "y.img", &[]).ok();
        target.assert_file("y.img", &second);
        assert_eq!(run.number("bytes_downloaded"), second.len() as u64, "{}", run.text());
        std::fs::remove_file(target.path("y.img")).expect("gone");
    }
}

/// Where the object is again what stands here, what an interrupted run has left is gone.
#[test]
fn nothing_is_left_where_nothing_is_to_do() {
    let target = Target::start();
    let (old, new) = (noise(1, 3 << 20), noise(2, 24 << 20));
    target.file("x.img", &old);
    target.put("x.img", &new);
    target
        .double()
        .inject(Fault::next("GetObject", FaultAction::Stall(Duration::from_secs(600))).nth(3).times(u64::MAX));
    let running = target.begin_fetch("x.img", "x.img", &["--jobs=1"]);
    target.wait_for("GetObject", 3);
    running.kill();
    target.double().clear_faults();
    assert_eq!(target.names(""), [".x.img.hspart", "x.img"]);
    target.put("x.img", &old);
    let run = target.fetch("x.img", "x.img", &[]).ok();
    assert_eq!(run.number("files_unchanged"), 1, "{}", run.text());
    assert_eq!(target.names(""), ["x.img"]);
}

/// A run that was killed right before its end has given the file its mode by then, which may forbid writing.
#[test]
fn an_unfinished_file_without_write_permission_is_no_obstacle() {
    use std::os::unix::fs::PermissionsExt as _;
    let target = Target::start();
    target.put("x", b"the new one");
    let left = target.file(".x.hspart", b"something");
    std::fs::set_permissions(&left, std::fs::Permissions::from_mode(0o444)).expect("a mode");
    target.fetch("x", "x", &[]).ok();
    target.assert_file("x", b"the new one");
    assert_eq!(target.names(""), ["x"]);
}

/// Two runs into one file: one of them says so, and the file is whole.
#[test]
fn two_runs_do_not_share_a_file() {
    let target = Target::start();
    let bytes = noise(1, 20 << 20);
    target.put("x.img", &bytes);
    target
        .double()
        .inject(Fault::next("GetObject", FaultAction::Stall(Duration::from_millis(1500))).key("x.img").nth(2));
    let first = target.begin_fetch("x.img", "x.img", &["--jobs=1", "--no-sidecar"]);
    target.wait_for("GetObject", 2);
    let second = target.fetch("x.img", "x.img", &["--no-sidecar"]).exits(1);
    assert!(second.stderr.contains("another run is writing this file"), "{}", second.text());
    first.wait().ok();
    target.assert_file("x.img", &bytes);
}

/// Ctrl-C ends a download in order: the rest is kept for the next run.
#[test]
fn interrupted_in_order() {
    let target = Target::start();
    let bytes = noise(1, 40 << 20);
    target.sync(target.file("disk.img", &bytes), "x.img", &[]).ok();
    target.double().clear_requests();
    target
        .double()
        .inject(Fault::next("GetObject", FaultAction::Stall(Duration::from_secs(600))).nth(4).times(u64::MAX));
    let running = target.begin_fetch("x.img", "x.img", &["--jobs=1"]);
    target.wait_for("GetObject", 4);
    std::thread::sleep(Duration::from_millis(200));
    running.signal("INT");
    running.wait().exits(130);
    target.double().clear_faults();
    let run = target.fetch("x.img", "x.img", &[]).ok();
    assert!(run.number("bytes_resumed") >= RANGE, "{}", run.text());
    target.assert_file("x.img", &bytes);
}
