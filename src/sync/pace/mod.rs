//! How much is under way at once: requests by what the store bears, memory, open files and threads by what there is.
//!
//! It knows nothing of files and of what becomes of them.

pub(super) mod blocking;
pub(super) mod gate;
pub(super) mod pool;
pub(super) mod shares;
pub(super) mod turns;

pub use shares::Shares;
