//! `hugesync ci` as CI systems start it: settings in the environment, outputs and a summary in files. Credentials have tests
//! of their own, in `oidc.rs`; containers in `tests/image`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use strict_s3::{Fault, FaultAction};

use super::support::{Run, Target, github_outputs, noise, run, set_age, start};

/// Longer than any test waits.
const FOREVER: FaultAction = FaultAction::Stall(Duration::from_secs(600));

/// A job of no system that is known, with these settings beside those that find the store.
fn job(target: &Target, settings: &[(&str, &str)]) -> Command {
    let mut command = target.command();
    command.arg("ci").env("HUGESYNC_ENDPOINT_URL", &target.endpoint).env("HUGESYNC_PATH_STYLE", "true");
    command.env("HUGESYNC_DELTA_THRESHOLD", "1MB").envs(settings.iter().copied());
    command
}

/// A step of a GitHub job. What earlier steps have left is gone.
fn step(target: &Target, settings: &[(&str, &str)]) -> Command {
    let mut command = job(target, settings);
    for (variable, file) in [("GITHUB_OUTPUT", "outputs"), ("GITHUB_STEP_SUMMARY", "summary")] {
        let path = target.path(&format!(".{file}"));
        fs::write(&path, "").expect("a file");
        command.env(variable, path);
    }
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_REPOSITORY", "acme/site").env("GITHUB_RUN_ID", "42");
    command
}

