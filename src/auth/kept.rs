//! Credentials of somebody else's provider: told, kept for all clients, and asked for anew while the old ones are good.
//!
//! Like a session's they are handed out with an end that comes before the real one, so that one kind of client suits both.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::Mutex;

use super::OnSecret;

/// The longest margin between the expiry that the SDK is told and the real one.
const LONGEST_MARGIN: Duration = Duration::from_secs(300);
/// A short session's margin is this part of it.
const MARGIN_PART: u32 = 5;
/// When credentials without an end are looked up again, as the SDK does.
const LOOK_AGAIN: Duration = Duration::from_secs(900);
/// How long credentials are used on that could not be renewed, before that is tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// How long before their end credentials of this lifetime are renewed.
pub(super) fn margin(lifetime: Duration) -> Duration {
    LONGEST_MARGIN.min(lifetime / MARGIN_PART)
}

/// A provider that asks another one and tells its secrets before it hands them out.
pub(super) fn kept(provider: SharedCredentialsProvider, on_secret: OnSecret) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Kept { provider, on_secret, found: Mutex::default() })
}

/// Tells the secrets of credentials.
pub(super) fn tell(credentials: &Credentials, on_secret: &OnSecret) {
    on_secret(credentials.access_key_id());
    on_secret(credentials.secret_access_key());
    if let Some(token) = credentials.session_token() {
        on_secret(token);
    }
}

struct Kept {
    provider: SharedCredentialsProvider,
    on_secret: OnSecret,
    /// Also sees to it that one client asks and the others wait.
    found: Mutex<Option<Found>>,
}

struct Found {
    credentials: Credentials,
    ask_at: SystemTime,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.provider).finish()
    }
}

impl Kept {
    async fn credentials(&self, now: SystemTime) -> provider::Result {
        let mut found = self.found.lock().await;
        if let Some(found) = found.as_ref().filter(|found| now < found.ask_at) {
            return Ok(found.ending());
        }
        match self.provider.provide_credentials().await {
            Ok(credentials) => {
                tell(&credentials, &self.on_secret);
                let left = credentials.expiry().map(|end| end.duration_since(now).unwrap_or_default());
                let ask_at = now + left.map_or(LOOK_AGAIN, |left| left - margin(left));
                Ok(found.insert(Found { credentials, ask_at }).ending())
            }
            Err(error) => match found.as_mut() {
                Some(old) if old.credentials.expiry().is_none_or(|end| now < end) => {
                    tracing::warn!("the credentials could not be renewed, and are good for a while: {error}");
                    old.ask_at = now + PAUSE;
                    Ok(old.ending())
                }
                _ => Err(error),
            },
        }
    }
}

impl Found {
    /// The credentials with the end that makes a client ask in time.
    fn ending(&self) -> Credentials {
        let mut credentials = self.credentials.clone();
        if let Some(end) = credentials.expiry_mut() {
            *end = self.ask_at.min(*end);
        }
        credentials
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials(SystemTime::now()))
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.provider.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_credential_types::provider::error::CredentialsError;

    use super::*;

    /// Gives what is in it, the last first.
    #[derive(Debug)]
    struct Script(std::sync::Mutex<Vec<Option<Credentials>>>);

    impl ProvideCredentials for Script {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let next = self.0.lock().expect("no poison").pop().expect("it is not asked so often");
            future::ProvideCredentials::ready(next.ok_or_else(|| CredentialsError::provider_error("gone")))
        }
    }

    fn keys(name: &str, end: Option<SystemTime>) -> Option<Credentials> {
        let mut keys = Credentials::builder().access_key_id(name).secret_access_key("s").provider_name("script");
        keys.set_expiry(end);
        Some(keys.build())
    }

    fn of(mut script: Vec<Option<Credentials>>) -> (Kept, Arc<std::sync::Mutex<Vec<String>>>) {
        script.reverse();
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        let on_secret: OnSecret =
            Arc::new(move |secret: &str| listener.lock().expect("no poison").push(secret.to_owned()));
        let provider = SharedCredentialsProvider::new(Script(std::sync::Mutex::new(script)));
        (Kept { provider, on_secret, found: Mutex::default() }, told)
    }

    #[tokio::test]
    async fn are_asked_for_before_they_end() {
        let now = SystemTime::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let (kept, told) = of(vec![keys("a", Some(at(3600))), keys("b", Some(at(7000)))]);
        for (when, name, end) in [(0, "a", 3300), (3299, "a", 3300), (3300, "b", 6700), (3400, "b", 6700)] {
            let found = kept.credentials(at(when)).await.expect("credentials");
            assert_eq!((found.access_key_id(), found.expiry()), (name, Some(at(end))), "{when}");
        }
        assert_eq!(*told.lock().expect("no poison"), ["a", "s", "b", "s"]);
    }

    #[tokio::test]
    async fn old_ones_are_used_to_their_end() {
        let now = SystemTime::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let (kept, _) = of(vec![keys("a", Some(at(3600))), None, None, None, keys("b", None)]);
        for (when, end) in [(0, 3300), (3300, 3330), (3329, 3330), (3580, 3600)] {
            let found = kept.credentials(at(when)).await.expect("the old ones");
            assert_eq!((found.access_key_id(), found.expiry()), ("a", Some(at(end))), "{when}");
        }
        assert!(kept.credentials(at(3610)).await.is_err());
        assert_eq!(kept.credentials(at(3611)).await.expect("new ones").access_key_id(), "b");
    }

    /// Shared files may be rewritten.
    #[tokio::test]
    async fn those_without_an_end_are_looked_up_again() {
        let now = SystemTime::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let (kept, _) = of(vec![keys("a", None), keys("b", None)]);
        for (when, name) in [(0, "a"), (899, "a"), (900, "b")] {
            let found = kept.credentials(at(when)).await.expect("credentials");
            assert_eq!((found.access_key_id(), found.expiry()), (name, None));
        }
    }
}
