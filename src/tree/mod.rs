//! Names: where a source lands at the destination, which of its files are meant, and what their names decide.
//!
//! Pure text, by rsync's rules: it looks at no file and no store.

mod destination;
mod file_list;
mod filter;
mod globs;
mod lines;
mod pattern;
mod shard;

pub use destination::{BadDestination, Destination, SourceName};
pub use file_list::{BadFileList, FileList, FileListProblem};
pub use filter::{BadRule, RuleProblem, Rules};
pub use globs::{BadGlobValue, GlobValues};
pub use shard::{BadShard, Shard};
