//! What identifies and describes an object: keys, ETags, metadata, conditions.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

/// The longest key in bytes of UTF-8 (S3 user guide, "Naming Amazon S3 objects").
pub(super) const MAX_KEY_LEN: usize = 1024;

/// The key of an object: 1 to 1,024 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadKey {
    /// It has no bytes.
    #[error("the object key is empty")]
    Empty,
    /// It has more bytes than a store takes.
    #[error("the object key is {0} bytes long, stores take at most {MAX_KEY_LEN}")]
    TooLong(usize),
}

impl ObjectKey {
    /// The key `text`, if a store can hold it.
    pub fn new(text: impl Into<String>) -> Result<Self, BadKey> {
        let text = text.into();
        match text.len() {
            0 => Err(BadKey::Empty),
            1..=MAX_KEY_LEN => Ok(Self(text)),
            len => Err(BadKey::TooLong(len)),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This key with `suffix` behind it.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, BadKey> {
        Self::new(format!("{}{suffix}", self.0))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tag that a store gives to one version of an object. Opaque: only equality means something. Held without quotes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// The tag as a store wrote it, in quotes or not, weak or not.
    pub fn new(text: &str) -> Self {
        Self(text.strip_prefix("W/").unwrap_or(text).trim_matches('"').to_owned())
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag in quotes, as conditions want it.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// The 16 bytes of an ETag that has the form of an MD5.
    pub fn as_md5(&self) -> Option<[u8; 16]> {
        if self.0.len() != 32 || !self.0.is_ascii() {
            return None;
        }
        let mut md5 = [0; 16];
        for (byte, digits) in md5.iter_mut().zip(self.0.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(md5)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ETag({})", self.0)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What reading an object's bytes costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageTier {
    /// Nothing beside the request.
    Standard,
    /// A fee on every byte read or copied, and an early-delete fee when it is replaced. Holds the store's name of it.
    Infrequent(String),
    /// It cannot be read or copied until it is restored. Holds the store's name of it.
    Archived(String),
}

/// What a store says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Bytes.
    pub len: u64,
    /// The tag of this version.
    pub etag: ETag,
    /// The CRC64NVME of the whole, where the store reports one.
    pub crc64nvme: Option<u64>,
    /// When it was written, in seconds since 1970, by the store's clock.
    pub modified: Option<i64>,
    /// What reading it costs.
    pub tier: StorageTier,
    /// What was set on it, as far as HEAD tells: no tags, no ACL.
    pub attributes: Attributes,
    /// How many tags it has; 0 also where the credentials may not read them.
    pub tag_count: u32,
    /// Whether it is encrypted in another way than new objects are to be. `false` where nothing was asked for.
    pub encryption_differs: bool,
}

/// What is set on an object when it is written: a multipart upload inherits nothing from the object that it replaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The media type.
    pub content_type: Option<String>,
    /// What caches may do with it.
    pub cache_control: Option<String>,
    /// How the bytes are encoded beyond their media type: `gzip`.
    pub content_encoding: Option<String>,
    /// How a browser shows it: `attachment; filename=..`.
    pub content_disposition: Option<String>,
    /// Its language.
    pub content_language: Option<String>,
    /// User metadata, names in lower case.
    pub metadata: BTreeMap<String, String>,
    /// The store's name of the storage class; `None` is the default one, which a store also reports as none.
    pub storage_class: Option<String>,
    /// Tags; where there are none, none are sent.
    pub tags: BTreeMap<String, String>,
    /// A canned ACL. Only sent where it is set: buckets refuse ACLs by default.
    pub acl: Option<String>,
}

/// When a write may take place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Whatever lies there.
    Always,
    /// Nothing lies there.
    Absent,
    /// This version lies there.
    Unchanged(ETag),
}

impl Condition {
    /// The condition that the object is still what `info` says, absence included.
    pub fn still(info: Option<&ObjectInfo>) -> Self {
        info.map_or(Self::Absent, |info| Self::Unchanged(info.etag.clone()))
    }
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub len: u64,
    /// The tag of its version.
    pub etag: ETag,
    /// When it was written, in seconds since 1970, by the store's clock.
    pub modified: Option<i64>,
}

/// Where a page of a listing begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListFrom {
    /// At the first key of the prefix.
    Start,
    /// Behind this key, which does not have to exist.
    After(String),
    /// Where a page ended: its [`ListPage::next`].
    Page(String),
}

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Objects in the byte order of their keys. May be empty although more follow.
    pub entries: Vec<ListEntry>,
    /// The store's token for the next page; `None` on the last.
    pub next: Option<String>,
}

/// An object to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// Its key.
    pub key: ObjectKey,
    /// The only version that may be deleted, where the store checks that ([`Store::is_proven`](super::Store::is_proven)).
    pub etag: ETag,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_lose_their_quotes() {
        for text in ["\"abc-2\"", "abc-2", "W/\"abc-2\""] {
            assert_eq!(ETag::new(text).as_str(), "abc-2");
        }
        assert_eq!(ETag::new("abc").quoted(), "\"abc\"");
    }

    #[test]
    fn only_a_plain_md5_is_an_md5() {
        assert_eq!(ETag::new("d41d8cd98f00b204e9800998ecf8427e").as_md5().map(|md5| md5[0]), Some(0xd4));
        for text in [
            "d41d8cd98f00b204e9800998ecf8427e-3",
            "",
            "zz1d8cd98f00b204e9800998ecf8427e",
            "é1d8cd98f00b204e9800998ecf8427",
        ] {
            assert_eq!(ETag::new(text).as_md5(), None, "{text}");
        }
    }

    #[test]
    fn keys_have_one_to_1024_bytes() {
        assert_eq!(ObjectKey::new(""), Err(BadKey::Empty));
        assert!(ObjectKey::new("é".repeat(512)).is_ok());
        assert_eq!(ObjectKey::new("é".repeat(513)), Err(BadKey::TooLong(1026)));
    }
}
