//! What is set on an object, as headers: checked before it is sent, read back from HEAD.
//!
//! Which attributes an object gets is decided elsewhere.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ObjectCannedAcl, StorageClass};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::store::{Attributes, StorageTier};

/// The most user metadata in bytes, names and values together (S3 user guide, "Working with object metadata"). Look-alikes
/// take more, and AWS would then refuse the object when it moves there, so it is checked here for all of them.
pub(super) const MAX_METADATA_LEN: usize = 2 << 10;

/// What stays as it is in a query: the unreserved characters of RFC 3986.
const KEPT_IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The store's name of the class that objects are in by default.
const STANDARD: &str = "STANDARD";

/// Why attributes cannot be sent, or that they can.
pub(super) fn check(attributes: &Attributes) -> Result<(), String> {
    let len: usize = attributes.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if len > MAX_METADATA_LEN {
        return Err(format!("the user metadata has {len} bytes, an object holds at most {MAX_METADATA_LEN}"));
    }
    if let Some(name) = attributes.metadata.keys().find(|name| !is_header_name(name)) {
        return Err(format!("the metadata name {name:?} cannot stand in a header"));
    }
    let headers = [
        ("content type", &attributes.content_type),
        ("cache control", &attributes.cache_control),
        ("content encoding", &attributes.content_encoding),
        ("content disposition", &attributes.content_disposition),
        ("content language", &attributes.content_language),
        ("storage class", &attributes.storage_class),
        ("ACL", &attributes.acl),
    ];
    let named = headers.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?)));
    let metadata = attributes.metadata.iter().map(|(name, value)| (name.as_str(), value));
    match named.chain(metadata).find(|(_, value)| !is_header_value(value)) {
        Some((name, value)) => Err(format!("the value {value:?} of {name} has characters beyond printable ASCII")),
        None => Ok(()),
    }
}

