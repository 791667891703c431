//! Runs that end before their end: killed, interrupted, and gone on with.

use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _};
use strict_s3::{Fault, FaultAction};

use super::support::{MIN_PART, Target, noise, set_age, side_by_side};

/// Runs that are killed, of each kind.
const TRIES: u64 = 10;
/// Longer than any test waits: what stalls this long is under way until it is cleared.
const FOREVER: FaultAction = FaultAction::Stall(Duration::from_secs(600));
/// Part bytes of an uploaded part; the store's own choice for files of this size.
const PART: u64 = 8 << 20;

/// `kill -9` at random moments of first uploads and of stitched ones. The seed is printed, and can be given again.
#[test]
fn killed_at_random_moments() {
    let given: Option<u64> = std::env::var("HUGESYNC_E2E_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(rand::random);
    println!("HUGESYNC_E2E_SEED={seed}");
    let target = Target::start();
    let old = noise(1, 24 << 20);
    let new = [b"?", &old[..14_000_000], &noise(2, 5000), &old[14_000_000..]].concat();
    let (old_path, new_path) = (target.file("old.img", &old), target.file("new.img", &new));
    let begun = Instant::now();
    target.sync(&old_path, "old.img", &[]).ok();
    let whole_run = begun.elapsed();
    let sidecar = target.get("old.img.hssig").expect("a sidecar");
    let tries: Vec<(u64, bool)> = (0..TRIES).flat_map(|number| [(number, false), (number, true)]).collect();
    side_by_side(&tries, |_, (number, stitched)| {
        let mut random = rand::rngs::StdRng::seed_from_u64(seed ^ (number << 1 | u64::from(*stitched)));
        let key = format!("{number}-{stitched}.img");
        if *stitched {
            target.put(&key, &old);
            target.put(&format!("{key}.hssig"), &sidecar);
        }
        let running = target.begin(&new_path, &key, &[]);
        // Others run beside it: up to three times what it takes alone.
        std::thread::sleep(whole_run.mul_f64(random.random_range(0.0..3.0)));
        running.kill();
        match target.get(&key) {
            None => assert!(!stitched, "the old version is gone"),
            Some(bytes) => assert!(bytes == new || *stitched && bytes == old, "{key} is neither version"),
        }
        let run = target.sync(&new_path, &key, &[]).ok();
        assert!(run.verified(), "{}", run.text());
        target.assert_holds(&key, &new);
        let run = target.sync(&new_path, &key, &[]).ok();
        assert_eq!(run.number("bytes_uploaded"), 0, "{}", run.text());
    });
}

/// What a killed first upload has sent is not sent again, by a machine that knows nothing of it.
#[test]
fn a_killed_first_upload_is_gone_on_with() {
    let target = Target::start();
    let bytes = noise(1, 40 << 20);
    let path = target.file("disk.img", &bytes);
    target.double().inject(Fault::next("UploadPart", FOREVER).nth(4).times(u64::MAX));
    let running = target.begin(&path, "x.img", &["--jobs=1"]);
    target.wait_for("UploadPart", 4);
    running.kill();
    target.double().clear_faults();
    assert_eq!(target.get("x.img"), None);

    let run = target.sync(&path, "x.img", &[]).ok();
    assert_eq!(run.number("bytes_resumed"), 3 * PART, "{}", run.text());
    assert_eq!(run.number("bytes_uploaded"), bytes.len() as u64 - 3 * PART, "{}", run.text());
    assert!(run.verified(), "{}", run.text());
    target.assert_holds("x.img", &bytes);
    assert_eq!(target.unfinished(), [""; 0]);
}

/// An unfinished upload of another version may be somebody's who is at work: nothing of it is used or touched.
#[test]
fn an_unfinished_upload_of_another_version_is_left_alone() {
    let target = Target::start();
    let bytes = noise(1, 40 << 20);
    target.double().inject(Fault::next("UploadPart", FOREVER).nth(4).times(u64::MAX));
    let running = target.begin(target.file("disk.img", &bytes), "x.img", &["--jobs=1"]);
    target.wait_for("UploadPart", 4);
    running.kill();
    target.double().clear_faults();

    // Another version, whose time does not tell.
    let mut other = bytes;
    other[PART as usize + 5] ^= 1;
    let run = target.sync(target.file("disk.img", &other), "x.img", &[]).ok();
    assert!(run.verified(), "{}", run.text());
    assert_eq!(run.number("bytes_resumed"), 0, "{}", run.text());
    target.assert_holds("x.img", &other);
    let left: Vec<usize> = target.double().uploads("bucket").iter().map(|upload| upload.parts.len()).collect();
    assert_eq!(left, [3]);
}

#[test]
fn an_interrupted_first_upload_is_kept() {
    for signal in ["INT", "TERM"] {
        let target = Target::start();
        let bytes = noise(1, 24 << 20);
        let path = target.file("disk.img", &bytes);
        target.double().inject(Fault::next("UploadPart", FOREVER).nth(2).times(u64::MAX));
        let running = target.begin(&path, "x.img", &["--jobs=1"]);
        target.wait_for("UploadPart", 2);
        let begun = Instant::now();
        running.signal(signal);
        let run = running.wait().exits(130);
        assert!(begun.elapsed() < Duration::from_secs(7), "cancelled jobs are killed after 7.5 s");
        assert_eq!((&run.json()["interrupted"], run.number("files_failed")), (&true.into(), 1), "{}", run.text());
        assert_eq!(target.unfinished(), ["x.img"], "the next run goes on with it");
        target.double().clear_faults();

        // A fresh checkout: the same bytes, a new time.
        set_age(&path, Duration::ZERO);
        let run = target.sync(&path, "x.img", &[]).ok();
        assert_eq!(run.number("bytes_resumed"), PART, "{}", run.text());
        target.assert_holds("x.img", &bytes);
    }
}

#[test]
fn an_interrupted_upload_without_parts_is_given_up() {
    let target = Target::start();
    let path = target.file("disk.img", noise(1, 24 << 20));
    target.double().inject(Fault::next("UploadPart", FOREVER).times(u64::MAX));
    let running = target.begin(&path, "x.img", &["--jobs=1"]);
    target.wait_for("UploadPart", 1);
    running.signal("INT");
    running.wait().exits(130);
    assert_eq!(target.unfinished(), [""; 0], "nobody could go on with it");
}

#[test]
fn an_interrupted_stitched_upload_is_given_up() {
    let target = Target::start();
    let old = noise(1, 24 << 20);
    let new = [b"?", &old[..]].concat();
    target.sync(target.file("old.img", &old), "x.img", &[]).ok();
    let path = target.file("new.img", &new);
    for kind in ["UploadPart", "UploadPartCopy"] {
        target.double().clear_requests();
        target.double().inject(Fault::next(kind, FOREVER).times(u64::MAX));
        let running = target.begin(&path, "x.img", &[]);
        target.wait_for(kind, 1);
        running.signal("INT");
        let run = running.wait().exits(130);
        assert_eq!(run.json()["interrupted"], true, "{}", run.text());
        assert_eq!(target.unfinished(), [""; 0], "its parts would be billed for ever");
        target.assert_holds("x.img", &old);
        target.double().clear_faults();
    }
    let run = target.sync(&path, "x.img", &[]).ok();
    assert!(run.number("bytes_uploaded") <= MIN_PART, "{}", run.text());
    target.assert_holds("x.img", &new);
}

/// A second signal does not wait for anything.
#[test]
fn a_second_signal_ends_it_at_once() {
    let target = Target::start();
    let old = noise(1, 12 << 20);
    target.sync(target.file("old.img", &old), "x.img", &[]).ok();
    target.double().clear_requests();
    target.double().inject(Fault::next("UploadPart", FOREVER));
    target.double().inject(Fault::next("AbortMultipartUpload", FOREVER));
    let running = target.begin(target.file("new.img", [b"?", &old[..]].concat()), "x.img", &[]);
    target.wait_for("UploadPart", 1);
    running.signal("INT");
    target.wait_for("AbortMultipartUpload", 1);
    let begun = Instant::now();
    running.signal("INT");
    running.wait().exits(130);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    target.assert_holds("x.img", &old);
}

/// Without `--json` the last line says what became of the run.
#[test]
fn the_last_line_says_so() {
    let target = Target::start();
    let path = target.file("disk.img", noise(1, 12 << 20));
    target.double().inject(Fault::next("UploadPart", FOREVER));
    let command = &mut target.sync_command(path, &target.url("x.img"), &["--delta-threshold=1MB"]);
    let running = super::support::start(command);
    target.wait_for("UploadPart", 1);
    running.signal("INT");
    let run = running.wait().exits(130);
    let last = run.stdout.lines().last().unwrap_or_default();
    assert!(last.ends_with("interrupted") && last.contains("1 file FAILED"), "{}", run.text());
}
