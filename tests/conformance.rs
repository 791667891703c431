//! The contract of the store traits, run against the S3 store over the strict double.
//!
//! Each contract takes `&dyn Store`, so that every store can run it. The S3 store takes its credentials from the
//! environment, which a test cannot set for itself: it runs itself again as a child that has them.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hugesync::store::s3::{S3Settings, S3Store};
use hugesync::store::{
    Attributes, Checksums, Condition, CopySource, ETag, ErrorKind, MultipartStore, ObjectKey, PartReceipt, Payload,
    PayloadBody, Store, StoreError, Upload, WholeObject,
};
use md5::{Digest as _, Md5};
use strict_s3::{Limits, StrictS3};

/// Parts need not be long here.
const MIN_PART: u64 = 64;

#[test]
fn a_key_names_at_most_one_object() {
    conforms("a_key_names_at_most_one_object", async |store, _| {
        let key = key("folder/ünï +%41&#?\n€ x");
        assert_eq!(store.head(&key).await.expect("an answer"), None);
        assert_eq!(store.get(&key, 100).await.expect("an answer"), None);

        let attributes = Attributes {
            content_type: Some("text/plain".to_owned()),
            metadata: [("mode".to_owned(), "644".to_owned())].into(),
        };
        let first = store.put(&key, payload(b"first"), &attributes, &Condition::Always).await.expect("it is written");
        assert_eq!(first.crc64nvme, Some(crc(b"first")));
        let info = store.head(&key).await.expect("an answer").expect("an object");
        assert_eq!((info.len, &info.etag, info.crc64nvme), (5, &first.etag, Some(crc(b"first"))));
        assert_eq!(info.metadata, attributes.metadata);
        assert!(info.modified.is_some_and(|time| time > 1_700_000_000), "{:?}", info.modified);
        let (bytes, etag) = store.get(&key, 5).await.expect("an answer").expect("an object");
        assert_eq!((&bytes[..], &etag), (&b"first"[..], &first.etag));

        let second = store.put(&key, payload(b"second!"), &Attributes::default(), &Condition::Always).await;
        let second = second.expect("it is written");
        assert_ne!(second.etag, first.etag);
        let info = store.head(&key).await.expect("an answer").expect("an object");
        assert_eq!((info.len, &info.etag), (7, &second.etag));
        assert!(info.metadata.is_empty(), "nothing is inherited: {:?}", info.metadata);
        assert_eq!(store.url(&key), format!("s3://bucket/{key}"));

        let empty = self::key("empty");
        store.put(&empty, payload(b""), &Attributes::default(), &Condition::Always).await.expect("it is written");
        assert_eq!(store.head(&empty).await.expect("an answer").expect("an object").len, 0);
        assert_eq!(store.get(&empty, 0).await.expect("an answer").expect("an object").0, b"");
    });
}

#[test]
fn what_is_too_large_is_not_read() {
    conforms("what_is_too_large_is_not_read", async |store, double| {
        let key = key("x");
        double.put("bucket", "x", vec![7; 50_000_000]);
        double.clear_requests();
        let error = store.get(&key, 1000).await.expect_err("it is too long");
        assert_eq!(error.kind, ErrorKind::TooLarge);
        // What lies in the buffers of a connection by then is not the whole of it.
        assert!(double.traffic().bytes_out < 10_000_000, "{:?}", double.traffic());
        assert!(store.get(&key, 50_000_000).await.expect("an answer").is_some());
    });
}

#[test]
fn conditions_are_checked_at_the_write() {
    conforms("conditions_are_checked_at_the_write", async |store, _| {
        let key = key("x");
        let put = async |bytes: &'static [u8], condition: Condition| {
            store.put(&key, payload(bytes), &Attributes::default(), &condition).await
        };
        let other = Condition::Unchanged(ETag::new("00000000000000000000000000000000"));
        let gone = kind(put(b"0", other.clone()).await);
        assert!(matches!(gone, ErrorKind::NotFound | ErrorKind::PreconditionFailed), "{gone:?}");
        let first = put(b"1", Condition::Absent).await.expect("nothing lies there").etag;
        assert_eq!(kind(put(b"2", Condition::Absent).await), ErrorKind::PreconditionFailed);
        assert_eq!(kind(put(b"2", other).await), ErrorKind::PreconditionFailed);
        assert_eq!(store.get(&key, 9).await.expect("an answer").expect("an object").0, b"1");
        let second = put(b"2", Condition::Unchanged(first.clone())).await.expect("it lies there").etag;
        assert_eq!(kind(put(b"3", Condition::Unchanged(first)).await), ErrorKind::PreconditionFailed);
        put(b"3", Condition::Unchanged(second)).await.expect("it lies there");
        assert_eq!(store.get(&key, 9).await.expect("an answer").expect("an object").0, b"3");
    });
}