fn left(target: &Target, file: &str) -> String {
    fs::read_to_string(target.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The outputs of a step.
fn outputs(target: &Target) -> BTreeMap<String, String> {
    let text = left(target, ".outputs");
    let found = github_outputs(&text);
    assert_eq!(found.len(), hugesync::ci::OUTPUTS.len(), "{text}");
    found
}

/// Asserts some outputs.
#[track_caller]
fn assert_outputs(target: &Target, run: &Run, expected: &[(&str, &str)]) {
    let outputs = outputs(target);
    let seen: Vec<(&str, &str)> = expected.iter().map(|(name, _)| (*name, outputs[*name].as_str())).collect();
    assert_eq!(seen, expected, "{}", run.text());
}

const SITE: [(&str, &str); 2] = [("INPUT_SOURCE", "site/"), ("INPUT_DESTINATION", "s3://bucket/site/")];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    SITE.iter().chain(more).copied().collect()
}

#[test]
fn a_fresh_checkout_uploads_nothing() {
    let target = Target::start();
    let disk = noise(1, 12 << 20);
    target.file("site/disk.img", &disk);
    target.file("site/index.html", "hello");
    let first = run(&mut step(&target, &SITE)).ok();
    assert_outputs(&target, &first, &[("result", "success"), ("changed", "true"), ("files-uploaded", "2")]);

    for name in ["site/disk.img", "site/index.html"] {
        set_age(&target.path(name), Duration::ZERO);
    }
    target.double().clear_requests();
    let second = run(&mut step(&target, &SITE)).ok();
    let unchanged = [("result", "unchanged"), ("changed", "false"), ("bytes-uploaded", "0"), ("files-unchanged", "2")];
    assert_outputs(&target, &second, &unchanged);
    for kind in ["PutObject", "UploadPart", "UploadPartCopy", "CreateMultipartUpload", "CopyObject"] {
        assert_eq!(target.double().count(kind), 0, "{kind}");
    }
    assert!(left(&target, ".summary").starts_with("## ✅ 12.0 MiB, unchanged"), "{}", left(&target, ".summary"));
}

#[test]
fn a_delta_is_told_in_numbers() {
    let target = Target::start();
    let mut disk = noise(1, 48 << 20);
    target.file("site/disk.img", &disk);
    target.file("site/old.html", "old");
    target.file("site/same.html", "same");
    run(&mut step(&target, &SITE)).ok();
    disk[20 << 20..(20 << 20) + 100].fill(7);
    target.file("site/disk.img", &disk);
    fs::remove_file(target.path("site/old.html")).expect("it was there");

    let settings = with(&[("INPUT_DELETE", "True"), ("INPUT_REPORT_PATH", "reports/r.json")]);
    // First what it would do.
    let mut command = step(&target, &settings);
    let dry = run(command.env("INPUT_DRY-RUN", "true")).ok();
    assert_outputs(&target, &dry, &[("result", "dry-run"), ("changed", "true"), ("files-deleted", "1")]);
    let planned = outputs(&target)["bytes-uploaded"].clone();
    let said =
        "## 🔍 Dry run&#58; 5.00 MiB of 48.0 MiB would be uploaded, up to 48.0 MiB if the store does not copy ranges (";
    assert!(left(&target, ".summary").starts_with(said), "{}", left(&target, ".summary"));
    let json: serde_json::Value = serde_json::from_str(&outputs(&target)["json"]).expect("JSON");
    assert_eq!(json["bytes_uploaded_at_most"], (48 << 20), "{json}");
    assert_eq!(json["bytes_uploaded_at_most"], json["runs"][0]["bytes_uploaded_at_most"]);
    assert!(target.get("site/old.html").is_some());

    let run = run(&mut step(&target, &settings)).ok();
    let expected = [
        ("result", "success"),
        ("changed", "true"),
        ("bytes-uploaded", planned.as_str()),
        ("files-total", "2"),
        ("files-uploaded", "1"),
        ("files-unchanged", "1"),
        ("files-deleted", "1"),
        ("files-failed", "0"),
        ("destination", "s3://bucket/site/"),
        ("destination-key", "site/"),
        ("report-path", "reports/r.json"),
    ];
    assert_outputs(&target, &run, &expected);
    target.assert_holds("site/disk.img", &disk);
    let number = |name: &str| outputs(&target)[name].parse::<f64>().expect("a number");
    assert!((5.0e6..6.0e6).contains(&number("bytes-uploaded")) && number("bytes-saved") > 44.0e6, "{}", run.text());
    assert!(number("percent-saved") > 85.0 && number("requests") > 5.0 && number("estimated-cost-usd") < 0.01);
    let json: serde_json::Value = serde_json::from_str(&outputs(&target)["json"]).expect("JSON");
    assert_eq!((&json["result"], &json["runs"][0]["files"]), (&"success".into(), &serde_json::Value::Null));
    let report: serde_json::Value = serde_json::from_str(&left(&target, "reports/r.json")).expect("JSON");
    assert_eq!(report["runs"][0]["files"].as_array().map(Vec::len), Some(3), "{report}");
    let summary = left(&target, ".summary");
    for text in ["48.0 MiB, 5.00 MiB uploaded", "<code>site/disk.img</code>", "1 object deleted", "🟦", "<details>"] {
        assert!(summary.contains(text), "nothing of {text}: {summary}");
    }
    assert!(summary.contains(" KiB of signatures, ") && summary.contains(" KiB of signatures read)"), "{summary}");

    // Nothing is left to do, and reading a signature to find that out is none of what would be done.
    super::support::run(step(&target, &settings).env("INPUT_DRY-RUN", "true")).ok();
    let summary = left(&target, ".summary");
    assert!(summary.starts_with("## 🔍 Dry run&#58; nothing to upload, 48.0 MiB, unchanged\n"), "{summary}");
    assert!(summary.contains("<b>0 B</b> to upload (") && summary.contains(" KiB of signatures read)"), "{summary}");
}

#[test]
fn failures_are_told_everywhere() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    for (settings, code, says) in [
        (vec![("INPUT_SOURCE", "site/")], 2, "destination is not set"),
        (with(&[("INPUT_JOBS", "many")]), 2, "jobs: \"many\" is of no use"),
        (with(&[("INPUT_DRY-RUN", "perhaps")]), 2, "dry-run: \"perhaps\" is neither true nor false"),
        (with(&[("INPUT_IF_NO_FILES_FOUND", "perhaps")]), 2, "if-no-files-found: \"perhaps\" is not known"),
        (with(&[("INPUT_SOURCE", "sight/")]), 1, "no file was found: sight/"),
        (with(&[("INPUT_SOURCE", "site/*.css")]), 1, "no file was found: site/*.css"),
        (with(&[("INPUT_DESTINATION", "s3://no-such-bucket/")]), 1, "NoSuchBucket"),
        (with(&[("INPUT_DESTINATION", "bucket/site")]), 2, "bucket/site"),
        (with(&[("AWS_SECRET_ACCESS_KEY", "wrong-and-secret")]), 1, "SignatureDoesNotMatch"),
        (with(&[("INPUT_AWS_ACCESS_KEY_ID", "half-of-it")]), 2, "aws-secret-access-key is not"),
        (with(&[("INPUT_DELETE", "true"), ("INPUT_FILES_FROM", ".outputs")]), 2, "delete with files-from"),
    ] {
        let run = run(&mut step(&target, &settings)).exits(code);
        assert_outputs(&target, &run, &[("result", "failed"), ("changed", "false"), ("bytes-uploaded", "0")]);
        let annotation = run.stdout.lines().find(|line| line.starts_with("::error ")).unwrap_or_default();
        assert!(annotation.contains(says), "{says}: {}", run.text());
        assert!(left(&target, ".summary").starts_with("## ❌ Nothing was synced"), "{}", left(&target, ".summary"));
    }
}

