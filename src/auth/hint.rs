//! What to do about a failure, with what there is to paste.
//!
//! Hints name the settings of `hugesync ci`. Those for STS's answers are in `refusal.rs`.

use super::error::{AuthError, NoToken, Trouble};
use super::refusal::issuer_clock;

impl AuthError {
    /// What to do about it, possibly in several lines.
    pub fn hint(&self) -> Option<String> {
        of(self)
    }
}

fn of(error: &AuthError) -> Option<String> {
    Some(match error {
        AuthError::NoToken(why) => no_token(*why).to_owned(),
        AuthError::NoRoleArn(_) => "write it like arn:aws:iam::123456789012:role/NAME (role-to-assume)".to_owned(),
        AuthError::BadDuration(_) => {
            "correct role-duration-seconds: HugeSync renews a session in time, however long the upload".to_owned()
        }
        AuthError::BadPolicy(_) | AuthError::LongPolicy(_) => "correct or shorten inline-session-policy".to_owned(),
        AuthError::NoAccountId(_) => "correct allowed-account-ids".to_owned(),
        AuthError::AccountNotAllowed { .. } => {
            "nothing was written; use a role or keys of another account, or add this one to allowed-account-ids".to_owned()
        }
        AuthError::TokenFile { .. } => "check AWS_WEB_IDENTITY_TOKEN_FILE, and that the file is in the container".to_owned(),
        AuthError::NotAToken(_) => {
            "the token itself is wanted: oidc-token gives it, oidc-token-variable names its variable, \
             AWS_WEB_IDENTITY_TOKEN_FILE its file"
                .to_owned()
        }
        AuthError::TokenEndpoint { trouble, .. } => token_endpoint(trouble).to_owned(),
        AuthError::Refused { refusal, said, asked } => return refusal.hint(asked, said),
        AuthError::Unreachable { asked, .. } => {
            let hint = "check the network, the proxy settings (HTTPS_PROXY, NO_PROXY), aws-region and sts-endpoint-url";
            // A wrong clock makes certificates wrong too.
            issuer_clock(asked).map_or_else(|| hint.to_owned(), |clock| format!("{hint}\n{clock}"))
        }
        AuthError::NoKeys(_) => {
            "give keys (aws-access-key-id and aws-secret-access-key, or the AWS_* variables), or leave role-chaining out so \
             that the role is assumed with the job's identity token"
                .to_owned()
        }
        AuthError::NoCredentials => {
            "name a role (role-to-assume), or give keys (aws-access-key-id and aws-secret-access-key, or the AWS_* variables)"
                .to_owned()
        }
        AuthError::NoProfile(_) => {
            "nothing was sent; `aws configure list-profiles` lists them (~/.aws/config and ~/.aws/credentials, or what \
             AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name)"
                .to_owned()
        }
        AuthError::NoKeysInProfile(_) => {
            "nothing was sent; give it keys (`aws configure --profile NAME`), a role or a login, or name another profile; \
             keys in the environment are not used where a profile is named"
                .to_owned()
        }
        AuthError::Bundle(_) => "let it name a file of certificates in PEM, or unset it".to_owned(),
        AuthError::NotLoaded(_) => "check the profile, and the AWS_* variables and files".to_owned(),
        AuthError::TooSlow(_) => "check the network and the proxy settings".to_owned(),
    })
}

fn token_endpoint(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::NoUrl => "leave ACTIONS_ID_TOKEN_REQUEST_URL as GitHub sets it",
        Trouble::Status(401 | 403) => {
            "the job's right to ask for tokens has ended or was taken away: it ends with the job, and comes with \
             `permissions: id-token: write`; run the job again"
        }
        Trouble::Status(404) => {
            "leave ACTIONS_ID_TOKEN_REQUEST_URL as GitHub sets it; old Enterprise Servers have no tokens"
        }
        Trouble::Status(429 | 500..) => "GitHub has trouble (see githubstatus.com): run again later",
        Trouble::Status(_) | Trouble::NoToken => {
            "is a proxy between this machine and GitHub? Its host has to be let through (HTTPS_PROXY, NO_PROXY)"
        }
        Trouble::NoAnswer(_) => "check the network and the proxy settings (HTTPS_PROXY, NO_PROXY)",
    }
}

fn no_token(why: NoToken) -> &'static str {
    match why {
        NoToken::GitHubPermission => {
            "give the job these permissions (once any is named, all others are off; checkout needs contents):

permissions:
  id-token: write
  contents: read

In a reusable workflow, the job that calls it needs them too."
        }
        NoToken::GitHubFork => {
            "GitHub gives runs for pull requests from forks neither identity tokens nor secrets, whatever `permissions` say. \
Leave the step out for them, and upload after the merge:

if: github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository

Do not run a fork's code with pull_request_target to get around this: that gives it your credentials."
        }
        NoToken::Dependabot => {
            "GitHub treats runs that Dependabot starts like those of forks unless the job itself names what it needs. Name it:

permissions:
  id-token: write
  contents: read

or leave the step out for them, and upload after the merge:

if: github.event.pull_request.user.login != 'dependabot[bot]'"
        }
        NoToken::GitLab => {
            "let GitLab make a token, with the audience that the identity provider in IAM was made for, and say which \
variable it is in:

id_tokens:
  HUGESYNC_ID_TOKEN:
    aud: https://gitlab.com
variables:
  HUGESYNC_OIDC_TOKEN_VARIABLE: HUGESYNC_ID_TOKEN"
        }
        NoToken::Bitbucket => {
            "let Bitbucket make one (not for pull requests from forks):

- step:
    oidc: true"
        }
        NoToken::CircleCi => {
            "CircleCI sets it in every job but those for pull requests from forks; hand it to the container:

docker run --env CIRCLE_OIDC_TOKEN_V2 .."
        }
        NoToken::Drone => {
            "Harness can give plugins a token; Drone and Woodpecker have none. There, use keys:

settings:
  aws_access_key_id:
    from_secret: aws_access_key_id
  aws_secret_access_key:
    from_secret: aws_secret_access_key"
        }
        NoToken::Elsewhere => {
            "give the token (oidc-token), the name of its variable (oidc-token-variable) or its file \
(AWS_WEB_IDENTITY_TOKEN_FILE); or use keys, with role-chaining: true"
        }
    }
}
