//! The summary of a job in Markdown, as GitHub shows it on the job's page.
//!
//! Pure: an outcome in, text out. `markdown.rs` knows how names become harmless and how much fits; `page.rs` what is said.

mod markdown;
mod page;

pub(super) use markdown::plain;
pub(super) use page::{page, told};
