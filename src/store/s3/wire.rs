//! Watches the requests that leave: how many of which operation, each attempt counted, which make of store they go to, how
//! many were asked to slow down. It keeps customer keys off lines that anybody can read.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

use super::encryption::CUSTOMER_KEY_HEADERS;
use super::make::{Make, SeenMake};

/// What has left so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<BTreeMap<String, u64>>,
    throttles: AtomicU64,
    make: SeenMake,
}

impl Wire {
    /// Requests by operation.
    pub(super) fn requests(&self) -> BTreeMap<String, u64> {
        self.0.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers that asked to slow down.
    pub(super) fn throttles(&self) -> u64 {
        self.0.throttles.load(Ordering::Relaxed)
    }

    /// Whether the last request went to AWS.
    pub(super) fn is_aws(&self) -> bool {
        self.0.make.make() == Make::Aws
    }

    /// What is known of the store behind the requests.
    pub(super) fn make(&self) -> &SeenMake {
        &self.0.make
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("unknown", Metadata::name);
        let request = context.request();
        let brings_key = CUSTOMER_KEY_HEADERS.iter().any(|header| request.headers().contains_key(*header));
        if brings_key && !is_private(request.uri()) {
            return Err("a customer key is only sent over https".into());
        }
        // Headers are left out: they hold the signature.
        tracing::trace!(operation, method = request.method(), url = request.uri(), "request");
        self.0.make.sent_to(host(request.uri()));
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        match requests.get_mut(operation) {
            Some(count) => *count += 1,
            None => _ = requests.insert(operation.to_owned(), 1),
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("unknown", Metadata::name);
        let status = context.response().map(|answer| answer.status().as_u16());
        if let Some(answer) = context.response() {
            self.0.make.answered(answer.status().as_u16(), answer.headers());
        }
        // 503 SlowDown on S3, 429 elsewhere.
        if matches!(status, Some(429 | 503)) {
            self.0.throttles.fetch_add(1, Ordering::Relaxed);
        }
        let id = context.response().and_then(|answer| answer.headers().get("x-amz-request-id"));
        tracing::trace!(operation, status, id, "answer");
        Ok(())
    }
}

/// Whether nobody on the way can read what is sent to a URL: it is encrypted, or does not leave this machine.
fn is_private(url: &str) -> bool {
    let host = host(url);
    let is_loopback = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.starts_with("https://") || is_loopback || host == "localhost" || host.ends_with(".localhost")
}

/// The host of a URL, an IPv6 address in its brackets.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    match authority.find(']') {
        Some(end) => &authority[..=end],
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_no_more_than_that() {
        for (url, expected) in [
            ("https://bucket.s3.eu-west-1.amazonaws.com/key?x-id=GetObject", "bucket.s3.eu-west-1.amazonaws.com"),
            ("http://127.0.0.1:9000/bucket/x.amazonaws.com", "127.0.0.1"),
            ("http://[::1]:9000/b", "[::1]"),
            ("https://example.org?x=.amazonaws.com", "example.org"),
        ] {
            assert_eq!(host(url), expected, "{url}");
        }
    }

    #[test]
    fn a_key_travels_only_in_private() {
        for url in
            ["https://s3.example.org/b/k", "http://127.0.0.1:9000/b/k", "http://[::1]:9000/b", "http://localhost/b"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in
            ["http://s3.example.org/b", "http://127.0.0.1.example.org/b", "http://10.0.0.1/b", "http://[fe80::1]/b"]
        {
            assert!(!is_private(url), "{url}");
        }
    }
}
