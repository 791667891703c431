//! Where a run fetches files to, and how it writes them.

use std::sync::Arc;

use crate::store::Folder;

/// Where files are fetched to, and how they are written.
#[derive(Clone)]
pub(crate) struct Fetching {
    pub(crate) folder: Arc<dyn Folder>,
    /// Whether symbolic links are restored.
    pub(crate) links: bool,
    /// Whether runs of zeros become holes.
    pub(crate) sparse: bool,
}
