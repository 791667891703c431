//! Each option of `sync` has an effect that can be seen from the outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use strict_s3::{Fault, FaultAction, RequestRecord};

use super::support::{DELTA, Target, bare_command, first_claim, noise, run, start};

#[test]
fn archive_keeps_what_rclone_reads() {
    let target = Target::start();
    for (name, len) in [("small", 1000), ("large", 6 << 20)] {
        let path = target.file(name, noise(1, len));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
        let time = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        fs::File::options().append(true).open(&path).expect("it").set_modified(time).expect("a time");
        target.sync(&path, name, &["--archive"]).ok();
        let object = target.double().object("bucket", name).expect("an object");
        let found = |name: &str| object.metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let owner = fs::metadata(&path).expect("its metadata");
        assert_eq!(found("mode"), Some("100640"), "{name}: {:?}", object.metadata);
        assert_eq!(found("mtime"), Some("1700000000.123456789"));
        assert_eq!(found("uid"), Some(owner.uid().to_string().as_str()));
        assert_eq!(found("gid"), Some(owner.gid().to_string().as_str()));
        target.sync(&path, "without", &[]).ok();
        let plain = target.double().object("bucket", "without").expect("an object");
        assert!(plain.metadata.iter().all(|(key, _)| key != "mode" && key != "mtime"), "{:?}", plain.metadata);
    }
}

/// A dry run only reads, and says what a real run then does.
#[test]
fn dry_run_writes_nothing_and_tells_the_truth() {
    let target = Target::start();
    let old = noise(1, 12 << 20);
    target.file("data/large", &old);
    target.file("data/small", "small");
    let before = target.sync("data/", "p", &["-n"]).ok();
    assert_eq!(target.double().keys("bucket"), [""; 0]);
    assert!(only_reads(&target.double().requests()));
    assert_eq!((&before.json()["dry_run"], &before.json()["verified"]), (&true.into(), &false.into()));
    assert_eq!(before.number("bytes_uploaded"), old.len() as u64 + 5);
    target.sync("data/", "p", &[]).ok();

    target.file("data/large", [b"?", &old[..]].concat());
    target.file("data/new", "new");
    target.double().clear_requests();
    let would = target.sync("data/", "p", &["--dry-run"]).ok();
    let requests = target.double().requests();
    assert!(only_reads(&requests), "{:?}", requests.iter().map(|request| request.kind).collect::<Vec<_>>());
    target.assert_holds("p/large", &old);
    let did = target.sync("data/", "p", &[]).ok();
    for field in ["files_uploaded", "files_unchanged", "bytes_total", "bytes_uploaded", "bytes_copied"] {
        assert_eq!(would.number(field), did.number(field), "{field}");
    }
    let said = run(&mut target.sync_command("data/", "s3://bucket/q", &["-nv"])).ok();
    assert!(said.stdout.contains("would upload") && said.stdout.contains("Would upload"), "{}", said.text());
}

fn only_reads(requests: &[RequestRecord]) -> bool {
    let read = |kind| ["HeadObject", "GetObject", "ListObjectsV2", "ListMultipartUploads", "ListParts"].contains(&kind);
    !requests.is_empty() && requests.iter().all(|request| read(request.kind))
}

#[test]
fn verbose_says_more_each_time() {
    let target = Target::start();
    let path = target.file("x.img", noise(1, 6 << 20));
    let mut lens = Vec::new();
    for option in [None, Some("-v"), Some("-vv"), Some("-vvv")] {
        target.double().delete("bucket", "x.img");
        target.double().delete("bucket", "x.img.hssig");
        let run = run(target.sync_command(&path, "s3://bucket/", &DELTA).args(option)).ok();
        let last = run.stdout.lines().last().unwrap_or_default().to_owned();
        assert!(last.starts_with("Uploaded ") && last.ends_with(", verified"), "{}", run.text());
        assert_eq!(run.stdout.lines().count(), if option.is_some() { 2 } else { 1 }, "{}", run.text());
        assert_eq!(run.stdout.starts_with("uploaded     "), option.is_some(), "{}", run.text());
        assert!(!run.stderr.contains("testtest"), "the secret is nobody's business");
        lens.push(run.stderr.len());
    }
    assert_eq!(&lens[..2], [0, 0], "nothing to say");
    assert!(lens[2] > 0 && lens[3] > lens[2], "{lens:?}");
}

