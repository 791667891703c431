//! What proves that two files are equal, and where one has bytes of the other: sidecars, the index of a prefix, sums, and
//! what is set beside the bytes.
//!
//! It decides nothing about transfers and writes no object but the index.

pub(super) mod attributes;
pub(super) mod basis;
pub(super) mod index;
pub(super) mod reading;
pub(super) mod restore;
pub(super) mod sidecars;
pub(super) mod sums;
pub(super) mod values;
