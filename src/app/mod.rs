//! The one place that joins concrete stores and places of this machine to the engine.

mod down;
mod error;
mod request;
mod sync;
mod up;

pub use error::AppError;
pub use request::{DownloadOptions, Place, SyncRequest};
pub use sync::sync;
