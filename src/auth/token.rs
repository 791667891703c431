//! What an identity token says of itself.
//!
//! Nothing is verified here: STS does that with the issuer's keys. What is decoded serves messages and trust policies, and
//! may be anything, since whoever made the token chose it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// The longest token that is looked at, in bytes: STS takes 20,000 characters (API reference, AssumeRoleWithWebIdentity).
const LONGEST_TOKEN: usize = 64 << 10;
/// Characters of a claim that messages show.
const LONGEST_SHOWN: usize = 256;
/// As lenient as STS may be: issuers differ about the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The claims that decide whether STS takes a token (RFC 7519, section 4.1). Times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// Who made it: a URL.
    pub iss: Option<String>,
    /// For whom; mostly one.
    pub aud: Vec<String>,
    /// About whom: repository, branch, project.
    pub sub: Option<String>,
    /// When it was made.
    pub iat: Option<u64>,
    /// From when on it is good.
    pub nbf: Option<u64>,
    /// Until when it is good.
    pub exp: Option<u64>,
}

impl Claims {
    /// Decodes a token's middle part. `None` if that is no JSON object between two dots.
    pub fn decode(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let json: Value = serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()?;
        let claims = json.as_object()?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        // NumericDate may have a fraction. `as` saturates.
        let time = |name: &str| {
            let value = claims.get(name)?;
            value.as_u64().or_else(|| value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64))
        };
        let aud = match claims.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Some(Self { iss: text("iss"), aud, sub: text("sub"), iat: time("iat"), nbf: time("nbf"), exp: time("exp") })
    }

    /// The claims that a trust policy is about, a line each.
    pub(super) fn lines(&self) -> String {
        let none = "(none)".to_owned();
        let iss = self.iss.as_deref().map_or_else(|| none.clone(), shown);
        let sub = self.sub.as_deref().map_or_else(|| none.clone(), shown);
        let aud: Vec<String> = self.aud.iter().map(|aud| shown(aud)).collect();
        let aud = if aud.is_empty() { none } else { aud.join(", ") };
        format!("  iss: {iss}\n  aud: {aud}\n  sub: {sub}")
    }
}

/// Seconds since 1970 by the local clock.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A text from elsewhere as messages may show it: on one line, with nothing in it that is invisible or turns the
/// direction of reading, and not too long.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST_SHOWN {
            out.push_str("..");
            break;
        }
        match c {
            '"' | '\'' | '\\' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A token with these claims that nobody has signed.
    pub(crate) fn token(claims: &Value) -> String {
        format!("{}.{}.c2lnbmF0dXJl", BASE64.encode("{\"alg\":\"RS256\"}"), BASE64.encode(claims.to_string()))
    }

    #[test]
    fn claims_are_decoded() {
        let claims = serde_json::json!({
            "iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com",
            "sub": "repo:acme/site:ref:refs/heads/main", "iat": 1_790_000_000_u64, "nbf": 1_789_999_700.5, "exp": 1.79e9,
        });
        let found = Claims::decode(&token(&claims)).expect("a token");
        assert_eq!(found.iss.as_deref(), Some("https://token.actions.githubusercontent.com"));
        assert_eq!(found.aud, ["sts.amazonaws.com"]);
        assert_eq!(found.sub.as_deref(), Some("repo:acme/site:ref:refs/heads/main"));
        let times = (found.iat, found.nbf, found.exp);
        assert_eq!(times, (Some(1_790_000_000), Some(1_789_999_700), Some(1_790_000_000)));
    }

    #[test]
    fn padding_is_as_it_comes() {
        let claims = br#"{"sub":"a?>"}"#;
        for payload in [base64::prelude::BASE64_URL_SAFE.encode(claims), BASE64.encode(claims).replace('=', "")] {
            assert_eq!(Claims::decode(&format!("a.{payload}.b")).and_then(|claims| claims.sub).as_deref(), Some("a?>"));
        }
    }

    #[test]
    fn odd_claims_are_left_out() {
        let odd =
            serde_json::json!({ "iss": 1, "aud": ["a", 2, "b"], "sub": null, "iat": -1, "nbf": "1", "exp": 1e300 });
        let found = Claims::decode(&token(&odd)).expect("a token");
        assert_eq!(found, Claims { aud: vec!["a".into(), "b".into()], exp: Some(u64::MAX), ..Claims::default() });
    }

    #[test]
    fn what_is_no_token_is_none() {
        let deep = format!("a.{}.b", BASE64.encode("[".repeat(10_000)));
        let long = format!("{}{}", token(&serde_json::json!({})), "x".repeat(LONGEST_TOKEN));
        for text in ["", "a", "a.b", "a.b.c", "a.b.c.d", "a.e30", "a.IltdIg.b", "a.W10.b", &deep, &long] {
            assert_eq!(Claims::decode(text), None, "{:.40}", text);
        }
        assert_eq!(Claims::decode("a.e30.b"), Some(Claims::default()));
    }

    #[test]
    fn messages_show_no_tricks() {
        assert_eq!(
            shown("repo:a/\"b\"\n::add-mask::\u{202e}x\u{200b}\u{1b}é"),
            "repo:a/\"b\"\\n::add-mask::\\u{202e}x\\u{200b}\\u{1b}é"
        );
        assert_eq!(shown(&"x".repeat(300)).len(), LONGEST_SHOWN + 2);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".*", payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Claims::decode(&text);
            let _ = Claims::decode(&format!("{text}.{}.{text}", BASE64.encode(payload)));
            prop_assert!(!shown(&text).contains(char::is_control));
        }
    }
}
