//! What a folder is as a source: links, rules, lists, ignore files, and what cannot be read.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};

use super::{Links, LocalTree, TreeOptions};
use crate::store::source::{EntryKind, Found, Skipped, Source, SourceEntry};
use crate::tree::{FileList, Rules};

/// Makes files with a byte of content, their folders, and folders (names with a slash at the end).
fn plant(root: &Path, names: &[&str]) {
    for name in names {
        let path = root.join(name);
        std::fs::create_dir_all(if name.ends_with('/') { &path } else { path.parent().expect("below the root") })
            .expect("folders");
        if !name.ends_with('/') {
            std::fs::write(path, "x").expect("a file");
        }
    }
}

fn planted(names: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    plant(root.path(), names);
    root
}

fn tree(root: &Path, options: TreeOptions) -> LocalTree {
    LocalTree::new(root.to_owned(), options).expect("a folder")
}

fn found(tree: &LocalTree) -> Vec<Found> {
    let mut all = Vec::new();
    tree.walk(&mut |found| {
        all.push(found);
        ControlFlow::Continue(())
    });
    let names: Vec<&str> = all.iter().filter_map(Found::relative).collect();
    assert!(names.is_sorted(), "{names:?}");
    all
}

/// Every name that is found, with what it is found to be where that is no file.
fn lines(root: &Path, options: TreeOptions) -> Vec<String> {
    let describe = |found: &Found| match found {
        Found::Entry(SourceEntry { relative, kind: EntryKind::File }) => relative.clone(),
        Found::Entry(SourceEntry { relative, kind: EntryKind::Symlink }) => format!("{relative} -> "),
        Found::LeftOut { relative, why, .. } => {
            let why = match why {
                Skipped::Unreadable(error) => format!("{:?}", error.kind()),
                why => format!("{why:?}"),
            };
            format!("{}: {why}", relative.as_deref().unwrap_or("?"))
        }
    };
    found(&tree(root, options)).iter().map(describe).collect()
}

fn excluding(patterns: &[&str]) -> Rules {
    let mut rules = Rules::default();
    for pattern in patterns {
        rules.exclude(pattern).expect("a pattern");
    }
    rules
}

fn listing(names: &str) -> Option<FileList> {
    Some(FileList::parse(names.as_bytes(), false).expect("a list"))
}

fn ignoring() -> TreeOptions {
    let ignore_files = [".gitignore", ".hugesyncignore"].map(str::to_owned).into();
    TreeOptions { ignore_files, ..TreeOptions::default() }
}

