//! A prefix into a folder: filters, deletes with their safeguards, the index, and what is in the way.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use super::support::{Target, noise, run};

/// A tree at `p/`, as another program has put it there.
fn tree(target: &Target, names: &[&str]) {
    for (number, name) in names.iter().enumerate() {
        target.put(&format!("p/{name}"), noise(number as u64, 100 + number));
    }
}

#[test]
fn a_tree_comes_back_whole() {
    let target = Target::start();
    let files: BTreeMap<String, Vec<u8>> = (0..60u64)
        .map(|number| {
            let name = format!("d{}/e{}/f{number} ä.bin", number % 4, number % 3);
            (name, noise(number, if number % 20 == 0 { 2 << 20 } else { 3000 }))
        })
        .collect();
    for (name, bytes) in &files {
        target.file(&format!("in/{name}"), bytes);
    }
    symlink("d1/e1", target.path("in/link")).expect("a link");
    target.sync(target.path("in/"), "p/", &["-a"]).ok();
    let down = target.fetch("p/", "out", &["-a"]).ok();
    assert_eq!(down.number("files_downloaded"), 61, "{}", down.text());
    assert_eq!(target.names("in"), target.names("out"));
    for (name, bytes) in &files {
        target.assert_file(&format!("out/{name}"), bytes);
    }
    assert_eq!(fs::read_link(target.path("out/link")).expect("a link"), std::path::Path::new("d1/e1"));
    // The index of the upload spares the requests for metadata.
    let index = target.sync(target.path("in/"), "p/", &["-a"]).ok();
    assert_eq!(index.number("files_unchanged"), 61);
    target.double().clear_requests();
    let again = target.fetch("p/", "out", &["-a"]).ok();
    assert_eq!(again.number("files_unchanged"), 61, "{}", again.text());
    // One of the index itself, and one for each of the three large files.
    assert_eq!(target.double().count("HeadObject"), 1 + 3, "{}", again.text());
    assert_eq!(again.number("bytes_downloaded"), 0);
}

#[test]
fn links_come_back_only_as_links() {
    let target = Target::start();
    target.file("in/a", b"one");
    symlink("../../etc/passwd", target.path("in/link")).expect("a link");
    target.sync(target.path("in/"), "p/", &["--links"]).ok();
    let run = target.fetch("p/", "out", &[]).ok();
    assert_eq!((run.number("files_skipped"), target.names("out")), (1, vec!["a".to_owned()]), "{}", run.text());
    target.fetch("p/", "out", &["--links"]).ok();
    assert_eq!(fs::read_link(target.path("out/link")).expect("a link"), std::path::Path::new("../../etc/passwd"));
    let again = target.fetch("p/", "out", &["--links"]).ok();
    assert_eq!(again.number("files_unchanged"), 2, "{}", again.text());
    // What was a link here is a file there now, and the other way round.
    fs::remove_file(target.path("in/link")).expect("gone");
    target.file("in/link", b"a file now");
    fs::remove_file(target.path("in/a")).expect("gone");
    symlink("link", target.path("in/a")).expect("a link");
    target.sync(target.path("in/"), "p/", &["--links"]).ok();
    target.fetch("p/", "out", &["--links"]).ok();
    target.assert_file("out/link", b"a file now");
    assert_eq!(fs::read_link(target.path("out/a")).expect("a link"), std::path::Path::new("link"));
}