#[test]
fn some_files_that_fail_are_a_partial_success() {
    let target = Target::start();
    for name in ["a", "b", "c"] {
        target.file(&format!("site/{name}"), name);
    }
    target.double().inject(Fault::next("PutObject", FaultAction::Status(403, "AccessDenied")).key("site/b"));
    let run = run(&mut step(&target, &SITE)).exits(3);
    let expected = [("result", "partial"), ("changed", "true"), ("files-uploaded", "2"), ("files-failed", "1")];
    assert_outputs(&target, &run, &expected);
    assert!(run.stdout.contains("::error title=hugesync%3A 1 file failed::site/b: "), "{}", run.text());
    assert!(left(&target, ".summary").contains("<code>site/b</code>"), "{}", left(&target, ".summary"));
}

#[test]
fn a_source_without_files_may_be_one() {
    let target = Target::start();
    fs::create_dir(target.path("site")).expect("a folder");
    for (setting, code, says) in
        [("warn", 0, "::warning "), ("ignore", 0, "no file was found"), ("error", 1, "::error ")]
    {
        let run = run(&mut step(&target, &with(&[("INPUT_IF-NO-FILES-FOUND", setting)]))).exits(code);
        assert!(run.stdout.contains(says), "{}", run.text());
        assert_outputs(&target, &run, &[("changed", "false"), ("files-total", "0")]);
    }
    // Nothing there is still no reason to empty a bucket.
    target.put("site/precious", "x");
    let settings = with(&[("INPUT_IF-NO-FILES-FOUND", "ignore"), ("INPUT_DELETE", "true")]);
    let run = run(&mut step(&target, &settings)).exits(3);
    assert!(target.get("site/precious").is_some() && run.stdout.contains("::error"), "{}", run.text());
}

#[test]
fn several_sources_and_patterns() {
    let target = Target::start();
    for name in ["dist/app.tar", "dist/app.txt", "dist/deep/x.js", "dist/deep/x.min.js", "docs/index.html"] {
        target.file(name, name);
    }
    let sources = "dist/*.tar\ndocs/";
    run(&mut step(&target, &[("INPUT_SOURCE", sources), ("INPUT_DESTINATION", "s3://bucket/one/")])).ok();
    assert_eq!(target.double().keys("bucket"), ["one/app.tar", "one/index.html"]);
    let settings = [
        ("INPUT_SOURCE", "dist/**/*.js\ndist"),
        ("INPUT_DESTINATION", "s3://bucket/js/\ns3://bucket/two"),
        ("INPUT_EXCLUDE", "*.min.js, *.txt"),
    ];
    let run = run(&mut step(&target, &settings)).ok();
    let keys = target.double().keys("bucket");
    assert_eq!(keys[..1], ["js/deep/x.js"], "{keys:?}");
    assert_eq!(keys[3..], ["two/dist/app.tar", "two/dist/deep/x.js"], "{keys:?}");
    let destinations = "s3://bucket/js/\ns3://bucket/two/dist/";
    assert_outputs(&target, &run, &[("files-uploaded", "3"), ("destination", destinations)]);
}

