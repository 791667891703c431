//! The index of a prefix: what the objects below it hold, so that a listing alone shows which of them are still the same.
//!
//! Pure, like the rest of the module: it does not fetch or store an index, and it proves nothing. An entry counts for the
//! version of an object that it was made of, and says only what whoever wrote the index believed.
//!
//! An entry does not name its object. It has a hash of the relative key, the ETag and the length, and can be found by who
//! knows all three from a listing. So all entries are equally long and are looked up where they lie, in the bytes that
//! were fetched.

use thiserror::Error;

use super::format::SUFFIX;

/// The media type that an index is stored with.
pub const INDEX_CONTENT_TYPE: &str = "application/vnd.hugesync.hssig-index";
/// The most entries that an index holds.
pub const MAX_INDEX_ENTRIES: u64 = 8_000_000;
/// The longest index in bytes: what is longer is not worth fetching, or hostile.
pub const MAX_INDEX_LEN: u64 = (HEADER_LEN + CHECKSUM_LEN) as u64 + MAX_INDEX_ENTRIES * ENTRY_LEN as u64;

/// How an index begins: as a sidecar does, but for the letters.
const MAGIC: [u8; 8] = *b"\x89hsidx\r\n";
/// The version of the format that this program writes, and the highest that it reads.
const VERSION: u32 = 1;
/// Magic, version (u32), zeros (u32), number of entries (u64).
const HEADER_LEN: usize = 24;
/// Identity (16 bytes), content (16 bytes), attributes (u64).
const ENTRY_LEN: usize = IDENTITY_LEN + 24;
const IDENTITY_LEN: usize = 16;
/// The BLAKE3 hash of everything before it.
const CHECKSUM_LEN: usize = 32;
/// What keeps identities apart from other BLAKE3 hashes (the context of its key derivation mode).
const IDENTITY_CONTEXT: &str = "hugesync 2026-11 hssig index v1 identity";

/// Why bytes are no index, or no good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IndexError {
    /// It does not begin as an index does.
    #[error("it does not begin as an index does")]
    NotAnIndex,
    /// Its version of the format is one that this program does not know.
    #[error("made by a newer hugesync: index version {0}, and this one reads up to version {VERSION}")]
    NewerVersion(u32),
    /// The reserved bytes of the header are not zero.
    #[error("the reserved bytes of the header are {0:#x} and not zero")]
    Reserved(u32),
    /// It claims more entries than an index holds.
    #[error("{0} entries where an index holds at most {MAX_INDEX_ENTRIES}")]
    TooManyEntries(u64),
    /// It ends too early.
    #[error("truncated: {found} of {expected} bytes")]
    Truncated {
        /// How many bytes there should be (at least).
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// It goes on after its end.
    #[error("{found} bytes where the index says that it has {expected}")]
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
    /// The identity of an entry is not above that of the one before it.
    #[error("entry {0} is not above the one before it")]
    Order(
        /// Which entry, from 0.
        u64,
    ),
}

/// What is remembered of one version of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// The first 16 bytes of the BLAKE3 hash of its content.
    pub content: [u8; 16],
    /// A fingerprint of the attributes that it was written with. Opaque here.
    pub attributes: u64,
}

/// An index that was read.
#[derive(Clone)]
pub struct Index {
    /// Header and entries, ascending by identity; the checksum is gone.
    bytes: Vec<u8>,
}

impl Index {
    /// Reads an index, whoever wrote it. Allocates as many bytes as there are.
    pub fn decode(bytes: &[u8]) -> Result<Self, IndexError> {
        Self::from_vec(bytes.to_vec())
    }

    /// Reads an index in place: what was fetched is kept, and nothing is allocated.
    pub fn from_vec(mut bytes: Vec<u8>) -> Result<Self, IndexError> {
        let covered = check_frame(&bytes)?;
        bytes.truncate(covered);
        let index = Self { bytes };
        let entries = index.entries();
        match (1..entries.len()).find(|&at| entries[at - 1][..IDENTITY_LEN] >= entries[at][..IDENTITY_LEN]) {
            Some(at) => Err(IndexError::Order(at as u64)),
            None => Ok(index),
        }
    }

