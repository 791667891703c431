//! `hugesync ci` and its credentials: by an identity token, by a role, by keys; renewed under way; and what is said where
//! there are none. The stand-ins are in `identity.rs`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use super::identity::{ACCOUNT, Identity, No, ROLE};
use super::support::{Run, Target, bare_command, github_outputs, noise, run, side_by_side, start};

const MB: usize = 1_000_000;

/// A step of a GitHub job that may ask for identity tokens: its environment as the runner makes it.
fn github(target: &Target, identity: &Identity) -> Command {
    let mut command = step(target, identity);
    command.envs(identity.variables());
    command
}

/// The same for a job without `id-token: write`.
fn step(target: &Target, identity: &Identity) -> Command {
    let mut command = plain(target, identity);
    fs::write(target.path("event.json"), "{}").expect("a file");
    command
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ACTOR", "octocat")
        .env("GITHUB_EVENT_NAME", "push")
        .env("GITHUB_EVENT_PATH", target.path("event.json"))
        .env("GITHUB_REPOSITORY", "acme/site")
        .env("GITHUB_RUN_ID", "42")
        .env("GITHUB_OUTPUT", target.path("outputs"))
        .env("GITHUB_STEP_SUMMARY", target.path("summary.md"))
        .env("GITHUB_WORKSPACE", target.path(""));
    command
}

/// A job of any system: uploads `file` with the role.
fn plain(target: &Target, identity: &Identity) -> Command {
    let mut command = bare_command();
    command
        .arg("ci")
        .current_dir(target.path(""))
        .env("CI", "true")
        .env("HUGESYNC_SOURCE", "file")
        .env("HUGESYNC_DESTINATION", "s3://bucket/a/")
        .env("HUGESYNC_ROLE_TO_ASSUME", ROLE)
        .env("HUGESYNC_AWS_REGION", strict_s3::REGION)
        .env("HUGESYNC_ENDPOINT_URL", &target.endpoint)
        .env("HUGESYNC_PATH_STYLE", "true")
        .env("HUGESYNC_STS_ENDPOINT_URL", identity.url());
    command
}

/// A target with a file to upload, and who tells whose job it is.
fn setup() -> (Target, Identity) {
    let target = Target::start();
    target.file("file", noise(1, MB));
    let identity = Identity::start(&target);
    (target, identity)
}

/// The outputs of a GitHub step, read as the runner reads them.
fn outputs(target: &Target) -> BTreeMap<String, String> {
    github_outputs(&fs::read_to_string(target.path("outputs")).expect("outputs"))
}

/// Asserts that no secret shows up anywhere but where it is to be hidden, and that all were.
#[track_caller]
fn keeps_secrets(target: &Target, identity: &Identity, run: &Run) {
    let file = |name: &str| fs::read_to_string(target.path(name)).unwrap_or_default();
    let masks: HashSet<&str> = run.stdout.lines().filter_map(|line| line.strip_prefix("::add-mask::")).collect();
    let log: String = run.stdout.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
    for secret in identity.secrets() {
        assert!(masks.contains(secret.as_str()), "{secret} was not masked: {}", run.text());
        for text in [&log, &run.stderr, &file("outputs"), &file("summary.md")] {
            assert!(!text.contains(&secret), "{secret} shows up: {}", run.text());
        }
    }
}

/// The session tokens that S3 has seen, and asserts that it has refused none.
#[track_caller]
fn session_tokens(target: &Target) -> HashSet<String> {
    let requests = target.double().requests();
    assert!(!requests.is_empty(), "nothing was sent");
    for request in &requests {
        assert!(!matches!(request.status, 400 | 401 | 403), "{request:?}");
    }
    requests.iter().map(|request| request.header("x-amz-security-token").unwrap_or("none").to_owned()).collect()
}

/// Asserts that a job fails before it sends anything to S3, and says this.
#[track_caller]
fn fails(target: &Target, command: &mut Command, says: &[&str]) -> Run {
    let run = run(command).exits(1);
    for text in says {
        assert!(run.stdout.contains(text), "nothing of {text:?}: {}", run.text());
    }
    assert_eq!(target.double().requests().len(), 0, "{}", run.text());
    run
}