#[test]
fn everything_but_what_is_no_file_is_found() {
    let root = planted(&["z", "a/b c\nd", "a/.hidden/x", ".gitignore", "empty/"]);
    std::fs::write(root.path().join(".gitignore"), "z\n").expect("a file");
    symlink("z", root.path().join("link")).expect("a link");
    mknodat(CWD, root.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
    for bad in [&b"bad\xff"[..], b"bad\xfe"] {
        plant(
            &root.path().join(OsStr::from_bytes(bad)),
            if bad.ends_with(b"\xff") { &["x", "y"] } else { &["../file"] },
        );
    }
    std::fs::write(root.path().join(OsStr::from_bytes(b"also\xff")), "x").expect("a file");
    let mut lines = lines(root.path(), TreeOptions::default());
    lines.sort();
    let expected = [
        ".gitignore",
        "?: NotUtf8",
        "?: NotUtf8",
        "?: NotUtf8",
        "a/.hidden/x",
        "a/b c\nd",
        "file",
        "link: Symlink",
        "pipe: Special",
        "z",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn rules_see_names_that_are_not_utf8() {
    let root = planted(&["a"]);
    for bad in [&b"bad\xff"[..], b"\xff.o"] {
        std::fs::write(root.path().join(OsStr::from_bytes(bad)), "x").expect("a file");
    }
    let options = TreeOptions { rules: excluding(&["*.o", "bad*"]), ..TreeOptions::default() };
    assert_eq!(lines(root.path(), options), ["a"]);
}

#[test]
fn links_in_all_four_ways() {
    let outside = planted(&["f", "sub/g"]);
    let root = planted(&["a/x", "file"]);
    let link = |target: &Path, name: &str| symlink(target, root.path().join(name)).expect("a link");
    link(Path::new("file"), "to-file");
    link(outside.path(), "to-folder");
    link(Path::new("nowhere"), "dangling");
    link(Path::new("myself"), "myself");
    link(Path::new(".."), "a/up");
    link(Path::new("../a"), "a/itself");
    link(Path::new("/dev/null"), "device");
    plant(root.path(), &["to-folder!", "to-folder0"]);
    let links = |links| lines(root.path(), TreeOptions { links, ..TreeOptions::default() });
    let each = |what: &str| -> Vec<String> {
        let names = ["a/itself", "a/up", "a/x*", "dangling", "device", "file*", "myself", "to-file", "to-folder"];
        let names = names.into_iter().chain(["to-folder!*", "to-folder0*"]);
        names.map(|name| name.strip_suffix('*').map_or(format!("{name}{what}"), str::to_owned)).collect()
    };
    assert_eq!(links(Links::Skip), each(": Symlink"));
    assert_eq!(links(Links::SkipQuietly), each(": UntoldSymlink"));
    assert_eq!(links(Links::Keep), each(" -> "));
    let followed = [
        "a/itself/: Loop",
        "a/up/: Loop",
        "a/x",
        "dangling: NotFound",
        "device: Special",
        "file",
        "myself: FilesystemLoop",
        "to-file",
        "to-folder!",
        "to-folder/f",
        "to-folder/sub/g",
        "to-folder0",
    ];
    assert_eq!(links(Links::Follow), followed);
}

#[test]
fn a_kept_link_reads_as_its_target_and_notices_changes() {
    let root = planted(&["file"]);
    let path = root.path().join("link");
    symlink("file", &path).expect("a link");
    let tree = tree(root.path(), TreeOptions { links: Links::Keep, ..TreeOptions::default() });
    let entry = SourceEntry { relative: "link".to_owned(), kind: EntryKind::Symlink };
    let link = tree.open(&entry).expect("it opens");
    let mut target = [0; 4];
    link.read_exact_at(&mut target, 0).expect("its bytes");
    assert_eq!((link.len(), &target), (4, b"file"));
    let metadata = path.symlink_metadata().expect("a link");
    assert_eq!(link.attributes().mode, metadata.mode());
    assert_eq!((link.attributes().mtime, link.attributes().mode & 0o170000), (metadata.mtime(), 0o120000));
    assert!(!link.has_changed().expect("its state"));
    std::fs::remove_file(&path).expect("it is removed");
    assert!(link.has_changed().expect("its state"));
    symlink("else", &path).expect("a link");
    assert!(link.has_changed().expect("its state"));
    std::fs::remove_file(&path).expect("it is removed");
    std::fs::write(&path, "file").expect("a file");
    assert!(link.has_changed().expect("its state"));
    assert_eq!(tree.open(&entry).err().expect("no link").kind(), io::ErrorKind::InvalidInput);
    assert!(tree.open(&SourceEntry { kind: EntryKind::File, ..entry }).is_ok());
}

#[test]
fn a_file_that_became_something_else_is_not_opened() {
    let root = planted(&["secret", "folder/"]);
    symlink("secret", root.path().join("link")).expect("a link");
    mknodat(CWD, root.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
    let tree = tree(root.path(), TreeOptions::default());
    let open = |name: &str| tree.open(&SourceEntry { relative: name.to_owned(), kind: EntryKind::File });
    for name in ["link", "pipe", "folder"] {
        assert_eq!(open(name).err().expect("no file").kind(), io::ErrorKind::InvalidInput, "{name}");
    }
    assert_eq!(open("gone").err().expect("no file").kind(), io::ErrorKind::NotFound);
    assert_eq!(open("secret").expect("it opens").len(), 1);
}

#[test]
fn rules_see_the_folders_own_name_where_it_is_synced_itself() {
    let root = planted(&["a/x.o", "a/y", "b/z"]);
    let with = |root_name: Option<&str>, patterns: &[&str]| {
        let options = TreeOptions {
            rules: excluding(patterns),
            root_name: root_name.map(str::to_owned),
            ..TreeOptions::default()
        };
        let tree = tree(root.path(), options.clone());
        let names = ["a/x.o", "a/y", "b/z", "b/z/deeper", "none/x.o"];
        let left_out = names.into_iter().filter(|name| tree.leaves_out(name)).map(str::to_owned).collect::<Vec<_>>();
        (lines(root.path(), options), left_out)
    };
    let all: Vec<String> = ["a/x.o", "a/y", "b/z", "b/z/deeper", "none/x.o"].map(str::to_owned).into();
    let without = |gone: &[&str]| all.iter().filter(|name| !gone.contains(&name.as_str())).cloned().collect::<Vec<_>>();
    assert_eq!(with(None, &["/a"]), (without(&["a/x.o", "a/y", "b/z/deeper", "none/x.o"]), all[..2].to_vec()));
    assert_eq!(with(Some("data"), &["/a"]), (all[..3].to_vec(), vec![]));
    assert_eq!(with(Some("data"), &["/data/a"]).1, all[..2]);
    assert_eq!(with(Some("data"), &["data"]), (vec![], all.clone()));
    assert_eq!(with(None, &["data", "*.o"]).1, ["a/x.o", "none/x.o"]);
}

#[test]
fn only_what_a_list_names_is_found_and_what_is_missing_told() {
    let root = planted(&["a/b/f", "a/b/g", "a/x.o", "c/y", "c/z.o", "plain", "other/o"]);
    let list = "a/b/f\na/x.o\nc\nnope.o\nno/such/f\nplain/inside\na/b-none\nother/skip\n";
    let options =
        |patterns: &[&str]| TreeOptions { rules: excluding(patterns), files: listing(list), ..TreeOptions::default() };
    let missing = ["a/b-none", "no/such/f", "nope.o", "other/skip", "plain/inside"];
    let with_missing = |names: &[&str]| {
        let missing = missing.map(|name| format!("{name}: Missing"));
        let mut all: Vec<String> = names.iter().map(|&name| name.to_owned()).chain(missing).collect();
        all.sort();
        all
    };
    assert_eq!(lines(root.path(), options(&[])), with_missing(&["a/b/f", "a/x.o", "c/y", "c/z.o"]));
    // rsync 3.5: rules are asked about what is listed and what lies in it, not about the folders that lead there, and
    // what is missing is an error whatever they say.
    assert_eq!(lines(root.path(), options(&["*.o", "a/"])), with_missing(&["a/b/f", "c/y"]));
    let tree = tree(root.path(), options(&["*.o"]));
    for (name, left_out) in [
        ("a/b/f", false),
        ("a/b/g", true),
        ("c/new", false),
        ("c/new.o", true),
        ("c/deep/new", false),
        ("other/o", true),
        ("a", true),
    ] {
        assert_eq!(tree.leaves_out(name), left_out, "{name}");
    }
    let nothing = TreeOptions { files: listing(""), ..TreeOptions::default() };
    assert!(lines(root.path(), nothing).is_empty());
    let everything = TreeOptions { files: listing("."), ..TreeOptions::default() };
    assert_eq!(lines(root.path(), everything).len(), 7);
}

#[test]
fn a_listed_name_that_is_not_utf8_is_told_once() {
    let root = planted(&["a"]);
    std::fs::write(root.path().join(OsStr::from_bytes(b"bad\xff")), "x").expect("a file");
    let files = FileList::parse(b"bad\xff\nmissing\xff\na\n", false).expect("a list");
    let options = TreeOptions { files: Some(files), ..TreeOptions::default() };
    assert_eq!(lines(root.path(), options), ["?: NotUtf8", "?: Missing", "a"]);
}

#[test]
fn ignore_files_count_where_they_lie() {
    let root = planted(&["a/x.o", "a/keep.o", "a/sub/x.o", "a/out/deep", "b/x.o", "b/only-here", "only-here", "out/f"]);
    let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).expect("a file");
    write(".gitignore", "# comment\n*.o\n/only-here\nout/\n");
    write("a/.gitignore", "!keep.o\n");
    write("a/.hugesyncignore", "sub/*\n");
    write("a/out/.gitignore", "!deep\n");
    let expected = [".gitignore", "a/.gitignore", "a/.hugesyncignore", "a/keep.o", "b/only-here"];
    assert_eq!(lines(root.path(), ignoring()), expected);
    let tree = tree(root.path(), ignoring());
    for (name, left_out) in [
        ("a/keep.o", false),
        ("a/new/keep.o", false),
        ("a/sub/keep.o", true),
        ("a/sub/new", true),
        ("a/out/deep", true),
        ("b/keep.o", true),
        ("b/none/none/x.o", true),
        ("b/none/none/only-here", false),
        ("only-here", true),
        ("out", false),
        ("out/x", true),
    ] {
        assert_eq!(tree.leaves_out(name), left_out, "{name}");
    }
    // In another order, so that nothing is left of the key before.
    assert!(!tree.leaves_out("b/only-here") && tree.leaves_out("a/out/deep") && !tree.leaves_out("a/keep.o"));
}

#[test]
fn what_an_unreadable_ignore_file_leaves_out_is_not_known() {
    let root = planted(&["a/secret", "b"]);
    std::fs::write(root.path().join("a/.hugesyncignore"), "secret\n[z-a]\n").expect("a file");
    symlink(".hugesyncignore", root.path().join("a/sub")).expect("a link");
    assert_eq!(lines(root.path(), ignoring()), ["a/: InvalidData", "b"]);
    let all = found(&tree(root.path(), ignoring()));
    let Found::LeftOut { path, why, .. } = &all[0] else { panic!("{all:?}") };
    assert_eq!(*path, root.path().join("a/.hugesyncignore"));
    assert!(why.is_failure() && why.to_string().contains("line 2 is no pattern"), "{why}");
    assert!(tree(root.path(), ignoring()).leaves_out("a/new"));
    let is_looping = root.path().join(".gitignore");
    symlink(".gitignore", &is_looping).expect("a link");
    assert_eq!(lines(root.path(), ignoring()), ["?: FilesystemLoop"]);
    std::fs::remove_file(&is_looping).expect("it is removed");
    // Folders and pipes of that name are none.
    std::fs::create_dir(&is_looping).expect("a folder");
    mknodat(CWD, root.path().join(".hugesyncignore"), FileType::Fifo, Mode::RUSR, 0).expect("a pipe");
    assert_eq!(lines(root.path(), ignoring()), [".hugesyncignore: Special", "a/: InvalidData", "b"]);
}

#[test]
fn docker_patterns_count_from_the_source_on() {
    let root = planted(&["target/x", "a/target/x", "a/y", "doc/f", "Dockerfile"]);
    std::fs::write(root.path().join(".dockerignore"), " target/ \n**/y\n./doc\n.\n!doc\n").expect("a file");
    std::fs::write(root.path().join("a/.dockerignore"), "*\n").expect("a file");
    let ignore_files = vec![".dockerignore".to_owned()];
    let options = TreeOptions { ignore_files, ..TreeOptions::default() };
    let expected = [".dockerignore", "Dockerfile", "a/.dockerignore", "a/target/x", "doc/f"];
    assert_eq!(lines(root.path(), options), expected);
}

#[test]
fn hostile_keys_lead_nowhere() {
    let outside = planted(&["f"]);
    std::fs::write(outside.path().join(".hugesyncignore"), "*\n").expect("a file");
    let root = planted(&["source/a/f", "f"]);
    // Whoever comes here by `..` or a link would leave out everything.
    std::fs::write(root.path().join(".hugesyncignore"), "*\n").expect("a file");
    let source = root.path().join("source");
    symlink(outside.path(), source.join("link")).expect("a link");
    std::fs::write(source.join(".hugesyncignore"), "*.o\n").expect("a file");
    let strict = tree(&source, TreeOptions { rules: excluding(&["tmp/"]), ..ignoring() });
    let absolute = outside.path().join("f");
    let long = "x/".repeat(600) + "f";
    for name in [
        "",
        "/",
        "..",
        "../f",
        "a/../../f.o",
        "a//f.o",
        "a/./f.o",
        "f.o/",
        absolute.to_str().expect("UTF-8"),
        "link/f",
        "link/sub/f",
        "a\0b/f",
        "\u{1b}[31m\n/f",
        "\\..\\f",
        &long,
        &"y".repeat(1024),
        "tmp",
    ] {
        assert!(!strict.leaves_out(name), "{name:?}");
    }
    for name in ["f.o", "link/f.o", "a\0b/f.o", "x\n.o", "tmp/..\u{7f}", &(long.clone() + ".o"), "…/tmp/x"] {
        assert!(strict.leaves_out(name), "{name:?}");
    }
    // Where the walk follows links, it reads the ignore files there.
    let follow = tree(&source, TreeOptions { links: Links::Follow, ..ignoring() });
    assert!(follow.leaves_out("link/f") && !follow.leaves_out("a/f"));
}

#[test]
fn a_folder_that_cannot_be_read_is_told_and_the_walk_goes_on() {
    let root = planted(&["a", "z"]);
    // A path longer than PATH_MAX (4096 bytes) cannot be opened by anyone: permissions do not stop root.
    let name = "n".repeat(250);
    let mut folder = File::open(root.path()).expect("it opens");
    for _ in 0..20 {
        mkdirat(&folder, &name, Mode::RWXU).expect("a folder");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        folder = openat(&folder, &name, flags, Mode::empty()).expect("it opens").into();
    }
    let all = found(&tree(root.path(), TreeOptions::default()));
    let [Found::Entry(_), Found::LeftOut { path, relative: Some(relative), why }, Found::Entry(_)] = &all[..] else {
        panic!("{all:?}")
    };
    assert!(matches!(why, Skipped::Unreadable(error) if error.kind() == io::ErrorKind::InvalidFilename), "{why:?}");
    assert_eq!(relative.len(), 17 * 251, "the first path of more than 4095 bytes");
    assert_eq!(*path, root.path().join(relative.trim_end_matches('/')));
}

#[test]
fn a_source_that_vanishes_is_unreadable_and_not_empty() {
    let root = planted(&["a"]);
    let tree = tree(root.path(), TreeOptions::default());
    std::fs::remove_dir_all(root.path()).expect("it is removed");
    let all = found(&tree);
    let [Found::LeftOut { path, relative: None, why: Skipped::Unreadable(_) }] = &all[..] else { panic!("{all:?}") };
    assert_eq!(path, root.path());
}

#[test]
fn a_source_that_is_no_folder_is_an_error() {
    let new = |path: &Path| LocalTree::new(path.to_owned(), TreeOptions::default()).map(|_| ()).map_err(|e| e.kind());
    let root = planted(&["file"]);
    symlink(root.path(), root.path().join("link")).expect("a link");
    assert_eq!(new(&root.path().join("none")), Err(io::ErrorKind::NotFound));
    assert_eq!(new(&root.path().join("file")), Err(io::ErrorKind::NotADirectory));
    assert_eq!(new(&root.path().join("link")), Ok(()));
}