#[test]
fn filters_choose_what_comes() {
    let target = Target::start();
    tree(&target, &["a.log", "b", "keep/a.log", "sub/b", "sub/c", "sub.hssig"]);
    target.fetch("p/", "1", &["--exclude=*.log"]).ok();
    assert_eq!(
        target.names("1"),
        ["b", "keep/", "sub/", "sub/b", "sub/c"]
            .iter()
            .filter(|n| **n != "keep/")
            .map(|n| (*n).to_owned())
            .collect::<Vec<_>>()
    );
    target.fetch("p/", "2", &["--include=/keep/***", "--exclude=*.log", "--exclude=/sub/"]).ok();
    assert_eq!(target.names("2"), ["b", "keep/", "keep/a.log"]);
    target.fetch("p/", "3", &["--max-size=101"]).ok();
    assert_eq!(target.names("3"), ["a.log", "b"]);
    fs::write(target.path("list"), "sub/c\nb\n").expect("a list");
    target.fetch("p/", "4", &["--files-from=list"]).ok();
    assert_eq!(target.names("4"), ["b", "sub/", "sub/c"]);
    fs::write(target.path("list"), "sub/c\nnot there\n").expect("a list");
    let run = target.fetch("p/", "4", &["--files-from=list"]).exits(3);
    assert!(run.text().contains("the source does not have it"), "{}", run.text());
    target.fetch("p/", "4", &["--files-from=list", "--ignore-missing-args"]).ok();
    target.fetch("p", "5", &["--exclude=/p/sub/"]).ok();
    assert_eq!(target.names("5"), ["p/", "p/a.log", "p/b", "p/keep/", "p/keep/a.log"]);
}

#[test]
fn rules_about_what_stands_here() {
    let target = Target::start();
    tree(&target, &["both", "new"]);
    target.file("out/both", b"mine");
    let run = target.fetch("p/", "out", &["--existing", "--ignore-existing"]).ok();
    assert_eq!(run.number("files_skipped"), 2, "{}", run.text());
    target.assert_file("out/both", b"mine");
    let path = target.path("out/both");
    fs::File::options()
        .append(true)
        .open(&path)
        .expect("it")
        .set_modified(std::time::SystemTime::now() + std::time::Duration::from_secs(3600))
        .expect("a time");
    target.fetch("p/", "out", &["--update"]).ok();
    target.assert_file("out/both", b"mine");
    target.assert_file("out/new", &noise(1, 101));
    target.fetch("p/", "out", &[]).ok();
    target.assert_file("out/both", &noise(0, 100));
    let size_only = target.fetch("p/", "out", &["--size-only"]).ok();
    assert_eq!(size_only.number("files_unchanged"), 2);
    assert!(!size_only.verified());
}

#[test]
fn deletes_have_every_safeguard() {
    let target = Target::start();
    tree(&target, &["a", "b", "sub/c"]);
    target.fetch("p/", "out", &[]).ok();
    target.file("out/extra", b"x");
    target.file("out/left.log", b"x");
    target.file("out/deep/er/extra", b"x");
    let planned = target.fetch("p/", "out", &["--delete", "-n", "--exclude=*.log"]).ok();
    assert_eq!(planned.number("files_deleted"), 2, "{}", planned.text());
    assert!(target.path("out/extra").exists());
    let run = target.fetch("p/", "out", &["--delete", "--exclude=*.log"]).ok();
    assert_eq!(run.number("files_deleted"), 2, "{}", run.text());
    assert_eq!(
        target.names("out"),
        ["a", "b", "left.log", "sub/", "sub/c"],
        "what is left out stays, empty folders go"
    );
    target.fetch("p/", "out", &["--delete-excluded", "--exclude=*.log"]).ok();
    assert_eq!(target.names("out"), ["a", "b", "sub/", "sub/c"]);
    // Too many.
    for name in ["1", "2", "3", "4"] {
        target.file(&format!("out/{name}"), b"x");
    }
    let refused = target.fetch("p/", "out", &["--delete"]).exits(3);
    assert!(refused.stderr.contains("would delete 4 of the 7 files at"), "{}", refused.text());
    target.fetch("p/", "out", &["--delete", "--max-delete=3"]).exits(3);
    assert!(target.path("out/1").exists());
    target.fetch("p/", "out", &["--delete", "--max-delete=4"]).ok();
    assert_eq!(target.names("out"), ["a", "b", "sub/", "sub/c"]);
    // A source that is empty, by mistake or not.
    target.put("empty/.hssig", b"nonsense");
    let refused = target.fetch("empty/", "out", &["--delete"]).exits(3);
    assert!(refused.stderr.contains("no file of the source is selected"), "{}", refused.text());
    assert_eq!(target.names("out"), ["a", "b", "sub/", "sub/c"]);
}