/// Without a terminal, a line every five seconds.
#[test]
fn progress_without_a_terminal() {
    let target = Target::start();
    let path = target.file("x.img", noise(1, 12 << 20));
    target.double().inject(Fault::next("UploadPart", FaultAction::Stall(Duration::from_secs(6))));
    let run = run(target.sync_command(&path, "s3://bucket/", &DELTA).arg("-P")).ok();
    let line = run.stderr.lines().find(|line| line.starts_with("progress: "));
    assert!(line.is_some_and(|line| line.contains("12.00 MiB") && line.contains("/1 files")), "{}", run.text());
}

/// `--jobs` is how many uploads are under way at once.
#[test]
fn jobs_bound_uploads_under_way() {
    for (jobs, least, most) in [("1", 1, 1), ("3", 2, 3)] {
        let target = Target::start();
        let path = target.file("x.img", noise(1, 48 << 20));
        target.double().inject(Fault::next("UploadPart", FaultAction::Stall(Duration::from_millis(200))).times(99));
        target.sync(&path, "x.img", &["-j", jobs]).ok();
        let requests = target.double().requests();
        let spans: Vec<(SystemTime, SystemTime)> = requests
            .iter()
            .filter(|request| request.kind == "UploadPart")
            .map(|request| (request.started, request.started + request.took))
            .collect();
        let at_once = |at: SystemTime| spans.iter().filter(|(start, end)| *start <= at && at < *end).count();
        let found = spans.iter().map(|(start, _)| at_once(*start)).max().unwrap_or_default();
        assert!((least..=most).contains(&found), "--jobs {jobs}: {found} at once");
    }
}

#[test]
fn delta_threshold_decides_who_gets_a_sidecar() {
    let target = Target::start();
    let path = target.file("x.img", noise(1, 3 << 20));
    for (threshold, sidecar) in [("3MB", true), ("3145729B", false), ("4", false), ("50MB", false), ("0", true)] {
        for key in target.double().keys("bucket") {
            target.double().delete("bucket", &key);
        }
        run(&mut target.sync_command(&path, "s3://bucket/", &["--delta-threshold", threshold])).ok();
        assert_eq!(target.get("x.img.hssig").is_some(), sidecar, "{threshold}");
    }
}

#[test]
fn block_size_is_that_of_new_sidecars() {
    let target = Target::start();
    let bytes = noise(1, 9 << 20);
    let path = target.file("x.img", &bytes);
    for (size, kib, note) in [
        ("64", 64, None),
        ("100", 64, Some("note: a block size of 102400 bytes is rounded down to 64 KB, a power of two")),
        ("1MB", 1024, None),
        ("5120KB", 4096, Some("note: a block size of 5242880 bytes is rounded down to 4096 KB")),
    ] {
        target.double().delete("bucket", "x.img");
        target.double().delete("bucket", "x.img.hssig");
        let options = ["--delta-threshold=1MB", "--block-size", size];
        let run = run(&mut target.sync_command(&path, "s3://bucket/", &options)).ok();
        let claim = first_claim(&target.get("x.img.hssig").expect("a sidecar"));
        assert_eq!(claim.block_len.bytes(), kib << 10, "{size}");
        match note {
            Some(note) => drop(run.says(note)),
            None => assert_eq!(run.stderr, ""),
        }
    }
    // An old sidecar of another block length serves as well.
    fs::write(&path, [&bytes[..], b"more"].concat()).expect("a file");
    let run = target.sync(&path, "x.img", &[]).ok();
    assert_eq!(run.of_file("action"), "stitched", "{}", run.text());
    assert_eq!(first_claim(&target.get("x.img.hssig").expect("a sidecar")).block_len.bytes(), 64 << 10);
}

