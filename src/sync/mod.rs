//! The engine: what a run decides, transfers and reports.
//!
//! It knows stores and sources by their traits alone, and it prints nothing: whoever watches implements [`Observer`].
//!
//! One file goes through `file.rs` (which of the ways below), `compare.rs` (what does the store have?), `decide.rs` (pure:
//! what follows from that), `transfer.rs` (parts, side by side), `complete.rs` (the moment when the new object stands) and
//! `sidecars.rs` (reading and writing `.hssig` objects around it). `small.rs` is the way of files below the threshold.

mod attributes;
mod compare;
mod complete;
mod context;
mod decide;
mod error;
mod events;
mod file;
mod large;
mod options;
mod pool;
mod reading;
mod report;
mod resume;
mod run;
mod sidecars;
mod small;
mod transfer;

pub use error::{FileError, INTERRUPTED};
pub use events::{Event, FileId, Observer, Stage};
pub use options::SyncOptions;
pub use report::{Action, ErrorReport, FileReport, JSON_VERSION, Summary, Verification};
pub use run::{Job, run};
