//! Encryption as AWS insists on it: missing, wrong and needless customer keys.

use hugesync::store::s3::{CustomerKey, Encryption, S3Settings, S3Store};
use hugesync::store::{Attributes, ErrorKind, MultipartStore as _, Store as _};

use super::elsewhere::round_trip;
use super::support::{conforms, head, key, kind, payload, put, settings};

async fn with_key(double: &strict_s3::StrictS3, byte: u8) -> S3Store {
    let encryption = Encryption::Customer(CustomerKey::new([byte; 32]));
    let settings = S3Settings { encryption, ..settings(double, "bucket") };
    S3Store::connect(&settings).await.expect("nothing is sent yet")
}

#[test]
fn a_missing_key_is_told_from_a_wrong_one() {
    conforms("conformance::encryption::a_missing_key_is_told_from_a_wrong_one", async |plain, double| {
        let store = with_key(double, 1).await;
        put(&store, "x", b"secret", &Attributes::default()).await;
        assert!(!head(&store, "x").await.encryption_differs);
        assert_eq!(kind(plain.head(&key("x")).await), ErrorKind::CustomerKeyMissing);
        assert_eq!(kind(plain.get(&key("x"), 9).await), ErrorKind::CustomerKeyMissing);
        let error = with_key(double, 2).await.head(&key("x")).await.expect_err("another key");
        assert_eq!(error.kind, ErrorKind::AccessDenied);
        assert!(error.message.contains("another customer key"), "{error}");
    });
}

#[test]
fn all_that_is_written_wants_its_key() {
    conforms("conformance::encryption::all_that_is_written_wants_its_key", async |plain, double| {
        round_trip(&with_key(double, 1).await).await;
        for name in ["put", "parts", "copy"] {
            let error = plain.head(&key(name)).await.expect_err("it wants its key");
            assert_eq!(error.kind, ErrorKind::CustomerKeyMissing, "{name}: {error}");
            assert!(error.kind.hint().is_some_and(|hint| hint.contains("customer key")));
        }
    });
}

#[test]
fn a_needless_key_is_refused() {
    conforms("conformance::encryption::a_needless_key_is_refused", async |plain, double| {
        put(plain, "x", b"in the clear", &Attributes::default()).await;
        let error = with_key(double, 1).await.head(&key("x")).await.expect_err("it has no key");
        assert_eq!(error.kind, ErrorKind::CustomerKeyUnused);
        assert!(error.kind.hint().is_some());
    });
}

/// What is in a stitched object is under the key of each of its requests.
#[test]
fn parts_want_the_uploads_key() {
    conforms("conformance::encryption::parts_want_the_uploads_key", async |plain, double| {
        let store = with_key(double, 1).await;
        let upload = store.create(&key("x"), &Attributes::default()).await.expect("an upload");
        let part = plain.multipart().expect("parts").upload_part(&upload, 1, payload(b"x")).await;
        assert!(part.is_err(), "a part without the key");
        store.upload_part(&upload, 1, payload(b"x")).await.expect("a part");
        assert_eq!(store.parts(&upload).await.expect("parts").len(), 1);
    });
}

/// Anybody on the way could read the key, and AWS refuses it too.
#[test]
fn keys_do_not_travel_in_the_clear() {
    conforms("conformance::encryption::keys_do_not_travel_in_the_clear", async |_, double| {
        let settings = S3Settings {
            endpoint_url: Some("http://192.0.2.1:9000".to_owned()),
            encryption: Encryption::Customer(CustomerKey::new([1; 32])),
            ..settings(double, "bucket")
        };
        let store = S3Store::connect(&settings).await.expect("nothing is sent yet");
        let error = store.head(&key("x")).await.expect_err("not over http");
        assert!(error.message.contains("only sent over https"), "{error}");
        assert!(store.requests().is_empty(), "{:?}", store.requests());
    });
}

#[test]
fn an_object_with_other_encryption_is_noticed() {
    conforms("conformance::encryption::an_object_with_other_encryption_is_noticed", async |plain, double| {
        put(plain, "x", b"x", &Attributes::default()).await;
        for (encryption, differs) in [
            (Encryption::BucketDefault, false),
            (Encryption::S3, false),
            (Encryption::Kms { key_id: None, bucket_key: false }, true),
        ] {
            let settings = S3Settings { encryption, ..settings(double, "bucket") };
            let store = S3Store::connect(&settings).await.expect("nothing is sent yet");
            assert_eq!(head(&store, "x").await.encryption_differs, differs, "{:?}", settings.encryption);
        }
    });
}
