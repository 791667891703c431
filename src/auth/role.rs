//! What is asked for: which role, for how long, by what right. Checked before anything is sent.

use serde_json::Value;

use super::arn::{RoleArn, is_account};
use super::error::AuthError;
use super::keys::Keys;
use super::source::TokenSource;

/// STS's limits of a session's length, in seconds (API reference, AssumeRoleWithWebIdentity).
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;
/// Characters of a session policy that STS takes.
const LONGEST_POLICY: usize = 2048;
/// Characters of a session's name that STS takes.
const LONGEST_NAME: usize = 64;
/// What comes before a name that is too short.
const NAME: &str = "hugesync";

/// A session of a role that is asked for.
#[derive(Debug, Clone)]
pub struct RoleRequest {
    /// The role's ARN.
    pub role_arn: String,
    /// The session's name in AWS's logs; made safe.
    pub session_name: String,
    /// How long credentials last before they are renewed.
    pub duration_seconds: u32,
    /// The region of STS. `None` is us-east-1, or its like in the role's partition.
    pub region: Option<String>,
    /// A JSON policy that narrows what the session may do.
    pub policy: Option<String>,
    /// The external id that the role's trust policy asks for; for keys only.
    pub external_id: Option<String>,
    /// The accounts that the role may be of; empty is any.
    pub allowed_accounts: Vec<String>,
    /// The URL of an STS that is not AWS's.
    pub sts_endpoint: Option<String>,
    /// By what right.
    pub by: Via,
}

/// By what right a role is assumed.
#[derive(Debug, Clone)]
pub enum Via {
    /// By an identity token of the CI: AssumeRoleWithWebIdentity.
    IdentityToken(TokenSource),
    /// By other credentials: AssumeRole.
    Keys(Keys),
}

impl RoleRequest {
    /// Checks what can be checked without asking anybody.
    pub(super) fn check(&self) -> Result<RoleArn, AuthError> {
        let role = RoleArn::parse(&self.role_arn)
            // Other providers' roles may have no account.
            .filter(|role| role.account.is_some() || self.sts_endpoint.is_some())
            .ok_or_else(|| AuthError::NoRoleArn(self.role_arn.clone()))?;
        if !DURATIONS.contains(&self.duration_seconds) {
            return Err(AuthError::BadDuration(self.duration_seconds));
        }
        if let Some(policy) = &self.policy {
            check_policy(policy)?;
        }
        check_accounts(&self.allowed_accounts)?;
        check_account(&self.allowed_accounts, role.account.as_deref().unwrap_or_default())?;
        Ok(role)
    }
}

fn check_policy(policy: &str) -> Result<(), AuthError> {
    match serde_json::from_str(policy) {
        Ok(Value::Object(_)) => {}
        Ok(_) => return Err(AuthError::BadPolicy("it is other JSON".to_owned())),
        Err(error) => return Err(AuthError::BadPolicy(error.to_string())),
    }
    match policy.chars().count() {
        0..=LONGEST_POLICY => Ok(()),
        length => Err(AuthError::LongPolicy(length)),
    }
}

/// That a list names accounts.
fn check_accounts(allowed: &[String]) -> Result<(), AuthError> {
    match allowed.iter().find(|account| !is_account(account)) {
        Some(account) => Err(AuthError::NoAccountId(account.clone())),
        None => Ok(()),
    }
}

/// That an account is in a list, or the list empty.
pub fn check_account(allowed: &[String], account: &str) -> Result<(), AuthError> {
    if allowed.is_empty() || allowed.iter().any(|allowed| allowed == account) {
        return Ok(());
    }
    Err(AuthError::AccountNotAllowed { account: account.to_owned(), allowed: allowed.to_vec() })
}

/// A session name that STS takes: 2 to 64 of `[\w+=,.@-]`. Of a long one the middle is left out, since the end tells runs
/// apart.
pub fn safe_session_name(name: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let safe: String = name.chars().map(|c| if legal(c) { c } else { '-' }).collect();
    match safe.len() {
        0 => NAME.to_owned(),
        1 => format!("{NAME}-{safe}"),
        2..=LONGEST_NAME => safe,
        length => format!("{}-{}", &safe[..LONGEST_NAME / 2 - 1], &safe[length - LONGEST_NAME / 2..]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> RoleRequest {
        RoleRequest {
            role_arn: "arn:aws:iam::123456789012:role/deploy".to_owned(),
            session_name: "s".to_owned(),
            duration_seconds: 3600,
            region: None,
            policy: None,
            external_id: None,
            allowed_accounts: Vec::new(),
            sts_endpoint: None,
            by: Via::Keys(Keys::Chain),
        }
    }

    #[test]
    fn requests_are_checked() {
        assert!(request().check().is_ok());
        let message = |request: RoleRequest| request.check().expect_err("it is wrong").to_string();
        let elsewhere = RoleRequest { role_arn: "arn:aws:iam:::role/S3Access".to_owned(), ..request() };
        assert!(message(elsewhere.clone()).contains("no ARN of a role"));
        assert!(RoleRequest { sts_endpoint: Some("https://minio".to_owned()), ..elsewhere }.check().is_ok());
        for (duration, good) in [(899, false), (900, true), (43_200, true), (43_201, false)] {
            assert_eq!(RoleRequest { duration_seconds: duration, ..request() }.check().is_ok(), good, "{duration}");
        }
        let policy = |policy: &str| RoleRequest { policy: Some(policy.to_owned()), ..request() };
        assert!(policy("{\"Statement\":[]}").check().is_ok());
        assert!(message(policy("{")).contains("no JSON object: EOF"));
        assert!(message(policy("[]")).contains("no JSON object: it is other JSON"));
        let long = format!("{{\"a\":\"{}\"}}", "é".repeat(LONGEST_POLICY - 8));
        assert!(policy(&long).check().is_ok(), "characters are counted, not bytes");
        assert!(message(policy(&format!("{long} "))).contains("2049 characters"), "one more is too many");
        let accounts = |account: &str| RoleRequest { allowed_accounts: vec![account.to_owned()], ..request() };
        assert!(accounts("123456789012").check().is_ok());
        assert!(message(accounts("1234-5678-9012")).contains("no account id"));
        assert!(message(accounts("210987654321")).contains("account 123456789012, which is not one of"));
    }

    #[test]
    fn session_names_are_made_safe() {
        assert_eq!(safe_session_name("hugesync-acme/site-42"), "hugesync-acme-site-42");
        assert_eq!(safe_session_name("é"), "hugesync--");
        assert_eq!(safe_session_name(""), "hugesync");
        let long = safe_session_name(&format!("hugesync-{}-1234567890", "x".repeat(100)));
        assert!(long.starts_with("hugesync-xxx") && long.ends_with("-1234567890"), "{long}");
        assert_eq!(long.len(), 64);
    }

    proptest! {
        #[test]
        fn every_session_name_is_safe(name in ".*") {
            let safe = safe_session_name(&name);
            prop_assert!((2..=64).contains(&safe.len()));
            prop_assert!(safe.bytes().all(|c| c.is_ascii_alphanumeric() || b"_+=,.@-".contains(&c)));
            prop_assert_eq!(safe_session_name(&safe), safe);
        }
    }
}
