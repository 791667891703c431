//! One file into a folder of files.
//!
//! `examine.rs` looks at what stands at the destination without waiting for the store, `file.rs` takes one file through all
//! attempts. Small files go by `small.rs`. Large ones go by `large.rs`: `compare.rs` (which blocks of the new version does
//! the old one have?), `work.rs` (the plan; a dry run reports from it and ends), `build.rs` (the new version is put together
//! beside the old one, every block proved).

pub(super) mod build;
pub(super) mod compare;
pub(super) mod examine;
pub(super) mod fetching;
pub(super) mod file;
pub(super) mod large;
pub(super) mod notes;
pub(super) mod rules;
pub(super) mod small;
pub(super) mod standing;
pub(super) mod work;
