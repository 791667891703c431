//! What STS's answers mean, and what to do about them.
//!
//! STS has few codes and many texts: AccessDenied is what it says of a missing role too, and InvalidIdentityToken of six
//! things. The texts are the ones that its users report (aws-actions/configure-aws-credentials, issues 280, 299, 775).

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::arn::RoleArn;
use super::token::{Claims, shown};
use super::trust::{has_ids, provider_arn, provider_name, trust_policy};

/// What was asked of STS, for messages.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The role, if one was to be assumed.
    pub role: Option<RoleArn>,
    /// Which STS: `STS in us-east-1`.
    pub place: String,
    /// What the identity token says, if there was one.
    pub claims: Option<Claims>,
    /// Whether the token was made right before.
    pub fresh: bool,
    /// The length of the session.
    pub duration_seconds: u32,
    /// When, by the local clock, in seconds since 1970.
    pub at: u64,
}

/// What an answer of STS means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The role is not there, or does not trust who asks.
    NotAuthorized,
    /// The account's identity provider is not for tokens with this audience.
    WrongAudience,
    /// The account has no identity provider for the token's issuer.
    NoProvider,
    /// The token has expired.
    TokenExpired,
    /// The issuer's keys cannot be fetched.
    NoIssuerKeys,
    /// Something else is wrong with the token; it may be too new.
    BadToken,
    /// The role does not allow sessions of this length.
    TooLong,
    /// The session policy is not understood.
    BadPolicy,
    /// The session policy takes too much room.
    LargePolicy,
    /// STS is switched off in this region.
    RegionOff,
    /// The keys are not known.
    UnknownKeys,
    /// The keys have expired.
    KeysExpired,
    /// The local clock is wrong.
    Clock,
    /// STS has trouble or too much to do.
    Busy,
    /// Anything else.
    Other,
}

impl Refusal {
    /// What a code, a text and a status mean. API reference of STS, "Common errors" and the errors of each action.
    pub(super) fn of(code: &str, text: &str, status: u16) -> Self {
        match code {
            "AccessDenied" | "AccessDeniedException" => Self::NotAuthorized,
            "InvalidIdentityToken" if text.contains("token audience") => Self::WrongAudience,
            "InvalidIdentityToken" if text.contains("No OpenIDConnect provider") => Self::NoProvider,
            "InvalidIdentityToken" if is_about_issuer_keys(text) => Self::NoIssuerKeys,
            "InvalidIdentityToken" | "IDPRejectedClaim" => Self::BadToken,
            "IDPCommunicationError" => Self::NoIssuerKeys,
            "ExpiredTokenException" => Self::TokenExpired,
            "ValidationError" if text.contains("DurationSeconds exceeds") => Self::TooLong,
            "MalformedPolicyDocument" => Self::BadPolicy,
            "PackedPolicyTooLarge" => Self::LargePolicy,
            "RegionDisabledException" => Self::RegionOff,
            _ if text.starts_with("Signature expired") || text.starts_with("Signature not yet current") => Self::Clock,
            "RequestExpired" | "RequestTimeTooSkewed" => Self::Clock,
            "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException" => Self::UnknownKeys,
            "ExpiredToken" => Self::KeysExpired,
            "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "SlowDown" => Self::Busy,
            _ if status == 429 || status >= 500 => Self::Busy,
            _ => Self::Other,
        }
    }

