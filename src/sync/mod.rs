//! The engine: what a run decides, transfers, deletes and reports.
//!
//! It knows stores and sources by their traits alone, and it prints nothing: whoever watches implements [`Observer`].
//!
//! A tree goes through `run.rs`: `merge.rs` brings the walk of the source and the `listing/` of the destination together in
//! the order of names, `examine.rs` looks at each file once and `remember.rs` keeps what was found out for the next run;
//! `deletes.rs` gathers what only the destination has and comes last.
//!
//! One file goes through `file.rs` (which of the ways below), `compare.rs` (what does the store have?), `decide.rs` (pure:
//! what follows from that), `work.rs` (the plan; a dry run reports from it by `foresee.rs` and ends), `transfer.rs` (parts, side
//! by side), `complete.rs` (the moment when the new object stands) and `sidecars.rs` (reading and writing `.hssig` objects
//! around it). `small.rs` is the way of files below the threshold.

mod attributes;
mod backup;
mod compare;
mod complete;
mod context;
mod decide;
mod deletes;
mod error;
mod events;
mod examine;
mod file;
mod foresee;
mod gate;
mod large;
mod listing;
mod merge;
mod options;
mod pool;
mod progress;
mod reading;
mod remember;
mod report;
mod resume;
mod run;
mod shares;
mod sidecars;
mod small;
mod transfer;
mod values;
mod work;

pub use error::{FileError, INTERRUPTED};
pub use events::{Event, FileId, Observer, Stage};
pub use options::{
    AttributeRules, Comparison, DEFAULT_MAX_DELETE_PERCENT, DeleteRules, MaxDelete, Missing, Preserve, SyncOptions,
    TransferRules,
};
pub use progress::RunProgress;
pub use report::{Action, Change, ErrorReport, FileReport, JSON_VERSION, Summary, Verification};
pub use run::{Job, run};
pub use shares::Shares;