/// Without sidecars none is read or written; equal files are found by their checksum, changed ones are uploaded whole.
#[test]
fn no_sidecar_uploads_whole() {
    let target = Target::start();
    let old = noise(1, 9 << 20);
    let path = target.file("x.img", &old);
    target.sync(&path, "x.img", &["--no-sidecar"]).ok();
    assert_eq!(target.double().keys("bucket"), ["x.img"]);
    let same = target.sync(&path, "x.img", &["--no-sidecar"]).ok();
    assert_eq!((same.of_file("action").as_str(), same.verified()), ("unchanged", true), "{}", same.text());
    let new = [b"?", &old[..]].concat();
    let changed = target.sync(target.file("x.img", &new), "x.img", &["--no-sidecar"]).ok();
    assert_eq!(changed.number("bytes_uploaded"), new.len() as u64);
    assert_eq!(changed.number("bytes_sidecar_down") + changed.number("bytes_sidecar_up"), 0);
    target.assert_holds("x.img", &new);
    assert!(target.double().requests().iter().all(|request| !request.key.ends_with(".hssig")));

    // One that was written meanwhile without sidecars gets its sidecar when it is found equal.
    let back = target.sync(&path, "x.img", &[]).ok();
    assert_eq!(back.of_file("action"), "unchanged", "{}", back.text());
    assert!(target.get("x.img.hssig").is_some());
}

/// A run without sidecars leaves a stale one behind; the next with them notices.
#[test]
fn no_sidecar_leaves_a_stale_one_that_is_noticed() {
    let target = Target::start();
    let old = noise(1, 9 << 20);
    let path = target.file("x.img", &old);
    target.sync(&path, "x.img", &[]).ok();
    let new = [b"?", &old[..]].concat();
    target.sync(target.file("x.img", &new), "x.img", &["--no-sidecar"]).ok();
    let newer = [b"??", &new[..]].concat();
    let run = target.sync(target.file("x.img", &newer), "x.img", &[]).ok();
    assert!(run.warnings().contains("no signature in the sidecar is of the object that stands"), "{}", run.text());
    target.assert_holds("x.img", &newer);
}

#[test]
fn endpoint_region_and_profile_say_where_and_who() {
    let target = Target::start();
    let path = target.file("x", "x");
    let bad = run(target.command().args(["sync", "--endpoint-url", "127.0.0.1:1"]).arg(&path).arg("s3://bucket/"));
    bad.exits(1)
        .says("endpoint \"127.0.0.1:1\" is not an http:// or https:// URL")
        .says("hint: write it like https://");
    let nowhere = run(target.command().env_remove("AWS_REGION").arg("sync").arg(&path).arg("s3://bucket/"));
    nowhere.exits(1).says("no region is set for bucket \"bucket\"").says("hint: name it with --region");
    // The signature names the region: a listener that never answers reads it.
    for (options, region) in [(&[][..], "us-east-1"), (&["--region", "eu-west-1"], "eu-west-1")] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let mut command = target.command();
        command.args(["sync", "--endpoint-url", &endpoint]).args(options).arg(&path).arg("s3://bucket/");
        let running = start(&mut command);
        let (socket, _) = listener.accept().expect("a connection");
        let head = BufReader::new(socket).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let signed = head.filter(|line| line.to_lowercase().starts_with("authorization:")).collect::<String>();
        running.kill();
        assert!(signed.contains(&format!("/{region}/s3/")), "{options:?}: {signed}");
    }
}

