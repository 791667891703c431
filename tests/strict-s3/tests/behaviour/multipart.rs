//! Multipart uploads: limits, order, copied ranges, ETags, listing of parts, attributes.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::CompletedPart;
use strict_s3::Limits;

use super::{B, code, data, part_of, setup, setup_as, small};

const MIB: usize = 1 << 20;

/// Source: docs/S3.md, "Multipart limits": 5 MiB, the last part excepted, checked at Complete only.
#[tokio::test]
async fn parts_of_less_than_5_mib() {
    let s = setup_as(Limits::aws());
    for (len, expected) in [(5 * MIB - 1, "400 EntityTooSmall"), (5 * MIB, "200")] {
        let id = s.create("k").await;
        let first = s.part("k", &id, 1, data(len, 1)).await;
        let last = s.part("k", &id, 2, "x").await;
        let parts = vec![part_of(1, &first), part_of(2, &last)];
        assert_eq!(code(s.complete("k", &id, parts).send().await), expected);
    }
}

/// Source: docs/S3.md, "Multipart limits": the minimum counts for copied parts too, and a copied last part may be short.
#[tokio::test]
async fn copied_parts_count_too() {
    let s = setup();
    s.put("src", data(100, 1)).await;
    for (range, expected) in [("bytes=0-14", "400 EntityTooSmall"), ("bytes=0-15", "200")] {
        let id = s.create("k").await;
        let mut parts = Vec::new();
        for (number, range) in [(1, range), (2, "bytes=99-99")] {
            let copied = s.copy("k", &id, number, "src").copy_source_range(range).send().await.unwrap();
            parts.push(part_of(number, copied.copy_part_result().unwrap().e_tag().unwrap()));
        }
        assert_eq!(code(s.complete("k", &id, parts).send().await), expected);
    }
}

/// Source: docs/S3.md, "Multipart limits": part numbers run from 1 to 10,000.
#[tokio::test]
async fn part_numbers() {
    let s = setup();
    s.put("src", "x").await;
    let id = s.create("k").await;
    for (number, expected) in [(0, "400 InvalidArgument"), (1, "200"), (10_000, "200"), (10_001, "400 InvalidArgument")]
    {
        assert_eq!(code(s.copy("k", &id, number, "src").send().await), expected);
        let upload = s.client.upload_part().bucket(B).key("k").upload_id(&id).part_number(number);
        assert_eq!(code(upload.send().await), expected);
    }
}

/// Source: docs/S3.md, "Multipart limits": 10,000 parts in one object.
#[tokio::test]
#[ignore = "ten thousand requests take ten seconds"]
async fn ten_thousand_parts() {
    let s = setup_as(Limits { min_part: 1, ..Limits::aws() });
    s.put("src", data(10_000, 7)).await;
    let id = s.create("k").await;
    let mut parts: Vec<CompletedPart> = Vec::new();
    for number in 1..=10_000 {
        let range = format!("bytes={0}-{0}", number - 1);
        let copied = s.copy("k", &id, number, "src").copy_source_range(range).send().await.unwrap();
        parts.push(part_of(number, copied.copy_part_result().unwrap().e_tag().unwrap()));
    }
    let done = s.complete("k", &id, parts).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-10000\""));
    assert_eq!(s.server.get(B, "k"), Some(data(10_000, 7)));
}

/// Source: API CompleteMultipartUpload, "Special errors"; API UploadPart and AbortMultipartUpload for the last rows.
#[tokio::test]
async fn lists_that_complete_refuses() {
    let s = setup();
    let id = s.create("k").await;
    let one = s.part("k", &id, 1, data(20, 1)).await;
    let two = s.part("k", &id, 2, data(20, 2)).await;
    let rows: [(&[(i32, &str)], &str); 6] = [
        (&[(1, &two), (2, &two)], "400 InvalidPart"),
        (&[(1, &one), (3, &two)], "400 InvalidPart"),
        (&[(2, &two), (1, &one)], "400 InvalidPartOrder"),
        (&[(1, &one), (1, &one)], "400 InvalidPartOrder"),
        (&[], "400 MalformedXML"),
        (&[(2, &two)], "200"),
    ];
    for (list, expected) in rows {
        let parts = list.iter().map(|(number, etag)| part_of(*number, etag)).collect();
        assert_eq!(code(s.complete("k", &id, parts).send().await), expected, "{list:?}");
    }
    assert_eq!(s.get("k").await, data(20, 2), "parts that are not named are left out");
    let id = s.create("k").await;
    let abort = || s.client.abort_multipart_upload().bucket(B).key("k").upload_id(&id);
    assert_eq!(code(abort().send().await), "200");
    assert_eq!(code(abort().send().await), "404 NoSuchUpload");
    assert_eq!(code(s.copy("k", &id, 1, "k").send().await), "404 NoSuchUpload");
    assert_eq!(code(s.complete("k", &id, vec![part_of(1, &one)]).send().await), "404 NoSuchUpload");
}

