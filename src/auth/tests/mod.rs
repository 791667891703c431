//! The whole of `auth` against a server that answers from a script.

mod failures;
mod server;
mod session;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::sts::Pace;
use super::token::tests::token;
use super::*;
use server::Server;

/// What STS calls the account of these tests' role.
const ACCOUNT: &str = "123456789012";
/// GitHub's issuer.
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Waits that tests have time for.
const QUICK: Pace = Pace {
    denied: Duration::from_millis(10),
    trouble: Duration::from_millis(1),
    renewal: Duration::from_millis(200),
    expired: Duration::from_millis(200),
};

/// Claims as GitHub makes them, at a time that is so many seconds from now.
fn claims(iat: i64) -> Value {
    let now = i64::try_from(super::token::seconds(std::time::SystemTime::now())).expect("not that late");
    json!({
        "iss": ISSUER, "aud": "sts.amazonaws.com", "sub": "repo:acme/site:ref:refs/heads/main",
        "iat": now + iat, "nbf": now + iat - 300, "exp": now + iat + 300,
    })
}

/// GitHub's endpoint on the server.
fn github(server: &Server) -> TokenSource {
    TokenSource::GitHub {
        url: format!("{}/token?api-version=2.0", server.url()),
        bearer: Secret::new("request-token"),
        audience: "sts.amazonaws.com".to_owned(),
    }
}

/// A request to the server's STS.
fn request(server: &Server, by: Via) -> RoleRequest {
    RoleRequest {
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/deploy"),
        session_name: "hugesync-acme/site-42".to_owned(),
        duration_seconds: 3600,
        region: None,
        policy: None,
        external_id: None,
        allowed_accounts: Vec::new(),
        sts_endpoint: Some(server.url()),
        by,
    }
}

/// Keys that a user gives.
fn keys() -> Keys {
    Keys::Static {
        access_key_id: Secret::new("AKIAGIVEN"),
        secret_access_key: Secret::new("given-secret"),
        session_token: None,
    }
}

/// Secrets in the order in which they were told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn listener(&self) -> OnSecret {
        let told = Arc::clone(&self.0);
        Arc::new(move |secret| told.lock().expect("no poison").push(secret.to_owned()))
    }

    fn has(&self, secret: &str) -> bool {
        self.0.lock().expect("no poison").iter().any(|told| told == secret)
    }
}
