//! Files of this machine, as a source: a walk in the order of keys, and reading by position.
//!
//! Nothing is memory-mapped: a file that shrinks while it is mapped kills the process. Nothing is written. Names are
//! looked up below a descriptor of the source's folder; that a component in the middle of a path is swapped for a link
//! while the tree is walked is not defended against: whoever can write there could as well put other bytes there.
//!
//! - [`LocalTree`]: a folder, walked by `walk` with the listings that `folder` reads ahead; `selection` and `ignores`
//!   decide what is selected, `foreign` asks them about keys.
//! - [`LocalSingle`]: one file.

mod file;
mod folder;
mod foreign;
mod ignores;
mod link;
mod opening;
mod options;
mod selection;
mod single;
#[cfg(test)]
mod tests;
mod tree;
mod untold;
mod walk;

pub use file::LocalFile;
pub use options::{Links, TreeOptions};
pub use single::LocalSingle;
pub use tree::LocalTree;
