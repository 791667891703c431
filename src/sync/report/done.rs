//! What became of a file, before it is reported.

use super::file::{Action, Change, FileReport, Verification};

/// What became of a file.
#[derive(Debug)]
pub(crate) struct Done {
    action: Action,
    reason: String,
    verification: Verification,
    changes: Vec<Change>,
}

impl Done {
    pub(crate) fn new(action: Action, reason: impl Into<String>, verification: Verification) -> Self {
        Self { action, reason: reason.into(), verification, changes: Vec::new() }
    }

    /// It was left as it is.
    pub(crate) fn skipped(reason: impl Into<String>) -> Self {
        Self::new(Action::Skipped, reason, Verification::None)
    }

    /// Whether it was left as it is.
    pub(crate) fn is_skipped(&self) -> bool {
        self.action == Action::Skipped
    }

    /// Whether it was the same already.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.action == Action::Unchanged
    }

    /// The same for another reason.
    pub(crate) fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }

    /// The same, with what differed.
    pub(crate) fn with(self, changes: Vec<Change>) -> Self {
        Self { changes, ..self }
    }

    /// Writes it into a report.
    pub(crate) fn into_report(self, report: &mut FileReport) {
        report.action = self.action;
        report.reason = self.reason;
        report.changes = self.changes;
        report.verified_by(self.verification);
    }
}