/// Source: docs/S3.md, "Checksums": `x-amz-mp-object-size` is checked.
#[tokio::test]
async fn object_size_is_checked() {
    let s = setup();
    let (id, parts) = s.one_part("k").await;
    let complete = |size| s.complete("k", &id, parts.clone()).mpu_object_size(size);
    assert_eq!(code(complete(4).send().await), "400 InvalidRequest");
    assert_eq!(code(complete(3).send().await), "200");
}

/// Source: docs/S3.md, "Multipart limits" (recorded): only `bytes=first-last`, out of bounds is 400 `InvalidArgument`,
/// and one byte of a small source is fine.
#[tokio::test]
async fn ranges_of_copies() {
    let s = setup();
    s.put("src", "0123456789").await;
    let id = s.create("k").await;
    for (range, expected) in [
        ("bytes=0-9", "200"),
        ("bytes=9-9", "200"),
        ("bytes=0-10", "400 InvalidArgument"),
        ("bytes=10-10", "400 InvalidArgument"),
        ("bytes=5-4", "400 InvalidArgument"),
        ("bytes=5-", "400 InvalidArgument"),
        ("bytes=-5", "400 InvalidArgument"),
        ("5-6", "400 InvalidArgument"),
        ("bytes=+5-6", "400 InvalidArgument"),
    ] {
        assert_eq!(code(s.copy("k", &id, 1, "src").copy_source_range(range).send().await), expected, "{range}");
    }
    assert_eq!(code(s.copy("k", &id, 1, "none").send().await), "404 NoSuchKey");
}

/// Source: docs/S3.md, "ETags": MD5 for one piece and for copied parts, md5-of-md5s-N for multipart.
#[tokio::test]
async fn etags() {
    let s = setup();
    // MD5 of "0123456789" and of "345" by md5sum; of the two raw digests together likewise.
    assert_eq!(s.put("src", "0123456789").await, "\"781e5e245d69b566979b86e28d23f2c7\"");
    let id = s.create("k").await;
    let one = s.part("k", &id, 1, "0123456789abcdef").await;
    let two = s.copy("k", &id, 2, "src").copy_source_range("bytes=3-5").send().await.unwrap();
    let two = two.copy_part_result().unwrap().e_tag().unwrap();
    assert_eq!(two, "\"d81f9c1be2e08964bf9f24b15f0e4900\"");
    assert_eq!(one, "\"4032af8d61035123906e58e067140cc5\"");
    let done = s.complete("k", &id, vec![part_of(1, &one), part_of(2, two)]).send().await.unwrap();
    assert_eq!(done.e_tag(), Some("\"864a6c131ff5568dc0e4fff40cfe6441-2\""));
    assert_eq!(s.get("k").await, b"0123456789abcdef345");
}

/// Source: docs/S3.md, "The part that is smaller than 5 MiB": a stitched object is a copy source like any other; and a
/// part keeps its bytes when its source is overwritten or deleted.
#[tokio::test]
async fn scratch_objects() {
    let s = setup_as(Limits::aws());
    let old = data(12 * MIB, 3);
    s.put("old", old.clone()).await;
    let id = s.create("scratch").await;
    let head = s.copy("scratch", &id, 1, "old").copy_source_range(format!("bytes=7-{}", 7 + 5 * MIB - 1));
    let head = head.send().await.unwrap().copy_part_result.unwrap().e_tag.unwrap();
    let tail = s.part("scratch", &id, 2, "changed").await;
    s.complete("scratch", &id, vec![part_of(1, &head), part_of(2, &tail)]).send().await.unwrap();

    let id = s.create("old").await;
    let one = s.copy("old", &id, 1, "scratch").send().await.unwrap().copy_part_result.unwrap().e_tag.unwrap();
    let rest = s.copy("old", &id, 2, "old").copy_source_range(format!("bytes={}-{}", 7 * MIB, 12 * MIB - 1));
    let rest = rest.send().await.unwrap().copy_part_result.unwrap().e_tag.unwrap();
    s.server.delete(B, "scratch");
    s.complete("old", &id, vec![part_of(1, &one), part_of(2, &rest)]).send().await.unwrap();
    let expected = [&old[7..7 + 5 * MIB], b"changed", &old[7 * MIB..]].concat();
    assert!(s.get("old").await == expected);
}

