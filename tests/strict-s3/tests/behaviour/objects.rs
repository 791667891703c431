//! Objects: ranges, metadata, keys, tags, storage classes, encryption, copies, signatures, bucket settings.

use std::time::Duration;

use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
    MetadataDirective, ServerSideEncryption, StorageClass, Tag, Tagging,
};

use super::{B, OTHER, code, data, part_of, setup};

/// Source: API GetObject, `Range`; RFC 9110, section 14.
#[tokio::test]
async fn ranges() {
    let s = setup();
    let body = data(700_000, 4);
    s.put("k", body.clone()).await;
    s.put("empty", "").await;
    let get = |key: &str, range: &str| s.client.get_object().bucket(B).key(key).range(range).send();
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=100-199", 100..200),
        ("bytes=699999-", 699_999..700_000),
        ("bytes=1-9999999", 1..700_000),
        ("bytes=-50", 699_950..700_000),
        ("bytes=-9999999", 0..700_000),
    ] {
        let answer = get("k", range).await.unwrap();
        let shown = format!("bytes {}-{}/700000", expected.start, expected.end - 1);
        assert_eq!(answer.content_range(), Some(shown.as_str()));
        assert!(answer.body.collect().await.unwrap().to_vec() == body[expected], "{range}");
    }
    assert_eq!(code(get("k", "bytes=700000-").await), "416 InvalidRange");
    assert_eq!(code(get("empty", "bytes=0-").await), "416 InvalidRange");
    assert_eq!(code(get("none", "bytes=0-").await), "404 NoSuchKey");
    let whole = s.client.get_object().bucket(B).key("k").send().await.unwrap();
    assert_eq!((whole.content_range(), whole.content_length()), (None, Some(700_000)));
}

/// Source: guide, "Working with object metadata": 2 KiB, names and values together, on every way to give it.
#[tokio::test]
async fn metadata_limit() {
    let s = setup();
    let put = |len| s.client.put_object().bucket(B).key("k").metadata("name", "x".repeat(len));
    assert_eq!(code(put(2044).send().await), "200");
    assert_eq!(code(put(2045).send().await), "400 MetadataTooLarge");
    let create = s.client.create_multipart_upload().bucket(B).key("k").metadata("name", "x".repeat(2045));
    assert_eq!(code(create.send().await), "400 MetadataTooLarge");
    assert_eq!(s.server.object(B, "k").unwrap().metadata[0].1.len(), 2044);
}

/// Source: guide, "Naming Amazon S3 objects": 1,024 bytes of UTF-8; the namespace is flat.
#[tokio::test]
async fn keys() {
    let s = setup();
    for key in ["é".repeat(512).as_str(), "a", "a/", "a/b", "sp ace+plus%41", "x/../y", "quote\"<&>"] {
        s.put(key, key.as_bytes()).await;
        assert_eq!(s.get(key).await, key.as_bytes());
    }
    let long = s.client.put_object().bucket(B).key("é".repeat(512) + "a");
    assert_eq!(code(long.send().await), "400 KeyTooLongError");
}

