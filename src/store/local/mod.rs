//! Files of this machine, as a source: a walk, and reading by position.
//!
//! Nothing is memory-mapped: a file that shrinks while it is mapped kills the process. Nothing is written.

mod file;
mod walk;

pub use file::{LocalFile, LocalFiles};
pub use walk::walk;
