//! GitHub Actions, and what speaks its language (Gitea, Forgejo).
//!
//! Workflow commands: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>; how they are
//! really read is in the runner's source (`ActionCommand.cs`, `FileCommandManager.cs`).

use std::path::PathBuf;

use super::system::{Level, Output, Platform, Written, joined};
use crate::auth::{NoToken, Secret, TokenSource};
use crate::ci::environment::Environment;

/// The audience that AWS expects by default.
const AUDIENCE: &str = "sts.amazonaws.com";

/// A step of a job.
pub(super) struct GitHub {
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
    debug: bool,
    job: String,
    identity: Result<TokenSource, NoToken>,
    /// The workspace outside of the container, and inside.
    workspace: Option<(String, String)>,
}

impl GitHub {
    pub(super) fn of(environment: &Environment) -> Self {
        let path = |name| environment.get(name).map(PathBuf::from);
        Self {
            output: path("GITHUB_OUTPUT"),
            summary: path("GITHUB_STEP_SUMMARY"),
            debug: environment.get("RUNNER_DEBUG") == Some("1"),
            job: joined(environment, &["GITHUB_REPOSITORY", "GITHUB_RUN_ID"]),
            identity: identity(environment),
            workspace: workspace(environment),
        }
    }
}

/// Where the workspace is outside, and inside: the one variable that the runner does not translate tells.
fn workspace(environment: &Environment) -> Option<(String, String)> {
    let repository = environment.get("GITHUB_REPOSITORY")?.rsplit('/').next()?;
    let outside = format!("{}/{repository}", environment.get("RUNNER_WORKSPACE")?);
    Some((outside, environment.get("GITHUB_WORKSPACE")?.to_owned()))
}

/// Where the identity token is asked for, if the job may have one.
fn identity(environment: &Environment) -> Result<TokenSource, NoToken> {
    let url = environment.get("ACTIONS_ID_TOKEN_REQUEST_URL");
    let bearer = environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN");
    if let (Some(url), Some(bearer)) = (url, bearer) {
        let (url, bearer) = (url.to_owned(), Secret::new(bearer));
        return Ok(TokenSource::GitHub { url, bearer, audience: AUDIENCE.to_owned() });
    }
    Err(match environment.get("GITHUB_EVENT_NAME") {
        _ if environment.get("GITHUB_ACTOR") == Some("dependabot[bot]") => NoToken::Dependabot,
        // Not for `pull_request_target`, which runs with the repository's own rights.
        Some("pull_request" | "pull_request_review" | "pull_request_review_comment")
            if comes_from_a_fork(environment) =>
        {
            NoToken::GitHubFork
        }
        _ => NoToken::GitHubPermission,
    })
}

/// Whether the pull request's commits are in another repository: the event's own file says so.
fn comes_from_a_fork(environment: &Environment) -> bool {
    let event = environment.get("GITHUB_EVENT_PATH").and_then(|path| std::fs::read(path).ok());
    let event: Option<serde_json::Value> = event.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let repository = environment.get("GITHUB_REPOSITORY");
    event.is_some_and(|event| {
        let head = &event["pull_request"]["head"]["repo"];
        // A fork that was deleted is null.
        event["pull_request"]["head"].is_object() && head["full_name"].as_str() != repository
    })
}

/// A value of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

impl Platform for GitHub {
    fn name(&self) -> &'static str {
        "GitHub Actions"
    }

    fn identity(&self) -> Result<TokenSource, NoToken> {
        self.identity.clone()
    }

    /// The runner translates paths at the beginning of a value only, not in its other lines.
    fn path(&self, path: &str) -> String {
        let translated = self.workspace.as_ref().and_then(|(outside, inside)| {
            let below =
                path.strip_prefix(outside.as_str()).filter(|below| below.is_empty() || below.starts_with('/'))?;
            Some(format!("{inside}{below}"))
        });
        translated.unwrap_or_else(|| path.to_owned())
    }

    fn job(&self) -> String {
        self.job.clone()
    }

    fn group(&self, title: &str, _: u32, _: u64) -> String {
        format!("::group::{}", data(title))
    }

    fn end_group(&self, _: u32, _: u64) -> Option<String> {
        Some("::endgroup::".to_owned())
    }

    fn annotation(&self, level: Level, title: &str, text: &str) -> Option<String> {
        let command = match level {
            Level::Warning => "warning",
            Level::Error => "error",
        };
        Some(format!("::{command} title={}::{}", property(title), data(text)))
    }

    fn mask(&self, secret: &str) -> Vec<String> {
        // Line by line: the log is read so.
        let lines = secret.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| format!("::add-mask::{}", data(line))).collect()
    }

    fn outputs(&self, outputs: &[Output]) -> Option<Written> {
        let text = outputs.iter().map(|(name, value)| {
            // A value cannot end itself: the delimiter is not to be guessed.
            let end = format!("end-{:032x}", u128::from_le_bytes(random()));
            format!("{name}<<{end}\n{value}\n{end}\n")
        });
        Some(Written { path: self.output.clone()?, text: text.collect(), append: true })
    }

    fn summary(&self) -> Option<PathBuf> {
        self.summary.clone()
    }

    fn debug(&self) -> bool {
        self.debug
    }
}

