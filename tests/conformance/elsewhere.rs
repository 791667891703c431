//! What any server has to do alike: round trips, without conditions.

use aws_sdk_s3::types::{BucketVersioningStatus, ServerSideEncryption, VersioningConfiguration};
use hugesync::store::s3::{CustomerKey, Encryption, S3Store};
use hugesync::store::{Attributes, Condition, CopySource, Doomed, ListFrom, MultipartStore as _, StorageTier, Store};

use super::support::{complete, conforms_anywhere, head, key, map, of_class, payload, put};

/// S3's shortest part that is not the last.
const MIN_PART: usize = 5 << 20;

#[test]
fn kms() {
    conforms_anywhere("conformance::elsewhere::kms", async |server| {
        const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let by_id = |id: &str| Encryption::Kms { key_id: Some(id.to_owned()), bucket_key: true };
        let store = server.store(by_id(ID)).await;
        round_trip(&store).await;
        for name in ["put", "parts", "copy"] {
            let sent = server.admin.head_object().bucket(&server.settings.bucket).key(name).send().await;
            let sent = sent.expect("an object");
            assert_eq!(sent.server_side_encryption(), Some(&ServerSideEncryption::AwsKms), "{name}");
            assert!(sent.ssekms_key_id().is_some_and(|id| id.ends_with(ID)), "{name}: {:?}", sent.ssekms_key_id());
        }
        let differs = async |encryption| head(&server.store(encryption).await, "put").await.encryption_differs;
        assert!(!differs(by_id(ID)).await);
        assert!(!differs(by_id("alias/backup")).await, "what an alias stands for is not known");
        assert!(!differs(Encryption::Kms { key_id: None, bucket_key: false }).await);
        assert!(!differs(Encryption::BucketDefault).await);
        assert!(differs(by_id("9999abcd-12ab-34cd-56ef-1234567890ab")).await);
        assert!(differs(Encryption::S3).await);
    });
}

#[test]
fn customer_keys() {
    conforms_anywhere("conformance::elsewhere::customer_keys", async |server| {
        round_trip(&server.store(Encryption::Customer(CustomerKey::new([7; 32]))).await).await;
    });
}

#[test]
fn keys_of_the_store() {
    conforms_anywhere("conformance::elsewhere::keys_of_the_store", async |server| {
        round_trip(&server.store(Encryption::S3).await).await;
    });
}

#[test]
fn classes_and_tags() {
    conforms_anywhere("conformance::elsewhere::classes_and_tags", async |server| {
        let store = server.store(Encryption::BucketDefault).await;
        let given = Attributes {
            content_type: Some("text/css".to_owned()),
            cache_control: Some("no-cache".to_owned()),
            content_encoding: Some("gzip".to_owned()),
            content_disposition: Some("inline".to_owned()),
            content_language: Some("de".to_owned()),
            metadata: map([("mode", "100644")]),
            tags: map([("a b", "c/d:e@f"), ("x", "1+1=2")]),
            ..of_class("STANDARD_IA")
        };
        put(&store, "put", b"x", &given).await;
        let upload = store.create(&key("parts"), &given).await.expect("an upload");
        let part = store.upload_part(&upload, 1, payload(b"x")).await.expect("a part");
        complete(&store, &upload, &[part], b"x", &Condition::Always).await.expect("it stands");
        let from = CopySource { key: key("put"), etag: head(&store, "put").await.etag };
        store.copy(&from, &key("copy"), Some(&given), &Condition::Always).await.expect("a copy");
        for name in ["put", "parts", "copy"] {
            let info = head(&store, name).await;
            assert_eq!(info.attributes, Attributes { tags: map([]), ..given.clone() }, "{name}");
            assert_eq!(info.tier, StorageTier::Infrequent("STANDARD_IA".to_owned()), "{name}");
            assert_eq!(store.tags(&key(name)).await.expect("tags"), given.tags, "{name}");
        }
    });
}

#[test]
fn versioned_buckets() {
    conforms_anywhere("conformance::elsewhere::versioned_buckets", async |server| {
        let (admin, bucket) = (&server.admin, &server.settings.bucket);
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        admin.put_bucket_versioning().bucket(bucket).versioning_configuration(on).send().await.expect("versions");
        let store = server.store(Encryption::BucketDefault).await;
        for name in ["a", "b"] {
            put(&store, name, b"first", &Attributes::default()).await;
            put(&store, name, b"second", &Attributes::default()).await;
        }
        let page = store.list("", &ListFrom::Start).await.expect("a page");
        assert_eq!(
            page.entries.iter().map(|entry| entry.len).collect::<Vec<_>>(),
            [6, 6],
            "the newest version of each"
        );
        let doomed = page.entries.into_iter().map(|entry| Doomed { key: key(&entry.key), etag: entry.etag });
        let refused = store.delete(&doomed.collect::<Vec<_>>()).await.expect("an answer");
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(store.head(&key("a")).await.expect("an answer"), None);
        assert!(store.list("", &ListFrom::Start).await.expect("a page").entries.is_empty());
        let listed = admin.list_object_versions().bucket(bucket).send().await.expect("versions");
        assert_eq!((listed.versions().len(), listed.delete_markers().len()), (4, 2), "nothing is lost");
    });
}

/// A put, a stitched object and a copy come back as they were written.
pub(super) async fn round_trip(store: &S3Store) {
    let old: Vec<u8> = (0..MIN_PART as u32 + 1000).map(|n| (n.wrapping_mul(0x9E37_79B9) >> 24) as u8).collect();
    let etag = put(store, "put", &old, &Attributes::default()).await;
    let source = CopySource { key: key("put"), etag };
    let upload = store.create(&key("parts"), &Attributes::default()).await.expect("an upload");
    let copied = store.copy_part(&upload, 1, &source, 500..500 + MIN_PART as u64).await.expect("a copied part");
    let sent = store.upload_part(&upload, 2, payload(b"the end")).await.expect("a part");
    let stitched = [&old[500..500 + MIN_PART], b"the end"].concat();
    complete(store, &upload, &[copied, sent], &stitched, &Condition::Always).await.expect("it stands");
    store.copy(&source, &key("copy"), None, &Condition::Always).await.expect("a copy");
    for (name, bytes) in [("put", &old), ("parts", &stitched), ("copy", &old)] {
        let info = head(store, name).await;
        assert_eq!(info.len, bytes.len() as u64, "{name}");
        let (found, etag) = store.get(&key(name), info.len).await.expect("an answer").expect("an object");
        assert!(found == *bytes && etag == info.etag, "{name}");
    }
}
