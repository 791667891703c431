//! One object into one file: slash rules, deltas, what proves the bytes, and what moves for it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use strict_s3::{Fault, FaultAction};

use super::support::{BLOCK, Target, noise};

#[test]
fn an_object_comes_back_byte_for_byte() {
    let target = Target::start();
    for (len, name) in [(0, "empty"), (1, "one"), (70_000, "small"), (1 << 20, "limit"), (9_000_001, "large")] {
        let bytes = noise(len as u64, len);
        target.sync(target.file(name, &bytes), name, &[]).ok();
        let run = target.fetch(name, &format!("back/{name}"), &[]).ok();
        target.assert_file(&format!("back/{name}"), &bytes);
        assert!(run.verified(), "{}", run.text());
        assert_eq!(run.of_file("verification"), "crc64nvme", "{}", run.text());
        assert_eq!((run.number("bytes_downloaded"), run.number("files_downloaded")), (len as u64, 1));
        let again = target.fetch(name, &format!("back/{name}"), &[]).ok();
        assert_eq!((again.number("bytes_downloaded"), again.number("files_unchanged")), (0, 1), "{}", again.text());
    }
    assert_eq!(target.names("back"), ["empty", "large", "limit", "one", "small"], "and nothing else is left there");
}

#[test]
fn a_delta_fetches_the_changed_blocks_only() {
    let target = Target::start();
    let old = noise(1, 20 << 20);
    let mut new = old.clone();
    for at in [5_000, 7_000_000, 7_100_000, 20_000_000] {
        new[at..at + 100].copy_from_slice(&noise(at as u64, 100));
    }
    let moved = [&noise(9, 1000)[..], &new[..3_000_000], &new[4_000_000..], &noise(8, 1 << 20)].concat();
    for (name, version, most) in [("edited", &new, 6 * BLOCK), ("moved", &moved, (1 << 20) + 10 * BLOCK)] {
        target.sync(target.file(name, version), name, &[]).ok();
        target.file("here", &old);
        target.double().clear_requests();
        let planned = target.fetch(name, "here", &["-n"]).ok();
        target.assert_file("here", &old);
        let run = target.fetch(name, "here", &[]).ok();
        target.assert_file("here", version);
        let fetched = run.number("bytes_downloaded");
        assert!(fetched > 0 && fetched <= most, "{name}: {fetched} of at most {most}");
        assert_eq!(target.sent_of(name), fetched, "what it says is what went over the line");
        for field in ["bytes_downloaded", "bytes_copied"] {
            assert_eq!(planned.number(field), run.number(field), "{name}: {field}");
        }
        assert_eq!(run.of_file("action"), "patched");
        assert_eq!(run.of_file("verification"), "crc64nvme");
        assert_eq!(run.number("bytes_copied") + fetched, version.len() as u64);
    }
}

/// Blocks that repeat are fetched once, and not at all if the old version has one of them.
#[test]
fn a_file_that_grows_by_what_it_has_fetches_nothing() {
    let target = Target::start();
    let piece = noise(1, 1 << 20);
    let new = [&piece[..], &vec![0; 2 << 20], &piece, &piece].concat();
    target.sync(target.file("new", &new), "x", &[]).ok();
    target.file("here", [&piece[..], &vec![0; 100_000]].concat());
    let run = target.fetch("x", "here", &[]).ok();
    target.assert_file("here", &new);
    assert!(run.number("bytes_downloaded") <= BLOCK, "{}", run.text());
}

#[test]
fn slashes_mean_what_they_mean_for_uploads() {
    let target = Target::start();
    target.put("p/x.img", b"one");
    target.put("p/sub/y", b"two");
    target.put("px", b"no");
    fs::create_dir(target.path("there")).expect("a folder");
    for (from, to, made) in [
        ("p/x.img", "a", "a"),
        ("p/x.img", "b/", "b/x.img"),
        ("p/x.img", "c/d/e", "c/d/e"),
        ("p/x.img", "there", "there/x.img"),
        ("p/x.img", ".", "x.img"),
        ("p/", "t1", "t1/sub/y"),
        ("p", "t2", "t2/p/sub/y"),
        ("p", ".", "p/sub/y"),
        ("", "t3", "t3/p/sub/y"),
    ] {
        target.fetch(from, to, &[]).ok();
        assert!(target.path(made).is_file(), "{from} to {to} makes {made}");
    }
    assert_eq!(target.names("t1"), ["sub/", "sub/y", "x.img"]);
    target.fetch("nothing", "n", &[]).exits(1).says("there is nothing at s3://bucket/nothing");
    target.fetch("nothing/", "n", &[]).exits(1).says("there is nothing at s3://bucket/nothing/");
    assert!(!target.path("n").exists());
    target.fetch("p/", "a", &[]).exits(1).says("is a file, and the source is a folder");
    target.assert_file("a", b"one");
}