/// Bytes that nobody can guess, from the keys of the standard library's hash tables.
fn random() -> [u8; 16] {
    use std::hash::{BuildHasher as _, RandomState};
    let [one, other] = [(); 2].map(|()| RandomState::new().hash_one(std::process::id()).to_le_bytes());
    std::array::from_fn(|at| if at < 8 { one[at] } else { other[at - 8] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_escaped() {
        let github = GitHub::of(&Environment::of(&[]));
        let line = github.annotation(Level::Error, "a: b, c", "50 %\nline").expect("it has annotations");
        assert_eq!(line, "::error title=a%3A b%2C c::50 %25%0Aline");
        assert_eq!(github.mask("a\n\n b%"), ["::add-mask::a", "::add-mask::b%25"]);
    }

    #[test]
    fn no_value_can_end_itself() {
        let github = GitHub::of(&Environment::of(&[("GITHUB_OUTPUT", "/out")]));
        let written = github.outputs(&[("json", "a\nb".to_owned()), ("result", String::new())]).expect("a file");
        let lines: Vec<&str> = written.text.lines().collect();
        let end = lines[0].strip_prefix("json<<").expect("a heredoc");
        assert!(end.len() == 36 && lines[1..4] == ["a", "b", end], "{lines:?}");
        assert!(!lines[4].ends_with(end), "each has its own");
        assert!(written.append && *written.path == *"/out");
    }

    #[test]
    fn paths_of_the_runner_are_those_of_the_container() {
        let github = GitHub::of(&Environment::of(&[
            ("GITHUB_REPOSITORY", "o/r"),
            ("RUNNER_WORKSPACE", "/home/runner/work/r"),
            ("GITHUB_WORKSPACE", "/github/workspace"),
        ]));
        for (path, inside) in [
            ("/home/runner/work/r/r/dist/", "/github/workspace/dist/"),
            ("/home/runner/work/r/r", "/github/workspace"),
            ("/home/runner/work/r/rest", "/home/runner/work/r/rest"),
            ("dist/", "dist/"),
        ] {
            assert_eq!(github.path(path), inside);
        }
    }

    #[test]
    fn why_there_is_no_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let event = folder.path().join("event.json");
        let path = event.to_str().expect("UTF-8");
        let why = |event_name: &str, text: &str, actor: &str| {
            std::fs::write(&event, text).expect("a file");
            let environment = Environment::of(&[
                ("GITHUB_EVENT_NAME", event_name),
                ("GITHUB_EVENT_PATH", path),
                ("GITHUB_REPOSITORY", "o/r"),
                ("GITHUB_ACTOR", actor),
            ]);
            identity(&environment).expect_err("no token")
        };
        let fork = r#"{"pull_request":{"head":{"repo":{"full_name":"x/r"}}}}"#;
        let own = r#"{"pull_request":{"head":{"repo":{"full_name":"o/r"}}}}"#;
        let gone = r#"{"pull_request":{"head":{"repo":null}}}"#;
        assert_eq!(why("pull_request", fork, "x"), NoToken::GitHubFork);
        assert_eq!(why("pull_request", gone, "x"), NoToken::GitHubFork);
        assert_eq!(why("pull_request", own, "x"), NoToken::GitHubPermission);
        assert_eq!(why("pull_request", own, "dependabot[bot]"), NoToken::Dependabot);
        assert_eq!(why("pull_request_target", fork, "x"), NoToken::GitHubPermission);
        assert_eq!(why("push", "{}", "x"), NoToken::GitHubPermission);
        assert_eq!(why("pull_request", "", "x"), NoToken::GitHubPermission);
    }
}
