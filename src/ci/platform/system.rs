//! What a CI system is to the rest: a trait, what it answers with, and what several systems share.

use std::path::PathBuf;

use crate::auth::{NoToken, Secret, TokenSource};
use crate::ci::environment::Environment;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ci) enum Level {
    /// Worth knowing.
    Warning,
    /// The job fails.
    Error,
}

/// An output of the job: its name in kebab case, and its value.
pub(in crate::ci) type Output = (&'static str, String);

/// Text for a file that the platform reads.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::ci) struct Written {
    /// The file.
    pub(in crate::ci) path: PathBuf,
    /// What goes into it.
    pub(in crate::ci) text: String,
    /// Whether what is in it stays.
    pub(in crate::ci) append: bool,
}

/// A CI system, and a job of it. What a system has no way for needs no answer.
pub(in crate::ci) trait Platform: Send + Sync {
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

/// A token that is in a variable already.
pub(super) fn in_variable(
    environment: &Environment,
    names: &[&str],
    otherwise: NoToken,
) -> Result<TokenSource, NoToken> {
    let found = names.iter().find_map(|name| Some((environment.get(name)?, *name)));
    let (token, name) = found.ok_or(otherwise)?;
    Ok(TokenSource::Fixed { token: Secret::new(token), variable: name.to_owned() })
}

/// The values of some variables, with hyphens between them: what a job is called.
pub(super) fn joined(environment: &Environment, names: &[&str]) -> String {
    names.iter().filter_map(|name| environment.get(name)).collect::<Vec<_>>().join("-")
}

/// The name of an output as a variable: `HUGESYNC_OUT_BYTES_UPLOADED`. It can be no setting's: GitLab puts variables of
/// earlier jobs before a job's own, so that one destination would become the next job's.
pub(super) fn variable(name: &str) -> String {
    format!("HUGESYNC_OUT_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// A value on one line.
pub(super) fn one_line(value: &str) -> String {
    value.split(['\n', '\r']).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Outputs as `NAME=VALUE` lines without any quotes, which is how GitLab reads them.
pub(in crate::ci) fn dotenv(outputs: &[Output]) -> String {
    outputs.iter().map(|(name, value)| format!("{}={}\n", variable(name), one_line(value))).collect()
}

/// A value in single quotes, as shells read it.
pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_lines() {
        let outputs = [("bytes-uploaded", "5".to_owned()), ("destination", "s3://a/\ns3://b/".to_owned())];
        assert_eq!(dotenv(&outputs), "HUGESYNC_OUT_BYTES_UPLOADED=5\nHUGESYNC_OUT_DESTINATION=s3://a/ s3://b/\n");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
