//! Woodpecker CI: settings of a plugin, and a log.
//!
//! It has no outputs, no summary and no identity tokens: `output-path` and `summary-path` write files for later steps.

use super::system::{Platform, joined};
use crate::auth::{NoToken, TokenSource};
use crate::ci::environment::Environment;

/// A step of a workflow.
pub(super) struct Woodpecker {
    job: String,
}

impl Woodpecker {
    pub(super) fn of(environment: &Environment) -> Self {
        Self { job: joined(environment, &["CI_REPO", "CI_PIPELINE_NUMBER"]) }
    }
}

impl Platform for Woodpecker {
    fn name(&self) -> &'static str {
        "Woodpecker"
    }

    fn identity(&self) -> Result<TokenSource, NoToken> {
        Err(NoToken::Elsewhere)
    }

    fn job(&self) -> String {
        self.job.clone()
    }
}
