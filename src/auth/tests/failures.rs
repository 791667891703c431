//! Every failure, with what is said about it: `tests/auth/failures.txt` holds them to the letter. `HUGESYNC_BLESS=1`
//! rewrites it.

use std::fs;

use super::server::{Answer, error, token_answer};
use super::*;

/// What an STS that answers like this makes of a request, as people see it.
async fn with(claims: &Value, answer: Answer, change: impl FnOnce(&mut RoleRequest)) -> String {
    let token = token(claims);
    let fixed = token.clone();
    let server = Server::start(move |asked| match asked.action().as_str() {
        "token" => token_answer(&token),
        _ => answer.clone(),
    });
    let mut request = request(&server, Via::IdentityToken(github(&server)));
    change(&mut request);
    if let Via::IdentityToken(TokenSource::Fixed { token, .. }) = &mut request.by {
        *token = Secret::new(fixed);
    }
    text(&Session::begin_at(QUICK, request, Told::default().listener()).await.expect_err("a failure"), &server)
}

/// Message and hint, without what changes from run to run.
fn text(error: &AuthError, server: &Server) -> String {
    let hint = error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    let port = server.url().rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    let text = format!("error: {}\n{hint}", error.message()).replace(&port, "PORT");
    for secret in ["request-token", "given-secret", "c2lnbmF0dXJl"] {
        assert!(!text.contains(secret) && !format!("{error:?}").contains(secret), "{text}");
    }
    text
}

async fn from_github(answer: Answer) -> String {
    let server = Server::start(move |_| answer.clone());
    let request = request(&server, Via::IdentityToken(github(&server)));
    text(&Session::begin_at(QUICK, request, Told::default().listener()).await.expect_err("a failure"), &server)
}

fn fixed(request: &mut RoleRequest) {
    request.by =
        Via::IdentityToken(TokenSource::Fixed { token: Secret::new(""), variable: "HUGESYNC_ID_TOKEN".to_owned() });
}