#[test]
fn drone_s3_has_its_names() {
    let target = Target::start();
    target.file("public/js/app.js", "js");
    target.file("public/index.html", "html");
    let output = target.path("drone.out");
    fs::write(&output, "").expect("a file");
    let mut command = job(&target, &[]);
    command
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("DRONE", "true")
        .env("DRONE_OUTPUT", &output)
        .env("PLUGIN_ACCESS_KEY", &target.access_key)
        .env("PLUGIN_SECRET_KEY", &target.secret_key)
        .env("PLUGIN_REGION", strict_s3::REGION)
        .env("PLUGIN_BUCKET", "bucket")
        .env("PLUGIN_SOURCE", "public/**/*")
        .env("PLUGIN_TARGET", "/www")
        .env("PLUGIN_STRIP_PREFIX", "public/")
        .env("PLUGIN_CACHE_CONTROL", r#"{"*.html":"no-cache","*":"public, max-age=60"}"#);
    let run = run(&mut command).ok();
    assert_eq!(target.double().keys("bucket"), ["www/index.html", "www/js/app.js"], "{}", run.text());
    let control = |key| target.double().object("bucket", key).expect("it is there").cache_control;
    assert_eq!(control("www/index.html").as_deref(), Some("no-cache"));
    assert_eq!(control("www/js/app.js").as_deref(), Some("public, max-age=60"));
    assert!(left(&target, "drone.out").contains("HUGESYNC_OUT_FILES_UPLOADED=2\n"), "{}", left(&target, "drone.out"));
}

#[test]
fn every_system_gets_its_outputs() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    let file = target.path("variables");
    let path = file.to_str().expect("UTF-8");
    for (system, name, says) in [
        (&[("GITLAB_CI", "true")][..], "hugesync.env", "HUGESYNC_OUT_FILES_TOTAL=1\n"),
        (&[("CIRCLECI", "true"), ("BASH_ENV", path)], "variables", "export HUGESYNC_OUT_FILES_TOTAL='1'\n"),
        (
            &[("BITBUCKET_BUILD_NUMBER", "1"), ("BITBUCKET_PIPELINES_VARIABLES_PATH", path)],
            "variables",
            "HUGESYNC_OUT_FILES_TOTAL=1\n",
        ),
        (&[("CI", "woodpecker"), ("PLUGIN_OUTPUT_PATH", path)], "variables", "HUGESYNC_OUT_FILES_TOTAL=1\n"),
    ] {
        let _ = fs::remove_file(&file);
        let plain = [("HUGESYNC_SOURCE", "site/"), ("HUGESYNC_DESTINATION", "s3://bucket/site/")];
        let all: Vec<_> = plain.iter().chain(system).copied().collect();
        let run = run(&mut job(&target, &all)).ok();
        assert!(left(&target, name).contains(says), "{system:?}: {}{}", left(&target, name), run.text());
    }
    assert!(left(&target, "hugesync.env").lines().count() <= 20, "GitLab takes twenty variables");
}

/// What a shell drops on the way comes by the entrypoint's descriptor.
#[test]
fn no_shell_loses_a_setting() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    let entrypoint = Path::new(env!("CARGO_MANIFEST_DIR")).join("entrypoint.sh");
    let bin = Path::new(env!("CARGO_BIN_EXE_hugesync")).parent().expect("a folder");
    let mut tried = 0;
    for shell in [&["sh"][..], &["dash"], &["bash"], &["busybox", "sh"]] {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg(&entrypoint).env_clear();
        for (name, value) in
            step(&target, &with(&[("INPUT_DRY-RUN", "true"), ("INPUT_EXCLUDE", "a\n\nb c")])).get_envs()
        {
            command.env(name, value.expect("a value"));
        }
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).current_dir(target.path(""));
        if Command::new(shell[0]).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            continue;
        }
        let run = run(&mut command).ok();
        assert_outputs(&target, &run, &[("result", "dry-run"), ("files-uploaded", "1")]);
        tried += 1;
    }
    assert!(tried > 0 && target.double().keys("bucket").is_empty());
}

