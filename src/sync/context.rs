//! What the files of a run share: both places, the user's choices, and the parts of the engine that keep count.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::evidence::index::Remembering;
use super::options::SyncOptions;
use super::pace::turns::Pace;
use super::report::reporter::Reporter;
use crate::store::{Source, Store};

/// What the files of a run share.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) options: SyncOptions,
    /// What every key starts with.
    pub(crate) prefix: String,
    /// What earlier runs have remembered of the objects below the prefix.
    pub(crate) index: Remembering,
    pub(crate) pace: Pace,
    pub(crate) reporter: Reporter,
    pub(crate) cancel: CancellationToken,
}
