//! Rules and file lists against rsync itself: what it would transfer out of random trees is what they select.
//!
//! What rsync did with some hundred cases is recorded in `tests/filters/` and compared everywhere. Where rsync is installed,
//! new random cases are compared with it too; with `HUGESYNC_NEEDS_RSYNC` set, that it is missing is a failure.
//!
//! Linux only: what other systems have as `rsync` may be another program (macOS: openrsync).
//!
//! `PROPTEST_CASES=20000 cargo test --release --test filters_rsync` looks longer, `HUGESYNC_BLESS=1` records anew.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::Command;
use std::sync::LazyLock;

use hugesync::tree::{BadRule, FileList, Rules};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
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

/// Something to select by, as rsync is told and as we are.
#[derive(Debug, Clone)]
enum Given {
    /// Options; `contents` is a source with a slash.
    Options { contents: bool, rules: Vec<Rule> },
    /// Files of rules, each with what its lines do where they do not say.
    Files { contents: bool, files: Vec<(bool, Vec<u8>)> },
    /// A list of files, with rules to exclude by.
    List { entries: Vec<Vec<u8>>, nul_separated: bool, rules: Vec<Rule> },
}

/// A tree, and what is selected in it.
#[derive(Debug, Clone)]
struct Case {
    tree: Tree,
    given: Given,
}

/// What rsync made of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    code: i32,
    /// Paths below where the source was named, folders without their slash.
    transferred: BTreeSet<Vec<u8>>,
}

/// Whether rsync is here.
static RSYNC: LazyLock<bool> = LazyLock::new(|| {
    let found = Command::new("rsync").arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(
        found || std::env::var_os("HUGESYNC_NEEDS_RSYNC").is_none(),
        "HUGESYNC_NEEDS_RSYNC is set, and there is no rsync"
    );
    if !found {
        eprintln!("rsync is not installed: only its recorded outcomes are compared (tests/filters)");
    }
    found
});

/// What rsync would do, into an empty folder.
fn ask_rsync(Case { tree, given }: &Case) -> Outcome {
    let scratch = make(tree);
    let write = |name: &str, text: &[u8]| fs::write(scratch.path().join(name), text).expect("a file is written");
    let (source, options) = match given {
        Given::Options { contents, rules } => {
            let of = |rule: &Rule| option(if rule.include { "--include" } else { "--exclude" }, &rule.text);
            (*contents, rules.iter().map(of).collect())
        }
        Given::Files { contents, files } => {
            let of = |(number, (include, text)): (usize, &(bool, Vec<u8>))| {
                let name = format!("rules{number}");
                write(&name, text);
                option(if *include { "--include-from" } else { "--exclude-from" }, name.as_bytes())
            };
            (*contents, files.iter().enumerate().map(of).collect())
        }
        Given::List { entries, nul_separated, rules } => {
            write("list", &list_text(entries, *nul_separated));
            let lines: Vec<&[u8]> = rules.iter().map(|rule| rule.text.as_slice()).collect();
            write("rules", &lines.join(if *nul_separated { b"\0".as_slice() } else { b"\n" }));
            // rsync reads a file of rules where it meets the option: a `--from0` behind it would come too late.
            let mut options: Vec<OsString> = if *nul_separated { vec!["--from0".into()] } else { Vec::new() };
            options.extend([option("--files-from", b"list"), option("--exclude-from", b"rules")]);
            (true, options)
        }
    };
    let output = Command::new("rsync")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .current_dir(scratch.path())
        .args(["--dry-run", "--recursive", "--no-iconv", "--8-bit-output", "--out-format=%n"])
        .args(options)
        .args([if source { "a/" } else { "a" }, "to/"])
        .output()
        .expect("rsync runs");
    let lines = output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let paths = lines.map(|line| unescape(line.strip_suffix(b"/").unwrap_or(line))).filter(|path| path != b".");
    Outcome { code: output.status.code().unwrap_or(-1), transferred: paths.collect() }
}

/// Compares with what rsync made of it.
fn check(Case { tree, given }: &Case, outcome: &Outcome) {
    let mut rules = Rules::default();
    let mut result = Ok(());
    match given {
        Given::Options { contents, rules: given } => {
            for Rule { include, text } in given {
                let pattern = std::str::from_utf8(text).expect("UTF-8");
                result = result.and(if *include { rules.include(pattern) } else { rules.exclude(pattern) });
            }
            compare(tree, *contents, &rules, &result, outcome);
        }
        Given::Files { contents, files } => {
            for (include, text) in files {
                result = result.and(rules.add_file(text, *include));
            }
            compare(tree, *contents, &rules, &result, outcome);
        }
        Given::List { entries, nul_separated, rules } => compare_list(tree, entries, *nul_separated, rules, outcome),
    }
}