#[test]
fn credentials_come_by_the_token_alone() {
    let (target, identity) = setup();
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let run = run(github(&target, &identity).env("HUGESYNC_INLINE_SESSION_POLICY", policy)).ok();
    target.assert_holds("a/file", &noise(1, MB));
    let outputs = outputs(&target);
    assert_eq!((outputs["result"].as_str(), outputs["files-uploaded"].as_str()), ("success", "1"));
    assert_eq!((identity.tokens(), identity.audiences()), (1, vec!["sts.amazonaws.com".to_owned()]));

    let calls = identity.calls("AssumeRoleWithWebIdentity");
    let call = |name| calls[0].get(name).expect("a parameter");
    assert_eq!((calls.len(), call("RoleArn"), call("RoleSessionName")), (1, ROLE, "hugesync-acme-site-42"));
    assert_eq!((call("DurationSeconds"), call("Policy")), ("3600", policy));
    assert_eq!(calls[0].access_key, None);
    let tokens = session_tokens(&target);
    assert!(tokens.len() == 1 && identity.secrets().contains(tokens.iter().next().expect("one")), "{tokens:?}");
    keeps_secrets(&target, &identity, &run);
}

#[test]
fn settings_reach_sts() {
    let (target, identity) = setup();
    let mut command = github(&target, &identity);
    command
        .env("HUGESYNC_AUDIENCE", "urn:a b&c")
        .env("HUGESYNC_ROLE_SESSION_NAME", "release of acme/site")
        .env("HUGESYNC_ROLE_DURATION_SECONDS", "900");
    run(&mut command).ok();
    assert_eq!(identity.audiences(), ["urn:a b&c"]);
    let call = &identity.calls("AssumeRoleWithWebIdentity")[0];
    assert_eq!((call.get("RoleSessionName"), call.get("DurationSeconds")), (Some("release-of-acme-site"), Some("900")));
}

/// Longer than a session lasts, several times.
#[test]
fn are_renewed_in_the_middle_of_an_upload() {
    let (target, identity) = setup();
    identity.lasts(Duration::from_secs(5));
    let bytes = noise(2, 32 * MB);
    target.file("file", &bytes);
    let mut command = github(&target, &identity);
    command.env("HUGESYNC_BWLIMIT", "2M").env("HUGESYNC_JOBS", "1").env("HUGESYNC_DELTA_THRESHOLD", "1MB");
    let run = run(&mut command).ok();
    target.assert_holds("a/file", &bytes);
    assert_eq!(outputs(&target)["bytes-uploaded"], bytes.len().to_string());
    assert!(target.double().count("UploadPart") > 2, "an upload in parts");

    let calls = identity.calls("AssumeRoleWithWebIdentity");
    let tokens: HashSet<_> = calls.iter().filter_map(|call| call.get("WebIdentityToken")).collect();
    assert!(calls.len() > 2, "{} sessions: {}", calls.len(), run.text());
    assert_eq!((tokens.len(), identity.tokens()), (calls.len(), calls.len()), "each with a token of its own");
    let used = session_tokens(&target);
    assert!(used.len() > 2 && used.len() <= calls.len(), "{} sessions of {} were used", used.len(), calls.len());
    keeps_secrets(&target, &identity, &run);
}

/// What STS says in the middle of an upload is what the job says.
#[test]
fn a_renewal_that_fails_is_told() {
    let (target, identity) = setup();
    identity.lasts(Duration::from_secs(4));
    target.file("file", noise(2, 40 * MB));
    let mut command = github(&target, &identity);
    command.env("HUGESYNC_BWLIMIT", "2M").env("HUGESYNC_JOBS", "1").env("HUGESYNC_DELTA_THRESHOLD", "1MB");
    let running = start(&mut command);
    target.wait_for("UploadPart", 1);
    identity.sts_answers(No::DENIED);
    let run = running.wait().exits(1);
    for text in ["STS does not let this job assume", "sub: repo:acme/site:ref:refs/heads/main", "oidc-provider/token"] {
        assert!(run.stdout.contains(text), "nothing of {text:?}: {}", run.text());
    }
    assert_eq!((target.get("a/file"), outputs(&target)["result"].as_str()), (None, "failed"));
    keeps_secrets(&target, &identity, &run);

    // And what is there is gone on with.
    identity.sts_answers(None);
    identity.lasts(Duration::from_secs(3600));
    super::support::run(command.env_remove("HUGESYNC_BWLIMIT")).ok();
    target.assert_holds("a/file", &noise(2, 40 * MB));
}

