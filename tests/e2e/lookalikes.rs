//! Stores that speak S3 with an accent: a sync works, or says what is not supported or not verified. Never silently.

use std::time::Duration;

use strict_s3::{Conditions, Fault, FaultAction, Limits};

use super::support::{BLOCK, MIN_PART, Target, first_claim, noise, run, side_by_side};

#[test]
fn sync_what_they_can() {
    let old = noise(1, 24 << 20);
    let mut new = [b"?", &old[..]].concat();
    new[15_000_000..15_004_096].copy_from_slice(&noise(2, 4096));
    side_by_side(&Limits::NAMES, |_, name| {
        let target = Target::with(Limits::named(name).expect("a known name"));
        for (step, bytes) in [(0, &old), (1, &new), (2, &new)] {
            let run = target.sync(target.file("x.img", bytes), "x.img", &[]).ok();
            target.assert_holds("x.img", bytes);
            assert!(run.verified(), "step {step}: {}", run.text());
            let claim = first_claim(&target.get("x.img.hssig").expect("a sidecar"));
            assert_eq!(claim.blake3, *blake3::hash(bytes).as_bytes());
            if step == 2 {
                assert_eq!(run.number("bytes_uploaded"), 0, "{}", run.text());
            }
        }
        let small = target.sync(target.file("small", "small"), "small", &[]).ok();
        assert!(small.verified(), "{}", small.text());
        assert_eq!(target.unfinished(), [""; 0], "no upload is left behind");
    });
}

/// On stores that copy ranges as AWS does, the second version is stitched: few bytes are uploaded.
#[test]
fn stitch_where_they_copy() {
    let old = noise(1, 24 << 20);
    let new = [b"?", &old[..]].concat();
    side_by_side(&["aws", "ceph", "garage", "scaleway", "careless"], |_, name| {
        let target = Target::with(Limits::named(name).expect("a known name"));
        target.sync(target.file("x.img", &old), "x.img", &[]).ok();
        let run = target.sync(target.file("x.img", &new), "x.img", &[]).ok();
        assert!(run.number("bytes_uploaded") <= MIN_PART + BLOCK, "{}", run.text());
        target.assert_holds("x.img", &new);
    });
}

/// A store that ignores conditions, and somebody who replaces the object under the copies: copied bytes are compared,
/// so what stands in the end is one version, whole.
#[test]
fn ignored_conditions_do_not_mix_versions() {
    let old = noise(1, 12 << 20);
    let (new, others) = ([b"?", &old[..]].concat(), noise(2, 12 << 20));
    let rows: Vec<(&str, &str)> = ["careless", "ceph", "garage"]
        .into_iter()
        .flat_map(|n| ["UploadPart", "UploadPartCopy"].map(|k| (n, k)))
        .collect();
    side_by_side(&rows, |_, (name, at)| {
        let target = Target::with(Limits::named(name).expect("a known name"));
        target.sync(target.file("old.img", &old), "x.img", &[]).ok();
        target.double().clear_requests();
        target.double().inject(Fault::next(at, FaultAction::Stall(Duration::from_millis(1500))));
        let running = target.begin(target.file("new.img", &new), "x.img", &[]);
        target.wait_for(at, 1);
        target.put("x.img", &others);
        let run = running.wait().ok();
        assert!(run.verified(), "{}", run.text());
        target.assert_holds("x.img", &new);
    });
}

/// ETags that are no MD5 (SSE-KMS): nothing is compared with them, and the CRC64NVME binds sidecars.
#[test]
fn opaque_etags_are_no_hindrance() {
    let target = Target::with(Limits { opaque_etags: true, ..Limits::aws() });
    let old = noise(1, 24 << 20);
    let new = [b"?", &old[..]].concat();
    target.sync(target.file("x.img", &old), "x.img", &[]).ok();
    let run = target.sync(target.file("x.img", &new), "x.img", &[]).ok();
    assert!(run.number("bytes_uploaded") <= MIN_PART, "{}", run.text());
    assert_eq!((run.of_file("verification").as_str(), run.warnings().as_str()), ("crc64nvme", ""), "{}", run.text());
    target.assert_holds("x.img", &new);
    let small = target.sync(target.file("small", "small"), "small", &[]).ok();
    assert!(small.verified());
    let small = target.sync(target.file("small", "small"), "small", &[]).ok();
    assert_eq!((small.number("files_unchanged"), small.verified()), (1, true), "{}", small.text());
}

/// A store that refuses conditions with 501 is written to without them, and the user is told what that means.
#[test]
fn refused_conditions_are_said() {
    let refused = Conditions::Refused;
    let target = Target::with(Limits { put_conditions: refused, complete_conditions: refused, ..Limits::aws() });
    let old = noise(1, 12 << 20);
    for bytes in [old.clone(), [b"?", &old[..]].concat()] {
        let run = target.sync(target.file("x.img", &bytes), "x.img", &[]).ok();
        assert!(run.warnings().contains("does not check conditions on writes"), "{}", run.text());
        assert!(run.verified(), "{}", run.text());
        target.assert_holds("x.img", &bytes);
    }
}

/// An endpoint that comes from the environment is as little AWS as one from the arguments: a store that is not known to
/// check CRC64NVMEs is sent MD5s too.
#[test]
fn an_endpoint_from_the_environment_is_no_aws() {
    let target = Target::with(Limits::careless());
    let path = target.file("small", "small");
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
        target.double().clear_requests();
        target.double().delete("bucket", "small");
        let mut command = target.command();
        command.env(name, &target.endpoint).args(["sync", "--path-style"]).arg(&path).arg("s3://bucket/");
        run(&mut command).ok();
        let puts = target.double().requests().into_iter().filter(|request| request.kind == "PutObject");
        let md5s: Vec<bool> = puts.map(|request| request.header("content-md5").is_some()).collect();
        assert_eq!(md5s, [true], "{name}");
    }
}
