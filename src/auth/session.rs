//! Credentials of a role that renew themselves.
//!
//! The SDK asks a provider for credentials only when the ones it has have expired. So they are handed out with an expiry
//! that comes a margin before the real one: there is time to renew, and to fail a few times, while the old ones are good.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};

use super::OnSecret;
use super::arn::{RoleArn, account_in};
use super::error::AuthError;
use super::kept::margin;
use super::role::{RoleRequest, Via, check_account};
use super::sts::{Assumed, Pace, Sts};

/// A renewal takes less, or has failed. The SDK's cache should wait a little longer (its `load_timeout`).
const PATIENCE: Duration = Duration::from_secs(50);

/// A session of a role.
#[derive(Debug, Clone)]
pub struct Session(Arc<Renewing>);

impl Session {
    /// Gets the first credentials. `on_secret` is told every secret before it is used, now and at every renewal.
    pub async fn begin(request: RoleRequest, on_secret: OnSecret) -> Result<Self, AuthError> {
        Self::begin_at(Pace::default(), request, on_secret).await
    }

    pub(super) async fn begin_at(pace: Pace, request: RoleRequest, on_secret: OnSecret) -> Result<Self, AuthError> {
        let role = request.check()?;
        let keys = match &request.by {
            Via::Keys(keys) => Some((keys, &on_secret)),
            Via::IdentityToken(_) => None,
        };
        let region = request.region.as_deref().unwrap_or_else(|| role.default_region());
        let sts = Sts::new(keys, region, request.sts_endpoint.as_deref(), pace).await?;
        let asker = Asker { sts, request, role, on_secret };
        let assumed = asker.ask().await?;
        let arn = assumed.arn.clone().unwrap_or_else(|| asker.role.as_str().to_owned());
        let issued = asker.issued(assumed, SystemTime::now());
        let state = Mutex::new(State { issued, failure: None });
        Ok(Self(Arc::new(Renewing { asker, arn, pace, state, renewal: tokio::sync::Mutex::new(()) })))
    }

    /// Credentials that are good whenever they are asked for.
    pub fn credentials(&self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Provider(Arc::clone(&self.0)))
    }

    /// Message and hint of the last renewal, if that has failed and the credentials before it have run out.
    pub fn last_failure(&self) -> Option<(String, Option<String>)> {
        let state = self.0.state();
        // Nothing was refused for want of credentials while the old ones were good.
        let failure = state.failure.as_ref().filter(|_| SystemTime::now() >= state.issued.until);
        failure.map(|failure| (failure.message.clone(), failure.hint.clone()))
    }

    /// The account of the session; empty where neither the session's nor the role's ARN has one.
    pub fn account(&self) -> &str {
        account_in(&self.0.arn).or(self.0.asker.role.account.as_deref()).unwrap_or_default()
    }

    /// The session's ARN; the role's where STS does not tell it.
    pub fn arn(&self) -> &str {
        &self.0.arn
    }
}

/// Who asks STS, now and later.
struct Asker {
    sts: Sts,
    request: RoleRequest,
    role: RoleArn,
    on_secret: OnSecret,
}

impl Asker {
    async fn ask(&self) -> Result<Assumed, AuthError> {
        let assumed = self.sts.assume(&self.request, &self.role, &self.on_secret).await?;
        // Before the call it was the account that the role's ARN claims.
        if let Some(account) = assumed.arn.as_deref().and_then(account_in) {
            check_account(&self.request.allowed_accounts, account)?;
        }
        Ok(assumed)
    }

    fn issued(&self, assumed: Assumed, now: SystemTime) -> Issued {
        let asked = Duration::from_secs(self.request.duration_seconds.into());
        let lifetime = lifetime(assumed.expiration, now, asked);
        Issued { credentials: assumed.credentials, renew_at: now + lifetime - margin(lifetime), until: now + lifetime }
    }
}

/// How long credentials are good from now on. What STS says is in AWS's time: if the local clock makes it come out wrong,
/// what was asked for is nearer to the truth.
fn lifetime(expiration: SystemTime, now: SystemTime, asked: Duration) -> Duration {
    match expiration.duration_since(now) {
        Ok(left) if !left.is_zero() => left.min(asked),
        _ => asked,
    }
}

/// Credentials, and how long they are good by the local clock.
struct Issued {
    credentials: Credentials,
    renew_at: SystemTime,
    until: SystemTime,
}

impl Issued {
    /// The credentials as the SDK shall see them.
    fn expiring(&self, expiry: SystemTime) -> Credentials {
        let mut credentials = self.credentials.clone();
        *credentials.expiry_mut() = Some(expiry);
        credentials
    }
}

struct Failure {
    message: String,
    hint: Option<String>,
    at: Instant,
}

struct State {
    issued: Issued,
    failure: Option<Failure>,
}

