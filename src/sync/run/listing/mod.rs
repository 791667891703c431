//! Every object below a prefix, in the order of the keys, with many requests under way at once.
//!
//! It does not retry (the store does), and knows nothing of what the objects are compared with: it only takes local
//! names as hints where to cut.
//!
//! A store hands out a listing page by page, and a page is known only when the one before it is. But a listing may
//! begin behind any key. So the keys are cut into ranges that are listed side by side: `ranges.rs` keeps them in order
//! and decides which request comes next, `cut.rs` guesses where keys lie that nobody has seen yet, `samples.rs` keeps
//! local names that lie there probably, and `run.rs` sends the requests.

mod cut;
mod ranges;
mod run;
mod samples;
#[cfg(test)]
mod tests;

pub(super) use run::{Listing, check};
pub(super) use samples::Samples;
