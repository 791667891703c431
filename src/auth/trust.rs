//! The trust policy that would let a token assume a role, ready to paste.
//!
//! It is as narrow as the token: other branches and environments have other subjects, and it is for people to widen it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::arn::RoleArn;
use super::token::Claims;

/// The longest subject that gets a policy; IAM's whole policy has 2,048 characters by default.
const LONGEST_SUBJECT: usize = 1024;

/// A policy in the order in which people write it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    effect: &'static str,
    principal: Principal,
    action: &'static str,
    /// By operator, what a claim has to be.
    condition: BTreeMap<&'static str, BTreeMap<String, Values>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Principal {
    federated: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Any(Vec<String>),
}

/// The trust policy of a role that takes tokens like this one. `None` where the token does not say enough, or the role's
/// account is not known.
pub fn trust_policy(role: &RoleArn, claims: &Claims) -> Option<String> {
    let (provider, name) = (provider_arn(role, claims)?, provider_name(claims)?);
    let audience = match claims.aud.as_slice() {
        [] => return None,
        [one] => Values::One(literal(one)),
        several => Values::Any(several.iter().map(|aud| literal(aud)).collect()),
    };
    let (operator, sub) = subject(claims.sub.as_deref().filter(|sub| sub.len() <= LONGEST_SUBJECT)?, name);
    let mut condition = BTreeMap::from([("StringEquals", BTreeMap::from([(format!("{name}:aud"), audience)]))]);
    condition.entry(operator).or_default().insert(format!("{name}:sub"), Values::One(sub));
    let statement = Statement {
        effect: "Allow",
        principal: Principal { federated: provider },
        action: "sts:AssumeRoleWithWebIdentity",
        condition,
    };
    let policy = Policy { version: "2012-10-17", statement: [statement] };
    Some(ascii(&serde_json::to_string_pretty(&policy).ok()?))
}

/// The ARN of the identity provider that the role's account needs for a token.
pub(super) fn provider_arn(role: &RoleArn, claims: &Claims) -> Option<String> {
    let account = role.account.as_deref()?;
    Some(format!("arn:{}:iam::{account}:oidc-provider/{}", role.partition, provider_name(claims)?))
}

/// An issuer's name in ARNs and condition keys: its URL without the scheme (IAM user guide, "Available keys for AWS OIDC
/// federation").
pub(super) fn provider_name(claims: &Claims) -> Option<&str> {
    let name = claims.iss.as_deref()?.strip_prefix("https://")?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._~/:%@+".contains(c);
    (!name.is_empty() && name.len() <= 255 && name.chars().all(legal)).then_some(name)
}

/// The operator and the value for what is the same in every run's subject. Bitbucket's ends with the step's id, CircleCI's
/// names who started the run.
fn subject(sub: &str, provider: &str) -> (&'static str, String) {
    let stable = if provider.starts_with("api.bitbucket.org/") {
        sub.rsplit_once(':').map(|(before, _)| format!("{}:*", literal(before)))
    } else if provider.starts_with("oidc.circleci.com/") {
        // A character for each of the user's id: `*` would go on over what follows.
        sub.split_once("/user/").map(|(before, after)| {
            let (user, rest) = after.split_at(after.find('/').unwrap_or(after.len()));
            format!("{}/user/{}{}", literal(before), "?".repeat(user.chars().count()), literal(rest))
        })
    } else {
        None
    };
    stable.map_or_else(|| ("StringEquals", literal(sub)), |pattern| ("StringLike", pattern))
}

/// A text that IAM takes literally: `${` begins a policy variable (IAM user guide, "Where you can use policy variables").
fn literal(text: &str) -> String {
    text.replace("${", "${$}{")
}