#[test]
fn a_cancelled_job_stops_in_time_and_says_how_far_it_came() {
    for signal in ["INT", "TERM"] {
        let target = Target::start();
        target.file("site/a.txt", "a");
        target.file("site/disk.img", noise(1, 24 << 20));
        target.double().inject(Fault::next("UploadPart", FOREVER).nth(2).times(u64::MAX));
        let running = start(&mut step(&target, &with(&[("INPUT_JOBS", "1")])));
        target.wait_for("UploadPart", 2);
        let begun = Instant::now();
        running.signal(signal);
        let run = running.wait().exits(130);
        assert!(begun.elapsed() < Duration::from_secs(7), "{:?}: {}", begun.elapsed(), run.text());
        assert_outputs(&target, &run, &[("result", "partial"), ("changed", "true"), ("files-uploaded", "1")]);
        assert!(left(&target, ".summary").contains("Cancelled"), "{}", left(&target, ".summary"));
        assert_eq!(target.unfinished(), ["site/disk.img"], "the next run goes on with it");
        target.double().clear_faults();
        let run = super::support::run(&mut step(&target, &SITE)).ok();
        assert!(run.stdout.contains("there from an interrupted run"), "{}", run.text());
    }
}

/// A store that answers nothing any more does not keep a cancelled job.
#[test]
fn a_store_that_hangs_does_not_hold_a_cancelled_job() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    for kind in ["ListObjectsV2", "PutObject", "HeadObject", "GetObject"] {
        target.double().inject(Fault::next(kind, FOREVER).times(u64::MAX));
    }
    let running = start(&mut step(&target, &SITE));
    target.wait_for("GetObject", 1);
    let begun = Instant::now();
    running.signal("INT");
    let run = running.wait().exits(130);
    assert!(begun.elapsed() < Duration::from_secs(7), "{}", run.text());
    assert_outputs(&target, &run, &[("result", "failed"), ("changed", "false")]);
}

#[test]
fn nothing_of_a_secret_is_printed() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let key = "AKIAIOSFODNN7EXAMPLE";
    let settings = with(&[
        ("INPUT_AWS_ACCESS_KEY_ID", key),
        ("INPUT_AWS_SECRET_ACCESS_KEY", secret),
        ("INPUT_DEBUG", "true"),
        ("INPUT_EXCLUDE", secret),
        ("INPUT_REPORT_PATH", "report.json"),
    ]);
    let run = run(&mut step(&target, &settings)).exits(1);
    let log: String = run.stdout.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
    assert!(run.stdout.contains(&format!("::add-mask::{secret}\n")), "{}", run.text());
    for text in [log, run.stderr, left(&target, ".outputs"), left(&target, ".summary"), left(&target, "report.json")] {
        assert!(!text.contains(secret) && !text.contains(key), "{text}");
    }
}

#[test]
fn only_what_include_names_is_taken() {
    let target = Target::start();
    for name in ["index.html", "app.js", "app.min.js", ".env", "deep/x.js"] {
        target.file(&format!("site/{name}"), name);
    }
    let both = with(&[("INPUT_INCLUDE", "*.js"), ("INPUT_EXCLUDE", "*.min.js")]);
    run(&mut step(&target, &both)).ok();
    assert_eq!(target.double().keys("bucket"), ["site/app.js", "site/deep/x.js"]);
    // And deleted is only what it names, too.
    target.put("site/index.html", "of somebody else");
    target.put("site/old.js", "x");
    let run = run(&mut step(&target, &[&both[..], &[("INPUT_DELETE", "true")]].concat())).ok();
    assert_eq!(target.double().keys("bucket"), ["site/app.js", "site/deep/x.js", "site/index.html"]);
    assert!(run.stdout.contains("1 object deleted"), "{}", run.text());
}

