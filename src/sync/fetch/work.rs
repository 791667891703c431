//! What there is to do for a large object, decided as a whole before anything is written: what is fetched, what is copied
//! from the old version, and why.

use std::sync::Arc;

use super::compare::{Bases, Difference};
use crate::delta::{Delta, Op, Signature};
use crate::stitch::{Part, ReadCosts, gather};
use crate::sync::report::{Action, Change};

/// The longest range of one request in bytes: what one part of an upload has too, and a multiple of every block length.
pub(super) const LONGEST_READ: u64 = 8 << 20;
/// What a connection to a store brings in the time of a round trip: some 20 ms at 50 MB/s.
const ROUND_TRIP: u64 = 1 << 20;
/// How much may be fetched needlessly to save round trips, in hundredths.
const WASTE_PERCENT: u64 = 5;

/// The work for one file.
pub(crate) struct Work {
    /// The new version in order: what is fetched, what is copied.
    pub(crate) parts: Vec<Part>,
    /// What proves every block, where there is a sidecar.
    pub(crate) signature: Option<Arc<Signature>>,
    /// Where copies come from.
    pub(crate) bases: Bases,
    pub(crate) changes: Vec<Change>,
    pub(crate) reason: String,
}

impl Work {
    /// What follows from a difference, for an object of `len` bytes; `None` where there is none. `standing_len` is the length
    /// of the old version, if there is one.
    pub(crate) fn of(difference: Difference, len: u64, standing_len: Option<u64>) -> Option<Self> {
        let (delta, signature, bases, reason) = match difference {
            Difference::Unchanged { .. } => return None,
            Difference::Delta { delta, signature, bases } => {
                let reason = if standing_len.is_some() { "changed" } else { "new file" };
                (delta, Some(signature), bases, reason.to_owned())
            }
            Difference::Whole { signature, reason } => {
                (Delta::from_iter([Op::Literal { len }]), signature, Vec::new(), reason)
            }
        };
        let costs = ReadCosts { longest: LONGEST_READ, round_trip: ROUND_TRIP, waste_percent: WASTE_PERCENT };
        let changes = match standing_len {
            None => vec![Change::New],
            Some(standing) if standing != len => vec![Change::Content, Change::Size],
            Some(_) => vec![Change::Content],
        };
        Some(Self { parts: gather(&delta, &costs), signature, bases, changes, reason })
    }

    /// Bytes that come from the store.
    pub(crate) fn fetched_bytes(&self) -> u64 {
        self.parts.iter().filter(|part| part.is_upload()).map(|part| part.len).sum()
    }

    /// Bytes that the old version has.
    pub(crate) fn copied_bytes(&self) -> u64 {
        self.parts.iter().filter(|part| !part.is_upload()).map(|part| part.len).sum()
    }

    /// What becomes of the file by it.
    pub(crate) fn action(&self) -> Action {
        if self.copied_bytes() > 0 { Action::Patched } else { Action::Downloaded }
    }
}
