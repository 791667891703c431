//! One thing goes wrong on the way: the run gets over it or says clearly why not, and the destination is whole.

use std::time::Duration;

use strict_s3::{Fault, FaultAction};

use super::support::{DELTA, MIN_PART, Target, noise, run, side_by_side};

use FaultAction::{
    CorruptRequest, CorruptResponse, ErrorIn200, EtagLie, LostResponse, ResetRequestAfter, ResetResponseAfter, Stall,
    StallResponse, Status,
};
use Outcome::{Done, Fails, Warns};

/// What has to become of a run that meets a fault.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// The new version stands, and nothing is said.
    Done,
    /// The new version stands, and a warning has this in it.
    Warns(&'static str),
    /// Exit code 1, an error that has this in it, and the old version stands.
    Fails(&'static str),
}

/// A fault: the operation, what the key ends with, which one of them, how many, and what happens.
type Row = (&'static str, &'static str, u64, FaultAction, Outcome);

const OBJECT: &str = ".bin";
const SIDECAR: &str = ".bin.hssig";

const INTERNAL: FaultAction = Status(500, "InternalError");
const SLOW_DOWN: FaultAction = Status(503, "SlowDown");
const DENIED: FaultAction = Status(403, "AccessDenied");
const EXPIRED: FaultAction = Status(400, "ExpiredToken");
const SECOND: Duration = Duration::from_secs(1);
/// Longer than a transfer may stand still.
const STANDSTILL: Duration = Duration::from_secs(120);

/// A new version of a large file: HEAD (is the destination a folder?), HEAD, GET of the sidecar, Create, one UploadPart, one UploadPartCopy, PUT of the
/// sidecar, Complete, PUT of the sidecar.
#[test]
fn of_a_stitched_upload() {
    stitched_uploads(&Target::start());
}

/// The same where the program leaves the checks to the store.
#[test]
fn of_a_stitched_upload_to_aws() {
    stitched_uploads(&Target::start_as_aws());
}

fn stitched_uploads(target: &Target) {
    let rows: &[Row] = &[
        ("HeadObject", OBJECT, 1, INTERNAL, Done),
        ("HeadObject", OBJECT, 2, SLOW_DOWN, Done),
        ("HeadObject", OBJECT, 2, LostResponse, Done),
        ("HeadObject", OBJECT, 2, DENIED, Done),
        ("HeadObject", OBJECT, 2, EtagLie, Warns("somebody else wrote")),
        ("GetObject", SIDECAR, 1, INTERNAL, Done),
        ("GetObject", SIDECAR, 1, SLOW_DOWN, Done),
        ("GetObject", SIDECAR, 1, LostResponse, Done),
        ("GetObject", SIDECAR, 1, ResetResponseAfter(1000), Done),
        ("GetObject", SIDECAR, 1, StallResponse(1000, SECOND), Done),
        ("GetObject", SIDECAR, 1, StallResponse(1000, STANDSTILL), Done),
        ("GetObject", SIDECAR, 1, CorruptResponse, Warns("refused: the checksum over")),
        ("GetObject", SIDECAR, 1, DENIED, Warns("AccessDenied")),
        ("CreateMultipartUpload", OBJECT, 1, INTERNAL, Done),
        ("CreateMultipartUpload", OBJECT, 1, SLOW_DOWN, Done),
        ("CreateMultipartUpload", OBJECT, 1, EXPIRED, Fails("hint: get new credentials")),
        ("CreateMultipartUpload", OBJECT, 1, Status(403, "ExpiredToken"), Fails("hint: get new credentials")),
        ("CreateMultipartUpload", OBJECT, 1, DENIED, Fails("hint: the credentials lack a permission")),
        ("UploadPart", OBJECT, 1, INTERNAL, Done),
        ("UploadPart", OBJECT, 1, SLOW_DOWN, Done),
        ("UploadPart", OBJECT, 1, ResetRequestAfter(1 << 20), Done),
        ("UploadPart", OBJECT, 1, LostResponse, Done),
        ("UploadPart", OBJECT, 1, Stall(SECOND), Done),
        ("UploadPart", OBJECT, 1, CorruptRequest, Done),
        ("UploadPart", OBJECT, 1, EtagLie, Warns("trying again")),
        ("UploadPart", OBJECT, 1, EXPIRED, Fails("hint: get new credentials")),
        ("UploadPartCopy", OBJECT, 1, INTERNAL, Done),
        ("UploadPartCopy", OBJECT, 1, SLOW_DOWN, Done),
        ("UploadPartCopy", OBJECT, 1, LostResponse, Done),
        ("UploadPartCopy", OBJECT, 1, ResetResponseAfter(10), Done),
        ("UploadPartCopy", OBJECT, 1, ErrorIn200, Done),
        ("UploadPartCopy", OBJECT, 1, Stall(SECOND), Done),
        ("UploadPartCopy", OBJECT, 1, EtagLie, Warns("trying again")),
        ("UploadPartCopy", OBJECT, 1, Status(400, "InvalidRequest"), Warns("uploading the whole file instead")),
        ("UploadPartCopy", OBJECT, 1, Status(501, "NotImplemented"), Warns("uploading the whole file instead")),
        ("UploadPartCopy", OBJECT, 1, DENIED, Fails("hint: the credentials lack a permission")),
        ("PutObject", SIDECAR, 1, INTERNAL, Done),
        ("PutObject", SIDECAR, 1, SLOW_DOWN, Done),
        ("PutObject", SIDECAR, 1, LostResponse, Done),
        ("PutObject", SIDECAR, 2, LostResponse, Done),
        ("PutObject", SIDECAR, 1, ResetRequestAfter(1000), Done),
        ("PutObject", SIDECAR, 1, CorruptRequest, Done),
        ("PutObject", SIDECAR, 1, EtagLie, Done),
        ("PutObject", SIDECAR, 1, DENIED, Warns("no sidecar was written")),
        ("PutObject", SIDECAR, 2, DENIED, Warns("no sidecar was written")),
        ("CompleteMultipartUpload", OBJECT, 1, INTERNAL, Done),
        ("CompleteMultipartUpload", OBJECT, 1, SLOW_DOWN, Done),
        ("CompleteMultipartUpload", OBJECT, 1, LostResponse, Done),
        ("CompleteMultipartUpload", OBJECT, 1, ResetResponseAfter(10), Done),
        ("CompleteMultipartUpload", OBJECT, 1, ErrorIn200, Done),
        ("CompleteMultipartUpload", OBJECT, 1, Stall(SECOND), Done),
        ("CompleteMultipartUpload", OBJECT, 1, EtagLie, Done),
        ("CompleteMultipartUpload", OBJECT, 1, EXPIRED, Fails("hint: get new credentials")),
    ];
    let old = noise(1, 12 << 20);
    let new = [b"?", &old[..]].concat();
    let sidecar = sidecar_of(target, &old);
    let path = target.file("new.bin", &new);
    side_by_side(rows, |index, (on, ending, nth, action, outcome)| {
        let key = format!("{index:02}.bin");
        target.put(&key, &old);
        target.put(&format!("{key}.hssig"), &sidecar);
        // A key's filter is a part of it, and the object's key is a part of its sidecar's.
        let part = format!("{index:02}{ending}");
        target.double().inject(Fault::next(on, action.clone()).nth(*nth).key(part));
        let run = target.sync(&path, &key, &[]);
        assert!(target.requests_about(&key).iter().any(|request| request.faulted), "the fault never struck");
        match outcome {
            Fails(text) => {
                let run = run.exits(1).says(text);
                assert_eq!(run.of_file("action"), "failed");
                target.assert_holds(&key, &old);
            }
            Done | Warns(_) => {
                let run = run.ok();
                assert!(run.verified(), "{}", run.text());
                target.assert_holds(&key, &new);
                match outcome {
                    Warns(text) => assert!(run.warnings().contains(text), "{}", run.text()),
                    _ => assert_eq!(run.warnings(), "", "{}", run.text()),
                }
            }
        }
        assert!(!target.unfinished().contains(&key), "an upload is left behind");

        // Nothing that went wrong stays: the next run has the new version stand, the one after it moves nothing.
        let run = target.sync(&path, &key, &[]).ok();
        assert!(run.verified(), "{}", run.text());
        target.assert_holds(&key, &new);
        let run = target.sync(&path, &key, &[]).ok();
        assert_eq!(run.number("bytes_uploaded"), 0, "{}", run.text());
    });
}

/// A first upload of a large file: HEAD, listing of unfinished uploads, Create, two UploadParts, PUT of the sidecar,
/// Complete.
#[test]
fn of_a_first_upload() {
    let rows: &[Row] = &[
        ("HeadObject", OBJECT, 1, INTERNAL, Done),
        ("ListMultipartUploads", OBJECT, 1, INTERNAL, Done),
        ("ListMultipartUploads", OBJECT, 1, DENIED, Done),
        ("UploadPart", OBJECT, 1, CorruptRequest, Done),
        ("UploadPart", OBJECT, 2, ResetRequestAfter(3 << 20), Done),
        ("UploadPart", OBJECT, 2, LostResponse, Done),
        ("UploadPart", OBJECT, 2, DENIED, Fails("AccessDenied")),
        ("PutObject", SIDECAR, 1, LostResponse, Done),
        ("PutObject", SIDECAR, 1, DENIED, Warns("no sidecar was written")),
        ("CompleteMultipartUpload", OBJECT, 1, LostResponse, Done),
        ("CompleteMultipartUpload", OBJECT, 1, ErrorIn200, Done),
        ("CompleteMultipartUpload", OBJECT, 1, Status(403, "RequestTimeTooSkewed"), Fails("hint: set this machine")),
        ("CompleteMultipartUpload", OBJECT, 1, Status(403, "SignatureDoesNotMatch"), Fails("hint: check the access")),
    ];
    let target = Target::start();
    let new = noise(2, 9 << 20);
    let path = target.file("new.bin", &new);
    side_by_side(rows, |index, (on, ending, nth, action, outcome)| {
        let key = format!("{index:02}.bin");
        let part = if on.starts_with("List") { String::new() } else { format!("{index:02}{ending}") };
        target.double().inject(Fault::next(on, action.clone()).nth(*nth).key(part));
        let run = target.sync(&path, &key, &[]);
        match outcome {
            Fails(text) => {
                run.exits(1).says(text);
                assert_eq!(target.get(&key), None, "there was nothing, and a failed upload leaves nothing");
            }
            Done | Warns(_) => {
                let run = run.ok();
                assert!(run.verified(), "{}", run.text());
                target.assert_holds(&key, &new);
                match outcome {
                    Warns(text) => assert!(run.warnings().contains(text), "{}", run.text()),
                    _ => assert_eq!(run.warnings(), "", "{}", run.text()),
                }
            }
        }
        let run = target.sync(&path, &key, &[]).ok();
        assert!(run.verified(), "{}", run.text());
        target.assert_holds(&key, &new);
    });
    assert_eq!(target.double().pending_faults(), 0, "every fault has struck");
}

/// Files below the threshold: one HEAD and one PUT each.
#[test]
fn of_a_small_file() {
    let rows: &[Row] = &[
        ("HeadObject", OBJECT, 1, INTERNAL, Done),
        ("HeadObject", OBJECT, 1, DENIED, Done),
        ("PutObject", OBJECT, 1, INTERNAL, Done),
        ("PutObject", OBJECT, 1, SLOW_DOWN, Done),
        ("PutObject", OBJECT, 1, ResetRequestAfter(1000), Done),
        ("PutObject", OBJECT, 1, LostResponse, Done),
        ("PutObject", OBJECT, 1, CorruptRequest, Done),
        ("PutObject", OBJECT, 1, DENIED, Fails("AccessDenied")),
        ("PutObject", OBJECT, 1, EXPIRED, Fails("hint: get new credentials")),
        ("PutObject", OBJECT, 1, Status(403, "RequestTimeTooSkewed"), Fails("hint: set this machine's clock")),
    ];
    let target = Target::start();
    let (old, new) = (noise(3, 100_000), noise(4, 100_000));
    let path = target.file("new.bin", &new);
    side_by_side(rows, |index, (on, _, nth, action, outcome)| {
        let key = format!("{index:02}.bin");
        target.put(&key, &old);
        target.double().inject(Fault::next(on, action.clone()).nth(*nth).key(key.clone()));
        let run = target.sync(&path, &key, &[]);
        assert!(target.requests_about(&key).iter().any(|request| request.faulted), "the fault never struck");
        match outcome {
            Fails(text) => {
                run.exits(1).says(text);
                target.assert_holds(&key, &old);
            }
            _ => {
                let run = run.ok();
                assert!(run.verified(), "{}", run.text());
                assert_eq!(run.warnings(), "", "{}", run.text());
                target.assert_holds(&key, &new);
            }
        }
    });
}

#[test]
fn of_a_listing() {
    let target = Target::start();
    let (old, new) = (noise(1, 5000), noise(2, 5000));
    target.put("p/a", &old);
    target.file("data/a", &new);
    target.double().inject(Fault::next("ListObjectsV2", DENIED));
    let failed = run(&mut target.sync_command("data/", &target.url("p"), &[]));
    failed.exits(1).says("ListObjectsV2 s3://bucket/p/: AccessDenied").says("hint: the credentials lack a permission");
    target.assert_holds("p/a", &old);

    target.double().inject(Fault::next("ListObjectsV2", INTERNAL));
    target.double().inject(Fault::next("ListObjectsV2", LostResponse).nth(2));
    run(&mut target.sync_command("data/", &target.url("p"), &[])).ok();
    target.assert_holds("p/a", &new);
}

/// A store that never recovers: after the retries the error says what the store said, and the old version stands.
#[test]
fn that_does_not_end() {
    let target = Target::start();
    let old = noise(1, 12 << 20);
    let new = [b"?", &old[..]].concat();
    let sidecar = sidecar_of(&target, &old);
    let path = target.file("new.bin", &new);
    let rows = [
        ("UploadPart", SLOW_DOWN, "SlowDown", "hint: run again later, or with a smaller --jobs"),
        ("CompleteMultipartUpload", INTERNAL, "InternalError", "hint: the store has trouble"),
        ("UploadPartCopy", LostResponse, "UploadPartCopy", "hint: check the network"),
    ];
    side_by_side(&rows, |index, (on, action, says, hint)| {
        let key = format!("{index:02}.bin");
        target.put(&key, &old);
        target.put(&format!("{key}.hssig"), &sidecar);
        target.double().inject(Fault::next(on, action.clone()).times(u64::MAX).key(key.clone()));
        target.sync(&path, &key, &[]).exits(1).says(says).says(hint);
        target.assert_holds(&key, &old);
        assert!(!target.unfinished().contains(&key), "an upload is left behind");
    });
    target.double().clear_faults();
    let run = target.sync(&path, "00.bin", &[]).ok();
    assert!(run.number("bytes_uploaded") <= MIN_PART, "the sidecar is still that of the old version: {}", run.text());
    target.assert_holds("00.bin", &new);
}

/// What concerns every file is said once for all of them, and costs few requests.
#[test]
fn that_concern_all_files() {
    let target = Target::start();
    for name in 0..200 {
        target.file(&format!("data/{name}"), name.to_string());
    }
    let folder = |url: &str| target.sync_command("data/", url, &DELTA);

    let failed = run(folder("s3://no-such-bucket/p").arg("--json")).exits(1);
    assert!(failed.json()["error"]["message"].as_str().is_some_and(|text| text.contains("NoSuchBucket")));
    failed.says("NoSuchBucket").says("hint: check the bucket's name");

    let failed = run(folder("s3://bucket/p").env("AWS_SECRET_ACCESS_KEY", "wrong")).exits(1);
    failed.says("SignatureDoesNotMatch").says("hint: check the access key and the secret");
    let failed = run(folder("s3://bucket/p").env("AWS_ACCESS_KEY_ID", "nobody")).exits(1);
    failed.says("InvalidAccessKeyId").says("hint: check the access key and the secret");
    let failed = run(folder("s3://bucket/p").env_remove("AWS_ACCESS_KEY_ID")).exits(1);
    failed.says("no credentials were found").says("hint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");

    // The first request for a single file is a HEAD, whose answer has no body that could say why.
    let file = target.file("single", "x");
    let mut single = target.sync_command(file, "s3://bucket/single", &DELTA);
    let failed = run(single.env("AWS_SECRET_ACCESS_KEY", "wrong")).exits(1);
    failed.says("SignatureDoesNotMatch").says("hint: check the access key and the secret");

    let mut nobody = target.command();
    nobody.args(["sync", "--endpoint-url", "http://127.0.0.1:1", "--path-style"]).arg(target.file("single", "x"));
    let failed = run(nobody.arg("s3://bucket/single")).exits(1);
    failed.says("there is no server").says("hint: check --endpoint-url");

    target.double().clear_requests();
    target.double().inject(Fault::next("PutObject", EXPIRED).nth(20).times(u64::MAX));
    let failed = run(folder("s3://bucket/p").arg("--json"));
    assert!([Some(1), Some(3)].contains(&failed.code), "{}", failed.text());
    let failed = failed.says("ExpiredToken").says("hint: get new credentials");
    assert!(target.double().count("PutObject") < 100, "the others are not even tried");
    assert_eq!(failed.json()["interrupted"], false, "nobody has pressed Ctrl-C");
    let stopped = failed.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(stopped.starts_with("stopped before all files were looked at: "), "{stopped:?}");
    assert!(failed.number("files_failed") > 0);
    let lines = failed.stderr.lines().filter(|line| line.starts_with("error:")).count();
    assert!(lines < 100, "the same is said {lines} times");
}

/// The sidecar that a first upload of these bytes writes; it serves any key.
fn sidecar_of(target: &Target, bytes: &[u8]) -> Vec<u8> {
    target.sync(target.file("old.bin", bytes), "old.bin", &[]).ok();
    let sidecar = target.get("old.bin.hssig").expect("a sidecar");
    target.double().clear_requests();
    sidecar
}