#[test]
fn a_share_may_be_empty() {
    let target = Target::start();
    target.file("site/only.html", "x");
    let shares = (1..=4).map(|share| run(&mut step(&target, &with(&[("INPUT_SHARD", &format!("{share}/4"))]))).ok());
    assert_eq!(shares.count(), 4);
    assert_eq!(target.double().keys("bucket"), ["site/only.html"]);
}

/// A checkout can hold links; what root writes must not go through them.
#[test]
fn no_link_leads_a_written_file_elsewhere() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    target.file("victim", "precious");
    target.file("outside/there", "x");
    std::os::unix::fs::symlink("victim", target.path("report.json")).expect("a link");
    std::os::unix::fs::symlink("outside", target.path("folder")).expect("a link");
    assert!(Command::new("mkfifo").arg(target.path("pipe")).status().expect("mkfifo").success());
    for (setting, path) in [
        ("INPUT_REPORT_PATH", "report.json"),
        ("INPUT_OUTPUT_PATH", "folder/new.env"),
        ("INPUT_SUMMARY_PATH", "pipe"),
        ("INPUT_REPORT_PATH", "site"),
    ] {
        let run = run(&mut step(&target, &with(&[(setting, path)]))).exits(3);
        assert_outputs(&target, &run, &[("result", "partial"), ("files-failed", "0"), ("report-path", "")]);
        assert!(run.stdout.contains(&format!(" {path}: ")), "{}", run.text());
        assert!(left(&target, ".summary").contains("annot write the"), "{}", left(&target, ".summary"));
    }
    assert_eq!(left(&target, "victim"), "precious");
    assert!(!target.path("outside/new.env").exists());
}

#[test]
fn what_a_job_writes_is_not_uploaded_by_the_next() {
    let target = Target::start();
    target.file("index.html", "hello");
    let settings = [
        ("INPUT_SOURCE", "./"),
        ("INPUT_DESTINATION", "s3://bucket/"),
        ("INPUT_EXCLUDE", ".outputs,.summary"),
        ("INPUT_REPORT_PATH", "out/report.json"),
        ("INPUT_SUMMARY_PATH", "summary.md"),
    ];
    run(&mut step(&target, &settings)).ok();
    let second = run(&mut step(&target, &settings)).ok();
    assert_outputs(&target, &second, &[("result", "unchanged"), ("files-total", "1")]);
    assert!(left(&target, "summary.md").contains("unchanged"));
}

#[test]
fn secrets_in_the_wrong_place_are_hidden() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    let key = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    let url = target.endpoint.replace("http://", "http://somebody:passw0rd@");
    for (setting, value, secret) in [
        ("INPUT_SSE_CUSTOMER_KEY_FILE", key, key),
        ("INPUT_OIDC_TOKEN_VARIABLE", "$eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJub25lIn0.e30."),
        ("INPUT_ENDPOINT_URL", url.as_str(), "passw0rd"),
    ] {
        let role = ("INPUT_ROLE_TO_ASSUME", "arn:aws:iam::123456789012:role/x");
        let run = run(&mut step(&target, &with(&[(setting, value), role])));
        let log: String = run.stdout.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
        for text in [log, left(&target, ".outputs"), left(&target, ".summary")] {
            assert!(!text.contains(secret), "{setting}: {text}");
        }
    }
}

#[test]
fn a_dry_run_tells_what_would_go() {
    let target = Target::start();
    target.file("site/index.html", "hello");
    for name in ["index.html", "a", "b", "c"] {
        target.put(&format!("site/{name}"), "x");
    }
    let settings = with(&[("INPUT_DELETE", "true"), ("INPUT_DRY_RUN", "true"), ("INPUT_MAX_DELETE", "3")]);
    let told = run(&mut step(&target, &settings)).ok();
    assert_outputs(&target, &told, &[("result", "dry-run"), ("files-deleted", "3"), ("changed", "true")]);
    assert!(left(&target, ".summary").lines().next().is_some_and(|line| line.contains("3 objects would be deleted")));
    // More than it may: a real run would delete none.
    let refused = run(&mut step(&target, &[&settings[..], &[("INPUT_MAX_DELETE", "2")]].concat())).exits(3);
    assert_outputs(&target, &refused, &[("result", "dry-run"), ("files-deleted", "0")]);
    assert!(refused.stdout.contains("dry-run: true lists them; max-delete: 3 lets them go"), "{}", refused.text());
}

