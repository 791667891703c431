//! What is set on objects beside their bytes: set with every write, compared where it is asked for, changed in place by
//! copies inside the store, and left alone where it is not asked for. What metadata looks like is in `options` too.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use strict_s3::ObjectView;

use super::support::{Run, Target, noise, run, set_age, side_by_side};

const SITE: &str = "s3://bucket/site";
const LARGE: usize = 12 << 20;
const KMS_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A tree of a small file and a large one.
fn tree() -> Target {
    let target = Target::start();
    target.file("site/small.html", "small");
    target.file("site/large.img", noise(1, LARGE));
    target
}

/// Syncs the contents of `site`, with a JSON report and sidecars for what has a megabyte.
fn sync(target: &Target, options: &[&str]) -> Run {
    let options = [&["--json", "--delta-threshold=1MB", "--block-size=64"], options].concat();
    run(&mut target.sync_command("site/", SITE, &options))
}

#[track_caller]
fn object(target: &Target, name: &str) -> ObjectView {
    target.double().object("bucket", &format!("site/{name}")).unwrap_or_else(|| panic!("there is no {name}"))
}

fn metadata(target: &Target, name: &str, of: &str) -> Option<String> {
    object(target, name).metadata.into_iter().find(|(key, _)| key == of).map(|(_, value)| value)
}

fn chmod(target: &Target, name: &str, mode: u32) -> PathBuf {
    let path = target.path("site").join(name);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    path
}

/// Files uploaded, updated in place, unchanged and failed.
fn counts(run: &Run) -> [u64; 4] {
    ["files_uploaded", "files_updated", "files_unchanged", "files_failed"].map(|field| run.number(field))
}

/// Asserts that the files' bytes are what the objects hold.
#[track_caller]
fn assert_equal(target: &Target) {
    for name in ["small.html", "large.img"] {
        target.assert_holds(&format!("site/{name}"), &fs::read(target.path("site").join(name)).expect("a file"));
    }
}

/// Requests that write an object of the tree, sidecars and indexes apart.
fn writes(target: &Target) -> Vec<(&'static str, String)> {
    let requests = target.double().requests().into_iter().filter(|request| !request.key.ends_with(".hssig"));
    let writes = requests.filter(|request| !["GetObject", "HeadObject", "ListObjectsV2"].contains(&request.kind));
    writes.map(|request| (request.kind, request.key)).collect()
}

/// Only a mode differs: the store copies, nothing is uploaded, and the sidecar is that of the copy.
#[test]
fn a_change_of_mode_is_a_copy() {
    let target = tree();
    ["small.html", "large.img"].iter().for_each(|name| drop(chmod(&target, name, 0o644)));
    sync(&target, &["-a"]).ok();
    ["small.html", "large.img"].iter().for_each(|name| drop(chmod(&target, name, 0o600)));
    let would = sync(&target, &["-a", "-n"]).ok();
    assert_eq!((counts(&would), would.number("bytes_uploaded")), ([0, 2, 0, 0], 0), "{}", would.text());
    assert_eq!(metadata(&target, "small.html", "mode").as_deref(), Some("100644"));

    target.double().clear_requests();
    let ended = sync(&target, &["-a"]).ok();
    assert_eq!((counts(&ended), ended.number("bytes_uploaded")), ([0, 2, 0, 0], 0), "{}", ended.text());
    assert_eq!(ended.number("bytes_copied"), LARGE as u64 + 5);
    assert!(ended.verified(), "{}", ended.text());
    for name in ["small.html", "large.img"] {
        assert_eq!(metadata(&target, name, "mode").as_deref(), Some("100600"), "{name}");
        assert!(metadata(&target, name, "mtime").is_some() && metadata(&target, name, "hugesync-blake3").is_some());
    }
    assert_eq!(object(&target, "small.html").content_type.as_deref(), Some("text/html"));
    assert_equal(&target);
    let kinds: Vec<&str> = writes(&target).into_iter().map(|(kind, _)| kind).collect();
    let count = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!(
        ["CopyObject", "CreateMultipartUpload", "PutObject", "UploadPart"].map(count),
        [1, 1, 0, 0],
        "{kinds:?}"
    );
    assert!(count("UploadPartCopy") >= 1 && count("CompleteMultipartUpload") == 1, "{kinds:?}");

    // What was copied is known: neither file is touched again, and a change is stitched from the copy.
    target.double().clear_requests();
    let again = sync(&target, &["-a"]).ok();
    assert_eq!((counts(&again), writes(&target)), ([0, 0, 2, 0], vec![]), "{}", again.text());
    assert_eq!(
        target.double().requests().iter().filter(|r| r.key == "site/small.html").count(),
        0,
        "the index knows it"
    );
    target.file("site/large.img", [&b"?"[..], &noise(1, LARGE)].concat());
    let edited = sync(&target, &["-a"]).ok();
    assert!(
        edited.number("bytes_copied") >= 5 << 20 && edited.number("bytes_uploaded") < LARGE as u64,
        "{}",
        edited.text()
    );
    assert_equal(&target);
    assert_eq!(metadata(&target, "large.img", "mode").as_deref(), Some("100600"), "it goes with what is stitched too");
}

