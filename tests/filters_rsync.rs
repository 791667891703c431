//! Rules and file lists against rsync itself: what it would transfer out of random trees is what they select.
//!
//! Linux only: what other systems have as `rsync` may be another program (macOS: openrsync).
//!
//! `PROPTEST_CASES=20000 cargo test --release --test filters_rsync` looks longer.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;
use std::process::{Command, Output};

use hugesync::tree::{BadRule, FileList, Rules};
use proptest::prelude::*;
use tempfile::TempDir;

/// The folder that is transferred; a name that patterns often match.
const SOURCE: &str = "a";

/// Names of files and folders, with `|` between: ordinary ones, and all that means something in a pattern or a list.
const NAMES: &[u8] = b"a|b|c|ab|abc|B|a b| a|a |a.b|.a|-|[|]|[ab]|*|a*|\\|a\\b|?|!|#a|;|- a|+ a|\xc3\xa9|\xff";

/// Pieces of patterns beside the names, with `|` between.
const PIECES: &str = r"/|/|*|*|**|**|***|?|?|.|-|!|[|]|\|\*|\[|\?|\\|\a|\/";

/// Classes, with `|` between.
const CLASSES: &str = concat!(
    r"[ab]|[a-c]|[!a]|[^ab]|[]a]|[!]]|[a-]|[-a]|[b-a]|[a\-c]|[\]]|[\\]|[a/b]|[*?]|[**]|",
    "[[:alpha:]]|[![:upper:]]|[[:punct:] a]|[[:nope:]]|[[:alpha:]|[[:a]",
);

/// Paths and whether each is a folder; with every path, the folders above it.
type Tree = BTreeMap<Vec<u8>, bool>;

/// A rule as an option or a line has it.
#[derive(Debug, Clone)]
struct Rule {
    include: bool,
    text: Vec<u8>,
}

/// One of those with `|` between, each as likely.
fn one_of(all: &'static [u8]) -> impl Strategy<Value = Vec<u8>> + Clone {
    prop::sample::select(all.split(|&byte| byte == b'|').map(<[u8]>::to_vec).collect::<Vec<_>>())
}

fn name() -> impl Strategy<Value = Vec<u8>> + Clone {
    // The simple names more often, so that patterns match.
    prop_oneof![one_of(b"a|b|c|ab"), one_of(NAMES)]
}

fn tree() -> impl Strategy<Value = Tree> {
    let entry = (prop::collection::vec(name(), 1..5), prop::bool::weighted(0.2));
    prop::collection::vec(entry, 1..16).prop_map(|entries| {
        let mut tree = Tree::new();
        for (names, is_dir) in entries {
            for depth in 1..=names.len() {
                let path = names[..depth].join(&b'/');
                let is_dir = is_dir || depth < names.len();
                if !*tree.entry(path).or_insert(is_dir) {
                    break; // a file: nothing below it
                }
            }
        }
        tree
    })
}

fn class() -> impl Strategy<Value = Vec<u8>> + Clone {
    let any_bytes = prop::collection::vec(prop::sample::select(b"abcB-]![^:\\/ *\xff".as_slice()), 0..6)
        .prop_map(|inside| [b"[", inside.as_slice(), b"]"].concat());
    prop_oneof![2 => one_of(CLASSES.as_bytes()), 1 => any_bytes]
}

fn pattern() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![4 => name(), 4 => one_of(PIECES.as_bytes()), 2 => class()];
    let pieces = prop::collection::vec(piece.clone(), 0..5).prop_map(|pieces| pieces.concat());
    // Shaped as a path is, so that patterns with slashes match too.
    let component = prop_oneof![3 => name(), 1 => Just(b"*".to_vec()), 1 => Just(b"**".to_vec()), 2 => piece];
    let components = prop::collection::vec(component, 1..4).prop_map(|components| components.join(&b'/'));
    let start = prop_oneof![3 => Just(""), 1 => Just("/"), 1 => Just("**/"), 1 => Just("**")];
    let end = prop_oneof![4 => Just(""), 1 => Just("/"), 1 => Just("/*"), 1 => Just("/**"), 1 => Just("/***")];
    (start, prop_oneof![pieces, components], end)
        .prop_map(|(start, middle, end)| [start.as_bytes(), &middle, end.as_bytes()].concat())
}

