//! Whole objects copied inside the store.

use hugesync::store::{Attributes, Condition, CopySource, ETag, ErrorKind};
use strict_s3::{Fault, FaultAction};

use super::support::{conforms, crc, head, key, kind, map, payload, put};

fn nobody() -> ETag {
    ETag::new("00000000000000000000000000000000")
}

#[test]
fn a_copy_has_the_sources_attributes_or_its_own() {
    conforms("conformance::copies::a_copy_has_the_sources_attributes_or_its_own", async |store, double| {
        let given = Attributes {
            content_type: Some("text/css".to_owned()),
            metadata: map([("mode", "644")]),
            tags: map([("a", "b")]),
            ..Attributes::default()
        };
        let etag = put(store, "ü b/c+%41&#?", b"bytes", &given).await;
        let source = CopySource { key: key("ü b/c+%41&#?"), etag };
        let kept = store.copy(&source, &key("kept"), None, &Condition::Always).await.expect("a copy");
        assert_eq!(kept.crc64nvme, Some(crc(b"bytes")));
        let info = head(store, "kept").await;
        assert_eq!((&info.attributes.metadata, info.tag_count), (&given.metadata, 1));
        assert_eq!((info.attributes.content_type.as_deref(), info.etag), (Some("text/css"), kept.etag));

        let other = Attributes {
            cache_control: Some("no-cache".to_owned()),
            metadata: map([("owner", "me")]),
            tags: map([("c", "d"), ("e", "f")]),
            storage_class: Some("STANDARD_IA".to_owned()),
            ..Attributes::default()
        };
        store.copy(&source, &key("other"), Some(&other), &Condition::Always).await.expect("a copy");
        let info = head(store, "other").await;
        let untyped =
            Attributes { content_type: Some("binary/octet-stream".to_owned()), tags: map([]), ..other.clone() };
        assert_eq!(info.attributes, untyped);
        assert_eq!(store.tags(&key("other")).await.expect("tags"), other.tags);
        assert_eq!(double.get("bucket", "other").expect("an object"), b"bytes");
        let none = Attributes::default();
        store.copy(&source, &key("none"), Some(&none), &Condition::Always).await.expect("a copy");
        let info = head(store, "none").await;
        assert!(info.attributes.metadata.is_empty() && info.tag_count == 1, "tags that nobody names stay: {info:?}");

        // New attributes for an object that stays where it is.
        store.copy(&source, &source.key, Some(&other), &Condition::Always).await.expect("a copy onto itself");
        assert_eq!(head(store, source.key.as_str()).await.attributes.metadata, other.metadata);
    });
}

#[test]
fn one_version_is_copied() {
    conforms("conformance::copies::one_version_is_copied", async |store, double| {
        put(store, "x", b"bytes", &Attributes::default()).await;
        for source in ["x", "nowhere"] {
            let source = CopySource { key: key(source), etag: nobody() };
            let copy = store.copy(&source, &key("to"), None, &Condition::Always).await;
            assert_eq!(kind(copy), ErrorKind::PreconditionFailed, "{source:?}");
        }
        assert_eq!(double.get("bucket", "to"), None);
    });
}

#[test]
fn a_copy_checks_its_condition() {
    conforms("conformance::copies::a_copy_checks_its_condition", async |store, double| {
        let etag = put(store, "x", b"new", &Attributes::default()).await;
        let source = CopySource { key: key("x"), etag };
        let copy = async |condition: Condition| store.copy(&source, &key("to"), None, &condition).await;
        assert!(copy(Condition::Unchanged(nobody())).await.is_err());
        copy(Condition::Absent).await.expect("nothing lies there");
        assert_eq!(kind(copy(Condition::Absent).await), ErrorKind::PreconditionFailed);
        double.put("bucket", "to", "other");
        assert_eq!(kind(copy(Condition::Unchanged(nobody())).await), ErrorKind::PreconditionFailed);
        assert_eq!(double.get("bucket", "to").expect("an object"), b"other");
        copy(Condition::Unchanged(head(store, "to").await.etag)).await.expect("it lies there");
        assert_eq!(double.get("bucket", "to").expect("an object"), b"new");
    });
}

/// The store may begin to answer before it knows how the copy ends.
#[test]
fn an_error_inside_200_is_an_error() {
    conforms("conformance::copies::an_error_inside_200_is_an_error", async |store, double| {
        let etag = put(store, "x", b"bytes", &Attributes::default()).await;
        let source = CopySource { key: key("x"), etag };
        double.inject(Fault::next("CopyObject", FaultAction::ErrorIn200));
        store.copy(&source, &key("to"), None, &Condition::Always).await.expect("it is tried again");
        assert_eq!(store.requests()["CopyObject"], 2);
        assert_eq!(double.get("bucket", "to").expect("an object"), b"bytes");
    });
}

#[test]
fn what_asks_to_slow_down_is_counted() {
    conforms("conformance::copies::what_asks_to_slow_down_is_counted", async |store, double| {
        let etag = put(store, "x", b"bytes", &Attributes::default()).await;
        assert_eq!(store.throttles(), 0);
        double.inject(Fault::next("CopyObject", FaultAction::Status(503, "SlowDown")));
        double.inject(Fault::next("PutObject", FaultAction::Status(429, "TooManyRequests")));
        double.inject(Fault::next("HeadObject", FaultAction::Status(500, "InternalError")));
        let source = CopySource { key: key("x"), etag };
        store.copy(&source, &key("to"), None, &Condition::Always).await.expect("it is tried again");
        // Whether 429 is tried again is the SDK's business; it is counted.
        let _ = store.put(&key("y"), payload(b"y"), &Attributes::default(), &Condition::Always).await;
        head(store, "x").await;
        assert_eq!(store.throttles(), 2);
    });
}
