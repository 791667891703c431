//! All files of a run: two trees merged in the order of names, every file on its way, deletions at the very end.
//!
//! `execute.rs` drives it, `up.rs` and `down.rs` say what becomes of a name that one side has, or both; `merge.rs` brings the walk of one side and the `listing/` of the other together; `deletes.rs`
//! gathers what only the destination has and comes last.

pub(super) mod deletes;
mod down;
pub(super) mod execute;
pub(super) mod job;
pub(super) mod listing;
pub(super) mod merge;
mod up;

pub use execute::run;
pub use job::{Download, Job, Way};
