//! The bytes of a sidecar to signatures, whoever wrote them.
//!
//! Nothing is believed: the frame, then the claims, then the sums are checked, and nothing is allocated for a number
//! that is only claimed. Which objects may have a sidecar, and what a refusal leads to, is not decided here.

use thiserror::Error;

use super::binding::{Claim, Mismatch, ObjectIdentity};
use super::format::{
    CHECKSUM_LEN, CLAIM_ALIGN, CLAIM_FIXED_LEN, HEADER_LEN, MAGIC, MAX_BLOCKS, MAX_CLAIM_LEN, MAX_ENTRIES,
    MAX_ETAG_LEN, SUMS_LEN, VERSION, claim_len,
};
use crate::delta::{BadBlockLen, BlockLen, BlockSum, Signature, SignatureError, StrongSum, WeakSum};

/// Why bytes are no sidecar, or no good one. An `entry` counts from 0, in the order of the sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// It does not begin as a sidecar does.
    #[error("it does not begin as a sidecar does")]
    NotASidecar,
    /// Its version of the format is one that this program does not know.
    #[error("made by a newer hugesync: format version {0}, and this one reads up to version {VERSION}")]
    NewerVersion(u32),
    /// It ends too early.
    #[error("truncated: {found} of {expected} bytes")]
    Truncated {
        /// How many bytes there should be (at least).
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// It goes on after its end.
    #[error("{found} bytes where the sidecar says that it has {expected}")]
    TrailingBytes {
        /// How many bytes there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Its checksum is not that of its bytes.
    #[error("the checksum over {0} bytes is wrong")]
    Checksum(
        /// How many bytes it is over.
        u64,
    ),
    /// It has no signature, or too many.
    #[error("{0} signatures where a sidecar holds 1 to {MAX_ENTRIES}")]
    EntryCount(u32),
    /// What it says of a signature has an impossible length, or one that does not fit.
    #[error("the claim of signature {entry} has {len} bytes, not a multiple of {CLAIM_ALIGN} from {min} to {max}")]
    ClaimLen {
        /// Which signature.
        entry: usize,
        /// How many bytes it says that its claim has.
        len: u32,
        /// The least that are possible.
        min: usize,
        /// The most that are possible: the limit, or what there is.
        max: usize,
    },
    /// The block length of a signature is impossible.
    #[error("signature {entry} has an impossible block length")]
    BlockLen {
        /// Which signature.
        entry: usize,
        /// What is wrong with it.
        source: BadBlockLen,
    },
    /// A signature has too many blocks.
    #[error("signature {entry} claims {blocks} blocks where at most {MAX_BLOCKS} are allowed")]
    TooManyBlocks {
        /// Which signature.
        entry: usize,
        /// How many blocks it claims.
        blocks: u64,
    },
    /// An ETag is too long.
    #[error("the ETag of signature {entry} has {len} bytes where at most {MAX_ETAG_LEN} are allowed")]
    EtagLen {
        /// Which signature.
        entry: usize,
        /// The length of its ETag in bytes.
        len: u32,
    },
    /// An ETag is not UTF-8.
    #[error("the ETag of signature {entry} is not UTF-8 from byte {valid} on")]
    EtagText {
        /// Which signature.
        entry: usize,
        /// How many of its bytes are.
        valid: usize,
    },
    /// The padding behind an ETag is not zero.
    #[error("the padding in the claim of signature {entry} is not zero")]
    Padding {
        /// Which signature.
        entry: usize,
    },
    /// There are not as many sums as the signatures together claim blocks.
    #[error("{found} bytes of sums where {blocks} blocks have {}", .blocks * SUMS_LEN as u64)]
    SumsLen {
        /// How many blocks all signatures together claim.
        blocks: u64,
        /// How many bytes there are for their sums.
        found: u64,
    },
    /// A signature does not prove itself.
    #[error("signature {entry} does not prove itself")]
    Proof {
        /// Which signature.
        entry: usize,
        /// What is wrong with it.
        source: SignatureError,
    },
}

/// Why a sidecar gives no signature for an object. The sync says so in a warning, and uploads the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The bytes are no good sidecar.
    #[error(transparent)]
    Bad(#[from] DecodeError),
    /// They are, but of other objects, or of other versions of this one.
    #[error(transparent)]
    Foreign(#[from] Mismatch),
}

/// The signature of `object` out of the `bytes` of a sidecar. It has proved itself, and only it has been decoded.
pub fn signature_for(bytes: &[u8], object: &ObjectIdentity) -> Result<Signature, Refusal> {
    Sidecar::decode(bytes)?.signature_for(object)
}

/// A sidecar whose frame, checksum and claims are good. Its signatures are decoded, and prove themselves, one by one
/// when they are asked for: a sidecar that holds `[new, old]` is as large as both, and only one of them is of use.
#[derive(Debug, Clone)]
pub struct Sidecar<'a> {
    /// 1 to [`MAX_ENTRIES`].
    claims: Vec<Claim>,
    /// The sums of all signatures, one after the other: as many as all claims together have blocks.
    sums: &'a [[u8; SUMS_LEN]],
}

impl<'a> Sidecar<'a> {
    /// Looks at everything but the sums. Allocates the claims only: a few kilobytes, whatever the bytes say.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (entries, mut rest) = unframe(bytes)?;
        // `entries` is at most `MAX_ENTRIES`.
        let claims = (0..entries).map(|entry| take_claim(entry, &mut rest)).collect::<Result<Vec<_>, _>>()?;
        // At most `MAX_ENTRIES * MAX_BLOCKS`: far from an overflow.
        let blocks: u64 = claims.iter().map(Claim::blocks).sum();
        let (sums, odd) = rest.0.as_chunks::<SUMS_LEN>();
        if sums.len() as u64 != blocks || !odd.is_empty() {
            return Err(DecodeError::SumsLen { blocks, found: rest.0.len() as u64 });
        }
        Ok(Self { claims, sums })
    }

    /// What the sidecar says of its signatures, in its order. There is at least one.
    pub fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// The signature that the claim number `entry` is of (from 0, below the number of [`claims`](Self::claims)), if
    /// it proves itself. Allocates 40 bytes a block, never more than there are in the sidecar.
    ///
    /// # Panics
    ///
    /// If there is no such claim.
    pub fn signature(&self, entry: usize) -> Result<Signature, DecodeError> {
        let claim = &self.claims[entry];
        // Both fit into usize: `decode` has seen that there are as many sums.
        let first = self.claims[..entry].iter().map(Claim::blocks).sum::<u64>() as usize;
        let sums = &self.sums[first..first + claim.blocks() as usize];
        let blocks = sums.iter().map(block_sum).collect();
        Signature::new(claim.block_len, claim.len, blocks, claim.blake3, claim.crc64nvme)
            .map_err(|source| DecodeError::Proof { entry, source })
    }

    /// The signature of `object`, if one that the sidecar claims to be it proves itself. The rule is
    /// [`Claim::difference`]; where two claims are about the object (equal content), it is the first.
    pub fn signature_for(&self, object: &ObjectIdentity) -> Result<Signature, Refusal> {
        let mut differences = Vec::new();
        for (entry, claim) in self.claims.iter().enumerate() {
            match claim.difference(object) {
                None => return Ok(self.signature(entry)?),
                Some(difference) => differences.push(difference),
            }
        }
        Err(Mismatch(differences).into())
    }
}

