//! Names: where a source lands at the destination, by rsync's rules.
//!
//! Pure text: it looks at no file and no store.

mod destination;

pub use destination::{BadDestination, Destination, SourceName};