impl State {
    /// What there is to hand out without asking STS.
    fn ready(&self, now: SystemTime, pace: Pace) -> Option<provider::Result> {
        let good = now < self.issued.until;
        let Some(failure) = &self.failure else {
            return (now < self.issued.renew_at).then(|| Ok(self.issued.expiring(self.issued.renew_at)));
        };
        let pause = if good { pace.renewal } else { pace.expired };
        let again_in = pause.checked_sub(failure.at.elapsed()).filter(|again| !again.is_zero())?;
        if good {
            // The SDK asks again when the pause is over.
            return Some(Ok(self.issued.expiring(self.issued.until.min(now + again_in))));
        }
        // Many requests wait for one renewal: what it failed of is not tried again for each.
        Some(Err(CredentialsError::provider_error(failure.message.clone())))
    }
}

struct Renewing {
    asker: Asker,
    arn: String,
    pace: Pace,
    state: Mutex<State>,
    /// One renewal at a time, whatever number of clients there are.
    renewal: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Renewing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn credentials(&self) -> provider::Result {
        if let Some(ready) = self.state().ready(SystemTime::now(), self.pace) {
            return ready;
        }
        let _only = self.renewal.lock().await;
        // Somebody else may have renewed them while this one waited.
        if let Some(ready) = self.state().ready(SystemTime::now(), self.pace) {
            return ready;
        }
        let renewed = tokio::time::timeout(PATIENCE, self.asker.ask()).await;
        let renewed = renewed.unwrap_or(Err(AuthError::TooSlow(PATIENCE.as_secs())));
        let now = SystemTime::now();
        let mut state = self.state();
        match renewed {
            Ok(assumed) => {
                *state = State { issued: self.asker.issued(assumed, now), failure: None };
                tracing::debug!("the session of {} was renewed", self.asker.role.as_str());
                Ok(state.issued.expiring(state.issued.renew_at))
            }
            Err(error) => {
                let (message, hint) = (error.message(), error.hint());
                let left = state.issued.until.duration_since(now).unwrap_or_default();
                tracing::warn!("the session could not be renewed, and is good for {} s: {message}", left.as_secs());
                state.failure = Some(Failure { message, hint, at: Instant::now() });
                let failed = || Err(CredentialsError::provider_error(error.message()));
                state.ready(now, self.pace).unwrap_or_else(failed)
            }
        }
    }
}

/// The SDK's view of a session.
struct Provider(Arc<Renewing>);

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.0.credentials())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        let (state, now) = (self.0.state(), SystemTime::now());
        (now < state.issued.until).then(|| state.issued.expiring(state.issued.until.min(now + self.0.pace.renewal)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn lifetimes_are_by_the_local_clock() {
        let now = SystemTime::now();
        let at = |seconds: u64| now + Duration::from_secs(seconds);
        assert_eq!(lifetime(at(3598), now, HOUR), Duration::from_secs(3598));
        assert_eq!(lifetime(at(3900), now, HOUR), HOUR, "the clock is five minutes behind");
        assert_eq!(lifetime(now - HOUR, now, HOUR), HOUR, "the clock is two hours ahead");
        assert_eq!(lifetime(now, now, HOUR), HOUR);
    }

    #[test]
    fn there_is_time_to_renew() {
        assert_eq!(margin(HOUR), Duration::from_secs(300));
        assert_eq!(margin(Duration::from_secs(900)), Duration::from_secs(180));
        assert_eq!(margin(Duration::from_secs(4)), Duration::from_millis(800));
    }

    #[test]
    fn what_is_handed_out() {
        let pace = Pace { renewal: Duration::from_secs(30), expired: Duration::from_secs(5), ..Pace::default() };
        let (now, seconds) = (SystemTime::now(), Duration::from_secs);
        let credentials = Credentials::builder().access_key_id("a").secret_access_key("s").provider_name("t").build();
        let issued = Issued { credentials, renew_at: now + seconds(300), until: now + seconds(310) };
        let mut state = State { issued, failure: None };
        let expiry = |state: &State, at| state.ready(at, pace).map(|ready| ready.ok().and_then(|keys| keys.expiry()));
        assert_eq!(expiry(&state, now), Some(Some(now + seconds(300))));
        assert_eq!(expiry(&state, now + seconds(300)), None, "they are to be renewed");

        state.failure = Some(Failure { message: "no".to_owned(), hint: None, at: Instant::now() });
        assert_eq!(expiry(&state, now + seconds(305)), Some(Some(now + seconds(310))), "the old ones to their end");
        let soon = expiry(&state, now + seconds(200)).flatten().expect("the old ones");
        assert!(soon <= now + seconds(230) && soon > now + seconds(225), "asked again after the pause");
        let failed = state.ready(now + seconds(310), pace).expect("an answer").expect_err("a failure");
        assert!(format!("{failed:?}").contains("no"), "{failed:?}");

        state.failure =
            Instant::now().checked_sub(seconds(6)).map(|at| Failure { message: "no".to_owned(), hint: None, at });
        assert_eq!(expiry(&state, now + seconds(310)), None, "tried again");
        assert!(expiry(&state, now + seconds(305)).is_some());
    }
}
