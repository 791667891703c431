//! Sessions: how they begin, how they are renewed, what is tried again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use futures::future::join_all;

use super::server::{Answer, Asked, credentials, error, token_answer};
use super::*;

/// A GitHub and an STS where all is well. Each token and each set of credentials is a new one.
fn well(lifetime: Duration) -> Server {
    let mut count = 0;
    Server::start(move |asked| {
        count += 1;
        good(asked, count, lifetime)
    })
}

fn good(asked: &Asked, count: usize, lifetime: Duration) -> Answer {
    match asked.action().as_str() {
        "token" => {
            let mut claims = claims(0);
            claims["jti"] = count.into();
            token_answer(&token(&claims))
        }
        action => credentials(action, count, lifetime),
    }
}

/// The same with an STS that has its own script.
fn with_sts(mut sts: impl FnMut(usize) -> Option<Answer> + Send + 'static) -> Server {
    let (mut count, mut calls) = (0, 0);
    Server::start(move |asked| {
        count += 1;
        if asked.action() != "token" {
            calls += 1;
            if let Some(answer) = sts(calls) {
                return answer;
            }
        }
        good(asked, count, Duration::from_secs(3600))
    })
}

async fn begin(server: &Server, by: Via) -> Result<Session, AuthError> {
    Session::begin_at(QUICK, request(server, by), Told::default().listener()).await
}

async fn get(session: &Session) -> Credentials {
    session.credentials().provide_credentials().await.expect("credentials")
}

#[tokio::test]
async fn begins_with_a_token() {
    let told = Told::default();
    let told_at_once = told.clone();
    let mut count = 0;
    let server = Server::start(move |asked| {
        count += 1;
        // What is sent has been told.
        for secret in
            [asked.field("WebIdentityToken"), asked.head.contains("request-token").then(|| "request-token".into())]
        {
            assert!(secret.is_none_or(|secret| told_at_once.has(&secret)));
        }
        good(asked, count, Duration::from_secs(3600))
    });
    let request = RoleRequest {
        policy: Some("{\"Statement\":[]}".to_owned()),
        allowed_accounts: vec![ACCOUNT.to_owned()],
        ..request(&server, Via::IdentityToken(github(&server)))
    };
    let session = Session::begin_at(QUICK, request, told.listener()).await.expect("a session");
    assert_eq!((session.account(), session.arn()), (ACCOUNT, "arn:aws:sts::123456789012:assumed-role/deploy/s"));
    assert_eq!(session.last_failure(), None);

    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    let head = asked[0].head.to_ascii_lowercase();
    assert!(head.starts_with("get /token?api-version=2.0&audience=sts.amazonaws.com http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer request-token\r\n"), "{head}");
    let field = |name| asked[1].field(name).expect("a field");
    assert_eq!(field("Action"), "AssumeRoleWithWebIdentity");
    assert_eq!(field("RoleArn"), "arn:aws:iam::123456789012:role/deploy");
    assert_eq!((field("RoleSessionName"), field("DurationSeconds")), ("hugesync-acme-site-42".into(), "3600".into()));
    assert_eq!(field("Policy"), "{\"Statement\":[]}");
    assert!(!asked[1].head.to_ascii_lowercase().contains("authorization:"), "it needs no signature");

    let keys = get(&session).await;
    assert_eq!((keys.access_key_id(), keys.session_token()), ("ASIA2", Some("session-2")));
    for secret in ["ASIA2", "secret-2", "session-2"] {
        assert!(told.has(secret), "{secret}");
    }
    let left = keys.expiry().expect("an expiry").duration_since(SystemTime::now()).expect("later").as_secs();
    assert!((3290..=3300).contains(&left), "five minutes before the end: {left}");
    assert_eq!(get(&session).await, keys);
    assert_eq!(server.asked().len(), 2, "they are kept");
    let debug = format!("{session:?} {:?} {:?}", session.credentials(), github(&server));
    for secret in ["secret-2", "session-2", "ASIA2", "request-token"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

#[tokio::test]
async fn begins_with_keys() {
    let server = well(Duration::from_secs(3600));
    let told = Told::default();
    let request = RoleRequest { external_id: Some("ext".to_owned()), ..request(&server, Via::Keys(keys())) };
    let session = Session::begin_at(QUICK, request, told.listener()).await.expect("a session");
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].action().as_str()), (1, "AssumeRole"));
    assert_eq!(asked[0].field("ExternalId").as_deref(), Some("ext"));
    let head = asked[0].head.to_ascii_lowercase();
    assert!(head.contains("credential=akiagiven/") && head.contains("/us-east-1/sts/"), "{head}");
    assert_eq!(get(&session).await.access_key_id(), "ASIA1");
    for secret in ["AKIAGIVEN", "given-secret", "ASIA1", "secret-1", "session-1"] {
        assert!(told.has(secret), "{secret}");
    }
}

