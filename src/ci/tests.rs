//! Names that would like to be commands, outputs or markup: nothing that is printed or written lets them.
//!
//! The runner's rules are told again here, from its source (`ProcessInvoker.cs`, `ActionCommand.cs`, `FileCommandManager.cs`),
//! and a summary is read by a Markdown parser that knows GitHub's extensions.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;

use super::environment::Environment;
use super::log::Log;
use super::outcome::{OUTPUTS, Outcome, Run};
use super::platform::{Level, detect};
use super::summary::page;
use super::watch::Watch;
use super::work;
use crate::human;
use crate::sync::{Action, ErrorReport, Event, FileId, FileReport, Observer as _, Verification};

/// What names are made of here.
const PIECES: [&str; 44] = [
    "##[add-mask]",
    "##[error]",
    "##[set-env name=A]",
    "::set-output name=x::",
    "::error::",
    "::add-mask::",
    "::stop-commands::x",
    "##vso[task.x]",
    "\n",
    "\r",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{1b}[0Ksection_end:1:x\r",
    "|",
    "`",
    "```",
    "\u{202e}",
    "\u{200b}",
    "\u{feff}",
    "[x](http://e.com)",
    "<img src=x onerror=y>",
    "</code>",
    "</details>",
    "<!--",
    "@user",
    "#12",
    "$x$",
    "\\",
    "\\|",
    "&#124;",
    "%0A",
    "%25",
    "www.e.com",
    "https://e.com",
    "a@b.com",
    "**",
    "_",
    "~~",
    "  ",
    "#",
    ":",
    "[",
    "é-日本",
];
/// The commands that the runner knows.
const COMMANDS: [&str; 14] = [
    "stop-commands",
    "set-env",
    "set-output",
    "save-state",
    "add-mask",
    "add-path",
    "add-matcher",
    "remove-matcher",
    "debug",
    "warning",
    "error",
    "notice",
    "group",
    "endgroup",
];

fn names() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..8);
    (pieces, ".{1,5}").prop_map(|(pieces, end)| pieces.concat() + &end)
}

/// Keeps what is printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no poison").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn report(name: &str, action: Action) -> FileReport {
    FileReport {
        path: name.to_owned(),
        key: name.to_owned(),
        action,
        reason: name.to_owned(),
        changes: Vec::new(),
        symlink: false,
        bytes_total: 10,
        bytes_uploaded: 4,
        bytes_downloaded: 0,
        bytes_uploaded_at_most: None,
        bytes_copied: 6,
        bytes_resumed: 0,
        bytes_sidecar_down: 0,
        bytes_sidecar_up: 0,
        verified: true,
        verification: Verification::Crc64nvme,
        warnings: Vec::new(),
        error: (action == Action::Failed)
            .then(|| ErrorReport { message: name.to_owned(), hint: Some(name.to_owned()) }),
        duration_seconds: 1.0,
    }
}

/// A job in which everything has this name, and what it printed.
fn job(name: &str) -> (Outcome, String) {
    let printed = Printed::default();
    let log = Log::to(detect(&Environment::of(&[("GITHUB_ACTIONS", "true")])), Box::new(printed.clone()));
    let watch = Watch::new(Arc::clone(&log), false, true);
    let group = log.group(name);
    for action in
        [Action::Uploaded, Action::Stitched, Action::Unchanged, Action::Deleted, Action::Failed, Action::Skipped]
    {
        watch.observe(&Event::FileFinished { file: FileId(0), report: &report(name, action) });
    }
    watch.observe(&Event::Warning { path: name, text: name });
    drop(group);
    log.line(name);
    log.annotate(Level::Error, name, name);
    log.annotate(Level::Warning, name, &format!("{name}\n{name}"));
    let run = Run {
        work: work::tests::named(name),
        destination: format!("s3://bucket/{name}"),
        seen: watch.seen(),
        summary: None,
        files: Vec::new(),
        error: Some(ErrorReport { message: name.to_owned(), hint: Some(format!("{name}\n{name}")) }),
    };
    let outcome = Outcome { runs: vec![run], warnings: vec![name.to_owned()], ..Outcome::default() };
    let text = String::from_utf8(printed.0.lock().expect("no poison").clone()).expect("UTF-8");
    (outcome, text)
}

/// The commands that the runner reads in a log, by their names.
fn commands(log: &str) -> Vec<String> {
    log.replace("\r\n", "\n").split(['\n', '\r']).filter_map(|line| second(line).or_else(|| first(line))).collect()
}

/// `::name properties::data`. Characters that .NET's comparison passes over are passed over.
fn second(line: &str) -> Option<String> {
    let line: String = line.chars().filter(|c| !human::is_ignorable(*c)).collect();
    let rest = line.trim_start().strip_prefix("::")?;
    let info = &rest[..rest.find("::")?];
    known(info.split(' ').next()?)
}

/// `##[name properties]data`, anywhere.
fn first(line: &str) -> Option<String> {
    let line: String = line.chars().filter(|c| !human::is_ignorable(*c)).collect();
    let rest = &line[line.find("##[")? + 3..];
    known(rest[..rest.find(']')?].split(' ').next()?)
}

fn known(name: &str) -> Option<String> {
    COMMANDS.iter().find(|known| known.eq_ignore_ascii_case(name)).map(|known| (*known).to_owned())
}

