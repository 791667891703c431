//! The one request that is neither S3's nor STS's: GitHub's endpoint for identity tokens.
//!
//! It goes through the SDK's own HTTP stack, which brings TLS, proxies from the environment, retries and time limits.

use std::time::Duration;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::interceptors::context::Error;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Secret;
use super::error::{AuthError, Trouble, chain};
use super::token::Claims;
use crate::aws::{self, Reach};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 4;
/// What is not an answer to this request but trouble on the way.
const PASSING: [u16; 5] = [429, 500, 502, 503, 504];
/// Everything but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Asks GitHub for an identity token. The answer is `{"value": TOKEN}`.
pub(super) async fn fetch(url: &str, bearer: &Secret, audience: &str, backoff: Duration) -> Result<Secret, AuthError> {
    let failed = |trouble| AuthError::TokenEndpoint { host: host(url).to_owned(), trouble };
    let url = with_audience(url, audience);
    let (origin, path) = split(&url).ok_or_else(|| failed(Trouble::NoUrl))?;
    let path = path.to_owned();
    let reach = Reach::of("GitHub's token endpoint");
    let mut sensitive = Layer::new("SensitiveOutput");
    sensitive.store_put(SensitiveOutput);
    let mut operation = Operation::builder()
        .service_name("GitHub")
        .operation_name("IdentityToken")
        .endpoint_url(origin)
        .no_auth()
        .timeout_config(
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ANSWER_TIMEOUT).build(),
        )
        .standard_retry(&RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(backoff))
        .retry_classifier(TransientErrorClassifier::<Error>::new())
        .retry_classifier(HttpStatusCodeClassifier::new_from_codes(PASSING.as_slice()))
        .interceptor(reach.clone())
        .retry_classifier(reach)
        .with_connection_poisoning()
        .runtime_plugin(StaticRuntimePlugin::new().with_config(sensitive.freeze()))
        .serializer(move |bearer: Secret| {
            let mut request = HttpRequest::new(SdkBody::empty());
            request.set_uri(path.as_str())?;
            request.headers_mut().try_insert("accept", "application/json")?;
            request.headers_mut().try_insert("authorization", format!("bearer {}", bearer.reveal()))?;
            Ok(request)
        })
        .deserializer(|response: &HttpResponse| answer(response).map_err(OrchestratorError::operation));
    if let Some(client) = aws::http_client()? {
        operation = operation.http_client(client);
    }
    operation.build().invoke(bearer.clone()).await.map_err(|error| failed(trouble(error)))
}

/// The token in an answer.
fn answer(response: &HttpResponse) -> Result<Secret, Trouble> {
    let status = response.status().as_u16();
    if status != 200 {
        return Err(Trouble::Status(status));
    }
    let json: Value =
        serde_json::from_slice(response.body().bytes().unwrap_or_default()).map_err(|_| Trouble::NoToken)?;
    json["value"].as_str().filter(|token| Claims::decode(token).is_some()).map(Secret::new).ok_or(Trouble::NoToken)
}

fn trouble(error: SdkError<Trouble, HttpResponse>) -> Trouble {
    match error {
        SdkError::ServiceError(answer) => answer.into_err(),
        SdkError::TimeoutError(_) => Trouble::NoAnswer("no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
            Some(error) if error.is_timeout() => Trouble::NoAnswer("no answer in time".to_owned()),
            Some(error) => Trouble::NoAnswer(chain(error)),
            None => Trouble::NoAnswer("the request was not sent".to_owned()),
        },
        SdkError::ConstructionFailure(_) => Trouble::NoUrl,
        error => Trouble::NoAnswer(chain(&error)),
    }
}

/// The URL with one more item in its query.
fn with_audience(url: &str, audience: &str) -> String {
    let separator = match url {
        url if url.ends_with(['?', '&']) => "",
        url if url.contains('?') => "&",
        _ => "?",
    };
    format!("{url}{separator}audience={}", utf8_percent_encode(audience, RESERVED))
}

/// `https://host` and the rest of a URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| url.starts_with(scheme))?;
    let end = url[scheme.len()..].find(['/', '?']).map(|at| at + scheme.len()).filter(|end| *end > scheme.len())?;
    Some(url.split_at(end))
}

/// What messages name of a URL.
fn host(url: &str) -> &str {
    split(url).map_or("no URL", |(origin, _)| origin.split("://").nth(1).unwrap_or(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_appended() {
        for (url, expected) in [
            ("https://h/token?api-version=2.0", "https://h/token?api-version=2.0&audience=a%20b%26c%3D%C3%A9~"),
            ("https://h/token", "https://h/token?audience=a%20b%26c%3D%C3%A9~"),
            ("https://h/token?", "https://h/token?audience=a%20b%26c%3D%C3%A9~"),
            ("https://h/token?a=1&", "https://h/token?a=1&audience=a%20b%26c%3D%C3%A9~"),
        ] {
            assert_eq!(with_audience(url, "a b&c=é~"), expected);
        }
        assert_eq!(with_audience("https://h/t", "sts.amazonaws.com"), "https://h/t?audience=sts.amazonaws.com");
    }

    #[test]
    fn urls_are_split() {
        assert_eq!(split("https://h:1/a/b?c=d"), Some(("https://h:1", "/a/b?c=d")));
        assert_eq!(split("http://h?c"), Some(("http://h", "?c")));
        for url in ["", "h/a", "ftp://h/a", "https://", "https:///a", "https://h"] {
            assert_eq!(split(url), None, "{url}");
        }
        assert_eq!((host("https://h:1/a?b"), host("x")), ("h:1", "no URL"));
    }
}