/// What the user meant to prevent does not happen because of a slip.
#[test]
fn misspelt_names_and_values_do_nothing() {
    let target = Target::start();
    target.file("site/index.html", "new");
    target.put("site/old.html", "old");
    for (name, value, says) in [
        ("INPUT_DRYRUN", "true", "INPUT_DRYRUN is not known, and the input dry-run is probably meant"),
        ("INPUT_EXLUDE", "old.html", "the input exclude is probably meant"),
        ("HUGESYNC_MAX_DELETES", "0", "HUGESYNC_MAX_DELETE is probably meant"),
        ("INPUT_DRY_RUN", "ture", "dry-run: \"ture\" is neither true nor false"),
        ("INPUT_IF_NO_FILES_FOUND", "wran", "if-no-files-found: \"wran\" is not known"),
    ] {
        let refused = run(&mut step(&target, &with(&[("INPUT_DELETE", "true"), (name, value)]))).exits(2);
        assert!(refused.stdout.contains(says), "{}", refused.text());
        assert_outputs(&target, &refused, &[("result", "failed"), ("changed", "false")]);
        assert!(left(&target, ".summary").contains("probably meant") || !name.contains("EXLUDE"));
    }
    assert_eq!(target.double().traffic().requests, 0);

    let warned = run(&mut step(&target, &with(&[("INPUT_COLOUR", "blue")]))).ok();
    assert!(warned.stdout.contains("INPUT_COLOUR is not known and does nothing"), "{}", warned.text());
}

/// A job that restores what an earlier one has stored, works, and stores it again.
#[test]
fn a_dataset_is_restored_and_stored_again() {
    let target = Target::start();
    let disk = noise(1, 12 << 20);
    target.file("site/disk.img", &disk);
    target.file("site/sub/index.html", "hello");
    let restore = [("INPUT_SOURCE", "s3://bucket/site/"), ("INPUT_DESTINATION", "data/")];
    // The first run has nothing to restore.
    let nothing = [&restore[..], &[("INPUT_IF-NO-FILES-FOUND", "ignore")]].concat();
    let first = run(&mut step(&target, &nothing)).ok();
    assert_outputs(&target, &first, &[("result", "unchanged"), ("changed", "false")]);
    run(&mut step(&target, &restore)).exits(1);
    run(&mut step(&target, &SITE)).ok();

    let restored = run(&mut step(&target, &restore)).ok();
    let total = (disk.len() + 5).to_string();
    let expected = [
        ("result", "success"),
        ("changed", "true"),
        ("bytes-downloaded", total.as_str()),
        ("bytes-uploaded", "0"),
        ("destination", "data/"),
        ("destination-key", ""),
    ];
    assert_outputs(&target, &restored, &expected);
    assert!(left(&target, ".summary").contains("12.0 MiB downloaded"), "{}", left(&target, ".summary"));
    target.assert_file("data/disk.img", &disk);
    target.assert_file("data/sub/index.html", b"hello");

    let mut changed = disk.clone();
    changed[5 << 20..(5 << 20) + 50].fill(3);
    target.file("site/disk.img", &changed);
    run(&mut step(&target, &SITE)).ok();
    let again = run(&mut step(&target, &restore)).ok();
    target.assert_file("data/disk.img", &changed);
    let number = |name: &str| outputs(&target)[name].parse::<u64>().expect("a number");
    assert!(number("bytes-downloaded") <= 2 * (64 << 10), "{}", again.text());
    assert!(number("bytes-saved") > 11 << 20);
    let third = run(&mut step(&target, &restore)).ok();
    assert_outputs(&target, &third, &[("result", "unchanged"), ("changed", "false"), ("bytes-downloaded", "0")]);
}