/// Which of the names `-a` and its parts set.
#[test]
fn parts_of_archive() {
    let rows: [(&[&str], &[&str]); 10] = [
        (&[], &[]),
        (&["-a"], &["gid", "mode", "mtime", "uid"]),
        (&["-a", "--no-times", "--no-owner"], &["mode"]),
        (&["-a", "--no-perms"], &["gid", "mtime", "uid"]),
        (&["--no-times", "-a"], &["gid", "mode", "uid"]),
        (&["-t"], &["mtime"]),
        (&["-p"], &["mode"]),
        (&["-o"], &["gid", "uid"]),
        (&["-a", "--no-times", "-t"], &["gid", "mode", "mtime", "uid"]),
        (&["-p", "--no-perms"], &[]),
    ];
    side_by_side(&rows, |_, (options, expected)| {
        let target = Target::start();
        target.file("site/x", "x");
        sync(&target, options).ok();
        let set = object(&target, "x").metadata.into_iter().map(|(name, _)| name);
        let set: Vec<String> = set.filter(|name| !name.starts_with("hugesync-")).collect();
        assert_eq!(set, *expected);
    });
}

/// A checkout's new times cost a copy with `-a`, and nothing with `-a --no-times`. A run without `-a` leaves what one with
/// it has set.
#[test]
fn what_is_not_asked_for_stays() {
    let target = tree();
    sync(&target, &["-a", "--cache-control=no-cache", "--storage-class=STANDARD_IA", "--tag=team=web"]).ok();
    let before = ["small.html", "large.img"].map(|name| (object(&target, name).etag, object(&target, name).metadata));
    for name in ["small.html", "large.img"] {
        set_age(&target.path("site").join(name), Duration::from_secs(5));
    }
    target.double().clear_requests();
    for options in [&[][..], &["-a", "--no-times"], &["-c"], &["--no-sidecar"]] {
        let ended = sync(&target, options).ok();
        assert_eq!((counts(&ended), writes(&target)), ([0, 0, 2, 0], vec![]), "{options:?}: {}", ended.text());
    }
    let after = ["small.html", "large.img"].map(|name| (object(&target, name).etag, object(&target, name).metadata));
    assert_eq!(before, after);

    // In a change of something else too.
    let ended = sync(&target, &["-t"]).ok();
    assert_eq!(counts(&ended), [0, 2, 0, 0], "{}", ended.text());
    for (name, (_, old)) in ["small.html", "large.img"].into_iter().zip(before) {
        let now = object(&target, name);
        assert_eq!(now.cache_control.as_deref(), Some("no-cache"), "{name}");
        assert_eq!(now.storage_class.as_deref(), Some("STANDARD_IA"), "{name}");
        assert_eq!(now.tags, [("team".to_owned(), "web".to_owned())], "{name}");
        let mode = old.into_iter().find(|(name, _)| name == "mode").map(|(_, value)| value);
        assert!(mode.is_some() && metadata(&target, name, "mode") == mode, "{name}");
    }
    assert_equal(&target);
}

