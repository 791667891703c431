//! What docs/TREES.md promises of a whole tree: which files are taken, what counts as changed and what that costs in
//! requests, shards, the configuration file, and what is said of it. Deleting is in `deletes`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use hugesync::sidecar::{Index, IndexBuilder};
use serde_json::Value;
use strict_s3::{Fault, FaultAction, Limits};

use super::layout::make_pipe;
use super::support::{Run, Target, noise, run, set_age, side_by_side, start};

const SITE: &str = "s3://bucket/site";

/// Syncs the contents of `site` with a JSON report.
fn sync(target: &Target, options: &[&str]) -> Run {
    run(target.sync_command("site/", SITE, options).arg("--json"))
}

/// Names below the prefix, sidecars and indexes apart.
fn names(target: &Target) -> Vec<String> {
    let keys = target.double().keys("bucket").into_iter().filter(|key| !key.ends_with(".hssig"));
    keys.filter_map(|key| key.strip_prefix("site/").map(str::to_owned)).collect()
}

fn empty(target: &Target) {
    target.double().keys("bucket").iter().for_each(|key| target.double().delete("bucket", key));
}

/// What a report says of a name.
#[track_caller]
fn of<'a>(report: &'a Value, name: &str) -> &'a Value {
    let files = report["files"].as_array().expect("files");
    files.iter().find(|file| file["key"] == format!("site/{name}")).unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

/// An opaque ETag proves nothing: of all objects under SSE-KMS.
fn opaque() -> Limits {
    Limits { opaque_etags: true, ..Limits::aws() }
}

