//! One file into a store.
//!
//! `examine.rs` looks at a file of a tree without waiting for the store, `file.rs` takes one through all attempts. Small
//! files go by `small.rs`. Large ones go by `large.rs`: `compare.rs` (what does the store have?), `decide.rs` (pure: what
//! follows from that), `work.rs` (the plan; a dry run reports from it by `foresee.rs` and ends), `transfer.rs` (parts, side by
//! side), `complete.rs` (the moment when the new object stands), `sidecar.rs` (written around that moment).

pub(super) mod backup;
pub(super) mod compare;
pub(super) mod complete;
pub(super) mod decide;
pub(super) mod examine;
pub(super) mod file;
pub(super) mod foresee;
pub(super) mod large;
pub(super) mod remote;
pub(super) mod resume;
pub(super) mod sidecar;
pub(super) mod small;
pub(super) mod transfer;
pub(super) mod work;
pub(super) mod write;
