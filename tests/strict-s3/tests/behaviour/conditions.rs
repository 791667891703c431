//! Conditions of writes, copies, reads and deletes.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{B, OTHER, code, part_of, setup};

/// Source: docs/S3.md, "Conditions"; API PutObject, `If-Match` and `If-None-Match`.
#[tokio::test]
async fn put_object() {
    let s = setup();
    let put = |key: &str| s.client.put_object().bucket(B).key(key).body(ByteStream::from_static(b"x"));
    assert_eq!(code(put("k").if_none_match("*").send().await), "200");
    assert_eq!(code(put("k").if_none_match("*").send().await), "412 PreconditionFailed");
    let etag = s.put("k", "y").await;
    assert_eq!(code(put("k").if_match(OTHER).send().await), "412 PreconditionFailed");
    assert_eq!(s.get("k").await, b"y", "a refused write changes nothing");
    assert_eq!(code(put("k").if_match(etag.trim_matches('"')).send().await), "200", "quotes do not matter");
    assert_eq!(code(put("gone").if_match(&etag).send().await), "404 NoSuchKey");
    assert_eq!(code(put("k").if_match("*").send().await), "501 NotImplemented");
    assert_eq!(code(put("k").if_none_match(&etag).send().await), "501 NotImplemented");
    assert_eq!(code(put("k").if_match(&etag).if_none_match("*").send().await), "501 NotImplemented");
}

/// Source: docs/S3.md, "Conditions": a wrong ETag at Complete is 412 and the upload stays usable; a missing key 404.
#[tokio::test]
async fn complete() {
    let s = setup();
    let etag = s.put("k", "old").await;
    let (id, parts) = s.one_part("k").await;
    let complete = || s.complete("k", &id, parts.clone());
    assert_eq!(code(complete().if_match(OTHER).send().await), "412 PreconditionFailed");
    assert_eq!(code(complete().if_none_match("*").send().await), "412 PreconditionFailed");
    assert_eq!(code(complete().if_match("*").send().await), "501 NotImplemented");
    assert_eq!(s.get("k").await, b"old");
    assert_eq!(code(complete().if_match(&etag).send().await), "200");
    assert_eq!(s.get("k").await, b"new");

    let (id, parts) = s.one_part("gone").await;
    assert_eq!(code(s.complete("gone", &id, parts.clone()).if_match(&etag).send().await), "404 NoSuchKey");
    assert_eq!(code(s.complete("gone", &id, parts).if_none_match("*").send().await), "200");
}

/// Source: docs/S3.md, "Conditions": any write to the key after Create is 409 at a conditional Complete, even one with
/// the same content; without a condition the last Complete wins.
#[tokio::test]
async fn any_write_after_create_is_409() {
    let s = setup();
    let etag = s.put("k", "old").await;
    let (id, parts) = s.one_part("k").await;
    assert_eq!(s.put("k", "old").await, etag);
    let complete = || s.complete("k", &id, parts.clone());
    assert_eq!(code(complete().if_match(&etag).send().await), "409 ConditionalRequestConflict");
    assert_eq!(code(complete().if_none_match("*").send().await), "409 ConditionalRequestConflict");
    s.server.delete(B, "k");
    assert_eq!(code(complete().if_match(&etag).send().await), "404 NoSuchKey");
    assert_eq!(code(complete().if_none_match("*").send().await), "409 ConditionalRequestConflict");
    assert_eq!(code(complete().send().await), "200");
}

/// Source: docs/S3.md, "Conditions"; conditional writes are atomic (guide, "Conditional writes").
#[tokio::test]
async fn of_many_conditional_writers_one_wins() {
    let s = setup();
    let etag = s.put("k", "old").await;
    let mut uploads = Vec::new();
    for _ in 0..8 {
        uploads.push(s.one_part("k").await);
    }
    let tasks = uploads.into_iter().map(|(id, parts)| {
        let complete = s.complete("k", &id, parts).if_match(&etag);
        tokio::spawn(async move { code(complete.send().await) })
    });
    let mut codes = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        codes.push(task.await.unwrap());
    }
    assert_eq!(codes.iter().filter(|code| *code == "200").count(), 1, "{codes:?}");
    assert!(codes.iter().all(|code| code == "200" || code == "409 ConditionalRequestConflict"), "{codes:?}");
}