/// Options, the exit code, and the names that are at the destination then.
type Row<'a> = (&'a [&'a str], i32, &'a [&'a str]);

#[test]
fn links_in_four_modes() {
    const FILES: &[&str] = &["dir/inner", "file"];
    const LINKS: &[&str] = &["dangling", "dir/inner", "dir/up", "dirlink", "file", "link", "loop", "öut"];
    const FOLLOWED: &[&str] = &["dir/inner", "dirlink/inner", "file", "link"];
    let rows: [Row<'_>; 10] = [
        (&[], 0, FILES),
        (&["--skip-links"], 0, FILES),
        (&["-l"], 0, LINKS),
        (&["-a"], 0, LINKS),
        (&["-L"], 3, FOLLOWED),
        (&["-aL"], 3, FOLLOWED),
        (&["-L", "-l"], 0, LINKS),
        (&["--skip-links", "-L"], 3, FOLLOWED),
        (&["-L", "--skip-links"], 0, FILES),
        (&["--skip-links", "-a"], 0, FILES),
    ];
    side_by_side(&rows, |_, (options, code, expected)| {
        let target = Target::start();
        target.file("site/file", "content");
        target.file("site/dir/inner", "inner");
        for (name, to) in [
            ("link", "file"),
            ("dangling", "nowhere"),
            ("dirlink", "dir"),
            ("loop", "."),
            ("dir/up", ".."),
            ("öut", "/ö ut%/../%41"),
        ] {
            symlink(to, target.path("site").join(name)).expect("a link");
        }
        let ended = sync(&target, options).exits(*code);
        assert_eq!(names(&target), *expected, "{}", ended.text());
        let report = ended.json();
        if *expected == FILES {
            let untold = options.contains(&"--skip-links");
            let warnings = ended.stderr.matches("warning: ").count();
            assert_eq!((ended.number("files_skipped"), warnings), (6, if untold { 0 } else { 6 }), "{}", ended.text());
        } else if *expected == LINKS {
            for (name, to, encoded) in
                [("link", "file", "file"), ("dir/up", "..", ".."), ("öut", "/ö ut%/../%41", "/%C3%B6%20ut%25/../%2541")]
            {
                target.assert_holds(&format!("site/{name}"), to.as_bytes());
                let object = target.double().object("bucket", &format!("site/{name}")).expect("it is there");
                assert_eq!(object.content_type.as_deref(), Some("inode/symlink"));
                assert!(
                    object.metadata.contains(&("hugesync-symlink".into(), encoded.into())),
                    "{:?}",
                    object.metadata
                );
                let mode = object.metadata.iter().find(|(name, _)| name == "mode").map(|(_, mode)| mode.as_str());
                assert_eq!(mode, options.contains(&"-a").then_some("120777"));
                assert_eq!(
                    (&of(&report, name)["symlink"], &of(&report, "file")["symlink"]),
                    (&true.into(), &Value::Null)
                );
            }
        } else {
            target.assert_holds("site/link", b"content");
            target.assert_holds("site/dirlink/inner", b"inner");
            // loop, dir/up and dirlink/up lead back; dangling and öut lead nowhere.
            assert_eq!(ended.number("files_failed"), 5, "{}", ended.text());
            ended.says("is a symbolic link to a folder that it lies in").says("dangling: cannot be read");
        }
        let again = sync(&target, options).exits(*code);
        assert_eq!((again.number("files_uploaded"), again.number("files_updated")), (0, 0), "{}", again.text());
    });
}

/// A link whose target no object holds fails; a link that leads elsewhere now is stored anew, and so is a file in its place.
#[test]
fn links_that_change() {
    let target = Target::start();
    fs::create_dir(target.path("site")).expect("a folder");
    let relink = |to: &str| {
        let _ = fs::remove_file(target.path("site/link"));
        symlink(to, target.path("site/link")).expect("a link");
    };
    relink("one");
    sync(&target, &["-l"]).ok();
    relink("two");
    assert_eq!(sync(&target, &["-l"]).ok().number("files_uploaded"), 1);
    target.assert_holds("site/link", b"two");
    relink(&"ä/".repeat(400));
    sync(&target, &["-l"]).exits(1).says("the user metadata has").says("hint: an object holds 2 KiB");
    target.assert_holds("site/link", b"two");
    fs::remove_file(target.path("site/link")).expect("removed");
    target.file("site/link", "a file");
    sync(&target, &["-l"]).ok();
    let object = target.double().object("bucket", "site/link").expect("it is there");
    assert_eq!(object.content_type.as_deref(), Some("application/octet-stream"));
    assert!(object.metadata.iter().all(|(name, _)| name != "hugesync-symlink"), "{:?}", object.metadata);
}

/// What is left out keeps the object of its name; what lies below a link that is left out is extraneous.
#[test]
fn special_files_and_links_are_told_and_keep_their_objects() {
    let target = Target::start();
    target.file("site/.hidden/.file", "x");
    target.file("site/..odd", "x");
    make_pipe(&target.path("site/pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(target.path("site/socket")).expect("a socket");
    symlink(".hidden", target.path("site/link")).expect("a link");
    for key in ["pipe", "socket", "link", "link/.file", "pipe/x"] {
        target.put(&format!("site/{key}"), "there already");
    }
    let ended = sync(&target, &["--delete", "--max-delete=100%"]).ok();
    let ended = ended.says("pipe: is no regular file").says("socket: is no regular file").says("is a symbolic link");
    assert_eq!(names(&target), ["..odd", ".hidden/.file", "link", "pipe", "socket"], "{}", ended.text());
    target.assert_holds("site/pipe", b"there already");
    assert_eq!((ended.number("files_skipped"), ended.number("files_deleted")), (3, 2), "{}", ended.text());
}

#[test]
fn ignore_files_leave_out_what_they_say() {
    let target = Target::start();
    for (name, text) in [
        (".hugesyncignore", "# own\n*.tmp\n!keep.*\n/top\n"),
        ("sub/.hugesyncignore", "!back.tmp\nsecret/\n"),
        (".gitignore", "build/\n*.o\nkeep.o\n"),
        ("sub/.gitignore", "!good.o\n"),
        (".dockerignore", "*.md\n*.o\n!back.o\n"),
        ("sub/.dockerignore", "*\n"),
    ] {
        target.file(&format!("site/{name}"), text);
    }
    target.file(".hugesyncignore", "*\n");
    for name in [
        "a",
        "a.tmp",
        "a.md",
        "a.o",
        "back.o",
        "keep.o",
        "keep.tmp",
        "top",
        "build/x",
        "sub/top",
        "sub/b.tmp",
        "sub/back.tmp",
        "sub/good.o",
        "sub/secret/x",
    ] {
        target.file(&format!("site/{name}"), "x");
    }
    let own = &["a", "a.md", "a.o", "back.o", "build/x", "keep.o", "keep.tmp", "sub/back.tmp", "sub/good.o", "sub/top"];
    // .hugesyncignore counts more than .gitignore: keep.o stays. Deeper ones count more: sub/good.o.
    let git = &["a", "a.md", "keep.o", "keep.tmp", "sub/back.tmp", "sub/good.o", "sub/top"];
    // .gitignore counts more than .dockerignore: back.o goes with both.
    let docker = &["a", "back.o", "build/x", "keep.o", "keep.tmp", "sub/back.tmp", "sub/good.o", "sub/top"];
    let both = &["a", "keep.o", "keep.tmp", "sub/back.tmp", "sub/good.o", "sub/top"];
    let rows: [(&[&str], &[&str]); 4] = [
        (&[], own),
        (&["--gitignore"], git),
        (&["--dockerignore"], docker),
        (&["--gitignore", "--dockerignore"], both),
    ];
    for (options, expected) in rows {
        empty(&target);
        sync(&target, options).ok();
        let found: Vec<String> = names(&target).into_iter().filter(|name| !name.ends_with("ignore")).collect();
        assert_eq!(found, expected, "{options:?}");
    }
}

/// Rules in the order in which they are given, whichever option gives them; the first that matches decides.
#[test]
fn filters_are_rsyncs() {
    const ALL: &[&str] = &["a/1.txt", "a/2.log", "b/2.log", "b/deep/x", "c.log", "d.txt"];
    let rows: [Row<'_>; 23] = [
        (&["--exclude=*.log"], 0, &["a/1.txt", "b/deep/x", "d.txt"]),
        (&["--exclude=*.log", "--include=a/2.log"], 0, &["a/1.txt", "b/deep/x", "d.txt"]),
        (&["--include=a/2.log", "--exclude=*.log"], 0, &["a/1.txt", "a/2.log", "b/deep/x", "d.txt"]),
        (&["--include", "2.log", "--exclude", "*.log"], 0, &["a/1.txt", "a/2.log", "b/2.log", "b/deep/x", "d.txt"]),
        (&["--exclude-from=rules"], 0, &["a/1.txt", "b/2.log", "b/deep/x", "d.txt"]),
        (&["--exclude-from=rules", "--include=c.log"], 0, &["a/1.txt", "b/2.log", "b/deep/x", "d.txt"]),
        (&["--include=c.log", "--exclude-from=rules"], 0, &["a/1.txt", "b/2.log", "b/deep/x", "c.log", "d.txt"]),
        (&["--include-from=folders", "--exclude=*"], 0, &["a/1.txt", "d.txt"]),
        (&["--exclude=*", "--include-from=folders"], 0, &[]),
        (&["--include=/a/", "--include=/a/1.txt", "--exclude=*"], 0, &["a/1.txt"]),
        (&["--include=/a/1.txt", "--exclude=*"], 0, &[]),
        (&["--exclude=*.log", "--exclude=!", "--exclude=*.txt"], 0, &["a/2.log", "b/2.log", "b/deep/x", "c.log"]),
        (&["--exclude=- a/"], 0, &["b/2.log", "b/deep/x", "c.log", "d.txt"]),
        (&["--exclude=+ a/2.log", "--exclude=*.log"], 0, &["a/1.txt", "a/2.log", "b/deep/x", "d.txt"]),
        (&["--include=- c.log"], 0, &["a/1.txt", "a/2.log", "b/2.log", "b/deep/x", "d.txt"]),
        (&["--exclude=/*.txt"], 0, &["a/1.txt", "a/2.log", "b/2.log", "b/deep/x", "c.log"]),
        (&["--exclude=[c-d].*"], 0, &["a/1.txt", "a/2.log", "b/2.log", "b/deep/x"]),
        (&["--exclude=[![:digit:]].*"], 0, &["a/1.txt", "a/2.log", "b/2.log", "b/deep/x"]),
        (&["--exclude=b/***"], 0, &["a/1.txt", "a/2.log", "c.log", "d.txt"]),
        (&["--exclude=b/*"], 0, &["a/1.txt", "a/2.log", "c.log", "d.txt"]),
        (&["--exclude=?.log", "--exclude=deep/"], 0, &["a/1.txt", "d.txt"]),
        (&["--exclude=c.log/", "--exclude=/2.log", "--exclude=/site/a"], 0, ALL),
        (&["--exclude=b**x"], 0, &["a/1.txt", "a/2.log", "b/2.log", "c.log", "d.txt"]),
    ];
    side_by_side(&rows, |_, (options, code, expected)| {
        let target = Target::start();
        ALL.iter().for_each(|name| drop(target.file(&format!("site/{name}"), name)));
        target.file("rules", "# *.txt\n; d.txt\n\n+ b/2.log\r\n*.log\n *.txt\n");
        target.file("folders", "*/\n- 1.log\n*.txt\n");
        let ended = sync(&target, options).exits(*code);
        assert_eq!(names(&target), *expected, "{}", ended.text());
    });
    // The root of the transfer has the source's own name where no slash ends it.
    let target = Target::start();
    ALL.iter().for_each(|name| drop(target.file(&format!("site/{name}"), name)));
    run(&mut target.sync_command("site", "s3://bucket", &["--exclude=/site/a", "--exclude=/b"])).ok();
    assert_eq!(names(&target), ["b/2.log", "b/deep/x", "c.log", "d.txt"]);
}

#[test]
fn files_from_takes_what_it_names() {
    let target = Target::start();
    for name in ["a/1.txt", "a/2.log", "b/x", "b/y", "c\nd", "e"] {
        target.file(&format!("site/{name}"), name);
    }
    target.file("secret", "outside");
    for (list, text) in [
        ("list", "# a comment\n; another\n\na\n/b//x\n./e\n"),
        ("zeros", "c\nd\0b/y\0"),
        ("out", "../secret\n../../etc/passwd\ne\n"),
        ("dots", "a/./1.txt\n"),
        ("all", "/\n"),
    ] {
        target.file(list, text);
    }
    let rows: [Row<'_>; 8] = [
        (&["--files-from=list"], 0, &["a/1.txt", "a/2.log", "b/x", "e"]),
        (&["--files-from=list", "--exclude=*.log", "--exclude=b/"], 0, &["a/1.txt", "b/x", "e"]),
        (&["--files-from=list", "--exclude=/a"], 0, &["b/x", "e"]),
        (&["--files-from=zeros", "-0"], 0, &["b/y", "c\nd"]),
        (&["--files-from=all"], 0, &["a/1.txt", "a/2.log", "b/x", "b/y", "c\nd", "e"]),
        (&["--files-from=out"], 3, &["e"]),
        (&["--files-from=out", "--ignore-missing-args"], 0, &["e"]),
        (&["--files-from=dots"], 2, &[]),
    ];
    for (options, code, expected) in rows {
        empty(&target);
        let ended = sync(&target, options).exits(code);
        assert_eq!(names(&target), expected, "{}", ended.text());
    }
}

/// What is too large or too small stays as it is, and is a file of the source all the same.
#[test]
fn sizes_leave_files_as_they_are() {
    let rows: [(&[&str], &[&str]); 4] = [
        (&["--max-size=10"], &["0", "10"]),
        (&["--min-size=10"], &["10", "2048"]),
        (&["--min-size=1", "--max-size=2K"], &["10", "2048"]),
        (&["--max-size=2047"], &["0", "10"]),
    ];
    for (options, written) in rows {
        let target = Target::start();
        for len in [0, 10, 2048] {
            target.file(&format!("site/{len}"), noise(1, len));
            target.put(&format!("site/{len}"), "an older version");
        }
        let ended = sync(&target, &[options, &["--delete"]].concat()).ok();
        for len in [0, 10, 2048] {
            let (name, bytes) = (len.to_string(), noise(1, len));
            let expected = if written.contains(&name.as_str()) { &bytes[..] } else { b"an older version" };
            assert!(target.get(&format!("site/{name}")).as_deref() == Some(expected), "{name}: {}", ended.text());
        }
        assert_eq!(ended.number("files_skipped"), 3 - written.len() as u64);
    }
}

/// `--existing`, `--ignore-existing`, `-u`, `--size-only`, `--mtime`: who is replaced.
#[test]
fn rules_of_what_is_transferred() {
    const OLD: &str = "four";
    let rows: [(&[&str], &[&str]); 7] = [
        (&[], &["longer", "new", "newer", "other"]),
        (&["--existing"], &["longer", "newer", "other"]),
        (&["--ignore-existing"], &["new"]),
        (&["--existing", "--ignore-existing"], &[]),
        (&["-u"], &["new", "newer"]),
        (&["--size-only"], &["longer", "new"]),
        (&["--mtime"], &["longer", "new", "newer"]),
    ];
    side_by_side(&rows, |_, (options, written)| {
        let target = Target::start();
        for (name, bytes) in [("same", OLD), ("other", "FOUR"), ("longer", "longer"), ("newer", "Four"), ("new", "new")]
        {
            let path = target.file(&format!("site/{name}"), bytes);
            if name != "new" {
                target.put(&format!("site/{name}"), OLD);
            }
            if name == "newer" {
                let file = fs::File::options().append(true).open(path).expect("a file");
                file.set_modified(SystemTime::now() + Duration::from_secs(60)).expect("a time");
            }
        }
        let ended = sync(&target, options).ok();
        let report = ended.json();
        let is_written =
            |name: &str| target.get(&format!("site/{name}")) == fs::read(target.path("site").join(name)).ok();
        for name in ["longer", "new", "newer", "other"] {
            assert_eq!(is_written(name), written.contains(&name), "{name}: {}", ended.text());
        }
        assert_eq!(ended.number("files_uploaded"), written.len() as u64);
        if ["--size-only", "--mtime"].contains(options.first().unwrap_or(&"")) {
            let other = of(&report, "other");
            assert_eq!((&other["action"], &other["verification"]), (&"unchanged".into(), &"none".into()));
            assert_eq!(target.get("site/.hssig"), None, "it proves nothing that could be remembered");
        }
    });
}

/// A checkout gives every file a new time: one listing and one index tell that nothing has changed.
#[test]
fn fresh_times_cost_no_request_for_a_file() {
    for limits in [Limits::aws(), opaque()] {
        let target = Target::with(limits);
        for n in 0..40 {
            target.file(&format!("site/{}/{n}", n % 7), noise(n, 100));
        }
        assert_eq!(sync(&target, &[]).ok().number("files_uploaded"), 40);
        for n in 0..40 {
            set_age(&target.path(&format!("site/{}/{n}", n % 7)), Duration::from_secs(n));
        }
        target.double().clear_requests();
        let again = sync(&target, &[]).ok();
        assert_eq!((again.number("files_unchanged"), again.verified()), (40, true), "{}", again.text());
        assert!(again.json()["files"].as_array().expect("files").iter().all(|file| file["verification"] == "index"));
        let kinds: Vec<&str> = target.double().requests().iter().map(|request| request.kind).collect();
        assert_eq!(kinds.len(), 2, "{kinds:?}");
        assert!(kinds.contains(&"ListObjectsV2") && kinds.contains(&"GetObject"), "{kinds:?}");
    }
}

/// Where ETags tell nothing, objects of others are asked about once; then the index knows them.
#[test]
fn opaque_etags_cost_one_request_for_a_file_once() {
    let target = Target::with(opaque());
    for n in 0..30 {
        target.file(&format!("site/{n}"), noise(n, 100));
        target.put(&format!("site/{n}"), noise(n, 100));
    }
    for (heads, puts, verification) in [(30, 1, "crc64nvme"), (0, 0, "index")] {
        target.double().clear_requests();
        let ended = sync(&target, &[]).ok();
        assert_eq!((ended.number("files_unchanged"), ended.number("files_uploaded")), (30, 0), "{}", ended.text());
        assert_eq!(of(&ended.json(), "7")["verification"], verification);
        let counts = ["HeadObject", "PutObject"].map(|kind| target.double().count(kind));
        assert_eq!(counts, [heads, puts], "{}", ended.text());
        assert!(target.get("site/.hssig").is_some());
    }
    // Somebody writes other bytes of the same length: the listing's ETag is not the one that the index knows.
    target.put("site/7", noise(1000, 100));
    target.double().clear_requests();
    let ended = sync(&target, &[]).ok();
    assert_eq!((ended.number("files_uploaded"), target.double().count("HeadObject")), (1, 1), "{}", ended.text());
    target.assert_holds("site/7", &noise(7, 100));
}

/// Damaged, foreign, stale: time is lost, and nothing else.
#[test]
fn an_index_that_is_wrong_costs_time_only() {
    let target = Target::with(opaque());
    for n in 0..20 {
        target.file(&format!("site/{n}"), noise(n, 100));
    }
    sync(&target, &[]).ok();
    let sound = target.get("site/.hssig").expect("an index");
    run(&mut target.sync_command("site/", "s3://bucket/elsewhere", &[])).ok();
    let elsewhere = target.get("elsewhere/.hssig").expect("an index");
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        bytes
    };
    // What it says of names, tags and lengths is true, of contents not.
    let mut liar = IndexBuilder::default();
    for n in 0..20 {
        let etag = target.double().object("bucket", &format!("site/{n}")).expect("it is there").etag;
        liar.add(&n.to_string(), &etag, 100, &[7; 32], 0);
    }
    let rows = [
        ("of another prefix", elsewhere, 0),
        ("empty", Vec::new(), 0),
        ("nonsense", noise(5, 3000), 0),
        ("cut", sound[..sound.len() / 2].to_vec(), 0),
        ("too long", [&sound[..], b"more"].concat(), 0),
        ("its first byte is wrong", flipped(0), 0),
        ("a byte of its middle is wrong", flipped(sound.len() / 2), 0),
        ("its last byte is wrong", flipped(sound.len() - 1), 0),
        ("it lies about contents", liar.encode(), 19),
    ];
    for (name, bytes, for_nothing) in rows {
        target.put("site/.hssig", bytes);
        target.put("site/3", noise(99, 100));
        let ended = sync(&target, &[]).ok();
        assert_eq!(ended.number("files_uploaded"), 1 + for_nothing, "{name}: {}", ended.text());
        target.assert_holds("site/3", &noise(3, 100));
        let index = Index::decode(&target.get("site/.hssig").expect("an index"));
        assert_eq!(index.map(|index| index.len()).ok(), Some(20), "{name}: it is written anew");
    }
}

/// `-c` reads neither the index nor the hash in the metadata; without it, whoever writes both can deceive.
#[test]
fn checksum_believes_no_record() {
    for limits in [Limits::aws(), opaque()] {
        let heads = if limits.opaque_etags { 2 } else { 1 };
        let target = Target::with(limits);
        target.file("site/x", "mine");
        target.file("site/y", "same");
        sync(&target, &[]).ok();
        let etag = target.double().put("bucket", "site/x", "evil");
        let mut liar = IndexBuilder::default();
        liar.add("x", etag.trim_matches('"'), 4, blake3::hash(b"mine").as_bytes(), 0);
        target.put("site/.hssig", liar.encode());
        assert_eq!(sync(&target, &["-n"]).ok().number("files_uploaded"), 0, "the index is believed");
        target.double().clear_requests();
        let ended = sync(&target, &["-c"]).ok();
        target.assert_holds("site/x", b"mine");
        let counts = ["GetObject", "HeadObject", "PutObject"].map(|kind| target.double().count(kind));
        assert_eq!(counts, [0, heads, 1], "no index is read or written: {}", ended.text());
    }
}

/// What learns nothing that counts writes no index.
#[test]
fn an_index_is_written_by_runs_that_compare() {
    for option in ["-n", "-c", "--no-sidecar", "--size-only", "--mtime"] {
        let target = Target::start();
        target.file("site/x", "x");
        sync(&target, &[option]).ok();
        assert_eq!(target.get("site/.hssig"), None, "{option}");
        let read = target.double().count("GetObject");
        assert_eq!(read, usize::from(option == "-n"), "{option}: who does not write it does not read it");
    }
    // Nor is a failure to write it one of the run.
    let target = Target::start();
    target.file("site/x", "x");
    sync(&target, &[]).ok();
    assert_eq!(target.get("site/.hssig"), None, "a few files do not pay for an index");
    (0..20).for_each(|n| drop(target.file(&format!("site/{n}"), "x")));
    target.double().inject(Fault::next("PutObject", FaultAction::Status(403, "AccessDenied")).key(".hssig"));
    sync(&target, &[]).ok().says("the index was not written");
}

/// Three jobs that know nothing of each other take every file once, each with its own index.
#[test]
fn shards_together_take_every_file_once() {
    let target = Target::with(opaque());
    for n in 0..60 {
        target.file(&format!("site/{}/{n}", n % 5), noise(n, 50));
    }
    target.file("site/big.img", noise(1, 2 << 20));
    let all = || {
        (1..=3).fold((0, 0), |(uploaded, unchanged), shard| {
            let ended = sync(&target, &[&format!("--shard={shard}/3"), "--delta-threshold=1MB"]).ok();
            (uploaded + ended.number("files_uploaded"), unchanged + ended.number("files_unchanged"))
        })
    };
    assert_eq!(all(), (61, 0));
    for n in 0..60 {
        target.assert_holds(&format!("site/{}/{n}", n % 5), &noise(n, 50));
    }
    let keys = target.double().keys("bucket").into_iter();
    let records: Vec<String> = keys.filter(|key| key.ends_with(".hssig")).collect();
    let expected = ["site/.1-of-3.hssig", "site/.2-of-3.hssig", "site/.3-of-3.hssig", "site/big.img.hssig"];
    assert_eq!(records, expected);
    target.double().clear_requests();
    assert_eq!(all(), (0, 61));
    let asked: Vec<String> =
        target.double().requests().into_iter().filter(|r| r.kind == "HeadObject").map(|r| r.key).collect();
    assert_eq!(asked, ["site/big.img"], "small files are known from the indexes");
}

/// A file that is gone when its turn comes is left out, and its object stays; or it is a failure.
#[test]
fn files_that_vanish() {
    for (options, code) in [(&["--delete"][..], 0), (&["--skip-vanished=false", "--delete", "--max-delete=100%"], 3)] {
        let target = Target::start();
        target.file("site/gone", "new");
        target.file("site/stays", "new");
        target.put("site/gone", "old");
        target.double().inject(Fault::next("ListObjectsV2", FaultAction::Stall(Duration::from_millis(500))).times(9));
        let running = start(target.sync_command("site/", SITE, options).arg("--json"));
        target.wait_for("ListObjectsV2", 1);
        std::thread::sleep(Duration::from_millis(150));
        fs::remove_file(target.path("site/gone")).expect("removed");
        let ended = running.wait().exits(code);
        target.assert_holds("site/gone", b"old");
        target.assert_holds("site/stays", b"new");
        let report = ended.json();
        let action = of(&report, "gone")["action"].as_str();
        if code == 0 {
            assert_eq!(action, Some("skipped"), "{}", ended.text());
            ended.says("gone: vanished before it was read");
        } else {
            assert_eq!((action, ended.number("files_failed")), (Some("failed"), 1), "{}", ended.text());
        }
    }
}

/// What cannot be read fails alone. Root may read everything, so this is another user.
#[test]
fn what_cannot_be_read_fails_alone() {
    let target = Target::start();
    for name in ["a", "locked/x", "no", "z", "hidden/x", "hidden/.hugesyncignore"] {
        target.file(&format!("site/{name}"), name);
    }
    target.put("site/locked/old", "old");
    for name in ["no", "locked", "hidden/.hugesyncignore"] {
        fs::set_permissions(target.path("site").join(name), fs::Permissions::from_mode(0o000)).expect("a mode");
    }
    let sync = target.sync_command("site/", SITE, &["--json", "--delete", "--ignore-errors"]);
    let mut command = Command::new(sync.get_program());
    command.args(sync.get_args()).env_clear().envs(sync.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(target.path(""));
    fs::set_permissions(target.path(""), fs::Permissions::from_mode(0o777)).expect("a mode");
    if fs::metadata("/proc/self").expect("this process").uid() == 0 {
        // The user nobody.
        command.uid(65534).gid(65534);
    }
    let ended = run(&mut command).exits(3);
    assert_eq!(names(&target), ["a", "locked/old", "z"], "{}", ended.text());
    assert_eq!((ended.number("files_failed"), ended.number("files_uploaded")), (3, 2), "{}", ended.text());
    ended.says("site/no: ").says("site/locked").says(".hugesyncignore");
}

/// A tree and a listing of several pages, merged name by name: no more and no less, however many requests list it.
#[test]
fn long_listings_are_merged_with_the_tree() {
    for list_jobs in ["--list-jobs=1", "--list-jobs=16"] {
        let target = Target::start();
        for folder in 0..100 {
            (0..25).for_each(|file| target.put(&format!("site/n{folder:02}/f{file:02}"), "x"));
            target.file(&format!("site/n{folder:02}/f07"), if folder % 2 == 0 { "x" } else { "longer" });
            target.file(&format!("site/n{folder:02}/new"), "new");
        }
        target.put("site2/n00/f00", "x");
        let ended = sync(&target, &[list_jobs]).ok();
        let numbers = ["files_uploaded", "files_unchanged", "files_total"].map(|field| ended.number(field));
        assert_eq!(numbers, [150, 50, 200], "{list_jobs}: {}", ended.stderr);
        assert_eq!(target.double().count("HeadObject"), 0);
        assert_eq!(names(&target).len(), 2600);
        target.assert_holds("site/n99/f07", b"longer");
        target.assert_holds("site/n99/f08", b"x");
        let ended = sync(&target, &[list_jobs, "--delete", "--max-delete=100%"]).ok();
        assert_eq!((ended.number("files_deleted"), names(&target).len()), (2400, 200), "{list_jobs}");
        assert!(target.get("site2/n00/f00").is_some());
    }
}

/// Few files do not pay for a long listing: one page, and a question for each file beyond it.
#[test]
fn few_files_list_one_page() {
    let target = Target::start();
    (0..3000).for_each(|n| target.put(&format!("site/k{n:04}"), "x"));
    for (name, bytes) in [("k0001", "x"), ("k0002", "longer"), ("k2900", "x"), ("k2901", "y"), ("zzz", "new")] {
        target.file(&format!("site/{name}"), bytes);
    }
    let ended = sync(&target, &[]).ok();
    assert_eq!((ended.number("files_uploaded"), ended.number("files_unchanged")), (3, 2), "{}", ended.text());
    let counts = ["ListObjectsV2", "HeadObject"].map(|kind| target.double().count(kind));
    assert_eq!(counts, [1, 3], "{}", ended.text());
    target.assert_holds("site/k2901", b"y");
    target.assert_holds("site/k2902", b"x");
    assert_eq!(names(&target).len(), 3001);
}

/// Keys that equal no local name: not touched without `--delete`, deleted with it, and nothing outside is.
#[test]
fn odd_keys_lead_nowhere() {
    const ODD: [&str; 8] =
        ["site//x", "site/../x", "site/./y", "site/a//b", "site/a/../../x", "site/..", "site/.", "site/gone/"];
    const OUTSIDE: [&str; 5] = ["x", "y", "other/x", "site", "site2//x"];
    let target = Target::start();
    target.file("site/a/b", "b");
    target.file("site/y", "y");
    target.file("x", "beside the source");
    ODD.iter().chain(&OUTSIDE).for_each(|key| target.put(key, "theirs"));
    sync(&target, &[]).ok();
    assert_eq!(names(&target).len(), ODD.len() + 2);
    let dry = sync(&target, &["--delete", "-n", "--max-delete=100%", "--exclude=*x", "--exclude=gone"]).ok();
    assert_eq!(dry.number("files_deleted"), ODD.len() as u64, "no pattern protects them: {}", dry.text());
    let ended = sync(&target, &["--delete", "--max-delete=100%", "--exclude=*x"]).ok();
    assert_eq!(names(&target), ["a/b", "y"], "{}", ended.text());
    assert_eq!(ended.number("files_deleted"), ODD.len() as u64, "{}", ended.text());
    OUTSIDE.iter().for_each(|key| target.assert_holds(key, b"theirs"));
    assert!(target.path("x").exists());
}

/// The empty objects by which consoles show folders are extraneous, whether the source has such a folder or not.
#[test]
fn folder_objects_of_consoles_go_with_their_folders() {
    let target = Target::start();
    target.file("site/a/b", "b");
    ["site/", "site/a/", "site/gone/"].iter().for_each(|key| target.put(key, ""));
    target.put("site/a/page/", "bytes under a name with a slash are an object like any other");
    sync(&target, &["--delete", "--max-delete=100%"]).ok();
    assert_eq!(names(&target), ["", "a/", "a/b"]);
}

#[test]
fn a_configuration_file_has_options() {
    let target = Target::start();
    ["a.html", "b.log", "c.tmp"].iter().for_each(|name| drop(target.file(&format!("site/{name}"), name)));
    let text = "exclude = ['*.log']\ncache-control = ['*.html:from-file', 'other']\nstorage-class = 'STANDARD_IA'\n";
    target.file("own.toml", text);
    target.file("home/.config/hugesync/config.toml", text);
    target.file("xdg/hugesync/config.toml", "exclude = '*'\n");
    target.file("unknown.toml", "no-such-option = true\n");
    target.file("wrong.toml", "jobs = true\n");
    let (home, xdg) = (target.path("home"), target.path("xdg"));
    let sync = |options: &[&str], home: Option<&std::path::Path>, xdg: Option<&std::path::Path>| {
        empty(&target);
        let mut command = target.sync_command("site/", SITE, options);
        command.arg("--json").envs(home.map(|home| ("HOME", home)));
        run(command.envs(xdg.map(|xdg| ("XDG_CONFIG_HOME", xdg))))
    };
    let set = |name: &str| {
        let object = target.double().object("bucket", &format!("site/{name}")).expect("it is there");
        (object.cache_control.unwrap_or_default(), object.storage_class.unwrap_or_default())
    };
    for (options, home) in [(&["--config=own.toml"][..], None), (&[], Some(&*home))] {
        sync(options, home, None).ok();
        assert_eq!(names(&target), ["a.html", "c.tmp"]);
        assert_eq!(set("a.html"), ("from-file".into(), "STANDARD_IA".into()));
        assert_eq!(set("c.tmp").0, "other");
    }
    // The command line counts for more, and its patterns come first.
    let mine = ["--config=own.toml", "--storage-class=GLACIER_IR", "--cache-control=*.tmp:mine", "--include=*.log"];
    sync(&mine, Some(&home), None).ok();
    assert_eq!(names(&target), ["a.html", "b.log", "c.tmp"]);
    assert_eq!(set("a.html"), ("from-file".into(), "GLACIER_IR".into()));
    assert_eq!((set("c.tmp").0, set("b.log").0), ("mine".into(), "other".into()));
    sync(&["--no-config"], Some(&home), Some(&xdg)).ok();
    assert_eq!((names(&target).len(), set("a.html").0), (3, String::new()));
    sync(&[], Some(&home), Some(&xdg)).ok();
    assert!(names(&target).is_empty(), "XDG_CONFIG_HOME counts before HOME");
    sync(&["--config=unknown.toml"], None, None).exits(2).says("\"no-such-option\"");
    sync(&["--config=wrong.toml"], None, None).exits(2).says("--jobs");
    sync(&["--config=nowhere.toml"], None, None).exits(2).says("nowhere.toml");
    assert!(names(&target).is_empty());
}

#[test]
fn bandwidth_is_limited_over_all_files() {
    let target = Target::start();
    (0..4).for_each(|n| drop(target.file(&format!("site/{n}"), noise(n, 512 << 10))));
    let begun = Instant::now();
    sync(&target, &["--bwlimit=1MB"]).ok();
    let limited = begun.elapsed();
    assert!(limited >= Duration::from_millis(1500), "2 MB at 1 MB/s take {limited:?}");
    target.assert_holds("site/3", &noise(3, 512 << 10));
}

/// Each change has one line in rsync's form, and nothing else has.
#[test]
fn itemized_changes() {
    let target = Target::start();
    let sync = |options: &[&str]| {
        let ended = run(&mut target.sync_command("site/", "s3://bucket", &[options, &["-i"]].concat())).ok();
        let mut lines: Vec<String> = ended.stdout.lines().map(str::to_owned).collect();
        assert!(
            lines.pop().is_some_and(|last| last.ends_with("verified") || last.starts_with("Would")),
            "{}",
            ended.text()
        );
        lines.sort();
        lines
    };
    ["a", "b", "c", "e", "gone", "same"].iter().for_each(|name| drop(target.file(&format!("site/{name}"), *name)));
    let new = ["a", "b", "c", "e", "gone", "same"].map(|name| format!("<f+++++++++ {name}"));
    assert_eq!(sync(&["-p", "-n"]), new);
    assert_eq!(sync(&["-p"]), new);
    assert_eq!(sync(&["-p"]), [""; 0]);

    target.file("site/a", "longer");
    target.file("site/b", "B");
    target.file("site/d", "d");
    symlink("a", target.path("site/link")).expect("a link");
    fs::set_permissions(target.path("site/c"), fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::remove_file(target.path("site/gone")).expect("removed");
    let options = ["-p", "-l", "--delete", "--cache-control=e:no-cache"];
    let expected = [
        "*deleting   gone",
        ".f........x e",
        ".f...p..... c",
        "<L+++++++++ link",
        "<f+++++++++ d",
        "<fc........ b",
        "<fcs....... a",
    ];
    assert_eq!(sync(&[&options[..], &["-n"]].concat()), expected);
    assert_eq!(sync(&options), expected);
    assert_eq!(sync(&["-t", "-l"]).len(), 7, "times were not kept before");
    set_age(&target.path("site/d"), Duration::from_secs(7));
    assert_eq!(sync(&["-t", "-l"]), [".f..t...... d"]);
    sync(&["-o"]);
    if fs::metadata("/proc/self").expect("this process").uid() == 0 {
        chown(target.path("site/d"), Some(1234), None).expect("an owner");
        chown(target.path("site/e"), None, Some(4321)).expect("a group");
        assert_eq!(sync(&["-o"]), [".f.....g... e", ".f....o.... d"]);
    }
}

#[test]
fn stats_are_the_runs_numbers() {
    let target = Target::start();
    ["a", "b", "c"].iter().for_each(|name| drop(target.file(&format!("site/{name}"), "12345")));
    symlink("a", target.path("site/link")).expect("a link");
    target.put("site/a", "12345");
    target.put("site/old", "x");
    let ended = run(&mut target.sync_command("site/", SITE, &["--stats", "--delete"])).ok();
    let lines: BTreeMap<&str, &str> = ended
        .stdout
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim()))
        .collect();
    for (name, value) in [
        ("Files looked at", "4"),
        ("Files uploaded", "2"),
        ("Files updated in place", "0"),
        ("Files unchanged", "1"),
        ("Files skipped", "1"),
        ("Files failed", "0"),
        ("Objects deleted", "1"),
        ("Size of all files", "15 B (15 bytes)"),
        ("Uploaded", "10 B (10 bytes)"),
        ("Copied by the store", "0 B (0 bytes)"),
    ] {
        assert_eq!(lines.get(name), Some(&value), "{name}: {}", ended.text());
    }
    assert_eq!((target.get("site/.hssig"), lines["Index written"]), (None, "0 B (0 bytes)"), "{}", ended.text());
    let requests: usize =
        lines["Requests"].split(", ").filter_map(|each| each.rsplit_once(' ')?.1.parse::<usize>().ok()).sum();
    assert_eq!(requests, target.double().requests().len(), "{}", ended.text());
    assert!(lines["Saved"].ends_with(" %") && lines["Rate"].contains("files/s"), "{}", ended.text());
    assert!(ended.stdout.lines().last().is_some_and(|last| last.starts_with("Uploaded ")), "{}", ended.text());
}

/// The log file has what was done to each file, with times; every run appends.
#[test]
fn a_log_file_has_what_was_done() {
    let target = Target::start();
    ["a", "b"].iter().for_each(|name| drop(target.file(&format!("site/{name}"), *name)));
    let sync = || run(&mut target.sync_command("site/", SITE, &["--log-file=log", "--delete"]));
    let first = sync().ok();
    assert_eq!(first.stderr, "");
    let read = || fs::read_to_string(target.path("log")).expect("a log");
    let before = read();
    assert!(before.lines().any(|line| line.starts_with("20") && line.contains("<f+++++++++ ")), "{before}");
    target.file("site/b", "other");
    target.file("site/c", "c");
    symlink("a", target.path("site/link")).expect("a link");
    target.double().inject(Fault::next("PutObject", FaultAction::Status(403, "AccessDenied")).key("site/c"));
    sync().exits(3);
    fs::remove_file(target.path("site/a")).expect("removed");
    sync().ok();
    let after = read();
    let added = after.strip_prefix(&before).expect("it is appended to");
    for text in ["<fcs....... ", "site/link: is a symbolic link", "site/c: ", "AccessDenied", "*deleting   "] {
        assert!(added.contains(text), "{text}: {added}");
    }
    run(&mut target.sync_command("site/", SITE, &["--log-file=no/such/folder"]))
        .exits(2)
        .says("cannot write the log file");
}
