//! What a store allows of an upload in parts, and what the planner prefers within it.
//!
//! Plain data: no store is named here; each store states its own limits.

use thiserror::Error;

/// The longest file that can be planned in bytes (1 EiB), so that sums of offsets and part lengths stay inside 64 bits.
pub(super) const LONGEST_FILE: u64 = 1 << 60;

/// The rules that a store puts on an upload in parts. Lengths are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartLimits {
    /// The shortest part that is not the last; the last may be any length from 1 on. At least 1.
    pub min_part: u64,
    /// The longest part. At least twice `min_part`, so that every length from `min_part` on can be cut into legal parts.
    pub max_part: u64,
    /// The most parts an upload may have. At least 1.
    pub max_parts: u32,
    /// The longest object.
    pub max_object: u64,
    /// Whether all parts but the last have to be equally long, and the last no longer.
    pub equal_parts: bool,
}

impl PartLimits {
    /// The longest file that fits these limits in bytes: the longest object, or what the most parts of the longest length hold.
    pub fn longest_file(&self) -> u64 {
        let in_parts = self.max_part.saturating_mul(u64::from(self.max_parts));
        self.max_object.min(in_parts).min(LONGEST_FILE)
    }

    /// Fails where the limits contradict themselves, or a file of `len` bytes goes beyond them.
    pub(super) fn check(&self, len: u64) -> Result<(), PlanError> {
        let Self { min_part, max_part, max_parts, .. } = *self;
        if min_part == 0 || max_parts == 0 || max_part / 2 < min_part {
            return Err(PlanError::Limits { min_part, max_part, max_parts });
        }
        let max = self.longest_file();
        if len > max {
            return Err(PlanError::TooLarge { len, max });
        }
        Ok(())
    }
}

/// What is preferred where the limits and the fewest uploaded bytes leave a choice. Lengths are in bytes.
///
/// All three are wishes: a length that the limits do not allow is moved to the nearest that they do, and lengths grow
/// where the number of parts would not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostModel {
    /// The longest copied part, so that a long copy runs as many requests side by side. A longer copy is cut evenly, so
    /// its parts are between half of this and this.
    pub copy_part: u64,
    /// The longest uploaded part: what the parts in flight hold in memory. A longer run is cut like a copy.
    pub upload_part: u64,
    /// Cuts inside a run lie at multiples of this in the new file, so that checksums of aligned blocks can be combined
    /// to those of parts. A power of two.
    pub align: u64,
}

impl Default for CostModel {
    /// For stores like S3, which copies some 65 MiB/s a request: copies of 64 to 128 MiB, uploads of 8 to 16 MiB, cuts at
    /// whole MiB.
    fn default() -> Self {
        Self { copy_part: 128 << 20, upload_part: 16 << 20, align: 1 << 20 }
    }
}

/// Why there is no plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The file does not fit the limits.
    #[error("{len} bytes do not fit an upload in parts, which holds at most {max}")]
    TooLarge {
        /// The length of the file in bytes.
        len: u64,
        /// The longest file that the limits allow in bytes.
        max: u64,
    },
    /// No plan can obey the limits whatever the file, or not every length can be cut.
    #[error("part limits make no sense: {min_part} to {max_part} bytes, at most {max_parts} parts")]
    Limits {
        /// The shortest part in bytes.
        min_part: u64,
        /// The longest part in bytes.
        max_part: u64,
        /// The most parts.
        max_parts: u32,
    },
}
