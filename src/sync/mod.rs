//! The engine: what a run decides, transfers, deletes and reports.
//!
//! It knows places by their traits alone, and it prints nothing: whoever watches implements [`Observer`].
//!
//! Rooms, from the bottom up; none imports one above it:
//! - `report/`: what a run tells while it goes on and at its end.
//! - `pace/`: how much is under way at once: requests, memory, open files, threads.
//! - `evidence/`: what proves that two files are equal, or where they are: sidecars, the index, sums, attributes.
//! - `put/`: one file into a store. `fetch/`: one file into a folder.
//! - `run/`: all files of a run: merge of two trees, deletes at the end.
//!
//! `context.rs` holds what the files of a run share, `task.rs` one file on its way.

mod context;
mod error;
mod evidence;
mod fetch;
mod options;
mod pace;
mod put;
mod report;
mod run;
mod task;

pub use error::{FileError, INTERRUPTED};
pub use options::{
    AttributeRules, Comparison, DEFAULT_MAX_DELETE_PERCENT, DeleteRules, MaxDelete, Missing, Preserve, SyncOptions,
    TransferRules,
};
pub use pace::Shares;
pub use report::{
    Action, Change, Direction, ErrorReport, Event, FileId, FileReport, JSON_VERSION, Observer, RunProgress, Stage,
    Summary, Verification,
};
pub use run::{Download, Job, Way, run};