    /// The message for an answer.
    pub(super) fn message(self, asked: &Asked, said: &str) -> String {
        let role = asked.role.as_ref().map_or("the role", RoleArn::as_str);
        let account = asked.role.as_ref().and_then(|role| role.account.as_deref()).unwrap_or("(unknown)");
        let claims = asked.claims.clone().unwrap_or_default();
        let (iss, aud) = (shown(claims.iss.as_deref().unwrap_or("(none)")), shown(&claims.aud.join(", ")));
        let who = if asked.claims.is_some() { "this job" } else { "these credentials" };
        let what = match self {
            Self::NotAuthorized => format!("STS does not let {who} assume {role}"),
            Self::WrongAudience => format!("account {account} takes tokens of {iss} for other audiences than {aud}"),
            Self::NoProvider => format!("account {account} has no identity provider for {iss}"),
            Self::TokenExpired => "the identity token has expired".to_owned(),
            Self::NoIssuerKeys => format!("STS cannot fetch the keys of {iss}"),
            Self::BadToken => "STS does not take the identity token".to_owned(),
            Self::TooLong => format!("{role} does not allow sessions of {} seconds", asked.duration_seconds),
            Self::BadPolicy => "STS does not understand the session policy".to_owned(),
            Self::LargePolicy => "the session policy is too large".to_owned(),
            Self::RegionOff => format!("{} is switched off for this account", asked.place),
            Self::UnknownKeys => "STS does not know the access key, or its secret is another".to_owned(),
            Self::KeysExpired => "the credentials to ask STS with have expired".to_owned(),
            Self::Clock => "STS does not take a request of this time".to_owned(),
            Self::Busy => format!("{} has trouble", asked.place),
            Self::Other => match asked.role {
                Some(_) => format!("STS gives no credentials for {role}"),
                None => "STS does not say whose these credentials are".to_owned(),
            },
        };
        format!("{what} ({said})")
    }

    /// What to do about an answer.
    pub(super) fn hint(self, asked: &Asked, said: &str) -> Option<String> {
        let name = asked.role.as_ref().map_or("ROLE", |role| role.name.as_str());
        Some(match self {
            Self::NotAuthorized if asked.claims.is_some() => not_authorized(asked),
            Self::NotAuthorized => {
                "the credentials need sts:AssumeRole for this role, and the role's trust policy has to \
                                    name them (and the external id, if it asks for one)"
                    .to_owned()
            }
            Self::WrongAudience => wrong_audience(asked),
            Self::NoProvider => no_provider(asked),
            Self::TokenExpired => expired(asked),
            Self::NoIssuerKeys => {
                "AWS has to reach the issuer over https, with a certificate that the identity provider \
                                   takes; if it usually does, run again"
                    .to_owned()
            }
            Self::BadToken => {
                let first = issuer_clock(asked).unwrap_or_else(|| "check where the token comes from".to_owned());
                format!("{first}; the token says\n{}", asked.claims.as_ref().map(Claims::lines).unwrap_or_default())
            }
            Self::TooLong if said.contains("role chaining") => {
                "with the credentials of another role a session lasts an hour at most: ask for 3600 seconds \
                 (role-duration-seconds); HugeSync renews it in time"
                    .to_owned()
            }
            Self::TooLong => format!(
                "ask for less (role-duration-seconds): HugeSync renews a session in time, however long the upload; or \
                 allow more:\naws iam update-role --role-name {name} --max-session-duration {}",
                asked.duration_seconds
            ),
            Self::BadPolicy | Self::LargePolicy => {
                "correct or shorten inline-session-policy: it can only take away from \
                                                    what the role's own policies allow"
                    .to_owned()
            }
            Self::RegionOff => {
                "name another region (aws-region), or switch STS on in this one (IAM, account settings)".to_owned()
            }
            Self::UnknownKeys => {
                "check the access key and the secret, and that the session token belongs to them".to_owned()
            }
            Self::KeysExpired => "get new ones and run again".to_owned(),
            Self::Clock => {
                signed_at(said).unwrap_or_else(|| "set this machine's clock (for example with NTP)".to_owned())
            }
            Self::Busy => "run again later".to_owned(),
            Self::Other if said.contains("ARN") => "check role-to-assume: it has to be the ARN of a role".to_owned(),
            Self::Other => return None,
        })
    }
}