/// Of many that write at the same moment under one condition, one succeeds.
#[test]
fn conditions_admit_one() {
    conforms("conditions_admit_one", async |store, _| {
        let key = key("x");
        let none = Attributes::default();
        let writers = (0..16u8).map(|n| store.put(&key, payload(&[n]), &none, &Condition::Absent));
        let results = futures::future::join_all(writers).await;
        let won: Vec<usize> = (0..16).filter(|&n| results[n].is_ok()).collect();
        assert_eq!(won.len(), 1, "{results:?}");
        assert!(results.iter().flat_map(|result| result.as_ref().err()).all(|error| error.kind.is_conflict()));
        assert_eq!(store.get(&key, 9).await.expect("an answer").expect("an object").0, [won[0] as u8]);
    });
}

#[test]
fn checksums_are_checked_before_the_object_stands() {
    conforms("checksums_are_checked_before_the_object_stands", async |store, _| {
        let key = key("x");
        let none = Attributes::default();
        store.put(&key, payload(b"old"), &none, &Condition::Always).await.expect("it is written");
        for wrong in [Checksums { crc64nvme: 1, md5: None }, Checksums { crc64nvme: crc(b"new"), md5: Some([0; 16]) }] {
            let payload = Payload { checksums: wrong, ..payload(b"new") };
            let kind = kind(store.put(&key, payload, &none, &Condition::Always).await);
            assert_eq!(kind, ErrorKind::ChecksumMismatch, "{wrong:?}");
        }
        assert_eq!(store.get(&key, 9).await.expect("an answer").expect("an object").0, b"old");
    });
}

