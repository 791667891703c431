//! CircleCI: outputs as variables of the shell that later steps run in.

use std::path::PathBuf;

use super::system::{Output, Platform, Written, in_variable, joined, one_line, quoted, variable};
use crate::auth::{NoToken, TokenSource};
use crate::ci::environment::Environment;

/// A step of a job.
pub(super) struct CircleCi {
    job: String,
    identity: Result<TokenSource, NoToken>,
    shell: Option<PathBuf>,
}

impl CircleCi {
    pub(super) fn of(environment: &Environment) -> Self {
        let project = ["CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME", "CIRCLE_BUILD_NUM"];
        let tokens = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN"];
        Self {
            job: joined(environment, &project),
            identity: in_variable(environment, &tokens, NoToken::CircleCi),
            shell: environment.get("BASH_ENV").map(PathBuf::from),
        }
    }
}

impl Platform for CircleCi {
    fn name(&self) -> &'static str {
        "CircleCI"
    }

    fn identity(&self) -> Result<TokenSource, NoToken> {
        self.identity.clone()
    }

    fn job(&self) -> String {
        self.job.clone()
    }

    /// Every later step begins by reading this file as a script.
    fn outputs(&self, outputs: &[Output]) -> Option<Written> {
        let lines = outputs.iter().map(|(name, value)| {
            let value = quoted(&one_line(value));
            format!("export {}={value}\n", variable(name))
        });
        Some(Written { path: self.shell.clone()?, text: lines.collect(), append: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_run() {
        let circleci = CircleCi::of(&Environment::of(&[("BASH_ENV", "/env")]));
        let written = circleci.outputs(&[("destination", "s3://b/$(id)'`id`".to_owned())]).expect("a file");
        assert_eq!(written.text, "export HUGESYNC_OUT_DESTINATION='s3://b/$(id)'\\''`id`'\n");
    }
}