/// Keys that AWS cannot fetch or does not trust. Seen for issuers that are well, so that asking again is worth it
/// (aws-sdk-rust, issue 827).
pub(super) fn is_about_issuer_keys(text: &str) -> bool {
    text.contains("retrieve verification key") || text.contains("configured thumbprint")
}

fn not_authorized(asked: &Asked) -> String {
    let (Some(role), Some(claims)) = (&asked.role, &asked.claims) else { return String::new() };
    let account = role.account.as_deref().unwrap_or("(unknown)");
    // The first line may be all that is seen.
    let mut hint = format!(
        "either account {account} has no role {}, or the role's trust policy does not fit the token, which says\n{}",
        role.name,
        claims.lines()
    );
    if claims.sub.as_deref().is_some_and(has_ids) {
        hint += "\nIts subject has the ids of owner and repository, as it does where the repository was created, renamed or \
                 moved after 2026-07-15, or has opted in. A trust policy for repo:OWNER/REPO:.. does not fit it.";
    }
    if let Some(policy) = trust_policy(role, claims) {
        let whom = if policy.contains("StringLike") {
            "for what can be told of this subject: not the step or the user that it ends in"
        } else {
            "for this subject alone"
        };
        hint += &format!("\nThis trust policy fits, {whom}:\n{policy}");
    }
    hint
}

fn wrong_audience(asked: &Asked) -> String {
    let claims = asked.claims.clone().unwrap_or_default();
    let add = asked.role.as_ref().and_then(|role| provider_arn(role, &claims)).zip(claims.aud.first());
    let add = add.filter(|(_, aud)| is_plain(aud)).map(|(provider, aud)| {
        format!(
            "; or let the identity provider take this one:\naws iam add-client-id-to-open-id-connect-provider \
             --open-id-connect-provider-arn {provider} --client-id {aud}"
        )
    });
    format!(
        "ask for a token with the audience that the identity provider was made for (GitHub: audience; GitLab: aud of \
         id_tokens){}",
        add.unwrap_or_default()
    )
}

fn no_provider(asked: &Asked) -> String {
    let claims = asked.claims.clone().unwrap_or_default();
    let add = provider_name(&claims).zip(claims.aud.first().filter(|aud| is_plain(aud))).map(|(name, aud)| {
        format!(
            "; an account gets it once:\naws iam create-open-id-connect-provider --url https://{name} --client-id-list {aud}"
        )
    });
    format!("check that the role is of the right account{}", add.unwrap_or_default())
}

fn expired(asked: &Asked) -> String {
    let claims = asked.claims.clone().unwrap_or_default();
    let late = claims.exp.filter(|exp| *exp < asked.at);
    let late = late.map(|exp| format!("it was good until {} ago", span(asked.at - exp)));
    // By a clock that is wrong nobody can tell.
    let mut parts: Vec<String> = issuer_clock(asked).or(late).into_iter().collect();
    if !asked.fresh {
        parts.push(
            "a token that is made when the job begins is good for a while only: begin the upload earlier in the job, give \
             the job a longer timeout (GitLab: the token lives as long), or ask for a longer session (role-duration-seconds) \
             so that it needs no renewal"
                .to_owned(),
        );
    } else if parts.is_empty() {
        parts.push("run again".to_owned());
    }
    parts.join("\n")
}

/// How far the local clock and the issuer's are apart, if that is worth saying. A token from the future tells for any
/// source, one from the past only if it was made right before.
pub(super) fn issuer_clock(asked: &Asked) -> Option<String> {
    /// Seconds that a request and its retries may take.
    const SLACK: u64 = 90;
    let iat = asked.claims.as_ref()?.iat?;
    let (apart, how) = if iat > asked.at + SLACK {
        (iat - asked.at, "behind")
    } else if asked.fresh && asked.at > iat + SLACK {
        (asked.at - iat, "ahead of")
    } else {
        return None;
    };
    Some(format!("this machine's clock is {} {how} the token's issuer's: set it (for example with NTP)", span(apart)))
}