fn list_text(entries: &[Vec<u8>], nul_separated: bool) -> Vec<u8> {
    let end = if nul_separated { b"\0".as_slice() } else { b"\n" };
    [entries.join(end).as_slice(), end].concat()
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

/// Compares the walk, and the answers about each path by itself; rsync has to be of the same opinion about what is legal.
fn compare(tree: &Tree, contents: bool, rules: &Rules, result: &Result<(), BadRule>, outcome: &Outcome) {
    if let Err(error) = result {
        assert_eq!(outcome.code, 1, "{error}");
        return;
    }
    assert_eq!(outcome.code, 0);
    let tree = if contents { tree.clone() } else { below_source(tree) };
    assert_eq!(show(&walk(&tree, rules)), show(&outcome.transferred));
    for (path, is_dir) in &tree {
        let selected = rules.selects_with_parents(path, *is_dir);
        assert_eq!(selected, outcome.transferred.contains(path), "{}", path.escape_ascii());
    }
}

fn show(paths: &BTreeSet<Vec<u8>>) -> Vec<String> {
    paths.iter().map(|path| path.escape_ascii().to_string()).collect()
}

/// As many cases as PROPTEST_CASES says, or 120: nearly all the time is rsync's, which took some 100 ms a start on two
/// busy cores.
fn config() -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: 120, ..config } }
}

/// What random patterns come to too seldom.
fn rare() -> Vec<Case> {
    let folders = ["d", "d/e", "d/e/d"].map(|path| (path.as_bytes().to_vec(), true));
    let files = ["a", "b", "z", "ab", "d/a", "d/e/ab", "d/e/d/b", "]", "[a]", "a\\", "\\b", "-"];
    let tree: Tree = files.map(|path| (path.as_bytes().to_vec(), false)).into_iter().chain(folders).collect();
    let patterns = r"[a/b] /[a/b] **[a/b] d/[/a] d[/]a d**[/a] [z-a] [[:nope:]] [[:a] [[:alpha:]-z] [--z] []-z] a[\]
        *\ *\/ \b* a\ d/***/ *** d\/a* / // d//";
    let case = |pattern: &str| {
        let rules = vec![Rule { include: false, text: pattern.as_bytes().to_vec() }];
        Case { tree: tree.clone(), given: Given::Options { contents: true, rules } }
    };
    patterns.split_whitespace().map(case).collect()
}

fn cases_of_options() -> impl Strategy<Value = Case> {
    (tree(), any::<bool>(), utf8_rules())
        .prop_map(|(tree, contents, rules)| Case { tree, given: Given::Options { contents, rules } })
}

fn cases_of_files() -> impl Strategy<Value = Case> {
    let files = prop::collection::vec((any::<bool>(), rules(4)), 1..3);
    let noise = prop::collection::vec(one_of(b"||# x|;*|#||# !|;|!"), 4);
    let line_end = prop::sample::select(["\n", "\r\n", "\r", "\n\n"].as_slice());
    (tree(), any::<bool>(), files, noise, line_end, any::<bool>()).prop_map(
        |(tree, contents, files, noise, line_end, ended)| {
            let text = |(number, (include, lines)): (usize, &(bool, Vec<Rule>))| {
                let mut lines: Vec<&[u8]> = lines.iter().map(|rule| rule.text.as_slice()).collect();
                for (at, noise) in noise.iter().enumerate().skip(usize::from(number > 0)) {
                    lines.insert((at * 2).min(lines.len()), noise);
                }
                let mut text = lines.join(line_end.as_bytes());
                if ended {
                    text.extend_from_slice(line_end.as_bytes());
                }
                (*include, text)
            };
            let files = files.iter().enumerate().map(text).collect();
            Case { tree, given: Given::Files { contents, files } }
        },
    )
}

fn cases_of_lists() -> impl Strategy<Value = Case> {
    let picks = prop::collection::vec((any::<prop::sample::Index>(), decoration()), 0..5);
    let given = prop_oneof![Just(Vec::new()), rules(3)];
    (tree(), picks, any::<bool>(), given).prop_map(|(tree, picks, nul_separated, rules)| {
        let paths: Vec<Vec<u8>> = tree.keys().cloned().collect();
        let entries = picks.iter().map(|(at, decoration)| decoration.apply(&paths[at.index(paths.len())])).collect();
        Case { tree, given: Given::List { entries, nul_separated, rules } }
    })
}

/// What rsync did once, compared everywhere.
#[test]
fn recorded_outcomes_are_ours() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/filters/rsync.jsonl");
    if std::env::var_os("HUGESYNC_BLESS").is_some() && *RSYNC {
        fs::write(path, recording()).expect("the record is written");
    }
    let text = fs::read_to_string(path).expect("the record");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let version = lines.next().expect("a first line");
    assert!(version["rsync"].as_str().is_some_and(|version| version.starts_with("rsync  version 3.")), "{version}");
    let mut count = 0;
    for line in lines {
        let (case, outcome) = read_line(&line);
        let checked = std::panic::catch_unwind(|| check(&case, &outcome));
        assert!(checked.is_ok(), "{line}");
        count += 1;
    }
    assert!(count > 300, "only {count} cases");
}

