//! Where a run fetches files to, and how it writes them.

use std::sync::Arc;

use crate::store::{Folder, Source};

/// Where files are fetched to, and how they are written.
#[derive(Clone)]
pub(crate) struct Fetching {
    pub(crate) folder: Arc<dyn Folder>,
    /// Where else old versions may lie: each is asked for the file of the same name.
    pub(crate) bases: Vec<Arc<dyn Source>>,
    /// Whether a file of a similar name beside a new one is looked at as its old version.
    pub(crate) fuzzy: bool,
    /// Whether symbolic links are restored.
    pub(crate) links: bool,
    /// Whether runs of zeros become holes.
    pub(crate) sparse: bool,
}
