//! The look-alike stores: docs/S3.md, "Stores that differ", is the source of all rows here.

use std::io::{Read as _, Write as _};

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};
use strict_s3::{Conditions, Limits};

use super::{B, OTHER, Setup, code, data, part_of, setup_as};

async fn upload_of(s: &Setup, lengths: &[usize]) -> String {
    let id = s.create("k").await;
    let mut parts = Vec::new();
    for (number, len) in (1..).zip(lengths) {
        parts.push(part_of(number, &s.part("k", &id, number, data(*len, 1)).await));
    }
    code(s.complete("k", &id, parts).send().await)
}

#[tokio::test]
async fn r2_wants_equal_parts() {
    let s = setup_as(Limits { min_part: 16, ..Limits::r2() });
    for (lengths, expected) in [
        (&[20, 20, 3][..], "200"),
        (&[20, 20, 20], "200"),
        (&[20, 21, 3], "400 InvalidPart"),
        (&[20, 20, 21], "400 InvalidPart"),
        (&[21], "200"),
    ] {
        assert_eq!(upload_of(&s, lengths).await, expected, "{lengths:?}");
    }
    let first = s.server.object(B, "k").unwrap().etag;
    assert_eq!(upload_of(&s, &[21]).await, "200");
    assert_ne!(s.server.object(B, "k").unwrap().etag, first, "multipart ETags are random");
    let id = s.create("k").await;
    let copy = s.copy("k", &id, 1, "k").copy_source_if_match(OTHER).send().await;
    assert_eq!(code(copy), "501 NotImplemented");
    let whole = s.client.copy_object().bucket(B).key("copy").copy_source(format!("{B}/k"));
    assert_eq!(code(whole.copy_source_if_match(OTHER).send().await), "412 PreconditionFailed");
}

/// By which headers a client can tell the stores apart.
#[tokio::test]
async fn some_say_what_they_are() {
    for (limits, server, ray, id) in [
        (Limits::aws(), Some("AmazonS3"), false, true),
        (Limits::r2(), Some("cloudflare"), true, false),
        (Limits::minio(), Some("MinIO"), false, true),
        (Limits::ceph(), None, false, true),
        (Limits::unnamed(), None, false, true),
    ] {
        let s = setup_as(limits);
        s.put("k", "x").await;
        for key in ["k", "none"] {
            let address = s.server.endpoint();
            let mut stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
            write!(stream, "GET /{B}/{key} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            let header = |name: &str| {
                let lines = answer.lines().take_while(|line| !line.is_empty());
                lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
            };
            assert_eq!(header("server"), server, "{answer}");
            assert_eq!((header("cf-ray").is_some(), header("x-amz-request-id").is_some()), (ray, id), "{answer}");
        }
    }
}

#[tokio::test]
async fn some_ignore_conditions() {
    // Which of put, complete and copy are checked.
    for (limits, checked) in [
        (Limits::aws(), [true, true, true]),
        (Limits::ceph(), [true, false, false]),
        (Limits::garage(), [false, false, true]),
        (Limits::careless(), [false, false, false]),
    ] {
        let s = setup_as(limits);
        s.put("k", "old").await;
        let (id, parts) = s.one_part("k").await;
        let copy = s.copy("k", &id, 2, "k").copy_source_if_match(OTHER).send().await;
        let complete = s.complete("k", &id, parts).if_match(OTHER).send().await;
        let put = s.client.put_object().bucket(B).key("k").if_match(OTHER).send().await;
        let got = [code(put), code(complete), code(copy)];
        assert_eq!(got.map(|code| code == "412 PreconditionFailed"), checked);
    }
}

#[tokio::test]
async fn copied_parts_without_checksums() {
    for (limits, copies, shown) in
        [(Limits::aws(), "200", true), (Limits::ceph(), "200", false), (Limits::minio(), "400 InvalidRequest", false)]
    {
        let s = setup_as(limits);
        s.put("src", "x").await;
        let create = s.client.create_multipart_upload().bucket(B).key("k");
        let create = create.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme).checksum_type(ChecksumType::FullObject);
        let id = create.send().await.unwrap().upload_id.unwrap();
        let copy = s.copy("k", &id, 1, "src").send().await;
        let value = copy.as_ref().ok().and_then(|copy| copy.copy_part_result()?.checksum_crc64_nvme());
        assert_eq!(value.is_some(), shown);
        assert_eq!(code(copy), copies);
    }
}

#[tokio::test]
async fn a_thousand_parts_only() {
    let s = setup_as(Limits::scaleway());
    s.put("src", "x").await;
    let id = s.create("k").await;
    assert_eq!(code(s.copy("k", &id, 1000, "src").send().await), "200");
    assert_eq!(code(s.copy("k", &id, 1001, "src").send().await), "400 InvalidArgument");
}

#[tokio::test]
async fn opaque_etags_and_changing_habits() {
    let s = setup_as(Limits { opaque_etags: true, ..Limits::aws() });
    assert_ne!(s.put("k", "x").await, s.put("k", "x").await);
    s.server.set_limits(Limits { put_conditions: Conditions::Refused, ..Limits::aws() });
    assert_eq!(s.put("k", "x").await, s.put("k", "x").await);
    let put = s.client.put_object().bucket(B).key("k").if_none_match("*").send().await;
    assert_eq!(code(put), "501 NotImplemented");
}
