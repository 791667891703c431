//! Checksums: verified on the way in, stitched from those of the parts, verified again at Complete.

use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedPart, ObjectAttributes};

use super::{B, Setup, code, data, part_of, setup};

/// CRC64NVME and CRC32 in base64, by the plain bitwise definition: independent of the crate the server uses.
fn crc(polynomial: u64, width: u32, bytes: &[u8]) -> String {
    use base64::Engine as _;
    let ones = u64::MAX >> (64 - width);
    let crc = bytes.iter().fold(ones, |mut crc, byte| {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ polynomial } else { crc >> 1 };
        }
        crc
    });
    base64::engine::general_purpose::STANDARD.encode(&(crc ^ ones).to_be_bytes()[8 - width as usize / 8..])
}

fn crc64(bytes: &[u8]) -> String {
    crc(0x9a6c_9329_ac4b_c9b5, 64, bytes)
}

fn crc32(bytes: &[u8]) -> String {
    crc(0xedb8_8320, 32, bytes)
}

async fn create(s: &Setup, key: &str, algorithm: ChecksumAlgorithm, kind: ChecksumType) -> String {
    let create = s.client.create_multipart_upload().bucket(B).key(key);
    let create = create.checksum_algorithm(algorithm).checksum_type(kind);
    create.send().await.expect("create").upload_id.expect("upload id")
}

/// Source: docs/S3.md, "Checksums"; guide, "Checking object integrity": a wrong value is 400 and nothing is written.
#[tokio::test]
async fn put_object() {
    let s = setup();
    let body = data(5000, 1);
    let put = || s.client.put_object().bucket(B).key("k").body(ByteStream::from(body.clone()));
    let wrong = crc64(b"other");
    assert_eq!(code(put().checksum_crc64_nvme(&wrong).send().await), "400 BadDigest");
    assert_eq!(code(put().checksum_crc32("AAAAAA==").send().await), "400 BadDigest");
    assert_eq!(code(put().checksum_crc64_nvme("AAAA").send().await), "400 InvalidRequest");
    assert_eq!(code(put().content_md5("AQEBAQEBAQEBAQEBAQEBAQ==").send().await), "400 BadDigest");
    assert_eq!(code(put().content_md5("AQ==").send().await), "400 InvalidDigest");
    assert!(s.server.keys(B).is_empty());
    let done = put().checksum_crc32(crc32(&body)).send().await.unwrap();
    assert_eq!(done.checksum_crc32(), Some(crc32(&body).as_str()));
    let head = || s.client.head_object().bucket(B).key("k");
    let shown = head().checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(shown.checksum_crc32(), Some(crc32(&body).as_str()));
    assert_eq!(shown.checksum_type(), Some(&ChecksumType::FullObject));
    assert_eq!(head().send().await.unwrap().checksum_crc32(), None, "only when asked for");
}

/// Source: docs/S3.md, "Checksums": without an algorithm S3 still stores a full-object CRC64NVME, multipart or not.
#[tokio::test]
async fn crc64nvme_by_default() {
    let s = setup();
    s.put("one", "abc").await;
    let id = s.create("two").await;
    let first = s.part("two", &id, 1, data(20, 1)).await;
    let last = s.part("two", &id, 2, "abc").await;
    s.complete("two", &id, vec![part_of(1, &first), part_of(2, &last)]).send().await.unwrap();
    let whole = [data(20, 1), b"abc".to_vec()].concat();
    for (key, bytes) in [("one", &b"abc"[..]), ("two", &whole)] {
        let get = s.client.get_object().bucket(B).key(key).checksum_mode(ChecksumMode::Enabled);
        let answer = get.send().await.unwrap();
        assert_eq!(answer.checksum_crc64_nvme(), Some(crc64(bytes).as_str()), "{key}");
        assert_eq!(answer.checksum_type(), Some(&ChecksumType::FullObject));
    }
    assert_eq!(s.server.object(B, "two").unwrap().crc64nvme, crc64(&whole));
}

