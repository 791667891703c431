//! Arguments that make no sense: exit code 2, a message that says why, and no request.

use super::support::{Target, run};

#[test]
fn are_usage_errors() {
    let target = Target::start();
    target.file("x", "x");
    for (arguments, says) in [
        (&["x", "s3://bucket/", "--max-delete=101%"][..], "a share of them, like 10%"),
        (&["x", "s3://bucket/", "--delete", "--files-from=x"], "would delete all that the list does not name"),
        (&["x", "s3://bucket/", "--files-from=nowhere"], "cannot read nowhere"),
        (&["x", "s3://bucket/", "--exclude-from=nowhere"], "cannot read nowhere"),
        (&["x", "s3://bucket/", "--exclude=- "], "pattern"),
        (&["x", "s3://bucket/", "--shard=3/2"], "no I/N with I from 1 to N"),
        (&["x", "s3://bucket/", "--cache-control=*.html:"], "names no value"),
        (&["x", "s3://bucket/", "--tag=team"], "write it like team=data"),
        (&["x", "s3://bucket/", "--sse=rot13"], "aws:kms"),
        (&["x", "s3://bucket/", "--sse=AES256", "--sse-kms-key-id=x"], "--sse-kms-key-id goes with --sse aws:kms"),
        (&["x", "s3://bucket/", "--sse-customer-key-file=x"], "1 bytes that are no key"),
        (&["x", "s3://bucket/", "--backup-dir=s3://other/"], "--backup-dir is in bucket other"),
        (&["x", "s3://bucket/", "--backup-dir=old"], "--backup-dir"),
        (&["x", "s3://bucket/", "--bwlimit=0"], "nothing is ever uploaded"),
        (&["x", "s3://bucket/", "--checksum", "--size-only"], "--size-only"),
        (&["x", "s3://bucket/", "--config=nowhere"], "cannot read the configuration nowhere"),
        (&["x", "s3://bucket/", "--log-file=no/such/folder"], "cannot write the log file"),
        (&["s3://bucket/x", "y", "--acl=private"], "--acl is set on objects, and this is a download"),
        (&["s3://bucket/x", "gs://bucket/y"], "is no path"),
        (&["s3://bucket/x", "s3://bucket/y"], "from bucket to bucket is not supported yet"),
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