/// The pairs of an output file.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut lines = text.split('\n');
    let mut pairs = Vec::new();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        let end = heredoc.filter(|at| equals.is_none_or(|equals| *at < equals)).expect("a heredoc");
        let (key, delimiter) = (&line[..end], &line[end + 2..]);
        assert!(!key.is_empty() && !delimiter.is_empty(), "{line}");
        let mut value = Vec::new();
        loop {
            let line = lines.next().expect("the delimiter is found");
            if line == delimiter {
                break;
            }
            value.push(line);
        }
        pairs.push((key.to_owned(), value.join("\n")));
    }
    pairs
}

#[test]
fn the_rules_of_the_runner_are_told_right() {
    let log =
        "::group::a\n  ::ERROR title=x::y\nplain ##[add-mask]x\r##[nothing]x ##[error]y\n::nothing::x\n##[warning";
    assert_eq!(commands(log), ["group", "error", "add-mask"]);
    assert_eq!(pairs("a<<E\nb=c\n\nE\n\nd<<F\nF\n"), [("a".into(), "b=c\n".into()), ("d".into(), String::new())]);
}

proptest! {
    #[test]
    fn no_name_is_a_command(name in names()) {
        let (_, log) = job(&name);
        prop_assert_eq!(commands(&log), ["group", "endgroup", "error", "warning"], "{}", log);
    }

    #[test]
    fn no_name_is_an_output(name in names()) {
        let (outcome, _) = job(&name);
        let platform = detect(&Environment::of(&[("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", "/out")]));
        let written = platform.outputs(&outcome.outputs()).expect("a file");
        let read = pairs(&written.text);
        let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
        prop_assert_eq!(names, OUTPUTS);
        let value = |name: &str| read.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        prop_assert_eq!(value("destination"), Some(format!("s3://bucket/{name}")));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&value("json").expect("it is there")).is_ok());
        let lines = super::platform::dotenv(&outcome.outputs());
        prop_assert_eq!(lines.split('\n').count(), OUTPUTS.len() + 1, "{}", lines);
    }

    #[test]
    fn no_name_is_markup(name in names()) {
        let (outcome, _) = job(&name);
        let settings = [("source".to_owned(), name.clone())];
        let text = page(&outcome, &settings, 900 << 10);
        let arena = Arena::new();
        let mut options = Options::default();
        options.extension.table = true;
        options.extension.autolink = true;
        options.extension.strikethrough = true;
        options.extension.tasklist = true;
        options.extension.footnotes = true;
        options.extension.math_dollars = true;
        let root = parse_document(&arena, &text, &options);
        let (mut headings, mut cells) = (0, Vec::new());
        for node in root.descendants() {
            match &node.data().value {
                NodeValue::Heading(_) => headings += 1,
                NodeValue::TableRow(_) => cells.push(node.children().count()),
                NodeValue::HtmlInline(tag) => {
                    let ours = ["<code>", "</code>", "<b>", "</b>", "<br>", "<wbr>"];
                    prop_assert!(ours.contains(&tag.as_str()), "{tag} in\n{text}");
                }
                NodeValue::HtmlBlock(block) => {
                    let lines = block.literal.trim();
                    let ours = ["<details><summary>", "</details>"];
                    prop_assert!(ours.iter().any(|ours| lines.starts_with(ours)), "{lines} in\n{text}");
                    prop_assert!(lines.lines().count() <= 2, "{lines}");
                }
                NodeValue::Link(_)
                | NodeValue::Image(_)
                | NodeValue::Code(_)
                | NodeValue::Strikethrough
                | NodeValue::Emph
                | NodeValue::Math(_)
                | NodeValue::FootnoteReference(_)
                | NodeValue::BlockQuote
                | NodeValue::ThematicBreak => prop_assert!(false, "{:?} in\n{text}", node.data().value),
                _ => {}
            }
        }
        prop_assert_eq!(headings, 1, "{}", text);
        // Destinations, changed files, settings: a head and a row each, or two.
        prop_assert_eq!(cells, [6, 6, 5, 5, 5, 2, 2], "{}", text);
    }
}

#[test]
fn a_summary_never_grows_too_long() {
    let name = "|".repeat(1_000);
    let (outcome, _) = job(&name);
    let mut runs = outcome.runs;
    let many = runs.pop().expect("one");
    let runs = (0..40).map(|_| {
        let mut seen = many.seen.clone();
        seen.deleted.shown = vec![name.clone(); 200];
        seen.deleted.count = 1_000_000;
        seen.failures.shown = vec![(name.clone(), name.clone()); 200];
        seen.failures.count = 200;
        Run {
            work: work::tests::named(&name),
            destination: name.clone(),
            seen,
            summary: None,
            files: Vec::new(),
            error: None,
        }
    });
    let outcome = Outcome { runs: runs.collect(), ..Outcome::default() };
    for limit in [900 << 10, 10_000, 300, 0] {
        let text = page(&outcome, &[], limit);
        assert!(text.len() <= limit.max(300), "{} bytes of {limit}", text.len());
    }
    let text = page(&outcome, &[], 900 << 10);
    assert!(text.contains("more.") && text.contains("left out"), "{}", &text[text.len() - 300..]);
}
