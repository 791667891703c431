//! How a run goes about its work.

use std::num::NonZeroUsize;

use crate::delta::BlockLen;

/// Choices of the user, all resolved.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Uploads under way at once.
    pub jobs: NonZeroUsize,
    /// Threads that hash and scan.
    pub threads: NonZeroUsize,
    /// Files of this many bytes and more get a sidecar and are stitched.
    pub delta_threshold: u64,
    /// The block length of new signatures; chosen from the file's length where there is none.
    pub block_len: Option<BlockLen>,
    /// Whether sidecars are read and written. Without them a changed file is uploaded whole.
    pub sidecars: bool,
    /// Whether a write by somebody else ends the file's sync instead of starting it anew.
    pub fail_on_conflict: bool,
    /// Whether to stop before anything is written.
    pub dry_run: bool,
    /// Whether mode, owner and times go into the object's metadata.
    pub archive: bool,
}
