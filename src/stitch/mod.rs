//! From a delta to the cheapest legal parts of an upload under a store's limits.
//!
//! Does not talk to a store, does not read the file, and knows neither clock nor environment: limits and costs come in as
//! data, the plan goes out as data.
//!
//! What is minimal, in this order:
//!
//! 1. the bytes uploaded;
//! 2. the number of parts;
//! 3. then the parts are cut for parallelism, as far as the number of parts allows.
//!
//! Points 1 and 2 are exact whenever the limit on the number of parts does not bind. Where it binds, they are exact as
//! long as the search fits its budget, and [`Plan::uploaded_floor`] states what no plan can undercut otherwise. The modules:
//! `ramp` and `search` find which copies to keep and why that is exact, `bound` deals with the number of parts, `cut`
//! with parallelism, `grid` with stores that want equal parts.

mod bound;
mod cut;
mod grid;
mod limits;
mod plan;
mod ramp;
mod search;

pub use limits::{CostModel, PartLimits, PlanError};
pub use plan::{Part, PartSource, Plan, plan, whole};
