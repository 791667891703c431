//! What a run reports of each file. The fields are those of docs/JSON.md.

use serde::Serialize;

use crate::store::StoreError;
use crate::sync::error::FileError;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The store has it already.
    Unchanged,
    /// All of its bytes were uploaded.
    Uploaded,
    /// Some of its bytes were uploaded, the store copied the others from the old version.
    Stitched,
    /// All of its bytes were fetched.
    Downloaded,
    /// Some of its bytes were fetched, the others come from the old version here.
    Patched,
    /// Its bytes are the same, and what is set on the object was changed by a copy inside the store.
    Updated,
    /// It was left out.
    Skipped,
    /// The source does not have it, and the object was deleted.
    Deleted,
    /// It is not at the destination.
    Failed,
}

/// Which way the bytes of a run go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From here into a store.
    #[default]
    Upload,
    /// From a store to here.
    Download,
}

/// Who compared what stands at the destination with what was read here, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// The store computed the CRC64NVME of the whole object, and it is the local file's.
    Crc64nvme,
    /// The store computed the MD5 of every part, and each is that of the local file's range.
    PartMd5,
    /// The object is the one that its sidecar names, and the local file has that one's BLAKE3 hash.
    Sidecar,
    /// The object is the one that the prefix's index names, and the local file has that one's BLAKE3 hash.
    Index,
    /// The object's metadata holds the BLAKE3 hash that it was written with, and it is the local file's.
    Metadata,
    /// Nobody: the store reports no sum that can be compared.
    None,
}

/// In what a file and its object differed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// There was no object.
    New,
    /// Their bytes.
    Content,
    /// Their lengths.
    Size,
    /// The time of the last change, where it is kept.
    Mtime,
    /// Type or permission bits, where they are kept.
    Mode,
    /// The owner, where it is kept.
    Owner,
    /// The group, where it is kept.
    Group,
    /// Anything else that was asked for: media type, cache control, storage class, encryption, tags.
    Attributes,
}

/// An error as people and machines read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl ErrorReport {
    /// What ended the sync of a file.
    pub(crate) fn of(error: &FileError) -> Self {
        Self { message: error.to_string(), hint: error.hint() }
    }

    /// What a store answered.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        Self { message: error.to_string(), hint: error.kind.hint().map(str::to_owned) }
    }
}

/// One file of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileReport {
    /// The local path.
    pub path: String,
    /// The object's key.
    pub key: String,
    /// What became of it. On a dry run: what would.
    pub action: Action,
    /// Why that.
    pub reason: String,
    /// In what the file and its object differed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Whether it is a symbolic link that is kept as one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub symlink: bool,
    /// The file's bytes.
    pub bytes_total: u64,
    /// Payload bytes sent for the object. On a dry run: that would be, as far as is known.
    pub bytes_uploaded: u64,
    /// On a dry run, where only trying tells whether the store copies ranges: the most that would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_uploaded_at_most: Option<u64>,
    /// Payload bytes fetched for the file. On a dry run: that would be.
    pub bytes_downloaded: u64,
    /// Bytes that were copied from the old version, by the store or here.
    pub bytes_copied: u64,
    /// Bytes that an interrupted run had uploaded or fetched already.
    pub bytes_resumed: u64,
    /// Bytes of sidecars fetched.
    pub bytes_sidecar_down: u64,
    /// Bytes of sidecars written.
    pub bytes_sidecar_up: u64,
    /// Whether what stands at the destination was compared with what was read here.
    pub verified: bool,
    /// By whom and how.
    pub verification: Verification,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// How long it took.
    pub duration_seconds: f64,
}

impl FileReport {
    /// A report in which nothing has happened yet.
    pub(crate) fn new(path: String, key: String, bytes_total: u64) -> Self {
        Self {
            path,
            key,
            action: Action::Failed,
            reason: String::new(),
            changes: Vec::new(),
            symlink: false,
            bytes_total,
            bytes_uploaded: 0,
            bytes_downloaded: 0,
            bytes_uploaded_at_most: None,
            bytes_copied: 0,
            bytes_resumed: 0,
            bytes_sidecar_down: 0,
            bytes_sidecar_up: 0,
            verified: false,
            verification: Verification::None,
            warnings: Vec::new(),
            error: None,
            duration_seconds: 0.0,
        }
    }

    /// Bytes that moved for it, sidecars in both directions included.
    pub fn bytes_moved(&self) -> u64 {
        self.bytes_uploaded + self.bytes_downloaded + self.bytes_sidecar_down + self.bytes_sidecar_up
    }

    /// On a dry run: bytes counted as copied that have to be uploaded if the store refuses to copy.
    pub fn bytes_unsure(&self) -> u64 {
        self.bytes_uploaded_at_most.map_or(0, |most| most - self.bytes_uploaded)
    }

    pub(crate) fn verified_by(&mut self, verification: Verification) {
        self.verification = verification;
        self.verified = verification != Verification::None;
    }
}
