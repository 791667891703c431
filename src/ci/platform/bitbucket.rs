//! Bitbucket Pipelines: outputs as variables for later steps.

use std::path::PathBuf;

use super::system::{Output, Platform, Written, dotenv, in_variable, joined};
use crate::auth::{NoToken, TokenSource};
use crate::ci::environment::Environment;

/// A step of a pipeline.
pub(super) struct Bitbucket {
    job: String,
    identity: Result<TokenSource, NoToken>,
    output: Option<PathBuf>,
}

impl Bitbucket {
    pub(super) fn of(environment: &Environment) -> Self {
        Self {
            job: joined(environment, &["BITBUCKET_REPO_FULL_NAME", "BITBUCKET_BUILD_NUMBER"]),
            identity: in_variable(environment, &["BITBUCKET_STEP_OIDC_TOKEN"], NoToken::Bitbucket),
            output: environment.get("BITBUCKET_PIPELINES_VARIABLES_PATH").map(PathBuf::from),
        }
    }
}

impl Platform for Bitbucket {
    fn name(&self) -> &'static str {
        "Bitbucket Pipelines"
    }

    fn identity(&self) -> Result<TokenSource, NoToken> {
        self.identity.clone()
    }

    fn job(&self) -> String {
        self.job.clone()
    }

    fn outputs(&self, outputs: &[Output]) -> Option<Written> {
        Some(Written { path: self.output.clone()?, text: dotenv(outputs), append: true })
    }
}
