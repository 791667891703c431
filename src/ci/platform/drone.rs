//! Drone, and Harness, which has grown from it: outputs in the file that `DRONE_OUTPUT` names.

use std::path::PathBuf;

use super::{Environment, NoToken, Output, Platform, TokenSource, Written, dotenv, joined};

/// A step of a pipeline.
pub(super) struct Drone {
    job: String,
    output: Option<PathBuf>,
}

impl Drone {
    pub(super) fn of(environment: &Environment) -> Self {
        let output = environment.get("DRONE_OUTPUT").or_else(|| environment.get("HARNESS_OUTPUT_FILE"));
        Self { job: joined(environment, &["DRONE_REPO", "DRONE_BUILD_NUMBER"]), output: output.map(PathBuf::from) }
    }
}

impl Platform for Drone {
    fn name(&self) -> &'static str {
        "Drone"
    }

    /// Harness hands its token over as a setting, `PLUGIN_OIDC_TOKEN_ID`; Drone has none.
    fn identity(&self) -> Result<TokenSource, NoToken> {
        Err(NoToken::Drone)
    }

    fn job(&self) -> String {
        self.job.clone()
    }

    fn outputs(&self, outputs: &[Output]) -> Option<Written> {
        Some(Written { path: self.output.clone()?, text: dotenv(outputs), append: true })
    }
}
