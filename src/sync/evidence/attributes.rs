//! What is set on an object beside its bytes: what the user asks for, what a new object gets, in what an old one differs.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::sums::hex;
use super::values::{Order, same_list, same_media_type, same_metadata};
use crate::store::{Attributes, FileAttributes, ObjectInfo};
use crate::sync::options::AttributeRules;
use crate::sync::report::Change;

/// The name of the metadata that holds the file's BLAKE3 hash in hexadecimal digits.
pub(crate) const BLAKE3: &str = "hugesync-blake3";
/// The name of the metadata that holds what a symbolic link points at, percent-encoded: values are ASCII.
pub(crate) const SYMLINK: &str = "hugesync-symlink";
/// The name of the metadata that holds the canned ACL that was asked for: no HEAD tells of ACLs.
const ACL: &str = "hugesync-acl";
/// What is escaped in it, beside everything that is not ASCII.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b' ');
/// The media type of symbolic links (shared MIME database).
const SYMLINK_TYPE: &str = "inode/symlink";
/// What the store names its default class.
const DEFAULT_CLASS: &str = "STANDARD";

/// What the user asks for, for one file. What is not asked for is not compared either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    attributes: Attributes,
    encryption: String,
}

impl Asked {
    /// What `rules` ask for, for a file of this name below the source; a link has a `target`.
    pub(crate) fn of(rules: &AttributeRules, relative: &str, file: &FileAttributes, target: Option<&[u8]>) -> Self {
        let mut metadata = BTreeMap::new();
        let mut set = |name: &str, value: String| metadata.insert(name.to_owned(), value);
        // The forms that rclone writes and reads.
        if rules.preserve.mode {
            set("mode", format!("{:o}", file.mode));
        }
        if rules.preserve.owner {
            set("uid", file.uid.to_string());
            set("gid", file.gid.to_string());
        }
        if rules.preserve.times {
            set("mtime", decimal_seconds(file.mtime, file.mtime_nanos));
        }
        if let Some(target) = target {
            set(SYMLINK, percent_encode(target, ESCAPED).to_string());
        }
        if let Some(acl) = &rules.acl {
            set(ACL, acl.clone());
        }
        let value = |of: &crate::tree::GlobValues| of.get(relative).map(str::to_owned);
        let attributes = Attributes {
            content_type: target.map(|_| SYMLINK_TYPE.to_owned()).or_else(|| value(&rules.content_type)),
            cache_control: value(&rules.cache_control),
            content_encoding: value(&rules.content_encoding),
            content_disposition: value(&rules.content_disposition),
            content_language: value(&rules.content_language),
            metadata,
            storage_class: rules.storage_class.clone(),
            tags: rules.tags.clone(),
            acl: rules.acl.clone(),
        };
        Self { attributes, encryption: rules.encryption.clone() }
    }

    /// Whether anything is.
    pub(crate) fn is_nothing(&self) -> bool {
        self.attributes == Attributes::default() && self.encryption.is_empty()
    }

    /// Whether tags are.
    pub(crate) fn has_tags(&self) -> bool {
        !self.attributes.tags.is_empty()
    }

    /// What a new object gets: what is asked for, a media type by its name, and its hash where that is known by now.
    pub(crate) fn for_new(&self, relative: &str, blake3: Option<&[u8; 32]>) -> Attributes {
        let mut attributes = self.attributes.clone();
        attributes
            .content_type
            .get_or_insert_with(|| mime_guess::from_path(relative).first_or_octet_stream().essence_str().to_owned());
        if let Some(blake3) = blake3 {
            attributes.metadata.insert(BLAKE3.to_owned(), hex(blake3));
        }
        attributes
    }

    /// What an object of the same bytes gets: what it has, overlaid with what is asked for. `tags` are those it has.
    pub(crate) fn over(&self, object: &ObjectInfo, tags: BTreeMap<String, String>) -> Attributes {
        let (ours, mut all) = (self.attributes.clone(), object.attributes.clone());
        let ours_type = ours.content_type.clone();
        let overlay = |theirs: &mut Option<String>, ours: Option<String>| *theirs = ours.or_else(|| theirs.take());
        overlay(&mut all.content_type, ours.content_type);
        overlay(&mut all.cache_control, ours.cache_control);
        overlay(&mut all.content_encoding, ours.content_encoding);
        overlay(&mut all.content_disposition, ours.content_disposition);
        overlay(&mut all.content_language, ours.content_language);
        overlay(&mut all.storage_class, ours.storage_class);
        overlay(&mut all.acl, ours.acl);
        // What was a link once is a file now.
        if all.metadata.remove(SYMLINK).is_some() && all.content_type.as_deref() == Some(SYMLINK_TYPE) {
            all.content_type = ours_type;
        }
        all.metadata.extend(ours.metadata);
        all.tags = if ours.tags.is_empty() { tags } else { ours.tags };
        // An ACL is not copied along, and nobody can ask for that of another canned one.
        if all.acl.is_none() {
            all.acl = all.metadata.get(ACL).cloned();
        }
        all
    }

