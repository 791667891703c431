//! The bytes of a `.hssig` sidecar, and the rule that binds a signature in it to an object.
//!
//! Pure: it neither fetches nor stores a sidecar and does not decide when one is written; it gets bytes and gives bytes.
//! `docs/FORMAT.md` describes the format byte by byte.
//!
//! A reader asks [`signature_for`] for the signature of the object that stands. Whatever is wrong with the bytes comes
//! back as a [`Refusal`] that says why, and costs a full upload. A writer hands [`encode`] the signatures that the
//! sidecar shall hold: `[new, old]` before the object is replaced, `[new]` after it.

mod binding;
mod decode;
mod encode;
mod format;
mod index;

pub use binding::{Claim, Difference, Mismatch, ObjectIdentity};
pub use decode::{DecodeError, Refusal, Sidecar, signature_for};
pub use encode::{EncodeError, Entry, encode, encoded_len, encoded_len_of};
pub use format::{CONTENT_TYPE, MAX_BLOCKS, MAX_ENTRIES, MAX_ETAG_LEN, SUFFIX, VERSION, max_encoded_len};
pub use index::{
    INDEX_CONTENT_TYPE, Index, IndexBuilder, IndexError, MAX_INDEX_ENTRIES, MAX_INDEX_LEN, Remembered, index_key,
    is_index_name,
};
