//! Arguments that make no sense: exit code 2, a message that says why, and no request.

use super::support::{Target, run};

#[test]
fn are_usage_errors() {
    let target = Target::start();
    target.file("x", "x");
    for (arguments, says) in [
        (&["x", "s3://bucket/", "--delete"][..], "--delete is not supported yet"),
        (&["x", "s3://bucket/", "--delete-excluded"], "--delete-excluded is not supported yet"),
        (&["x", "s3://bucket/", "--ignore-missing-args"], "--ignore-missing-args is not supported yet"),
        (&["s3://bucket/x", "y"], "downloads are not supported yet"),
        (&["s3://bucket/x", "s3://bucket/y"], "downloads are not supported yet"),
        (&["x", "bucket/key"], "destination \"bucket/key\" is no s3://bucket/prefix URL"),
        (&["x", "/tmp/y"], "is no s3://bucket/prefix URL"),
        (&["x", "s3://"], "names no bucket"),
        (&["x", "s3:///key"], "names no bucket"),
        (&["x", "s3://two words/key"], "bucket name \"two words\""),
        (&["x", "gs://bucket/key"], "is no s3://bucket/prefix URL"),
        (&["x"], "DESTINATION"),
        (&[], "SOURCE"),
        (&["x", "s3://bucket/", "--jobs=0"], "--jobs"),
        (&["x", "s3://bucket/", "--jobs=many"], "--jobs"),
        (&["x", "s3://bucket/", "--jobs=18446744073709551615"], "a number from 1 to 1024 is wanted"),
        (&["x", "s3://bucket/", "--delta-threshold=fifty"], "--delta-threshold"),
        (&["x", "s3://bucket/", "--block-size=63"], "between 64 KB and 5120 KB"),
        (&["x", "s3://bucket/", "--block-size=6MB"], "between 64 KB and 5120 KB"),
        (&["x", "s3://bucket/", "--log-format=xml"], "xml"),
        (&["x", "s3://bucket/", "--no-such-option"], "--no-such-option"),
        (&["x", "y", "s3://bucket/"], "s3://bucket/"),
    ] {
        let mut command = target.command();
        command.args(["sync", "--endpoint-url", &target.endpoint, "--path-style"]).args(arguments);
        let refused = run(&mut command).exits(2).says(says);
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
    for arguments in [&["no-such-command"][..], &[], &["sign"]] {
        run(target.command().args(arguments)).exits(2);
    }
    assert_eq!(target.double().traffic().requests, 0);
}

#[test]
fn help_and_version_are_none() {
    let target = Target::start();
    for arguments in [&["--help"][..], &["--version"], &["sync", "--help"], &["sign", "--help"]] {
        let asked = run(target.command().args(arguments)).ok();
        assert!(!asked.stdout.is_empty() && asked.stderr.is_empty(), "{}", asked.text());
    }
}