#[test]
fn jobs_without_a_token_are_told_why() {
    let (target, identity) = setup();
    let permission = ["this job may not ask GitHub for one", "id-token: write", "contents: read", "reusable workflow"];
    fails(&target, &mut step(&target, &identity), &permission);

    let fork = json!({ "pull_request": { "head": { "repo": { "full_name": "somebody/site", "fork": true } } } });
    let pull = |event: &serde_json::Value| {
        let mut command = step(&target, &identity);
        fs::write(target.path("event.json"), event.to_string()).expect("a file");
        command.env("GITHUB_EVENT_NAME", "pull_request");
        command
    };
    fails(&target, &mut pull(&fork), &["pull requests from forks", "head.repo.full_name == github.repository"]);
    let own = json!({ "pull_request": { "head": { "repo": { "full_name": "acme/site", "fork": false } } } });
    fails(&target, &mut pull(&own), &permission);
    fails(&target, pull(&own).env("GITHUB_ACTOR", "dependabot[bot]"), &["Dependabot", "id-token: write"]);

    for (name, value, says) in [
        ("GITLAB_CI", "true", &["GitLab", "id_tokens:", "HUGESYNC_OIDC_TOKEN_VARIABLE"][..]),
        ("BITBUCKET_BUILD_NUMBER", "7", &["BITBUCKET_STEP_OIDC_TOKEN", "oidc: true"]),
        ("CIRCLECI", "true", &["CIRCLE_OIDC_TOKEN_V2"]),
        ("DRONE", "true", &["PLUGIN_OIDC_TOKEN_ID"]),
        ("NOTHING", "", &["neither a token nor a file", "AWS_WEB_IDENTITY_TOKEN_FILE"]),
    ] {
        fails(&target, plain(&target, &identity).env(name, value), says);
    }
    assert_eq!(identity.calls("AssumeRoleWithWebIdentity").len(), 0);
}

#[test]
fn tokens_come_from_other_systems_too() {
    side_by_side(
        &[
            (&["GITLAB_CI", "true"][..], "MY_TOKEN", &["HUGESYNC_OIDC_TOKEN_VARIABLE", "MY_TOKEN"][..]),
            (&["BITBUCKET_BUILD_NUMBER", "7"], "BITBUCKET_STEP_OIDC_TOKEN", &[]),
            (&["CIRCLECI", "true"], "CIRCLE_OIDC_TOKEN_V2", &[]),
            (&["DRONE", "true"], "PLUGIN_OIDC_TOKEN_ID", &[]),
            (&[], "HUGESYNC_OIDC_TOKEN", &[]),
        ],
        |_, (system, variable, setting)| {
            let (target, identity) = setup();
            let token = identity.token();
            let mut command = plain(&target, &identity);
            for pair in [system, setting] {
                if let [name, value] = pair {
                    command.env(name, value);
                }
            }
            let run = run(command.env(variable, &token)).ok();
            target.assert_holds("a/file", &noise(1, MB));
            assert_eq!(session_tokens(&target).len(), 1);
            assert!(!run.stdout.contains(&token) && !run.stderr.contains(&token), "{}", run.text());
        },
    );
}

#[test]
fn tokens_come_from_files() {
    let (target, identity) = setup();
    fs::write(target.path("token"), identity.token() + "\n").expect("a file");
    let mut command = plain(&target, &identity);
    run(command.env("AWS_WEB_IDENTITY_TOKEN_FILE", target.path("token"))).ok();
    assert_eq!(identity.calls("AssumeRoleWithWebIdentity").len(), 1);

    // Without a role that is a setting it is the SDK's business.
    fs::write(target.path("token"), identity.token()).expect("a file");
    command
        .env_remove("HUGESYNC_ROLE_TO_ASSUME")
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/other")
        .env("AWS_ENDPOINT_URL_STS", identity.url());
    run(&mut command).ok();
    let calls = identity.calls("AssumeRoleWithWebIdentity");
    assert_eq!((calls.len(), calls[1].get("RoleArn")), (2, Some("arn:aws:iam::123456789012:role/other")));
    assert_eq!(session_tokens(&target).len(), 2);
    fs::remove_file(target.path("token")).expect("it was there");
    target.double().clear_requests();
    let mut command = plain(&target, &identity);
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", target.path("token"));
    fails(&target, &mut command, &["cannot read the identity token", "No such file"]);
}

