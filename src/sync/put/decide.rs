//! What follows from what the store has. Pure: the same state gives the same step, for a dry run and a real one.

use crate::store::{ObjectInfo, StorageTier};

/// How to find out whether and how the file differs from the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// Scan it against the object's signature.
    Scan,
    /// Compute its CRC64NVME, which the store reports of the object: equal means unchanged.
    Checksum,
    /// Nothing can be known, or need be: upload it whole.
    Whole,
}

/// How a file of `len` bytes is compared with what the store has.
pub(crate) fn comparison(len: u64, object: Option<&ObjectInfo>, has_signature: bool) -> Comparison {
    match object {
        None => Comparison::Whole,
        Some(_) if has_signature => Comparison::Scan,
        Some(object) if object.len == len && object.crc64nvme.is_some() => Comparison::Checksum,
        Some(_) => Comparison::Whole,
    }
}

/// Whether copying from the object costs money that the user may not expect: the storage class that bills it.
pub(crate) fn billed_tier(object: &ObjectInfo) -> Option<&str> {
    match &object.tier {
        StorageTier::Infrequent(class) => Some(class),
        StorageTier::Standard | StorageTier::Archived(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Attributes, ETag};

    fn object(len: u64, crc64nvme: Option<u64>) -> ObjectInfo {
        ObjectInfo {
            len,
            etag: ETag::new("e"),
            crc64nvme,
            modified: None,
            tier: StorageTier::Standard,
            attributes: Attributes::default(),
            tag_count: 0,
            encryption_differs: false,
        }
    }

    #[test]
    fn the_state_decides() {
        assert_eq!(comparison(5, None, false), Comparison::Whole);
        assert_eq!(comparison(5, Some(&object(9, None)), true), Comparison::Scan);
        assert_eq!(comparison(5, Some(&object(5, Some(1))), false), Comparison::Checksum);
        assert_eq!(comparison(5, Some(&object(9, Some(1))), false), Comparison::Whole);
        assert_eq!(comparison(5, Some(&object(5, None)), false), Comparison::Whole);
    }
}
