//! What the end-to-end tests share: a server to aim at, the program as a child process, and data to move.
//!
//! It asserts nothing about a sync beyond the exit code that a test names.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use hugesync::sidecar::{Claim, Sidecar};
use serde_json::Value;
use strict_s3::{Limits, RequestRecord, StrictS3};
use tempfile::TempDir;

/// Small files, short blocks: what most tests sync with.
pub(crate) const DELTA: [&str; 2] = ["--delta-threshold=1MB", "--block-size=64"];
/// The shortest part that is not the last, as on AWS.
pub(crate) const MIN_PART: u64 = 5 << 20;
/// The block length that [`DELTA`] asks for, in bytes.
pub(crate) const BLOCK: u64 = 64 << 10;
/// A child that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(240);
/// A host that makes the program take the store for AWS itself.
const AWS: &str = "http://s3.us-east-1.amazonaws.com";
/// Rows of a table that run at the same time: they mostly wait for retries.
const ROWS_AT_ONCE: usize = 6;

/// A bucket on some server, and a folder of this machine for the files to sync to it.
pub(crate) struct Target {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) bucket: String,
    /// The verification that every write has to end with; `None` accepts any but none.
    pub(crate) verification: Option<&'static str>,
    double: Option<Arc<StrictS3>>,
    /// Whether the program is told that the double is AWS.
    as_aws: bool,
    files: TempDir,
}

impl Target {
    /// A strict double with AWS's limits, started here.
    pub(crate) fn start() -> Self {
        Self::with(Limits::aws())
    }

