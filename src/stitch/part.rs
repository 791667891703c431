//! One part of an object: where it lies and where its bytes come from.
//!
//! It checks no limits.

/// Where the bytes of a part come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartSource {
    /// From the new file.
    Upload,
    /// From the basis, which the store has.
    Copy {
        /// Where they start in the basis in bytes.
        from: u64,
    },
}

/// One part. Its number is its index in the plan plus one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it starts in the new file in bytes.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
    /// Where they come from.
    pub source: PartSource,
}

impl Part {
    /// Whether its bytes have to be sent.
    pub const fn is_upload(&self) -> bool {
        matches!(self.source, PartSource::Upload)
    }
}
