//! Names of AWS's resources, as far as credentials need them: the ARN of a role, the account in any ARN.
//!
//! It asks nobody whether there is such a role.

/// Where STS is asked if nobody says where.
pub(super) const DEFAULT_REGION: &str = "us-east-1";

/// Whether a text is the id of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// The account in any ARN.
pub(super) fn account_in(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| is_account(account))
}

/// The ARN of a role, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    /// `aws`, `aws-cn`, ..
    pub partition: String,
    /// The account, 12 digits. Other providers' roles may have none.
    pub account: Option<String>,
    /// The name, without its path.
    pub name: String,
    text: String,
}

impl RoleArn {
    /// Parses `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next();
        let (arn, partition, iam, region, account, role) = (part()?, part()?, part()?, part()?, part()?, part()?);
        let name = role.strip_prefix("role/")?.rsplit('/').next()?;
        let legal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let whole = (arn, iam, region) == ("arn", "iam", "") && legal(partition) && legal(role) && !name.is_empty();
        (whole && (account.is_empty() || is_account(account))).then(|| Self {
            partition: partition.to_owned(),
            account: (!account.is_empty()).then(|| account.to_owned()),
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where STS is asked if no region is named: one that every account of the partition has.
    pub(super) fn default_region(&self) -> &'static str {
        match self.partition.as_str() {
            "aws-cn" => "cn-north-1",
            "aws-us-gov" => "us-gov-west-1",
            "aws-eusc" => "eusc-de-east-1",
            _ => DEFAULT_REGION,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arns_are_taken_apart() {
        let role = RoleArn::parse("arn:aws-us-gov:iam::123456789012:role/ci/site/deploy").expect("a role");
        assert_eq!((role.partition.as_str(), role.account.as_deref()), ("aws-us-gov", Some("123456789012")));
        assert_eq!((role.name.as_str(), role.default_region()), ("deploy", "us-gov-west-1"));
        assert_eq!(RoleArn::parse("arn:aws:iam:::role/S3Access").expect("a role").account, None);
        for text in [
            "",
            "deploy",
            "arn:aws:iam::123456789012:user/deploy",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/a b",
            "arn:aws:iam::12345678901:role/deploy",
            "arn:aws:iam:us-east-1:123456789012:role/deploy",
            "arn:aws:sts::123456789012:assumed-role/deploy/s",
            "arn::iam::123456789012:role/deploy",
            "arn:aws:iam::123456789012:oidc-provider/gitlab.com",
        ] {
            assert_eq!(RoleArn::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_arn_panics(text in "[a:/r.]*") {
            let _ = RoleArn::parse(&text);
            let _ = account_in(&text);
        }
    }
}