/// The rare cases and a hundred random ones of each kind, with what rsync makes of them.
fn recording() -> String {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let mut cases = rare();
    for strategy in [cases_of_options().boxed(), cases_of_files().boxed(), cases_of_lists().boxed()] {
        cases.extend((0..100).map(|_| strategy.new_tree(&mut runner).expect("a case").current()));
    }
    let version = Command::new("rsync").arg("--version").output().expect("rsync runs").stdout;
    let version = String::from_utf8_lossy(&version).lines().next().unwrap_or_default().to_owned();
    let lines = cases.iter().map(|case| line(case, &ask_rsync(case)).to_string());
    [json!({ "rsync": version }).to_string()].into_iter().chain(lines).map(|line| line + "\n").collect()
}

/// Bytes as a text of as many characters: names are not always UTF-8.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &Value) -> Vec<u8> {
    text.as_str().expect("a text").chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
}

fn line(Case { tree, given }: &Case, outcome: &Outcome) -> Value {
    let rules = |rules: &[Rule]| rules.iter().map(|rule| json!([rule.include, text(&rule.text)])).collect::<Vec<_>>();
    let given = match given {
        Given::Options { contents, rules: given } => json!({ "options": rules(given), "contents": contents }),
        Given::Files { contents, files } => {
            let files: Vec<_> = files.iter().map(|(include, lines)| json!([include, text(lines)])).collect();
            json!({ "files": files, "contents": contents })
        }
        Given::List { entries, nul_separated, rules: given } => {
            let entries: Vec<_> = entries.iter().map(|entry| text(entry)).collect();
            json!({ "list": entries, "nul": nul_separated, "rules": rules(given) })
        }
    };
    let tree: Vec<_> = tree.iter().map(|(path, is_dir)| json!([text(path), is_dir])).collect();
    let transferred: Vec<_> = outcome.transferred.iter().map(|path| text(path)).collect();
    json!({ "tree": tree, "given": given, "code": outcome.code, "transferred": transferred })
}

fn read_line(line: &Value) -> (Case, Outcome) {
    let all = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let pair = |pair: &Value| (pair[0].as_bool().expect("a truth"), bytes(&pair[1]));
    let rules = |list: &Value| -> Vec<Rule> {
        all(list).iter().map(pair).map(|(include, text)| Rule { include, text }).collect()
    };
    let tree = all(&line["tree"]).iter().map(|pair| (bytes(&pair[0]), pair[1].as_bool().expect("a truth"))).collect();
    let given = &line["given"];
    let contents = given["contents"].as_bool().unwrap_or_default();
    let given = if given["options"].is_array() {
        Given::Options { contents, rules: rules(&given["options"]) }
    } else if given["files"].is_array() {
        Given::Files { contents, files: all(&given["files"]).iter().map(pair).collect() }
    } else {
        let nul_separated = given["nul"].as_bool().expect("a truth");
        Given::List {
            entries: all(&given["list"]).iter().map(bytes).collect(),
            nul_separated,
            rules: rules(&given["rules"]),
        }
    };
    let code = line["code"].as_i64().and_then(|code| i32::try_from(code).ok()).expect("a code");
    (Case { tree, given }, Outcome { code, transferred: all(&line["transferred"]).iter().map(bytes).collect() })
}

#[test]
fn rare_patterns_select_what_rsync_transfers() {
    for case in rare().iter().filter(|_| *RSYNC) {
        check(case, &ask_rsync(case));
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn options_select_what_rsync_transfers(case in cases_of_options()) {
        if *RSYNC {
            check(&case, &ask_rsync(&case));
        }
    }

    #[test]
    fn files_of_rules_select_what_rsync_transfers(case in cases_of_files()) {
        if *RSYNC {
            check(&case, &ask_rsync(&case));
        }
    }

    #[test]
    fn file_lists_name_what_rsync_transfers(case in cases_of_lists()) {
        if *RSYNC {
            check(&case, &ask_rsync(&case));
        }
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

/// Compares a list, under rules, with what rsync made of it.
fn compare_list(tree: &Tree, entries: &[Vec<u8>], nul_separated: bool, given: &[Rule], outcome: &Outcome) {
    let text = list_text(entries, nul_separated);
    let lines: Vec<&[u8]> = given.iter().map(|rule| rule.text.as_slice()).collect();
    let mut rules = Rules::default();
    if rules.add_file(&lines.join(b"\n".as_slice()), false).is_err() {
        return; // compared elsewhere
    }
    let list = FileList::parse(&text, nul_separated).expect("a list");

    let missing = list.paths().iter().any(|path| !path.is_empty() && !tree.contains_key(path));
    assert!(outcome.code == 0 || missing && outcome.code == 23, "{outcome:?}");
    let expected = &outcome.transferred;

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
    assert_eq!(files(&selected), files(expected), "list {}", text.escape_ascii());

    for (path, is_dir) in tree.iter().filter(|_| rules.is_empty()) {
        if !is_dir || !missing {
            let named = list.lists(path) || (*is_dir && list.leads_to(path));
            assert_eq!(named, expected.contains(path), "{} of list {}", path.escape_ascii(), text.escape_ascii());
        }
    }
}