/// JSON in ASCII: what a terminal could not show plainly, and what IAM takes in escaped form only.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\x7f' {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// Whether a GitHub subject names owner and repository with their ids: `repo:acme@1/site@2:ref:refs/heads/main`.
pub(super) fn has_ids(sub: &str) -> bool {
    let name = |part: &str| {
        part.rsplit_once('@').is_some_and(|(_, id)| !id.is_empty() && id.bytes().all(|digit| digit.is_ascii_digit()))
    };
    let names = sub.strip_prefix("repo:").and_then(|rest| rest.split(':').next());
    names.and_then(|names| names.split_once('/')).is_some_and(|(owner, repository)| name(owner) && name(repository))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn claims(iss: &str, aud: &[&str], sub: &str) -> Claims {
        let aud = aud.iter().map(|&aud| aud.to_owned()).collect();
        Claims { iss: Some(iss.to_owned()), aud, sub: Some(sub.to_owned()), ..Claims::default() }
    }

    fn policy(role: &str, claims: &Claims) -> Value {
        let text = trust_policy(&RoleArn::parse(role).expect("a role"), claims).expect("a policy");
        assert!(text.is_ascii());
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn github() {
        let claims = claims(
            "https://token.actions.githubusercontent.com",
            &["sts.amazonaws.com"],
            "repo:acme/site:ref:refs/heads/main",
        );
        let policy = policy("arn:aws:iam::123456789012:role/deploy", &claims);
        let statement = &policy["Statement"][0];
        assert_eq!(
            statement["Principal"]["Federated"],
            "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
        );
        let equals = &statement["Condition"]["StringEquals"];
        assert_eq!(equals["token.actions.githubusercontent.com:aud"], "sts.amazonaws.com");
        assert_eq!(equals["token.actions.githubusercontent.com:sub"], "repo:acme/site:ref:refs/heads/main");
    }

    #[test]
    fn issuers_with_paths_and_subjects_that_change() {
        let role = "arn:aws-cn:iam::123456789012:role/path/deploy";
        let bitbucket = "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc";
        let found =
            policy(role, &claims(bitbucket, &["ari:cloud:bitbucket::workspace/1"], "{repo}:{environment}:{step}"));
        let statement = &found["Statement"][0];
        let host = &bitbucket["https://".len()..];
        assert_eq!(statement["Principal"]["Federated"], format!("arn:aws-cn:iam::123456789012:oidc-provider/{host}"));
        assert_eq!(statement["Condition"]["StringLike"][format!("{host}:sub")], "{repo}:{environment}:*");

        let circle = "https://oidc.circleci.com/org/1-2";
        let found =
            policy(role, &claims(circle, &["1-2"], "org/1-2/project/3-4/user/5-6/vcs-origin/github.com/acme/site"));
        let like = &found["Statement"][0]["Condition"]["StringLike"];
        assert_eq!(
            like["oidc.circleci.com/org/1-2:sub"],
            "org/1-2/project/3-4/user/???/vcs-origin/github.com/acme/site"
        );

        let gitlab =
            policy(role, &claims("https://gitlab.com", &["a", "b"], "project_path:acme/site:ref_type:branch:ref:main"));
        let equals = &gitlab["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(equals["gitlab.com:aud"], json!(["a", "b"]));
        assert_eq!(equals["gitlab.com:sub"], "project_path:acme/site:ref_type:branch:ref:main");
    }

    /// Who may name a branch shall not widen a policy.
    #[test]
    fn subjects_are_literal() {
        let sub = "repo:acme/site:ref:refs/heads/${aws:x}\"}\u{202e}\u{1f980}";
        let text = trust_policy(
            &RoleArn::parse("arn:aws:iam::123456789012:role/deploy").expect("a role"),
            &claims("https://gitlab.com", &["a"], sub),
        );
        let text = text.expect("a policy");
        assert!(text.contains("\\u202e\\ud83e\\udd80"), "{text}");
        let back: Value = serde_json::from_str(&text).expect("JSON");
        let equals = &back["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(equals["gitlab.com:sub"].as_str(), Some(sub.replace("${", "${$}{").as_str()));
    }

    #[test]
    fn too_little_is_no_policy() {
        let role = RoleArn::parse("arn:aws:iam::123456789012:role/deploy").expect("a role");
        let whole = claims("https://gitlab.com", &["a"], "s");
        assert!(trust_policy(&role, &whole).is_some());
        for claims in [
            Claims { iss: None, ..whole.clone() },
            Claims { iss: Some("http://gitlab.com".into()), ..whole.clone() },
            Claims { iss: Some("https://git\"lab".into()), ..whole.clone() },
            Claims { aud: Vec::new(), ..whole.clone() },
            Claims { sub: None, ..whole.clone() },
            Claims { sub: Some("x".repeat(LONGEST_SUBJECT + 1)), ..whole.clone() },
        ] {
            assert_eq!(trust_policy(&role, &claims), None);
        }
        assert_eq!(trust_policy(&RoleArn::parse("arn:aws:iam:::role/deploy").expect("a role"), &whole), None);
    }

    #[test]
    fn ids_are_seen() {
        assert!(has_ids("repo:acme@123/site@456:ref:refs/heads/main"));
        for sub in ["repo:acme/site:ref:refs/heads/a@1", "repo:acme@1/site:x", "repo:a@b/c@1:x", "x", "repo:a@/b@:x"] {
            assert!(!has_ids(sub), "{sub}");
        }
    }
}
