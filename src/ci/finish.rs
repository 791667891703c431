//! The end of a job: the report, the outputs, the summary, and the last lines of the log.
//!
//! It comes on success and on failure, on a dry run and after a cancel.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::log::Log;
use super::outcome::Outcome;
use super::platform::{Level, Written, dotenv};
use super::settings::Settings;
use super::summary::{page, plain, told};
use crate::exit;
use crate::human;
use crate::sync::ErrorReport;

/// The longest summary in bytes: GitHub drops one above 1 MiB as a whole.
const MAX_SUMMARY: usize = 900 << 10;
/// How many of many lines an annotation shows.
const MAX_LINES: usize = 10;

/// Says how the job went, in all ways that there are. Returns its exit code.
pub(super) fn finish(log: &Log, settings: &Settings, mut outcome: Outcome) -> u8 {
    if let Some(path) = &settings.report_path.0 {
        match report(log, path, &outcome) {
            Ok(()) => outcome.report_path = Some(path.clone()),
            Err(error) => outcome.not_written(format!("cannot write the report {path}: {error}")),
        }
    }
    let mut failed = Vec::new();
    if let Err(error) = outputs(log, settings, &outcome) {
        failed.push(error);
    }
    if !settings.summary.is_off()
        && let Err(error) = summary(log, settings, &outcome)
    {
        failed.push(error);
    }
    problems(log, &outcome);
    failed.iter().for_each(|text| log.annotate(Level::Error, "hugesync", text));
    log.line(&told(&outcome, &outcome.totals()));
    match outcome.code() {
        // What was synced is there, but a later step will miss what it was to be told.
        0 if !failed.is_empty() => exit::FAILED,
        code => code,
    }
}

fn report(log: &Log, path: &str, outcome: &Outcome) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&outcome.json(true)).map_err(io::Error::other)?;
    write(&Written { path: path.into(), text: log.without_secrets(&text).into_owned(), append: false })
}

fn outputs(log: &Log, settings: &Settings, outcome: &Outcome) -> Result<(), String> {
    let outputs: Vec<_> =
        outcome.outputs().into_iter().map(|(name, value)| (name, log.without_secrets(&value).into_owned())).collect();
    let own = settings.output_path.0.as_ref();
    let to_file = own.map(|path| Written { path: path.into(), text: dotenv(&outputs), append: false });
    // A file of the system's own form stands where the job says.
    let by_platform = log.platform().outputs(&outputs).map(|written| match own {
        Some(path) if !written.append => Written { path: path.into(), ..written },
        _ => written,
    });
    let replaced = by_platform.as_ref().is_some_and(|written| !written.append);
    for written in to_file.into_iter().filter(|_| !replaced).chain(by_platform) {
        write(&written).map_err(|error| format!("cannot write the outputs {}: {error}", written.path.display()))?;
    }
    Ok(())
}

fn summary(log: &Log, settings: &Settings, outcome: &Outcome) -> Result<(), String> {
    let own = settings.summary_path.0.as_ref().map(|path| (path.into(), false));
    for (path, append) in own.into_iter().chain(log.platform().summary().map(|path| (path, true))) {
        let there = if append { fs::metadata(&path).map_or(0, |metadata| metadata.len()) } else { 0 };
        let room = MAX_SUMMARY.saturating_sub(usize::try_from(there).unwrap_or(MAX_SUMMARY));
        let text = page(outcome, &settings.shown(), room);
        // Names in it are written in numbers.
        let text = log.without_secrets_as(&text, |secret| plain(secret).into()).into_owned();
        let text = log.without_secrets(&text).into_owned();
        let written = Written { path, text, append };
        write(&written).map_err(|error| format!("cannot write the summary {}: {error}", written.path.display()))?;
    }
    Ok(())
}

/// Writes a file, and the folders that it lies in.
fn write(written: &Written) -> io::Result<()> {
    let Written { path, text, append } = written;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| folder.symlink_metadata().is_err()).collect();
    for folder in missing.into_iter().rev().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir(folder)?;
        give_away(folder);
    }
    let is_new = path.symlink_metadata().is_err();
    let mut file = if *append { File::options().create(true).append(true).open(path)? } else { File::create(path)? };
    file.write_all(text.as_bytes())?;
    if is_new {
        give_away(path);
    }
    Ok(())
}

/// Gives what is new to whoever owns the folder that it is in: what a container's root leaves in a workspace would be in
/// the way of the next job on a machine that is used again.
fn give_away(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(owner) = folder.metadata() {
        // Only root can give a file away, and only root has to.
        let _ = std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid()));
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
        if failures.count > 0 {
            let lines = failures.shown.iter().map(|(path, text)| format!("{path}: {text}"));
            let title = format!("hugesync: {} failed", human::files(failures.count));
            log.annotate(Level::Error, &title, &some(lines, failures.count));
        }
        let files = run.summary.iter().flat_map(|summary| &summary.files);
        let mut hints: Vec<&str> = files.filter_map(|file| file.error.as_ref()?.hint.as_deref()).collect();
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