#[tokio::test]
async fn is_renewed_with_a_new_token_once() {
    let server = well(Duration::from_secs(2));
    let session = begin(&server, Via::IdentityToken(github(&server))).await.expect("a session");
    let first = get(&session).await;
    tokio::time::sleep(Duration::from_millis(1700)).await;
    // Many clients, many requests, one renewal.
    let all = join_all((0..16).map(|_| get(&session))).await;
    assert!(all.iter().all(|keys| *keys == all[0] && *keys != first));
    assert_eq!((server.count("token"), server.count("AssumeRoleWithWebIdentity")), (2, 2));
    let tokens: Vec<_> = server.asked().iter().filter_map(|asked| asked.field("WebIdentityToken")).collect();
    assert_ne!(tokens[0], tokens[1]);
}

/// While the old credentials are good a failure costs nothing, and once they are not every request says why.
#[tokio::test]
async fn survives_renewals_that_fail() {
    let mut count = 0;
    let broken = Arc::new(AtomicUsize::new(0));
    let switch = Arc::clone(&broken);
    let server = Server::start(move |asked| {
        count += 1;
        match switch.load(Ordering::Relaxed) {
            1 if asked.action() != "token" => {
                error(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
            }
            _ => good(asked, count, Duration::from_secs(3)),
        }
    });
    let session = begin(&server, Via::IdentityToken(github(&server))).await.expect("a session");
    let first = get(&session).await;
    broken.store(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(2450)).await;
    let second = get(&session).await;
    assert_eq!(second.access_key_id(), first.access_key_id(), "the old ones");
    assert_eq!(session.last_failure(), None, "nothing is lost yet");
    let calls = server.asked().len();
    let third = get(&session).await;
    assert_eq!(
        (third.access_key_id(), server.asked().len()),
        (first.access_key_id(), calls),
        "not asked again at once"
    );

    tokio::time::sleep(Duration::from_millis(1000)).await;
    let all = join_all((0..8).map(|_| async { session.credentials().provide_credentials().await })).await;
    for answer in all {
        let failed = format!("{:?}", answer.expect_err("they have expired"));
        assert!(failed.contains("STS does not let this job assume"), "{failed}");
    }
    assert!(server.asked().len() <= calls + 3, "one renewal failed for all");
    let (message, hint) = session.last_failure().expect("a failure");
    assert!(message.contains("AccessDenied") && hint.expect("a hint").contains("sub: repo:acme/site"), "{message}");

    broken.store(0, Ordering::Relaxed);
    tokio::time::sleep(QUICK.expired).await;
    assert_ne!(get(&session).await.access_key_id(), first.access_key_id());
    assert_eq!(session.last_failure(), None);
}

#[tokio::test]
async fn files_are_read_each_time() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let tokens = [token(&claims(0)), token(&claims(1))];
    std::fs::write(file.path(), format!("{}\n", tokens[0])).expect("a token");
    let server = well(Duration::from_secs(1));
    let source = TokenSource::File(file.path().to_owned());
    let session = begin(&server, Via::IdentityToken(source)).await.expect("a session");
    std::fs::write(file.path(), &tokens[1]).expect("another token");
    tokio::time::sleep(Duration::from_millis(900)).await;
    get(&session).await;
    let sent: Vec<_> = server.asked().iter().filter_map(|asked| asked.field("WebIdentityToken")).collect();
    assert_eq!(sent, tokens);
}

