//! Listings: order, pages, delimiters, encoding.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::types::{EncodingType, Tag, Tagging};
use strict_s3::StrictS3;

use super::{B, Setup, client, code, setup};

/// Source: API ListObjectsV2: pages of at most 1,000, keys in order of their UTF-8 bytes.
#[tokio::test]
async fn pages() {
    let s = setup();
    let keys: Vec<String> = (0..2300).map(|n| format!("p/{n:05}")).collect();
    keys.iter().for_each(|key| drop(s.server.put(B, key, "")));
    s.server.put(B, "a", "");
    s.server.put(B, "q", "");
    let (mut got, mut sizes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let list = s.client.list_objects_v2().bucket(B).prefix("p/").max_keys(5000).set_continuation_token(token);
        let page = list.send().await.unwrap();
        sizes.push(page.key_count().unwrap());
        got.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        token = page.next_continuation_token;
        if page.is_truncated != Some(true) {
            break;
        }
    }
    assert_eq!(sizes, [1000, 1000, 300]);
    assert_eq!(got, keys);
    let list = s.client.list_objects_v2().bucket(B).prefix("p/").start_after("p/00041x").max_keys(2);
    let page = list.send().await.unwrap();
    assert_eq!(page.contents()[0].key(), Some("p/00042"));
    let bad = s.client.list_objects_v2().bucket(B).continuation_token("?").send().await;
    assert_eq!(code(bad), "400 InvalidArgument");
}

/// Source: API ListObjectsV2, `Delimiter`: a common prefix counts as one key, is given once, and pages go on behind it.
#[tokio::test]
async fn delimiters() {
    let s = setup();
    let keys = ["d/Z", "d/a-", "d/a.", "d/a/1", "d/a/2", "d/a0", "d/b", "d/c/1", "d/é", "d/\u{ff5e}", "d/\u{1f600}"];
    keys.iter().for_each(|key| drop(s.server.put(B, key, "")));
    let list = s.client.list_objects_v2().bucket(B).prefix("d/").send().await.unwrap();
    let got: Vec<_> = list.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(got, keys, "in byte order, not in UTF-16 or locale order");
    for size in 1..=4 {
        let (mut got, mut token) = (Vec::new(), None);
        loop {
            let list = s.client.list_objects_v2().bucket(B).prefix("d/").delimiter("/").max_keys(size);
            let page = list.set_continuation_token(token).send().await.unwrap();
            got.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
            got.extend(page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()));
            token = page.next_continuation_token;
            if token.is_none() {
                break;
            }
        }
        got.sort();
        let expected = ["d/Z", "d/a-", "d/a.", "d/a/", "d/a0", "d/b", "d/c/", "d/é", "d/\u{ff5e}", "d/\u{1f600}"];
        assert_eq!(got, expected, "pages of {size}");
    }
    let old = s.client.list_objects().bucket(B).prefix("d/").delimiter("/").max_keys(4).send().await.unwrap();
    assert_eq!(old.next_marker(), Some("d/a/"));
    let old = s.client.list_objects().bucket(B).prefix("d/").delimiter("/").marker("d/a/").send().await.unwrap();
    assert_eq!(old.contents()[0].key(), Some("d/a0"));
}

/// Source: API ListObjectsV2, `EncodingType`: keys come as query strings are encoded, `/` kept.
#[tokio::test]
async fn url_encoding() {
    let s = setup();
    s.server.put(B, "a b+c/é\u{1}", "");
    let list = s.client.list_objects_v2().bucket(B).encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(list.contents()[0].key(), Some("a+b%2Bc/%C3%A9%01"));
}