/// Source: docs/S3.md, "Checksums" (recorded): every part, uploaded or copied, answers with its checksum; ListParts
/// has them; at Complete a wrong value is `BadDigest`, and so is the right one without its type.
#[tokio::test]
async fn full_object_with_copied_parts() {
    let s = setup();
    let old = data(100, 1);
    s.put("src", old.clone()).await;
    for algorithm in [ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Crc32] {
        let nvme = algorithm == ChecksumAlgorithm::Crc64Nvme;
        let of = |bytes: &[u8]| if nvme { crc64(bytes) } else { crc32(bytes) };
        let id = create(&s, "k", algorithm, ChecksumType::FullObject).await;
        let copied = s.copy("k", &id, 1, "src").copy_source_range("bytes=10-49").send().await.unwrap();
        let copied = copied.copy_part_result.unwrap();
        let shown = if nvme { copied.checksum_crc64_nvme() } else { copied.checksum_crc32() };
        assert_eq!(shown, Some(of(&old[10..50]).as_str()));
        let etag = s.part("k", &id, 2, "tail").await;
        let listed = s.client.list_parts().bucket(B).key("k").upload_id(&id).send().await.unwrap();
        let shown =
            listed.parts().iter().map(|part| if nvme { part.checksum_crc64_nvme() } else { part.checksum_crc32() });
        let expected = [of(&old[10..50]), of(b"tail")];
        assert_eq!(shown.collect::<Vec<_>>(), expected.iter().map(|v| Some(v.as_str())).collect::<Vec<_>>());

        let whole = [&old[10..50], b"tail"].concat();
        let complete = |value: String, typed: bool| {
            let parts = vec![part_of(1, copied.e_tag().unwrap()), part_of(2, &etag)];
            let complete = s.complete("k", &id, parts).set_checksum_type(typed.then_some(ChecksumType::FullObject));
            if nvme { complete.checksum_crc64_nvme(value) } else { complete.checksum_crc32(value) }
        };
        assert_eq!(code(complete(of(b"wrong"), true).send().await), "400 BadDigest");
        assert_eq!(code(complete(of(&whole), false).send().await), "400 BadDigest");
        let wrong_mode = complete(of(&whole), true).checksum_type(ChecksumType::Composite);
        assert_eq!(code(wrong_mode.send().await), "400 InvalidRequest");
        assert_eq!(code(complete(of(&whole), true).send().await), "200");
        assert_eq!(s.get("k").await, whole);
    }
}

/// Source: docs/S3.md, "Checksums". The server remembers digests of ranges of files; a second copy with another
/// algorithm, or with the same, must answer as the first would have.
#[tokio::test]
async fn a_range_that_is_copied_again() {
    let s = setup();
    let old = data(100_000, 1);
    s.put("src", old.clone()).await;
    let plain = s.create("k").await;
    let summed = create(&s, "k", ChecksumAlgorithm::Crc32, ChecksumType::FullObject).await;
    let mut etags = Vec::new();
    for (id, checksum) in [(&plain, false), (&summed, true), (&plain, false), (&summed, true)] {
        let copied = s.copy("k", id, 1, "src").copy_source_range("bytes=5-80000").send().await.unwrap();
        let copied = copied.copy_part_result.unwrap();
        assert_eq!(copied.checksum_crc32(), checksum.then(|| crc32(&old[5..80_001])).as_deref());
        etags.push(copied.e_tag);
    }
    assert!(etags.iter().all(|etag| *etag == etags[0]));
}

/// Source: docs/S3.md, "Checksums" and API CompleteMultipartUpload: CRC64NVME may be verified without having asked for
/// an algorithm at Create, since that is what S3 stores then.
#[tokio::test]
async fn default_checksum_can_be_verified() {
    let s = setup();
    let (id, parts) = s.one_part("k").await;
    let complete = |bytes| {
        let complete = s.complete("k", &id, parts.clone()).checksum_type(ChecksumType::FullObject);
        complete.checksum_crc64_nvme(crc64(bytes))
    };
    assert_eq!(code(complete(b"old").send().await), "400 BadDigest");
    assert_eq!(code(complete(b"new").send().await), "200");
}