#[test]
fn what_is_no_download_says_so() {
    let target = Target::start();
    target.put("x", b"one");
    for (options, text) in [
        (&["--acl=private"][..], "--acl is set on objects, and this is a download"),
        (&["--storage-class=STANDARD_IA"], "--storage-class is set on objects"),
        (&["--tag=a=b"], "--tag is set on objects"),
        (&["--content-type=text/plain"], "--content-type is set on objects"),
        (&["--gitignore"], "--gitignore is for uploads"),
        (&["--backup-dir=s3://bucket/old"], "is no folder of this machine"),
    ] {
        target.fetch("x", "y", options).exits(2).says(text);
    }
    let mut both = target.sync_command(target.url("x"), &target.url("y"), &[]);
    super::support::run(&mut both).exits(2).says("from bucket to bucket is not supported yet");
    let mut other = target.sync_command(target.url("x"), "gs://bucket/y", &[]);
    super::support::run(&mut other).exits(2).says("is no path");
    target.fetch("x", "y", &["--delete"]).exits(1).says("--delete needs a folder");
    assert!(!target.path("y").exists());
}

/// An object without a sidecar is proved by what the store has, and the report says by what.
#[test]
fn what_proves_the_bytes_is_said() {
    let large = noise(1, 3 << 20);
    let target = Target::start();
    target.put("small", b"some bytes");
    target.put("large", &large);
    for (key, bytes) in [("small", &b"some bytes"[..]), ("large", &large[..])] {
        let run = target.fetch(key, key, &[]).ok();
        target.assert_file(key, bytes);
        assert_eq!(run.of_file("verification"), "crc64nvme", "{}", run.text());
        let again = target.fetch(key, key, &[]).ok();
        assert_eq!(again.of_file("action"), "unchanged");
        assert!(again.verified(), "{}", again.text());
    }
}

/// A sidecar of another version, or of nobody's, costs bytes and nothing else.
#[test]
fn a_sidecar_that_lies_costs_bytes() {
    let target = Target::start();
    let (old, new) = (noise(1, 4 << 20), noise(2, 4 << 20));
    target.sync(target.file("old", &old), "old", &[]).ok();
    target.sync(target.file("new", &new), "x", &[]).ok();
    let of_old = target.get("old.hssig").expect("a sidecar");
    let sound = target.get("x.hssig").expect("a sidecar");
    for (what, sidecar) in [
        ("of another object", of_old.clone()),
        ("cut", sound[..sound.len() / 2].to_vec()),
        ("nonsense", noise(3, 5000)),
        ("empty", Vec::new()),
    ] {
        target.put("x.hssig", &sidecar);
        target.file("here", &old);
        let run = target.fetch("x", "here", &[]).ok();
        target.assert_file("here", &new);
        assert_eq!(run.number("bytes_downloaded"), new.len() as u64, "{what}: {}", run.text());
        assert!(run.verified(), "{what}: {}", run.text());
    }
    // One that names the object and holds other sums, as whoever may write there could make it.
    let mut forged = of_old;
    let identity = |sidecar: &[u8]| hugesync::sidecar::Sidecar::decode(sidecar).expect("sound").claims()[0].clone();
    let (ours, theirs) = (identity(&forged), identity(&sound));
    assert_eq!(ours.len, theirs.len);
    let signature = hugesync::sidecar::Sidecar::decode(&forged).expect("sound").signature(0).expect("proved");
    let etag = target.double().object("bucket", "x").expect("an object").etag;
    let entry = hugesync::sidecar::Entry { etag: Some(etag.trim_matches('"')), signature: &signature };
    forged = hugesync::sidecar::encode(&[entry]).expect("encoded");
    target.put("x.hssig", &forged);
    target.file("here", &old);
    let run = target.fetch("x", "here", &[]).ok();
    target.assert_file("here", &new);
    assert!(run.verified(), "{}", run.text());
}

