//! What went wrong at a store, by what it means to the caller.

use std::error::Error as StdError;

use thiserror::Error;

/// What an error means to whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such object (or version).
    NotFound,
    /// There is no such bucket.
    NoSuchBucket,
    /// The bucket lies in another region.
    WrongRegion,
    /// The upload is gone (completed, aborted or expired), or holds other parts than ours.
    NoSuchUpload,
    /// The credentials are good but not allowed this.
    AccessDenied,
    /// There are no credentials at all.
    NoCredentials,
    /// The store does not accept the credentials.
    BadCredentials,
    /// The credentials were good and have run out.
    ExpiredCredentials,
    /// This machine's clock is too far from the store's.
    ClockSkew,
    /// A condition of the request does not hold: somebody else wrote (412).
    PreconditionFailed,
    /// Somebody else wrote while this was under way (409).
    Conflict,
    /// The store computed another checksum than the one that was sent.
    ChecksumMismatch,
    /// The store does not know how to do this.
    Unsupported,
    /// The store asks for fewer requests, for longer than the retries lasted.
    Throttled,
    /// The store fails (5xx), for longer than the retries lasted.
    Unavailable,
    /// The store cannot be reached, or the connection broke, for longer than the retries lasted.
    Network,
    /// Whoever answers is not trusted: a certificate of an unknown authority, of another host, or none.
    Untrusted,
    /// There is no such host, or nothing listens there.
    NoServer,
    /// This process or machine has too many files and connections open, for longer than the retries lasted.
    NoDescriptor,
    /// Whoever answers does not speak S3: what every answer of S3 has is missing.
    NotS3,
    /// The store sends other bytes of an object than those that it was asked for.
    WrongRange,
    /// The object is longer than the caller takes.
    TooLarge,
    /// The object is archived and cannot be read.
    Archived,
    /// The attributes cannot be set on an object: too long, or with characters that headers cannot hold.
    BadAttributes,
    /// The object is encrypted with a customer key (SSE-C), and none came with the request.
    CustomerKeyMissing,
    /// A customer key came with the request, and the object is not encrypted with one.
    CustomerKeyUnused,
    /// The local side of a transfer failed: the file could not be read.
    LocalRead,
    /// Anything else.
    Other,
}

/// What to do where there are no descriptors, for connections and files alike.
pub(crate) const TOO_MANY_OPEN: &str =
    "raise the limit of open files (ulimit -n), or close other programs if it is the whole machine's";

impl ErrorKind {
    /// Whether somebody else wrote to the same key.
    pub const fn is_conflict(self) -> bool {
        matches!(self, Self::PreconditionFailed | Self::Conflict)
    }

    /// Whether no answer came, so that nobody knows whether the request was carried out.
    pub const fn is_silence(self) -> bool {
        matches!(self, Self::Network | Self::NoServer | Self::Untrusted | Self::NoDescriptor)
    }

    /// Whether it is the credentials, or the clock that they are checked by, whatever is asked for.
    pub const fn concerns_credentials(self) -> bool {
        matches!(self, Self::NoCredentials | Self::BadCredentials | Self::ExpiredCredentials | Self::ClockSkew)
    }

    /// What the user can do about it, where there is something.
    pub const fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::NoSuchBucket => "check the bucket's name, and --endpoint-url if the bucket is not on AWS",
            Self::WrongRegion => "name the bucket's region with --region",
            Self::AccessDenied => {
                "the credentials lack a permission; the README lists the ones that are needed \
                 (without s3:ListBucket a missing object looks like a forbidden one)"
            }
            Self::NoCredentials => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or log in with 'aws sso login'"
            }
            Self::BadCredentials => "check the access key and the secret, and that they belong to this endpoint",
            Self::ExpiredCredentials => "get new credentials and run again",
            Self::ClockSkew => "set this machine's clock (for example with NTP)",
            Self::Throttled => "run again later, or with a smaller --jobs",
            Self::Unavailable => "the store has trouble: run again later",
            Self::Network => "check the network, the proxy settings and --endpoint-url",
            Self::Untrusted => {
                "if the certificate is right (a company's own authority, a proxy that looks into connections), name the file \
                 of its authority with AWS_CA_BUNDLE, or add it to the system's with SSL_CERT_FILE; for a server without \
                 TLS write http://"
            }
            Self::NoDescriptor => TOO_MANY_OPEN,
            Self::NotS3 => {
                "this is probably not an S3 endpoint but a web console, a sign-in page or a proxy: check --endpoint-url"
            }
            Self::NoServer => "check --endpoint-url, --region and the proxy settings (HTTPS_PROXY, NO_PROXY)",
            Self::BadAttributes => {
                "an object holds 2 KiB of user metadata in ASCII and 10 tags: set fewer or shorter ones"
            }
            Self::CustomerKeyMissing => {
                "the object is encrypted with a customer key (SSE-C): give the key it was written with"
            }
            Self::CustomerKeyUnused => {
                "the object is not encrypted with a customer key (SSE-C): leave the key out, \
                 or delete the object so that it is written anew with the key"
            }
            Self::Archived => {
                "restore the object first (aws s3api restore-object); an upload with --no-sidecar replaces it without reading it"
            }
            Self::WrongRange => "this is probably a proxy's cache or a faulty gateway: ask the store directly",
            _ => return None,
        })
    }
}

/// An operation on a store that failed: what was tried on what, and what that means.
#[derive(Debug, Error)]
#[error("{operation} {target}: {message}")]
pub struct StoreError {
    /// What it means.
    pub kind: ErrorKind,
    /// The operation, in the store's words: `CompleteMultipartUpload`.
    pub operation: &'static str,
    /// The object's URL.
    pub target: String,
    /// What the store said, its code first.
    pub message: String,
    /// What lies beneath, where there is something.
    #[source]
    pub source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// The store sends, or promises, other bytes of an object than it can.
    pub(crate) fn wrong_range(target: String, message: String) -> Self {
        Self { kind: ErrorKind::WrongRange, operation: "GetObject", target, message, source: None }
    }
}