#[test]
fn each_refusal_is_explained() {
    let policy = ("HUGESYNC_INLINE_SESSION_POLICY", "{\"a\":1}");
    let nothing = ("NOTHING", "");
    let rows: [(No, _, &[&str]); 8] = [
        (
            No::DENIED,
            nothing,
            &[
                "STS does not let this job assume arn:aws:iam::123456789012:role/deploy",
                "iss: https://token.actions.githubusercontent.com",
                "aud: sts.amazonaws.com",
                "sub: repo:acme/site:ref:refs/heads/main",
                "\"token.actions.githubusercontent.com:sub\": \"repo:acme/site:ref:refs/heads/main\"",
                "\"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com\"",
            ],
        ),
        (
            No::AUDIENCE,
            nothing,
            &["for other audiences than sts.amazonaws.com", "add-client-id-to-open-id-connect-provider"],
        ),
        (No::PROVIDER, nothing, &["has no identity provider for https://token", "create-open-id-connect-provider"]),
        (No::ISSUER, nothing, &["STS cannot fetch the keys of https://token.actions"]),
        (No::EXPIRED, nothing, &["the identity token has expired"]),
        (
            No::TOO_LONG,
            ("HUGESYNC_ROLE_DURATION_SECONDS", "43200"),
            &[
                "does not allow sessions of 43200 seconds",
                "update-role --role-name deploy --max-session-duration 43200",
            ],
        ),
        (No::BAD_POLICY, policy, &["STS does not understand the session policy", "inline-session-policy"]),
        (No::BUSY, nothing, &["has trouble (ServiceUnavailable: Service Unavailable)"]),
    ];
    side_by_side(&rows, |_, (no, (name, value), says)| {
        let (target, identity) = setup();
        identity.sts_answers(no.clone());
        let run = fails(&target, github(&target, &identity).env(name, value), says);
        assert_eq!(outputs(&target)["result"], "failed");
        keeps_secrets(&target, &identity, &run);
        let summary = fs::read_to_string(target.path("summary.md")).expect("a summary");
        assert!(summary.contains(says[0].split(' ').next().expect("a word")), "{summary}");
    });
}

#[test]
fn ids_and_clocks_are_told() {
    let (target, identity) = setup();
    let claims =
        |sub: &str, iat: i64| json!({ "iss": "https://token.actions.githubusercontent.com", "sub": sub, "iat": iat });
    identity.sts_answers(No::DENIED);
    identity.claims(claims("repo:acme@12/site@34:environment:production", 0));
    let ids = ["ids of owner and repository", "2026-07-15", "sub: repo:acme@12/site@34:environment:production"];
    fails(&target, &mut github(&target, &identity), &ids);
    identity.sts_answers(No::EXPIRED);
    for (iat, says) in [(725, "clock is 12 minutes behind"), (-7265, "clock is 2 hours ahead of")] {
        identity.claims(claims("repo:acme/site:pull_request", iat));
        fails(&target, &mut github(&target, &identity), &[says]);
    }
}

#[test]
fn trouble_with_githubs_endpoint_is_explained() {
    let rows = [
        (401, "", "answers HTTP 401"),
        (403, "", "answers HTTP 403"),
        (404, "<html>", "answers HTTP 404"),
        (500, "", "answers HTTP 500"),
        (200, "<html>", "answers without a token"),
        (200, "{\"value\":\"hello\"}", "answers without a token"),
    ];
    side_by_side(&rows, |_, (status, body, says)| {
        let (target, identity) = setup();
        identity.github_answers(*status, body);
        fails(&target, &mut github(&target, &identity), &["GitHub's token endpoint (127.0.0.1:", says]);
        assert_eq!(identity.calls("AssumeRoleWithWebIdentity").len(), 0);
    });
    let (target, identity) = setup();
    let mut command = github(&target, &identity);
    command.env("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/token?api-version=2.0");
    fails(&target, &mut command, &["GitHub's token endpoint (127.0.0.1:1) cannot be reached", "Connection refused"]);
    let mut command = github(&target, &identity);
    command.env("HUGESYNC_STS_ENDPOINT_URL", "http://127.0.0.1:1");
    fails(&target, &mut command, &["STS at http://127.0.0.1:1 cannot be reached", "proxy settings"]);
}