/// Source: API ListParts: 1,000 a page, by number; docs/S3.md, "Resume".
#[tokio::test]
async fn list_parts() {
    let s = setup();
    s.put("src", "x").await;
    let id = s.create("k").await;
    for number in (1..=2010).step_by(2) {
        s.copy("k", &id, number, "src").send().await.unwrap();
    }
    let list = || s.client.list_parts().bucket(B).key("k").upload_id(&id);
    let first = list().send().await.unwrap();
    assert_eq!((first.parts().len(), first.is_truncated()), (1000, Some(true)));
    assert_eq!(first.next_part_number_marker(), Some("1999"));
    let rest = list().part_number_marker("1999").send().await.unwrap();
    let numbers: Vec<_> = rest.parts().iter().filter_map(|part| part.part_number()).collect();
    assert_eq!((numbers, rest.is_truncated()), (vec![2001, 2003, 2005, 2007, 2009], Some(false)));
    assert_eq!(first.parts()[0].size(), Some(1));
    assert_eq!(first.parts()[0].e_tag(), Some("\"9dd4e461268c8034f5c8564e155c67a6\""));
}

/// Source: docs/S3.md, "Multipart limits": nothing is inherited from the replaced object; what Create gives is kept.
#[tokio::test]
async fn attributes_come_from_create() {
    let s = setup();
    let put = s.client.put_object().bucket(B).key("k").metadata("old", "1").content_type("a/old").tagging("t=old");
    put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    let (id, parts) = s.one_part("k").await;
    s.complete("k", &id, parts).send().await.unwrap();
    let bare = s.server.object(B, "k").unwrap();
    assert_eq!((bare.metadata.len(), bare.content_type, bare.tags.len()), (0, None, 0));

    let create = s.client.create_multipart_upload().bucket(B).key("k").metadata("new", "2").content_type("a/new");
    let create = create.tagging("t=new&u=%C3%BC").content_encoding("gzip").cache_control("no-cache");
    let id = create.send().await.unwrap().upload_id.unwrap();
    let etag = s.part("k", &id, 1, "y").await;
    s.complete("k", &id, vec![part_of(1, &etag)]).send().await.unwrap();
    let head = s.client.head_object().bucket(B).key("k").send().await.unwrap();
    assert_eq!(head.metadata().unwrap().get("new").map(String::as_str), Some("2"));
    assert_eq!((head.content_type(), head.content_encoding()), (Some("a/new"), Some("gzip")));
    assert_eq!(s.server.object(B, "k").unwrap().tags[1], ("u".to_owned(), "ü".to_owned()));
}

/// Source: API GetObject, `partNumber`; API GetObjectAttributes, `ObjectParts`.
#[tokio::test]
async fn single_parts_of_an_object() {
    let s = setup();
    let id = s.create("k").await;
    let one = s.part("k", &id, 1, data(20, 1)).await;
    let two = s.part("k", &id, 2, "tail").await;
    s.complete("k", &id, vec![part_of(1, &one), part_of(2, &two)]).send().await.unwrap();
    let get = |number| s.client.get_object().bucket(B).key("k").part_number(number);
    let second = get(2).send().await.unwrap();
    assert_eq!((second.parts_count(), second.content_range()), (Some(2), Some("bytes 20-23/24")));
    assert_eq!(second.body.collect().await.unwrap().to_vec(), b"tail");
    assert_eq!(code(get(3).send().await), "416 InvalidPartNumber");
    assert_eq!(code(get(1).range("bytes=0-1").send().await), "400 InvalidRequest");
}

/// Source: docs/S3.md, "Multipart limits": a part is at most 5 GiB, uploaded or copied (the limit shrunk here).
#[tokio::test]
async fn parts_that_are_too_large() {
    let s = setup_as(Limits { max_part: 100, max_copy: 100, max_put: 200, ..small() });
    s.put("src", data(101, 1)).await;
    let id = s.create("k").await;
    let upload = s.client.upload_part().bucket(B).key("k").upload_id(&id).part_number(1);
    assert_eq!(code(upload.body(ByteStream::from(data(101, 1))).send().await), "400 EntityTooLarge");
    assert_eq!(code(s.copy("k", &id, 1, "src").send().await), "400 InvalidRequest");
    assert_eq!(code(s.copy("k", &id, 1, "src").copy_source_range("bytes=0-99").send().await), "200");
    let whole = s.client.copy_object().bucket(B).key("k").copy_source("bucket/src");
    assert_eq!(code(whole.send().await), "400 InvalidRequest");
    let put = s.client.put_object().bucket(B).key("k").body(ByteStream::from(data(201, 1)));
    assert_eq!(code(put.send().await), "400 EntityTooLarge");
}