/// Source: guide, "Checking object integrity": composite is the checksum of the parts' checksums, `-N` behind it, and
/// needs each part's value, on the part and in the list (the message S3 gives).
#[tokio::test]
async fn composite() {
    let s = setup();
    s.put("src", data(50, 2)).await;
    let id = create(&s, "k", ChecksumAlgorithm::Crc32, ChecksumType::Composite).await;
    let upload = || s.client.upload_part().bucket(B).key("k").upload_id(&id).part_number(2);
    let tail = || ByteStream::from_static(b"tail");
    assert_eq!(code(upload().body(tail()).send().await), "400 InvalidRequest");
    let etag = upload().body(tail()).checksum_crc32(crc32(b"tail")).send().await.unwrap().e_tag.unwrap();
    let copied = s.copy("k", &id, 1, "src").send().await.unwrap().copy_part_result.unwrap();
    let part = |number, etag: &str, value: &str| {
        CompletedPart::builder().part_number(number).e_tag(etag).checksum_crc32(value).build()
    };
    let first = crc32(&data(50, 2));
    assert_eq!(copied.checksum_crc32(), Some(first.as_str()));
    let copied = copied.e_tag().unwrap();
    let good = || vec![part(1, copied, &first), part(2, &etag, &crc32(b"tail"))];
    let bare = vec![part_of(1, copied), part_of(2, &etag)];
    assert_eq!(code(s.complete("k", &id, bare).send().await), "400 InvalidRequest");
    let wrong = vec![part(1, copied, &crc32(b"?")), part(2, &etag, &crc32(b"tail"))];
    assert_eq!(code(s.complete("k", &id, wrong).send().await), "400 InvalidPart");
    let claimed = s.complete("k", &id, good()).checksum_crc32(format!("{}-2", crc32(b"?")));
    assert_eq!(code(claimed.send().await), "400 BadDigest");
    let done = s.complete("k", &id, good()).send().await.unwrap();
    assert_eq!(done.checksum_type(), Some(&ChecksumType::Composite));
    assert!(done.checksum_crc32().unwrap().ends_with("-2"));

    let wanted = [ObjectAttributes::ObjectParts, ObjectAttributes::ObjectSize, ObjectAttributes::Checksum];
    let attributes = s.client.get_object_attributes().bucket(B).key("k").set_object_attributes(Some(wanted.into()));
    let attributes = attributes.send().await.unwrap();
    assert_eq!(attributes.object_size(), Some(54));
    assert_eq!(attributes.object_parts().unwrap().parts()[1].checksum_crc32(), Some(crc32(b"tail").as_str()));
}

/// Source: docs/S3.md, "Multipart limits", and API CompletedPart: with an additional checksum the numbers must be
/// 1, 2, 3 .., else 400 `InvalidPartOrder`.
#[tokio::test]
async fn part_numbers_must_be_consecutive() {
    let s = setup();
    let id = create(&s, "k", ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject).await;
    let one = s.part("k", &id, 1, data(20, 1)).await;
    let three = s.part("k", &id, 3, "x").await;
    let parts = vec![part_of(1, &one), part_of(3, &three)];
    assert_eq!(code(s.complete("k", &id, parts).send().await), "400 InvalidPartOrder");
}

/// Source: guide, "Checking object integrity" (which algorithm can do what); the mismatch of a part's algorithm with
/// its upload's as in aws-sdk-java issue 3173.
#[tokio::test]
async fn algorithms_that_do_not_go_together() {
    let s = setup();
    for (algorithm, kind) in
        [(ChecksumAlgorithm::Sha256, ChecksumType::FullObject), (ChecksumAlgorithm::Crc64Nvme, ChecksumType::Composite)]
    {
        let create = s.client.create_multipart_upload().bucket(B).key("k");
        let create = create.checksum_algorithm(algorithm).checksum_type(kind);
        assert_eq!(code(create.send().await), "400 InvalidRequest");
    }
    let id = s.create("k").await;
    let upload = |id: &str| {
        let upload = s.client.upload_part().bucket(B).key("k").upload_id(id).part_number(1);
        upload.body(ByteStream::from_static(b"x")).checksum_crc32(crc32(b"x"))
    };
    assert_eq!(code(upload(&id).send().await), "400 InvalidRequest");
    let id = create(&s, "k", ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject).await;
    assert_eq!(code(upload(&id).send().await), "400 InvalidRequest");
}

/// Source: docs/S3.md, "aws-sdk-s3 (Rust)": a streamed body is sent in chunks with a trailing checksum; guide,
/// "Signature calculations: trailing headers". The transfer's encoding is not stored.
#[tokio::test]
async fn trailing_checksums() {
    let s = setup();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data(300_000, 5)).unwrap();
    let body = || async { ByteStream::from_path(file.path()).await.unwrap() };
    let config = s.client.config().to_builder();
    let client = aws_sdk_s3::Client::from_conf(
        config.request_checksum_calculation(RequestChecksumCalculation::WhenSupported).build(),
    );
    let put = client.put_object().bucket(B).key("k").body(body().await);
    put.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).send().await.unwrap();
    let id = create(&s, "m", ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject).await;
    let part = client.upload_part().bucket(B).key("m").upload_id(&id).part_number(1).body(body().await);
    let part = part.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).send().await.unwrap();
    assert_eq!(part.checksum_crc64_nvme(), Some(crc64(&data(300_000, 5)).as_str()));
    let put = &s.server.requests()[0];
    assert_eq!(put.header("x-amz-trailer"), Some("x-amz-checksum-crc64nvme"));
    assert!(put.bytes_in > 300_000, "the framing is counted: {}", put.bytes_in);
    let object = s.server.object(B, "k").unwrap();
    assert_eq!((object.content_encoding, object.crc64nvme), (None, crc64(&data(300_000, 5))));
}
