//! From settings to a client: endpoint, region, profile, retries, time limits.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Region, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use thiserror::Error;

use super::S3Store;
use super::wire::Wire;

/// Attempts of a request, the first included: with the SDK's jittered back-off (up to 20 s a wait) a store may ask to
/// slow down for about a minute.
const MAX_ATTEMPTS: u32 = 8;
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a store may be silent before an answer begins: Complete and large copies take minutes.
const READ_TIMEOUT: Duration = Duration::from_secs(600);
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
    /// The profile of the shared configuration files.
    pub profile: Option<String>,
    /// Whether the bucket stands in the path of a URL instead of its host name.
    pub path_style: bool,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The endpoint is no URL.
    #[error("endpoint {0:?} is no http:// or https:// URL")]
    BadEndpoint(String),
    /// No region is set anywhere.
    #[error("no region is set for bucket {0:?}")]
    NoRegion(String),
}

impl S3Store {
    /// A client for one bucket. Sends nothing yet.
    pub async fn connect(settings: &S3Settings) -> Result<Self, ConnectError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build(),
            );
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
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
        let wire = Wire::default();
        let mut config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(settings.path_style)
            // Every payload comes with its own CRC64NVME or MD5; what other stores do not know they must not be sent.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .interceptor(wire.clone());
        if shared.region().is_none() {
            if shared.endpoint_url().is_none() {
                return Err(ConnectError::NoRegion(settings.bucket.clone()));
            }
            config = config.region(Region::new(DEFAULT_REGION));
        }
        let watchful = config
            .clone()
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL_GRACE).build());
        let patient = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(watchful.build()),
            patient: aws_sdk_s3::Client::from_conf(patient.build()),
            bucket: settings.bucket.clone(),
            wire,
        })
    }
}