#[tokio::test]
async fn trouble_passes() {
    for (status, code, text) in [
        (400, "IDPCommunicationError", "An error occurred in the identity provider"),
        (
            400,
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider,  please reference",
        ),
        (400, "Throttling", "Rate exceeded"),
        (500, "InternalFailure", "oops"),
        (503, "", ""),
    ] {
        let server = with_sts(move |call| (call <= 4).then(|| error(status, code, text)));
        let begun = begin(&server, Via::IdentityToken(github(&server))).await;
        assert!(begun.is_ok(), "{code}: {begun:?}");
        assert_eq!(server.count("AssumeRoleWithWebIdentity"), 5, "{code}");

        let server = with_sts(move |_| Some(error(status, code, text)));
        assert!(begin(&server, Via::IdentityToken(github(&server))).await.is_err());
        assert_eq!(server.count("AssumeRoleWithWebIdentity"), 5, "{code}");
    }
}

#[tokio::test]
async fn no_is_asked_twice_at_most() {
    let denied = || error(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let server = with_sts(move |call| (call == 1).then(denied));
    assert!(begin(&server, Via::IdentityToken(github(&server))).await.is_ok(), "a role that is new");
    for (status, code, text, calls) in [
        (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 2),
        (400, "InvalidIdentityToken", "something about time", 2),
        (400, "InvalidIdentityToken", "Incorrect token audience", 1),
        (400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://h", 1),
        (400, "ValidationError", "Request ARN is invalid", 1),
        (
            400,
            "ExpiredTokenException",
            "Token expired: current date/time 2 must be before the expiration date/time 1",
            1,
        ),
    ] {
        let server = with_sts(move |_| Some(error(status, code, text)));
        assert!(begin(&server, Via::IdentityToken(github(&server))).await.is_err());
        assert_eq!(server.count("AssumeRoleWithWebIdentity"), calls, "{code}: {text}");
    }
}

/// GitHub's endpoint is asked again after trouble, and only then.
#[tokio::test]
async fn tokens_are_asked_for_again() {
    for (status, calls) in [(503, 4), (429, 4), (401, 1), (404, 1)] {
        let mut count = 0;
        let server = Server::start(move |asked| {
            count += 1;
            if count < 4 { (status, "<html>".to_owned()) } else { good(asked, count, Duration::from_secs(60)) }
        });
        let begun = begin(&server, Via::IdentityToken(github(&server))).await;
        assert_eq!((begun.is_ok(), server.count("token")), (calls == 4, calls), "{status}");
    }
}

#[tokio::test]
async fn the_account_counts_before_and_after() {
    let server = well(Duration::from_secs(3600));
    let asking = |role: &str, allowed: &str| RoleRequest {
        role_arn: format!("arn:aws:iam::{role}:role/deploy"),
        allowed_accounts: vec![allowed.to_owned()],
        ..request(&server, Via::IdentityToken(github(&server)))
    };
    let other = "210987654321";
    let begin = |request| Session::begin_at(QUICK, request, Told::default().listener());
    let failed = begin(asking(ACCOUNT, other)).await.expect_err("another account");
    assert!(failed.message().contains(ACCOUNT), "{failed}");
    assert_eq!(server.asked().len(), 0, "nobody was asked");
    // A role whose ARN says one account, and whose session is of another.
    let failed = begin(asking(other, other)).await.expect_err("another account");
    assert!(failed.message().contains("for account 123456789012, which is not"), "{failed}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn accounts_are_told() {
    let server = Server::start(|_| {
        let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                    <Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>A</UserId><Account>123456789012</Account>\
                    </GetCallerIdentityResult></GetCallerIdentityResponse>";
        (200, body.to_owned())
    });
    let told = Told::default();
    let account = account_of(&keys(), Some("eu-central-1"), Some(&server.url()), &told.listener()).await;
    let account = account.expect("an account");
    assert!(told.has("given-secret"), "the keys are told before they are used");
    assert_eq!(account, ACCOUNT);
    assert!(server.asked()[0].head.contains("/eu-central-1/sts/"));
}
