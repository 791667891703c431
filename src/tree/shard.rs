//! Which of several runs a key belongs to, the same on every machine.

use std::str::FromStr;

use thiserror::Error;

/// One of `of` parts that a tree is cut into by the names of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

/// Why a text names no shard.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no I/N with I from 1 to N, like 2/8")]
pub struct BadShard(String);

impl Shard {
    /// Its number, from 1, and how many there are.
    pub const fn numbers(self) -> (u32, u32) {
        (self.index, self.of)
    }

    /// Whether a file of this name below the source is this shard's: by the first 8 bytes of the name's BLAKE3 hash, so
    /// that it depends on nothing else.
    pub fn holds(self, relative: &str) -> bool {
        let mut first = [0; 8];
        first.copy_from_slice(&blake3::hash(relative.as_bytes()).as_bytes()[..8]);
        u64::from_le_bytes(first) % u64::from(self.of) == u64::from(self.index - 1)
    }
}

impl FromStr for Shard {
    type Err = BadShard;

    fn from_str(text: &str) -> Result<Self, BadShard> {
        let bad = || BadShard(text.to_owned());
        let (index, of) = text.split_once('/').ok_or_else(bad)?;
        let (index, of) = (index.parse().map_err(|_| bad())?, of.parse().map_err(|_| bad())?);
        if index == 0 || index > of { Err(bad()) } else { Ok(Self { index, of }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_belongs_to_exactly_one_shard() {
        let shards: Vec<Shard> = (1..=7).map(|i| format!("{i}/7").parse().expect("a shard")).collect();
        let mut sizes = [0; 7];
        for n in 0..7000 {
            let name = format!("folder/file-{n}");
            let holders: Vec<usize> = (0..7).filter(|&i| shards[i].holds(&name)).collect();
            assert_eq!(holders.len(), 1, "{name}");
            sizes[holders[0]] += 1;
        }
        assert!(sizes.iter().all(|size| (800..1200).contains(size)), "{sizes:?}");
    }

    /// `printf 'a/b.txt' | b3sum` begins with 27ee88c422a99a0f: another machine, another version, the same shard.
    #[test]
    fn the_rule_is_fixed() {
        assert!("8/16".parse::<Shard>().expect("a shard").holds("a/b.txt"));
        assert!("1/1".parse::<Shard>().expect("a shard").holds(""));
    }

    #[test]
    fn what_is_no_shard_says_so() {
        for text in ["", "1", "0/2", "3/2", "1/0", "a/b", "-1/2", "1/2/3", "1/ 2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/8".parse::<Shard>().map(Shard::numbers), Ok((2, 8)));
    }
}
