//! How errors and notes are printed: on stderr, for people or as log lines.

use std::io::{self, Write as _};

use crate::options::LogFormat;

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
