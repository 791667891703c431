//! Where identity tokens come from. Each time a role is assumed a token is got anew, since they live for minutes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::AuthError;
use super::token::Claims;
use super::{OnSecret, Secret, request};

/// The most that is read of a token's file, in bytes; a token has 20,000 at most.
const LONGEST_FILE: u64 = 64 << 10;

/// Where identity tokens come from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// GitHub's endpoint for a job's tokens, which makes a new one each time.
    GitHub {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
        url: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
        bearer: Secret,
        /// For whom tokens are made.
        audience: String,
    },
    /// A file that somebody else keeps fresh; it is read each time.
    File(PathBuf),
    /// A token that was made when the job began.
    Fixed {
        /// The token.
        token: Secret,
        /// The variable that it was in, for messages.
        variable: String,
    },
}

/// A token, and what it says of itself.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) token: Secret,
    pub(super) claims: Claims,
}

impl TokenSource {
    /// Gets a token. `backoff` is how long to wait after the first attempt that fails.
    pub(super) async fn fetch(&self, on_secret: &OnSecret, backoff: Duration) -> Result<Identity, AuthError> {
        let token = match self {
            Self::GitHub { url, bearer, audience } => {
                on_secret(bearer.reveal());
                request::fetch(url, bearer, audience, backoff).await?
            }
            Self::File(path) => {
                let text = read(path).map_err(|source| AuthError::TokenFile { path: path.clone(), source })?;
                Secret::new(text.trim())
            }
            Self::Fixed { token, .. } => Secret::new(token.reveal().trim()),
        };
        // An empty text would mask everything.
        if !token.reveal().is_empty() {
            on_secret(token.reveal());
        }
        match Claims::decode(token.reveal()) {
            Some(claims) => Ok(Identity { token, claims }),
            None => Err(AuthError::NotAToken(self.name())),
        }
    }

    /// Whether its tokens are made when they are asked for.
    pub(super) const fn is_fresh(&self) -> bool {
        matches!(self, Self::GitHub { .. })
    }

    fn name(&self) -> String {
        match self {
            Self::GitHub { .. } => "what GitHub's token endpoint answers".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Fixed { variable, .. } => variable.clone(),
        }
    }
}

/// Reads a small text. It takes microseconds, so that no thread is spent on it.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}
