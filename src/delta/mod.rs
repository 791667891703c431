//! What changed between two versions of a file: sums of blocks, and the scan that finds known blocks in a new file.
//!
//! Pure: it knows no file, store, clock or environment. Bytes reach it as slices or through [`ReadAt`].

mod apply;
mod block;
mod cover;
mod crc;
mod difference;
mod error;
mod index;
mod invert;
mod read;
pub mod reference;
mod roll;
mod scan;
mod search;
mod segment;
mod signature;
mod straighten;
mod strong;
mod sums;
mod verify;
mod weak;

pub use apply::apply;
pub use block::{BadBlockLen, BlockLen, BlockSum, MAX_BLOCK_LEN, MIN_BLOCK_LEN, StrongSum, WeakSum};
pub use crc::{BlockCrcs, combine_crc64};
pub use difference::{Delta, Op};
pub use error::ScanError;
pub use invert::{fill, invert};
pub use read::ReadAt;
pub use scan::{Progress, Scan, ScanOptions, scan, sign};
pub use signature::{Signature, SignatureError};
pub use sums::{Incomplete, RangeSums, SignatureBuilder, sum_range};
pub use verify::wrong_block;
