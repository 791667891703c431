//! From S3's codes and the SDK's failures to meanings.

use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::answer::NotS3;
use crate::aws::{Obstacle, obstacle};
use crate::store::{ErrorKind, StoreError};

/// An SDK error as a store error: `operation` on `target`.
pub(super) fn meaning<E>(operation: &'static str, target: String, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let (kind, message) = match &error {
        SdkError::ServiceError(answer) => service_error(answer.err(), answer.raw()),
        SdkError::ResponseError(_) if let Some(not_s3) = beneath::<NotS3>(&error) => {
            (ErrorKind::NotS3, not_s3.to_string())
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            (ErrorKind::Network, format!("the answer (HTTP {status}) cannot be read: {}", chain(&error)))
        }
        SdkError::TimeoutError(_) => (ErrorKind::Network, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => no_answer(failure.as_connector_error()),
        _ => construction_failure(&error),
    };
    StoreError { kind, operation, target, message, source: None }
}

/// An answer whose document lacks what each of its kind has.
pub(super) fn lacks(what: &str, operation: &'static str, target: String) -> StoreError {
    let message = format!("the answer is not one of S3: its document has no {what}");
    StoreError { kind: ErrorKind::NotS3, operation, target, message, source: None }
}

/// The first error of a kind among what lies beneath another one.
fn beneath<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn service_error<E: ProvideErrorMetadata + StdError + 'static>(
    error: &E,
    answer: &HttpResponse,
) -> (ErrorKind, String) {
    let status = answer.status().as_u16();
    let code = error.code().unwrap_or_default();
    let kind = match kind_of(code, status) {
        ErrorKind::Other => customer_key_trouble(error.message().unwrap_or_default()).unwrap_or(ErrorKind::Other),
        kind => kind,
    };
    let mut message = match (code, error.message()) {
        ("", _) if (200..300).contains(&status) => {
            format!("the answer (HTTP {status}) cannot be read: {}", chain(error))
        }
        ("", _) => format!("HTTP {status}"),
        (code, None | Some("")) => format!("{code} (HTTP {status})"),
        (code, Some(text)) => format!("{code}: {}", text.trim_end_matches('.')),
    };
    if kind == ErrorKind::WrongRegion
        && let Some(region) = answer.headers().get("x-amz-bucket-region")
    {
        message.push_str(&format!(" (the bucket is in {region})"));
    }
    if matches!(kind, ErrorKind::Unavailable | ErrorKind::Other)
        && let Some(id) = answer.request_id()
    {
        message.push_str(&format!(" [request {id}]"));
    }
    (kind, message)
}

/// Both are 400 InvalidRequest like much else, so the words decide; look-alikes have taken them over from AWS.
fn customer_key_trouble(message: &str) -> Option<ErrorKind> {
    if message.contains("stored using a form of Server Side Encryption") {
        Some(ErrorKind::CustomerKeyMissing)
    } else if message.contains("encryption parameters are not applicable") {
        Some(ErrorKind::CustomerKeyUnused)
    } else {
        None
    }
}

/// What a store says of one object in an answer about many: a code without a status.
pub(super) fn meaning_of_one(operation: &'static str, target: String, code: &str, text: &str) -> StoreError {
    let message = if text.is_empty() { code.to_owned() } else { format!("{code}: {}", text.trim_end_matches('.')) };
    StoreError { kind: kind_of(code, 0), operation, target, message, source: None }
}

/// S3 API reference, "Error responses", "List of error codes"; the status decides where a store has codes of its own.
/// HEAD has no body and so no code, whatever the store.
fn kind_of(code: &str, status: u16) -> ErrorKind {
    match code {
        "AccessDenied" => ErrorKind::AccessDenied,
        "InternalError" | "ServiceUnavailable" => ErrorKind::Unavailable,
        "NoSuchKey" | "NoSuchVersion" => ErrorKind::NotFound,
        "NoSuchBucket" => ErrorKind::NoSuchBucket,
        // A part that is not the one we uploaded: somebody shares the upload.
        "NoSuchUpload" | "InvalidPart" => ErrorKind::NoSuchUpload,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            ErrorKind::WrongRegion
        }
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "InvalidSecurity" => {
            ErrorKind::BadCredentials
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => ErrorKind::ExpiredCredentials,
        "RequestTimeTooSkewed" => ErrorKind::ClockSkew,
        "PreconditionFailed" => ErrorKind::PreconditionFailed,
        "ConditionalRequestConflict" | "OperationAborted" => ErrorKind::Conflict,
        "BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch" | "XAmzContentSHA256Mismatch" => {
            ErrorKind::ChecksumMismatch
        }
        "NotImplemented" => ErrorKind::Unsupported,
        "SlowDown" | "RequestLimitExceeded" | "TooManyRequests" | "Throttling" | "ThrottlingException" => {
            ErrorKind::Throttled
        }
        "InvalidObjectState" => ErrorKind::Archived,
        "MetadataTooLarge" | "InvalidTag" | "InvalidStorageClass" => ErrorKind::BadAttributes,
        _ => match status {
            301 | 307 | 308 => ErrorKind::WrongRegion,
            401 | 403 => ErrorKind::AccessDenied,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            412 => ErrorKind::PreconditionFailed,
            429 => ErrorKind::Throttled,
            501 => ErrorKind::Unsupported,
            500..=599 => ErrorKind::Unavailable,
            _ => ErrorKind::Other,
        },
    }
}