/// Where HugeSync is asked to look before it writes.
#[test]
fn other_accounts_are_refused() {
    const OTHER: &str = "210987654321";
    let (target, identity) = setup();
    let wrong = ["which is not one of the allowed ones (210987654321)", "allowed-account-ids"];
    // The role's ARN says it.
    fails(&target, github(&target, &identity).env("HUGESYNC_ALLOWED_ACCOUNT_IDS", OTHER), &wrong);
    assert_eq!(identity.tokens(), 0, "nobody was asked");
    // The session's ARN says it.
    identity.is_of(ACCOUNT);
    let mut other = github(&target, &identity);
    other.env("HUGESYNC_ROLE_TO_ASSUME", ROLE.replace(ACCOUNT, OTHER)).env("HUGESYNC_ALLOWED_ACCOUNT_IDS", OTHER);
    fails(&target, &mut other, &wrong);
    // Keys do not say it, STS does.
    let mut keys = static_keys(&target, &identity);
    fails(&target, keys.env("HUGESYNC_ALLOWED_ACCOUNT_IDS", OTHER), &wrong);
    assert_eq!(identity.calls("GetCallerIdentity").len(), 1);

    run(keys.env("HUGESYNC_ALLOWED_ACCOUNT_IDS", format!("{OTHER}\n{ACCOUNT}"))).ok();
    let allowed = format!("{OTHER}, {ACCOUNT}");
    run(github(&target, &identity).env("HUGESYNC_ALLOWED_ACCOUNT_IDS", allowed)).ok();
    target.assert_holds("a/file", &noise(1, MB));
}

/// A step with keys instead of a role.
fn static_keys(target: &Target, identity: &Identity) -> Command {
    let mut command = step(target, identity);
    command
        .env_remove("HUGESYNC_ROLE_TO_ASSUME")
        .env("HUGESYNC_AWS_ACCESS_KEY_ID", &target.access_key)
        .env("HUGESYNC_AWS_SECRET_ACCESS_KEY", &target.secret_key);
    command
}

#[test]
fn keys_need_no_role() {
    let (target, identity) = setup();
    let of_step = run(&mut static_keys(&target, &identity)).ok();
    assert!(of_step.stdout.contains(&format!("::add-mask::{}\n", target.secret_key)), "{}", of_step.text());
    let mut command = step(&target, &identity);
    command
        .env_remove("HUGESYNC_ROLE_TO_ASSUME")
        .env("AWS_ACCESS_KEY_ID", &target.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &target.secret_key);
    run(&mut command).ok();
    assert_eq!(session_tokens(&target), HashSet::from(["none".to_owned()]));

    // Temporary ones, as another step may have left them.
    let soon = std::time::SystemTime::now() + Duration::from_secs(60);
    target.double().admit("ASIAOTHERSTEP", "secret-of-the-other-step", "token-of-the-other-step", soon);
    let mut command = step(&target, &identity);
    command
        .env_remove("HUGESYNC_ROLE_TO_ASSUME")
        .env("HUGESYNC_AWS_ACCESS_KEY_ID", "ASIAOTHERSTEP")
        .env("HUGESYNC_AWS_SECRET_ACCESS_KEY", "secret-of-the-other-step")
        .env("HUGESYNC_AWS_SESSION_TOKEN", "token-of-the-other-step");
    run(&mut command).ok();
    assert!(session_tokens(&target).contains("token-of-the-other-step"));
    assert_eq!(identity.tokens(), 0);
}