fn rules(most: usize) -> impl Strategy<Value = Vec<Rule>> {
    let prefix = prop_oneof![8 => Just(""), 1 => Just("+ "), 1 => Just("- ")];
    let text = prop_oneof![
        20 => (prefix, pattern()).prop_map(|(prefix, pattern)| [prefix.as_bytes(), &pattern].concat()),
        1 => Just(b"!".to_vec()),
    ];
    let rule = (any::<bool>(), text).prop_map(|(include, text)| Rule { include, text });
    prop::collection::vec(rule, 0..=most)
}

/// Rules that options can carry: arguments of this program are UTF-8.
fn utf8_rules() -> impl Strategy<Value = Vec<Rule>> {
    rules(6).prop_map(|mut rules| {
        rules.retain(|rule| std::str::from_utf8(&rule.text).is_ok());
        rules
    })
}

fn make(tree: &Tree) -> TempDir {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let source = scratch.path().join(SOURCE);
    fs::create_dir(&source).expect("the source is made");
    for (path, is_dir) in tree {
        let path = source.join(OsStr::from_bytes(path));
        if *is_dir { fs::create_dir(path) } else { fs::write(path, b"") }.expect("a path of the tree is made");
    }
    scratch
}

/// What rsync would do in the scratch folder, into an empty folder.
fn rsync(scratch: &Path, options: &[OsString], source: &str) -> Output {
    Command::new("rsync")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .current_dir(scratch)
        .args(["--dry-run", "--recursive", "--no-iconv", "--8-bit-output", "--out-format=%n"])
        .args(options)
        .args([source, "to/"])
        .output()
        .expect("rsync runs (install rsync)")
}

/// The paths in rsync's output, folders without their slash.
fn transferred(output: &Output) -> BTreeSet<Vec<u8>> {
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| unescape(line.strip_suffix(b"/").unwrap_or(line))).filter(|path| path != b".").collect()
}

/// A name as it is, from rsync's output: it writes control bytes, and a backslash that looks like an escape, as
/// `\#ooo`.
fn unescape(mut text: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    while let Some((&byte, rest)) = text.split_first() {
        let octal = text
            .strip_prefix(br"\#")
            .and_then(|digits| digits.get(..3))
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) => {
                name.push(escaped);
                text = &text[5..];
            }
            None => {
                name.push(byte);
                text = rest;
            }
        }
    }
    name
}

fn option(name: &str, value: &[u8]) -> OsString {
    OsString::from_vec([name.as_bytes(), b"=", value].concat())
}

fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&byte| byte == b'/').map_or(b"", |slash| &path[..slash])
}

/// The tree with the source's own name before every path, as a source without a slash at the end is transferred.
fn below_source(tree: &Tree) -> Tree {
    let below = tree.iter().map(|(path, is_dir)| ([SOURCE.as_bytes(), b"/", path].concat(), *is_dir));
    below.chain([(SOURCE.as_bytes().to_vec(), true)]).collect()
}

/// What a walk selects that prunes folders.
fn walk(tree: &Tree, rules: &Rules) -> BTreeSet<Vec<u8>> {
    let mut selected = BTreeSet::from([Vec::new()]);
    for (path, is_dir) in tree {
        if selected.contains(parent(path)) && rules.selects(path, *is_dir) {
            selected.insert(path.clone());
        }
    }
    selected.remove(b"".as_slice());
    selected
}

/// Compares the walk, and the answers about each path by itself, with rsync; `contents` is a source with a slash.
fn compare(tree: &Tree, contents: bool, rules: &Rules, options: &[OsString]) {
    let scratch = make(tree);
    let (source, tree) = if contents { ("a/", tree.clone()) } else { ("a", below_source(tree)) };
    let output = rsync(scratch.path(), options, source);
    assert!(output.status.success(), "{output:?}");
    let expected = transferred(&output);
    assert_eq!(show(&walk(&tree, rules)), show(&expected), "source {source}, {options:?}");
    for (path, is_dir) in &tree {
        let selected = rules.selects_with_parents(path, *is_dir);
        assert_eq!(selected, expected.contains(path), "source {source}, {}, {options:?}", path.escape_ascii());
    }
}