/// Source: docs/S3.md, "Conditions" (recorded): a wrong `copy-source-if-match` is 412; API UploadPartCopy for the rest.
#[tokio::test]
async fn copies() {
    let s = setup();
    let etag = s.put("src", "0123456789").await;
    let id = s.create("k").await;
    let copy = || s.copy("k", &id, 1, "src");
    let long_ago = DateTime::from_secs(1_000_000_000);
    let later = DateTime::from_secs(4_000_000_000);
    assert_eq!(code(copy().copy_source_if_match(&etag).send().await), "200");
    assert_eq!(code(copy().copy_source_if_match(OTHER).send().await), "412 PreconditionFailed");
    assert_eq!(code(copy().copy_source_if_none_match(&etag).send().await), "412 PreconditionFailed");
    assert_eq!(code(copy().copy_source_if_unmodified_since(long_ago).send().await), "412 PreconditionFailed");
    assert_eq!(code(copy().copy_source_if_modified_since(later).send().await), "412 PreconditionFailed");
    let both = copy().copy_source_if_match(&etag).copy_source_if_unmodified_since(long_ago);
    assert_eq!(code(both.send().await), "200", "the ETag wins over the date");
    let whole = || s.client.copy_object().bucket(B).key("dst").copy_source("bucket/src");
    assert_eq!(code(whole().copy_source_if_match(OTHER).send().await), "412 PreconditionFailed");
    s.put("dst", "there").await;
    let create_only = whole().customize().mutate_request(|request| {
        request.headers_mut().insert("if-none-match", "*");
    });
    assert_eq!(code(create_only.send().await), "412 PreconditionFailed");
}

/// Source: API GetObject and HeadObject, conditional headers; RFC 9110, section 13.
#[tokio::test]
async fn reads() {
    let s = setup();
    let etag = s.put("k", "x").await;
    let get = || s.client.get_object().bucket(B).key("k");
    assert_eq!(code(get().if_match(OTHER).send().await), "412 PreconditionFailed");
    assert_eq!(code(get().if_match(&etag).send().await), "200");
    assert!(code(get().if_none_match(&etag).send().await).starts_with("304"));
    assert!(code(get().if_modified_since(DateTime::from_secs(4_000_000_000)).send().await).starts_with("304"));
    let head = s.client.head_object().bucket(B).key("k").if_match(OTHER);
    assert!(code(head.send().await).starts_with("412"));
}

/// Source: docs/S3.md, "Conditions"; guide, "How to perform conditional deletes".
#[tokio::test]
async fn deletes() {
    let s = setup();
    let etag = s.put("k", "x").await;
    let delete = |key: &str, etag: &str| s.client.delete_object().bucket(B).key(key).if_match(etag);
    assert_eq!(code(delete("k", OTHER).send().await), "412 PreconditionFailed");
    assert_eq!(code(delete("gone", "*").send().await), "404 NoSuchKey");
    let object = |key: &str, etag: &str| ObjectIdentifier::builder().key(key).e_tag(etag).build().unwrap();
    let batch = Delete::builder().objects(object("k", OTHER)).build().unwrap();
    let answer = s.client.delete_objects().bucket(B).delete(batch).send().await.unwrap();
    assert_eq!(answer.errors()[0].code(), Some("PreconditionFailed"));
    assert_eq!(code(delete("k", &etag).send().await), "200");
    assert!(s.server.keys(B).is_empty());
}

/// Source: docs/S3.md, "Resume": Complete is safe to repeat; a client whose first answer was lost gets the same one.
#[tokio::test]
async fn complete_repeated() {
    let s = setup();
    let etag = s.put("k", "old").await;
    let (id, parts) = s.one_part("k").await;
    let complete = |parts| s.complete("k", &id, parts).if_match(&etag);
    let first = complete(parts.clone()).send().await.unwrap();
    let again = complete(parts).send().await.unwrap();
    assert_eq!(first.e_tag, again.e_tag);
    assert_eq!(code(complete(vec![part_of(2, OTHER)]).send().await), "404 NoSuchUpload");
}
