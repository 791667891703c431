//! Whether a service can be reached at all: what cannot pass is not retried, and what may pass is not retried in silence.
//!
//! A refused connection or an unknown host is most likely a wrong address until the service has answered once; from then
//! on it is trouble on the way. How often and how fast the rest is retried is the SDK's business.

use std::error::Error as StdError;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use rustix::io::Errno;

/// How long a service that has never answered is tried.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// How long answers that ask to try again are passed over in silence. A store is busy now and then.
const QUIET: Duration = Duration::from_secs(2);
/// How long it takes until the same is said again.
const REMINDER: Duration = Duration::from_secs(10);

/// What keeps a request from reaching its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Whoever answers is not trusted, or does not speak TLS: the same the next time.
    Untrusted,
    /// No such host.
    UnknownHost,
    /// Nothing listens there, or there is no way there.
    Refused,
    /// This process or machine has too many files and connections open.
    NoDescriptor,
    /// Anything else: a name server that is silent, a connection that broke, no answer in time.
    Passing,
}

/// What kept a request from its service. The SDK and hyper hand on what the system said as [`io::Error`]s inside of each
/// other; only for names there is nothing but a text.
pub(crate) fn obstacle(error: &ConnectorError) -> Obstacle {
    let mut found = Obstacle::Passing;
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match of_io(error) {
                Obstacle::Passing => {}
                obstacle => found = obstacle,
            }
        }
        next = beneath(error);
    }
    found
}

fn of_io(error: &io::Error) -> Obstacle {
    if matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE)) {
        return Obstacle::NoDescriptor;
    }
    match error.kind() {
        // What rustls refuses comes like this, an unknown authority and an answer that is not TLS alike.
        io::ErrorKind::InvalidData => Obstacle::Untrusted,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::PermissionDenied => Obstacle::Refused,
        _ if is_unknown_host(&error.to_string()) => Obstacle::UnknownHost,
        _ => Obstacle::Passing,
    }
}

/// What the standard library makes of a failed getaddrinfo: its own words, then the C library's (glibc and musl). A name
/// server that cannot be asked is another failure than one that says no.
fn is_unknown_host(text: &str) -> bool {
    text.starts_with("failed to lookup address information")
        && !text.contains("Temporary failure")
        && !text.contains("Try again")
}

/// What lies beneath an error. `source` of an [`io::Error`] passes over the error that it was made of.
fn beneath<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// What one client has seen of its service. Decides about retries, and says that there are some.
#[derive(Debug, Clone)]
pub(crate) struct Reach(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    /// What people call the service: "the store".
    service: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the service has ever answered.
    has_answered: bool,
    /// Since when attempts have failed without a success in between, and how the last one did.
    trouble: Option<Trouble>,
    last_told: Option<Instant>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    what: String,
    /// Nothing was heard, rather than a no.
    is_silence: bool,
}

