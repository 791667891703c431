//! The CI systems: how each tells who it is, and its ways out: outputs, summary, foldable log, annotations, masks.
//!
//! A platform acts on nothing: it says which line to print or what to add to which file. `log.rs` prints, and makes what
//! it prints harmless before; `finish.rs` writes.

mod bitbucket;
mod circleci;
mod drone;
mod github;
mod gitlab;
mod plain;
mod woodpecker;

use std::path::PathBuf;

use super::environment::Environment;
use crate::auth::{NoToken, Secret, TokenSource};

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Worth knowing.
    Warning,
    /// The job fails.
    Error,
}

/// An output of the job: its name in kebab case, and its value.
pub(super) type Output = (&'static str, String);

/// Text for a file that the platform reads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// The file.
    pub(super) path: PathBuf,
    /// What goes into it.
    pub(super) text: String,
    /// Whether what is in it stays.
    pub(super) append: bool,
}

/// A CI system, and a job of it. What a system has no way for needs no answer.
pub(super) trait Platform: Send + Sync {
    /// Its name, for people.
    fn name(&self) -> &'static str;

    /// The token by which its jobs prove who they are, or why there is none.
    fn identity(&self) -> Result<TokenSource, NoToken>;

    /// Where a path is that the job names.
    fn path(&self, path: &str) -> String {
        path.to_owned()
    }

    /// What tells this job from others, for the name of its session in the cloud's records.
    fn job(&self) -> String;

    /// The line that begins a part of the log that can be folded. `number` is its own, `now` in seconds since 1970.
    fn group(&self, title: &str, _number: u32, _now: u64) -> String {
        format!("== {title}")
    }

    /// The line that ends it.
    fn end_group(&self, _number: u32, _now: u64) -> Option<String> {
        None
    }

    /// The line that shows a message beside the job's name. Message and title are harmless already.
    fn annotation(&self, _level: Level, _title: &str, _text: &str) -> Option<String> {
        None
    }

    /// The lines that make the system hide a secret wherever it would show up.
    fn mask(&self, _secret: &str) -> Vec<String> {
        Vec::new()
    }

    /// Where outputs go, and in which form.
    fn outputs(&self, _outputs: &[Output]) -> Option<Written> {
        None
    }

    /// The file that a summary in Markdown goes into.
    fn summary(&self) -> Option<PathBuf> {
        None
    }

    /// Whether the job wants to know what the program does in detail.
    fn debug(&self) -> bool {
        false
    }
}

/// The system that this process runs on.
pub(super) fn detect(environment: &Environment) -> Box<dyn Platform> {
    let is_set = |name| environment.get(name).is_some();
    if environment.is_true("GITHUB_ACTIONS") {
        Box::new(github::GitHub::of(environment))
    } else if environment.is_true("GITLAB_CI") {
        Box::new(gitlab::GitLab::of(environment))
    } else if environment.get("CI") == Some("woodpecker") || environment.get("CI_SYSTEM_NAME") == Some("woodpecker") {
        // Before Drone: it sets variables of Drone's too.
        Box::new(woodpecker::Woodpecker::of(environment))
    } else if is_set("DRONE") || is_set("DRONE_OUTPUT") || is_set("HARNESS_BUILD_ID") {
        Box::new(drone::Drone::of(environment))
    } else if is_set("BITBUCKET_BUILD_NUMBER") {
        Box::new(bitbucket::Bitbucket::of(environment))
    } else if environment.is_true("CIRCLECI") {
        Box::new(circleci::CircleCi::of(environment))
    } else {
        Box::new(plain::Plain)
    }
}

/// A token that is in a variable already.
fn in_variable(environment: &Environment, names: &[&str], otherwise: NoToken) -> Result<TokenSource, NoToken> {
    let found = names.iter().find_map(|name| Some((environment.get(name)?, *name)));
    let (token, name) = found.ok_or(otherwise)?;
    Ok(TokenSource::Fixed { token: Secret::new(token), variable: name.to_owned() })
}

/// The values of some variables, with hyphens between them: what a job is called.
fn joined(environment: &Environment, names: &[&str]) -> String {
    names.iter().filter_map(|name| environment.get(name)).collect::<Vec<_>>().join("-")
}

/// The name of an output as a variable: `HUGESYNC_OUT_BYTES_UPLOADED`. It can be no setting's: GitLab puts variables of
/// earlier jobs before a job's own, so that one destination would become the next job's.
fn variable(name: &str) -> String {
    format!("HUGESYNC_OUT_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// A value on one line.
fn one_line(value: &str) -> String {
    value.split(['\n', '\r']).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Outputs as `NAME=VALUE` lines without any quotes, which is how GitLab reads them.
pub(super) fn dotenv(outputs: &[Output]) -> String {
    outputs.iter().map(|(name, value)| format!("{}={}\n", variable(name), one_line(value))).collect()
}

/// A value in single quotes, as shells read it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_is_recognised() {
        for (variables, name) in [
            (&[("GITHUB_ACTIONS", "true"), ("CI", "true")][..], "GitHub Actions"),
            (&[("GITLAB_CI", "true"), ("CI", "true")], "GitLab"),
            (&[("CI", "woodpecker"), ("DRONE_BUILD_NUMBER", "1"), ("DRONE", "true")], "Woodpecker"),
            (&[("DRONE", "true"), ("CI", "true")], "Drone"),
            (&[("BITBUCKET_BUILD_NUMBER", "7"), ("CI", "true")], "Bitbucket Pipelines"),
            (&[("CIRCLECI", "true"), ("CI", "true")], "CircleCI"),
            (&[("CI", "true")], "container"),
            (&[("GITHUB_ACTIONS", "")], "container"),
        ] {
            assert_eq!(detect(&Environment::of(variables)).name(), name);
        }
    }

    #[test]
    fn outputs_are_lines() {
        let outputs = [("bytes-uploaded", "5".to_owned()), ("destination", "s3://a/\ns3://b/".to_owned())];
        assert_eq!(dotenv(&outputs), "HUGESYNC_OUT_BYTES_UPLOADED=5\nHUGESYNC_OUT_DESTINATION=s3://a/ s3://b/\n");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
