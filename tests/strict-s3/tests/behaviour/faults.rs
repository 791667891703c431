//! Faults on order, and the record of requests: this crate's own promises, no outside source.

use std::time::{Duration, Instant};

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::primitives::ByteStream;
use strict_s3::{Fault, FaultAction, StrictS3};

use super::{B, Setup, client, code, data, part_of, setup};

#[tokio::test]
async fn statuses() {
    let s = setup();
    s.server.inject(Fault::next("PutObject", FaultAction::Status(503, "SlowDown")).nth(2).times(2));
    let mut codes = Vec::new();
    for _ in 0..4 {
        // Longer than any buffer on the way: the whole body has to be taken before the refusal.
        let put = s.client.put_object().bucket(B).key("k").body(ByteStream::from(data(3 << 20, 1)));
        codes.push(code(put.send().await));
    }
    assert_eq!(codes, ["200", "503 SlowDown", "503 SlowDown", "200"]);
    assert_eq!(s.server.pending_faults(), 0);
    let seen: Vec<_> = s.server.requests().iter().map(|r| (r.kind, r.status, r.bytes_in, r.faulted)).collect();
    assert_eq!(seen[0], ("PutObject", 200, 3 << 20, false));
    assert_eq!(seen[1], ("PutObject", 503, 3 << 20, true));
}

#[tokio::test]
async fn an_error_inside_200() {
    let s = setup();
    let (id, parts) = s.one_part("k").await;
    s.server.inject(Fault::next("CompleteMultipartUpload", FaultAction::ErrorIn200));
    assert_eq!(code(s.complete("k", &id, parts.clone()).send().await), "200 InternalError");
    assert!(s.server.keys(B).is_empty());
    assert_eq!(code(s.complete("k", &id, parts).send().await), "200");
}

#[tokio::test]
async fn cut_connections() {
    let s = setup();
    let put = || s.client.put_object().bucket(B).key("k").body(ByteStream::from(data(4 << 20, 1)));
    s.server.inject(Fault::next("PutObject", FaultAction::ResetRequestAfter(1 << 20)));
    assert_eq!(code(put().send().await), "no answer");
    assert!(s.server.keys(B).is_empty(), "nothing was done");
    let record = s.server.requests().pop().unwrap();
    assert_eq!(record.status, 0);
    assert!((1 << 20..4 << 20).contains(&record.bytes_in), "{}", record.bytes_in);

    s.server.inject(Fault::next("PutObject", FaultAction::LostResponse));
    assert_eq!(code(put().send().await), "no answer");
    assert_eq!(s.server.object(B, "k").unwrap().len, 4 << 20, "it was done");

    s.server.inject(Fault::next("GetObject", FaultAction::ResetResponseAfter(1000)));
    let answer = s.client.get_object().bucket(B).key("k").send().await.unwrap();
    assert_eq!(answer.content_length(), Some(4 << 20));
    assert!(answer.body.collect().await.is_err());
    assert_eq!(s.server.requests().pop().unwrap().bytes_out, 1000);
}

#[tokio::test]
async fn lost_answers_are_survived_by_a_retry() {
    let s = setup();
    let retrying = client(&s.server, RetryConfig::standard().with_max_attempts(3));
    let etag = s.put("k", "old").await;
    let (id, parts) = s.one_part("k").await;
    s.server.inject(Fault::next("CompleteMultipartUpload", FaultAction::LostResponse));
    let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = retrying.complete_multipart_upload().bucket(B).key("k").upload_id(&id).multipart_upload(parts);
    assert_eq!(code(complete.if_match(&etag).send().await), "200");
    assert_eq!(s.server.count("CompleteMultipartUpload"), 2);
}

#[tokio::test]
async fn wrong_data() {
    let s = setup();
    let body = data(5000, 1);
    let put = || s.client.put_object().bucket(B).key("k").body(ByteStream::from(body.clone()));
    s.server.inject(Fault::next("PutObject", FaultAction::CorruptRequest));
    assert_eq!(code(put().send().await), "400 XAmzContentSHA256Mismatch");
    put().send().await.unwrap();
    s.server.inject(Fault::next("GetObject", FaultAction::CorruptResponse));
    let got = s.get("k").await;
    let differing = got.iter().zip(&body).filter(|(a, b)| a != b).count();
    assert_eq!((got.len(), differing), (5000, 1));
    assert_eq!(s.get("k").await, body);
}

