//! Why there are no credentials. What to do about it is in `hint.rs` and `refusal.rs`.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::refusal::{Asked, Refusal};
use super::token::shown;
use crate::aws::BadBundle;

/// Why there are no credentials. `Display` is the message, one line; [`hint`](Self::hint) says what to do.
#[derive(Debug, Error)]
pub enum AuthError {
    /// There is no identity token.
    #[error("there is no identity token: {0}")]
    NoToken(NoToken),
    /// What is named is no role.
    #[error("{0:?} is no ARN of a role")]
    NoRoleArn(String),
    /// The session would be too short or too long.
    #[error("a session lasts 900 to 43200 seconds, and {0} are asked for")]
    BadDuration(u32),
    /// The session policy is not JSON, or no object.
    #[error("the session policy is no JSON object: {0}")]
    BadPolicy(String),
    /// The session policy is too long.
    #[error("the session policy has {0} characters, and STS takes 2048")]
    LongPolicy(usize),
    /// What is named is no account.
    #[error("{0:?} is no account id: those have 12 digits")]
    NoAccountId(String),
    /// The credentials are, or would be, of another account than the ones that are allowed.
    #[error("the credentials are for account {account}, which is not one of the allowed ones ({})", .allowed.join(", "))]
    AccountNotAllowed {
        /// The account.
        account: String,
        /// The allowed ones.
        allowed: Vec<String>,
    },
    /// The file with the identity token cannot be read.
    #[error("cannot read the identity token in {}: {source}", .path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// What should be an identity token is none.
    #[error("{} is no identity token: a JWT has three parts with dots between them", shown(.0))]
    NotAToken(String),
    /// GitHub's endpoint gave no token.
    #[error("GitHub's token endpoint ({}) {trouble}", shown(.host))]
    TokenEndpoint {
        /// The host that was asked.
        host: String,
        /// What went wrong.
        trouble: Trouble,
    },
    /// STS has answered, and not with credentials.
    #[error("{}", .refusal.message(.asked, .said))]
    Refused {
        /// What the answer means.
        refusal: Refusal,
        /// The answer: a code and a text.
        said: String,
        /// What was asked.
        asked: Box<Asked>,
    },
    /// STS has not answered, or not in words that STS has.
    #[error("{} cannot be reached: {said}", .asked.place)]
    Unreachable {
        /// What happened instead.
        said: String,
        /// What was asked.
        asked: Box<Asked>,
    },
    /// There are no keys to ask with.
    #[error("no credentials were found to ask STS with ({0})")]
    NoKeys(String),
    /// Neither a role nor keys, and the machine has none.
    #[error("there are no credentials: neither a role nor keys are given, and this machine has none")]
    NoCredentials,
    /// The profile that the user names is not there.
    #[error("there is no profile {0:?} in the AWS configuration files")]
    NoProfile(String),
    /// The profile that the user names has no credentials; or there is not a single profile.
    #[error("the AWS configuration files hold no credentials for profile {0:?}")]
    NoKeysInProfile(String),
    /// The certificates to trust cannot be used.
    #[error(transparent)]
    Bundle(#[from] BadBundle),
    /// The SDK knows where credentials should be, and cannot get them.
    #[error("cannot load the credentials: {0}")]
    NotLoaded(String),
    /// It took too long.
    #[error("no new credentials within {0} s")]
    TooSlow(u64),
}

/// Why there is no identity token: the caller knows from the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoToken {
    /// A GitHub job without `id-token: write`.
    #[error("this job may not ask GitHub for one")]
    GitHubPermission,
    /// A pull request from a fork.
    #[error("GitHub gives none to pull requests from forks")]
    GitHubFork,
    /// A run that Dependabot has started.
    #[error("GitHub gives none to this run, which Dependabot has started")]
    Dependabot,
    /// GitLab makes those that the job names.
    #[error("this GitLab job has none, or does not say in which variable it is")]
    GitLab,
    /// Bitbucket makes one if the step says so.
    #[error("this Bitbucket step has no BITBUCKET_STEP_OIDC_TOKEN")]
    Bitbucket,
    /// CircleCI makes one for every job.
    #[error("this CircleCI job has no CIRCLE_OIDC_TOKEN_V2")]
    CircleCi,
    /// Harness gives one to plugins; Drone itself has none.
    #[error("this step has no PLUGIN_OIDC_TOKEN_ID")]
    Drone,
    /// Anything else.
    #[error("neither a token nor a file with one is named")]
    Elsewhere,
}

/// What went wrong with GitHub's token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Trouble {
    /// Its address is no URL.
    #[error("cannot be asked: ACTIONS_ID_TOKEN_REQUEST_URL is no http:// or https:// URL")]
    NoUrl,
    /// It refused, with this status.
    #[error("answers HTTP {0}")]
    Status(u16),
    /// It did not answer.
    #[error("cannot be reached: {0}")]
    NoAnswer(String),
    /// There is no token in its answer.
    #[error("answers without a token")]
    NoToken,
}

impl AuthError {
    /// The message.
    pub fn message(&self) -> String {
        self.to_string()
    }
}

/// An error and what lies beneath it in one line, each text once.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = shown(&error.to_string());
        if !texts.iter().any(|seen| seen.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}