    /// A strict double with these limits, started here.
    pub(crate) fn with(limits: Limits) -> Self {
        let double = StrictS3::builder().bucket("bucket").limits(limits).start().expect("the double starts");
        Self {
            endpoint: double.endpoint(),
            access_key: double.access_key().to_owned(),
            secret_key: double.secret_key().to_owned(),
            bucket: "bucket".to_owned(),
            verification: Some("crc64nvme"),
            double: Some(Arc::new(double)),
            as_aws: false,
            files: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A strict double that the program reaches as a proxy to AWS: it then relies on the store to check conditions and
    /// checksums, where it looks for itself otherwise.
    pub(crate) fn start_as_aws() -> Self {
        Self { as_aws: true, ..Self::start() }
    }

    /// A bucket on a server that runs already.
    pub(crate) fn on(endpoint: String, access_key: String, secret_key: String, bucket: String) -> Self {
        let files = tempfile::tempdir().expect("a folder");
        Self { endpoint, access_key, secret_key, bucket, verification: None, double: None, as_aws: false, files }
    }

    /// The double's inside.
    pub(crate) fn double(&self) -> &StrictS3 {
        self.double.as_deref().expect("the target is a double")
    }

    /// The double, for a server that works on it beside the test.
    pub(crate) fn shared_double(&self) -> Arc<StrictS3> {
        Arc::clone(self.double.as_ref().expect("the target is a double"))
    }

    /// A path in the folder for local files.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Writes a local file, an hour old: what changes it later is newer, whatever the clock's grain.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(&path, bytes).expect("a file");
        set_age(&path, Duration::from_secs(3600));
        path
    }

    /// The URL of a key or prefix.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// The program, with nothing of this process's environment but the credentials for the target.
    pub(crate) fn command(&self) -> Command {
        let mut command = bare_command();
        command
            .env("AWS_ACCESS_KEY_ID", &self.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret_key)
            .env("AWS_REGION", strict_s3::REGION)
            .current_dir(self.files.path());
        if self.as_aws {
            command.env("HTTP_PROXY", &self.endpoint);
        }
        command
    }

    /// `hugesync sync SOURCE DESTINATION` with the options, not yet started.
    pub(crate) fn sync_command(&self, source: impl AsRef<Path>, destination: &str, options: &[&str]) -> Command {
        let mut command = self.command();
        let endpoint = if self.as_aws { AWS } else { &self.endpoint };
        command.arg("sync").args(["--endpoint-url", endpoint, "--path-style"]).args(options);
        command.arg(source.as_ref()).arg(destination);
        command
    }

    /// Syncs a file to a key in short blocks, with a JSON report, to its end.
    pub(crate) fn sync(&self, source: impl AsRef<Path>, key: &str, options: &[&str]) -> Run {
        self.begin(source, key, options).wait()
    }

    /// The same, under way.
    pub(crate) fn begin(&self, source: impl AsRef<Path>, key: &str, options: &[&str]) -> Running {
        let mut command = self.sync_command(source, &self.url(key), &DELTA);
        start(command.arg("--json").args(options))
    }

    /// Fetches a key or prefix of the bucket into a path of the folder for local files, with a JSON report.
    pub(crate) fn fetch(&self, key: &str, to: &str, options: &[&str]) -> Run {
        self.begin_fetch(key, to, options).wait()
    }

    /// The same, under way.
    pub(crate) fn begin_fetch(&self, key: &str, to: &str, options: &[&str]) -> Running {
        let mut command = self.sync_command(self.url(key), to, &DELTA);
        start(command.arg("--json").args(options))
    }

    /// The bytes of a local file.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Asserts that a local file has these bytes.
    #[track_caller]
    pub(crate) fn assert_file(&self, name: &str, bytes: &[u8]) {
        let found = self.read(name);
        assert!(found == bytes, "{name} ({} bytes) is not the expected one ({} bytes)", found.len(), bytes.len());
    }

    /// The names in a local folder and below, folders with a slash at their end, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        fn walk(root: &Path, folder: &Path, names: &mut Vec<String>) {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                if path.symlink_metadata().expect("its kind").is_dir() {
                    names.push(format!("{name}/"));
                    walk(root, &path, names);
                } else {
                    names.push(name);
                }
            }
        }
        let mut names = Vec::new();
        walk(&self.path(folder), &self.path(folder), &mut names);
        names.sort();
        names
    }

    /// The bytes of answers that the double has sent to GETs of a key.
    pub(crate) fn sent_of(&self, key: &str) -> u64 {
        let requests = self.double().requests();
        requests.iter().filter(|one| one.kind == "GetObject" && one.key == key).map(|one| one.bytes_out).sum()
    }

    /// The bytes at a key of the double.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.double().get(&self.bucket, key)
    }

    /// Puts bytes at a key of the double, as somebody else.
    pub(crate) fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.double().put(&self.bucket, key, bytes);
    }

    /// Asserts that the double holds these bytes at a key.
    #[track_caller]
    pub(crate) fn assert_holds(&self, key: &str, bytes: &[u8]) {
        let found = self.get(key).unwrap_or_else(|| panic!("there is no {key}"));
        assert!(found == bytes, "{key} ({} bytes) is not the expected one ({} bytes)", found.len(), bytes.len());
    }

    /// The double's requests about a key, and about its sidecar.
    pub(crate) fn requests_about(&self, key: &str) -> Vec<RequestRecord> {
        self.double().requests().into_iter().filter(|request| request.key.starts_with(key)).collect()
    }

    /// Waits until the double has got `count` requests of a kind.
    pub(crate) fn wait_for(&self, kind: &str, count: usize) {
        let begun = Instant::now();
        while self.double().count(kind) < count {
            assert!(begun.elapsed() < PATIENCE, "no {count} requests {kind}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Keys of the unfinished uploads on the double.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        self.double().uploads(&self.bucket).into_iter().map(|upload| upload.key).collect()
    }

    /// An S3 client of another make than the program under test; its futures run in the runtime that is given with it.
    pub(crate) fn client(&self) -> (tokio::runtime::Runtime, aws_sdk_s3::Client) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(strict_s3::REGION))
            .endpoint_url(&self.endpoint)
            .credentials_provider(Credentials::new(&self.access_key, &self.secret_key, None, None, "test"))
            .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired)
            .force_path_style(true)
            .build();
        (runtime, aws_sdk_s3::Client::from_conf(config))
    }
}

/// The program with an environment of its own that holds no credentials.
pub(crate) fn bare_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hugesync"));
    command
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command
}

/// A child that is under way; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    out: File,
    err: File,
    what: String,
}

/// What a child has left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    what: String,
}