    /// In what an object differs from what is asked for. `tags` are those it has, where they are asked for.
    pub(crate) fn changes(&self, object: &ObjectInfo, tags: &BTreeMap<String, String>) -> Vec<Change> {
        let (ours, theirs) = (&self.attributes, &object.attributes);
        let mut changes: Vec<Change> = ours
            .metadata
            .iter()
            .filter(|(name, value)| !theirs.metadata.get(*name).is_some_and(|there| same_metadata(name, value, there)))
            .map(|(name, _)| match name.as_str() {
                "mode" => Change::Mode,
                "uid" => Change::Owner,
                "gid" => Change::Group,
                "mtime" => Change::Mtime,
                _ => Change::Attributes,
            })
            .collect();
        let differ = |ours: &Option<String>, theirs: &Option<String>, same: fn(&str, &str) -> bool| {
            ours.as_deref().is_some_and(|ours| !theirs.as_deref().is_some_and(|theirs| same(ours, theirs)))
        };
        let in_any_order = |ours: &str, theirs: &str| same_list(ours, theirs, Order::Any);
        let in_order = |ours: &str, theirs: &str| same_list(ours, theirs, Order::Matters);
        let class = |of: &Attributes| of.storage_class.clone().unwrap_or_else(|| DEFAULT_CLASS.to_owned());
        let others = differ(&ours.content_type, &theirs.content_type, same_media_type)
            || differ(&ours.cache_control, &theirs.cache_control, in_any_order)
            || differ(&ours.content_encoding, &theirs.content_encoding, in_order)
            || differ(&ours.content_disposition, &theirs.content_disposition, |ours, theirs| ours == theirs)
            || differ(&ours.content_language, &theirs.content_language, in_any_order)
            || (ours.storage_class.is_some() && class(ours) != class(theirs))
            || (self.has_tags() && ours.tags != *tags)
            || (theirs.metadata.contains_key(SYMLINK) && !ours.metadata.contains_key(SYMLINK))
            || object.encryption_differs;
        if others {
            changes.push(Change::Attributes);
        }
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    /// A number that is another one when something else is asked for; 0 where nothing is.
    pub(crate) fn fingerprint(&self) -> u64 {
        if self.is_nothing() {
            return 0;
        }
        let mut hasher = blake3::Hasher::new();
        let mut add = |name: &str, value: &str| {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
            hasher.update(&(value.len() as u64).to_le_bytes()).update(value.as_bytes());
        };
        let of = &self.attributes;
        let fields = [
            ("content-type", &of.content_type),
            ("cache-control", &of.cache_control),
            ("content-encoding", &of.content_encoding),
            ("content-disposition", &of.content_disposition),
            ("content-language", &of.content_language),
            ("storage-class", &of.storage_class),
            ("acl", &of.acl),
        ];
        fields.iter().for_each(|(name, value)| add(name, value.as_deref().unwrap_or_default()));
        add("encryption", &self.encryption);
        of.metadata.iter().for_each(|(name, value)| add(name, value));
        of.tags.iter().for_each(|(name, value)| add(&format!("tag {name}"), value));
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first).max(1)
    }
}

