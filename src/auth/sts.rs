//! The questions that STS is asked, and its answers.

use std::error::Error as StdError;
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Region;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_sdk_sts::types::{AssumedRoleUser, Credentials as Given};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

use super::OnSecret;
use super::arn::{DEFAULT_REGION, RoleArn};
use super::error::{AuthError, chain};
use super::kept::{kept, tell};
use super::keys::Keys;
use super::refusal::{Asked, Refusal};
use super::role::{RoleRequest, Via, safe_session_name};
use super::source::{Identity, TokenSource};
use super::token::{seconds, shown};
use crate::aws::{self, Reach};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts for throttling, 5xx, a network that fails, and an issuer that AWS cannot reach.
const ATTEMPTS: u32 = 5;
/// Attempts where the answer is no: a new role takes seconds to be known everywhere.
const ATTEMPTS_DENIED: u32 = 2;

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// After a refusal that may not be the last word.
    pub(super) denied: Duration,
    /// After trouble, doubled each time, with the SDK's jitter.
    pub(super) trouble: Duration,
    /// After a renewal that failed, while the old credentials are good.
    pub(super) renewal: Duration,
    /// The same, once they are not.
    pub(super) expired: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            denied: Duration::from_secs(2),
            trouble: Duration::from_secs(1),
            renewal: Duration::from_secs(30),
            expired: Duration::from_secs(5),
        }
    }
}

/// What STS has given for a role.
#[derive(Debug)]
pub(super) struct Assumed {
    pub(super) credentials: Credentials,
    /// Until when, by AWS's clock.
    pub(super) expiration: SystemTime,
    /// Of the session: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. Others than AWS may not tell it.
    pub(super) arn: Option<String>,
}

/// An STS, and how to ask it.
pub(super) struct Sts {
    client: Client,
    place: String,
    pace: Pace,
}

impl Sts {
    /// The STS of a region, or of an endpoint. Sends nothing yet.
    pub(super) async fn new(
        keys: Option<(&Keys, &OnSecret)>,
        region: &str,
        endpoint: Option<&str>,
        pace: Pace,
    ) -> Result<Self, AuthError> {
        let loader = match keys {
            Some((keys, _)) => keys.loader(Some(region)).await?,
            None => aws::loader()?.no_credentials(),
        };
        let shared = loader
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(pace.trouble))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ANSWER_TIMEOUT)
                    .build(),
            )
            .load()
            .await;
        let reach = Reach::of("STS");
        let mut config = aws_sdk_sts::config::Builder::from(&shared)
            .interceptor(reach.clone())
            .retry_classifier(reach)
            .retry_classifier(IssuerKeys);
        if let Some((provider, (_, on_secret))) = shared.credentials_provider().zip(keys) {
            config = config.credentials_provider(kept(provider, on_secret.clone()));
        }
        if let Some(url) = endpoint {
            config = config.endpoint_url(url);
        }
        let place =
            endpoint.map_or_else(|| format!("STS in {}", shown(region)), |url| format!("STS at {}", shown(url)));
        Ok(Self { client: Client::from_conf(config.build()), place, pace })
    }

    /// Asks for credentials of the role.
    pub(super) async fn assume(
        &self,
        request: &RoleRequest,
        role: &RoleArn,
        on_secret: &OnSecret,
    ) -> Result<Assumed, AuthError> {
        let identity = match &request.by {
            Via::IdentityToken(source) => Some(source.fetch(on_secret, self.pace.trouble).await?),
            Via::Keys(_) => None,
        };
        let asked = || Asked {
            role: Some(role.clone()),
            place: self.place.clone(),
            claims: identity.as_ref().map(|identity| identity.claims.clone()),
            fresh: matches!(&request.by, Via::IdentityToken(source) if TokenSource::is_fresh(source)),
            duration_seconds: request.duration_seconds,
            at: seconds(SystemTime::now()),
        };
        let mut attempt = 1;
        let (given, user) = loop {
            let answer = match &identity {
                Some(identity) => self.with_token(request, identity).await,
                None => self.with_keys(request).await,
            };
            match answer {
                Ok(answer) => break answer,
                Err(failure) if attempt < ATTEMPTS_DENIED && failure.may_pass() => attempt += 1,
                Err(failure) => return Err(failure.error(asked())),
            }
            tokio::time::sleep(self.pace.denied).await;
        };
        let empty = || Failure::NoAnswer("its answer has no credentials".to_owned()).error(asked());
        let given = given.ok_or_else(empty)?;
        let expiration = SystemTime::try_from(given.expiration).map_err(|_| empty())?;
        let credentials = Credentials::builder()
            .access_key_id(given.access_key_id)
            .secret_access_key(given.secret_access_key)
            .session_token(given.session_token)
            .provider_name("STS")
            .build();
        tell(&credentials, on_secret);
        Ok(Assumed { credentials, expiration, arn: user.map(|user| user.arn) })
    }

    async fn with_token(&self, request: &RoleRequest, identity: &Identity) -> Result<Answer, Failure> {
        let ask = self
            .client
            .assume_role_with_web_identity()
            .role_arn(&request.role_arn)
            .role_session_name(safe_session_name(&request.session_name))
            .duration_seconds(length(request))
            .set_policy(request.policy.clone())
            .web_identity_token(identity.token.reveal());
        let answer = ask.send().await.map_err(Failure::of)?;
        Ok((answer.credentials, answer.assumed_role_user))
    }

    async fn with_keys(&self, request: &RoleRequest) -> Result<Answer, Failure> {
        let ask = self
            .client
            .assume_role()
            .role_arn(&request.role_arn)
            .role_session_name(safe_session_name(&request.session_name))
            .duration_seconds(length(request))
            .set_policy(request.policy.clone())
            .set_external_id(request.external_id.clone());
        let answer = ask.send().await.map_err(Failure::of)?;
        Ok((answer.credentials, answer.assumed_role_user))
    }
}

