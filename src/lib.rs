//! HugeSync keeps a huge file in an object store equal to a local one and moves only what changed.
//!
//! Beside each large object lies a small signature, `<key>.hssig`. A new version of the file is compared with it locally;
//! only new ranges are uploaded, and the store stitches them together with ranges of the old object.
//!
//! The layers, from the inside out: [`delta`], [`sidecar`], [`stitch`] and [`tree`] are pure; [`store`] is the edge where
//! bytes live and [`auth`] how credentials are got, both through [`aws`]; [`sync`] is the engine; [`app`] joins stores to it; `options` are what
//! users ask for; [`ci`] is the front-end of pipelines and [`cli`] the command line. ARCHITECTURE.md says more, and
//! `tests/layers.rs` holds the imports to it.

pub mod app;
pub mod auth;
pub mod aws;
pub mod ci;
pub mod cli;
pub mod delta;
mod descriptors;
mod exit;
mod human;
mod options;
pub mod sidecar;
mod signals;
pub mod stitch;
pub mod store;
pub mod sync;
pub mod tree;