/// The first pattern that matches gives the value; where none does, the name gives a media type and nothing else.
#[test]
fn headers_by_pattern() {
    let target = Target::start();
    for name in ["index.html", "sub/page.html", "app.js.gz", "x.wasm", "plain"] {
        target.file(&format!("site/{name}"), name);
    }
    let options = [
        "--content-type=*.wasm:application/x-own",
        "--cache-control=/index.html:no-cache",
        "--cache-control=*.html:max-age=60",
        "--cache-control=max-age=3600",
        "--content-encoding=*.gz:gzip",
        "--content-disposition=*:attachment; filename=\"a:b\"",
        "--content-language=sub/*:de",
    ];
    sync(&target, &options).ok();

    let headers = |name: &str| -> [Option<String>; 4] {
        let of = object(&target, name);
        let disposition = of.content_disposition.as_deref();
        assert_eq!(disposition, Some("attachment; filename=\"a:b\""), "{name}");
        [of.content_type, of.cache_control, of.content_encoding, of.content_language]
    };
    let expected = |values: [&str; 4]| values.map(|value| Some(value.to_owned()).filter(|value| !value.is_empty()));
    for (name, values) in [
        ("index.html", ["text/html", "no-cache", "", ""]),
        ("sub/page.html", ["text/html", "max-age=60", "", "de"]),
        ("app.js.gz", ["application/gzip", "max-age=3600", "gzip", ""]),
        ("x.wasm", ["application/x-own", "max-age=3600", "", ""]),
        ("plain", ["application/octet-stream", "max-age=3600", "", ""]),
    ] {
        assert_eq!(headers(name), expected(values), "{name}");
    }
    assert_eq!(counts(&sync(&target, &options).ok()), [0, 0, 5, 0]);

    // Another value for some of them: those alone are copied, and keep the rest.
    let changed = sync(&target, &["--cache-control=*.html:no-store"]).ok();
    assert_eq!((counts(&changed), changed.number("bytes_uploaded")), ([0, 2, 3, 0], 0), "{}", changed.text());
    assert_eq!(headers("sub/page.html"), expected(["text/html", "no-store", "", "de"]));
    assert_eq!(headers("plain")[1].as_deref(), Some("max-age=3600"));
    let index = object(&target, ".hssig");
    assert_eq!((index.cache_control, index.content_language), (None, None), "records get none of them");

    for wrong in ["--cache-control=*.html:", "--content-type=:x", "--cache-control="] {
        sync(&target, &[wrong]).exits(2);
    }
}

/// What is asked for goes with every write, of small and of large files; what is not goes with the old version.
#[test]
fn a_new_version_gets_what_its_run_asks_for() {
    let options =
        ["-p", "--cache-control=no-cache", "--content-language=en", "--storage-class=STANDARD_IA", "--tag=a=b c&d"];
    let target = tree();
    let has_all = |name: &str| {
        let of = object(&target, name);
        assert_eq!(of.cache_control.as_deref(), Some("no-cache"), "{name}");
        assert_eq!(of.content_language.as_deref(), Some("en"), "{name}");
        assert_eq!(of.storage_class.as_deref(), Some("STANDARD_IA"), "{name}");
        assert_eq!(of.tags, [("a".to_owned(), "b c&d".to_owned())], "{name}");
        assert!(metadata(&target, name, "mode").is_some(), "{name}");
    };
    let edit = |byte: &str| {
        target.file("site/small.html", byte);
        target.file("site/large.img", [byte.as_bytes(), &noise(1, LARGE)].concat());
    };
    sync(&target, &options).ok();
    ["small.html", "large.img"].iter().for_each(|name| has_all(name));
    edit("?");
    let stitched = sync(&target, &options).ok();
    assert_eq!(counts(&stitched), [2, 0, 0, 0]);
    assert!(stitched.number("bytes_copied") > 0, "{}", stitched.text());
    ["small.html", "large.img"].iter().for_each(|name| has_all(name));
    edit("!");
    assert_eq!(counts(&sync(&target, &[&options[..], &["-W"]].concat()).ok()), [2, 0, 0, 0]);
    ["small.html", "large.img"].iter().for_each(|name| has_all(name));
    edit("-");
    sync(&target, &[]).ok();
    for name in ["small.html", "large.img"] {
        let of = object(&target, name);
        assert_eq!((of.cache_control, of.content_language, of.storage_class, of.tags.len()), (None, None, None, 0));
        assert_eq!(metadata(&target, name, "mode"), None, "{name}");
    }
    assert_equal(&target);
}

