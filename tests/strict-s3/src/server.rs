//! The server: how it is built, started and stopped, and what a test can do with it behind its clients' backs.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use s3s::service::S3ServiceBuilder;
use s3s::validation::{AwsNameValidation, NameValidation};
use tokio::sync::oneshot;

use crate::access::{Gate, Keys, Secrets, Temporary};
use crate::content::Spool;
use crate::digest::{Checksum, encode};
use crate::fault::{Fault, FaultPlan};
use crate::front::Front;
use crate::limits::Limits;
use crate::ops::{Double, Service};
use crate::record::{Log, RequestRecord, Traffic};
use crate::state::{Bucket, Versioning};

/// Longest wait for reading and writing threads when the server stops.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// How to start a [`StrictS3`].
#[derive(Debug, Clone)]
pub struct Builder {
    buckets: Vec<String>,
    limits: Limits,
    port: u16,
    data_dir: Option<PathBuf>,
    log: Option<PathBuf>,
    keep_requests: bool,
    list_delay: Duration,
    access_key: String,
    secret_key: String,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            buckets: Vec::new(),
            limits: Limits::aws(),
            port: 0,
            data_dir: None,
            log: None,
            keep_requests: true,
            list_delay: Duration::ZERO,
            // What the probe's --ak and --sk default to.
            access_key: "test".to_owned(),
            secret_key: "testtest".to_owned(),
        }
    }
}

impl Builder {
    /// Creates this bucket at the start; may be called again for more. Names have 3 to 63 characters, as on S3.
    pub fn bucket(mut self, name: impl Into<String>) -> Self {
        self.buckets.push(name.into());
        self
    }

    /// Which store to be; AWS unless said otherwise.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// A fixed port of 127.0.0.1 instead of a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A directory for the bytes instead of a temporary one. It holds no state: every start is empty.
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Also writes one JSON object a request to this file.
    pub fn log(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = Some(file.into());
        self
    }

    /// Whether requests are kept for [`StrictS3::requests`], with all their headers; otherwise they are only counted
    /// in [`StrictS3::traffic`], which is what a benchmark wants. Yes unless said otherwise.
    pub fn keep_requests(mut self, keep: bool) -> Self {
        self.keep_requests = keep;
        self
    }

    /// Holds every page of a listing of objects back that long once it is ready, as a distant store would; other
    /// requests, listings too, are answered meanwhile.
    pub fn list_delay(mut self, delay: Duration) -> Self {
        self.list_delay = delay;
        self
    }

    /// The lasting pair of credentials that it accepts; `test` and `testtest` unless said otherwise.
    pub fn credentials(mut self, access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        self.access_key = access_key.into();
        self.secret_key = secret_key.into();
        self
    }

    /// Starts it on a thread with a runtime of its own, so that it serves blocking tests as well as async ones. When
    /// this returns, it listens.
    pub fn start(self) -> io::Result<StrictS3> {
        let (dir, temporary) = match self.data_dir {
            Some(dir) => (dir, None),
            None => {
                let temporary = tempfile::Builder::new().prefix("strict-s3-").tempdir()?;
                (temporary.path().to_path_buf(), Some(temporary))
            }
        };
        let double = Arc::new(Double::new(Spool::new(dir)?, self.limits));
        for bucket in self.buckets {
            if !AwsNameValidation::new().validate_bucket_name(&bucket) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("not a bucket name on S3: {bucket:?}"),
                ));
            }
            double.state().buckets.insert(bucket, Bucket::new());
        }
        let log = Arc::new(Log::new(self.keep_requests, self.log.map(std::fs::File::create).transpose()?));
        let faults = Arc::new(FaultPlan::default());
        let mut service = S3ServiceBuilder::new(Service(Arc::clone(&double)));
        let keys = Arc::new(Keys::new(self.access_key, self.secret_key));
        service.set_auth(Secrets(Arc::clone(&keys)));
        service.set_access(Gate { faults: Arc::clone(&faults), keys: Arc::clone(&keys) });
        let front = Front {
            service: service.build(),
            double: Arc::clone(&double),
            log: Arc::clone(&log),
            list_delay: self.list_delay,
        };
        let front = Arc::new(front);

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("strict-s3").enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("strict-s3".to_owned()).spawn(move || {
            runtime.block_on(async {
                // Dropping the receiver's other end stops it too.
                let accept = std::pin::pin!(accept(listener, front));
                futures::future::select(accept, stopped).await;
            });
            // Requests under way are dropped and their connections closed; only a disk that hangs is waited for.
            runtime.shutdown_timeout(SHUTDOWN);
        })?;
        Ok(StrictS3 {
            double,
            log,
            faults,
            address,
            keys,
            running: Mutex::new(Some((stop, thread))),
            _temporary: temporary,
        })
    }
}

