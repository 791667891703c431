//! How many descriptors (files, folders, sockets) this process may have open: the limit is raised as far as that helps.
//!
//! How they are shared is the engine's matter (`sync/shares.rs`).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than any run uses. Not the hard limit, which may be a thousand million: children that close every descriptor there
/// may be would take minutes. And macOS refuses more than this (`OPEN_MAX`, setrlimit(2)).
const ENOUGH: u64 = 10_240;

/// Raises the soft limit of this process and returns what it may have open from now on.
pub(crate) fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    let limit = match current {
        Some(current) if current < wanted => {
            match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
                Ok(()) => wanted,
                Err(_) => current,
            }
        }
        Some(current) => current,
        None => ENOUGH,
    };
    tracing::debug!(limit, before = current, "open files");
    usize::try_from(limit).unwrap_or(usize::MAX)
}
