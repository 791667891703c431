//! Sizes as people write them: `50MB`, `1.5G`, or a bare number in the option's own unit.
//!
//! Every unit is a power of 1024, with or without an `i` and a `B`, as in the AWS command line and rclone.

use std::num::NonZeroU64;

use parse_size::Config;

use crate::delta::BlockLen;
use crate::sync::MaxDelete;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
/// The shortest block that may be asked for.
const MIN_BLOCK: u64 = 64 * KIB;
/// The longest block that may be asked for, before rounding.
const MAX_BLOCK: u64 = 5120 * KIB;

fn parse(text: &str, unit: u64) -> Result<u64, String> {
    Config::new()
        .with_binary()
        .with_default_factor(unit)
        .parse_size(text)
        .map_err(|error| format!("{error}; write a number with a unit, like 64KB or 1.5GB"))
}

/// The delta threshold in bytes; a bare number is MB.
pub(crate) fn threshold(text: &str) -> Result<u64, String> {
    parse(text, MIB)
}

/// A file's size in bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    parse(text, 1)
}

/// A rate in bytes a second; a bare number is KB, as in rsync.
pub(crate) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let text = text.strip_suffix("/s").unwrap_or(text);
    NonZeroU64::new(parse(text, KIB)?).ok_or_else(|| "at this rate nothing is ever uploaded".to_owned())
}

/// How much may be deleted: `100`, `10%`.
pub(crate) fn max_delete(text: &str) -> Result<MaxDelete, String> {
    let wrong = || "write a number of objects, like 100, or a share of them, like 10%".to_owned();
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent = percent.trim().parse().ok().filter(|percent| *percent <= 100);
            percent.map(MaxDelete::Percent).ok_or_else(wrong)
        }
        None => text.parse().map(MaxDelete::Count).map_err(|_| wrong()),
    }
}

/// A block length that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockSize {
    /// What it is taken for.
    pub(crate) block_len: BlockLen,
    /// What was written, in bytes.
    pub(crate) asked: u64,
}

/// A block length from 64 to 5120 KB; a bare number is KB. What is no power of two is rounded down.
pub(crate) fn block_size(text: &str) -> Result<BlockSize, String> {
    let asked = parse(text, KIB)?;
    if !(MIN_BLOCK..=MAX_BLOCK).contains(&asked) {
        return Err(format!("{asked} bytes are not between 64 KB and 5120 KB"));
    }
    let block_len = BlockLen::new(1 << asked.ilog2()).map_err(|error| error.to_string())?;
    Ok(BlockSize { block_len, asked })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_has_the_options_unit() {
        assert_eq!(threshold("50"), Ok(50 * MIB));
        assert_eq!(threshold("50MB"), Ok(50 * MIB));
        assert_eq!(threshold("1.5 GiB"), Ok(1536 * MIB));
        assert_eq!(threshold("0"), Ok(0));
        assert_eq!(threshold("100B"), Ok(100));
        assert!(threshold("fifty").is_err());
        assert!(threshold("-1").is_err());
    }

    #[test]
    fn rates_and_shares() {
        assert_eq!(rate("100").map(NonZeroU64::get), Ok(100 * KIB));
        assert_eq!(rate("1.5MB/s").map(NonZeroU64::get), Ok(1536 * KIB));
        assert!(rate("0").is_err() && rate("fast").is_err());
        assert_eq!(max_delete("10%"), Ok(MaxDelete::Percent(10)));
        assert_eq!(max_delete("0"), Ok(MaxDelete::Count(0)));
        assert!(["101%", "-1", "", "%", "all"].iter().all(|text| max_delete(text).is_err()));
        assert_eq!((bytes("10"), bytes("1k")), (Ok(10), Ok(KIB)));
    }

    #[test]
    fn block_lengths_are_rounded_down_to_a_power_of_two() {
        for (text, bytes) in [("64", 64 * KIB), ("100", 64 * KIB), ("1M", MIB), ("5120", 4 * MIB), ("65536B", 64 * KIB)]
        {
            assert_eq!(block_size(text).map(|size| size.block_len.bytes()), Ok(bytes), "{text}");
        }
        for text in ["63", "5121", "0", "1G", "x"] {
            assert!(block_size(text).is_err(), "{text}");
        }
    }
}
