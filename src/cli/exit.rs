//! The one place that knows exit codes, and how errors are printed.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::args::LogFormat;
use crate::sync::Summary;

/// Nothing of what was asked for was done.
pub(super) const FAILED: u8 = 1;
/// The arguments make no sense together.
pub(super) const USAGE: u8 = 2;
/// Some files were synced, some failed; or what was to be deleted was not.
pub(super) const SOME_FAILED: u8 = 3;
/// Stopped by a signal, as shells report SIGINT.
pub(super) const INTERRUPTED: u8 = 130;

/// What a finished run exits with.
pub(super) fn code_of(summary: &Summary) -> ExitCode {
    ExitCode::from(match summary {
        Summary { interrupted: true, .. } => INTERRUPTED,
        // Everything is there, and what should not be there too.
        Summary { files_failed: 0, error: None, delete_refused: Some(_), .. } => SOME_FAILED,
        Summary { files_failed: 0, error: None, .. } => 0,
        Summary { files_failed, files_skipped, files_total, files_deleted: 0, .. }
            if files_failed + files_skipped >= *files_total =>
        {
            FAILED
        }
        _ => SOME_FAILED,
    })
}

/// Prints an error, and what to do about it, to stderr.
pub(super) fn print_error(format: LogFormat, message: &str, hint: Option<&str>) {
    match format {
        LogFormat::Json => tracing::error!(hint, "{message}"),
        LogFormat::Text => {
            print_line(&format!("error: {message}"));
            if let Some(hint) = hint {
                print_line(&format!("hint: {hint}"));
            }
        }
    }
}

/// Prints a line to stderr. That nobody reads it any more (`2>&1 | head`) is no reason to stop.
pub(super) fn print_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints something that is worth knowing and no fault to stderr.
pub(super) fn print_note(format: LogFormat, text: &str) {
    match format {
        LogFormat::Json => tracing::warn!("{text}"),
        LogFormat::Text => print_line(&format!("note: {text}")),
    }
}