    /// What is remembered of the object at `relative` (its key behind the prefix), if the version that was remembered has
    /// this `etag` (without quotes) and `len` in bytes.
    pub fn get(&self, relative: &str, etag: &str, len: u64) -> Option<Remembered> {
        let wanted = identity(relative, etag, len);
        let entries = self.entries();
        let at = entries.binary_search_by(|entry| entry[..IDENTITY_LEN].cmp(&wanted)).ok()?;
        let (content, attributes) = entries[at][IDENTITY_LEN..].split_first_chunk()?;
        Some(Remembered { content: *content, attributes: u64::from_le_bytes(*attributes.first_chunk()?) })
    }

    /// How many versions of objects it remembers.
    pub fn len(&self) -> u64 {
        self.entries().len() as u64
    }

    /// Whether it remembers nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entries(&self) -> &[[u8; ENTRY_LEN]] {
        self.bytes[HEADER_LEN..].as_chunks().0
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({} entries)", self.len())
    }
}

/// Checks what is around the entries: magic, version, number, length and checksum. Gives the length without the checksum.
fn check_frame(bytes: &[u8]) -> Result<usize, IndexError> {
    // A piece of the magic is a truncated index, anything else is none.
    let seen = bytes.len().min(MAGIC.len());
    if bytes[..seen] != MAGIC[..seen] {
        return Err(IndexError::NotAnIndex);
    }
    let found = bytes.len() as u64;
    let short = IndexError::Truncated { expected: (HEADER_LEN + CHECKSUM_LEN) as u64, found };
    let u32_at =
        |at: usize| bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|&field| u32::from_le_bytes(field));
    match u32_at(8).ok_or(short)? {
        0 => return Err(IndexError::NotAnIndex),
        VERSION => {}
        // Before anything else is looked at: all that follows may have another meaning.
        newer => return Err(IndexError::NewerVersion(newer)),
    }
    let reserved = u32_at(12).ok_or(short)?;
    let count =
        bytes.get(16..).and_then(|rest| rest.first_chunk()).map(|&field| u64::from_le_bytes(field)).ok_or(short)?;
    if reserved != 0 {
        return Err(IndexError::Reserved(reserved));
    }
    if count > MAX_INDEX_ENTRIES {
        return Err(IndexError::TooManyEntries(count));
    }
    let expected = (HEADER_LEN + CHECKSUM_LEN) as u64 + count * ENTRY_LEN as u64;
    if found < expected {
        return Err(IndexError::Truncated { expected, found });
    }
    if found > expected {
        return Err(IndexError::TrailingBytes { expected, found });
    }
    let (covered, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(short)?;
    if blake3::hash(covered) != *checksum {
        return Err(IndexError::Checksum(covered.len() as u64));
    }
    Ok(covered.len())
}

/// What an entry is found by: 16 bytes of a hash of lengths and texts, so that no two triples are the same bytes.
fn identity(relative: &str, etag: &str, len: u64) -> [u8; IDENTITY_LEN] {
    let mut hasher = blake3::Hasher::new_derive_key(IDENTITY_CONTEXT);
    hasher.update(&len.to_le_bytes());
    hasher.update(&(relative.len() as u64).to_le_bytes());
    hasher.update(relative.as_bytes());
    hasher.update(etag.as_bytes());
    let mut identity = [0; IDENTITY_LEN];
    identity.copy_from_slice(&hasher.finalize().as_bytes()[..IDENTITY_LEN]);
    identity
}

/// An index that is being written, 40 bytes an entry.
#[derive(Debug, Clone, Default)]
pub struct IndexBuilder {
    entries: Vec<[u8; ENTRY_LEN]>,
}