async fn accept(listener: TcpListener, front: Arc<Front>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(Arc::clone(&front).serve(stream));
            }
            // Out of file descriptors, most likely: some will come free.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// A running server; it stops and its bytes go when this is dropped.
pub struct StrictS3 {
    double: Arc<Double>,
    log: Arc<Log>,
    faults: Arc<FaultPlan>,
    address: SocketAddr,
    keys: Arc<Keys>,
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
    _temporary: Option<tempfile::TempDir>,
}

/// What an object is, as HEAD would tell.
#[derive(Debug, Clone)]
pub struct ObjectView {
    /// Length in bytes.
    pub len: u64,
    /// Without quotes.
    pub etag: String,
    /// Full-object CRC64NVME in base64, whatever other checksum it has.
    pub crc64nvme: String,
    /// The checksum HEAD reports.
    pub checksum: Checksum,
    /// How many parts it was made of; 0 if by PutObject or CopyObject.
    pub parts: usize,
    /// User metadata, sorted by name.
    pub metadata: Vec<(String, String)>,
    /// `Content-Type` as given.
    pub content_type: Option<String>,
    /// `Content-Encoding` as given.
    pub content_encoding: Option<String>,
    /// `Cache-Control` as given.
    pub cache_control: Option<String>,
    /// `Content-Disposition` as given.
    pub content_disposition: Option<String>,
    /// `Content-Language` as given.
    pub content_language: Option<String>,
    /// Storage class; none is STANDARD.
    pub storage_class: Option<String>,
    /// `AES256`, `aws:kms`, or none with a customer's key.
    pub encryption: Option<String>,
    /// The KMS key as given.
    pub kms_key: Option<String>,
    /// MD5 in base64 of the customer's key, where it is encrypted with one.
    pub customer_key_md5: Option<String>,
    /// Tags in the order given.
    pub tags: Vec<(String, String)>,
    /// Version id; `null` while versioning is off.
    pub version: String,
    /// When it was written.
    pub modified: SystemTime,
}

/// An open multipart upload.
#[derive(Debug, Clone)]
pub struct UploadView {
    /// The key it is for.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// Numbers and lengths of its parts so far.
    pub parts: Vec<(i32, u64)>,
    /// Whether somebody has written the key since.
    pub disturbed: bool,
}

impl StrictS3 {
    /// How to start one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address, for example `http://127.0.0.1:40123`; path-style addressing only.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The lasting access key that it accepts.
    pub fn access_key(&self) -> &str {
        &self.keys.access_key
    }

    /// The secret that belongs to it.
    pub fn secret_key(&self) -> &str {
        &self.keys.secret_key
    }

    /// Accepts temporary credentials besides the lasting pair, from now until they expire, as if an STS had given them.
    /// Requests that are signed with them have to bring the token.
    pub fn admit(
        &self,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
        session_token: impl Into<String>,
        expires: SystemTime,
    ) {
        let (secret_key, session_token) = (secret_key.into(), session_token.into());
        self.keys.temporary().insert(access_key.into(), Temporary { secret_key, session_token, expires });
    }

