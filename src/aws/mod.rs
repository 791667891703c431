//! What all of Amazon's clients here share, whatever service they ask: whom they trust, and how long they try.
//!
//! It knows no service and sends nothing itself. Every configuration begins in `loader`.

mod reach;
mod trust;

use aws_config::{BehaviorVersion, ConfigLoader};

pub(crate) use reach::{Obstacle, Reach, obstacle};
pub use trust::BadBundle;
pub(crate) use trust::http_client;

/// A configuration that trusts whom the user says. Everything else is the SDK's default.
pub(crate) fn loader() -> Result<ConfigLoader, BadBundle> {
    let loader = aws_config::defaults(BehaviorVersion::latest());
    Ok(match http_client()? {
        Some(client) => loader.http_client(client),
        None => loader,
    })
}
