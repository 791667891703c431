//! What a run is about.

use std::sync::Arc;

use crate::store::Source;

/// What a run syncs, and where to.
pub struct Job {
    /// The files.
    pub source: Arc<dyn Source>,
    /// What every key starts with; a file's key is this and its relative name.
    pub prefix: String,
    /// The destination's URL, for the report.
    pub destination: String,
    /// Whether the source is a folder, so that the destination is listed.
    pub is_tree: bool,
}
