//! A store over a double of its own for every contract, and what contracts are written in.
//!
//! The S3 store takes its credentials from the environment, which a test cannot set for itself: it runs itself again as a
//! child that has them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::BehaviorVersion;
use aws_sdk_s3::config::{Credentials, Region};
use bytes::Bytes;
use hugesync::store::s3::{Encryption, S3Settings, S3Store};
use hugesync::store::{
    Attributes, Checksums, Condition, ETag, ErrorKind, MultipartStore, ObjectInfo, ObjectKey, PartReceipt, Payload,
    PayloadBody, Store, StoreError, Upload, WholeObject,
};
use md5::{Digest as _, Md5};
use strict_s3::{Limits, StrictS3};

/// Parts need not be long here.
const MIN_PART: u64 = 64;

/// Set in a child, to what it is to run against.
const CHILD: &str = "HUGESYNC_CONFORMANCE_CHILD";
/// Tells a child at which port its double listens.
const PORT: &str = "HUGESYNC_CONFORMANCE_PORT";
/// An endpoint that makes the store take the double for AWS itself.
const AWS: &str = "http://s3.us-east-1.amazonaws.com";

/// Runs a contract against the S3 store in a process of its own, `test` being the name of the test that asks for it.
pub(super) fn conforms(test: &str, contract: impl AsyncFnOnce(&dyn Store, &StrictS3)) {
    if !is_child() {
        return run_child(test, "double", ("test", "testtest"), &[]);
    }
    let double = StrictS3::builder().bucket("bucket").limits(short_parts()).start().expect("the double starts");
    runtime().block_on(async { contract(&connect(&double, "bucket").await, &double).await });
}

/// The same where the store takes the double, which it reaches as a proxy, for AWS.
pub(super) fn conforms_as_aws(test: &str, contract: impl AsyncFnOnce(&dyn Store, &StrictS3)) {
    if !is_child() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let environment = [("HTTP_PROXY", format!("http://127.0.0.1:{port}")), (PORT, port.to_string())];
        return run_child(test, "double as AWS", ("test", "testtest"), &environment);
    }
    let port = std::env::var(PORT).ok().and_then(|port| port.parse().ok()).expect("a port");
    let double = StrictS3::builder().bucket("bucket").limits(short_parts()).port(port).start();
    let double = double.expect("the double starts");
    runtime().block_on(async {
        let settings = S3Settings { endpoint_url: Some(AWS.to_owned()), ..settings(&double, "bucket") };
        let store = S3Store::connect(&settings).await.expect("nothing is sent yet");
        assert!(store.head(&key("nothing")).await.expect("an answer").is_none());
        assert!(store.is_proven());
        contract(&store, &double).await;
    });
}

/// A bucket of its own on some server, with a client that can look at what the traits cannot.
pub(super) struct Server {
    pub(super) settings: S3Settings,
    pub(super) admin: aws_sdk_s3::Client,
}

impl Server {
    /// A store over the bucket.
    pub(super) async fn store(&self, encryption: Encryption) -> S3Store {
        let settings = S3Settings { encryption, ..self.settings.clone() };
        S3Store::connect(&settings).await.expect("nothing is sent yet")
    }

    async fn with_bucket(settings: S3Settings, keys: (&str, &str)) -> Self {
        let endpoint = settings.endpoint_url.as_deref().expect("an endpoint");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(strict_s3::REGION))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new(keys.0, keys.1, None, None, "test"))
            .force_path_style(true)
            .build();
        let admin = aws_sdk_s3::Client::from_conf(config);
        admin.create_bucket().bucket(&settings.bucket).send().await.expect("a bucket");
        Self { settings, admin }
    }
}

