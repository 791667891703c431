//! No CI system that is known: `docker run` on any machine.

use super::system::Platform;
use crate::auth::{NoToken, TokenSource};

/// A container.
pub(super) struct Plain;

impl Platform for Plain {
    fn name(&self) -> &'static str {
        "container"
    }

    fn identity(&self) -> Result<TokenSource, NoToken> {
        Err(NoToken::Elsewhere)
    }

    fn job(&self) -> String {
        "container".to_owned()
    }
}
