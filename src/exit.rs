//! The one place that knows exit codes.

use crate::sync::Summary;

/// Nothing of what was asked for was done.
pub(crate) const FAILED: u8 = 1;
/// The arguments make no sense together.
pub(crate) const USAGE: u8 = 2;
/// Some files were synced, some failed; or what was to be deleted was not.
pub(crate) const SOME_FAILED: u8 = 3;
/// Stopped by a signal, as shells report SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// What a finished run exits with.
pub(crate) fn code_of(summary: &Summary) -> u8 {
    match summary {
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
    }
}
