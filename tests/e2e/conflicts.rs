//! Somebody else writes to the same key while a run is under way.

use std::time::Duration;

use strict_s3::{Fault, FaultAction};

use super::support::{DELTA, Target, first_claim, noise, side_by_side, start};

/// Long enough for a test to write in between, in milliseconds.
const PAUSE: FaultAction = FaultAction::Stall(Duration::from_millis(1500));

/// What the other one does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Other {
    Replaces,
    Deletes,
}

/// At which of our requests the other one writes.
const MOMENTS: [&str; 5] =
    ["UploadPart", "UploadPartCopy", "PutObject", "CompleteMultipartUpload", "CreateMultipartUpload"];

#[test]
fn plan_again_and_end_with_our_version() {
    let both = |at: &'static str| [(at, Other::Replaces), (at, Other::Deletes)];
    let rows = MOMENTS.into_iter().flat_map(both).flat_map(|(at, other)| [(at, other, false), (at, other, true)]);
    let (old, new, others) = versions();
    side_by_side(&rows.collect::<Vec<_>>(), |_, (at, other, as_aws)| {
        let target = prepared(if *as_aws { Target::start_as_aws() } else { Target::start() }, &old);
        target.double().inject(Fault::next(at, PAUSE));
        let running = target.begin(target.file("new.img", &new), "x.img", &[]);
        target.wait_for(at, 1);
        act(&target, *other, &others);
        let run = running.wait().ok();
        assert!(run.verified(), "{}", run.text());
        assert!(run.warnings().contains("somebody else wrote s3://bucket/x.img"), "{}", run.text());
        target.assert_holds("x.img", &new);
        let claim = first_claim(&target.get("x.img.hssig").expect("a sidecar"));
        assert_eq!(claim.blake3, *blake3::hash(&new).as_bytes(), "the sidecar is of our version");
        assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    });
}

#[test]
fn fail_where_that_is_asked_for() {
    let (old, new, others) = versions();
    side_by_side(&MOMENTS, |_, at| {
        let target = prepared(Target::start_as_aws(), &old);
        target.double().inject(Fault::next(at, PAUSE));
        let running = target.begin(target.file("new.img", &new), "x.img", &["--fail-on-conflict"]);
        target.wait_for(at, 1);
        act(&target, Other::Replaces, &others);
        let run = running.wait().exits(1);
        run.says("somebody else wrote s3://bucket/x.img in the meantime").says("hint: let one job at a time");
        target.assert_holds("x.img", &others);
        assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    });
}

#[test]
fn on_a_key_that_was_free() {
    let (_, new, others) = versions();
    let target = Target::start();
    let path = target.file("new.img", &new);
    target.double().inject(Fault::next("UploadPart", PAUSE));
    let running = target.begin(&path, "x.img", &["--fail-on-conflict"]);
    target.wait_for("UploadPart", 1);
    target.put("x.img", &others);
    running.wait().exits(1).says("somebody else wrote");
    target.assert_holds("x.img", &others);

    let (small, theirs) = (noise(8, 1000), noise(9, 1000));
    let path = target.file("small", &small);
    for (options, stands) in [(&["--fail-on-conflict"][..], &theirs), (&[], &small)] {
        target.double().delete("bucket", "small");
        target.double().inject(Fault::next("PutObject", PAUSE).key("small"));
        let before = target.double().count("PutObject");
        let running = target.begin(&path, "small", options);
        target.wait_for("PutObject", before + 1);
        target.put("small", &theirs);
        let run = running.wait();
        assert_eq!(run.code, Some(if options.is_empty() { 0 } else { 1 }), "{}", run.text());
        target.assert_holds("small", stands);
    }
}

/// Somebody who never stops writing: the run gives up after some attempts and says how many.
#[test]
fn give_up_in_the_end() {
    let (old, new, _) = versions();
    let target = prepared(Target::start(), &old);
    let at = "CompleteMultipartUpload";
    target.double().inject(Fault::next(at, FaultAction::Stall(Duration::from_millis(500))).times(u64::MAX));
    let running = target.begin(target.file("new.img", &new), "x.img", &[]);
    for attempt in 0..4 {
        target.wait_for(at, attempt + 1);
        target.put("x.img", noise(100 + attempt as u64, 6 << 20));
    }
    let run = running.wait().exits(1).says("somebody else wrote").says("(4 attempts)");
    assert_eq!(run.of_file("action"), "failed");
    target.assert_holds("x.img", &noise(103, 6 << 20));
}

/// Two runs with different files and one key, at the same moment, again and again: one whole version stands, and the
/// next run finds its way whatever became of the sidecar.
#[test]
fn two_runs_at_once() {
    let (old, mut one, mut two) = versions();
    two[7_000_000..7_100_000].copy_from_slice(&noise(77, 100_000));
    let target = prepared(Target::start(), &old);
    for round in 0..6u64 {
        one[..4096].copy_from_slice(&noise(200 + round, 4096));
        two[5_000_000..5_004_096].copy_from_slice(&noise(300 + round, 4096));
        let paths = [target.file("one.img", &one), target.file("two.img", &two)];
        let begin = |path| start(target.sync_command(path, &target.url("x.img"), &DELTA).arg("--json"));
        let runs = paths.each_ref().map(begin).map(|running| running.wait().ok());
        let stands = target.get("x.img").expect("an object");
        assert!(stands == one || stands == two, "round {round}: neither version stands");
        assert!(runs.iter().all(|run| run.verified()));

        let run = target.sync(&paths[0], "x.img", &[]).ok();
        assert!(run.verified(), "{}", run.text());
        target.assert_holds("x.img", &one);
        let run = target.sync(&paths[0], "x.img", &[]).ok();
        assert_eq!(run.number("bytes_uploaded"), 0, "the sidecar is good again: {}", run.text());
    }
    assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
}

/// Two runs that create the same object of the same file: the second one finds the first one's unfinished upload, and
/// whichever completes it, both are right.
#[test]
fn two_first_uploads_of_one_file() {
    let target = Target::start();
    let bytes = noise(1, 40 << 20);
    let path = target.file("x.img", &bytes);
    target.double().inject(Fault::next("UploadPart", FaultAction::Stall(Duration::from_secs(3))).nth(3));
    let first = target.begin(&path, "x.img", &["--jobs=1"]);
    target.wait_for("UploadPart", 3);
    let second = target.begin(&path, "x.img", &[]).wait().ok();
    let first = first.wait().ok();
    assert!(first.verified() && second.verified());
    target.assert_holds("x.img", &bytes);
    assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    let run = target.sync(&path, "x.img", &[]).ok();
    assert_eq!((run.number("bytes_uploaded"), run.warnings().as_str()), (0, ""), "{}", run.text());
}

fn versions() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let old = noise(1, 12 << 20);
    let new = [b"?", &old[..]].concat();
    (old, new, noise(2, 12 << 20))
}

fn prepared(target: Target, old: &[u8]) -> Target {
    target.sync(target.file("old.img", old), "x.img", &[]).ok();
    target.double().clear_requests();
    target
}

fn act(target: &Target, other: Other, bytes: &[u8]) {
    match other {
        Other::Replaces => target.put("x.img", bytes),
        Other::Deletes => target.double().delete("bucket", "x.img"),
    }
}
