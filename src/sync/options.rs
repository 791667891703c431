//! How a run goes about its work.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use crate::delta::BlockLen;
use crate::tree::{GlobValues, Shard};

/// Choices of the user, all resolved.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// The most uploads under way at once; how many there are adapts to what the store bears.
    pub jobs: NonZeroUsize,
    /// Parts of large files that are in memory at once, 8 MiB each.
    pub parts_in_memory: NonZeroUsize,
    /// The most listing requests under way at once.
    pub list_jobs: NonZeroUsize,
    /// Files, folders and sockets that the process may have open at once; [`Shares`](crate::sync::Shares) says for what.
    pub descriptors: usize,
    /// Threads that read, hash and scan.
    pub threads: NonZeroUsize,
    /// Files of this many bytes and more get a sidecar and are stitched.
    pub delta_threshold: u64,
    /// The block length of new signatures; chosen from the file's length where there is none.
    pub block_len: Option<BlockLen>,
    /// Whether sidecars and the index are read and written. Without them a changed file is uploaded whole.
    pub sidecars: bool,
    /// Whether a changed file is uploaded whole although its old version could be copied from.
    pub whole_file: bool,
    /// What proves that a file and its object are equal.
    pub comparison: Comparison,
    /// Which files are transferred at all.
    pub transfer: TransferRules,
    /// Whether a write by somebody else ends the file's sync instead of starting it anew.
    pub fail_on_conflict: bool,
    /// Whether to stop before anything is written.
    pub dry_run: bool,
    /// Whether a file that vanishes before it is read is left out; else it is a failure.
    pub skip_vanished: bool,
    /// What is set on objects beside their bytes.
    pub attributes: AttributeRules,
    /// What is deleted, and within which bounds.
    pub delete: DeleteRules,
    /// What becomes of named files that are not there.
    pub missing: Missing,
    /// What the keys of copies begin with that are made of objects before they are replaced or deleted.
    pub backup: Option<String>,
    /// The part of the keys that this run is about.
    pub shard: Option<Shard>,
    /// Whether every file is reported in [`Summary::files`](crate::sync::Summary::files), or only failures.
    pub report_all: bool,
}

/// What proves that a file and its object are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Comparison {
    /// The cheapest proof by content that there is, sums recorded by earlier runs included.
    #[default]
    Content,
    /// A sum that the store itself has computed, nothing recorded.
    Checksum,
    /// The same length. Proves nothing.
    SizeOnly,
    /// The same length, and an object that is not older than the file. Proves nothing.
    Mtime,
}

/// Which of the selected files are transferred. As in rsync, these protect nothing from deletion and doom nothing to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransferRules {
    /// Files of more bytes are left as they are.
    pub max_size: Option<u64>,
    /// Files of fewer bytes are left as they are.
    pub min_size: Option<u64>,
    /// Nothing new is made at the destination.
    pub existing: bool,
    /// Nothing is replaced at the destination.
    pub ignore_existing: bool,
    /// Objects newer than the file are left as they are.
    pub update: bool,
}

/// What becomes of named files that are not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Missing {
    /// Each is a failure.
    #[default]
    Fail,
    /// They are left out.
    Ignore,
    /// Their objects are deleted.
    Delete,
}

/// What may be deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeleteRules {
    /// Objects that the source does not have.
    pub extraneous: bool,
    /// Also what the user's rules leave out.
    pub excluded: bool,
    /// Also after files that could not be read or uploaded.
    pub ignore_errors: bool,
    /// How much at most.
    pub max: MaxDelete,
}

/// How many objects a run may delete. More than that, and it deletes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MaxDelete {
    /// Nothing was said: [`DEFAULT_MAX_DELETE_PERCENT`] of the objects at the destination, and never all because the
    /// source is empty.
    #[default]
    Default,
    /// This many.
    Count(u64),
    /// This share of the objects at the destination, in percent.
    Percent(u8),
}

/// Half: a run that deletes more is rather a wrong path than a clean-up.
pub const DEFAULT_MAX_DELETE_PERCENT: u8 = 50;

/// What is set on objects beside their bytes. What is not asked for is not compared either.
#[derive(Debug, Clone, Default)]
pub struct AttributeRules {
    /// Media types; what none names is guessed from the file's name.
    pub content_type: GlobValues,
    /// What caches may do.
    pub cache_control: GlobValues,
    /// Encodings of the bytes.
    pub content_encoding: GlobValues,
    /// How browsers show it.
    pub content_disposition: GlobValues,
    /// Languages.
    pub content_language: GlobValues,
    /// Storage class.
    pub storage_class: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Canned ACL.
    pub acl: Option<String>,
    /// How objects are encrypted, as text that differs when it differs; empty is the bucket's own way.
    pub encryption: String,
    /// Which of the file's attributes are kept, as metadata.
    pub preserve: Preserve,
}

impl AttributeRules {
    /// Whether anything is asked for, of any file.
    pub fn ask_for_something(&self) -> bool {
        let values = [
            &self.content_type,
            &self.cache_control,
            &self.content_encoding,
            &self.content_disposition,
            &self.content_language,
        ];
        values.into_iter().any(|values| !values.is_empty())
            || self.storage_class.is_some()
            || !self.tags.is_empty()
            || self.acl.is_some()
            || !self.encryption.is_empty()
            || self.preserve != Preserve::default()
    }
}

/// Which attributes of a file are kept in its object's metadata.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Preserve {
    /// Type and permission bits.
    pub mode: bool,
    /// Owner and group.
    pub owner: bool,
    /// Time of the last change.
    pub times: bool,
}
