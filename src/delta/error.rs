//! Why a scan has no result.
//!
//! Errors of signatures are beside them.

use std::io;

use thiserror::Error;

/// Why a scan has no result.
#[derive(Debug, Error)]
pub enum ScanError {
    /// The new file could not be read, or is shorter than it was.
    #[error("reading at byte {offset} failed")]
    Read {
        /// Where in the file, in bytes.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The progress function asked to stop.
    #[error("cancelled")]
    Cancelled,
}