/// The request never got an answer: no credentials, no connection, or a body that could not be read.
fn no_answer(failure: Option<&ConnectorError>) -> (ErrorKind, String) {
    let text = failure.map_or_else(|| "the request was not sent".to_owned(), |error| chain(error));
    // The SDK has no type for it that reaches here; its credentials chain says so in words.
    if text.contains("credentials") {
        return (ErrorKind::NoCredentials, format!("no credentials were found ({text})"));
    }
    match failure.map(obstacle) {
        Some(Obstacle::Untrusted) => (ErrorKind::Untrusted, format!("there is no trusted connection: {text}")),
        Some(Obstacle::UnknownHost) => (ErrorKind::NoServer, format!("there is no such host: {text}")),
        Some(Obstacle::Refused) => (ErrorKind::NoServer, format!("there is no server: {text}")),
        Some(Obstacle::NoDescriptor) => (ErrorKind::NoDescriptor, format!("too many files are open: {text}")),
        Some(Obstacle::Passing) | None => (ErrorKind::Network, text),
    }
}

fn construction_failure<E>(error: &SdkError<E, HttpResponse>) -> (ErrorKind, String)
where
    E: StdError + 'static,
{
    let text = chain(error);
    let kind = if text.contains("credentials") { ErrorKind::NoCredentials } else { ErrorKind::Other };
    (kind, text)
}

/// An error and what lies beneath it in one line, each text once.
fn chain(error: &dyn StdError) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !texts.iter().any(|seen| seen.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_before_the_status() {
        assert_eq!(kind_of("ExpiredToken", 400), ErrorKind::ExpiredCredentials);
        assert_eq!(kind_of("RequestTimeTooSkewed", 403), ErrorKind::ClockSkew);
        assert_eq!(kind_of("NoSuchUpload", 404), ErrorKind::NoSuchUpload);
        assert_eq!(kind_of("ConditionalRequestConflict", 409), ErrorKind::Conflict);
        assert_eq!(kind_of("SlowDown", 503), ErrorKind::Throttled);
    }

    #[test]
    fn the_status_decides_where_there_is_no_code() {
        for (status, kind) in [
            (403, ErrorKind::AccessDenied),
            (404, ErrorKind::NotFound),
            (412, ErrorKind::PreconditionFailed),
            (301, ErrorKind::WrongRegion),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (400, ErrorKind::Other),
        ] {
            assert_eq!(kind_of("", status), kind, "{status}");
        }
    }

    #[test]
    fn customer_keys_are_known_by_the_words() {
        let missing = "The object was stored using a form of Server Side Encryption. The correct parameters must be \
                       provided to retrieve the object.";
        assert_eq!(customer_key_trouble(missing), Some(ErrorKind::CustomerKeyMissing));
        let unused = "The encryption parameters are not applicable to this object.";
        assert_eq!(customer_key_trouble(unused), Some(ErrorKind::CustomerKeyUnused));
        assert_eq!(customer_key_trouble("Invalid argument"), None);
    }

    #[test]
    fn one_object_of_many_has_a_meaning() {
        let of = |code| meaning_of_one("DeleteObjects", "s3://b/k".to_owned(), code, "Why.").kind;
        assert_eq!(of("AccessDenied"), ErrorKind::AccessDenied);
        assert_eq!(of("PreconditionFailed"), ErrorKind::PreconditionFailed);
        assert_eq!(of("InternalError"), ErrorKind::Unavailable);
        assert_eq!(of("NoSuchKey"), ErrorKind::NotFound);
        let error = meaning_of_one("DeleteObjects", "s3://b/k".to_owned(), "AccessDenied", "Access Denied.");
        assert_eq!(error.to_string(), "DeleteObjects s3://b/k: AccessDenied: Access Denied");
    }
}
