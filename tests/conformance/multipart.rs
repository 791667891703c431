//! Objects made of uploaded and copied parts.

use hugesync::store::{Attributes, Checksums, Condition, CopySource, ETag, ErrorKind, ListFrom, Payload, WholeObject};

use super::support::{complete, conforms, crc, key, kind, multipart, payload};

#[test]
fn nothing_shows_before_complete() {
    conforms("conformance::multipart::nothing_shows_before_complete", async |store, _| {
        let (key, parts) = (key("a b+%41"), multipart(store));
        let attributes =
            Attributes { metadata: [("mode".to_owned(), "600".to_owned())].into(), ..Attributes::default() };
        let upload = parts.create(&key, &attributes).await.expect("an upload");
        assert!(upload.checksummed && upload.key == key);
        let (one, two) = ([1; 100], [2; 50]);
        parts.upload_part(&upload, 1, payload(&[9; 70])).await.expect("a part");
        // In any order, and again: the second upload of a number replaces the first.
        let second = parts.upload_part(&upload, 2, payload(&two)).await.expect("a part");
        let first = parts.upload_part(&upload, 1, payload(&one)).await.expect("a part");
        assert_eq!((first.crc64nvme, second.crc64nvme), (Some(crc(&one)), Some(crc(&two))));
        assert_eq!(store.head(&key).await.expect("an answer"), None);
        assert!(store.list("", &ListFrom::Start).await.expect("a page").entries.is_empty());

        let listed = parts.parts(&upload).await.expect("parts");
        let listed: Vec<_> = listed.into_iter().map(|part| (part.number, part.len, part.receipt)).collect();
        assert_eq!(listed, [(1, 100, first.clone()), (2, 50, second.clone())]);

        let bytes = [&one[..], &two].concat();
        let done = complete(parts, &upload, &[first, second], &bytes, &Condition::Absent).await.expect("it stands");
        let info = store.head(&key).await.expect("an answer").expect("an object");
        assert_eq!((info.len, &info.etag, info.crc64nvme), (150, &done.etag, Some(crc(&bytes))));
        assert_eq!(info.attributes.metadata, attributes.metadata);
        assert_eq!(store.get(&key, 150).await.expect("an answer").expect("an object").0, bytes);
        assert!(parts.uploads(&key).await.expect("uploads").is_empty());
    });
}

#[test]
fn ranges_are_copied_from_one_version() {
    conforms("conformance::multipart::ranges_are_copied_from_one_version", async |store, double| {
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
        let nowhere = CopySource { key: super::support::key("nowhere"), ..source };
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
    conforms("conformance::multipart::complete_checks_the_whole", async |store, double| {
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
    conforms("conformance::multipart::complete_checks_its_condition", async |store, double| {
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
    conforms("conformance::multipart::uploads_of_a_key_are_found_and_given_up", async |store, double| {
        let (key, parts) = (key("a"), multipart(store));
        let none = Attributes::default();
        let first = parts.create(&key, &none).await.expect("an upload");
        let second = parts.create(&key, &none).await.expect("an upload");
        for longer in ["a.hssig", "a/b", "ab", "A"] {
            parts.create(&super::support::key(longer), &none).await.expect("an upload");
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
    conforms("conformance::multipart::more_parts_and_uploads_than_a_page", async |store, _| {
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
    conforms("conformance::multipart::wrong_parts_are_not_taken_in", async |store, _| {
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
