//! Where files land: rsync's rule of the slash, names that are hard to get right, and what is left out.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;

use super::support::{DELTA, Target, noise, run, side_by_side};

/// Source, destination, and the keys of the folder's two files.
const FOLDERS: [(&str, &str, [&str; 2]); 9] = [
    ("data", "s3://bucket/p", ["p/data/a", "p/data/sub/b"]),
    ("data", "s3://bucket/p/", ["p/data/a", "p/data/sub/b"]),
    ("data/", "s3://bucket/p", ["p/a", "p/sub/b"]),
    ("data/", "s3://bucket/p/", ["p/a", "p/sub/b"]),
    ("data/.", "s3://bucket/p", ["p/a", "p/sub/b"]),
    ("data", "s3://bucket", ["data/a", "data/sub/b"]),
    ("data/", "s3://bucket", ["a", "sub/b"]),
    ("data//", "s3://bucket/", ["a", "sub/b"]),
    ("./data/../data", "s3://bucket/p/q", ["p/q/data/a", "p/q/data/sub/b"]),
];

/// Source, destination, and the file's key. `there/` has an object below it.
const FILES: [(&str, &str, &str); 7] = [
    ("data/a", "s3://bucket", "a"),
    ("data/a", "s3://bucket/", "a"),
    ("data/a", "s3://bucket/p/", "p/a"),
    ("data/a", "s3://bucket/p", "p"),
    ("data/a", "s3://bucket/p/other name", "p/other name"),
    ("data/a", "s3://bucket/there", "there/a"),
    ("data/a", "s3://bucket/there/old", "there/old"),
];

#[test]
fn of_a_folder() {
    for (source, destination, keys) in FOLDERS {
        let target = Target::start();
        target.file("data/a", "one");
        target.file("data/sub/b", "two");
        run(&mut target.sync_command(source, destination, &[])).ok();
        assert_eq!(target.double().keys("bucket"), keys, "{source} {destination}");
        target.assert_holds(keys[1], b"two");
    }
}

#[test]
fn of_a_file() {
    for (source, destination, key) in FILES {
        let target = Target::start();
        target.put("there/old", "x");
        target.file("data/a", "one");
        run(&mut target.sync_command(source, destination, &[])).ok();
        let new: Vec<String> = target.double().keys("bucket").into_iter().filter(|key| key != "there/old").collect();
        assert!(key == "there/old" && new.is_empty() || new == [key], "{source} {destination}: {new:?}");
        target.assert_holds(key, b"one");
    }
}

#[test]
fn of_the_current_folder() {
    let target = Target::start();
    target.file("a", "one");
    run(&mut target.sync_command(".", "s3://bucket/p", &[])).ok();
    assert_eq!(target.double().keys("bucket"), ["p/a"]);
}

/// Large files are copied from their own keys: the names go through a header too.
#[test]
fn names_of_large_files() {
    let names = ["two words", "ünïcödé €.img", "a+b", "%41", "a&b=c", "#hash?", "it's \"quoted\"", "tab\tnew\nline"];
    let target = Target::start();
    let old = noise(1, 7 << 20);
    let new = [&old[..], b"appended"].concat();
    side_by_side(&names, |_, name| {
        let path = target.file(&format!("large/{name}"), &old);
        target.sync(&path, &format!("k/{name}"), &[]).ok();
        fs::write(&path, &new).expect("a file");
        let run = target.sync(&path, &format!("k/{name}"), &[]).ok();
        assert_eq!((run.of_file("action").as_str(), run.verified()), ("stitched", true), "{}", run.text());
        target.assert_holds(&format!("k/{name}"), &new);
        assert!(target.get(&format!("k/{name}.hssig")).is_some());
    });
}

#[test]
fn a_name_cannot_write_lines_of_its_own() {
    let target = Target::start();
    target.file("data/x\nerror: all is lost\u{1b}[2J", "x");
    let run = run(&mut target.sync_command("data/", "s3://bucket/p", &["-v"])).ok();
    assert!(!run.stdout.contains("\nerror") && !run.stdout.contains('\u{1b}'), "{}", run.text());
    assert!(run.stdout.contains("x\\nerror"), "{}", run.text());
}

/// What cannot be at the destination is a failure (exit code 3), what is left out on purpose is none.
#[test]
fn what_is_left_out_is_said() {
    let target = Target::start();
    target.file("data/good", "good");
    target.file("data/other.hssig", "reserved");
    target.file("data/.hidden/too", "hidden");
    std::os::unix::fs::symlink("good", target.path("data/link")).expect("a link");
    std::os::unix::fs::symlink("/nowhere", target.path("data/dangling")).expect("a link");
    make_pipe(&target.path("data/pipe"));
    let sync = || run(target.sync_command("data/", "s3://bucket/p", &DELTA).arg("--json"));
    let first = sync().ok();
    assert_eq!(target.double().keys("bucket"), ["p/.hidden/too", "p/good"]);
    assert_eq!((first.number("files_skipped"), first.number("files_failed")), (4, 0), "{}", first.text());
    let first = first.says("symbolic link, which is not followed").says("no regular file");
    first.says("reserved for files of HugeSync itself");

    let bad = target.path("data").join(std::ffi::OsStr::from_bytes(b"bad\xffname"));
    fs::write(bad, "x").expect("a file");
    let second = sync().exits(3).says("not UTF-8");
    assert_eq!((second.number("files_unchanged"), second.number("files_failed")), (2, 1), "{}", second.text());
    assert_eq!(second.number("files_total"), 7);
}

#[test]
fn an_empty_folder_is_done_at_once() {
    let target = Target::start();
    fs::create_dir(target.path("data")).expect("a folder");
    let run = run(&mut target.sync_command("data", "s3://bucket/p", &["--json"])).ok();
    assert_eq!((run.number("files_total"), target.double().keys("bucket").len()), (0, 0));
}

/// A key is at most 1,024 bytes: that file fails, its neighbours do not.
#[test]
fn a_key_that_is_too_long_fails_alone() {
    let target = Target::start();
    target.file("data/good", "good");
    let long = vec!["n".repeat(200); 6].join("/");
    target.file(&format!("data/{long}"), "long");
    let run = run(&mut target.sync_command("data/", "s3://bucket/p", &["--json"])).exits(3);
    run.says("the object key is 1207 bytes long, stores take at most 1024");
    target.assert_holds("p/good", b"good");
}

/// A thousand and some files: more than one page of a listing.
#[test]
fn more_files_than_a_page_of_a_listing() {
    let target = Target::start();
    for number in 0..1050 {
        target.file(&format!("data/{number:04}"), number.to_string());
    }
    let sync = || run(&mut target.sync_command("data/", "s3://bucket/p", &["--json"])).ok();
    let first = sync();
    assert_eq!((first.number("files_uploaded"), target.double().keys("bucket").len()), (1050, 1051), "and the index");
    assert_eq!(target.double().count("HeadObject"), 0, "the listing says that none is there");
    target.file("data/0777", "changed");
    let second = sync();
    assert_eq!((second.number("files_uploaded"), second.number("files_unchanged")), (1, 1049), "{}", second.stderr);
    target.assert_holds("p/0777", b"changed");
}

/// Makes a named pipe.
pub(super) fn make_pipe(path: &std::path::Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
}