#[tokio::test]
async fn are_the_reference() {
    let mut found = String::new();
    let mut add = |name: &str, text: String| found += &format!("## {name}\n{text}\n");
    let none = Server::start(|_| (500, String::new()));

    for why in [
        NoToken::GitHubPermission,
        NoToken::GitHubFork,
        NoToken::Dependabot,
        NoToken::GitLab,
        NoToken::Bitbucket,
        NoToken::CircleCi,
        NoToken::Drone,
        NoToken::Elsewhere,
    ] {
        add(&format!("no token: {why:?}"), text(&AuthError::NoToken(why), &none));
    }

    for status in [401, 404, 418, 503] {
        add(&format!("GitHub answers {status}"), from_github((status, String::new())).await);
    }
    add("GitHub answers garbage", from_github((200, "<html>".to_owned())).await);
    add("GitHub answers something that is no token", from_github(token_answer("hello")).await);
    let gone = none.url();
    drop(none);
    let none = Server::start(|_| (500, String::new()));
    let elsewhere = |url: String| TokenSource::GitHub { url, bearer: Secret::new("b"), audience: "a".to_owned() };
    let begin = |request| Session::begin_at(QUICK, request, Told::default().listener());
    let unreachable = begin(request(&none, Via::IdentityToken(elsewhere(format!("{gone}/t"))))).await;
    let gone_port = gone.rsplit_once(':').expect("a port").1;
    add("GitHub is out of reach", text(&unreachable.expect_err("a failure"), &none).replace(gone_port, "PORT"));
    let no_url = begin(request(&none, Via::IdentityToken(elsewhere("token".to_owned())))).await;
    add("GitHub's endpoint is no URL", text(&no_url.expect_err("a failure"), &none));

    let file = TokenSource::File("/nowhere/token".into());
    let no_file = begin(request(&none, Via::IdentityToken(file))).await;
    add("the token's file is not there", text(&no_file.expect_err("a failure"), &none));
    let wrong = TokenSource::Fixed { token: Secret::new("abc"), variable: "HUGESYNC_ID_TOKEN".to_owned() };
    let wrong = begin(request(&none, Via::IdentityToken(wrong))).await;
    add("the variable holds no token", text(&wrong.expect_err("a failure"), &none));

    type Change = fn(&mut RoleRequest);
    let wrongs: [(&str, Change); 6] = [
        ("no role", |request| request.role_arn = "deploy".to_owned()),
        ("too long a session", |request| request.duration_seconds = 86_400),
        ("a policy that is no JSON", |request| request.policy = Some("Allow".to_owned())),
        ("a policy that is too long", |request| request.policy = Some(format!("{{\"a\":\"{}\"}}", "x".repeat(2048)))),
        ("no account", |request| request.allowed_accounts = vec!["acme".to_owned()]),
        ("another account", |request| {
            request.allowed_accounts = vec!["210987654321".to_owned(), "111111111111".to_owned()]
        }),
    ];
    for (name, change) in wrongs {
        let mut request = request(&none, Via::IdentityToken(github(&none)));
        change(&mut request);
        add(name, text(&begin(request).await.expect_err("a failure"), &none));
    }
    assert_eq!(none.asked().len(), 0, "nobody was asked");

    let denied = || error(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    add("not authorised", with(&claims(0), denied(), |_| {}).await);
    let mut ids = claims(0);
    ids["sub"] = "repo:acme@1234/site@56789:environment:production".into();
    add("not authorised, a subject with ids", with(&ids, denied(), |_| {}).await);
    let bitbucket = json!({
        "iss": "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc",
        "aud": "ari:cloud:bitbucket::workspace/5b1a", "sub": "{8e5c}:{41d0}",
    });
    add("not authorised, on Bitbucket", with(&bitbucket, denied(), fixed).await);
    let hostile = json!({ "iss": "https://h/\n::error::x", "aud": ["a", "b\u{202e}"], "sub": "x\n{\"a\"" });
    add("not authorised, a token that plays tricks", with(&hostile, denied(), fixed).await);
    let audience = || error(400, "InvalidIdentityToken", "Incorrect token audience");
    add("wrong audience", with(&claims(0), audience(), |_| {}).await);
    let no_provider = "No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com";
    add("no identity provider", with(&claims(0), error(400, "InvalidIdentityToken", no_provider), |_| {}).await);
    let expired = || {
        let text = "Token expired: current date/time 1790000600 must be before the expiration date/time 1790000000";
        error(400, "ExpiredTokenException", text)
    };
    add("an expired token, this machine's clock behind", with(&claims(725), expired(), |_| {}).await);
    add("an expired token, this machine's clock ahead", with(&claims(-7265), expired(), |_| {}).await);
    add("an expired token of the job's beginning", with(&claims(-3665), expired(), fixed).await);
    let early = error(400, "InvalidIdentityToken", "Token is not valid yet");
    add("a token that is not valid yet", with(&claims(725), early, |_| {}).await);
    let keys = "Couldn't retrieve verification key from your identity provider,  please reference \
                AssumeRoleWithWebIdentity documentation for requirements";
    add("the issuer's keys", with(&claims(0), error(400, "InvalidIdentityToken", keys), |_| {}).await);
    let long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    let long = error(400, "ValidationError", long);
    add("longer than the role allows", with(&claims(0), long, |request| request.duration_seconds = 21_600).await);
    let arn = error(400, "ValidationError", "Request ARN is invalid");
    add("another refusal", with(&claims(0), arn, |_| {}).await);
    let policy = |request: &mut RoleRequest| request.policy = Some("{\"a\":1}".to_owned());
    let malformed = error(400, "MalformedPolicyDocument", "Syntax errors in policy.");
    add("a malformed policy", with(&claims(0), malformed, policy).await);
    let packed = "Packed policy consumes 138% of allotted space, please use smaller policy.";
    add("a policy too large", with(&claims(0), error(400, "PackedPolicyTooLarge", packed), policy).await);
    let off = "STS is not activated in this region for account:123456789012. Your account administrator can activate STS \
               in this region using the IAM Console.";
    add("a region that is off", with(&claims(0), error(403, "RegionDisabledException", off), |_| {}).await);
    add("STS has trouble", with(&claims(0), (503, String::new()), |_| {}).await);
    let closed =
        with(&claims(0), denied(), |request| request.sts_endpoint = Some("http://127.0.0.1:1".to_owned())).await;
    add("STS is out of reach", closed);

    let by_keys = |request: &mut RoleRequest| request.by = Via::Keys(super::keys());
    let denied = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on resource: \
                  arn:aws:iam::123456789012:role/deploy";
    add("keys: not authorised", with(&claims(0), error(403, "AccessDenied", denied), by_keys).await);
    let unknown = error(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    add("keys: not known", with(&claims(0), unknown, by_keys).await);
    let expired = error(403, "ExpiredToken", "The security token included in the request is expired");
    add("keys: expired", with(&claims(0), expired, by_keys).await);
    let skewed =
        "Signature expired: 20261123T101112Z is now earlier than 20261123T111112Z (20261123T112612Z - 15 min.)";
    add("keys: this machine's clock", with(&claims(0), error(403, "SignatureDoesNotMatch", skewed), by_keys).await);
    let chained = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
    let chained = error(400, "ValidationError", chained);
    let longer = |request: &mut RoleRequest| {
        by_keys(request);
        request.duration_seconds = 7200;
    };
    add("keys of another role: longer than an hour", with(&claims(0), chained, longer).await);
    add("no keys", text(&AuthError::NoKeys("the SDK's text".to_owned()), &none));
    add("no credentials at all", text(&AuthError::NoCredentials, &none));
    add("credentials that cannot be loaded", text(&AuthError::NotLoaded("the SDK's text".to_owned()), &none));
    add("a profile that is not there", text(&AuthError::NoProfile("uploads".to_owned()), &none));
    add("a profile without credentials", text(&AuthError::NoKeysInProfile("uploads".to_owned()), &none));
    add("too slow", text(&AuthError::TooSlow(50), &none));

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/auth/failures.txt");
    if std::env::var_os("HUGESYNC_BLESS").is_some() {
        fs::write(path, &found).expect("the reference is written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{path} is not what is said; HUGESYNC_BLESS=1 takes it over:\n{found}");
}