/// Source: docs/S3.md, "Resume"; API ListMultipartUploads: by key, then by start; pages by key and upload id.
#[tokio::test]
async fn uploads() {
    let s = setup();
    let mut ids = Vec::new();
    for key in ["u/b", "u/a", "u/a", "v", "u/a"] {
        ids.push(s.create(key).await);
    }
    let expected = [&ids[1], &ids[2], &ids[4], &ids[0]];
    for size in 1..=5 {
        let (mut got, mut key, mut id) = (Vec::new(), None, None);
        loop {
            let list = s.client.list_multipart_uploads().bucket(B).prefix("u/").max_uploads(size);
            let page = list.set_key_marker(key).set_upload_id_marker(id).send().await.unwrap();
            got.extend(page.uploads().iter().map(|upload| upload.upload_id().unwrap().to_owned()));
            (key, id) = (page.next_key_marker, page.next_upload_id_marker);
            if page.is_truncated != Some(true) {
                break;
            }
        }
        assert_eq!(got.iter().collect::<Vec<_>>(), expected, "pages of {size}");
    }
    let by_key = s.client.list_multipart_uploads().bucket(B).key_marker("u/a").send().await.unwrap();
    assert_eq!(by_key.uploads().len(), 2, "without an upload id the marker's key is passed over");
    assert_eq!(s.server.uploads(B).len(), 5);
}

/// Source: ours (README.md, "As a server"): keys in order, 1,000 to a folder, bodies and ETags like those of any put.
#[tokio::test]
async fn filled() {
    let s = setup();
    s.server.put(B, "t/d001/f001000.bin", "another body, overwritten by the filling");
    s.server.fill(B, 2500, "t/");
    let keys = s.server.keys(B);
    assert_eq!(keys.len(), 2500);
    assert_eq!(
        [&*keys[0], &*keys[999], &*keys[1000], &*keys[2499]],
        ["t/d000/f000000.bin", "t/d000/f000999.bin", "t/d001/f001000.bin", "t/d002/f002499.bin"]
    );
    let list = s.client.list_objects_v2().bucket(B).delimiter("/").prefix("t/").send().await.unwrap();
    assert_eq!(list.common_prefixes().len(), 3);
    assert_eq!(s.get("t/d001/f001000.bin").await, b"x");
    let (filled, put) = (s.server.object(B, "t/d002/f002499.bin").unwrap(), s.put("other", "x").await);
    assert_eq!((filled.len, format!("\"{}\"", filled.etag)), (1, put));
    let tags = Tagging::builder().tag_set(Tag::builder().key("k").value("v").build().unwrap()).build().unwrap();
    s.client.put_object_tagging().bucket(B).key("t/d000/f000000.bin").tagging(tags).send().await.unwrap();
    assert_eq!(s.server.object(B, "t/d000/f000000.bin").unwrap().tags.len(), 1);
    assert_eq!(s.server.object(B, "t/d000/f000001.bin").unwrap().tags.len(), 0, "they are objects of their own");
}

/// Source: ours (README.md, "As a server"): every page waits, and nothing waits for it.
#[tokio::test]
async fn delayed() {
    const DELAY: Duration = Duration::from_secs(1);
    let server = StrictS3::builder().bucket(B).list_delay(DELAY).start().unwrap();
    server.fill(B, 4, "");
    let client = client(&server, RetryConfig::disabled());
    let s = Setup { server, client };
    let page = |after: &str| s.client.list_objects_v2().bucket(B).max_keys(2).start_after(after).send();
    let old = s.client.list_objects().bucket(B).prefix("d").send();
    let (put, get) = (s.put("p", "x"), s.get("d000/f000003.bin"));
    let (first, second, old, ..) = tokio::join!(page("a"), page("d000/f000001.bin"), old, put, get);
    assert_eq!(first.unwrap().contents()[1].key(), Some("d000/f000001.bin"));
    assert_eq!(second.unwrap().contents()[0].key(), Some("d000/f000002.bin"));
    assert_eq!(old.unwrap().contents().len(), 4);
    let requests = s.server.requests();
    let lists = requests.iter().filter(|request| request.kind.starts_with("ListObjects"));
    let first_answer = lists.clone().map(|list| list.started + list.took).min().unwrap();
    assert_eq!(lists.clone().filter(|list| list.took >= DELAY && list.started < first_answer).count(), 3);
    for other in requests.iter().filter(|request| !request.kind.starts_with("ListObjects")) {
        assert!(other.started + other.took < first_answer, "{} waited", other.kind);
    }
}