/// Tags and classes are compared where they are asked for, and set on objects that stay otherwise.
#[test]
fn tags_and_classes_are_set_in_place() {
    let target = tree();
    sync(&target, &[]).ok();
    let set = |options: &[&str], updated: u64, tags: &[(&str, &str)], class: Option<&str>| {
        let ended = sync(&target, options).ok();
        assert_eq!(counts(&ended), [0, updated, 2 - updated, 0], "{options:?}: {}", ended.text());
        assert_eq!(ended.number("bytes_uploaded"), 0);
        for name in ["small.html", "large.img"] {
            let of = object(&target, name);
            let found: Vec<(&str, &str)> = of.tags.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!((found.as_slice(), of.storage_class.as_deref()), (tags, class), "{name} {options:?}");
        }
    };
    set(&["--tag=team=web", "--tag=env=prod"], 2, &[("env", "prod"), ("team", "web")], None);
    set(&["--tag=team=web", "--tag=env=prod"], 0, &[("env", "prod"), ("team", "web")], None);
    set(&[], 0, &[("env", "prod"), ("team", "web")], None);
    set(&["--storage-class=STANDARD"], 0, &[("env", "prod"), ("team", "web")], None);
    set(&["--storage-class=standard_ia"], 2, &[("env", "prod"), ("team", "web")], Some("STANDARD_IA"));
    set(&["--storage-class=STANDARD_IA"], 0, &[("env", "prod"), ("team", "web")], Some("STANDARD_IA"));
    set(&["--tag=team=db"], 2, &[("team", "db")], Some("STANDARD_IA"));
    set(&["--storage-class=STANDARD"], 2, &[("team", "db")], None);
    let records = target.double().keys("bucket").into_iter().filter(|key| key.ends_with(".hssig"));
    for key in records {
        let record = target.double().object("bucket", &key).expect("it is there");
        assert_eq!((record.tags.len(), record.storage_class), (0, None), "{key} gets none of them");
    }
    sync(&target, &["--tag==x"]).exits(2);
    assert_equal(&target);
}

/// Encryption by the store: for every object that is written, records included; what is encrypted otherwise differs.
#[test]
fn encryption_by_the_store() {
    let target = tree();
    sync(&target, &["--sse=AES256"]).ok();
    let is = |algorithm: &str, kms_key: Option<&str>| {
        for key in target.double().keys("bucket") {
            let of = target.double().object("bucket", &key).expect("it is there");
            assert_eq!((of.encryption.as_deref(), of.kms_key.as_deref()), (Some(algorithm), kms_key), "{key}");
        }
    };
    is("AES256", None);
    assert_eq!(counts(&sync(&target, &["--sse=AES256"]).ok()), [0, 0, 2, 0]);
    let kms = ["--sse=aws:kms", "--sse-kms-key-id", KMS_KEY];
    let ended = sync(&target, &kms).ok();
    assert_eq!((counts(&ended), ended.number("bytes_uploaded")), ([0, 2, 0, 0], 0), "{}", ended.text());
    is("aws:kms", Some(KMS_KEY));
    assert_equal(&target);
    // Under KMS an ETag only looks like an MD5, or not even that: the index knows the small file.
    target.double().clear_requests();
    assert_eq!(counts(&sync(&target, &kms).ok()), [0, 0, 2, 0]);
    assert_eq!(target.requests_about("site/small.html").len(), 0);
    target.file("site/small.html", "other");
    target.file("site/large.img", [&b"?"[..], &noise(1, LARGE)].concat());
    let edited = sync(&target, &kms).ok();
    assert!(counts(&edited) == [2, 0, 0, 0] && edited.number("bytes_copied") > 0, "{}", edited.text());
    is("aws:kms", Some(KMS_KEY));
    assert_equal(&target);
    // Nobody asks: nothing is compared.
    assert_eq!(counts(&sync(&target, &[]).ok()), [0, 0, 2, 0]);

    sync(&target, &["--sse=AES256", "--sse-kms-key-id=x"]).exits(2).says("--sse-kms-key-id goes with --sse aws:kms");
    sync(&target, &["--sse=rot13"]).exits(2);
}

