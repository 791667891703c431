//! Credentials: from a CI's identity token, or from keys, to the session of a role that renews itself.
//!
//! What runs where, and which token is meant, is for the front-ends to say: nothing here reads the environment (the SDK's
//! own chain of providers apart), and nothing is printed. Every secret is told to the caller before it is used, so that it
//! can be masked.
//!
//! [`Session::begin`] takes a [`RoleRequest`], gets an identity token ([`TokenSource`]) and asks STS for credentials. The
//! provider that S3 clients are given asks for new ones, with a new token, before the old ones run out. [`AuthError`] says
//! what went wrong and what to do about it, up to the trust policy to paste.

mod arn;
mod error;
mod hint;
mod kept;
mod keys;
mod refusal;
mod request;
mod role;
mod secret;
mod session;
mod source;
mod sts;
#[cfg(test)]
mod tests;
mod token;
mod trust;

pub use arn::RoleArn;
pub use error::{AuthError, NoToken, Trouble};
pub use keys::Keys;
pub use refusal::{Asked, Refusal};
pub use role::{RoleRequest, Via, check_account, safe_session_name};
pub use secret::Secret;
pub use session::Session;
pub use source::TokenSource;
pub use sts::account_of;
pub use token::Claims;
pub use trust::trust_policy;

use std::sync::Arc;

/// Called with every secret before it is used anywhere.
pub type OnSecret = Arc<dyn Fn(&str) + Send + Sync>;