#[test]
fn listings_are_whole_and_in_order() {
    conforms("listings_are_whole_and_in_order", async |store, double| {
        let mut keys: BTreeSet<String> = (0..1100).map(|n| format!("p/{n:04}")).collect();
        keys.extend(["p/a b", "p/ü", "p/+", "p/%41", "p/&", "p/z\nz", "p/\u{1F600}", "p/\u{FFFD}"].map(str::to_owned));
        for key in &keys {
            double.put("bucket", key, key);
        }
        double.put("bucket", "p", "no prefix");
        double.put("bucket", "q/x", "another");
        let (mut found, mut pages, mut next) = (Vec::new(), 0, None);
        loop {
            let page = store.list("p/", next.as_deref()).await.expect("a page");
            pages += 1;
            found.extend(page.entries);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert!(pages > 1, "all on one page");
        assert_eq!(found.iter().map(|entry| &entry.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
        assert!(found.iter().all(|entry| entry.len == entry.key.len() as u64 && entry.etag.as_md5().is_some()));
        let none = store.list("nothing/", None).await.expect("a page");
        assert!(none.entries.is_empty() && none.next.is_none());
    });
}

#[test]
fn nothing_shows_before_complete() {
    conforms("nothing_shows_before_complete", async |store, _| {
        let (key, parts) = (key("a b+%41"), multipart(store));
        let attributes = Attributes { content_type: None, metadata: [("mode".to_owned(), "600".to_owned())].into() };
        let upload = parts.create(&key, &attributes).await.expect("an upload");
        assert!(upload.checksummed && upload.key == key);
        let (one, two) = ([1; 100], [2; 50]);
        parts.upload_part(&upload, 1, payload(&[9; 70])).await.expect("a part");
        // In any order, and again: the second upload of a number replaces the first.
        let second = parts.upload_part(&upload, 2, payload(&two)).await.expect("a part");
        let first = parts.upload_part(&upload, 1, payload(&one)).await.expect("a part");
        assert_eq!((first.crc64nvme, second.crc64nvme), (Some(crc(&one)), Some(crc(&two))));
        assert_eq!(store.head(&key).await.expect("an answer"), None);
        assert!(store.list("", None).await.expect("a page").entries.is_empty());

        let listed = parts.parts(&upload).await.expect("parts");
        let listed: Vec<_> = listed.into_iter().map(|part| (part.number, part.len, part.receipt)).collect();
        assert_eq!(listed, [(1, 100, first.clone()), (2, 50, second.clone())]);

        let bytes = [&one[..], &two].concat();
        let done = complete(parts, &upload, &[first, second], &bytes, &Condition::Absent).await.expect("it stands");
        let info = store.head(&key).await.expect("an answer").expect("an object");
        assert_eq!((info.len, &info.etag, info.crc64nvme), (150, &done.etag, Some(crc(&bytes))));
        assert_eq!(info.metadata, attributes.metadata);
        assert_eq!(store.get(&key, 150).await.expect("an answer").expect("an object").0, bytes);
        assert!(parts.uploads(&key).await.expect("uploads").is_empty());
    });
}

#[test]
fn ranges_are_copied_from_one_version() {
    conforms("ranges_are_copied_from_one_version", async |store, double| {
        let (key, parts) = (key("ü b/c+%41&#?"), multipart(store));
        let old: Vec<u8> = (0..=255).collect();
        double.put("bucket", key.as_str(), &old);
        let etag = store.head(&key).await.expect("an answer").expect("an object").etag;
        let source = CopySource { key: key.clone(), etag: etag.clone() };
        let upload = parts.create(&key, &Attributes::default()).await.expect("an upload");
        let copied = parts.copy_part(&upload, 1, &source, 10..110).await.expect("a copy");
        assert_eq!(copied.crc64nvme, Some(crc(&old[10..110])));
        let tail = parts.copy_part(&upload, 2, &source, 255..256).await.expect("one byte");
        assert_eq!(tail.crc64nvme, Some(crc(&[255])));

        let other = CopySource { etag: ETag::new("00000000000000000000000000000000"), ..source.clone() };
        assert_eq!(kind(parts.copy_part(&upload, 3, &other, 0..100).await), ErrorKind::PreconditionFailed);
        let nowhere = CopySource { key: self::key("nowhere"), ..source };
        // The version that is asked for does not stand there either.
        assert_eq!(kind(parts.copy_part(&upload, 3, &nowhere, 0..100).await), ErrorKind::PreconditionFailed);

        let bytes = [&old[10..110], &[255]].concat();
        let condition = Condition::Unchanged(etag);
        complete(parts, &upload, &[copied, tail], &bytes, &condition).await.expect("it stands");
        assert_eq!(double.get("bucket", key.as_str()).expect("an object"), bytes);
    });
}

#[test]
fn complete_checks_the_whole() {
    conforms("complete_checks_the_whole", async |store, double| {
        let (key, parts) = (key("x"), multipart(store));
        double.put("bucket", "x", "old");
        let etag = store.head(&key).await.expect("an answer").expect("an object").etag;
        let upload = parts.create(&key, &Attributes::default()).await.expect("an upload");
        let (one, two) = ([1; 100], [2; 100]);
        let first = parts.upload_part(&upload, 1, payload(&one)).await.expect("a part");
        let second = parts.upload_part(&upload, 2, payload(&two)).await.expect("a part");
        let (receipts, bytes) = ([first.clone(), second.clone()], [one, two].concat());
        let still = Condition::Unchanged(etag);
        let wrong_sum = WholeObject { len: 200, crc64nvme: crc(b"other") };
        let result = parts.complete(&upload, &receipts, wrong_sum, &still).await;
        assert_eq!(kind(result), ErrorKind::ChecksumMismatch);
        let wrong_len = WholeObject { len: 201, crc64nvme: crc(&bytes) };
        assert!(parts.complete(&upload, &receipts, wrong_len, &still).await.is_err());
        let swapped = [second, first];
        assert!(complete(parts, &upload, &swapped, &bytes, &still).await.is_err(), "parts in another order");
        assert_eq!(double.get("bucket", "x").expect("an object"), b"old");
        complete(parts, &upload, &receipts, &bytes, &still).await.expect("the upload is still good");
        assert_eq!(double.get("bucket", "x").expect("an object"), bytes);
    });
}

#[test]
fn complete_checks_its_condition() {
    conforms("complete_checks_its_condition", async |store, double| {
        let (key, parts) = (key("x"), multipart(store));
        let bytes = [7; 100];
        let prepared = async || {
            let upload = parts.create(&key, &Attributes::default()).await.expect("an upload");
            let part = parts.upload_part(&upload, 1, payload(&bytes)).await.expect("a part");
            (upload, part)
        };
        double.put("bucket", "x", "old");
        let etag = store.head(&key).await.expect("an answer").expect("an object").etag;
        let (upload, part) = prepared().await;
        let absent = complete(parts, &upload, &[part], &bytes, &Condition::Absent).await;
        assert_eq!(kind(absent), ErrorKind::PreconditionFailed);

        let (upload, part) = prepared().await;
        double.put("bucket", "x", "other");
        let still = Condition::Unchanged(etag);
        let changed = kind(complete(parts, &upload, &[part], &bytes, &still).await);
        assert!(changed.is_conflict(), "{changed:?}");

        let (upload, part) = prepared().await;
        double.delete("bucket", "x");
        let gone = kind(complete(parts, &upload, &[part], &bytes, &still).await);
        assert!(gone.is_conflict() || gone == ErrorKind::NotFound, "{gone:?}");
        assert_eq!(store.head(&key).await.expect("an answer"), None);
    });
}

#[test]
fn uploads_of_a_key_are_found_and_given_up() {
    conforms("uploads_of_a_key_are_found_and_given_up", async |store, double| {
        let (key, parts) = (key("a"), multipart(store));
        let none = Attributes::default();
        let first = parts.create(&key, &none).await.expect("an upload");
        let second = parts.create(&key, &none).await.expect("an upload");
        for longer in ["a.hssig", "a/b", "ab", "A"] {
            parts.create(&self::key(longer), &none).await.expect("an upload");
        }
        let found = parts.uploads(&key).await.expect("uploads");
        assert_eq!(found.iter().map(|upload| &upload.id).collect::<Vec<_>>(), [&first.id, &second.id], "oldest first");
        assert!(found.iter().all(|upload| upload.checksummed && upload.initiated.is_some() && upload.key == key));
        let part = parts.upload_part(&found[0], 1, payload(b"x")).await.expect("a found one is as good");

        parts.abort(&first).await.expect("it is given up");
        parts.abort(&first).await.expect("what is gone already is no error");
        assert_eq!(parts.uploads(&key).await.expect("uploads").len(), 1);
        assert_eq!(kind(complete(parts, &first, &[part], b"x", &Condition::Always).await), ErrorKind::NoSuchUpload);
        assert_eq!(kind(parts.upload_part(&first, 2, payload(b"y")).await), ErrorKind::NoSuchUpload);
        assert_eq!(kind(parts.parts(&first).await), ErrorKind::NoSuchUpload);
        assert_eq!(double.uploads("bucket").len(), 5, "those of other keys are left alone");
    });
}

#[test]
fn more_parts_and_uploads_than_a_page() {
    conforms("more_parts_and_uploads_than_a_page", async |store, _| {
        let (key, parts) = (key("x"), multipart(store));
        let upload = parts.create(&key, &Attributes::default()).await.expect("an upload");
        for numbers in (1..=1050u32).collect::<Vec<_>>().chunks(50) {
            let uploads = numbers.iter().map(|&number| parts.upload_part(&upload, number, payload(b"x")));
            futures::future::try_join_all(uploads).await.expect("parts");
        }
        let listed = parts.parts(&upload).await.expect("parts");
        assert!(listed.iter().map(|part| part.number).eq(1..=1050), "{} parts", listed.len());

        for _ in 0..22 {
            let none = Attributes::default();
            futures::future::try_join_all((0..50).map(|_| parts.create(&key, &none))).await.expect("uploads");
        }
        assert_eq!(parts.uploads(&key).await.expect("uploads").len(), 1101);
    });
}

#[test]
fn wrong_parts_are_not_taken_in() {
    conforms("wrong_parts_are_not_taken_in", async |store, _| {
        let (key, parts) = (key("x"), multipart(store));
        let upload = parts.create(&key, &Attributes::default()).await.expect("an upload");
        let wrong = Payload { checksums: Checksums { crc64nvme: 1, md5: None }, ..payload(b"part") };
        assert_eq!(kind(parts.upload_part(&upload, 1, wrong).await), ErrorKind::ChecksumMismatch);
        assert!(parts.parts(&upload).await.expect("parts").is_empty());
        // The limits that a store states are those that it keeps.
        let limits = parts.limits();
        assert!(limits.min_part <= limits.max_part && limits.max_parts == 10_000);
        let part = parts.upload_part(&upload, limits.max_parts, payload(b"x")).await;
        assert!(part.is_ok(), "{part:?}");
        assert!(parts.upload_part(&upload, limits.max_parts + 1, payload(b"x")).await.is_err());
    });
}

#[test]
fn errors_are_told_apart_by_meaning() {
    conforms("errors_are_told_apart_by_meaning", async |_, double| {
        let nowhere = connect(double, "nowhere").await;
        let listed = nowhere.list("", None).await;
        assert_eq!(kind(listed), ErrorKind::NoSuchBucket);
        let put = nowhere.put(&key("x"), payload(b"x"), &Attributes::default(), &Condition::Always).await;
        assert_eq!(kind(put), ErrorKind::NoSuchBucket);

        let store = connect(double, "bucket").await;
        let denied = strict_s3::FaultAction::Status(403, "AccessDenied");
        double.inject(strict_s3::Fault::next("*", denied).times(2));
        let error = store.list("p/", None).await.expect_err("it is forbidden");
        assert_eq!(
            (error.kind, error.operation, error.target.as_str()),
            (ErrorKind::AccessDenied, "ListObjectsV2", "s3://bucket/p/",)
        );
        assert_eq!(kind(store.head(&key("x")).await), ErrorKind::AccessDenied, "forbidden is not absent");

        double.stop();
        let stopped = S3Settings { endpoint_url: Some("http://127.0.0.1:9".to_owned()), ..settings(double, "bucket") };
        let stopped = S3Store::connect(&stopped).await.expect("nothing is sent yet");
        assert_eq!(kind(stopped.head(&key("x")).await), ErrorKind::Network);
    });
}

/// What a payload says as it leaves adds up, and what a store counts is what was sent.
#[test]
fn progress_and_requests_are_counted() {
    conforms("progress_and_requests_are_counted", async |store, double| {
        let sent = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&sent);
        let on_sent = Arc::new(move |bytes| _ = told.fetch_add(bytes, Ordering::Relaxed));
        let bytes = vec![1; 3_000_000];
        let payload = Payload { on_sent, ..payload(&bytes) };
        store.put(&key("x"), payload, &Attributes::default(), &Condition::Always).await.expect("it is written");
        assert_eq!(sent.load(Ordering::Relaxed), 3_000_000);
        assert_eq!(store.requests().get("PutObject"), Some(&1));

        double.inject(strict_s3::Fault::next("HeadObject", strict_s3::FaultAction::Status(500, "InternalError")));
        assert!(store.head(&key("x")).await.expect("an answer").is_some());
        assert_eq!(store.requests().get("HeadObject"), Some(&2), "each attempt is one");
    });
}

/// Runs a contract against the S3 store in a process of its own, `test` being the name of the test that asks for it.
fn conforms(test: &str, contract: impl AsyncFnOnce(&dyn Store, &StrictS3)) {
    const CHILD: &str = "HUGESYNC_CONFORMANCE_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env_clear().env(CHILD, "1");
        child.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "testtest");
        child.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        let output = child.env("AWS_EC2_METADATA_DISABLED", "true").output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let limits = Limits { min_part: MIN_PART, ..Limits::aws() };
    let double = StrictS3::builder().bucket("bucket").limits(limits).start().expect("the double starts");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = connect(&double, "bucket").await;
        contract(&store, &double).await;
    });
}

