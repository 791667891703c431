//! Sums of bytes in memory, and what the sums that a store tells prove.

use std::fmt::Write as _;

use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::store::{Checksums, ObjectInfo, PartReceipt, PayloadBody};
use crate::sync::report::Verification;

/// What proves that an object of the same length has the bytes with these sums, if something does.
pub(crate) fn equal_by(object: &ObjectInfo, sums: &Checksums) -> Option<Verification> {
    if let Some(crc) = object.crc64nvme {
        return (crc == sums.crc64nvme).then_some(Verification::Crc64nvme);
    }
    (sums.md5.is_some() && object.etag.as_md5() == sums.md5).then_some(Verification::PartMd5)
}

/// What the store's answer to a PUT proves.
pub(crate) fn verification_of(receipt: &PartReceipt, sums: &Checksums) -> Verification {
    if receipt.crc64nvme == Some(sums.crc64nvme) {
        Verification::Crc64nvme
    } else if sums.md5.is_some() && receipt.etag.as_md5() == sums.md5 {
        Verification::PartMd5
    } else {
        Verification::None
    }
}

/// Bytes to put, with their sums.
pub(crate) struct Body {
    pub(crate) body: PayloadBody,
    pub(crate) checksums: Checksums,
}

impl Body {
    /// Bytes in memory, summed here.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let crc64nvme = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes);
        let md5 = Some(Md5::digest(&bytes).into());
        Self { body: PayloadBody::Buffer(Bytes::from(bytes)), checksums: Checksums { crc64nvme, md5 } }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