/// Source: API CopyObject: directives, and a copy onto itself that changes nothing is refused.
#[tokio::test]
async fn copy_object() {
    let s = setup();
    let put = s.client.put_object().bucket(B).key("src").metadata("a", "1").content_type("a/b").tagging("t=1");
    put.storage_class(StorageClass::StandardIa).body(ByteStream::from_static(b"bytes")).send().await.unwrap();
    let copy = |key: &str| s.client.copy_object().bucket(B).key(key).copy_source("bucket/src");
    copy("dst").send().await.unwrap();
    let copied = s.server.object(B, "dst").unwrap();
    assert_eq!(copied.metadata, [("a".to_owned(), "1".to_owned())]);
    assert_eq!((copied.content_type.as_deref(), copied.tags.len()), (Some("a/b"), 1));
    assert_eq!(copied.storage_class, None, "a storage class is not copied");
    assert_eq!(code(copy("src").send().await), "400 InvalidRequest");
    let replaced = copy("src").metadata_directive(MetadataDirective::Replace).metadata("b", "2");
    replaced.send().await.unwrap();
    assert_eq!(s.server.object(B, "src").unwrap().metadata, [("b".to_owned(), "2".to_owned())]);

    // A multipart object that is copied whole gets the ETag of one piece (docs/S3.md, "ETags").
    let id = s.create("m").await;
    let one = s.part("m", &id, 1, data(20, 1)).await;
    s.complete("m", &id, vec![part_of(1, &one)]).send().await.unwrap();
    let copied = s.client.copy_object().bucket(B).key("n").copy_source("bucket/m").send().await.unwrap();
    assert_eq!(copied.copy_object_result.unwrap().e_tag.unwrap(), one);
}

/// Source: API PutObjectTagging; guide, "Categorizing objects using tags": at most 10; tags are no write of the object.
#[tokio::test]
async fn tags() {
    let s = setup();
    let etag = s.put("k", "x").await;
    let tag = |n: usize| Tag::builder().key(format!("k{n}")).value("v").build().unwrap();
    let put = |n| {
        let tagging = Tagging::builder().set_tag_set(Some((0..n).map(tag).collect())).build().unwrap();
        s.client.put_object_tagging().bucket(B).key("k").tagging(tagging)
    };
    assert_eq!(code(put(11).send().await), "400 BadRequest");
    assert_eq!(code(put(10).send().await), "200");
    let got = s.client.get_object_tagging().bucket(B).key("k").send().await.unwrap();
    assert_eq!(got.tag_set().len(), 10);
    let head = s.client.head_object().bucket(B).key("k").send().await.unwrap();
    assert_eq!(head.e_tag(), Some(etag.as_str()));
}

/// Source: guide, "Using Amazon S3 storage classes": what is archived can be neither read nor copied.
#[tokio::test]
async fn storage_classes() {
    let s = setup();
    let put = |class: StorageClass| s.client.put_object().bucket(B).key("k").storage_class(class);
    put(StorageClass::OnezoneIa).send().await.unwrap();
    let head = || s.client.head_object().bucket(B).key("k").send();
    assert_eq!(head().await.unwrap().storage_class(), Some(&StorageClass::OnezoneIa));
    put(StorageClass::Standard).send().await.unwrap();
    assert_eq!(head().await.unwrap().storage_class(), None, "STANDARD is not reported");
    assert_eq!(code(put(StorageClass::from("COLD")).send().await), "400 InvalidStorageClass");
    put(StorageClass::Glacier).send().await.unwrap();
    assert_eq!(code(s.client.get_object().bucket(B).key("k").send().await), "403 InvalidObjectState");
    let id = s.create("c").await;
    assert_eq!(code(s.copy("c", &id, 1, "k").send().await), "403 InvalidObjectState");
}

/// Source: docs/S3.md, "ETags": opaque with SSE-KMS and SSE-C; guide, "Using server-side encryption".
#[tokio::test]
async fn encryption() {
    let s = setup();
    let plain = s.put("k", "x").await;
    let put = || s.client.put_object().bucket(B).key("k").body(ByteStream::from_static(b"x"));
    let kms = put().server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id("key-1");
    let kms = kms.send().await.unwrap();
    assert_ne!(kms.e_tag(), Some(plain.as_str()));
    assert_eq!(kms.ssekms_key_id(), Some("key-1"));
    let (key, md5) = ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "hRasmdxgYDKV3nvbahU1MA==");
    let customer = |key_md5: &str| {
        let put = put().sse_customer_algorithm("AES256").sse_customer_key(key);
        put.sse_customer_key_md5(key_md5)
    };
    assert_eq!(code(customer("AQEBAQEBAQEBAQEBAQEBAQ==").send().await), "400 InvalidArgument");
    customer(md5).send().await.unwrap();
    let get = || s.client.get_object().bucket(B).key("k");
    assert_eq!(code(get().send().await), "400 InvalidRequest");
    let with_key = get().sse_customer_algorithm("AES256").sse_customer_key(key).sse_customer_key_md5(md5);
    assert_eq!(code(with_key.send().await), "200");
}