impl IndexBuilder {
    /// Remembers that the version `etag` (without quotes) of the object at `relative`, `len` bytes long, has the BLAKE3
    /// hash `content` and the `attributes`.
    pub fn add(&mut self, relative: &str, etag: &str, len: u64, content: &[u8; 32], attributes: u64) {
        let mut short = [0; 16];
        short.copy_from_slice(&content[..16]);
        self.keep(relative, etag, len, Remembered { content: short, attributes });
    }

    /// Remembers what an older index remembered of the same version.
    pub fn keep(&mut self, relative: &str, etag: &str, len: u64, remembered: Remembered) {
        let mut entry = [0; ENTRY_LEN];
        entry[..IDENTITY_LEN].copy_from_slice(&identity(relative, etag, len));
        entry[IDENTITY_LEN..][..16].copy_from_slice(&remembered.content);
        entry[IDENTITY_LEN + 16..].copy_from_slice(&remembered.attributes.to_le_bytes());
        self.entries.push(entry);
    }

    /// Goes on remembering all that an older index remembers of versions that have not been added.
    pub fn keep_all(&mut self, older: &Index) {
        let mut entries: Vec<[u8; ENTRY_LEN]> = older.entries().to_vec();
        // What was added last counts.
        entries.append(&mut self.entries);
        self.entries = entries;
    }

    /// How many entries were added.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of the index. Of a version that was added more than once the last counts. Of more than
    /// [`MAX_INDEX_ENTRIES`] those with the lowest identities are kept: any choice is as good, an index is never needed.
    pub fn encode(self) -> Vec<u8> {
        self.encode_within(MAX_INDEX_ENTRIES as usize)
    }

    fn encode_within(mut self, most: usize) -> Vec<u8> {
        // Stable: what was added last stands last among its equals, and first when they are turned round.
        self.entries.reverse();
        self.entries.sort_by(|one, other| one[..IDENTITY_LEN].cmp(&other[..IDENTITY_LEN]));
        self.entries.dedup_by(|later, kept| later[..IDENTITY_LEN] == kept[..IDENTITY_LEN]);
        self.entries.truncate(most);

        let mut out = Vec::with_capacity(HEADER_LEN + self.entries.len() * ENTRY_LEN + CHECKSUM_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&0u32.to_le_bytes());
        out.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        out.extend_from_slice(self.entries.as_flattened());
        let checksum = blake3::hash(&out);
        out.extend_from_slice(checksum.as_bytes());
        out
    }
}

/// The key of the index of a prefix; `prefix` is empty or ends with a slash. `shard` is the number of a job (from 1) and
/// how many there are.
pub fn index_key(prefix: &str, shard: Option<(u32, u32)>) -> String {
    match shard {
        None => format!("{prefix}{SUFFIX}"),
        Some((number, of)) => format!("{prefix}.{number}-of-{of}{SUFFIX}"),
    }
}