/// Runs a contract against the double, and against the server that `HUGESYNC_E2E_ENDPOINT`, `_ACCESS_KEY` and `_SECRET_KEY`
/// name, where they are set. Its objects stay there: servers for tests forget them.
pub(super) fn conforms_anywhere(test: &str, contract: impl AsyncFnOnce(&Server)) {
    let setting = |name: &str| std::env::var(format!("HUGESYNC_E2E_{name}")).ok();
    if !is_child() {
        run_child(test, "double", ("test", "testtest"), &[]);
        if let Some(endpoint) = setting("ENDPOINT") {
            let keys = setting("ACCESS_KEY").zip(setting("SECRET_KEY"));
            let keys = keys.expect("HUGESYNC_E2E_ACCESS_KEY and HUGESYNC_E2E_SECRET_KEY are set");
            run_child(test, "server", (&keys.0, &keys.1), &[("HUGESYNC_E2E_ENDPOINT", endpoint)]);
        }
        return;
    }
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| std::env::var(name).expect("a key"));
    let double = setting("ENDPOINT").is_none().then(|| StrictS3::builder().start().expect("the double starts"));
    let endpoint_url = double.as_ref().map(StrictS3::endpoint).or(setting("ENDPOINT"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let settings = S3Settings {
        bucket: format!("conformance-{}-{}", now.as_millis(), std::process::id()),
        endpoint_url,
        region: Some(strict_s3::REGION.to_owned()),
        path_style: true,
        ..S3Settings::default()
    };
    runtime().block_on(async { contract(&Server::with_bucket(settings, (&keys[0], &keys[1])).await).await });
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn run_child(test: &str, against: &str, keys: (&str, &str), environment: &[(&str, String)]) {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child
        .args([test, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env_clear()
        .env(CHILD, against);
    child.env("AWS_ACCESS_KEY_ID", keys.0).env("AWS_SECRET_ACCESS_KEY", keys.1);
    child.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    child.env("AWS_EC2_METADATA_DISABLED", "true").envs(environment.iter().cloned());
    let output = child.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{test}, {against}: {text}{}", String::from_utf8_lossy(&output.stderr));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

fn short_parts() -> Limits {
    Limits { min_part: MIN_PART, ..Limits::aws() }
}

pub(super) async fn connect(double: &StrictS3, bucket: &str) -> S3Store {
    S3Store::connect(&settings(double, bucket)).await.expect("nothing is sent yet")
}

pub(super) fn settings(double: &StrictS3, bucket: &str) -> S3Settings {
    S3Settings {
        bucket: bucket.to_owned(),
        endpoint_url: Some(double.endpoint()),
        region: Some(strict_s3::REGION.to_owned()),
        path_style: true,
        ..S3Settings::default()
    }
}

/// Writes an object and returns its tag.
pub(super) async fn put(store: &dyn Store, name: &str, bytes: &[u8], attributes: &Attributes) -> ETag {
    store.put(&key(name), payload(bytes), attributes, &Condition::Always).await.expect("it is written").etag
}

/// What HEAD says of an object that is there.
pub(super) async fn head(store: &dyn Store, name: &str) -> ObjectInfo {
    store.head(&key(name)).await.expect("an answer").expect("an object")
}

/// Attributes with this storage class.
pub(super) fn of_class(class: &str) -> Attributes {
    Attributes { storage_class: Some(class.to_owned()), ..Attributes::default() }
}

/// Names and values as a map.
pub(super) fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

pub(super) fn multipart(store: &dyn Store) -> &dyn MultipartStore {
    store.multipart().expect("the store has uploads in parts")
}

pub(super) async fn complete(
    store: &dyn MultipartStore,
    upload: &Upload,
    parts: &[PartReceipt],
    bytes: &[u8],
    condition: &Condition,
) -> Result<PartReceipt, StoreError> {
    let whole = WholeObject { len: bytes.len() as u64, crc64nvme: crc(bytes) };
    store.complete(upload, parts, whole, condition).await
}

#[track_caller]
pub(super) fn kind<T>(result: Result<T, StoreError>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.kind,
    }
}

pub(super) fn key(text: &str) -> ObjectKey {
    ObjectKey::new(text).expect("a key")
}

pub(super) fn crc(bytes: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes)
}

pub(super) fn payload(bytes: &[u8]) -> Payload {
    let checksums = Checksums { crc64nvme: crc(bytes), md5: Some(Md5::digest(bytes).into()) };
    Payload { body: PayloadBody::Buffer(Bytes::copy_from_slice(bytes)), checksums, on_sent: Arc::new(|_| {}) }
}
