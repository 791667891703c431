//! What a run tells: events while it goes on, a report of each file, a summary at its end.

pub(super) mod done;
pub(super) mod events;
pub(super) mod file;
pub(super) mod progress;
pub(super) mod reporter;
pub(super) mod summary;

pub use events::{Event, FileId, Observer, Stage};
pub use file::{Action, Change, Direction, ErrorReport, FileReport, Verification};
pub use progress::RunProgress;
pub use summary::{JSON_VERSION, Summary};
