//! The sidecar of an object: fetched, proved, and what is wrong with it otherwise. Nothing is written here.

use super::basis::NoBasis;
use crate::delta::Signature;
use crate::sidecar::{self, ObjectIdentity};
use crate::store::{Condition, ErrorKind, ObjectInfo, ObjectKey, Store};
use crate::sync::error::FileError;
use crate::sync::pace::blocking::blocking;

/// What lies at a sidecar's key.
pub(crate) struct Fetched {
    /// The signature of the object, or why there is none that can be used.
    pub(crate) signature: Result<Signature, NoBasis>,
    /// When the sidecar may be written, so that nobody else's is overwritten unseen; `None` where it could not be looked at.
    pub(crate) write_if: Option<Condition>,
    /// Bytes fetched.
    pub(crate) bytes: u64,
}

/// Reads the sidecar of `object` at `key`. Whatever is wrong with it costs more bytes moved and nothing else.
pub(crate) async fn fetch(store: &dyn Store, key: &ObjectKey, object: &ObjectInfo) -> Result<Fetched, FileError> {
    let none = |why, write_if| Fetched { signature: Err(why), write_if, bytes: 0 };
    let Ok(key) = key.with_suffix(sidecar::SUFFIX) else {
        return Ok(none(NoBasis::NoSidecar, Some(Condition::Always)));
    };
    let (encoded, version) = match store.get(&key, worth_fetching(object.len)).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(none(NoBasis::NoSidecar, Some(Condition::Absent))),
        Err(error) if is_ours(error.kind) => return Ok(none(NoBasis::Refused(error.to_string()), None)),
        Err(error) => return Err(error.into()),
    };
    let bytes = encoded.len() as u64;
    let identity = ObjectIdentity {
        len: object.len,
        etag: Some(object.etag.as_str().to_owned()).filter(|etag| !etag.is_empty()),
        crc64nvme: object.crc64nvme,
    };
    // Millions of sums take a moment to prove: not on a thread that serves connections.
    let signature = blocking(move || {
        Ok(sidecar::signature_for(&encoded, &identity).map_err(|refusal| NoBasis::Refused(chain(&refusal))))
    });
    Ok(Fetched { signature: signature.await?, write_if: Some(Condition::Unchanged(version)), bytes })
}

/// The longest sidecar in bytes that an object of `len` bytes may have here: two signatures of blocks of 64 KiB, which are
/// 64 of the shortest that the format knows.
fn worth_fetching(len: u64) -> u64 {
    sidecar::max_encoded_len(len.div_ceil(64))
}

/// Whether an error is about the sidecar, which then counts as none, and not about the store or the run as a whole.
pub(crate) fn is_ours(kind: ErrorKind) -> bool {
    let of_all = matches!(
        kind,
        ErrorKind::Unavailable
            | ErrorKind::Throttled
            | ErrorKind::NoSuchBucket
            | ErrorKind::WrongRegion
            | ErrorKind::NotS3
    );
    !of_all && !kind.is_silence() && !kind.concerns_credentials()
}

/// An error and what lies beneath it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let beneath = std::iter::successors(error.source(), |error| error.source());
    beneath.fold(error.to_string(), |text, error| format!("{text}: {error}"))
}
