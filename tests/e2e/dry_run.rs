//! A dry run and the run after it: the same numbers to the byte, on every store that the double imitates; and those numbers
//! are what goes over the wire.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use strict_s3::{Fault, FaultAction, Limits, RequestRecord};

use super::support::{DELTA, MIN_PART, Run, Target, noise, run, side_by_side};

/// Bytes of the large file in the beginning.
const LARGE: usize = 24 << 20;

/// One sync of a story: what changes before it, and how it is asked for.
struct Step<'a> {
    name: &'static str,
    change: fn(&Target),
    source: &'static str,
    key: &'a str,
    options: &'static [&'static str],
}

const fn file(name: &'static str, change: fn(&Target), options: &'static [&'static str]) -> Step<'static> {
    Step { name, change, source: "x.img", key: "x.img", options }
}

const fn tree(name: &'static str, change: fn(&Target), options: &'static [&'static str]) -> Step<'static> {
    Step { name, change, source: "site/", key: "site/", options }
}

fn nothing(_: &Target) {}

/// Changes a local file.
fn edit(target: &Target, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(target.path(name)).expect("the file");
    edit(&mut bytes);
    target.file(name, bytes);
}

/// Overwrites a page of the large file.
fn page(target: &Target) {
    edit(target, "x.img", |bytes| {
        let seed = bytes.iter().take(9_004_096).map(|byte| u64::from(*byte)).sum();
        bytes[9_000_000..9_004_096].copy_from_slice(&noise(seed, 4096));
    });
}

const FILE: [Step<'_>; 20] = [
    file("a first upload", |target| drop(target.file("x.img", noise(1, LARGE))), &[]),
    file("unchanged", nothing, &[]),
    file("a page edited", page, &[]),
    file("appended to", |target| edit(target, "x.img", |bytes| bytes.extend(noise(3, 1_000_000))), &[]),
    file("a page edited, with a copy of the old one", page, &["--backup-dir=s3://bucket/old/"]),
    file("a page edited, without sidecars", page, &["--no-sidecar"]),
    file("a page edited, beside a stale sidecar", page, &[]),
    file("a page edited, whole", page, &["--whole-file"]),
    file("unchanged, other blocks", nothing, &["--block-size=128"]),
    file("a page edited, other blocks", page, &["--block-size=128"]),
    file("what was set", nothing, &["--cache-control=no-store"]),
    file("what was set, again", nothing, &["--cache-control=no-store"]),
    file("a page edited and what was set", page, &["--cache-control=max-age=5"]),
    file("unchanged, without a sidecar", |target| target.double().delete("bucket", "x.img.hssig"), &[]),
    file(
        "a page edited, without a sidecar",
        |target| {
            page(target);
            target.double().delete("bucket", "x.img.hssig");
        },
        &[],
    ),
    file("unchanged, nothing believed", nothing, &["--checksum"]),
    file(
        "a page edited, beside a damaged sidecar",
        |target| {
            page(target);
            let mut sidecar = target.get("x.img.hssig").expect("a sidecar");
            sidecar[100] ^= 1;
            target.put("x.img.hssig", sidecar);
        },
        &[],
    ),
    file("overwritten by somebody else", |target| target.put("x.img", noise(5, LARGE)), &[]),
    file("shorter", |target| edit(target, "x.img", |bytes| bytes.truncate(9_000_001)), &[]),
    file("all new", |target| drop(target.file("x.img", noise(4, LARGE))), &[]),
];

fn small(target: &Target, numbers: std::ops::Range<usize>, seed: u64) {
    for number in numbers {
        target.file(&format!("site/{number}.html"), noise(seed + number as u64, 3000));
    }
}

const TREE: [Step<'_>; 16] = [
    tree("few small files", |target| small(target, 0..5, 0), &[]),
    tree("more of them, and an index", |target| small(target, 0..40, 0), &[]),
    tree("unchanged", nothing, &[]),
    tree(
        "some changed, some new",
        |target| {
            small(target, 3..9, 100);
            small(target, 40..60, 0);
        },
        &[],
    ),
    tree("some overwritten by somebody else", |target| target.put("site/1.html", "other"), &[]),
    tree("one of the same length", |target| target.put("site/1.html", noise(9, 3000)), &[]),
    tree("a large one among them", |target| drop(target.file("site/large.img", noise(1, 7 << 20))), &[]),
    tree(
        "it and small ones changed",
        |target| {
            edit(target, "site/large.img", |bytes| bytes.insert(0, b'?'));
            small(target, 0..2, 200);
        },
        &[],
    ),
    tree("what was set", nothing, &["--cache-control=no-store"]),
    tree("what was set, again", nothing, &["--cache-control=no-store"]),
    tree("what was set, on one that somebody wrote in parts", in_parts, &["--cache-control=no-store"]),
    tree("without an index", |target| small(target, 5..6, 300), &["--no-sidecar"]),
    tree("nothing believed", |target| small(target, 6..7, 300), &["--checksum"]),
    tree("by size", |target| small(target, 7..8, 300), &["--size-only"]),
    tree("more than a page's few", |target| small(target, 60..90, 0), &[]),
    tree(
        "some gone",
        |target| {
            ["site/0.html", "site/large.img"].iter().for_each(|name| fs::remove_file(target.path(name)).expect("gone"));
            small(target, 2..3, 400);
        },
        &["--delete"],
    ),
];

/// Writes what a small file has in two parts: its ETag is then no MD5 of its bytes.
fn in_parts(target: &Target) {
    let bytes = fs::read(target.path("site/2.html")).expect("the file");
    let (runtime, client) = target.client();
    runtime.block_on(async {
        let (bucket, key) = (&target.bucket, "site/2.html");
        let upload = client.create_multipart_upload().bucket(bucket).key(key).send().await.expect("an upload");
        let id = upload.upload_id().expect("its name");
        let part = client.upload_part().bucket(bucket).key(key).upload_id(id).part_number(1).body(bytes.into());
        let part = part.send().await.expect("a part");
        let part = aws_sdk_s3::types::CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
        let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().parts(part).build();
        let complete = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(id);
        complete.multipart_upload(parts).send().await.expect("an object");
    });
}

#[test]
fn of_a_large_file() {
    side_by_side(&Limits::NAMES, |_, name| told(&Target::with(Limits::named(name).expect("a known name")), &FILE));
}

#[test]
fn of_a_tree() {
    side_by_side(&Limits::NAMES, |_, name| told(&Target::with(Limits::named(name).expect("a known name")), &TREE));
}

/// Where ETags say nothing of bytes, signatures and the index are as long.
#[test]
fn of_stores_with_opaque_etags() {
    let stories: [(&str, &[Step<'_>]); 2] = [("file", &FILE), ("tree", &TREE)];
    side_by_side(&stories.map(|(name, _)| name), |at, _| {
        told(&Target::with(Limits { opaque_etags: true, ..Limits::aws() }), stories[at].1);
    });
}

/// What an interrupted run has left is resumed, and a dry run knows how much that is.
#[test]
fn of_a_file_that_is_resumed() {
    let step = Step { name: "resumed", change: nothing, source: "x.img", key: "x.img", options: &[] };
    side_by_side(&Limits::NAMES, |_, name| {
        let target = Target::with(Limits::named(name).expect("a known name"));
        let path = target.file("x.img", noise(1, 40 << 20));
        let stall = FaultAction::Stall(Duration::from_secs(600));
        target.double().inject(Fault::next("UploadPart", stall).nth(4).times(u64::MAX));
        let running = target.begin(&path, "x.img", &["--jobs=1"]);
        target.wait_for("UploadPart", 4);
        running.kill();
        target.double().clear_faults();
        let did = both(&target, &step);
        assert_eq!(did.number("bytes_resumed"), 3 * (8 << 20), "{}", did.text());
    });
}

/// A key that leaves no room for a sidecar has none, and both runs say so.
#[test]
fn of_a_key_without_room_for_a_sidecar() {
    let target = Target::start();
    target.file("x.img", noise(1, 2 << 20));
    let key = "k".repeat(1020);
    let step = Step { name: "a long key", change: nothing, source: "x.img", key: &key, options: &[] };
    let did = both(&target, &step);
    assert!(did.number("bytes_sidecar_up") == 0 && did.warnings().contains("too long"), "{}", did.text());
}

/// Stores that are known to refuse copies are not asked for any, and the report says why.
#[test]
fn of_stores_that_are_known_not_to_copy() {
    for (limits, why) in [(Limits::r2(), "R2 does not copy"), (Limits::minio(), "MinIO does not copy")] {
        let target = Target::with(limits);
        told(&target, &FILE[..3]);
        page(&target);
        target.double().clear_requests();
        let did = target.sync("x.img", "x.img", &[]).ok();
        assert_eq!((did.of_file("action").as_str(), did.warnings().as_str()), ("uploaded", ""), "{}", did.text());
        assert!(did.of_file("reason").starts_with(why), "{}", did.text());
        assert_eq!((target.double().count("UploadPartCopy"), target.double().count("CreateMultipartUpload")), (0, 1));
    }
}

/// Where only trying tells whether a store copies, a dry run says how much it is at the most; and the first copy that is
/// refused comes before anything is uploaded in vain. (Where nothing at all can be compared, the sidecar is taken for wrong
/// and read once more.)
#[test]
fn of_stores_that_refuse_without_a_name() {
    let names = ["r2", "minio", "no checksums"];
    let limits = |name: &str| match Limits::named(name) {
        Some(limits) => limits,
        None => Limits { opaque_etags: true, ..Limits::careless() },
    };
    side_by_side(&names, |_, name| {
        let target = Target::with(Limits { announces: Limits::unnamed().announces, ..limits(name) });
        told(&target, &FILE[..2]);
        for options in [&[][..], &["--cache-control=no-store"]] {
            if options.is_empty() {
                page(&target);
            }
            let would = target.sync("x.img", "x.img", &[&["-n"], options].concat()).ok();
            let (least, most) = (would.number("bytes_uploaded"), would.number("bytes_uploaded_at_most"));
            assert!(least <= 2 * MIN_PART && most == LARGE as u64, "{}", would.text());
            assert_eq!(would.json()["files"][0]["bytes_uploaded_at_most"], most, "{}", would.text());
            target.double().clear_requests();
            let did = target.sync("x.img", "x.img", options).ok();
            assert_eq!((did.number("bytes_uploaded"), did.number("bytes_copied")), (most, 0), "{}", did.text());
            assert_eq!(did.json()["bytes_uploaded_at_most"], Value::Null, "{}", did.text());
            let signatures = |run: &Run| ["bytes_sidecar_up", "bytes_sidecar_down"].map(|field| run.number(field));
            let same = signatures(&would) == signatures(&did);
            assert!(same || *name == "no checksums", "{}{}", would.text(), did.text());
            assert_wire(&target, &did);
            assert!(did.warnings().contains("uploading the whole file instead"), "{}", did.text());
            assert_eq!(target.double().count("UploadPartCopy"), 1, "tried once");
            assert_eq!(target.unfinished(), [""; 0]);
            target.assert_holds("x.img", &fs::read(target.path("x.img")).expect("the file"));
        }
    });
}

/// The words of both moods: payload and signatures are told apart, and what is read to compare is no transfer.
#[test]
fn in_words() {
    let target = Target::with(Limits { announces: &[], ..Limits::aws() });
    let sync = |options: &[&str]| {
        let command = &mut target.sync_command("site/", "s3://bucket/site/", &DELTA);
        let ended = run(command.args(options)).ok();
        let last = ended.stdout.lines().last().unwrap_or_default().to_owned();
        last.split_once(" in ").map_or(last.clone(), |(before, _)| before.to_owned())
    };
    target.file("site/x.img", noise(1, 12 << 20));
    assert_eq!(sync(&["-n"]), "Would upload 12.00 MiB of 12.00 MiB (+ 7.65 KiB of signatures), 0.0 % saved");
    assert_eq!(sync(&[]), "Uploaded 12.00 MiB of 12.00 MiB (+ 7.65 KiB of signatures), 0.0 % saved");
    for options in [&["-n"][..], &[]] {
        let unchanged = "Nothing to transfer: 1 file, 12.00 MiB, unchanged (7.65 KiB of signatures read)";
        assert_eq!(sync(options), unchanged, "{options:?}");
    }
    edit(&target, "site/x.img", |bytes| bytes.insert(0, b'?'));
    small(&target, 0..20, 0);
    let beside = "(+ 22.97 KiB of signatures, 7.65 KiB of signatures read, + 856 B of index), 57.8 % saved";
    assert_eq!(
        sync(&["-n"]),
        format!("Would upload 5.06 MiB of 12.06 MiB, up to 12.06 MiB if the store does not copy ranges {beside}")
    );
    assert_eq!(sync(&[]), format!("Uploaded 5.06 MiB of 12.06 MiB {beside}"));
}

/// Tells a story: each step first as a dry run.
fn told(target: &Target, story: &[Step<'_>]) {
    for step in story {
        (step.change)(target);
        both(target, step);
    }
}

/// A dry run and the real one, which have to agree. Returns the real one.
#[track_caller]
fn both(target: &Target, step: &Step<'_>) -> Run {
    let Step { name, source, key, options, .. } = *step;
    target.double().clear_requests();
    let would = target.sync(source, key, &[options, &["-n"]].concat()).ok();
    let reads = ["HeadObject", "GetObject", "ListObjectsV2", "ListMultipartUploads", "ListParts", "GetObjectTagging"];
    for request in target.double().requests() {
        assert!(reads.contains(&request.kind), "{name}: {}", request.kind);
    }
    target.double().clear_requests();
    let did = target.sync(source, key, options).ok();
    assert_eq!(numbers(&would.json()), numbers(&did.json()), "{name}: {}{}", would.text(), did.text());
    assert_wire(target, &did);
    did
}

/// Everything of a report that has to be the same in both runs: all but times, requests and what only a real run proves.
fn numbers(report: &Value) -> Value {
    let mut report = report.clone();
    let files = report["files"].as_array().cloned().unwrap_or_default();
    let of_files: Vec<Value> = files.into_iter().map(|file| without(file, &["verification"])).collect();
    report["files"] = of_files.into();
    without(report, &["dry_run", "requests"])
}

fn without(mut report: Value, fields: &[&str]) -> Value {
    let map = report.as_object_mut().expect("an object");
    ["duration_seconds", "verified", "bytes_uploaded_at_most"]
        .iter()
        .chain(fields)
        .for_each(|name| drop(map.remove(*name)));
    report
}

/// Asserts that a report's bytes are those that the double has counted.
#[track_caller]
fn assert_wire(target: &Target, did: &Run) {
    let requests: Vec<RequestRecord> =
        target.double().requests().into_iter().filter(|request| (200..300).contains(&request.status)).collect();
    let sum = |kinds: &[&str], ending: &str, ends: bool| {
        let counted = requests.iter().filter(|r| kinds.contains(&r.kind) && r.key.ends_with(ending) == ends);
        counted.map(|r| if r.kind == "GetObject" { r.bytes_out } else { r.bytes_in }).sum::<u64>()
    };
    let wire = [
        ("bytes_uploaded", sum(&["PutObject", "UploadPart"], ".hssig", false)),
        ("bytes_sidecar_up", sum(&["PutObject"], ".hssig", true)),
        ("bytes_sidecar_down", sum(&["GetObject"], ".hssig", true)),
        ("bytes_index_up", sum(&["PutObject"], "/.hssig", true)),
        ("bytes_index_down", sum(&["GetObject"], "/.hssig", true)),
    ];
    for (field, bytes) in wire {
        assert_eq!(did.number(field), bytes, "{field}: {}", did.text());
    }
}
