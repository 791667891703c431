//! Drone, and Harness, which has grown from it: outputs in the file that `DRONE_OUTPUT` names.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::system::{Output, Platform, Written, joined, variable};
use crate::auth::{NoToken, TokenSource};
use crate::ci::environment::Environment;

/// The longest value in bytes: Harness takes lines below 64 KiB, and base64 makes a third more of it.
const MAX_VALUE: usize = 45_000;

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
        let lines = outputs.iter().map(|(name, value)| format!("{}={}\n", variable(name), harness(value)));
        Some(Written { path: self.output.clone()?, text: lines.collect(), append: true })
    }
}

/// A value as Harness reads it (godotenv: `$NAME` and ` #` mean something, quotes too): bare where it can be, else in single
/// quotes, else in the base64 that it decodes. A longer line than it takes is left empty.
fn harness(value: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-+./:@%,=".contains(c);
    match value {
        value if value.len() > MAX_VALUE => String::new(),
        value if value.chars().all(is_bare) => value.to_owned(),
        value if !value.contains(['\'', '\n', '\r']) => format!("'{value}'"),
        value => format!("__B64__{}", STANDARD.encode(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_arrive_as_they_are() {
        for (value, written) in [
            ("12.5", "12.5"),
            ("s3://b/a/", "s3://b/a/"),
            ("s3://b/a #b/$HOME/", "'s3://b/a #b/$HOME/'"),
            (r#"{"a":1}"#, r#"'{"a":1}'"#),
            ("it's", "__B64__aXQncw=="),
            ("a\nb", "__B64__YQpi"),
        ] {
            assert_eq!(harness(value), written);
        }
        assert_eq!(harness(&"x".repeat(50_000)), "");
    }
}
