//! The end of a job: the report, the outputs, the summary, and the last lines of the log.
//!
//! It comes on success and on failure, on a dry run and after a cancel.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::files;
use super::log::Log;
use super::outcome::Outcome;
use super::platform::{Level, Output, dotenv};
use super::settings::Settings;
use super::summary::{page, plain, told};
use crate::human;
use crate::sync::ErrorReport;

/// The longest summary in bytes: GitHub drops one above 1 MiB as a whole.
const MAX_SUMMARY: usize = 900 << 10;
/// How many of many lines an annotation shows.
const MAX_LINES: usize = 10;

/// The files that the job names, open before anything is said of how it went: that one cannot be written belongs to that.
#[derive(Default)]
struct Own {
    report: Option<File>,
    outputs: Option<File>,
    summary: Option<File>,
}

/// Says how the job went, in all ways that there are. Returns its exit code.
pub(super) fn finish(log: &Log, settings: &Settings, mut outcome: Outcome) -> u8 {
    let mut own = open(log, settings, &mut outcome);
    let outputs = hidden(log, outcome.outputs());
    let by_platform = log.platform().outputs(&outputs);
    if let Some(written) = by_platform.as_ref().filter(|written| written.append) {
        let done = append(&written.path, &written.text);
        outcome.unless_written(done, "outputs", &written.path);
    }
    if let Some(mut file) = own.outputs.take() {
        // GitLab's own form, or that of all others.
        let text = by_platform.filter(|written| !written.append).map_or_else(|| dotenv(&outputs), |own| own.text);
        let path = settings.output_path.0.as_deref().unwrap_or_default();
        outcome.unless_written(file.write_all(text.as_bytes()), "outputs", Path::new(path));
    }
    summaries(log, settings, own.summary.take(), &mut outcome);
    if let Some(file) = own.report.take() {
        let path = settings.report_path.0.as_deref().unwrap_or_default();
        let done = report(log, file, &outcome);
        outcome.unless_written(done, "report", Path::new(path));
    }
    problems(log, &outcome);
    log.line(&told(&outcome, &outcome.totals()));
    outcome.code()
}

/// Opens what the job names, and GitLab's report of outputs, which is one of ours too.
fn open(log: &Log, settings: &Settings, outcome: &mut Outcome) -> Own {
    let mut open = |path: Option<&Path>, what: &str| {
        let path = path?;
        files::create(path).inspect_err(|error| outcome.not_written(what, path, error)).ok()
    };
    let usual = log.platform().outputs(&[]).filter(|written| !written.append).map(|written| written.path);
    let outputs = settings.output_path.0.as_ref().map(PathBuf::from).or(usual);
    let own = Own {
        report: open(settings.report_path.0.as_ref().map(Path::new), "report"),
        outputs: open(outputs.as_deref(), "outputs"),
        summary: open(settings.summary_path.0.as_ref().map(Path::new), "summary"),
    };
    if own.report.is_some() {
        outcome.report_path.clone_from(&settings.report_path.0);
    }
    own
}

fn hidden(log: &Log, outputs: Vec<Output>) -> Vec<Output> {
    outputs.into_iter().map(|(name, value)| (name, log.without_secrets(&value).into_owned())).collect()
}

/// Adds to a file that the CI system has made.
fn append(path: &Path, text: &str) -> io::Result<()> {
    File::options().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

fn summaries(log: &Log, settings: &Settings, own: Option<File>, outcome: &mut Outcome) {
    let text = |outcome: &Outcome, room| {
        let text = page(outcome, &settings.shown(), room);
        // Names in it are written in numbers.
        let text = log.without_secrets_as(&text, |secret| plain(secret).into()).into_owned();
        log.without_secrets(&text).into_owned()
    };
    if let Some(mut file) = own {
        let done = file.write_all(text(outcome, MAX_SUMMARY).as_bytes());
        let path = settings.summary_path.0.as_deref().unwrap_or_default();
        outcome.unless_written(done, "summary", Path::new(path));
    }
    if let Some(path) = log.platform().summary().filter(|_| !settings.summary.is_off()) {
        let there = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let room = MAX_SUMMARY.saturating_sub(usize::try_from(there).unwrap_or(MAX_SUMMARY));
        let done = append(&path, &text(outcome, room));
        outcome.unless_written(done, "summary", &path);
    }
}

/// Writes everything that is known of every file. It comes last: of a large tree it takes a while.
fn report(log: &Log, file: File, outcome: &Outcome) -> io::Result<()> {
    let mut lines = WithoutSecrets { log, out: BufWriter::new(file), line: Vec::new() };
    serde_json::to_writer_pretty(&mut lines, &outcome.report())?;
    lines.flush()
}

/// Writes line by line, without secrets.
struct WithoutSecrets<'a> {
    log: &'a Log,
    out: BufWriter<File>,
    line: Vec<u8>,
}

impl WithoutSecrets<'_> {
    fn pass_on(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        self.out.write_all(self.log.without_secrets(&String::from_utf8_lossy(&line)).as_bytes())
    }
}

impl io::Write for WithoutSecrets<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if bytes.contains(&b'\n') {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

/// What went wrong, and what is worth knowing, where people look first.
fn problems(log: &Log, outcome: &Outcome) {
    for run in &outcome.runs {
        let warnings = &run.seen.warnings;
        if warnings.count > 0 {
            let lines = warnings.shown.iter().map(|(path, text)| format!("{path}: {text}"));
            let title = format!("hugesync: {}", human::count(warnings.count, "warning"));
            log.annotate(Level::Warning, &title, &some(lines, warnings.count));
        }
        let failures = &run.seen.failures;
        if failures.count > 0 && outcome.interrupted {
            log.line(&format!("{} not finished; the next run goes on with them", human::files(failures.count)));
        } else if failures.count > 0 {
            let lines = failures.shown.iter().map(|(path, text)| format!("{path}: {text}"));
            let title = format!("hugesync: {} failed", human::files(failures.count));
            log.annotate(Level::Error, &title, &some(lines, failures.count));
        }
        let mut hints: Vec<&str> = run.files.iter().filter_map(|file| file.error.as_ref()?.hint.as_deref()).collect();
        hints.sort_unstable();
        hints.dedup();
        hints.into_iter().take(MAX_LINES).for_each(|hint| log.line(&format!("hint: {hint}")));
        let summary = run.summary.as_ref();
        let errors = summary.into_iter().flat_map(|summary| [&summary.error, &summary.delete_refused]);
        errors.flatten().chain(&run.error).for_each(|error| problem(log, error));
    }
    outcome.error.iter().for_each(|error| problem(log, error));
}

fn problem(log: &Log, error: &ErrorReport) {
    let hint = error.hint.as_deref().unwrap_or_default();
    // An annotation is a line or two; what is to be pasted stands in the log and in the summary.
    let first = hint.lines().next().map_or(String::new(), |line| format!("\n{line}"));
    log.annotate(Level::Error, "hugesync", &format!("{}{first}", error.message));
    let rest: Vec<&str> = hint.lines().skip(1).collect();
    if !rest.is_empty() {
        log.line(&rest.join("\n"));
    }
}

/// The first of some lines, each made one line, and how many more there are.
fn some(lines: impl Iterator<Item = String>, count: u64) -> String {
    let mut shown: Vec<String> = lines.take(MAX_LINES).map(|line| human::name(&line).into_owned()).collect();
    let more = count - shown.len() as u64;
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join("\n")
}