/// Starts a command. Its output goes to files: nobody has to empty a pipe.
pub(crate) fn start(command: &mut Command) -> Running {
    let (out, err) = (tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file"));
    let what = format!("{:?}", command.get_args().collect::<Vec<_>>());
    let clone = |file: &File| file.try_clone().expect("a descriptor");
    let child = command.stdin(std::process::Stdio::null()).stdout(clone(&out)).stderr(clone(&err)).spawn();
    Running { child: child.expect("the program starts"), out, err, what }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    start(command).wait()
}

impl Running {
    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Run {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return self.left(status);
            }
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let status = self.child.wait().expect("its state");
                panic!("it hangs: {:?}", self.left(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(mut self) -> Run {
        self.child.kill().expect("it can be killed");
        let status = self.child.wait().expect("its state");
        self.left(status)
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().expect("kill");
        assert!(sent.success(), "kill -s {name}");
    }

    fn left(&mut self, status: ExitStatus) -> Run {
        let text = |file: &mut File| {
            let mut bytes = Vec::new();
            file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("its output");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (text(&mut self.out), text(&mut self.err));
        Run { code: status.code(), stdout, stderr, what: self.what.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text());
        self
    }

    /// Asserts that it has done what was asked for.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// Asserts that it says something on stderr.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "nothing of {text:?}: {}", self.text());
        self
    }

    /// All that there is to see, for messages.
    pub(crate) fn text(&self) -> String {
        let Self { code, stdout, stderr, what } = self;
        format!("hugesync {what} exited with {code:?}\n-- stdout\n{stdout}-- stderr\n{stderr}")
    }

    /// The JSON report.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// A number of the report.
    #[track_caller]
    pub(crate) fn number(&self, field: &str) -> u64 {
        self.json()[field].as_u64().unwrap_or_else(|| panic!("no number {field}: {}", self.text()))
    }

    /// A text of the only file's report.
    #[track_caller]
    pub(crate) fn of_file(&self, field: &str) -> String {
        let json = self.json();
        assert_eq!(json["files"].as_array().map(Vec::len), Some(1), "{}", self.text());
        json["files"][0][field].as_str().unwrap_or_else(|| panic!("no text {field}: {}", self.text())).to_owned()
    }

    /// The warnings of all files, one a line.
    pub(crate) fn warnings(&self) -> String {
        let json = self.json();
        let files = json["files"].as_array().cloned().unwrap_or_default();
        let of = |file: &Value| file["warnings"].as_array().cloned().unwrap_or_default();
        files.iter().flat_map(of).filter_map(|text| text.as_str().map(str::to_owned)).collect::<Vec<_>>().join("\n")
    }

    /// Whether everything that stands was verified.
    pub(crate) fn verified(&self) -> bool {
        self.json()["verified"] == true
    }
}

/// The outputs of a GitHub step.
pub(crate) fn github_outputs(text: &str) -> BTreeMap<String, String> {
    let (mut lines, mut found) = (text.lines(), BTreeMap::new());
    while let Some(line) = lines.next() {
        let (name, end) = line.split_once("<<").unwrap_or_else(|| panic!("no output begins like this: {line}"));
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
        found.insert(name.to_owned(), value.join("\n"));
    }
    found
}

/// What the first signature of a sidecar claims.
#[track_caller]
pub(crate) fn first_claim(sidecar: &[u8]) -> Claim {
    let sidecar = Sidecar::decode(sidecar).expect("a sound sidecar");
    sidecar.signature(0).expect("it proves itself");
    sidecar.claims()[0].clone()
}

/// Makes a file this old.
pub(crate) fn set_age(path: &Path, age: Duration) {
    let file = File::options().append(true).open(path).expect("a file");
    file.set_modified(SystemTime::now() - age).expect("a time");
}

/// Bytes that look random and depend on the seed only.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fill_noise(seed, &mut bytes);
    bytes
}

/// The same into a buffer. The first words of seeds that are close are not.
pub(crate) fn fill_noise(seed: u64, bytes: &mut [u8]) {
    let mut state = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for word in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes()[..word.len()]);
    }
}

/// Checks every row of a table, several at once, and says which have failed.
pub(crate) fn side_by_side<T: Sync + Debug>(rows: &[T], check: impl Fn(usize, &T) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..ROWS_AT_ONCE.min(rows.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(row) = rows.get(index) else { return };
                    if catch_unwind(AssertUnwindSafe(|| check(index, row))).is_err() {
                        failed.lock().expect("no poison").push(format!("{index}: {row:?}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no poison");
    assert!(failed.is_empty(), "{} of {} rows failed:\n{}", failed.len(), rows.len(), failed.join("\n"));
}