/// A role that is assumed with credentials that are there.
#[test]
fn roles_are_assumed_with_keys() {
    let (target, identity) = setup();
    identity.lasts(Duration::from_secs(3600));
    let keys = [("AWS_ACCESS_KEY_ID", &target.access_key), ("AWS_SECRET_ACCESS_KEY", &target.secret_key)];
    let mut chained = github(&target, &identity);
    chained.envs(keys).env("HUGESYNC_ROLE_CHAINING", "true").env("HUGESYNC_ROLE_EXTERNAL_ID", "partner-42");
    let run = run(&mut chained).ok();
    let calls = identity.calls("AssumeRole");
    assert_eq!((calls.len(), calls[0].get("ExternalId")), (1, Some("partner-42")));
    assert_eq!(calls[0].access_key.as_ref(), Some(&target.access_key));
    let tokens = session_tokens(&target);
    assert!(tokens.len() == 1 && !tokens.contains("none"), "{tokens:?}");
    assert_eq!(identity.tokens(), 0, "no identity token is asked for");
    assert!(run.stdout.contains(&format!("::add-mask::{}\n", tokens.iter().next().expect("one"))), "{}", run.text());

    let mut given = static_keys(&target, &identity);
    super::support::run(given.env("HUGESYNC_ROLE_TO_ASSUME", ROLE)).ok();
    assert_eq!(identity.calls("AssumeRole").len(), 2);
    identity.sts_answers(No::DENIED);
    target.double().clear_requests();
    fails(&target, &mut given, &["STS does not let these credentials assume", "sts:AssumeRole"]);
}

/// A profile that is named decides, over keys in the environment and over identity tokens.
#[test]
fn a_profile_that_is_named_decides() {
    let (target, identity) = setup();
    identity.lasts(Duration::from_secs(3600));
    let file = format!(
        "[uploads]\naws_access_key_id = {}\naws_secret_access_key = {}\n[other]\naws_access_key_id = AKIAOTHER\n\
         aws_secret_access_key = other-secret\n",
        target.access_key, target.secret_key
    );
    let file = target.file("credentials", file);
    let named = |profile: &str| {
        let mut command = step(&target, &identity);
        command.env_remove("HUGESYNC_ROLE_TO_ASSUME").env("AWS_SHARED_CREDENTIALS_FILE", &file);
        command.env("AWS_ACCESS_KEY_ID", "AKIANOBODY").env("AWS_SECRET_ACCESS_KEY", "nobodys-secret");
        command.env("INPUT_AWS_PROFILE", profile);
        command
    };
    run(&mut named("uploads")).ok();
    let other = run(&mut named("other")).exits(1);
    assert!(other.stdout.contains("InvalidAccessKeyId"), "{}", other.text());
    target.double().clear_requests();
    fails(&target, &mut named("upload"), &["there is no profile \"upload\"", "aws configure list-profiles"]);
    assert_eq!(target.double().traffic().requests, 0);

    run(named("uploads").env("HUGESYNC_ROLE_TO_ASSUME", ROLE)).ok();
    assert_eq!(identity.calls("AssumeRole")[0].access_key.as_ref(), Some(&target.access_key));
    assert_eq!(identity.tokens(), 0, "no identity token is asked for");
}

/// Of two settings that would give the credentials, neither overrides the other.
#[test]
fn settings_that_contradict_each_other_are_refused() {
    let (target, identity) = setup();
    let keys = [("INPUT_AWS_ACCESS_KEY_ID", "AKIA"), ("INPUT_AWS_SECRET_ACCESS_KEY", "secret-of-it")];
    let token = ("INPUT_AWS_SESSION_TOKEN", "token-of-it");
    let profile = ("INPUT_AWS_PROFILE", "uploads");
    let identity_token = [("INPUT_OIDC_TOKEN", "a-token-of-mine"), ("INPUT_OIDC_TOKEN_VARIABLE", "MINE")];
    for (settings, says) in [
        (vec![keys[0], keys[1], profile], "aws-profile and aws-access-key-id are both set"),
        (vec![token], "aws-session-token is set and aws-access-key-id is not"),
        (vec![token, profile], "aws-session-token is set and aws-access-key-id is not"),
        (vec![keys[0]], "aws-access-key-id is set and aws-secret-access-key is not"),
        (identity_token.to_vec(), "oidc-token and oidc-token-variable are both set"),
    ] {
        let refused = run(step(&target, &identity).envs(settings)).exits(2);
        assert!(refused.stdout.contains(says), "{says}: {}", refused.text());
    }
    assert_eq!((identity.tokens(), target.double().traffic().requests), (0, 0));
}
