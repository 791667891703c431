//! Names: where a source lands at the destination, which of its files are meant, and what their names decide.
//!
//! Pure text, by rsync's rules: it looks at no file and no store.

mod file_list;
mod filter;
mod globs;
mod lines;
mod pattern;
mod s3_url;
mod shard;

pub use file_list::{BadFileList, FileList, FileListProblem};
pub use filter::{BadRule, RuleProblem, Rules};
pub use globs::{BadGlobValue, GlobValues};
pub use s3_url::{BadS3Url, S3Url, SourceName};
pub use shard::{BadShard, Shard};