/// Source: API reference, "Authenticating requests" and "Error responses".
#[tokio::test]
async fn signatures() {
    let s = setup();
    s.put("k", "hello").await;
    for (access_key, secret, expected) in [
        ("test", "wrong", "403 SignatureDoesNotMatch"),
        ("nobody", "testtest", "403 InvalidAccessKeyId"),
        ("test", "testtest", "200"),
    ] {
        let credentials = Credentials::new(access_key, secret, None, None, "test");
        let config = s.client.config().to_builder().credentials_provider(credentials).build();
        let get = aws_sdk_s3::Client::from_conf(config).get_object().bucket(B).key("k").send().await;
        assert_eq!(code(get), expected);
    }
    let soon = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let url = s.client.get_object().bucket(B).key("k").presigned(soon).await.unwrap().uri().to_owned();
    assert!(raw_get(&s, &url).await.ends_with("hello"));
    let tampered = url.replace("X-Amz-Expires=60", "X-Amz-Expires=61");
    assert!(raw_get(&s, &tampered).await.contains("SignatureDoesNotMatch"));
    let unsigned = url.split('?').next().unwrap();
    assert!(raw_get(&s, unsigned).await.contains("AccessDenied"));
}

/// One GET without any client library.
pub(super) async fn raw_get(s: &super::Setup, url: &str) -> String {
    use std::io::{Read as _, Write as _};
    let (address, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let address = s.server.endpoint().trim_start_matches("http://").to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    answer.await.unwrap()
}

/// Source: API CreateBucket, HeadBucket, DeleteBucket, PutBucketLifecycleConfiguration.
#[tokio::test]
async fn buckets() {
    let s = setup();
    assert_eq!(code(s.client.get_object().bucket("none").key("k").send().await), "404 NoSuchBucket");
    s.client.create_bucket().bucket("other").send().await.unwrap();
    let head = s.client.head_bucket().bucket("other").send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("us-east-1"));
    s.put("k", "x").await;
    assert_eq!(code(s.client.delete_bucket().bucket(B).send().await), "409 BucketNotEmpty");
    assert_eq!(code(s.client.delete_bucket().bucket("other").send().await), "200");
    let lifecycle = || s.client.get_bucket_lifecycle_configuration().bucket(B).send();
    assert_eq!(code(lifecycle().await), "404 NoSuchLifecycleConfiguration");
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
    let rule = LifecycleRule::builder().id("sweep").status(ExpirationStatus::Enabled);
    let rule = rule.filter(LifecycleRuleFilter::builder().prefix("p/").build());
    let rule = rule.abort_incomplete_multipart_upload(abort).build().unwrap();
    let rules = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let put = s.client.put_bucket_lifecycle_configuration().bucket(B).lifecycle_configuration(rules.clone());
    put.send().await.unwrap();
    assert_eq!(lifecycle().await.unwrap().rules(), rules.rules());
}

/// Source: none but this crate's own promise: a reader keeps the version it began with.
#[tokio::test]
async fn reads_under_way_keep_their_version() {
    let s = setup();
    let body = data(8 << 20, 9);
    s.put("k", body.clone()).await;
    let answer = s.client.get_object().bucket(B).key("k").send().await.unwrap();
    s.put("k", data(9 << 20, 10)).await;
    s.server.delete(B, "k");
    assert!(answer.body.collect().await.unwrap().to_vec() == body);
    assert_eq!(code(s.client.get_object().bucket(B).key("k").if_match(OTHER).send().await), "404 NoSuchKey");
}