/// RFC 9110, section 5.6.2: a token.
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_header_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Tags as `x-amz-tagging` holds them; `None` where there are none.
pub(super) fn tag_header(tags: &BTreeMap<String, String>) -> Option<String> {
    let encoded = |text| utf8_percent_encode(text, KEPT_IN_QUERY);
    let pairs: Vec<String> = tags.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

/// The canned ACL of that name; one that the SDK does not know is sent as it is.
pub(super) fn canned_acl(attributes: &Attributes) -> Option<ObjectCannedAcl> {
    attributes.acl.as_deref().map(ObjectCannedAcl::from)
}

/// The storage class of that name.
pub(super) fn storage_class(attributes: &Attributes) -> Option<StorageClass> {
    attributes.storage_class.as_deref().map(StorageClass::from)
}

/// Sets everything on an object that a request writes.
macro_rules! with_attributes {
    ($request:expr, $attributes:expr) => {{
        let attributes: &$crate::store::Attributes = $attributes;
        let metadata = &attributes.metadata;
        $request
            .set_content_type(attributes.content_type.clone())
            .set_cache_control(attributes.cache_control.clone())
            .set_content_encoding(attributes.content_encoding.clone())
            .set_content_disposition(attributes.content_disposition.clone())
            .set_content_language(attributes.content_language.clone())
            .set_metadata((!metadata.is_empty()).then(|| metadata.clone().into_iter().collect()))
            .set_storage_class($crate::store::s3::attributes::storage_class(attributes))
            .set_tagging($crate::store::s3::attributes::tag_header(&attributes.tags))
            .set_acl($crate::store::s3::attributes::canned_acl(attributes))
    }};
}

pub(super) use with_attributes;

/// What HEAD tells of what was set: no tags, no ACL.
pub(super) fn of(head: HeadObjectOutput) -> Attributes {
    let class = head.storage_class().map(StorageClass::as_str).filter(|class| *class != STANDARD);
    Attributes {
        storage_class: class.map(str::to_owned),
        content_type: head.content_type,
        cache_control: head.cache_control,
        content_encoding: head.content_encoding,
        content_disposition: head.content_disposition,
        content_language: head.content_language,
        metadata: head.metadata.unwrap_or_default().into_iter().collect(),
        tags: BTreeMap::new(),
        acl: None,
    }
}

/// The same of a GET, taken out of its answer.
pub(super) fn of_get(answer: &mut GetObjectOutput) -> Attributes {
    let class = answer.storage_class().map(StorageClass::as_str).filter(|class| *class != STANDARD);
    Attributes {
        storage_class: class.map(str::to_owned),
        content_type: answer.content_type.take(),
        cache_control: answer.cache_control.take(),
        content_encoding: answer.content_encoding.take(),
        content_disposition: answer.content_disposition.take(),
        content_language: answer.content_language.take(),
        metadata: answer.metadata.take().unwrap_or_default().into_iter().collect(),
        tags: BTreeMap::new(),
        acl: None,
    }
}

/// S3 user guide, "Understanding and managing Amazon S3 storage classes": which classes bill retrieval, and which cannot
/// be read at all without a restore.
pub(super) fn tier(class: Option<&str>, restore: Option<&str>) -> StorageTier {
    match class {
        Some(name @ ("GLACIER" | "DEEP_ARCHIVE")) => {
            // `ongoing-request="false"` with an expiry date: a restored copy can be read.
            if restore.is_some_and(|state| state.contains("ongoing-request=\"false\"")) {
                StorageTier::Infrequent(name.to_owned())
            } else {
                StorageTier::Archived(name.to_owned())
            }
        }
        Some(name @ ("STANDARD_IA" | "ONEZONE_IA" | "GLACIER_IR")) => StorageTier::Infrequent(name.to_owned()),
        _ => StorageTier::Standard,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_cost_what_the_guide_says() {
        assert_eq!(tier(None, None), StorageTier::Standard);
        assert_eq!(tier(Some("INTELLIGENT_TIERING"), None), StorageTier::Standard);
        assert_eq!(tier(Some("STANDARD_IA"), None), StorageTier::Infrequent("STANDARD_IA".into()));
        assert_eq!(tier(Some("GLACIER"), None), StorageTier::Archived("GLACIER".into()));
        let restored = Some("ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2026 00:00:00 GMT\"");
        assert_eq!(tier(Some("GLACIER"), restored), StorageTier::Infrequent("GLACIER".into()));
    }

    #[test]
    fn standard_is_no_class() {
        let of_class = |class: &str| of(HeadObjectOutput::builder().storage_class(StorageClass::from(class)).build());
        assert_eq!(of_class("STANDARD").storage_class, None);
        assert_eq!(of_class("STANDARD_IA").storage_class.as_deref(), Some("STANDARD_IA"));
        assert_eq!(of_class("COLD").storage_class.as_deref(), Some("COLD"), "a class of another store");
    }

    #[test]
    fn tags_are_a_query() {
        assert_eq!(tag_header(&BTreeMap::new()), None);
        let tags =
            [("a b", "c&d=e"), ("é", ""), ("x", "1+1/2")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(tag_header(&tags.into()).as_deref(), Some("a%20b=c%26d%3De&x=1%2B1%2F2&%C3%A9="));
    }

    #[test]
    fn metadata_has_at_most_2_kib() {
        let of_len = |len: usize| Attributes {
            metadata: [("name".to_owned(), "v".repeat(len - 4))].into(),
            ..Attributes::default()
        };
        assert_eq!(check(&of_len(2048)), Ok(()));
        let error = check(&of_len(2049)).expect_err("one byte too long");
        assert_eq!(error, "the user metadata has 2049 bytes, an object holds at most 2048");
    }

    #[test]
    fn headers_hold_printable_ascii() {
        let with = |name: &str, value: &str| Attributes {
            metadata: [(name.to_owned(), value.to_owned())].into(),
            ..Attributes::default()
        };
        assert_eq!(check(&with("name", "a b%C3%A9~")), Ok(()));
        for bad in [with("name", "é"), with("name", "a\nb"), with("", "x"), with("a b", "x"), with("é", "x")] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
        let disposition =
            Attributes { content_disposition: Some("attachment; filename=é".to_owned()), ..with("a", "b") };
        assert!(check(&disposition).expect_err("é").contains("content disposition"));
    }
}