#[test]
fn times_modes_and_links_come_back() {
    let target = Target::start();
    let path = target.file("a", b"one");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o751)).expect("a mode");
    let large = target.file("large", noise(1, 2 << 20));
    fs::set_permissions(&large, fs::Permissions::from_mode(0o600)).expect("a mode");
    target.sync(&path, "p/a", &["-a"]).ok();
    target.sync(&large, "p/large", &["-a"]).ok();
    target.fetch("p/", "kept", &["-a"]).ok();
    target.fetch("p/", "plain", &[]).ok();
    for (name, source) in [("a", &path), ("large", &large)] {
        let (was, is) = (source.metadata().expect("it"), target.path(&format!("kept/{name}")).metadata().expect("it"));
        let of = |metadata: &fs::Metadata| (metadata.mode(), metadata.mtime(), metadata.mtime_nsec());
        assert_eq!(of(&was), of(&is), "{name}");
        let plain = target.path(&format!("plain/{name}")).metadata().expect("it");
        assert_eq!(plain.mode() & 0o777, 0o644, "{name} as any new file");
        assert!(plain.mtime() > was.mtime(), "{name}");
    }
    let again = target.fetch("p/", "plain", &["-a"]).ok();
    assert_eq!(again.number("files_updated"), 2, "{}", again.text());
    assert_eq!(again.number("bytes_downloaded"), 0);
    assert_eq!(target.path("plain/a").metadata().expect("it").mode() & 0o777, 0o751);
    let third = target.fetch("p/", "plain", &["-a"]).ok();
    assert_eq!(third.number("files_unchanged"), 2, "{}", third.text());
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode() {
    let target = Target::start();
    target.put("x", b"two");
    let path = target.file("x", b"old");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    target.fetch("x", "x", &[]).ok();
    target.assert_file("x", b"two");
    assert_eq!(path.metadata().expect("it").mode() & 0o777, 0o640);
}

#[test]
fn zeros_become_holes_where_that_is_wanted() {
    let target = Target::start();
    let bytes = [&noise(1, 1 << 20)[..], &vec![0; 8 << 20], &noise(2, 4097), &vec![0; 4096 * 3]].concat();
    target.put("x", &bytes);
    target.fetch("x", "full", &[]).ok();
    target.fetch("x", "sparse", &["--sparse"]).ok();
    target.assert_file("full", &bytes);
    target.assert_file("sparse", &bytes);
    let blocks = |name: &str| target.path(name).metadata().expect("it").blocks() * 512;
    assert!(blocks("sparse") < 2 << 20 && blocks("full") >= 8 << 20, "{} {}", blocks("sparse"), blocks("full"));
}

/// A file below the threshold that is longer than what is held in memory comes by ranges, and is compared like any other.
#[test]
fn a_threshold_bounds_no_memory() {
    let target = Target::start();
    let bytes = noise(1, 40 << 20);
    target.put("x", &bytes);
    let whole = ["--delta-threshold=100MB"];
    let run = target.fetch("x", "x", &whole).ok();
    target.assert_file("x", &bytes);
    assert!(run.verified() && run.json()["requests"]["GetObject"].as_u64() > Some(4), "{}", run.text());
    let again = target.fetch("x", "x", &whole).ok();
    assert_eq!((again.number("files_unchanged"), again.number("bytes_downloaded")), (1, 0), "{}", again.text());
}

/// The object is replaced while it is read: the next attempt takes the new version, and a mixture never stands.
#[test]
fn an_object_that_changes_is_fetched_anew() {
    let target = Target::start_as_aws();
    let (first, second) = (noise(1, 24 << 20), noise(2, 20 << 20));
    target.put("x", &first);
    target
        .double()
        .inject(Fault::next("GetObject", FaultAction::Stall(std::time::Duration::from_millis(700))).key("x").nth(3));
    let running = target.begin_fetch("x", "x", &["--jobs=1", "--no-sidecar"]);
    target.wait_for("GetObject", 2);
    target.put("x", &second);
    let run = running.wait().ok();
    target.assert_file("x", &second);
    assert!(run.warnings().contains("changed in the meantime: trying again"), "{}", run.text());
    assert_eq!(target.names("").iter().filter(|name| name.ends_with(".hspart")).count(), 0);

    target.put("y", &first);
    target
        .double()
        .inject(Fault::next("GetObject", FaultAction::Stall(std::time::Duration::from_millis(700))).key("y").nth(3));
    let running = target.begin_fetch("y", "y", &["--jobs=1", "--no-sidecar", "--fail-on-conflict"]);
    let begun = target.double().count("GetObject");
    target.wait_for("GetObject", begun + 2);
    target.put("y", &second);
    running.wait().exits(1).says("somebody else wrote");
    assert!(!target.path("y").exists());
}

