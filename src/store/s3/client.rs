//! From settings to a client: endpoint, region, profile, retries, time limits.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::{
    Region, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use thiserror::Error;

use super::answer::Proof;
use super::bandwidth::Bandwidth;
use super::wire::Wire;
use super::{Encryption, S3Store};
use crate::aws::{self, BadBundle, Reach};

/// Attempts of a request, the first included: with the SDK's jittered back-off (up to 20 s a wait) a store may ask to
/// slow down for about a minute.
const MAX_ATTEMPTS: u32 = 8;
/// How long new credentials may take to get.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request may take up to the beginning of its answer, beside the time that its body takes: Complete and large
/// copies take minutes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// The body length in bytes from which on a request is given more time for it: a shorter one leaves within
/// [`ANSWER_TIMEOUT`] at any rate that makes sense.
const LONG_BODY: u64 = 1 << 20;
/// What one connection of many carries at the least on a slow line, in bytes a second.
const SLOWEST_BODY: u64 = 16 << 10;
/// How many connections may share a bandwidth limit.
const MOST_CONNECTIONS: u64 = 256;
/// How long an upload or download may stand still before it is tried again.
const STALL_GRACE: Duration = Duration::from_secs(20);
/// The region that a store that is not AWS is asked in where the user names none.
const DEFAULT_REGION: &str = "us-east-1";

/// Which bucket, and how to reach it. What is `None` comes from the environment and the shared configuration files,
/// in the SDK's order.
#[derive(Debug, Clone, Default)]
pub struct S3Settings {
    /// The bucket's name.
    pub bucket: String,
    /// The store's URL, for stores that are not AWS.
    pub endpoint_url: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The profile of the shared configuration files that a region and an endpoint come from. Its credentials are the
    /// caller's business ([`S3Settings::credentials`]).
    pub profile: Option<String>,
    /// Who gives the credentials; asked again when they run out, not before.
    pub credentials: Option<SharedCredentialsProvider>,
    /// Whether the bucket stands in the path of a URL instead of its host name.
    pub path_style: bool,
    /// How what is written is encrypted, and the key of what is read.
    pub encryption: Encryption,
    /// The most bytes a second that bodies of requests may take, all together. `None` is no limit.
    pub bandwidth: Option<NonZeroU64>,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The endpoint is not a URL.
    #[error("endpoint {0:?} is not an http:// or https:// URL")]
    BadEndpoint(String),
    /// No region is set anywhere.
    #[error("no region is set for bucket {0:?}")]
    NoRegion(String),
    /// The certificates to trust cannot be used.
    #[error(transparent)]
    Bundle(#[from] BadBundle),
}

impl S3Store {
    /// A client for one bucket. Sends nothing yet.
    pub async fn connect(settings: &S3Settings) -> Result<Self, ConnectError> {
        let mut loader = aws::loader()?
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build());
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(credentials) = &settings.credentials {
            // Such a provider gives them an end that lies before the real one; its own work takes more than one request.
            let cache = IdentityCache::lazy().buffer_time(Duration::ZERO).load_timeout(CREDENTIALS_TIMEOUT);
            loader = loader.credentials_provider(credentials.clone()).identity_cache(cache.build());
        }
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &settings.endpoint_url {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(ConnectError::BadEndpoint(url.clone()));
            }
            loader = loader.endpoint_url(url);
        }
        let shared = loader.load().await;
        let (wire, reach) = (Wire::default(), Reach::of("the store"));
        let mut config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(settings.path_style)
            // Every payload comes with its own CRC64NVME or MD5; what other stores do not know they must not be sent.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            // Not the SDK's read timeout: it runs while the body is sent, and each value of it has connections of its own.
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ANSWER_TIMEOUT)
                    .build(),
            )
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL_GRACE).build())
            .interceptor(wire.clone())
            .interceptor(Proof)
            .interceptor(reach.clone())
            .retry_classifier(reach);
        if shared.region().is_none() {
            if shared.endpoint_url().is_none() {
                return Err(ConnectError::NoRegion(settings.bucket.clone()));
            }
            config = config.region(Region::new(DEFAULT_REGION));
        }
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(config.build()),
            bucket: settings.bucket.clone(),
            encryption: settings.encryption.clone(),
            bandwidth: settings.bandwidth.map(|limit| Arc::new(Bandwidth::new(limit))),
            deletes_singly: Arc::new(AtomicBool::new(false)),
            wire,
        })
    }

    /// For a copy or a Complete: silent for minutes while the store works, which stalled-stream protection would take for
    /// a dead connection.
    pub(super) fn patient() -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Builder::new().stalled_stream_protection(StalledStreamProtectionConfig::disabled())
    }

    /// For a request with a body of `len` bytes: time to send it.
    pub(super) fn sending(&self, len: u64) -> aws_sdk_s3::config::Builder {
        let config = aws_sdk_s3::config::Builder::new();
        if len < LONG_BODY {
            return config;
        }
        let timeout = answer_timeout(len, self.bandwidth.as_deref().map(Bandwidth::bytes_per_second));
        config.timeout_config(TimeoutConfig::builder().operation_attempt_timeout(timeout).build())
    }
}

/// How long a request with a body of `len` bytes may take where all bodies share `bandwidth` bytes a second. Generous:
/// what stands still is found by stalled-stream protection.
fn answer_timeout(len: u64, bandwidth: Option<NonZeroU64>) -> Duration {
    let share = bandwidth.map_or(SLOWEST_BODY, |bandwidth| (bandwidth.get() / MOST_CONNECTIONS).clamp(1, SLOWEST_BODY));
    ANSWER_TIMEOUT + Duration::from_secs(len / share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_lines_get_time() {
        let minutes = |len, bandwidth| answer_timeout(len, NonZeroU64::new(bandwidth)).as_secs() / 60;
        assert_eq!(minutes(8 << 20, 0), 18);
        assert_eq!(minutes(8 << 20, 1 << 30), 18, "a high limit changes nothing");
        // 256 bodies of 8 MiB at 1 MiB/s take 34 minutes.
        assert_eq!(minutes(8 << 20, 1 << 20), 44);
        assert!(minutes(5 << 30, 1) > 0);
    }
}