/// Checks what is around a sidecar: how it begins, its version, its length and its checksum. Gives the number of
/// entries, and the bytes of claims and sums.
fn unframe(bytes: &[u8]) -> Result<(usize, Bytes<'_>), DecodeError> {
    // A piece of the magic is a truncated sidecar, anything else is none.
    let seen = bytes.len().min(MAGIC.len());
    if bytes[..seen] != MAGIC[..seen] {
        return Err(DecodeError::NotASidecar);
    }
    let found = bytes.len() as u64;
    let truncated = DecodeError::Truncated { expected: (HEADER_LEN + CHECKSUM_LEN) as u64, found };

    let mut rest = Bytes(&bytes[seen..]);
    let version = rest.u32().ok_or(truncated)?;
    match version {
        0 => return Err(DecodeError::NotASidecar),
        VERSION => {}
        // Before anything else is looked at: all that follows may have another meaning.
        _ => return Err(DecodeError::NewerVersion(version)),
    }
    let entries = rest.u32().ok_or(truncated)?;
    let expected = rest.u64().ok_or(truncated)?;
    let (body, checksum) = rest.0.split_last_chunk::<CHECKSUM_LEN>().ok_or(truncated)?;
    if found < expected {
        return Err(DecodeError::Truncated { expected, found });
    }
    if found > expected {
        return Err(DecodeError::TrailingBytes { expected, found });
    }
    let covered = &bytes[..bytes.len() - CHECKSUM_LEN];
    if blake3::hash(covered) != *checksum {
        return Err(DecodeError::Checksum(covered.len() as u64));
    }
    match usize::try_from(entries) {
        Ok(count) if (1..=MAX_ENTRIES).contains(&count) => Ok((count, Bytes(body))),
        _ => Err(DecodeError::EntryCount(entries)),
    }
}

