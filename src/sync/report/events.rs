//! What a run tells whoever watches.

use super::file::FileReport;

/// A file of a run, for as long as the run lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

impl FileId {
    /// What is no file of the source: an object that is deleted, a name that is left out.
    pub const NONE: Self = Self(u64::MAX);
}

/// What is being done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its bytes are compared with what the store has.
    Comparing,
    /// Its bytes are uploaded, or copied by the store.
    Transferring,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The run begins.
    RunStarted,
    /// More files have been found that will be looked at.
    Found {
        /// How many.
        files: u64,
    },
    /// A file's turn has come, and it is not done at once.
    FileStarted {
        /// Which.
        file: FileId,
        /// Its path.
        path: &'a str,
        /// Its bytes.
        bytes: u64,
    },
    /// A stage of a file begins.
    StageStarted {
        /// Which file.
        file: FileId,
        /// Which stage.
        stage: Stage,
        /// The bytes that it goes through.
        bytes: u64,
    },
    /// A stage has moved on.
    Advanced {
        /// Which file.
        file: FileId,
        /// By how many bytes.
        bytes: u64,
    },
    /// Something that the user should know and that stops nothing.
    Warning {
        /// The file that it is about.
        path: &'a str,
        /// What.
        text: &'a str,
    },
    /// A file is done, or has failed; or an object was deleted.
    FileFinished {
        /// Which.
        file: FileId,
        /// What became of it.
        report: &'a FileReport,
    },
}

/// Whoever watches a run. Called from many threads.
pub trait Observer: Send + Sync {
    /// Takes note of an event; must not block.
    fn observe(&self, event: &Event<'_>);
}
