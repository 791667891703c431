//! The JSON report: every field that is promised is there, has its type, and is true.

use std::process::Stdio;

use serde_json::Value;
use strict_s3::{Fault, FaultAction};

use super::support::{Target, noise};

#[test]
fn has_every_field() {
    let target = Target::start();
    let old = noise(1, 12 << 20);
    target.file("data/large", &old);
    target.file("data/same", "same");
    target.sync("data/", "p", &[]).ok();
    target.file("data/large", [b"?", &old[..]].concat());
    target.file("data/new", "new");
    target.file("data/refused", "refused");
    target.double().clear_requests();
    target.double().inject(Fault::next("PutObject", FaultAction::Status(403, "AccessDenied")).key("p/refused"));
    let run = target.sync("data/", "p", &[]).exits(3);
    let json = run.json();

    for field in
        ["version", "files_total", "files_uploaded", "files_unchanged", "files_skipped", "files_failed", "bytes_total"]
    {
        assert!(json[field].is_u64(), "{field}: {}", run.text());
    }
    assert_eq!(json["destination"], "s3://bucket/p/");
    assert_eq!([&json["dry_run"], &json["interrupted"]], [&Value::from(false); 2]);
    let counts = ["files_total", "files_uploaded", "files_unchanged", "files_failed"].map(|field| run.number(field));
    assert_eq!(counts, [4, 2, 1, 1], "{}", run.text());
    assert!(json["percent_saved"].as_f64().is_some_and(|percent| (50.0..60.0).contains(&percent)), "{}", run.text());
    assert!(json["duration_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert_eq!(json["verified"], true, "what stands is verified, the failure is counted apart");

    // The requests are those that the server has seen.
    let seen = target.double().requests();
    let requests = json["requests"].as_object().expect("requests by kind");
    for (kind, count) in requests {
        let seen = seen.iter().filter(|request| request.kind == kind).count() as u64;
        assert_eq!(count.as_u64(), Some(seen), "{kind}");
    }
    assert_eq!(requests.values().filter_map(Value::as_u64).sum::<u64>(), seen.len() as u64);

    let files = json["files"].as_array().expect("files");
    let keys: Vec<&str> = files.iter().filter_map(|file| file["key"].as_str()).collect();
    assert_eq!(keys, ["p/large", "p/new", "p/refused", "p/same"]);
    let actions: Vec<&str> = files.iter().filter_map(|file| file["action"].as_str()).collect();
    assert_eq!(actions, ["stitched", "uploaded", "failed", "unchanged"]);
    for file in files {
        for field in ["path", "key", "action", "reason", "verification"] {
            assert!(file[field].is_string(), "{field}: {file}");
        }
        assert!(file["path"].as_str().is_some_and(|path| path.starts_with("data/")), "{file}");
        assert!(file["verified"].is_boolean() && file["warnings"].is_array() && file["duration_seconds"].is_f64());
    }
    assert!(files[2]["error"]["message"].as_str().is_some_and(|text| text.contains("AccessDenied")));
    assert!(files[2]["error"]["hint"].is_string());
    for field in
        ["bytes_total", "bytes_uploaded", "bytes_copied", "bytes_resumed", "bytes_sidecar_down", "bytes_sidecar_up"]
    {
        let sum: u64 = files.iter().map(|file| file[field].as_u64().expect("a number")).sum();
        assert_eq!(run.number(field), sum, "{field} adds up");
    }

    // Bytes are those that the server has seen: payloads and sidecars.
    let body = |sidecar: bool, kinds: &[&str]| -> u64 {
        let about = |key: &str| key.ends_with(".hssig") == sidecar && key != "p/refused";
        seen.iter().filter(|r| kinds.contains(&r.kind) && about(&r.key)).map(|r| r.bytes_in).sum()
    };
    assert_eq!(run.number("bytes_uploaded"), body(false, &["UploadPart", "PutObject"]));
    assert_eq!(run.number("bytes_sidecar_up"), body(true, &["PutObject"]));
    // The tree is too small for an index, which is asked for.
    let sidecars = seen.iter().filter(|request| request.kind == "GetObject" && request.key != "p/.hssig");
    let down: u64 = sidecars.map(|request| request.bytes_out).sum();
    assert_eq!(run.number("bytes_sidecar_down"), down);
}

/// Data goes to stdout, everything else to stderr.
#[test]
fn is_all_there_is_on_stdout() {
    let target = Target::start();
    target.put("x.img", "other");
    target.put("x.img.hssig", "no sidecar");
    let path = target.file("x.img", noise(1, 6 << 20));
    let run = target.sync(path, "x.img", &["-vv", "-P"]).ok().says("warning: ");
    assert!(run.json().is_object());
}

/// `hugesync .. 2>&1 >report.json | head`: that nobody reads stderr any more does not stop a run that warns.
#[test]
fn comes_out_whole_when_nobody_reads_stderr() {
    let target = Target::start();
    target.file("data/file", "x");
    for name in ["link", "another"] {
        std::os::unix::fs::symlink("file", target.path(&format!("data/{name}"))).expect("a link");
    }
    let mut command = target.sync_command("data/", "s3://bucket/p", &["--json", "-vv"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    drop(child.stderr.take());
    let ended = child.wait_with_output().expect("its end");
    let report: Value = serde_json::from_slice(&ended.stdout).expect("a report");
    assert_eq!((ended.status.code(), report["files_uploaded"].as_u64()), (Some(0), Some(1)));
}