impl Reach {
    /// Of a service that people call so.
    pub(crate) fn of(service: &'static str) -> Self {
        Self(Arc::new(Seen { service, state: Mutex::default() }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to say before another attempt, if it is time to.
    fn notice(&self, now: Instant) -> Option<String> {
        let mut state = self.state();
        let trouble = state.trouble.as_ref()?;
        let lasts = now.duration_since(trouble.since);
        if (!trouble.is_silence && lasts < QUIET)
            || state.last_told.is_some_and(|told| now.duration_since(told) < REMINDER)
        {
            return None;
        }
        let text = format!("{} {}, trying again ({} s so far)", self.0.service, trouble.what, lasts.as_secs());
        state.last_told = Some(now);
        Some(text)
    }

    /// Takes in how an attempt ended: `None` well, else with what, and whether anything was heard.
    fn ended(&self, trouble: Option<(String, bool)>, now: Instant) {
        let mut state = self.state();
        let Some((what, is_silence)) = trouble else {
            (state.has_answered, state.trouble) = (true, None);
            return;
        };
        state.has_answered |= !is_silence;
        let since = state.trouble.as_ref().map_or(now, |trouble| trouble.since);
        state.trouble = Some(Trouble { since, what, is_silence });
    }

    /// Whether what did not reach the service may do so the next time.
    fn may_pass(&self, obstacle: Obstacle, now: Instant) -> bool {
        let state = self.state();
        match obstacle {
            Obstacle::Untrusted => false,
            // Nothing of the service's: it passes when others close theirs.
            Obstacle::NoDescriptor => true,
            _ if state.has_answered => true,
            Obstacle::UnknownHost | Obstacle::Refused => false,
            Obstacle::Passing => {
                state.trouble.as_ref().is_none_or(|trouble| now.duration_since(trouble.since) < FIRST_ANSWER)
            }
        }
    }
}

impl ClassifyRetry for Reach {
    fn name(&self) -> &'static str {
        "within reach"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let obstacle = match error.as_connector_error() {
            Some(error) => obstacle(error),
            None if error.is_timeout_error() => Obstacle::Passing,
            None => return RetryAction::NoActionIndicated,
        };
        if self.may_pass(obstacle, Instant::now()) {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }
}

impl Intercept for Reach {
    fn name(&self) -> &'static str {
        "Reach"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_retry = config.load::<RequestAttempts>().is_some_and(|attempts| attempts.attempts() > 1);
        if let Some(text) = is_retry.then(|| self.notice(Instant::now())).flatten() {
            let operation = config.load::<Metadata>().map_or("unknown", Metadata::name);
            tracing::warn!(operation, "{text}");
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|answer| answer.status().as_u16());
        let trouble = match (context.output_or_error(), status) {
            (Some(Err(error)), None) if error.is_connector_error() || error.is_timeout_error() => {
                let what = match error.as_connector_error().map(obstacle) {
                    Some(Obstacle::NoDescriptor) => "cannot be asked, since too many files are open",
                    _ => "does not answer",
                };
                Some((what.to_owned(), true))
            }
            (_, Some(429)) => Some(("asks for fewer requests (HTTP 429)".to_owned(), false)),
            (_, Some(status @ 500..)) => Some((format!("has trouble or is busy (HTTP {status})"), false)),
            _ => None,
        };
        // A request that was not even sent says nothing of the service.
        if trouble.is_some() || status.is_some() {
            self.ended(trouble, Instant::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(error: io::Error) -> ConnectorError {
        // As hyper and hyper-rustls wrap them.
        ConnectorError::io(Box::new(io::Error::other(error)))
    }

    #[test]
    fn obstacles_are_known_by_what_lies_beneath() {
        let lookup = |text: &str| io::Error::other(format!("failed to lookup address information: {text}"));
        for (error, expected) in [
            (io::ErrorKind::ConnectionRefused.into(), Obstacle::Refused),
            (io::ErrorKind::ConnectionReset.into(), Obstacle::Passing),
            (Errno::MFILE.into(), Obstacle::NoDescriptor),
            (Errno::NFILE.into(), Obstacle::NoDescriptor),
            (
                io::Error::new(io::ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer"),
                Obstacle::Untrusted,
            ),
            (lookup("Name or service not known"), Obstacle::UnknownHost),
            (lookup("Name does not resolve"), Obstacle::UnknownHost),
            (lookup("Temporary failure in name resolution"), Obstacle::Passing),
            (lookup("Try again"), Obstacle::Passing),
        ] {
            let text = error.to_string();
            assert_eq!(obstacle(&connector(error)), expected, "{text}");
        }
    }

    #[test]
    fn a_service_that_has_answered_is_waited_for() {
        let reach = Reach::of("the store");
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        reach.ended(Some(("does not answer".to_owned(), true)), began);
        assert!(!reach.may_pass(Obstacle::Refused, began) && !reach.may_pass(Obstacle::UnknownHost, began));
        assert!(reach.may_pass(Obstacle::Passing, at(9)) && !reach.may_pass(Obstacle::Passing, at(10)));
        assert!(reach.may_pass(Obstacle::NoDescriptor, at(10)), "that is not the service's");
        reach.ended(None, at(11));
        assert!(reach.may_pass(Obstacle::Refused, at(11)) && reach.may_pass(Obstacle::Passing, at(99)));
        assert!(!reach.may_pass(Obstacle::Untrusted, at(11)));
    }

    #[test]
    fn retries_that_last_are_told() {
        let reach = Reach::of("the store");
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(reach.notice(began), None);
        reach.ended(Some(("is busy".to_owned(), false)), began);
        assert_eq!(reach.notice(at(1)), None, "not yet");
        assert_eq!(reach.notice(at(4)).as_deref(), Some("the store is busy, trying again (4 s so far)"));
        assert_eq!(reach.notice(at(9)), None, "said already");
        reach.ended(Some(("is busy".to_owned(), false)), at(14));
        assert_eq!(reach.notice(at(15)).as_deref(), Some("the store is busy, trying again (15 s so far)"));
        reach.ended(None, at(16));
        assert_eq!(reach.notice(at(40)), None, "it is well again");
        reach.ended(Some(("does not answer".to_owned(), true)), at(41));
        assert_eq!(reach.notice(at(41)).as_deref(), Some("the store does not answer, trying again (0 s so far)"));
    }
}