/// Who names a profile means it, as with the AWS CLI: no keys of another account are used in its place.
#[test]
fn a_profile_that_is_named_decides() {
    let target = Target::start();
    let path = target.file("x", "x");
    let keys = "[ci]\naws_access_key_id = test\naws_secret_access_key = testtest\n\
                [other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s\n";
    let credentials = target.file("credentials", keys);
    let config = target.file(
        "config",
        "[profile bare]\nregion = us-east-1\n[profile lost]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = gone\n",
    );
    let sync = |keys: [&str; 2], environment: &[(&str, &str)], options: &[&str]| {
        let mut command = bare_command();
        command.env("AWS_SHARED_CREDENTIALS_FILE", &credentials).env("AWS_CONFIG_FILE", &config);
        command.env("AWS_REGION", "us-east-1").envs(environment.iter().copied());
        if !keys[0].is_empty() {
            command.env("AWS_ACCESS_KEY_ID", keys[0]).env("AWS_SECRET_ACCESS_KEY", keys[1]);
        }
        command.args(["sync", "--endpoint-url", &target.endpoint, "--path-style"]).args(options);
        run(command.arg(&path).arg("s3://bucket/"))
    };
    let (good, bad, none) = (["test", "testtest"], ["AKIANOBODY", "s"], ["", ""]);
    sync(none, &[], &["--profile", "ci"]).ok();
    sync(none, &[], &[]).exits(1).says("no credentials were found");
    sync(bad, &[], &["--profile", "ci"]).ok();
    sync(good, &[], &["--profile", "other"]).exits(1).says("InvalidAccessKeyId");
    // Where only a variable names it, keys in other variables come first.
    sync(good, &[("AWS_PROFILE", "other")], &[]).ok();
    sync(none, &[("AWS_PROFILE", "ci")], &[]).ok();
    sync(bad, &[("AWS_PROFILE", "other")], &["--profile", "ci"]).ok();

    target.double().clear_requests();
    for (profile, says) in [
        ("ic", "there is no profile \"ic\" in the AWS configuration files"),
        ("bare", "the AWS configuration files hold no credentials for profile \"bare\""),
        ("lost", "cannot load the credentials: "),
    ] {
        let refused = sync(good, &[], &["--profile", profile, "--json"]).exits(1).says(says).says("hint: ");
        assert!(refused.json()["error"]["message"].as_str().is_some_and(|text| text.contains(says)));
    }
    assert_eq!(target.double().traffic().requests, 0);
}

/// An option overrides the environment.
#[test]
fn options_come_before_the_environment() {
    let target = Target::start();
    let path = target.file("x", "x");
    let mut command = target.sync_command(&path, "s3://bucket/", &["--region", "us-east-1"]);
    command.env("AWS_REGION", "eu-west-1").env("AWS_DEFAULT_REGION", "eu-west-1");
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1").env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
    run(&mut command).ok();
    let mut verbose = target.sync_command(&path, "s3://bucket/", &["-vvv"]);
    run(verbose.env("RUST_LOG", "off")).ok().says("HeadObject");
}

/// With `--path-style` the bucket is in the path, whatever the host is called.
#[test]
fn path_style_keeps_the_host() {
    let target = Target::start();
    let path = target.file("x", "x");
    let by_name = target.endpoint.replace("127.0.0.1", "localhost");
    let sync = |options: &[&str]| {
        let mut command = target.command();
        start(command.args(["sync", "--endpoint-url", &by_name]).args(options).arg(&path).arg("s3://bucket/"))
    };
    sync(&["--path-style"]).wait().ok();
    let hosts = || -> Vec<String> {
        target.double().requests().iter().filter_map(|request| request.header("host").map(str::to_owned)).collect()
    };
    assert!(!hosts().is_empty() && hosts().iter().all(|host| host.starts_with("localhost:")), "{:?}", hosts());
    target.double().clear_requests();
    // The name of such a host is not known everywhere, and looked for again and again.
    let running = sync(&[]);
    std::thread::sleep(Duration::from_secs(1));
    running.kill();
    assert!(hosts().iter().all(|host| host.starts_with("bucket.localhost:")), "{:?}", hosts());
}

/// With `--log-format json` every line on stderr is an object, whoever writes it.
#[test]
fn log_lines_are_json() {
    let target = Target::start();
    let old = noise(1, 6 << 20);
    target.put("x.img", &old);
    target.put("x.img.hssig", "no sidecar");
    let path = target.file("x.img", [b"?", &old[..]].concat());
    for (options, destination, code) in [
        (&["-vvv", "--block-size=64"][..], "s3://bucket/x.img", 0),
        (&["--block-size=100"], "s3://bucket/y.img", 0),
        (&[], "s3://no-such-bucket/x.img", 1),
        (&["--delete"], "s3://bucket/x.img", 1),
    ] {
        let options = [options, &["--log-format=json", "--delta-threshold=1MB"]].concat();
        let run = run(&mut target.sync_command(&path, destination, &options)).exits(code);
        assert!(!run.stderr.is_empty(), "{}", run.text());
        for line in run.stderr.lines() {
            let parsed: Result<Value, _> = serde_json::from_str(line);
            assert!(parsed.is_ok_and(|value| value.is_object()), "{line:?} is no JSON object: {}", run.text());
        }
    }
}