type Answer = (Option<Given>, Option<AssumedRoleUser>);

fn length(request: &RoleRequest) -> i32 {
    i32::try_from(request.duration_seconds).unwrap_or(i32::MAX)
}

/// The account that credentials belong to: GetCallerIdentity, which needs no permission.
pub async fn account_of(
    keys: &Keys,
    region: Option<&str>,
    sts_endpoint: Option<&str>,
    on_secret: &OnSecret,
) -> Result<String, AuthError> {
    let region = region.unwrap_or(DEFAULT_REGION);
    let sts = Sts::new(Some((keys, on_secret)), region, sts_endpoint, Pace::default()).await?;
    let asked = || Asked { place: sts.place.clone(), at: seconds(SystemTime::now()), ..Asked::default() };
    let answer = sts.client.get_caller_identity().send().await.map_err(|error| Failure::of(error).error(asked()))?;
    let nothing = || Failure::NoAnswer("its answer names no account".to_owned()).error(asked());
    answer.account.ok_or_else(nothing)
}

/// How a question to STS has failed.
#[derive(Debug)]
enum Failure {
    Answer { code: String, text: String, status: u16 },
    NoAnswer(String),
    NoKeys(String),
}

impl Failure {
    fn of<E>(error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let text = match &error {
            SdkError::ServiceError(answer) => {
                let (error, status) = (answer.err(), answer.raw().status().as_u16());
                let text = |text: Option<&str>| shown(text.unwrap_or_default().trim_end_matches('.'));
                return Self::Answer { code: text(error.code()), text: text(error.message()), status };
            }
            SdkError::TimeoutError(_) => "no answer in time".to_owned(),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(error) if error.is_timeout() => "no answer in time".to_owned(),
                Some(error) => chain(error),
                None => "the request was not sent".to_owned(),
            },
            SdkError::ResponseError(answer) => {
                format!("its answer (HTTP {}) cannot be read: {}", answer.raw().status().as_u16(), chain(&error))
            }
            _ => chain(&error),
        };
        // The SDK has no type for it that reaches here; its chain of providers says so in words.
        if text.contains("credentials") { Self::NoKeys(text) } else { Self::NoAnswer(text) }
    }

    /// Whether the same question may have another answer in seconds: a role or a provider that is new, a token that is not
    /// good yet.
    fn may_pass(&self) -> bool {
        let Self::Answer { code, text, status } = self else { return false };
        matches!(Refusal::of(code, text, *status), Refusal::NotAuthorized | Refusal::BadToken)
    }

    fn error(self, asked: Asked) -> AuthError {
        let asked = Box::new(asked);
        match self {
            Self::NoAnswer(said) => AuthError::Unreachable { said, asked },
            Self::NoKeys(text) => AuthError::NoKeys(text),
            Self::Answer { code, text, status } => {
                let refusal = Refusal::of(&code, &text, status);
                let said = match (code.as_str(), text.as_str()) {
                    ("", "") => format!("HTTP {status}"),
                    ("", text) => text.to_owned(),
                    (code, "") => format!("{code}, HTTP {status}"),
                    (code, text) => format!("{code}: {text}"),
                };
                AuthError::Refused { refusal, said, asked }
            }
        }
    }
}

/// That AWS cannot fetch an issuer's keys comes as a client's fault, and passes (aws-sdk-rust, issue 827).
#[derive(Debug)]
struct IssuerKeys;

impl ClassifyRetry for IssuerKeys {
    fn name(&self) -> &'static str {
        "issuer's keys"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let error = error.as_operation_error().and_then(|error| error.downcast_ref::<AssumeRoleWithWebIdentityError>());
        let text = error.and_then(ProvideErrorMetadata::message);
        if text.is_some_and(|text| text.contains("retrieve verification key")) {
            RetryAction::server_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }
}
