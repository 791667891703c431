//! Objects in a bucket of S3 or of a store that speaks its API.
//!
//! It maps the store traits to requests and answers to meanings; it holds no policy. The limits and the behaviour it
//! relies on are written down in docs/S3.md.

mod body;
mod client;
mod error;
mod multipart;
mod whole;
mod wire;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

pub use client::{ConnectError, S3Settings};

use super::ObjectKey;
use wire::Wire;

/// One bucket.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: aws_sdk_s3::Client,
    /// The same client without stalled-stream protection: a copy or a Complete is silent for minutes while the store
    /// works, and the protection would take that for a dead connection.
    patient: aws_sdk_s3::Client,
    bucket: String,
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