/// Takes the claim of signature `entry` from the front of `rest`.
fn take_claim(entry: usize, rest: &mut Bytes<'_>) -> Result<Claim, DecodeError> {
    let max = rest.0.len().min(MAX_CLAIM_LEN);
    let bad_len = |len, min| DecodeError::ClaimLen { entry, len, min, max };

    let mut claim = Bytes(rest.0);
    let len = claim.u32().ok_or(bad_len(0, claim_len(0)))?;
    let short = bad_len(len, claim_len(0));
    let claimed = usize::try_from(len).ok().filter(|len| len.is_multiple_of(CLAIM_ALIGN) && *len <= max);
    (claim.0, rest.0) = claimed.and_then(|len| rest.0.split_at_checked(len)).ok_or(short)?;
    claim.u32();

    let block_len = claim.u32().ok_or(short)?;
    let object_len = claim.u64().ok_or(short)?;
    let crc64nvme = claim.u64().ok_or(short)?;
    let blake3 = claim.array().ok_or(short)?;
    let etag_len = claim.u32().ok_or(short)?;

    let block_len = BlockLen::new(u64::from(block_len)).map_err(|source| DecodeError::BlockLen { entry, source })?;
    let blocks = block_len.count(object_len);
    if blocks > MAX_BLOCKS {
        return Err(DecodeError::TooManyBlocks { entry, blocks });
    }
    let etag = match usize::try_from(etag_len) {
        Ok(len) if len <= MAX_ETAG_LEN => len,
        _ => return Err(DecodeError::EtagLen { entry, len: etag_len }),
    };
    let known = claim_len(etag);
    // What a later version adds stands behind what this one knows, and is skipped.
    let (etag, padding) = (claim.0.split_at_checked(etag))
        .and_then(|(etag, rest)| Some((etag, rest.get(..known - CLAIM_FIXED_LEN - etag.len())?)))
        .ok_or(bad_len(len, known))?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(DecodeError::Padding { entry });
    }
    let etag = str::from_utf8(etag).map_err(|error| DecodeError::EtagText { entry, valid: error.valid_up_to() })?;
    let etag = (!etag.is_empty()).then(|| etag.to_owned());
    Ok(Claim { block_len, len: object_len, blake3, crc64nvme, etag })
}

/// The two sums of a block.
fn block_sum(bytes: &[u8; SUMS_LEN]) -> BlockSum {
    let mut weak = [0; 8];
    let mut strong = [0; 32];
    weak.copy_from_slice(&bytes[..8]);
    strong.copy_from_slice(&bytes[8..]);
    BlockSum { weak: WeakSum(u64::from_le_bytes(weak)), strong: StrongSum(strong) }
}

/// Bytes that are taken from the front; `None` where there are not enough.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
