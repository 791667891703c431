//! Versioned buckets.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};

use super::{B, Setup, code, part_of, setup};

async fn versioning(s: &Setup, status: BucketVersioningStatus) {
    let configuration = VersioningConfiguration::builder().status(status).build();
    let put = s.client.put_bucket_versioning().bucket(B).versioning_configuration(configuration);
    put.send().await.unwrap();
}

/// Source: guide, "How S3 Versioning works": ids, delete markers, undelete, versions by id as copy sources.
#[tokio::test]
async fn history() {
    let s = setup();
    versioning(&s, BucketVersioningStatus::Enabled).await;
    let put = |body: &'static str| {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(body.as_bytes());
        s.client.put_object().bucket(B).key("k").body(body).send()
    };
    let first = put("one").await.unwrap().version_id.unwrap();
    let second = put("two").await.unwrap().version_id.unwrap();
    assert_ne!(first, second);
    let deleted = s.client.delete_object().bucket(B).key("k").send().await.unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
    let marker = deleted.version_id.unwrap();
    let get = |version: &str| s.client.get_object().bucket(B).key("k").version_id(version).send();
    assert_eq!(code(s.client.get_object().bucket(B).key("k").send().await), "404 NoSuchKey");
    assert_eq!(code(get(&marker).await), "405 MethodNotAllowed");
    assert_eq!(code(get("none").await), "404 NoSuchVersion");
    assert_eq!(get(&first).await.unwrap().body.collect().await.unwrap().to_vec(), b"one");

    let list = s.client.list_object_versions().bucket(B).send().await.unwrap();
    let ids: Vec<_> = list.versions().iter().filter_map(|version| version.version_id()).collect();
    assert_eq!(ids, [&second, &first], "newest first");
    assert_eq!(list.delete_markers()[0].is_latest(), Some(true));
    s.client.delete_object().bucket(B).key("k").version_id(&marker).send().await.unwrap();
    assert_eq!(s.get("k").await, b"two");

    let id = s.create("k").await;
    let copy = s.client.upload_part_copy().bucket(B).key("k").upload_id(&id).part_number(1);
    let copy = copy.copy_source(format!("{B}/k?versionId={first}")).send().await.unwrap();
    assert_eq!(copy.copy_source_version_id(), Some(first.as_str()));
    let etag = copy.copy_part_result.unwrap().e_tag.unwrap();
    let done = s.complete("k", &id, vec![part_of(1, &etag)]).send().await.unwrap();
    assert!(done.version_id().is_some());
    assert_eq!((s.get("k").await, s.server.versions(B, "k")), (b"one".to_vec(), 3));
}

/// Source: guide, "Working with objects in a versioning-suspended bucket": writes replace the version `null`.
#[tokio::test]
async fn suspended() {
    let s = setup();
    s.put("k", "before").await;
    versioning(&s, BucketVersioningStatus::Enabled).await;
    s.put("k", "kept").await;
    versioning(&s, BucketVersioningStatus::Suspended).await;
    s.put("k", "null").await;
    assert_eq!(s.server.versions(B, "k"), 2);
    s.client.delete_object().bucket(B).key("k").send().await.unwrap();
    assert_eq!(s.server.versions(B, "k"), 2, "the marker takes the place of the version null");
    assert!(s.server.keys(B).is_empty());
}