/// How far the local clock and STS's are apart, from what STS says of a signature: `Signature expired: LOCAL is now earlier
/// than LIMIT (STS - 15 min.)`.
fn signed_at(said: &str) -> Option<String> {
    let times: Vec<i64> = said.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(basic_time).collect();
    let (local, sts) = (*times.first()?, *times.last()?);
    let how = if local < sts { "behind" } else { "ahead of" };
    Some(format!(
        "this machine's clock is {} {how} that of STS: set it (for example with NTP)",
        span(local.abs_diff(sts))
    ))
}

/// Seconds since 1970 of `20261123T101112Z`.
fn basic_time(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to);
    if text.len() != 16 {
        return None;
    }
    let (date, time) = ((part(0, 4)?, part(4, 6)?, part(6, 8)?), (part(9, 11)?, part(11, 13)?, part(13, 16)?));
    let extended = format!("{}-{}-{}T{}:{}:{}", date.0, date.1, date.2, time.0, time.1, time.2);
    DateTime::from_str(&extended, Format::DateTime).ok().map(|time| time.secs())
}

/// A stretch of time in words.
fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7199 => format!("{} minutes", seconds / 60),
        7200..=172_799 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Whether a text needs no quotes in a shell.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:/@+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_decide_where_codes_do_not() {
        let token = |text| Refusal::of("InvalidIdentityToken", text, 400);
        assert_eq!(token("Incorrect token audience"), Refusal::WrongAudience);
        assert_eq!(token("No OpenIDConnect provider found in your account for https://h"), Refusal::NoProvider);
        assert_eq!(
            token("Couldn't retrieve verification key from your identity provider,  please"),
            Refusal::NoIssuerKeys
        );
        assert_eq!(token("The ID Token provided is not a valid JWT."), Refusal::BadToken);
        let validation = |text| Refusal::of("ValidationError", text, 400);
        let long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        assert_eq!(validation(long), Refusal::TooLong);
        assert_eq!(validation("Request ARN is invalid"), Refusal::Other);
        assert_eq!(Refusal::of("SignatureDoesNotMatch", "Signature expired: 20", 403), Refusal::Clock);
        assert_eq!(
            Refusal::of("SignatureDoesNotMatch", "The request signature we calculated", 403),
            Refusal::UnknownKeys
        );
        assert_eq!(Refusal::of("", "", 503), Refusal::Busy);
        assert_eq!(Refusal::of("NoIdea", "", 400), Refusal::Other);
    }

    #[test]
    fn clocks_are_compared() {
        let said = "SignatureDoesNotMatch: Signature expired: 20261123T101112Z is now earlier than 20261123T111112Z \
                    (20261123T112612Z - 15 min.)";
        let hint = Refusal::Clock.hint(&Asked::default(), said).expect("a hint");
        assert!(hint.starts_with("this machine's clock is 75 minutes behind that of STS"), "{hint}");
        let said = "Signature not yet current: 20261123T101112Z is still later than 20261123T095112Z (20261123T094612Z + 5 min.)";
        let hint = Refusal::Clock.hint(&Asked::default(), said).expect("a hint");
        assert!(hint.starts_with("this machine's clock is 25 minutes ahead of that of STS"), "{hint}");
        assert!(Refusal::Clock.hint(&Asked::default(), "20261323T101112Z é").expect("a hint").starts_with("set this"));

        let asked = |fresh, iat: u64| {
            let claims = Some(Claims { iat: Some(iat), ..Claims::default() });
            issuer_clock(&Asked { claims, fresh, at: 1_000_000, ..Asked::default() })
        };
        assert!(asked(false, 1_000_600).expect("a clock").contains("10 minutes behind"));
        assert!(asked(true, 1_000_000 - 86_400).expect("a clock").contains("24 hours ahead of"));
        assert_eq!((asked(false, 0), asked(true, 999_950), asked(true, 1_000_050)), (None, None, None));
    }
}
