//! GitLab CI: foldable sections, and outputs as a dotenv report.
//!
//! <https://docs.gitlab.com/ci/jobs/job_logs/>, <https://docs.gitlab.com/ci/variables/dotenv_variables/>

use std::path::PathBuf;

use super::system::{Output, Platform, Written, dotenv, in_variable, joined};
use crate::auth::{NoToken, TokenSource};
use crate::ci::environment::Environment;

/// Where the dotenv report is, unless `output-path` says otherwise.
const REPORT: &str = "hugesync.env";
/// The longest dotenv report that GitLab takes, in bytes.
const MAX_REPORT: usize = 5_119;
/// What GitLab's own documentation calls the variable of the identity token in its examples for AWS.
const TOKENS: [&str; 3] = ["AWS_OIDC_TOKEN", "GITLAB_OIDC_TOKEN", "MY_OIDC_TOKEN"];

/// A job.
pub(super) struct GitLab {
    job: String,
    identity: Result<TokenSource, NoToken>,
    debug: bool,
}

impl GitLab {
    pub(super) fn of(environment: &Environment) -> Self {
        Self {
            job: joined(environment, &["CI_PROJECT_PATH", "CI_JOB_ID"]),
            identity: in_variable(environment, &TOKENS, NoToken::GitLab),
            debug: environment.is_true("CI_DEBUG_TRACE"),
        }
    }
}

impl Platform for GitLab {
    fn name(&self) -> &'static str {
        "GitLab"
    }

    fn identity(&self) -> Result<TokenSource, NoToken> {
        self.identity.clone()
    }

    fn job(&self) -> String {
        self.job.clone()
    }

    fn group(&self, title: &str, number: u32, now: u64) -> String {
        format!("\u{1b}[0Ksection_start:{now}:hugesync_{number}[collapsed=true]\r\u{1b}[0K{title}")
    }

    fn end_group(&self, number: u32, now: u64) -> Option<String> {
        Some(format!("\u{1b}[0Ksection_end:{now}:hugesync_{number}\r\u{1b}[0K"))
    }

    fn outputs(&self, outputs: &[Output]) -> Option<Written> {
        // One line too many, and GitLab refuses the report as a whole: the longest outputs go first.
        let mut kept: Vec<Output> = outputs.to_vec();
        while dotenv(&kept).len() > MAX_REPORT {
            let longest = kept.iter_mut().max_by_key(|(_, value)| value.len())?;
            longest.1.clear();
        }
        Some(Written { path: PathBuf::from(REPORT), text: dotenv(&kept), append: false })
    }

    fn debug(&self) -> bool {
        self.debug
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_closed_by_their_names() {
        let gitlab = GitLab::of(&Environment::of(&[]));
        let (start, end) = (gitlab.group("Sync", 3, 17), gitlab.end_group(3, 18).expect("it has an end"));
        assert_eq!(start, "\u{1b}[0Ksection_start:17:hugesync_3[collapsed=true]\r\u{1b}[0KSync");
        assert_eq!(end, "\u{1b}[0Ksection_end:18:hugesync_3\r\u{1b}[0K");
    }

    #[test]
    fn a_report_that_is_too_long_loses_its_longest_output() {
        let gitlab = GitLab::of(&Environment::of(&[]));
        let outputs = [("result", "success".to_owned()), ("json", "x".repeat(6_000))];
        let written = gitlab.outputs(&outputs).expect("a file");
        assert_eq!(written.text, "HUGESYNC_OUT_RESULT=success\nHUGESYNC_OUT_JSON=\n");
        assert!(!written.append, "a line twice is confusing");
    }
}