    /// Every request so far, in order of arrival; none if they are not kept.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log.records()
    }

    /// How many requests of that kind so far; 0 if they are not kept.
    pub fn count(&self, kind: &str) -> usize {
        self.log.records().iter().filter(|record| record.kind == kind).count()
    }

    /// Totals so far.
    pub fn traffic(&self) -> Traffic {
        self.log.traffic()
    }

    /// Forgets the requests so far and sets the totals to zero.
    pub fn clear_requests(&self) {
        self.log.clear();
    }

    /// Orders a fault; counting starts now.
    pub fn inject(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Cancels all faults that stand.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// How many ordered faults have not yet met all their requests.
    pub fn pending_faults(&self) -> usize {
        self.faults.pending()
    }

    /// Changes what store it is from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.double.set_limits(limits);
    }

    /// Creates a bucket, without HTTP as all that follows.
    pub fn create_bucket(&self, name: &str) {
        self.double.state().buckets.entry(name.to_owned()).or_insert_with(Bucket::new);
    }

    /// Turns versioning on, or suspends it.
    pub fn set_versioning(&self, bucket: &str, enabled: bool) {
        if let Ok(bucket) = self.double.state().bucket_mut(bucket) {
            bucket.versioning = if enabled { Versioning::Enabled } else { Versioning::Suspended };
        }
    }

    /// Writes an object as another client would, and returns its ETag.
    ///
    /// # Panics
    /// If the bucket does not exist or the disk fails.
    pub fn put(&self, bucket: &str, key: &str, bytes: impl AsRef<[u8]>) -> String {
        self.put_from(bucket, key, bytes.as_ref())
    }

    /// The same from a reader, for what does not fit in memory.
    ///
    /// # Panics
    /// If the bucket does not exist, or the reader or the disk fails.
    pub fn put_from(&self, bucket: &str, key: &str, from: impl Read) -> String {
        self.double.put_directly(bucket, key, from).unwrap_or_else(|error| panic!("put {bucket}/{key}: {error}"))
    }

    /// Writes `count` objects of one byte (an `x`), with keys from `PREFIXd000/f000000.bin` on and 1,000 to a folder.
    /// They share all but their keys, so that a million of them take a second or two and some 200 MB.
    ///
    /// # Panics
    /// If the bucket does not exist or the disk fails.
    pub fn fill(&self, bucket: &str, count: usize, prefix: &str) {
        self.double.fill(bucket, count, prefix).unwrap_or_else(|error| panic!("fill {bucket}/{prefix}: {error}"));
    }

    /// The bytes of the current version.
    ///
    /// # Panics
    /// If the disk fails.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match self.read_to(bucket, key, &mut out) {
            Ok(_) => Some(out),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => panic!("get {bucket}/{key}: {error}"),
        }
    }

    /// Writes the bytes of the current version to `out` and returns how many; `NotFound` if there is none.
    pub fn read_to(&self, bucket: &str, key: &str, out: &mut impl Write) -> io::Result<u64> {
        let content = {
            let state = self.double.state();
            let found = state.bucket(bucket).ok().and_then(|bucket| bucket.current(key));
            found.map(|(_, object)| object.content.clone()).ok_or(io::ErrorKind::NotFound)?
        };
        content.for_each(|bytes| out.write_all(&bytes))?;
        Ok(content.len())
    }

    /// Deletes as another client would; a versioned bucket gets a delete marker.
    pub fn delete(&self, bucket: &str, key: &str) {
        if let Ok(bucket) = self.double.state().bucket_mut(bucket) {
            bucket.delete(key, None);
        }
    }

    /// The keys that have a current version, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.double.state();
        let Ok(bucket) = state.bucket(bucket) else { return Vec::new() };
        bucket.objects.keys().filter(|key| bucket.current(key).is_some()).cloned().collect()
    }

    /// How many versions a key has, delete markers included.
    pub fn versions(&self, bucket: &str, key: &str) -> usize {
        let state = self.double.state();
        state.bucket(bucket).ok().and_then(|bucket| bucket.objects.get(key)).map_or(0, Vec::len)
    }

    /// The open multipart uploads, by key and age.
    pub fn uploads(&self, bucket: &str) -> Vec<UploadView> {
        let state = self.double.state();
        let Ok(bucket) = state.bucket(bucket) else { return Vec::new() };
        let view = |((key, _), upload): (&(String, u64), &crate::state::Upload)| UploadView {
            key: key.clone(),
            upload_id: upload.id.clone(),
            parts: upload.parts.iter().map(|(number, part)| (*number, part.content.len())).collect(),
            disturbed: upload.disturbed,
        };
        bucket.uploads.iter().map(view).collect()
    }

    /// What the current version of a key is.
    pub fn object(&self, bucket: &str, key: &str) -> Option<ObjectView> {
        let state = self.double.state();
        let (version, object) = state.bucket(bucket).ok()?.current(key)?;
        let attributes = &object.attributes;
        let mut metadata: Vec<_> = attributes.metadata.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        metadata.sort();
        Some(ObjectView {
            len: object.content.len(),
            etag: object.etag.clone(),
            crc64nvme: encode(&object.crc64),
            checksum: object.checksum.clone(),
            parts: object.parts.len(),
            metadata,
            content_type: attributes.content_type.clone(),
            content_encoding: attributes.content_encoding.clone(),
            cache_control: attributes.cache_control.clone(),
            content_disposition: attributes.content_disposition.clone(),
            content_language: attributes.content_language.clone(),
            storage_class: attributes.storage_class.clone(),
            encryption: attributes.encryption.algorithm.clone(),
            kms_key: attributes.encryption.kms_key.clone(),
            customer_key_md5: attributes.encryption.customer_key_md5.clone(),
            tags: attributes.tags.clone(),
            version: version.id.to_string(),
            modified: version.modified,
        })
    }

    /// Stops listening and closes all connections; the objects can still be looked at.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = running {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

impl Drop for StrictS3 {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for StrictS3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StrictS3").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}
