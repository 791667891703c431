//! What is set on objects: through a put and through parts, and what cannot be set.

use hugesync::store::{Attributes, Condition, ErrorKind, StorageTier};

use super::support::{complete, conforms, head, key, kind, map, multipart, of_class, payload, put};

/// Something of everything that HEAD tells.
fn all() -> Attributes {
    Attributes {
        content_type: Some("text/css; charset=utf-8".to_owned()),
        cache_control: Some("max-age=60, public".to_owned()),
        content_encoding: Some("gzip".to_owned()),
        content_disposition: Some("attachment; filename=\"a b.css\"".to_owned()),
        content_language: Some("de, en".to_owned()),
        metadata: map([("mode", "100644"), ("note", "gr%C3%BC%C3%9Fe & 1+1=2")]),
        storage_class: Some("STANDARD_IA".to_owned()),
        ..Attributes::default()
    }
}

#[test]
fn everything_comes_back() {
    conforms("conformance::attributes::everything_comes_back", async |store, double| {
        let tags = map([("cost centre", "a&b=c"), ("ü", ""), ("x", "1+1/2 @:.-_")]);
        let given = Attributes { tags: tags.clone(), acl: Some("bucket-owner-full-control".to_owned()), ..all() };
        put(store, "put", b"x", &given).await;
        let parts = multipart(store);
        let upload = parts.create(&key("parts"), &given).await.expect("an upload");
        let part = parts.upload_part(&upload, 1, payload(b"x")).await.expect("a part");
        complete(parts, &upload, &[part], b"x", &Condition::Always).await.expect("it stands");
        for name in ["put", "parts"] {
            let info = head(store, name).await;
            assert_eq!(info.attributes, all(), "{name}");
            assert_eq!(info.tier, StorageTier::Infrequent("STANDARD_IA".to_owned()), "{name}");
            assert_eq!(info.tag_count, 3, "{name}");
            assert_eq!(store.tags(&key(name)).await.expect("tags"), tags, "{name}");
        }
        let sent = double.requests().into_iter().filter(|request| request.header("x-amz-acl").is_some());
        assert_eq!(sent.map(|request| request.kind).collect::<Vec<_>>(), ["PutObject", "CreateMultipartUpload"]);
    });
}

#[test]
fn nothing_set_is_nothing_sent() {
    conforms("conformance::attributes::nothing_set_is_nothing_sent", async |store, double| {
        put(store, "x", b"x", &Attributes::default()).await;
        let info = head(store, "x").await;
        assert_eq!((info.tier, info.tag_count, info.encryption_differs), (StorageTier::Standard, 0, false));
        // What the SDK says of bytes that nothing is said of.
        let untyped = Attributes { content_type: Some("application/octet-stream".to_owned()), ..Attributes::default() };
        assert_eq!(info.attributes, untyped);
        assert!(store.tags(&key("x")).await.expect("tags").is_empty());
        assert!(store.tags(&key("nothing")).await.expect("an object that is not there has none").is_empty());
        let put = double.requests().into_iter().find(|request| request.kind == "PutObject").expect("a request");
        let optional =
            ["tagging", "acl", "storage-class", "server-side-encryption"].map(|name| format!("x-amz-{name}"));
        assert!(optional.iter().all(|name| put.header(name).is_none()), "{:?}", put.headers);
    });
}

#[test]
fn storage_classes_are_kept() {
    conforms("conformance::attributes::storage_classes_are_kept", async |store, _| {
        for (class, kept, tier) in [
            ("STANDARD", None, StorageTier::Standard),
            ("INTELLIGENT_TIERING", Some("INTELLIGENT_TIERING"), StorageTier::Standard),
            ("ONEZONE_IA", Some("ONEZONE_IA"), StorageTier::Infrequent("ONEZONE_IA".to_owned())),
            ("DEEP_ARCHIVE", Some("DEEP_ARCHIVE"), StorageTier::Archived("DEEP_ARCHIVE".to_owned())),
        ] {
            put(store, class, b"x", &of_class(class)).await;
            let info = head(store, class).await;
            assert_eq!((info.attributes.storage_class.as_deref(), info.tier), (kept, tier), "{class}");
        }
        assert_eq!(kind(store.get(&key("DEEP_ARCHIVE"), 9).await), ErrorKind::Archived);
        let unknown = store.put(&key("x"), payload(b"x"), &of_class("COLD"), &Condition::Always).await;
        assert_eq!(kind(unknown), ErrorKind::BadAttributes);
    });
}

/// Stores other than AWS take it all, so nothing may be sent.
#[test]
fn what_cannot_be_set_is_not_sent() {
    conforms("conformance::attributes::what_cannot_be_set_is_not_sent", async |store, double| {
        let with = |name: &str, value: &str| Attributes { metadata: map([(name, value)]), ..Attributes::default() };
        let bad = [with("name", &"v".repeat(2045)), with("name", "grüße"), with("a b", "x"), with("name", "a\nb")];
        for attributes in &bad {
            let put = store.put(&key("x"), payload(b"x"), attributes, &Condition::Always).await;
            assert_eq!(kind(put), ErrorKind::BadAttributes);
            assert_eq!(kind(multipart(store).create(&key("x"), attributes).await), ErrorKind::BadAttributes);
        }
        assert!(double.requests().is_empty());
        put(store, "x", b"x", &with("name", &"v".repeat(2044))).await;
        assert_eq!(head(store, "x").await.attributes.metadata["name"].len(), 2044);
    });
}
