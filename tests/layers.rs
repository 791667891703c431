//! The architecture as a test: which module may import which, read off the sources themselves.
//!
//! It finds every path in `src/`, in `use` trees and in the code, resolves `super`, and fails on an arrow that points up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a module may name.
struct Layer {
    module: &'static str,
    /// Modules of this crate, itself apart.
    may: &'static [&'static str],
    /// What it may not name in spite of that.
    but_not: &'static [&'static str],
    /// Other crates; `None` is any.
    crates: Option<&'static [&'static str]>,
}

/// From the bottom up; ARCHITECTURE.md says why.
const LAYERS: [Layer; 16] = [
    Layer { module: "delta", may: &[], but_not: IMPURE, crates: Some(&["blake3", "crc_fast", "thiserror"]) },
    Layer { module: "sidecar", may: &["delta"], but_not: IMPURE, crates: Some(&["blake3", "thiserror"]) },
    Layer { module: "stitch", may: &["delta"], but_not: IMPURE, crates: Some(&["thiserror"]) },
    Layer { module: "tree", may: &[], but_not: IMPURE, crates: Some(&["blake3", "regex", "thiserror"]) },
    Layer { module: "aws", may: &[], but_not: FRONT_END, crates: None },
    Layer {
        module: "store",
        may: &["aws", "stitch::PartLimits", "stitch::CostModel", "delta::ReadAt", "tree"],
        but_not: FRONT_END,
        crates: None,
    },
    Layer { module: "auth", may: &["aws"], but_not: &["std::env", "clap", "indicatif"], crates: None },
    Layer {
        module: "sync",
        may: &["delta", "sidecar", "stitch", "tree", "store"],
        but_not: &[
            "crate::store::s3",
            "crate::store::local",
            "aws_sdk_s3",
            "aws_config",
            "std::fs",
            "clap",
            "indicatif",
        ],
        crates: None,
    },
    Layer {
        module: "app",
        may: &["delta", "sidecar", "stitch", "tree", "store", "auth", "sync"],
        but_not: FRONT_END,
        crates: None,
    },
    Layer { module: "descriptors", may: &[], but_not: FRONT_END, crates: None },
    Layer { module: "exit", may: &["sync"], but_not: FRONT_END, crates: None },
    Layer { module: "human", may: &["sync"], but_not: &["clap"], crates: None },
    Layer { module: "signals", may: &[], but_not: FRONT_END, crates: None },
    Layer {
        module: "options",
        may: &[
            "app",
            "sync",
            "store::s3::S3Settings",
            "store::s3::Encryption",
            "store::s3::CustomerKey",
            "store::local::Links",
            "store::local::TreeOptions",
            "tree",
            "delta::BlockLen",
        ],
        but_not: &["indicatif", "std::env", "aws_sdk_s3", "aws_config"],
        crates: None,
    },
    Layer {
        module: "ci",
        may: &["app", "auth", "descriptors", "exit", "human", "options", "signals", "sync"],
        but_not: &["indicatif", "aws_sdk_s3", "aws_sdk_sts", "aws_config"],
        crates: None,
    },
    Layer {
        module: "cli",
        may: &["app", "ci::main", "descriptors", "exit", "human", "options", "signals", "sync"],
        but_not: &["aws_sdk_s3", "aws_config"],
        crates: None,
    },
];

/// The rooms of the engine, from the bottom up: none names one that stands behind it here.
const ROOMS: [&str; 9] = ["error", "options", "report", "pace", "evidence", "context", "task", "put", "fetch"];

/// What the pure modules never touch: files, the network, the environment, the clock, anything asynchronous.
const IMPURE: &[&str] =
    &["std::fs", "std::net", "std::env", "std::time", "std::process", "std::os", "tokio", "futures", "async", "await"];
/// Terminals and arguments are the front-ends' business.
const FRONT_END: &[&str] = &["clap", "indicatif"];
/// A file that may name more than its module: `sign` works without the engine.
const EXCEPTIONS: [(&str, &[&str]); 1] = [("cli/sign.rs", &["delta", "sidecar", "store::local"])];
/// Roots of paths that are no modules.
const BUILT_IN: [&str; 4] = ["std", "core", "alloc", "Self"];

#[test]
fn no_arrow_points_up() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 50, "only {} sources found", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let name = path.strip_prefix(&root).expect("below src").to_str().expect("UTF-8").to_owned();
        wrong.extend(offences(&name, &fs::read_to_string(&path).expect("a source")));
    }
    assert!(wrong.is_empty(), "{} imports point up:\n{}", wrong.len(), wrong.join("\n"));
}