#[tokio::test]
async fn wrong_etags() {
    let s = setup();
    let right = s.put("k", "x").await;
    s.server.inject(Fault::next("*", FaultAction::EtagLie).times(2));
    assert_ne!(s.put("k", "x").await, right);
    let id = s.create("m").await;
    s.server.inject(Fault::next("UploadPartCopy", FaultAction::EtagLie));
    let lie = s.copy("m", &id, 1, "k").send().await.unwrap().copy_part_result.unwrap().e_tag.unwrap();
    assert_ne!(lie, right);
    assert_eq!(code(s.complete("m", &id, vec![part_of(1, &lie)]).send().await), "400 InvalidPart");
    assert_eq!(code(s.complete("m", &id, vec![part_of(1, &right)]).send().await), "200");
}

#[tokio::test]
async fn stalls() {
    let s = setup();
    let body = data(1 << 20, 1);
    s.put("k", body.clone()).await;
    let wait = Duration::from_millis(300);
    for action in [FaultAction::Stall(wait), FaultAction::StallResponse(10_000, wait)] {
        s.server.inject(Fault::next("GetObject", action).key("k"));
        let clock = Instant::now();
        assert!(s.get("k").await == body);
        assert!(clock.elapsed() >= wait);
    }
}

#[tokio::test]
async fn traffic_is_counted() {
    let s = setup();
    s.put("k", data(1000, 1)).await;
    s.get("k").await;
    let traffic = s.server.traffic();
    assert_eq!((traffic.requests, traffic.bytes_in, traffic.bytes_out), (2, 1000, 1000));
    assert!(traffic.wire_in > 1000 && traffic.wire_out > 1000, "{traffic:?}");
    let put = &s.server.requests()[0];
    assert_eq!((put.bucket.as_str(), put.key.as_str(), put.method.as_str()), (B, "k", "PUT"));
    assert!(put.header("authorization").is_none());
    s.server.clear_requests();
    let traffic = s.server.traffic();
    assert_eq!((traffic.requests, traffic.bytes_in, traffic.bytes_out), (0, 0, 0));
    s.server.put(B, "behind", "the client's back");
    assert_eq!(s.server.traffic().requests, 0);
}

/// Without the records, the totals stay, and so does the log: one JSON object a request, whatever the key.
#[tokio::test]
async fn requests_need_not_be_kept() {
    const KEY: &str = "a \"b\"\n\\ é";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.jsonl");
    let server = StrictS3::builder().bucket(B).keep_requests(false).log(&file).start().unwrap();
    let s = Setup { client: client(&server, RetryConfig::disabled()), server };
    s.put(KEY, data(1000, 1)).await;
    let part = s.client.get_object().bucket(B).key(KEY).range("bytes=0-99").send().await.unwrap();
    assert_eq!(part.body.collect().await.unwrap().into_bytes().len(), 100);
    s.server.stop();
    assert!(s.server.requests().is_empty());
    let traffic = s.server.traffic();
    assert_eq!((traffic.requests, traffic.bytes_in, traffic.bytes_out), (2, 1000, 100));
    let log = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.len(), 2);
    for (line, kind, range) in [(&lines[0], "PutObject", None), (&lines[1], "GetObject", Some("bytes=0-99"))] {
        assert_eq!(
            (line["kind"].as_str(), line["key"].as_str(), line["range"].as_str()),
            (Some(kind), Some(KEY), range)
        );
        assert!(line["started"].as_f64() > Some(1e9) && line["took"].as_f64() < Some(60.0), "{line}");
        assert_eq!(line["faulted"], false);
    }
    assert_eq!(
        (&lines[0]["method"], &lines[0]["status"], &lines[0]["bytes_in"]),
        (&"PUT".into(), &200.into(), &1000.into())
    );
    s.server.clear_requests();
    assert_eq!(s.server.traffic().requests, 0);
}

/// A blocking test can use it too, a stopped server refuses connections, and its files go with it.
#[test]
fn starts_and_stops_without_a_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log.jsonl");
    let server = StrictS3::builder().bucket(B).data_dir(dir.path().join("data")).log(&log).start().unwrap();
    server.put(B, "k", vec![1; 100_000]);
    let address = server.endpoint().trim_start_matches("http://").to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    server.stop();
    assert!(std::net::TcpStream::connect(&address).is_err());
    assert_eq!(server.get(B, "k"), Some(vec![1; 100_000]), "its objects can still be looked at");
    drop(server);
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0);
    assert!(log.exists());
}