/// A time before 1970 has negative seconds and nanoseconds that count forward; as one decimal number, -0.5 s is
/// -1 s + 500,000,000 ns.
fn decimal_seconds(seconds: i64, nanos: u32) -> String {
    if seconds >= 0 || nanos == 0 {
        format!("{seconds}.{nanos:09}")
    } else {
        format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ETag, StorageTier};
    use crate::sync::options::Preserve;

    const FILE: FileAttributes =
        FileAttributes { mode: 0o100_644, uid: 1000, gid: 100, mtime: 1_700_000_000, mtime_nanos: 5, names: 1 };
    const ALL: Preserve = Preserve { mode: true, owner: true, times: true };

    fn asked(rules: &AttributeRules) -> Asked {
        Asked::of(rules, "site/index.html", &FILE, None)
    }

    fn object(attributes: Attributes) -> ObjectInfo {
        ObjectInfo {
            len: 5,
            etag: ETag::new("e"),
            crc64nvme: None,
            modified: None,
            tier: StorageTier::Standard,
            attributes,
            tag_count: 0,
            encryption_differs: false,
        }
    }

    #[test]
    fn names_decide_about_media_types() {
        let nothing = asked(&AttributeRules::default());
        let of = |name| nothing.for_new(name, None).content_type;
        assert_eq!(of("site/index.html").as_deref(), Some("text/html"));
        assert_eq!(of("disk.img").as_deref(), Some("application/octet-stream"));
        assert_eq!(of("no-extension").as_deref(), Some("application/octet-stream"));
        assert!(nothing.is_nothing());
        assert_eq!(nothing.fingerprint(), 0);
    }

    #[test]
    fn metadata_has_rclones_forms() {
        let rules = AttributeRules { preserve: ALL, ..AttributeRules::default() };
        let metadata = asked(&rules).for_new("x", Some(&[0xab; 32])).metadata;
        let expected = [("gid", "100"), ("mode", "100644"), ("mtime", "1700000000.000000005"), ("uid", "1000")];
        for (name, value) in expected {
            assert_eq!(metadata[name], value, "{name}");
        }
        assert_eq!(metadata[BLAKE3], "ab".repeat(32));
        assert_eq!(asked(&AttributeRules::default()).for_new("x", None).metadata.len(), 0);
    }

    #[test]
    fn links_say_where_they_lead() {
        let link = Asked::of(&AttributeRules::default(), "a.html", &FILE, Some("ä/b c".as_bytes()));
        let attributes = link.for_new("a.html", None);
        assert_eq!(attributes.content_type.as_deref(), Some("inode/symlink"));
        assert_eq!(attributes.metadata[SYMLINK], "%C3%A4/b%20c");
    }

    #[test]
    fn only_what_is_asked_for_is_compared() {
        let rules = AttributeRules {
            preserve: ALL,
            storage_class: Some("STANDARD".to_owned()),
            tags: [("team".to_owned(), "a".to_owned())].into(),
            ..AttributeRules::default()
        };
        let asked = asked(&rules);
        let mut there = asked.for_new("x", None);
        there.storage_class = None;
        there.cache_control = Some("no-store".to_owned());
        let tags = rules.tags.clone();
        assert!(asked.changes(&object(there.clone()), &tags).is_empty());
        assert_eq!(asked.changes(&object(there.clone()), &BTreeMap::new()), [Change::Attributes]);
        there.metadata.insert("mode".to_owned(), "100600".to_owned());
        there.metadata.remove("mtime");
        there.storage_class = Some("STANDARD_IA".to_owned());
        let changes = asked.changes(&object(there.clone()), &tags);
        assert_eq!(changes, [Change::Mtime, Change::Mode, Change::Attributes]);
        let merged = asked.over(&object(there), BTreeMap::new());
        assert_eq!(merged.cache_control.as_deref(), Some("no-store"), "what was not asked for stays");
        assert_eq!(merged.metadata["mode"], "100644");
        assert_eq!((merged.storage_class.as_deref(), merged.tags), (Some("STANDARD"), tags));
    }

    /// What rclone 1.75.2 writes of such a file, and what other tools make of the headers.
    #[test]
    fn the_same_value_in_other_words_is_no_change() {
        let rules = AttributeRules {
            preserve: ALL,
            content_type: crate::tree::GlobValues::parse(["text/html; charset=utf-8"]).expect("a value"),
            ..AttributeRules::default()
        };
        let file = FileAttributes { mtime: 1_577_836_800, mtime_nanos: 500_000_000, ..FILE };
        let asked = Asked::of(&rules, "site/index.html", &file, None);
        let mut there = asked.for_new("x", None);
        there.metadata.insert("mtime".to_owned(), "1577836800.5".to_owned());
        there.metadata.insert("mode".to_owned(), "0100644".to_owned());
        there.content_type = Some("text/html;charset=UTF-8".to_owned());
        assert_eq!(asked.changes(&object(there.clone()), &BTreeMap::new()), []);
        there.metadata.insert("mtime".to_owned(), "1577836800.50000001".to_owned());
        assert_eq!(asked.changes(&object(there), &BTreeMap::new()), [Change::Mtime]);
    }

    #[test]
    fn a_fingerprint_tells_what_was_asked_for() {
        let one = AttributeRules { storage_class: Some("A".to_owned()), ..AttributeRules::default() };
        let two = AttributeRules { acl: Some("A".to_owned()), ..AttributeRules::default() };
        let three = AttributeRules { encryption: "A".to_owned(), ..AttributeRules::default() };
        let prints = [&one, &two, &three].map(|rules| asked(rules).fingerprint());
        assert!(prints[0] != prints[1] && prints[1] != prints[2] && prints[0] != prints[2] && !prints.contains(&0));
        assert_eq!(asked(&one).fingerprint(), prints[0]);
    }

    #[test]
    fn times_before_1970_are_one_number() {
        assert_eq!(decimal_seconds(-1, 500_000_000), "-0.500000000");
        assert_eq!(decimal_seconds(-2, 0), "-2.000000000");
    }
}