/// What stands at the destination is replaced by another program while the new version is put together.
#[test]
fn a_file_that_changes_meanwhile_is_looked_at_again() {
    let target = Target::start();
    let new = noise(2, 20 << 20);
    target.sync(target.file("new", &new), "x", &[]).ok();
    target.file("x", noise(1, 3 << 20));
    target.double().clear_requests();
    target
        .double()
        .inject(Fault::next("GetObject", FaultAction::Stall(std::time::Duration::from_millis(900))).key("x").nth(3));
    let running = target.begin_fetch("x", "x", &["--jobs=1"]);
    target.wait_for("GetObject", 3);
    target.file("x", b"somebody's work");
    let run = running.wait().ok();
    target.assert_file("x", &new);
    assert!(run.warnings().contains("changed in the meantime"), "{}", run.text());
}

#[test]
fn old_versions_are_kept_where_that_is_wanted() {
    let target = Target::start();
    target.put("p/a", b"new");
    target.put("p/sub/big", noise(1, 2 << 20));
    target.file("out/a", b"old");
    target.file("out/sub/big", noise(2, 2 << 20));
    target.file("out/gone", b"extra");
    target.file("out/stays", b"same");
    target.put("p/stays", b"same");
    target.fetch("p/", "out", &["--delete", "--backup-dir=out/.old"]).ok();
    assert_eq!(target.names("out/.old"), ["a", "gone", "sub/", "sub/big"]);
    target.assert_file("out/.old/a", b"old");
    target.assert_file("out/.old/sub/big", &noise(2, 2 << 20));
    target.assert_file("out/.old/gone", b"extra");
    target.assert_file("out/a", b"new");
    // A folder for backups that is the destination, or holds it, would replace each file by itself.
    std::os::unix::fs::symlink("out", target.path("by-link")).expect("a link");
    target.put("p/a", b"newer");
    for backup in ["out", ".", "by-link"] {
        let option = format!("--backup-dir={backup}");
        target.fetch("p/", "out", &[&option]).exits(1).says("the destination lies below the backups' prefix");
        target.assert_file("out/a", b"new");
    }
    target.put("p/a", b"new");
    let again = target.fetch("p/", "out", &["--delete", "--backup-dir=out/.old"]).ok();
    assert_eq!(again.number("files_deleted"), 0, "backups are no part of it: {}", again.text());
}

/// Other files here may have the bytes: those that are named, and one of a similar name.
#[test]
fn other_files_are_bases_too() {
    let target = Target::start();
    let (one, two) = (noise(1, 4 << 20), noise(2, 4 << 20));
    let new = [&one[..], &noise(3, 100_000), &two].concat();
    target.sync(target.file("in/disk-1.3.img", &new), "p/disk-1.3.img", &[]).ok();
    target.file("one.img", &one);
    target.file("other/disk-1.3.img", &two);
    let most = 4 * BLOCK;
    let run = target.fetch("p/disk-1.3.img", "a/disk-1.3.img", &["--basis=one.img", "--basis=other"]).ok();
    target.assert_file("a/disk-1.3.img", &new);
    assert!(run.number("bytes_downloaded") <= most && run.verified(), "{}", run.text());
    let run = target.fetch("p/", "b", &["--basis=other"]).ok();
    target.assert_file("b/disk-1.3.img", &new);
    assert!(run.number("bytes_downloaded") < 5 << 20, "{}", run.text());
    // The old version, and others for what it lacks.
    target.file("c/disk-1.3.img", &one);
    let run = target.fetch("p/", "c", &["--basis=other"]).ok();
    target.assert_file("c/disk-1.3.img", &new);
    assert!(run.number("bytes_downloaded") <= most, "{}", run.text());
    // By its name.
    target.file("d/disk-1.2.img", &new[1..]);
    target.file("d/else.img", b"else");
    let run = target.fetch("p/disk-1.3.img", "d/", &["--fuzzy"]).ok();
    target.assert_file("d/disk-1.3.img", &new);
    assert!(run.number("bytes_downloaded") <= most, "{}", run.text());
    target.assert_file("d/disk-1.2.img", &new[1..]);
    target.fetch("p/", "e", &["--basis=not-there"]).exits(1).says("cannot read the source not-there");
    target.sync("one.img", "up.img", &["--fuzzy"]).exits(2).says("--fuzzy is for downloads");
}
