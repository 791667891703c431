//! Which object a signature is of: what a sidecar claims about the object against what the store says of it.
//!
//! It compares descriptions only; that a claim is true of its own block sums is proved where the sums are decoded.

use std::fmt;

use thiserror::Error;

use crate::delta::BlockLen;

/// What the store says of the object that stands: the answer to a HEAD request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectIdentity {
    /// The length in bytes.
    pub len: u64,
    /// The ETag as the store reports it, without the quotes.
    pub etag: Option<String>,
    /// The CRC64NVME of the *whole* object, where the store reports one.
    pub crc64nvme: Option<u64>,
}

/// What a sidecar says of one of its signatures, and of the object that it is of, before the block sums are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The length of a block.
    pub block_len: BlockLen,
    /// The length of the object in bytes.
    pub len: u64,
    /// The BLAKE3 hash of the object.
    pub blake3: [u8; 32],
    /// The CRC64NVME of the object.
    pub crc64nvme: u64,
    /// The ETag of the object without the quotes, where the writer knew it.
    pub etag: Option<String>,
}

/// Why a signature is not, or cannot be said to be, of the object that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The lengths in bytes differ.
    Len {
        /// The length that the sidecar claims.
        claimed: u64,
        /// The length of the object.
        object: u64,
    },
    /// The CRC64NVME values differ.
    Crc64Nvme {
        /// The value that the sidecar claims.
        claimed: u64,
        /// The value of the object.
        object: u64,
    },
    /// The ETags differ, and the store reports no CRC64NVME.
    Etag {
        /// The ETag that the sidecar claims.
        claimed: String,
        /// The ETag of the object.
        object: String,
    },
    /// Nothing but the length is known on both sides, and that is not enough.
    Unbound,
}

/// No signature in the sidecar is of the object that stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no signature in the sidecar is of the object that stands: {}", Listed(.0))]
pub struct Mismatch(
    /// Why each signature is not, in the order of the sidecar.
    pub Vec<Difference>,
);

impl Claim {
    /// Why the claim is not about `object`; `None` if it is.
    ///
    /// The lengths must be equal. Then the CRC64NVME decides where the store reports one, because it is of the content:
    /// equal content under another ETag (uploaded again, in other parts) is as good, and other content under the same
    /// ETag is not. Where there is none, the ETag decides.
    pub fn difference(&self, object: &ObjectIdentity) -> Option<Difference> {
        if self.len != object.len {
            return Some(Difference::Len { claimed: self.len, object: object.len });
        }
        if let Some(crc) = object.crc64nvme {
            return (self.crc64nvme != crc).then_some(Difference::Crc64Nvme { claimed: self.crc64nvme, object: crc });
        }
        match (&self.etag, &object.etag) {
            (Some(claimed), Some(object)) if claimed == object => None,
            (Some(claimed), Some(object)) => {
                Some(Difference::Etag { claimed: claimed.clone(), object: object.clone() })
            }
            _ => Some(Difference::Unbound),
        }
    }

    /// How many blocks the signature has.
    pub const fn blocks(&self) -> u64 {
        self.block_len.count(self.len)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Len { claimed, object } => write!(f, "its length is {claimed}, not {object}"),
            Self::Crc64Nvme { claimed, object } => write!(f, "its CRC64NVME is {claimed:016x}, not {object:016x}"),
            // A hostile ETag must not reach a terminal or a log as it is: `{:?}` escapes it.
            Self::Etag { claimed, object } => write!(f, "its ETag is {claimed:?}, not {object:?}"),
            Self::Unbound => {
                write!(f, "its length is the same, but no ETag and no CRC64NVME is known on both sides")
            }
        }
    }
}

/// The differences in one line.
struct Listed<'a>(&'a [Difference]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, difference) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{difference}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(etag: Option<&str>) -> Claim {
        Claim {
            block_len: BlockLen::new(1024).unwrap(),
            len: 1025,
            blake3: [7; 32],
            crc64nvme: 0xC0FFEE,
            etag: etag.map(String::from),
        }
    }

    fn object(etag: Option<&str>, crc64nvme: Option<u64>) -> ObjectIdentity {
        ObjectIdentity { len: 1025, etag: etag.map(String::from), crc64nvme }
    }

    #[test]
    fn crc_decides_where_the_store_reports_one_else_the_etag() {
        let (right, wrong) = (Some(0xC0FFEE), Some(0xBAD));
        let other_crc = Some(Difference::Crc64Nvme { claimed: 0xC0FFEE, object: 0xBAD });
        let other_etag = Some(Difference::Etag { claimed: "a".into(), object: "b".into() });
        let cases = [
            // (claimed ETag, object's ETag, object's CRC64NVME, difference)
            (Some("a"), Some("a"), right, None),
            (Some("a"), Some("a"), None, None),
            (Some("a"), Some("a"), wrong, other_crc.clone()),
            (Some("a"), Some("b"), right, None),
            (Some("a"), Some("b"), None, other_etag),
            (Some("a"), Some("b"), wrong, other_crc.clone()),
            (None, Some("b"), right, None),
            (None, Some("b"), None, Some(Difference::Unbound)),
            (Some("a"), None, right, None),
            (Some("a"), None, None, Some(Difference::Unbound)),
            (None, None, right, None),
            (None, None, None, Some(Difference::Unbound)),
            (None, None, wrong, other_crc),
        ];
        for (claimed, etag, crc, expected) in cases {
            assert_eq!(
                claim(claimed).difference(&object(etag, crc)),
                expected,
                "claimed {claimed:?}, object {etag:?} {crc:?}"
            );
        }
    }

    #[test]
    fn no_etag_or_crc_makes_up_for_another_length() {
        let object = ObjectIdentity { len: 1026, ..object(Some("a"), Some(0xC0FFEE)) };
        assert_eq!(claim(Some("a")).difference(&object), Some(Difference::Len { claimed: 1025, object: 1026 }));
    }

    #[test]
    fn etags_are_compared_as_they_are() {
        assert!(claim(Some("A")).difference(&object(Some("a"), None)).is_some());
        assert!(claim(Some("a ")).difference(&object(Some("a"), None)).is_some());
    }

    #[test]
    fn mismatch_says_why_for_every_signature_and_escapes_what_it_quotes() {
        let mismatch = Mismatch(vec![
            Difference::Len { claimed: 5, object: 6 },
            Difference::Etag { claimed: "\x1b[2J\u{202e}".into(), object: "a-2".into() },
        ]);
        assert_eq!(
            mismatch.to_string(),
            "no signature in the sidecar is of the object that stands: its length is 5, not 6; \
             its ETag is \"\\u{1b}[2J\\u{202e}\", not \"a-2\""
        );
    }
}