/// Inside a module, too, files import one another in one direction only. A folder's `mod.rs` is documentation and re-exports.
#[test]
fn no_circle_comes_back() {
    let imports = imports();
    assert!(imports.len() > 100, "only {} files import others", imports.len());
    let circles = circles(&imports);
    assert!(circles.is_empty(), "{} circles of imports:\n{}", circles.len(), circles.join("\n"));
}

#[test]
fn circles_are_found() {
    let of = |all: &[(&str, &[&str])]| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        circles(&all.iter().map(|(file, others)| ((*file).to_owned(), owned(others))).collect())
    };
    assert_eq!(of(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])]), [""; 0]);
    assert_eq!(of(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]), ["a -> b -> c -> a"]);
}

/// The engine's rooms stand one upon the other.
#[test]
fn no_room_names_one_above_it() {
    let room = |file: &str| {
        let name = file.strip_prefix("sync/")?.split('/').next()?.trim_end_matches(".rs");
        Some(ROOMS.iter().position(|room| *room == name).unwrap_or(ROOMS.len()))
    };
    let mut wrong = Vec::new();
    for (file, others) in imports() {
        let Some(ours) = room(&file) else { continue };
        let up = others.iter().filter(|other| room(other).is_some_and(|theirs| theirs > ours));
        wrong.extend(up.map(|other| format!("{file} names {other}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files that each file imports from, tests apart; both below `src`.
fn imports() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let name = |path: &PathBuf| path.strip_prefix(&root).expect("below src").to_str().expect("UTF-8").to_owned();
    let by_module: BTreeMap<Vec<String>, String> =
        files.iter().map(name).map(|file| (modules_of(&file), file)).collect();
    let mut imports = BTreeMap::new();
    for (path, file) in files.iter().map(|path| (path, name(path))).filter(|(_, file)| !is_root(file)) {
        let text = fs::read_to_string(path).expect("a source");
        let modules = modules_of(&file);
        let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
        let mut others: Vec<String> = all_paths(&modules, &text)
            .into_iter()
            .filter(|(path, testing)| !testing && path[0] == "crate")
            .filter_map(|(path, _)| (1..=path.len()).rev().find_map(|end| by_module.get(&path[1..end])).cloned())
            .filter(|other| *other != file && !is_root(other))
            .collect();
        others.sort();
        others.dedup();
        imports.insert(file, others);
    }
    imports
}

/// Whether a file holds documentation and re-exports, so that everything may seem to hang on it.
fn is_root(file: &str) -> bool {
    file.ends_with("mod.rs") || file == "lib.rs" || file == "main.rs" || file.contains("tests")
}

fn modules_of(file: &str) -> Vec<String> {
    let mut modules: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if matches!(modules.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        modules.pop();
    }
    modules
}

/// The circles, each once and from its first file on: one for every file that leads back to itself by the shortest way.
fn circles(imports: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found: Vec<Vec<&str>> = Vec::new();
    for start in imports.keys() {
        let mut ways: Vec<Vec<&str>> = vec![vec![start]];
        let mut seen: Vec<&str> = Vec::new();
        while !ways.is_empty() && !found.iter().any(|circle| circle.contains(&start.as_str())) {
            let mut longer = Vec::new();
            for way in ways {
                for next in imports.get(way[way.len() - 1]).into_iter().flatten() {
                    if next == start {
                        found.push([&way[..], &[start]].concat());
                        longer.clear();
                        break;
                    }
                    if !seen.contains(&next.as_str()) {
                        seen.push(next);
                        longer.push([&way[..], &[next]].concat());
                    }
                }
            }
            ways = longer;
        }
    }
    found.into_iter().map(|circle| circle.join(" -> ")).collect()
}

/// The test tests itself: each of these is wrong, and is found.
#[test]
fn arrows_that_point_up_are_found() {
    for (file, text, offence) in [
        ("delta/scan.rs", "use crate::stitch::Plan;", "crate::stitch::Plan"),
        ("delta/scan.rs", "use super::super::store::Store;", "crate::store::Store"),
        ("delta/mod.rs", "fn f() { super::sync::run() }", "crate::sync::run"),
        ("delta/scan.rs", "use std::{io, fs::File};", "std::fs::File"),
        ("delta/scan.rs", "fn f() { std::time::Instant::now(); }", "std::time::Instant::now"),
        ("delta/scan.rs", "async fn f() {}", "async"),
        ("delta/scan.rs", "use rayon::prelude::*;", "rayon::prelude::*"),
        ("delta/scan.rs", "mod tests { use super::super::super::app; }", "crate::app"),
        ("sidecar/decode.rs", "use crate::{delta::BlockLen, store::ETag};", "crate::store::ETag"),
        ("stitch/plan.rs", "use crate::sidecar as s;", "crate::sidecar"),
        ("store/s3/mod.rs", "use crate::stitch::{PartLimits, plan};", "crate::stitch::plan"),
        ("store/mod.rs", "use crate::delta::scan;", "crate::delta::scan"),
        ("sync/run.rs", "use crate::store::{Store, s3::S3Store};", "crate::store::s3::S3Store"),
        ("sync/run.rs", "use crate::store::local;", "crate::store::local"),
        ("sync/run.rs", "use crate::app::sync;", "crate::app::sync"),
        ("auth/sts.rs", "use crate::store::s3::S3Settings;", "crate::store::s3::S3Settings"),
        ("auth/source.rs", "fn f() { std::env::var(\"CI\"); }", "std::env::var"),
        ("store/s3/client.rs", "use crate::auth::Session;", "crate::auth::Session"),
        ("app.rs", "use crate::cli::main;", "crate::cli::main"),
        ("cli/sync.rs", "use crate::store::s3::S3Store;", "crate::store::s3::S3Store"),
        ("cli/sync.rs", "use crate::ci::inputs;", "crate::ci::inputs"),
        ("ci/job.rs", "use crate::cli::main;", "crate::cli::main"),
        ("ci/job.rs", "use crate::store::s3::S3Settings;", "crate::store::s3::S3Settings"),
        ("options/request.rs", "use crate::ci::main;", "crate::ci::main"),
        ("cli/sync.rs", "use crate::store::local::LocalFile;", "crate::store::local::LocalFile"),
        ("newcomer/mod.rs", "", "newcomer"),
    ] {
        let found = offences(file, text);
        assert!(found.iter().any(|found| found.contains(&format!("names {offence} "))), "{file}: {text}: {found:?}");
    }
    for (file, text) in [
        ("delta/scan.rs", "// use crate::stitch\n/* tokio::spawn */ const T: &str = \"crate::store::S\";"),
        ("delta/scan.rs", "use std::{io, thread}; use super::block::BlockLen; use crate::delta::crc;"),
        ("delta/scan.rs", "mod tests { use super::*; use super::super::block; } fn f(a: u8) { a::<'_', u8>(b\"'\"); }"),
        ("sidecar/decode.rs", "use crate::delta::{self, BlockLen}; use std::fmt;"),
        (
            "store/s3/mod.rs",
            "use crate::stitch::{CostModel, PartLimits}; use crate::store::ETag; use aws_sdk_s3::Client;",
        ),
        ("cli/sign.rs", "use crate::store::local::LocalFile; use crate::sidecar::{self, Entry};"),
        ("stitch/plan.rs", "mod tests { use rand::Rng; use std::fs; use super::*; }"),
        ("stitch/mod.rs", "mod plan; pub use plan::{Part, Plan};"),
        ("main.rs", "fn main() { hugesync::cli::main() }"),
    ] {
        assert_eq!(offences(file, text), [""; 0], "{file}: {text}");
    }
}

/// Every path in the text of a file that its layer may not name.
fn offences(file: &str, text: &str) -> Vec<String> {
    let modules = modules_of(file);
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    let Some(&module) = modules.first() else {
        // The roots: `lib.rs` declares the modules, `main.rs` calls the command line.
        let names = paths(&modules, text).into_iter().filter(|path| path[0] == "hugesync" && path[1] != "cli");
        return names.map(|path| format!("{file} names {} and should call the cli only", path.join("::"))).collect();
    };
    let Some(layer) = LAYERS.iter().find(|layer| layer.module == module) else {
        return vec![format!("{file} names {module} a module, which has no layer yet: give it one")];
    };
    let exceptions = EXCEPTIONS.iter().filter(|(name, _)| *name == file).flat_map(|(_, may)| *may);
    let may: Vec<&str> = layer.may.iter().chain(exceptions).copied().chain([module]).collect();
    let allowed = |path: &[String]| {
        let text = path.join("::");
        if layer.but_not.iter().any(|banned| begins(&text, banned)) {
            return false;
        }
        match (text.strip_prefix("crate::"), layer.crates) {
            (Some(inside), _) => may.iter().any(|may| begins(inside, may)),
            (None, Some(crates)) => !is_crate(&path[0]) || crates.contains(&path[0].as_str()),
            (None, None) => true,
        }
    };
    let mut found: Vec<String> = paths(&modules, text)
        .into_iter()
        .filter(|path| !allowed(path))
        .map(|path| format!("{file} names {} and may not", path.join("::")))
        .collect();
    found.dedup();
    found
}

/// Whether a path is `prefix` or below it.
fn begins(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether the first name of a path in a `use` can only be another crate's: those of this one are resolved by then.
fn is_crate(name: &str) -> bool {
    !BUILT_IN.contains(&name) && name != "crate" && name.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Every path that a text names, those of this crate from `crate` on: all names of `use` trees, and elsewhere paths that
/// begin at a root that can be told (this crate, `std`, or a crate of [`LAYERS`]' lists), and the words of [`IMPURE`].
fn paths(file_modules: &[&str], text: &str) -> Vec<Vec<String>> {
    let found = all_paths(file_modules, text);
    // Unit tests may use what they like of other crates, and nothing of the layers above.
    found.into_iter().filter(|(path, testing)| !testing || path[0] == "crate").map(|(path, _)| path).collect()
}

/// The same, each with whether a unit test names it.
fn all_paths(file_modules: &[&str], text: &str) -> Vec<(Vec<String>, bool)> {
    let tokens = tokens(text);
    let mut modules: Vec<String> = file_modules.iter().map(|&name| name.to_owned()).collect();
    // Depths of braces at which inline modules end.
    let (mut depth, mut inline) = (0, Vec::new());
    let testing = |modules: &[String]| modules.iter().any(|name| name == "tests");
    let declared = |at: &usize| tokens[*at] == "mod" && tokens.get(at + 2).is_some_and(|token| token == ";");
    let children: Vec<String> = (0..tokens.len()).filter(declared).map(|at| tokens[at + 1].clone()).collect();
    let mut found: Vec<(Vec<String>, bool)> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    inline.pop();
                    modules.pop();
                }
            }
            "mod" if tokens.get(at + 2).is_some_and(|token| token == "{") => {
                modules.push(tokens[at + 1].clone());
                inline.push(depth);
                depth += 1;
                at += 2;
            }
            "use" => {
                let mut names = Vec::new();
                at = tree(&tokens, at + 1, &[], &mut names);
                // A `use` in a bound (`+ use<>`) names nothing.
                for path in names.into_iter().filter(|path| !path.is_empty()) {
                    // A module that this file declares.
                    let own = children.contains(&path[0]) && inline.is_empty();
                    let path = if own { [vec!["self".to_owned()], path].concat() } else { path };
                    found.push((resolved(&modules, path), testing(&modules)));
                }
                continue;
            }
            word if is_name(word) => {
                let mut path = vec![word.to_owned()];
                while tokens.get(at + 1).is_some_and(|token| token == "::")
                    && tokens.get(at + 2).is_some_and(|token| is_name(token))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                let root = ["crate", "super", "std", "hugesync"].contains(&path[0].as_str()) && path.len() > 1;
                if root || IMPURE.contains(&path[0].as_str()) {
                    found.push((resolved(&modules, path), testing(&modules)));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads a `use` tree from `at` on: each of its leaves with `prefix`. Returns where it ends.
fn tree(tokens: &[String], mut at: usize, prefix: &[String], names: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "::" => {}
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &path, names);
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => at += 1,
            "self" if !path.is_empty() => {}
            name if is_name(name) || name == "*" => path.push(name.to_owned()),
            _ => break,
        }
        at += 1;
    }
    names.push(path);
    at
}

/// A path from the crate's root on, where it begins with `self` or `super`.
fn resolved(modules: &[String], path: Vec<String>) -> Vec<String> {
    let supers = path.iter().take_while(|name| *name == "super").count();
    if supers == 0 && path[0] != "self" {
        return path;
    }
    let skip = supers.max(1);
    let base = modules.len().saturating_sub(supers);
    let from_root = [vec!["crate".to_owned()], modules[..base].to_vec(), path[skip..].to_vec()].concat();
    if from_root.len() == 1 { vec!["crate".to_owned(), "*".to_owned()] } else { from_root }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::` and single other characters; comments, strings and characters are left out.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let find = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        (from..chars.len()).find(|&at| chars[at..].starts_with(&end)).map_or(chars.len(), |at| at + end.len())
    };
    while at < chars.len() {
        let rest = &chars[at..];
        if rest.starts_with(&['/', '/']) {
            at = find(at, "\n");
        } else if rest.starts_with(&['/', '*']) {
            at = find(at, "*/");
        } else if rest.starts_with(&['r', '#', '"']) {
            at = find(at, "\"#");
        } else if rest[0] == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if rest.starts_with(&['\'', '\\']) {
            at = find(at + 3, "'");
        } else if rest.len() > 2 && rest[0] == '\'' && rest[2] == '\'' {
            at += 3;
        } else if rest.starts_with(&[':', ':']) {
            tokens.push("::".to_owned());
            at += 2;
        } else if rest[0].is_alphanumeric() || rest[0] == '_' {
            let len = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            tokens.push(rest[..len].iter().collect());
            at += len;
        } else {
            if !rest[0].is_whitespace() {
                tokens.push(rest[0].to_string());
            }
            at += 1;
        }
    }
    tokens
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
}
