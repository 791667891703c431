//! Objects in a bucket of S3 or of a store that speaks its API.
//!
//! It maps the store traits to requests and answers to meanings; it holds no policy. The limits and the behaviour it
//! relies on are written down in docs/S3.md.

mod answer;
mod attributes;
mod bandwidth;
mod body;
mod client;
mod copy;
mod delete;
mod encryption;
mod error;
mod make;
mod multipart;
mod read;
mod whole;
mod wire;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

pub use client::{ConnectError, S3Settings};
pub use encryption::{BadCustomerKey, CustomerKey, Encryption};

use super::{ETag, ObjectKey, PartReceipt};
use bandwidth::Bandwidth;
use wire::Wire;

/// One bucket.
#[derive(Debug, Clone)]
pub struct S3Store {
    /// One client, and so one pool of connections, for all requests.
    client: aws_sdk_s3::Client,
    bucket: String,
    encryption: Encryption,
    bandwidth: Option<Arc<Bandwidth>>,
    /// Set once the store has said that it does not know how to delete many objects in one request.
    deletes_singly: Arc<AtomicBool>,
    wire: Wire,
}

impl S3Store {
    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    fn url_of(&self, key: &ObjectKey) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// A checksum as S3's headers write it: base64 of the big-endian bytes.
fn crc_to_header(crc: u64) -> String {
    BASE64_STANDARD.encode(crc.to_be_bytes())
}

/// The full-object checksum in a header, if that is what it holds: a composite one has `-N` behind it and does not decode.
fn crc_from_header(header: Option<&str>) -> Option<u64> {
    let bytes = BASE64_STANDARD.decode(header?).ok()?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// What an answer says of what now stands. That there is an ETag `answer.rs` sees to.
fn receipt(etag: Option<&str>, crc64nvme: Option<&str>) -> PartReceipt {
    PartReceipt { etag: ETag::new(etag.unwrap_or_default()), crc64nvme: crc_from_header(crc64nvme) }
}

/// A key in a listing that was asked for with `encoding-type=url`: percent-encoded, a space as `+`.
fn url_decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_keys_are_decoded() {
        assert_eq!(url_decoded("a+b%2Bc/%C3%A9%0A%01%2541"), "a b+c/é\n\u{1}%41");
    }

    #[test]
    fn a_checksum_survives_its_header() {
        assert_eq!(crc_from_header(Some(&crc_to_header(0x0123_4567_89ab_cdef))), Some(0x0123_4567_89ab_cdef));
        for bad in ["", "AAAA", "ASNFZ4mrze8=-3", "not base64!"] {
            assert_eq!(crc_from_header(Some(bad)), None, "{bad}");
        }
    }
}