fn show(paths: &BTreeSet<Vec<u8>>) -> Vec<String> {
    paths.iter().map(|path| path.escape_ascii().to_string()).collect()
}

/// Whether the rules are legal; rsync has to be of the same opinion.
fn accepted(result: &Result<(), BadRule>, options: &[OsString]) -> bool {
    if let Err(error) = result {
        let output = rsync(Path::new("/"), options, "dev/null");
        assert_eq!(output.status.code(), Some(1), "{error}, but {output:?}");
    }
    result.is_ok()
}

/// As many cases as PROPTEST_CASES says, or 120: nearly all the time is rsync's, which took some 100 ms a start on two
/// busy cores.
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: 120, ..config } }
}

/// What random patterns come to too seldom.
#[test]
fn rare_patterns_select_what_rsync_transfers() {
    let folders = ["d", "d/e", "d/e/d"].map(|path| (path.as_bytes().to_vec(), true));
    let files = ["a", "b", "z", "ab", "d/a", "d/e/ab", "d/e/d/b", "]", "[a]", "a\\", "\\b", "-"];
    let tree: Tree = files.map(|path| (path.as_bytes().to_vec(), false)).into_iter().chain(folders).collect();
    let patterns = r"[a/b] /[a/b] **[a/b] d/[/a] d[/]a d**[/a] [z-a] [[:nope:]] [[:a] [[:alpha:]-z] [--z] []-z] a[\]
        *\ *\/ \b* a\ d/***/ *** d\/a* / // d//";
    for pattern in patterns.split_whitespace() {
        let mut rules = Rules::default();
        rules.exclude(pattern).expect("a rule");
        compare(&tree, true, &rules, &[option("--exclude", pattern.as_bytes())]);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn options_select_what_rsync_transfers(tree in tree(), contents in any::<bool>(), given in utf8_rules()) {
        let mut rules = Rules::default();
        let mut options = Vec::new();
        let mut result = Ok(());
        for Rule { include, text } in &given {
            let pattern = std::str::from_utf8(text).expect("UTF-8");
            let added = if *include { rules.include(pattern) } else { rules.exclude(pattern) };
            result = result.and(added);
            options.push(option(if *include { "--include" } else { "--exclude" }, text));
        }
        if accepted(&result, &options) {
            compare(&tree, contents, &rules, &options);
        }
    }

    #[test]
    fn files_of_rules_select_what_rsync_transfers(
        tree in tree(),
        contents in any::<bool>(),
        files in prop::collection::vec((any::<bool>(), rules(4)), 1..3),
        noise in prop::collection::vec(one_of(b"||# x|;*|#||# !|;|!"), 4),
        line_end in prop::sample::select(["\n", "\r\n", "\r", "\n\n"].as_slice()),
        ended in any::<bool>(),
    ) {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let mut rules = Rules::default();
        let mut options = Vec::new();
        let mut result = Ok(());
        for (number, (include, lines)) in files.iter().enumerate() {
            let mut lines: Vec<&[u8]> = lines.iter().map(|rule| rule.text.as_slice()).collect();
            for (at, noise) in noise.iter().enumerate().skip(usize::from(number > 0)) {
                lines.insert((at * 2).min(lines.len()), noise);
            }
            let mut text = lines.join(line_end.as_bytes());
            if ended {
                text.extend_from_slice(line_end.as_bytes());
            }
            let file = scratch.path().join(number.to_string());
            fs::write(&file, &text).expect("the rules are written");
            result = result.and(rules.add_file(&text, *include));
            let name = if *include { "--include-from" } else { "--exclude-from" };
            options.push(option(name, file.as_os_str().as_bytes()));
        }
        if accepted(&result, &options) {
            compare(&tree, contents, &rules, &options);
        }
    }

    #[test]
    fn file_lists_name_what_rsync_transfers(
        tree in tree(),
        picks in prop::collection::vec((any::<prop::sample::Index>(), decoration()), 0..5),
        nul_separated in any::<bool>(),
        given in prop_oneof![Just(Vec::new()), rules(3)],
    ) {
        let paths: Vec<Vec<u8>> = tree.keys().cloned().collect();
        let entries = picks.iter().map(|(at, decoration)| decoration.apply(&paths[at.index(paths.len())]));
        compare_list(&tree, &entries.collect::<Vec<_>>(), nul_separated, &given);
    }
}

/// How a path of the tree is spelled in a list.
#[derive(Debug, Clone)]
struct Decoration {
    start: &'static str,
    slash: &'static str,
    end: &'static str,
}

impl Decoration {
    fn apply(&self, path: &[u8]) -> Vec<u8> {
        let names: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
        [self.start.as_bytes(), &names.join(self.slash.as_bytes()), self.end.as_bytes()].concat()
    }
}

fn decoration() -> impl Strategy<Value = Decoration> {
    const STARTS: &[&str] =
        &["", "/", "./", "//", "././", "/./", ".//.", "/.", "../", "/../", "nope/../", "a/../../", "#", ";"];
    const SLASHES: &[&str] = &["/", "//", "/b/../", "/nope/x/../../", "/../"];
    const ENDS: &[&str] = &["", "/", "//", "/.", "//.", "/..", "/../", "/b/..", "/b", "x", "/../b"];
    // Mostly as it is: most decorated paths are in no tree.
    let pick = |from| prop_oneof![1 => Just(""), 1 => prop::sample::select(from)];
    let slash = prop_oneof![2 => Just("/"), 1 => prop::sample::select(SLASHES)];
    (pick(STARTS), slash, pick(ENDS)).prop_map(|(start, slash, end)| Decoration { start, slash, end })
}

/// Compares a list, under rules, with rsync.
fn compare_list(tree: &Tree, entries: &[Vec<u8>], nul_separated: bool, given: &[Rule]) {
    let scratch = make(tree);
    let mut text = entries.join(if nul_separated { b"\0".as_slice() } else { b"\n" });
    text.push(if nul_separated { b'\0' } else { b'\n' });
    fs::write(scratch.path().join("list"), &text).expect("the list is written");
    let lines: Vec<&[u8]> = given.iter().map(|rule| rule.text.as_slice()).collect();
    let rule_text = lines.join(if nul_separated { b"\0".as_slice() } else { b"\n" });
    fs::write(scratch.path().join("rules"), &rule_text).expect("the rules are written");
    // rsync reads a file of rules where it meets the option: a `--from0` behind it would come too late.
    let mut options: Vec<OsString> = if nul_separated { vec!["--from0".into()] } else { Vec::new() };
    options.extend([option("--files-from", b"list"), option("--exclude-from", b"rules")]);
    let mut rules = Rules::default();
    if rules.add_file(&lines.join(b"\n".as_slice()), false).is_err() {
        return; // compared elsewhere
    }
    let list = FileList::parse(&text, nul_separated).expect("a list");

    let output = rsync(scratch.path(), &options, "a/");
    let missing = list.paths().iter().any(|path| !path.is_empty() && !tree.contains_key(path));
    assert!(output.status.success() || missing && output.status.code() == Some(23), "{output:?}");
    let expected = transferred(&output);

    // Rules are asked about what is listed and what is below it, not about the folders that lead there.
    let mut selected = BTreeSet::new();
    for listed in list.paths() {
        let is_dir = listed.is_empty() || tree.get(listed).copied().unwrap_or(false);
        if (listed.is_empty() || tree.contains_key(listed)) && rules.selects(listed, is_dir) {
            let mut folders = BTreeSet::from([listed.clone()]);
            for (path, is_dir) in tree.iter().filter(|(path, _)| *path != listed) {
                if folders.contains(parent(path)) && rules.selects(path, *is_dir) {
                    folders.insert(path.clone());
                }
            }
            selected.append(&mut folders);
        }
    }
    let files = |paths: &BTreeSet<Vec<u8>>| -> Vec<String> {
        show(&paths.iter().filter(|path| tree.get(*path) == Some(&false)).cloned().collect())
    };
    assert_eq!(files(&selected), files(&expected), "list {}, rules {}", text.escape_ascii(), rule_text.escape_ascii());

    for (path, is_dir) in tree.iter().filter(|_| rules.is_empty()) {
        if !is_dir || !missing {
            let named = list.lists(path) || (*is_dir && list.leads_to(path));
            assert_eq!(named, expected.contains(path), "{} of list {}", path.escape_ascii(), text.escape_ascii());
        }
    }
}