/// Whether the last component of a key is the name of an index: `.hssig`, `.2-of-8.hssig`.
pub fn is_index_name(last_component: &str) -> bool {
    let Some(stem) = last_component.strip_suffix(SUFFIX) else { return false };
    if stem.is_empty() {
        return true;
    }
    // As it is written, and no other way: no sign, no leading zero.
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| number.to_string() == text);
    let parts = stem.strip_prefix('.').and_then(|stem| stem.split_once("-of-"));
    parts.is_some_and(|(shard, of)| match (number(shard), number(of)) {
        (Some(shard), Some(of)) => (1..=of).contains(&shard),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn small() -> Vec<u8> {
        let mut builder = IndexBuilder::default();
        builder.add("a", "1", 1, &[1; 32], 11);
        builder.add("b", "2", 2, &[2; 32], 12);
        builder.add("c", "3", 3, &[3; 32], 13);
        builder.encode()
    }

    /// `bytes` with a checksum that is right.
    fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
        let (covered, checksum) = bytes.split_last_chunk_mut::<CHECKSUM_LEN>().unwrap();
        *checksum = *blake3::hash(covered).as_bytes();
        bytes
    }

    fn sealed_with(at: usize, field: &[u8]) -> Vec<u8> {
        let mut bytes = small();
        bytes[at..at + field.len()].copy_from_slice(field);
        seal(bytes)
    }

    #[test]
    fn an_entry_counts_for_one_key_one_etag_and_one_length() {
        let index = Index::decode(&small()).unwrap();
        assert_eq!(index.len(), 3);
        assert_eq!(index.get("b", "2", 2), Some(Remembered { content: [2; 16], attributes: 12 }));
        for (relative, etag, len) in [("a", "2", 2), ("b", "1", 2), ("b", "2", 1), ("b2", "", 2), ("", "b2", 2)] {
            assert_eq!(index.get(relative, etag, len), None);
        }
    }

    #[test]
    fn texts_that_join_to_the_same_are_told_apart() {
        let mut builder = IndexBuilder::default();
        builder.add("ab", "c", 1, &[1; 32], 0);
        let index = Index::decode(&builder.encode()).unwrap();
        assert!(index.get("ab", "c", 1).is_some());
        assert!(index.get("a", "bc", 1).is_none());
        assert!(index.get("abc", "", 1).is_none());
    }

    #[test]
    fn the_last_of_equals_counts() {
        let mut builder = IndexBuilder::default();
        builder.add("a", "1", 1, &[1; 32], 1);
        builder.add("a", "1", 1, &[2; 32], 2);
        assert_eq!(builder.len(), 2);
        let index = Index::decode(&builder.encode()).unwrap();
        assert_eq!(index.len(), 1);
        assert_eq!(index.get("a", "1", 1), Some(Remembered { content: [2; 16], attributes: 2 }));
    }

    #[test]
    fn too_many_entries_are_left_out() {
        let mut builder = IndexBuilder::default();
        (0..100).for_each(|number: u64| builder.add(&number.to_string(), "", number, &[0; 32], number));
        let index = Index::decode(&builder.encode_within(10)).unwrap();
        assert_eq!((0..100).filter(|number| index.get(&number.to_string(), "", *number).is_some()).count(), 10);
        assert_eq!(index.len(), 10);
    }

    #[test]
    fn nothing_is_an_index_of_nothing() {
        let bytes = IndexBuilder::default().encode();
        assert_eq!(bytes.len(), HEADER_LEN + CHECKSUM_LEN);
        assert!(Index::decode(&bytes).unwrap().is_empty());
    }

    #[test]
    fn each_damage_has_its_own_message() {
        let good = small();
        let len = good.len() as u64;
        let refused = |bytes: &[u8]| Index::decode(bytes).unwrap_err();
        assert_eq!(refused(b"no index"), IndexError::NotAnIndex);
        assert_eq!(refused(b"\x89hssig\r\n\x01\0\0\0"), IndexError::NotAnIndex);
        assert_eq!(refused(&sealed_with(8, &[0])), IndexError::NotAnIndex);
        assert_eq!(refused(&sealed_with(8, &[2])), IndexError::NewerVersion(2));
        assert_eq!(refused(&sealed_with(12, &[1])), IndexError::Reserved(1));
        assert_eq!(refused(&sealed_with(16, &[0xff; 8])), IndexError::TooManyEntries(u64::MAX));
        assert_eq!(refused(&sealed_with(16, &[4])), IndexError::Truncated { expected: len + 40, found: len });
        assert_eq!(refused(&sealed_with(16, &[2])), IndexError::TrailingBytes { expected: len - 40, found: len });
        let mut damaged = good.clone();
        damaged[100] ^= 1;
        assert_eq!(refused(&damaged), IndexError::Checksum(len - 32));
        let [first, second]: [[u8; ENTRY_LEN]; 2] = [24, 64].map(|at| good[at..at + ENTRY_LEN].try_into().unwrap());
        assert_eq!(refused(&sealed_with(24, &second)), IndexError::Order(1), "twice the same");
        let mut swapped = good.clone();
        swapped[24..64].copy_from_slice(&second);
        swapped[64..104].copy_from_slice(&first);
        assert_eq!(refused(&seal(swapped)), IndexError::Order(1));
    }

    #[test]
    fn what_is_cut_off_is_refused_at_every_length() {
        let good = small();
        for len in 0..good.len() {
            assert!(matches!(Index::decode(&good[..len]), Err(IndexError::Truncated { .. })), "{len}");
        }
    }

    #[test]
    fn the_longest_index_has_320_megabytes() {
        assert_eq!(MAX_INDEX_LEN, 320_000_056);
    }

    #[test]
    fn keys_of_indexes_are_index_names() {
        assert_eq!(index_key("site/", None), "site/.hssig");
        assert_eq!(index_key("", None), ".hssig");
        assert_eq!(index_key("site/", Some((2, 8))), "site/.2-of-8.hssig");
        for name in [".hssig", ".1-of-1.hssig", ".2-of-8.hssig", ".4294967295-of-4294967295.hssig"] {
            assert!(is_index_name(name), "{name}");
        }
        for name in [
            "",
            "hssig",
            "a.hssig",
            "..hssig",
            ".hssig.hssig",
            ".0-of-8.hssig",
            ".9-of-8.hssig",
            ".02-of-8.hssig",
            ".+2-of-8.hssig",
            ".2-of-.hssig",
            "2-of-8.hssig",
            ".2-of-8",
            ".2-of-4294967296.hssig",
        ] {
            assert!(!is_index_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_added_is_found(
            objects in btree_map((".{0,12}", "[0-9a-f\"-]{0,8}", 0u64..4), (any::<[u8; 32]>(), any::<u64>()), 0..40),
            others in vec((".{0,12}", "[0-9a-f\"-]{0,8}", 0u64..4), 0..10),
        ) {
            let mut builder = IndexBuilder::default();
            for ((relative, etag, len), (content, attributes)) in &objects {
                builder.add(relative, etag, *len, content, *attributes);
            }
            let bytes = builder.encode();
            let index = Index::decode(&bytes).unwrap();
            prop_assert_eq!(index.len(), objects.len() as u64);
            let mut again = IndexBuilder::default();
            for ((relative, etag, len), (content, attributes)) in &objects {
                let remembered = index.get(relative, etag, *len).unwrap();
                prop_assert_eq!(&remembered.content[..], &content[..16]);
                prop_assert_eq!(remembered.attributes, *attributes);
                again.keep(relative, etag, *len, remembered);
            }
            prop_assert_eq!(again.encode(), bytes);
            for other in others {
                prop_assert_eq!(index.get(&other.0, &other.1, other.2).is_some(), objects.contains_key(&other));
            }
        }

        #[test]
        fn every_changed_bit_is_refused(
            objects in vec((".{0,8}", any::<u64>()), 0..6),
            place in any::<proptest::sample::Index>(),
        ) {
            let mut builder = IndexBuilder::default();
            objects.iter().for_each(|(relative, len)| builder.add(relative, "e", *len, &[7; 32], *len));
            let mut bytes = builder.encode();
            let bit = place.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Index::decode(&bytes).is_err());
        }

        #[test]
        fn anything_with_a_good_checksum_is_read_without_panic(
            count in prop_oneof![0u64..5, any::<u64>()],
            body in vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &[0; 4], &count.to_le_bytes(), &body].concat();
            bytes.extend([0; CHECKSUM_LEN]);
            let sealed = seal(bytes);
            if let Ok(index) = Index::decode(&sealed) {
                prop_assert_eq!(index.len(), count);
                prop_assert_eq!(index.get("a", "b", 1), None);
            }
        }
    }
}