/// A listing that fails in the middle, and a file that cannot be fetched: nothing is deleted.
#[test]
fn what_is_not_known_deletes_nothing() {
    use strict_s3::{Fault, FaultAction};
    let target = Target::start();
    tree(&target, &["a", "b", "c", "d", "e", "f"]);
    target.fetch("p/", "out", &[]).ok();
    target.file("out/extra", b"x");
    target.put("p/b", b"another one");
    target
        .double()
        .inject(Fault::next("GetObject", FaultAction::Status(403, "AccessDenied")).key("p/b").times(u64::MAX));
    let run = target.fetch("p/", "out", &["--delete"]).exits(3);
    assert!(run.stderr.contains("nothing was deleted: 1 file failed"), "{}", run.text());
    assert!(target.path("out/extra").exists());
    target.assert_file("out/b", &noise(1, 101));
    target.double().clear_faults();
    target
        .double()
        .inject(Fault::next("ListObjectsV2", FaultAction::Status(403, "AccessDenied")).nth(2).times(u64::MAX));
    target.fetch("p/", "out", &["--delete"]).exits(1);
    assert!(target.path("out/extra").exists());
}

#[test]
fn what_is_in_the_way_is_not_replaced() {
    let target = Target::start();
    tree(&target, &["a", "b", "c/d", "fine"]);
    fs::create_dir_all(target.path("out/a")).expect("a folder");
    target.file("out/c", b"a file");
    let made = run(std::process::Command::new("mkfifo").arg(target.path("out/b")).env("PATH", "/usr/bin:/bin"));
    assert_eq!(made.code, Some(0));
    let run = target.fetch("p/", "out", &[]).exits(3);
    for text in
        ["a folder of this name is in the way", "is no regular file", "a file, where a folder should be, is in the way"]
    {
        assert!(run.stderr.contains(text), "{text}: {}", run.text());
    }
    assert_eq!(target.names("out"), ["a/", "b", "c", "fine"]);
    target.assert_file("out/c", b"a file");
}

/// Folders that hold nothing are made where an empty object stands for one, and stay with `--delete`.
#[test]
fn markers_make_folders() {
    let target = Target::start();
    tree(&target, &["a"]);
    target.put("p/", b"");
    target.put("p/empty/er/", b"");
    target.fetch("p/", "out", &["--delete"]).ok();
    assert_eq!(target.names("out"), ["a", "empty/", "empty/er/"]);
    target.put("p/strange/", b"bytes");
    target.fetch("p/", "out", &[]).exits(3).says("it has an empty component");
}

#[test]
fn shards_share_a_tree() {
    let target = Target::start();
    let names: Vec<String> = (0..20).map(|number| format!("f{number}")).collect();
    tree(&target, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let one = target.fetch("p/", "out", &["--shard=1/2"]).ok();
    let two = target.fetch("p/", "out", &["--shard=2/2"]).ok();
    let (one, two) = (one.number("files_downloaded"), two.number("files_downloaded"));
    assert!(one > 0 && two > 0 && one + two == 20, "{one} {two}");
    assert_eq!(target.names("out").len(), 20);
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_comes() {
    let target = Target::start();
    tree(&target, &["a", "sub/b"]);
    let planned = target.fetch("p/", "not/there", &["-n"]).ok();
    assert!(!target.path("not").exists());
    let real = target.fetch("p/", "not/there", &[]).ok();
    for field in ["files_total", "files_downloaded", "bytes_total", "bytes_downloaded"] {
        assert_eq!(planned.number(field), real.number(field), "{field}");
    }
    let mut itemized = target.sync_command(target.url("p/"), "other", &["-i"]);
    let run = run(&mut itemized).ok();
    assert!(run.stdout.contains(">f+++++++++ p/a") && run.stdout.contains("Downloaded "), "{}", run.text());
}