async fn connect(double: &StrictS3, bucket: &str) -> S3Store {
    S3Store::connect(&settings(double, bucket)).await.expect("nothing is sent yet")
}

fn settings(double: &StrictS3, bucket: &str) -> S3Settings {
    S3Settings {
        bucket: bucket.to_owned(),
        endpoint_url: Some(double.endpoint()),
        region: Some(strict_s3::REGION.to_owned()),
        profile: None,
        path_style: true,
    }
}

fn multipart(store: &dyn Store) -> &dyn MultipartStore {
    store.multipart().expect("the store has uploads in parts")
}

async fn complete(
    store: &dyn MultipartStore,
    upload: &Upload,
    parts: &[PartReceipt],
    bytes: &[u8],
    condition: &Condition,
) -> Result<PartReceipt, StoreError> {
    let whole = WholeObject { len: bytes.len() as u64, crc64nvme: crc(bytes) };
    store.complete(upload, parts, whole, condition).await
}

#[track_caller]
fn kind<T>(result: Result<T, StoreError>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.kind,
    }
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).expect("a key")
}

fn crc(bytes: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes)
}

fn payload(bytes: &[u8]) -> Payload {
    let checksums = Checksums { crc64nvme: crc(bytes), md5: Some(Md5::digest(bytes).into()) };
    Payload { body: PayloadBody::Buffer(Bytes::copy_from_slice(bytes)), checksums, on_sent: Arc::new(|_| {}) }
}
