//! Ways to empty a bucket by mistake, and what happens instead; and what `--delete` does delete.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use strict_s3::{Fault, FaultAction};

use super::support::{Run, Target, noise, run, side_by_side};

/// A way to go wrong: from a site of ten files that is at the destination, with neighbours beside it.
struct Mistake {
    name: &'static str,
    /// What happens to the files, and how the source is written then.
    prepare: fn(&Target) -> &'static str,
    destination: &'static str,
    options: &'static [&'static str],
    code: i32,
    says: &'static str,
    /// Objects of the site that are gone afterwards.
    deleted: usize,
}

impl std::fmt::Debug for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const FILES: [&str; 10] =
    ["index.html", "a/1.txt", "a/2.txt", "a/3.txt", "b/1.log", "b/2.log", "c/deep/er/x", "d.css", "e.js", "z"];
/// Objects that no run into `site` may touch: other prefixes, one of which begins with the same letters.
const NEIGHBOURS: [&str; 4] = ["site2/index.html", "site.html", "sit", "other/site/index.html"];
const SITE: &str = "s3://bucket/site";

fn nothing(_: &Target) -> &'static str {
    "site/"
}

fn remove(target: &Target, names: &[&str]) {
    for name in names {
        let path = target.path("site").join(name);
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.expect("it is removed");
    }
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "the source is an empty folder",
        prepare: |target| {
            fs::create_dir(target.path("empty")).expect("a folder");
            "empty/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 3,
        says: "nothing was deleted: no file of the source is selected",
        deleted: 0,
    },
    Mistake {
        name: "the source's volume is not mounted: its folder is there, with nothing in it but folders",
        prepare: |target| {
            fs::create_dir_all(target.path("mnt/lost+found")).expect("a folder");
            "mnt/"
        },
        destination: SITE,
        options: &["-a", "--delete"],
        code: 3,
        says: "--max-delete=100% lets it go",
        deleted: 0,
    },
    Mistake {
        name: "the source is misspelt",
        prepare: |_| "siet/",
        destination: SITE,
        options: &["--delete"],
        code: 1,
        says: "cannot read the source siet/",
        deleted: 0,
    },
    Mistake {
        name: "the source is misspelt, and missing ones are to be ignored",
        prepare: |_| "siet/",
        destination: SITE,
        options: &["--delete", "--ignore-missing-args"],
        code: 1,
        says: "cannot read the source siet/",
        deleted: 0,
    },
    Mistake {
        name: "the source is another folder",
        prepare: |target| {
            target.file("other/readme", "x");
            "other/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 3,
        says: "would delete 10 of the 10 objects at s3://bucket/site/, more than 50 %",
        deleted: 0,
    },
    Mistake {
        name: "the source is a folder of the source",
        prepare: |_| "site/a/",
        destination: SITE,
        options: &["--delete"],
        code: 3,
        says: "nothing was deleted",
        deleted: 0,
    },
    Mistake {
        name: "the source is a file",
        prepare: |_| "site/z",
        destination: SITE,
        options: &["--delete"],
        code: 1,
        says: "the source site/z is a file, and --delete needs a folder",
        deleted: 0,
    },
    Mistake {
        name: "the source is a link to nothing",
        prepare: |target| {
            symlink("nowhere", target.path("link")).expect("a link");
            "link/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 1,
        says: "cannot read the source link/",
        deleted: 0,
    },
    Mistake {
        name: "everything is excluded",
        prepare: nothing,
        destination: SITE,
        options: &["--delete", "--exclude=*"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "everything is excluded, and what is excluded is to be deleted",
        prepare: nothing,
        destination: SITE,
        options: &["--delete-excluded", "--exclude=*"],
        code: 3,
        says: "nothing was deleted: no file of the source is selected",
        deleted: 0,
    },
    Mistake {
        name: "the files that are excluded are gone here",
        prepare: |target| {
            remove(target, &["b"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--exclude=*.log"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "an excluded folder is gone here",
        prepare: |target| {
            remove(target, &["a"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--exclude=/a/"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "an ignore file leaves out what is gone here",
        prepare: |target| {
            remove(target, &["b"]);
            target.file("site/.hugesyncignore", "*.log\n");
            "site/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "most files are gone",
        prepare: |target| {
            remove(target, &["a", "b", "c"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 3,
        says: "hint: --dry-run --verbose lists them; --max-delete=6 lets them go",
        deleted: 0,
    },
    Mistake {
        name: "more files are gone than a number allows",
        prepare: |target| {
            remove(target, &["a/1.txt", "a/2.txt"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--max-delete=1"],
        code: 3,
        says: "would delete 2 of the 10 objects at s3://bucket/site/, more than --max-delete=1",
        deleted: 0,
    },
    Mistake {
        name: "nothing may be deleted",
        prepare: |target| {
            remove(target, &["z"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--max-delete=0"],
        code: 3,
        says: "more than --max-delete=0",
        deleted: 0,
    },
    Mistake {
        name: "the destination is misspelt",
        prepare: nothing,
        destination: "s3://bucket/sit/e",
        options: &["--delete"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "the destination has the name of another prefix's beginning",
        prepare: |target| {
            remove(target, &["z"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 0,
        says: "",
        deleted: 1,
    },
    Mistake {
        name: "the destination is the whole bucket",
        prepare: |target| {
            remove(target, &["a", "b", "c", "d.css"]);
            "site/"
        },
        destination: "s3://bucket",
        options: &["--delete"],
        code: 3,
        says: "14 of the 14 objects at s3://bucket/",
        deleted: 0,
    },
    Mistake {
        name: "the slash behind the source is forgotten: the folder goes into itself",
        prepare: |_| "site",
        destination: "s3://bucket/site",
        options: &["--delete"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "a folder of the source cannot be read",
        prepare: |target| {
            remove(target, &["z"]);
            let folder = target.path("site/a");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o000)).expect("a mode");
            "site/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 3,
        says: "nothing was deleted: the source could not be read as a whole",
        deleted: 0,
    },
    Mistake {
        name: "a file of the source cannot be read",
        prepare: |target| {
            remove(target, &["z"]);
            fs::set_permissions(target.path("site/a/1.txt"), fs::Permissions::from_mode(0o000)).expect("a mode");
            "site/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 3,
        says: "nothing was deleted: 1 file failed",
        deleted: 0,
    },
    Mistake {
        name: "a folder cannot be read, and errors are to be ignored: what it may hold stays",
        prepare: |target| {
            remove(target, &["z"]);
            fs::set_permissions(target.path("site/a"), fs::Permissions::from_mode(0o000)).expect("a mode");
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--ignore-errors"],
        code: 3,
        says: "cannot be read",
        deleted: 1,
    },
    Mistake {
        name: "one of four shards",
        prepare: |target| {
            remove(target, &["z"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--shard=1/4", "--max-delete=100%"],
        code: 0,
        says: "",
        // 2/4 holds z: see `shards_delete_their_own`.
        deleted: 0,
    },
    Mistake {
        name: "a list of files, which names few",
        prepare: |target| {
            target.file("list", "index.html\n");
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--files-from=list"],
        code: 2,
        says: "--delete with --files-from would delete all that the list does not name",
        deleted: 0,
    },
    Mistake {
        name: "files are too large, or too small, to be uploaded",
        prepare: nothing,
        destination: SITE,
        options: &["--delete", "--max-size=0", "--min-size=1"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "links are passed over: what they were before stays",
        prepare: |target| {
            remove(target, &["z", "e.js"]);
            symlink("index.html", target.path("site/z")).expect("a link");
            symlink("nowhere", target.path("site/e.js")).expect("a link");
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--skip-links"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "a dry run",
        prepare: |target| {
            remove(target, &["z"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete", "-n"],
        code: 0,
        says: "",
        deleted: 0,
    },
    Mistake {
        name: "the backups lie in the destination",
        prepare: |target| {
            remove(target, &["z"]);
            "site/"
        },
        destination: SITE,
        options: &["--delete", "--backup-dir=s3://bucket/site/old/"],
        code: 0,
        says: "",
        deleted: 1,
    },
    Mistake {
        name: "the destination lies in the backups",
        prepare: nothing,
        destination: SITE,
        options: &["--delete", "--backup-dir=s3://bucket/"],
        code: 2,
        says: "holds the destination itself",
        deleted: 0,
    },
    Mistake {
        name: "a name that is not UTF-8, which may stand for any object",
        prepare: |target| {
            use std::os::unix::ffi::OsStrExt as _;
            remove(target, &["z"]);
            let name = std::ffi::OsStr::from_bytes(b"bad\xff");
            fs::write(target.path("site").join(name), "x").expect("a file");
            "site/"
        },
        destination: SITE,
        options: &["--delete"],
        code: 3,
        says: "nothing was deleted: the source could not be read as a whole",
        deleted: 0,
    },
];

/// A site at the destination, and its neighbours.
fn site() -> Target {
    let target = Target::start();
    FILES.iter().for_each(|name| drop(target.file(&format!("site/{name}"), name)));
    NEIGHBOURS.iter().for_each(|key| target.put(key, "a neighbour"));
    tree(&target, "site/", SITE, &[]).ok();
    target
}

/// Syncs as a user who may not read everything: root may.
fn tree(target: &Target, source: &str, destination: &str, options: &[&str]) -> Run {
    let sync = target.sync_command(source, destination, options);
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata("/proc/self").expect("this process").uid() != 0 {
        return run(&mut { sync });
    }
    let mut command = Command::new(sync.get_program());
    command.args(sync.get_args()).env_clear().envs(sync.get_envs().filter_map(|(name, value)| Some((name, value?))));
    open_to_all(&target.path(""));
    // The user nobody.
    run(command.current_dir(target.path("")).uid(65534).gid(65534))
}

fn open_to_all(folder: &std::path::Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o777));
}

/// Keys of the bucket, HugeSync's own apart.
fn keys(target: &Target) -> Vec<String> {
    let keys = target.double().keys("bucket").into_iter();
    keys.filter(|key| !key.ends_with(".hssig")).collect()
}

#[test]
fn mistakes_do_not_empty_a_bucket() {
    side_by_side(MISTAKES, |_, mistake| {
        let target = site();
        let source = (mistake.prepare)(&target);
        let ended = tree(&target, source, mistake.destination, mistake.options);
        let ended = ended.exits(mistake.code).says(mistake.says);
        let left = keys(&target);
        for key in NEIGHBOURS {
            assert!(left.iter().any(|found| found == key), "{key} is gone: {}", ended.text());
        }
        let stay = FILES.iter().filter(|name| left.contains(&format!("site/{name}"))).count();
        assert_eq!(FILES.len() - stay, mistake.deleted, "{left:?}: {}", ended.text());
    });
    assert!(MISTAKES.len() >= 20);
}

/// What is extraneous goes, with its sidecar; what lives keeps its own.
#[test]
fn extraneous_objects_go_with_their_sidecars() {
    let target = Target::start();
    let (keep, go) = (noise(1, 2 << 20), noise(2, 2 << 20));
    target.file("site/keep.img", &keep);
    target.file("site/go.img", &go);
    for name in ["a", "b", "c"] {
        target.file(&format!("site/{name}"), name);
    }
    let delta = ["--delta-threshold=1MB", "--block-size=64"];
    tree(&target, "site/", SITE, &delta).ok();
    target.put("site/orphan.hssig", "of an object that is gone");
    fs::remove_file(target.path("site/go.img")).expect("removed");
    fs::remove_file(target.path("site/a")).expect("removed");
    let dry = tree(&target, "site/", SITE, &["--delete", "-n", "-i", delta[0], delta[1]]).ok();
    let would: Vec<&str> = dry.stdout.lines().filter(|line| line.starts_with("*deleting")).collect();
    assert_eq!(would.len(), 4, "{}", dry.text());
    let before = target.double().keys("bucket");
    let ended = tree(&target, "site/", SITE, &["--delete", "-v", "--json", delta[0], delta[1]]).ok();
    let left = target.double().keys("bucket");
    let expected = ["site/b", "site/c", "site/keep.img", "site/keep.img.hssig"];
    assert_eq!(left, expected, "{before:?}: {}", ended.text());
    assert_eq!(ended.number("files_deleted"), 4);
    assert_eq!(target.double().count("DeleteObjects"), 2, "objects, then sidecars");
    target.assert_holds("site/keep.img", &keep);
}

/// More than one request's worth, each key reported; what the store refuses is a failure of that key alone.
#[test]
fn thousands_go_in_batches_and_failures_are_single() {
    let target = Target::start();
    for n in 0..2500 {
        target.put(&format!("site/{n:04}"), "x");
    }
    target.file("site/keep", "x");
    let ended = tree(&target, "site/", SITE, &["--delete", "--max-delete=100%", "--json"]).ok();
    assert_eq!(ended.number("files_deleted"), 2500);
    assert_eq!(target.double().count("DeleteObjects"), 3);
    assert_eq!(keys(&target), ["site/keep"]);

    (0..3).for_each(|n| target.put(&format!("site/{n}"), "x"));
    target.double().inject(Fault::next("DeleteObjects", FaultAction::Status(403, "AccessDenied")));
    let ended = tree(&target, "site/", SITE, &["--delete", "--max-delete=100%", "--json"]).exits(3);
    assert_eq!((ended.number("files_deleted"), ended.number("files_failed")), (0, 3));
    assert!(ended.stderr.contains("AccessDenied"), "{}", ended.text());
}

/// Every shard deletes what is its own, and together they delete what one run would.
#[test]
fn shards_delete_their_own() {
    let target = site();
    remove(&target, &["z", "a/2.txt"]);
    target.file("site/new", "new");
    for shard in 1..=4 {
        tree(&target, "site/", SITE, &["--delete", &format!("--shard={shard}/4"), "--max-delete=100%"]).ok();
    }
    let left: Vec<String> = keys(&target).into_iter().filter(|key| key.starts_with("site/")).collect();
    let mut expected: Vec<String> =
        FILES.iter().filter(|name| !["z", "a/2.txt"].contains(name)).map(|name| format!("site/{name}")).collect();
    expected.push("site/new".to_owned());
    expected.sort();
    assert_eq!(left, expected);
}

/// What goes is copied away before, and what is replaced too.
#[test]
fn backups_are_made_of_what_goes_and_of_what_is_replaced() {
    let target = site();
    remove(&target, &["z"]);
    target.file("site/d.css", "another");
    let options = ["--delete", "--backup-dir=s3://bucket/old/today"];
    tree(&target, "site/", SITE, &options).ok();
    target.assert_holds("old/today/z", b"z");
    target.assert_holds("old/today/d.css", b"d.css");
    target.assert_holds("site/d.css", b"another");
    let backups = keys(&target).into_iter().filter(|key| key.starts_with("old/")).count();
    assert_eq!(backups, 2);

    // One that fails keeps what it was to be made of.
    remove(&target, &["e.js"]);
    target.double().inject(Fault::next("CopyObject", FaultAction::Status(403, "AccessDenied")));
    tree(&target, "site/", SITE, &options).exits(3).says("AccessDenied");
    target.assert_holds("site/e.js", b"e.js");
}

/// Files that the user names and that are not there.
#[test]
fn missing_files_are_errors_ignored_or_deleted() {
    let target = site();
    remove(&target, &["z", "a/1.txt"]);
    target.file("list", "index.html\nz\na/1.txt\nnever/there\n");
    let from = "--files-from=list";
    tree(&target, "site/", SITE, &[from]).exits(3).says("z: is not there");
    tree(&target, "site/", SITE, &[from, "--ignore-missing-args"]).ok();
    assert_eq!(keys(&target).len(), FILES.len() + NEIGHBOURS.len());
    let ended = tree(&target, "site/", SITE, &[from, "--delete-missing-args", "--json"]).ok();
    assert_eq!(ended.number("files_deleted"), 2);
    assert_eq!(keys(&target).len(), FILES.len() + NEIGHBOURS.len() - 2);

    // The same for a single source.
    tree(&target, "gone", "s3://bucket/site/e.js", &[]).exits(1).says("cannot read the source gone");
    tree(&target, "gone", "s3://bucket/site/e.js", &["--ignore-missing-args"]).ok();
    target.assert_holds("site/e.js", b"e.js");
    tree(&target, "gone", "s3://bucket/site/e.js", &["--delete-missing-args"]).ok();
    assert_eq!(target.get("site/e.js"), None);
}

/// Somebody writes an object anew between the listing and its deletion: it stays.
#[test]
fn what_is_written_anew_meanwhile_stays() {
    let target = Target::start_as_aws();
    FILES.iter().for_each(|name| drop(target.file(&format!("site/{name}"), name)));
    run(&mut target.sync_command("site/", SITE, &[])).ok();
    remove(&target, &["z"]);
    target.double().inject(Fault::next("DeleteObject", FaultAction::Stall(std::time::Duration::from_millis(800))));
    let running = super::support::start(&mut target.sync_command("site/", SITE, &["--delete"]));
    target.wait_for("DeleteObject", 1);
    target.put("site/z", "written meanwhile");
    running.wait().exits(3).says("z");
    target.assert_holds("site/z", b"written meanwhile");
}
