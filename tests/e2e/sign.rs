//! `hugesync sign`: signatures without a store, and what is in one.

use std::fs;

use super::support::{MIN_PART, Run, Target, first_claim, noise, run};

fn sign(target: &Target, arguments: &[&str]) -> Run {
    run(target.command().arg("sign").args(arguments))
}

#[test]
fn round_trip() {
    let target = Target::start();
    let bytes = noise(1, 9_000_001);
    let path = target.file("disk.img", &bytes);
    sign(&target, &["disk.img"]).ok().says("wrote disk.img.hssig: ");
    let signature = fs::read(target.path("disk.img.hssig")).expect("a signature");
    let claim = first_claim(&signature);
    assert_eq!((claim.len, claim.blake3, claim.etag), (9_000_001, *blake3::hash(&bytes).as_bytes(), None));

    let inspected = sign(&target, &["--inspect", "disk.img.hssig"]).ok();
    let blake3 = blake3::hash(&bytes).to_hex();
    for text in
        [&blake3[..], "9000001 bytes", "the block sums merge to this hash", &format!("{:016x}", claim.crc64nvme)]
    {
        assert!(inspected.stdout.contains(text), "no {text:?}: {}", inspected.text());
    }

    let elsewhere = sign(&target, &["disk.img", "--block-size=64", "-o", "other"]).ok();
    assert_eq!(elsewhere.stdout, "");
    let short = first_claim(&fs::read(target.path("other")).expect("a signature"));
    assert_eq!((short.block_len.bytes(), short.blake3), (64 << 10, claim.blake3));

    // The same as an upload writes, but for the ETag, which no file has.
    target.sync(&path, "x.img", &[]).ok();
    let uploaded = first_claim(&target.get("x.img.hssig").expect("a sidecar"));
    assert_eq!(
        (uploaded.block_len, uploaded.crc64nvme, uploaded.blake3),
        (short.block_len, short.crc64nvme, short.blake3)
    );
    assert!(uploaded.etag.is_some());
}

#[test]
fn to_stdout() {
    let target = Target::start();
    target.file("disk.img", noise(1, 100_000));
    let mut command = target.command();
    let output = command.args(["sign", "disk.img", "-o", "-"]).output().expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(first_claim(&output.stdout).len, 100_000);
    assert!(!target.path("disk.img.hssig").exists());
}

/// An object that others have written gets its sidecar from its file: the next upload is stitched.
#[test]
fn serves_as_a_sidecar() {
    let target = Target::start();
    let old = noise(1, 12 << 20);
    target.file("old.img", &old);
    sign(&target, &["old.img"]).ok();
    target.put("x.img", &old);
    target.put("x.img.hssig", fs::read(target.path("old.img.hssig")).expect("a signature"));
    let new = [b"?", &old[..]].concat();
    let run = target.sync(target.file("new.img", &new), "x.img", &[]).ok();
    assert!(run.number("bytes_uploaded") <= MIN_PART, "{}", run.text());
    target.assert_holds("x.img", &new);
}

#[test]
fn an_empty_file_has_a_signature_too() {
    let target = Target::start();
    target.file("empty", "");
    sign(&target, &["empty"]).ok();
    assert_eq!(first_claim(&fs::read(target.path("empty.hssig")).expect("a signature")).len, 0);
    sign(&target, &["--inspect", "empty.hssig"]).ok();
}

#[test]
fn what_cannot_be_signed_or_inspected() {
    let target = Target::start();
    sign(&target, &["nowhere"]).exits(1).says("error: cannot read nowhere: No such file");
    sign(&target, &["."]).exits(1).says("is no regular file");
    target.file("x", "x");
    sign(&target, &["x", "-o", "no/such/folder/x"]).exits(1).says("error: cannot write no/such/folder/x: No such file");
    sign(&target, &["--inspect", "x"]).exits(1).says("x is no sound signature: it does not begin as a sidecar does");
    sign(&target, &["--inspect", "nowhere"]).exits(1).says("error: cannot read nowhere: No such file");
    sign(&target, &["x", "--inspect", "x"]).exits(2);

    sign(&target, &["x"]).ok();
    let mut bytes = fs::read(target.path("x.hssig")).expect("a signature");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    target.file("x.hssig", &bytes);
    sign(&target, &["--inspect", "x.hssig"]).exits(1).says("the checksum over");
    bytes.truncate(50);
    target.file("x.hssig", &bytes);
    sign(&target, &["--inspect", "x.hssig"]).exits(1).says("truncated");
}
