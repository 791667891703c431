//! Temporary credentials: tokens and their end.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::presigning::PresigningConfig;
use strict_s3::{Fault, FaultAction};

use super::objects::raw_get;
use super::{B, Setup, code, setup};

fn client(s: &Setup, access_key: &str, secret: &str, token: Option<&str>) -> Client {
    let credentials = Credentials::new(access_key, secret, token.map(str::to_owned), None, "test");
    Client::from_conf(s.client.config().to_builder().credentials_provider(credentials).build())
}

async fn get(client: &Client) -> String {
    code(client.get_object().bucket(B).key("k").send().await)
}

/// Source: API, "Error responses": InvalidToken 400, ExpiredToken 400, InvalidAccessKeyId 403; guide, "Making requests using
/// temporary credentials". A temporary key without its token is unknown (databend, issue 8069); a token with a lasting key
/// is invalid (aws-sdk-go, issue 1802).
#[tokio::test]
async fn tokens() {
    let s = setup();
    s.put("k", "hello").await;
    let soon = SystemTime::now() + Duration::from_secs(60);
    // As AWS's: base64, which a query has to escape.
    s.server.admit("ASIA1", "secret-1", "to/ken+1==", soon);
    s.server.admit("ASIA2", "secret-2", "token-2", soon);
    s.server.admit("ASIA3", "secret-3", "token-3", SystemTime::now());
    for (access_key, secret, token, expected) in [
        ("ASIA1", "secret-1", Some("to/ken+1=="), "200"),
        ("ASIA2", "secret-2", Some("token-2"), "200"),
        ("ASIA1", "secret-1", Some("token-2"), "400 InvalidToken"),
        ("ASIA1", "secret-1", None, "403 InvalidAccessKeyId"),
        ("ASIA1", "secret-2", Some("to/ken+1=="), "403 SignatureDoesNotMatch"),
        ("ASIA3", "secret-3", Some("token-3"), "400 ExpiredToken"),
        ("ASIA3", "secret-3", Some("token-2"), "400 InvalidToken"),
        ("ASIA4", "secret-4", Some("token-4"), "403 InvalidAccessKeyId"),
        ("test", "testtest", None, "200"),
        ("test", "testtest", Some("token-2"), "400 InvalidToken"),
    ] {
        assert_eq!(get(&client(&s, access_key, secret, token)).await, expected, "{access_key} {secret} {token:?}");
    }
    let refused = s.server.requests().into_iter().filter(|request| request.status == 400);
    assert!(
        refused.clone().count() == 4
            && refused.into_iter().all(|request| request.kind == "GetObject" && request.key == "k")
    );
}

/// Source: guide, "Authenticating requests: using query parameters": `X-Amz-Security-Token`.
#[tokio::test]
async fn presigned_with_a_token() {
    let s = setup();
    s.put("k", "hello").await;
    s.server.admit("ASIA1", "secret-1", "to/ken+1==", SystemTime::now() + Duration::from_secs(60));
    let presigned = |token: &'static str| {
        let client = client(&s, "ASIA1", "secret-1", Some(token));
        async move {
            let soon = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
            client.get_object().bucket(B).key("k").presigned(soon).await.unwrap().uri().to_owned()
        }
    };
    assert!(raw_get(&s, &presigned("to/ken+1==").await).await.ends_with("hello"));
    assert!(raw_get(&s, &presigned("token").await).await.contains("InvalidToken"));
}

/// Credentials end in the middle of a client's life. Source: API, "Error responses".
#[tokio::test]
async fn credentials_expire() {
    let s = setup();
    s.put("k", "hello").await;
    s.server.admit("ASIA1", "secret-1", "token-1", SystemTime::now() + Duration::from_millis(600));
    let client = client(&s, "ASIA1", "secret-1", Some("token-1"));
    assert_eq!(get(&client).await, "200");
    tokio::time::sleep(Duration::from_millis(700)).await;
    // What is refused is no request that a fault counts.
    s.server.inject(Fault::next("GetObject", FaultAction::Status(503, "SlowDown")));
    assert_eq!(get(&client).await, "400 ExpiredToken");
    assert_eq!(s.server.pending_faults(), 1);
    s.server.admit("ASIA1", "secret-1", "token-1", SystemTime::now() + Duration::from_secs(60));
    assert_eq!(get(&client).await, "503 SlowDown");
    assert_eq!(get(&client).await, "200");
}
