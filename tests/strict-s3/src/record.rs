//! What the server saw: one record a request, and totals in bytes.
//!
//! Body bytes are counted as they pass, framing of chunked uploads included; wire bytes are counted at the socket.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method};

use crate::fault::FaultAction;

/// One request as the server saw it.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// The operation's name in the API reference, for example `"UploadPartCopy"`; `""` if it was refused before that
    /// was known (a bad signature).
    pub kind: &'static str,
    /// HTTP method.
    pub method: Method,
    /// The bucket, empty for requests about none.
    pub bucket: String,
    /// The key, decoded; empty for requests about a bucket.
    pub key: String,
    /// The raw query string.
    pub query: String,
    /// The request's headers, without `authorization`.
    pub headers: HeaderMap,
    /// Status of the answer; 0 if there was none.
    pub status: u16,
    /// Bytes of the request body that came in, as sent (with chunk framing).
    pub bytes_in: u64,
    /// Bytes of the answer's body that went out.
    pub bytes_out: u64,
    /// When the request's head had come in.
    pub started: SystemTime,
    /// From then until the answer's head was ready.
    pub took: Duration,
    /// Whether a fault befell it.
    pub faulted: bool,
}

impl RequestRecord {
    /// A header of the request, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the query string, not decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name)).map(|(_, v)| v)
    }
}

/// Totals since the start or the last [`clear`](crate::StrictS3::clear_requests).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests, answered or not.
    pub requests: u64,
    /// Bytes of request bodies received.
    pub bytes_in: u64,
    /// Bytes of answer bodies sent.
    pub bytes_out: u64,
    /// Everything read from sockets, heads included.
    pub wire_in: u64,
    /// Everything written to sockets, heads included.
    pub wire_out: u64,
}

/// A request under way; shared by everything that handles it.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// Operation, bucket and key, once known.
    pub(crate) target: OnceLock<(&'static str, String, String)>,
    pub(crate) fault: OnceLock<FaultAction>,
    pub(crate) status: AtomicU16,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    /// Set when the connection is to be cut instead of answered.
    pub(crate) cut: AtomicBool,
    started: SystemTime,
    clock: Instant,
    took: OnceLock<Duration>,
}

impl Exchange {
    pub(crate) fn new(parts: &http::request::Parts) -> Self {
        let mut headers = parts.headers.clone();
        headers.remove(http::header::AUTHORIZATION);
        Self {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            target: OnceLock::new(),
            fault: OnceLock::new(),
            status: AtomicU16::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            cut: AtomicBool::new(false),
            started: SystemTime::now(),
            clock: Instant::now(),
            took: OnceLock::new(),
        }
    }

    /// The answer's head is ready, or there will be none (0).
    pub(crate) fn answered(&self, status: u16) {
        self.status.store(status, Relaxed);
        let _ = self.took.set(self.clock.elapsed());
    }

    /// Operation, bucket and key; as the path has them while the operation is not known.
    fn target(&self) -> (&'static str, &str, &str) {
        match self.target.get() {
            Some((kind, bucket, key)) => (kind, bucket, key),
            None => {
                let (bucket, key) = self.path.trim_start_matches('/').split_once('/').unwrap_or_default();
                ("", bucket, key)
            }
        }
    }

    fn took(&self) -> Duration {
        self.took.get().copied().unwrap_or_else(|| self.clock.elapsed())
    }

    fn record(&self) -> RequestRecord {
        let (kind, bucket, key) = self.target();
        RequestRecord {
            kind,
            method: self.method.clone(),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            query: self.query.clone(),
            headers: self.headers.clone(),
            status: self.status.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            started: self.started,
            took: self.took(),
            faulted: self.fault.get().is_some(),
        }
    }

    /// The record as a JSON object; written by hand, since it is paid for with every request.
    fn line(&self) -> String {
        let (kind, bucket, key) = self.target();
        let header = |name: &str| self.headers.get(name)?.to_str().ok();
        format!(
            r#"{{"started":{},"took":{},"kind":"{kind}","method":{},"bucket":{},"key":{},"query":{},"range":{},"status":{},"bytes_in":{},"bytes_out":{},"faulted":{}}}"#,
            self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            self.took().as_secs_f64(),
            quoted(self.method.as_str()),
            quoted(bucket),
            quoted(key),
            quoted(&self.query),
            header("range").or(header("x-amz-copy-source-range")).map_or_else(|| "null".to_owned(), quoted),
            self.status.load(Relaxed),
            self.bytes_in.load(Relaxed),
            self.bytes_out.load(Relaxed),
            self.fault.get().is_some(),
        )
    }
}

/// As a JSON string, quotes and all.
fn quoted(text: &str) -> String {
    // Writing a string to memory cannot fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// All requests so far, or only their number and bytes.
#[derive(Default)]
pub(crate) struct Log {
    keep: bool,
    exchanges: Mutex<Vec<Arc<Exchange>>>,
    /// Of the requests that were not kept: their number as they came, their bytes once they were over.
    let_go: Mutex<Traffic>,
    pub(crate) wire_in: AtomicU64,
    pub(crate) wire_out: AtomicU64,
    /// Both as they were at the last clear; connections count on without noticing one.
    wire_before: (AtomicU64, AtomicU64),
    file: Option<Mutex<std::fs::File>>,
}

impl Log {
    /// Also writes one JSON object a line to `file`.
    pub(crate) fn new(keep: bool, file: Option<std::fs::File>) -> Self {
        Self { keep, file: file.map(Mutex::new), ..Self::default() }
    }

    pub(crate) fn add(&self, exchange: &Arc<Exchange>) {
        if self.keep {
            self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(exchange));
        } else {
            self.let_go().requests += 1;
        }
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|e| e.record()).collect()
    }

    pub(crate) fn clear(&self) {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.let_go() = Traffic::default();
        self.wire_before.0.store(self.wire_in.load(Relaxed), Relaxed);
        self.wire_before.1.store(self.wire_out.load(Relaxed), Relaxed);
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let wire_in = self.wire_in.load(Relaxed).saturating_sub(self.wire_before.0.load(Relaxed));
        let wire_out = self.wire_out.load(Relaxed).saturating_sub(self.wire_before.1.load(Relaxed));
        let start = Traffic { wire_in, wire_out, ..*self.let_go() };
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        exchanges.iter().fold(start, |sum, exchange| Traffic {
            requests: sum.requests + 1,
            bytes_in: sum.bytes_in + exchange.bytes_in.load(Relaxed),
            bytes_out: sum.bytes_out + exchange.bytes_out.load(Relaxed),
            ..sum
        })
    }

    fn let_go(&self) -> MutexGuard<'_, Traffic> {
        self.let_go.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exchange is over: one line to the log file, if there is one.
    pub(crate) fn finished(&self, exchange: &Exchange) {
        if !self.keep {
            let mut sum = self.let_go();
            sum.bytes_in += exchange.bytes_in.load(Relaxed);
            sum.bytes_out += exchange.bytes_out.load(Relaxed);
        }
        let Some(file) = &self.file else { return };
        let mut line = exchange.line();
        line.push('\n');
        // A log that cannot be written must not fail the request it describes.
        let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}