/// A key of the customer's own: every request brings it along, and without it nothing can be read.
#[test]
fn encryption_with_a_customer_key() {
    let target = tree();
    target.file("key", [7; 32]);
    target.file("text.key", "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=\n");
    target.file("bad.key", "too short");
    let key = "--sse-customer-key-file=key";
    sync(&target, &[key]).ok();
    let keys = target.double().keys("bucket");
    assert_eq!(keys, ["site/large.img", "site/large.img.hssig", "site/small.html"]);
    for name in &keys {
        let of = target.double().object("bucket", name).expect("it is there");
        assert!(of.customer_key_md5.is_some() && of.encryption.is_none(), "{name}: {of:?}");
    }
    let same = sync(&target, &[key]).ok();
    assert_eq!((counts(&same), same.verified()), ([0, 0, 2, 0], true), "{}", same.text());

    // Without the key, and with another one: clear errors, and nothing is changed.
    let before = keys.iter().map(|key| target.double().object("bucket", key).expect("it is there").etag);
    let before: Vec<String> = before.collect();
    let without = sync(&target, &[]).exits(1);
    let without = without.says("large.img: ").says("small.html: ");
    let files = without.json()["files"].as_array().cloned().expect("files");
    for file in &files {
        let hint = file["error"]["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("customer key") || hint.contains("SSE-C"), "no hint: {file:#}");
    }
    let other = sync(&target, &["--sse-customer-key-file=text.key"]).exits(1);
    assert!(other.stderr.contains("hint: "), "{}", other.text());
    let after: Vec<String> =
        keys.iter().map(|key| target.double().object("bucket", key).expect("it is there").etag).collect();
    assert_eq!(before, after);

    // A change is stitched with the key, of the source and of what is written; so is a change of a mode copied.
    target.file("site/large.img", [&b"?"[..], &noise(1, LARGE)].concat());
    let edited = sync(&target, &[key]).ok();
    assert!(counts(&edited) == [1, 0, 1, 0] && edited.number("bytes_copied") > 0, "{}", edited.text());
    let updated = sync(&target, &[key, "-p"]).ok();
    assert_eq!((counts(&updated), updated.number("bytes_uploaded")), ([0, 2, 0, 0], 0), "{}", updated.text());
    assert!(object(&target, "large.img").customer_key_md5.is_some());
    assert_equal(&target);

    for wrong in ["--sse-customer-key-file=bad.key", "--sse-customer-key-file=nowhere"] {
        sync(&target, &[wrong]).exits(2).says("hint: make one with");
    }
    sync(&target, &[key, "--sse=AES256"]).exits(2);
}

/// A plain object cannot be read with a customer key: that is said, and what to do.
#[test]
fn a_customer_key_for_plain_objects_is_an_error() {
    let target = tree();
    sync(&target, &[]).ok();
    target.file("key", [7; 32]);
    let ended = sync(&target, &["--sse-customer-key-file=key"]).exits(1);
    let files = ended.json()["files"].as_array().cloned().expect("files");
    for file in files.iter().filter(|file| file["key"] == "site/large.img") {
        let hint = file["error"]["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("customer key"), "no hint: {file:#}");
    }
    assert_equal(&target);
}

/// Buckets refuse ACLs by default: one is sent only where it is asked for, and for no record.
#[test]
fn acls_are_sent_when_asked_for() {
    let target = tree();
    let sent = || -> Vec<(&'static str, String)> {
        let requests = target.double().requests().into_iter();
        let mut with: Vec<_> =
            requests.filter(|r| r.header("x-amz-acl").is_some()).map(|request| (request.kind, request.key)).collect();
        with.sort();
        target.double().clear_requests();
        with
    };
    sync(&target, &["-a"]).ok();
    assert_eq!(sent(), []);
    let acl = "--acl=bucket-owner-full-control";
    let copies = [("CopyObject", "site/small.html".to_owned()), ("CreateMultipartUpload", "site/large.img".to_owned())];
    let asked = sync(&target, &[acl]).ok();
    assert_eq!((counts(&asked), asked.number("bytes_uploaded")), ([0, 2, 0, 0], 0), "{}", asked.text());
    assert_eq!(sent(), copies);
    for name in ["small.html", "large.img"] {
        assert_eq!(metadata(&target, name, "hugesync-acl").as_deref(), Some("bucket-owner-full-control"));
        assert!(metadata(&target, name, "mode").is_some(), "it stays");
    }
    assert_eq!(counts(&sync(&target, &[acl]).ok()), [0, 0, 2, 0]);
    assert_eq!(counts(&sync(&target, &[]).ok()), [0, 0, 2, 0]);
    assert_eq!(sent(), []);
    // A copy has none of its own: the one that was set goes along.
    assert_eq!(counts(&sync(&target, &["--cache-control=no-cache"]).ok()), [0, 2, 0, 0]);
    assert_eq!(sent(), copies);
    assert_eq!(counts(&sync(&target, &["--acl=private"]).ok()), [0, 2, 0, 0]);
    target.file("site/small.html", "other");
    sync(&target, &[acl]).ok();
    assert!(sent().contains(&("PutObject", "site/small.html".to_owned())));
}

/// In a versioned bucket nothing is lost: what is replaced or deleted is a version.
#[test]
fn versioned_buckets_keep_what_was() {
    let target = tree();
    target.double().set_versioning("bucket", true);
    target.file("site/gone", "gone");
    sync(&target, &[]).ok();
    let versions = |name: &str| target.double().versions("bucket", &format!("site/{name}"));
    target.file("site/small.html", "other");
    target.file("site/large.img", [&b"?"[..], &noise(1, LARGE)].concat());
    fs::remove_file(target.path("site/gone")).expect("removed");
    let ended = sync(&target, &["--delete"]).ok();
    assert_eq!((counts(&ended), ended.number("files_deleted")), ([2, 0, 0, 0], 1), "{}", ended.text());
    assert!(ended.number("bytes_copied") > 0, "{}", ended.text());
    assert_eq!((versions("small.html"), versions("large.img"), versions("gone")), (2, 2, 2));
    assert_eq!(target.get("site/gone"), None, "a marker is the current version");
    assert_equal(&target);
    assert_eq!(counts(&sync(&target, &["--delete"]).ok()), [0, 0, 2, 0]);
    assert_eq!((versions("small.html"), versions("large.img"), versions("gone")), (2, 2, 2), "nothing was written");
    assert_eq!(counts(&sync(&target, &["-p"]).ok()), [0, 2, 0, 0]);
    assert_eq!((versions("small.html"), versions("large.img")), (3, 3));
}

/// The hash in the metadata is that of the content: always, but for first uploads of large files.
#[test]
fn objects_have_their_hash() {
    let target = tree();
    sync(&target, &[]).ok();
    let hash = |name: &str| metadata(&target, name, "hugesync-blake3");
    let of = |bytes: &[u8]| Some(blake3::hash(bytes).to_hex().to_string());
    assert_eq!((hash("small.html"), hash("large.img")), (of(b"small"), None));
    let new = [&b"?"[..], &noise(1, LARGE)].concat();
    target.file("site/large.img", &new);
    target.file("site/small.html", "other");
    sync(&target, &[]).ok();
    assert_eq!((hash("small.html"), hash("large.img")), (of(b"other"), of(&new)));
}
