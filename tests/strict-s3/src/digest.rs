//! The checksums S3 keeps: MD5 for ETags, CRC64NVME by default, and the one algorithm a request names.
//!
//! One streaming pass computes all of them. It knows nothing of requests or of where bytes live.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum_combine};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// The algorithms of `x-amz-checksum-*` (API reference, "Checking object integrity").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-32 as in zip and Ethernet.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME, what S3 stores when nothing is asked for.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Reads the value of `x-amz-checksum-algorithm`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "CRC32" => Self::Crc32,
            "CRC32C" => Self::Crc32c,
            "CRC64NVME" => Self::Crc64Nvme,
            "SHA1" => Self::Sha1,
            "SHA256" => Self::Sha256,
            _ => return None,
        })
    }

    /// The name as the headers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Length of a raw value in bytes.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Whether values of adjoining ranges combine, that is, whether `FULL_OBJECT` is possible for a multipart upload.
    pub(crate) fn combines(self) -> bool {
        self.crc().is_some()
    }

    /// The value of these bytes.
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut hasher = Named::new(self);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The value of `first` followed by a range of `second_len` bytes whose value is `second`; CRCs only.
    pub(crate) fn combine(self, first: &[u8], second: &[u8], second_len: u64) -> Option<Vec<u8>> {
        let joined = checksum_combine(self.crc()?, be_u64(first), be_u64(second), second_len);
        Some(joined.to_be_bytes()[8 - self.width()..].to_vec())
    }
}

fn be_u64(raw: &[u8]) -> u64 {
    raw.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Whether a checksum covers the object's bytes or the parts' checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Over all bytes of the object.
    FullObject,
    /// Over the concatenated raw checksums of the parts, followed by `-N`.
    Composite,
}

impl Kind {
    /// The name as `x-amz-checksum-type` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum as S3 reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// Which algorithm.
    pub algorithm: Algorithm,
    /// What it covers.
    pub kind: Kind,
    /// Base64 of the raw value, with `-N` after it when composite.
    pub value: String,
}

impl Checksum {
    pub(crate) fn full(algorithm: Algorithm, raw: &[u8]) -> Self {
        Self { algorithm, kind: Kind::FullObject, value: encode(raw) }
    }
}

/// Base64, as all checksum headers carry it.
pub(crate) fn encode(raw: &[u8]) -> String {
    BASE64.encode(raw)
}

/// Undoes [`encode`]; `None` when it is not base64 of exactly `width` bytes.
pub(crate) fn decode(text: &str, width: usize) -> Option<Vec<u8>> {
    BASE64.decode(text).ok().filter(|raw| raw.len() == width)
}

/// Undoes [`encode`] for text of any length.
pub(crate) fn decode_token(text: &str) -> Option<String> {
    String::from_utf8(BASE64.decode(text).ok()?).ok()
}

/// Lower-case hexadecimal, as ETags carry it.
pub(crate) fn hex(raw: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    raw.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Undoes [`hex`] for an MD5; `None` when it is not one.
pub(crate) fn decode_hex(text: &str) -> Option<[u8; 16]> {
    let value = u128::from_str_radix(text, 16).ok()?;
    (text.len() == 32).then(|| value.to_be_bytes())
}

/// MD5 of a short byte string.
pub(crate) fn md5(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

enum Named {
    Crc(CrcAlgorithm, Box<crc_fast::Digest>),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Named {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm.crc() {
            Some(crc) => Self::Crc(crc, Box::new(crc_fast::Digest::new(crc))),
            None if algorithm == Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            None => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(CrcAlgorithm::Crc64Nvme, digest) => digest.finalize().to_be_bytes().to_vec(),
            Self::Crc(_, digest) => digest.finalize().to_be_bytes()[4..].to_vec(),
            Self::Sha1(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
        }
    }
}

/// All values of one run of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Digests {
    /// Absent only where the pass was told to skip it.
    pub(crate) md5: Option<[u8; 16]>,
    /// Raw CRC64NVME, always.
    pub(crate) crc64: Vec<u8>,
    /// The algorithm that was asked for besides, if any.
    pub(crate) named: Option<(Algorithm, Vec<u8>)>,
}

impl Digests {
    /// The raw value for `algorithm`, where this pass computed it.
    pub(crate) fn value(&self, algorithm: Algorithm) -> Option<&[u8]> {
        match (&self.named, algorithm) {
            (_, Algorithm::Crc64Nvme) => Some(&self.crc64),
            (Some((have, raw)), want) if *have == want => Some(raw),
            _ => None,
        }
    }
}

/// The streaming pass.
pub(crate) struct Hasher {
    md5: Option<Md5>,
    crc64: Named,
    named: Option<(Algorithm, Named)>,
}

impl Hasher {
    /// CRC64NVME always; MD5 unless `md5` is false (it is the slow one, 0.3 to 0.6 GB/s); `named` as well.
    pub(crate) fn new(named: Option<Algorithm>, md5: bool) -> Self {
        Self {
            md5: md5.then(Md5::new),
            crc64: Named::new(Algorithm::Crc64Nvme),
            named: named.filter(|algorithm| *algorithm != Algorithm::Crc64Nvme).map(|a| (a, Named::new(a))),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.crc64.update(bytes);
        if let Some((_, named)) = &mut self.named {
            named.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Digests {
        Digests {
            md5: self.md5.map(|md5| md5.finalize().into()),
            crc64: self.crc64.finish(),
            named: self.named.map(|(algorithm, named)| (algorithm, named.finish())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: the catalogue values of the check string "123456789" (reveng's CRC catalogue; RFC 1321, FIPS 180).
    #[test]
    fn known_values() {
        let mut hasher = Hasher::new(Some(Algorithm::Crc32), true);
        hasher.update(b"1234");
        hasher.update(b"56789");
        let all = hasher.finish();
        assert_eq!(hex(&all.crc64), "ae8b14860a799888");
        assert_eq!(hex(&all.named.unwrap().1), "cbf43926");
        assert_eq!(hex(&all.md5.unwrap()), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(hex(&Algorithm::Crc32c.of(b"123456789")), "e3069283");
    }

    #[test]
    fn adjoining_ranges_combine() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let whole = algorithm.of(b"hello, world");
            let joined = algorithm.combine(&algorithm.of(b"hello"), &algorithm.of(b", world"), 7).unwrap();
            assert_eq!(joined, whole, "{algorithm:?}");
        }
        assert!(Algorithm::Sha256.combine(&[0; 32], &[0; 32], 1).is_none());
    }
}
