//! Files of this machine: a walk in the order of keys, reading by position, and new versions that are put together beside
//! the old ones.
//!
//! Nothing is memory-mapped: a file that shrinks while it is mapped kills the process. As a source, names are
//! looked up below a descriptor of the source's folder; that a component in the middle of a path is swapped for a link
//! while the tree is walked is not defended against: whoever can write there could as well put other bytes there.
//!
//! - [`LocalTree`]: a folder, walked by `walk` with the listings that `folder` reads ahead; `selection` and `ignores`
//!   decide what is selected, `foreign` asks them about keys.
//! - [`LocalSingle`]: one file.
//! - [`LocalFolder`]: a folder as a destination: names are found by `below` without following a link, `assembly` puts a new
//!   version together, `finish` gives it its mode, times and name, `backup` keeps what it replaces.

mod assembly;
mod backup;
mod below;
mod file;
mod finish;
mod folder;
mod foreign;
mod ignores;
mod link;
mod opening;
mod options;
mod selection;
mod similar;
mod single;
mod target;
#[cfg(test)]
mod tests;
mod tree;
mod untold;
mod walk;

pub use file::LocalFile;
pub use options::{Links, TreeOptions};
pub use single::LocalSingle;
pub use target::LocalFolder;
pub use tree::LocalTree;
