//! What a run is about.

use std::sync::Arc;

use crate::store::{Folder, ListEntry, Source};
use crate::sync::report::Direction;

/// What a run syncs, and where to.
pub struct Job {
    /// Which way.
    pub way: Way,
    /// What every key starts with; a file's key is this and its relative name.
    pub prefix: String,
    /// The destination as people write it, for the report.
    pub destination: String,
    /// Whether a folder is synced, so that the prefix is listed.
    pub is_tree: bool,
}

/// Which side is here.
pub enum Way {
    /// Files from here into the store.
    Up(Arc<dyn Source>),
    /// Objects of the store into a folder here.
    Down(Download),
}

/// What a download is about.
pub struct Download {
    /// Where to.
    pub folder: Arc<dyn Folder>,
    /// The only object, where a single one is fetched, and the name that it gets.
    pub single: Option<(ListEntry, String)>,
    /// Whether a list names what is fetched, so that what it names has to be there.
    pub is_listed: bool,
    /// Where else old versions may lie: each is asked for the file of the same name.
    pub bases: Vec<Arc<dyn Source>>,
    /// Whether a file of a similar name beside a new one is looked at as its old version.
    pub fuzzy: bool,
    /// Whether symbolic links are restored.
    pub links: bool,
    /// Whether runs of zeros become holes.
    pub sparse: bool,
}

impl Way {
    /// Its direction.
    pub(crate) fn direction(&self) -> Direction {
        match self {
            Self::Up(_) => Direction::Upload,
            Self::Down(_) => Direction::Download,
        }
    }

    /// The side that is here.
    pub(crate) fn here(&self) -> Arc<dyn Source> {
        match self {
            Self::Up(source) => Arc::clone(source),
            Self::Down(download) => Arc::clone(&download.folder) as Arc<dyn Source>,
        }
    }
}
