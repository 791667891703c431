//! The front-end of CI jobs, `hugesync ci`: environment in; log, annotations, outputs, a summary and an exit code out.
//!
//! It decides nothing about a sync: `settings.rs` and `work.rs` turn what a job asks for into options of the command line.
//! In order: `environment.rs`, `settings.rs`, `work.rs`, `credentials.rs`, `job.rs` (the syncs, watched by `watch.rs`),
//! `outcome.rs`, `finish.rs`. What differs from one CI system to the next is in `platform/`, a file each.
//!
//! Files are compared by content: a checkout renews all times, so there is no setting for comparing by them.

mod credentials;
mod environment;
mod files;
mod finish;
mod job;
mod log;
mod outcome;
mod platform;
mod settings;
mod summary;
#[cfg(test)]
mod tests;
mod totals;
mod values;
mod watch;
mod work;

pub use job::main;
pub use outcome::OUTPUTS;
pub use settings::inputs;
