//! From a delta to the cheapest legal parts of an upload under a store's limits.
//!
//! Does not talk to a store, does not read the file, and knows neither clock nor environment: limits and costs come in as
//! data, the plan goes out as data.
//!
//! A plan is a sequence of parts that covers the new file: each is uploaded, or copied from a range of the basis. What is
//! minimal, in this order: the bytes uploaded; the number of parts. Only then are the parts cut for parallelism, as far
//! as their number allows.
//!
//! # What is proved
//!
//! - Where the allowed number of parts does not bind, both are exact. The search extends partial plans copy by copy in all
//!   ways that a best plan can have, for all positions of their ends at once, and drops one only for another that can
//!   replace it whatever follows.
//! - Where it binds, the bytes are exact if [`Plan::is_minimal`] says so: either the plan meets a floor that Lagrangian duality
//!   proves, or a search that also counts parts has finished within its budget (then the number of parts is exact too).
//!   Otherwise the plan is within [`Plan::uploaded_floor`] of the best, typically what one more copy would save.
//! - With equal parts the best of a documented set of part lengths is taken; they are all that are legal only if those are few.
//!
//! Tests compare plans with an oracle that tries every part at every byte.
//!
//! # Modules
//!
//! `ramp` is a partial plan as a function of where it ends, `search` finds the best plan for a given price of a part,
//! `bound` the price that meets the number of parts, `cut` cuts for parallelism, `grid` makes equal parts, `gather` is the plan of a download, and `outline` is what
//! they hand to one another.

mod bound;
mod cut;
mod gather;
mod grid;
mod limits;
mod outline;
mod part;
mod plan;
mod ramp;
mod search;

pub use gather::{ReadCosts, gather};
pub use limits::{CostModel, PartLimits, PlanError};
pub use part::{Part, PartSource};
pub use plan::{Plan, plan, whole};
