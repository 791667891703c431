//! Servers that answer and are no S3: captive portals, web consoles, gateways. Nothing is believed without proof.

use super::scripted::{self, Answer};
use super::support::{DELTA, Run, Target, noise, run};

const PAGE: &str = "<!DOCTYPE html><html><body>Sign in</body></html>";
const HTML: &str = "content-type: text/html";
/// A server that tells this lie where it applies.
fn start(lie: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> String {
    scripted::start(move |asked| lie(asked.operation))
}

fn sync(target: &Target, endpoint: &str, source: &str, options: &[&str]) -> Run {
    let mut command = target.command();
    command.args(["sync", "--endpoint-url", endpoint, "--path-style", "--json"]).args(DELTA).args(options);
    run(command.arg(target.path(source)).arg(if source.ends_with('/') { "s3://bucket" } else { "s3://bucket/x" }))
}

/// That nothing was said to be stored or deleted.
fn did_nothing(run: &Run) {
    assert_ne!(run.code, Some(0), "{}", run.text());
    let json = run.json();
    for count in ["files_uploaded", "files_deleted", "files_unchanged"] {
        assert!([None, Some(0)].contains(&json[count].as_u64()), "{count}: {}", run.text());
    }
}

/// What a sign-in page says to everything.
#[test]
fn that_answer_everything_in_one_way_are_found_out() {
    let target = Target::start();
    target.file("tree/a", "a");
    target.file("x", "a");
    target.file("big", noise(1, 6 << 20));
    let answers: [(u16, &str, &str); 10] = [
        (200, HTML, PAGE),
        (200, "", ""),
        (200, "content-type: application/json", "{}"),
        (204, "", ""),
        (301, "location: https://portal.example/", ""),
        (302, "location: https://portal.example/", ""),
        (307, "location: https://portal.example/", PAGE),
        (403, HTML, PAGE),
        (404, HTML, PAGE),
        (405, HTML, PAGE),
    ];
    for answer in answers {
        let endpoint = start(move |_| Some(answer.into()));
        for (source, options) in [("x", &[][..]), ("big", &[]), ("tree/", &["--delete", "--max-delete=100%"])] {
            let run = sync(&target, &endpoint, source, options);
            did_nothing(&run);
            assert!(run.stderr.contains("not one of S3"), "{answer:?}: {}", run.text());
            assert!(run.stderr.contains("hint: this is probably not an S3 endpoint"), "{answer:?}: {}", run.text());
        }
    }
}

/// A source, an operation, the status, headers and body that it is answered with, and what is said of that.
type Row = (&'static str, &'static str, (u16, &'static str, &'static str), &'static str);

/// One lie among right answers.
#[test]
fn that_lack_what_every_answer_has_are_found_out() {
    let target = Target::start();
    target.file("tree/a", "a");
    target.file("x", "a");
    target.file("big", noise(1, 6 << 20));
    let rows: &[Row] = &[
        ("x", "PutObject", (200, "", ""), "HTTP 200 without ETag"),
        ("x", "PutObject", (200, "etag: \"\"", ""), "HTTP 200 without ETag"),
        ("x", "PutObject", (200, HTML, PAGE), "HTTP 200, text/html without ETag"),
        ("tree/", "PutObject", (200, "", ""), "HTTP 200 without ETag"),
        ("x", "HeadObject", (200, "", ""), "without ETag"),
        ("tree/", "ListObjectsV2", (200, "", ""), "without the document ListBucketResult"),
        ("tree/", "ListObjectsV2", (200, HTML, PAGE), "without the document ListBucketResult"),
        ("tree/", "ListObjectsV2", (302, "location: /login", ""), "sent on to /login"),
        (
            "tree/",
            "ListObjectsV2",
            (200, "", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
            "its document has no NextContinuationToken",
        ),
        (
            "big",
            "CreateMultipartUpload",
            (200, "", "<InitiateMultipartUploadResult></InitiateMultipartUploadResult>"),
            "its document has no UploadId",
        ),
        ("big", "CreateMultipartUpload", (200, HTML, PAGE), "without the document InitiateMultipartUploadResult"),
        ("big", "UploadPart", (200, "", ""), "without ETag"),
        ("big", "CompleteMultipartUpload", (200, "", ""), "without the document CompleteMultipartUploadResult"),
        ("big", "CompleteMultipartUpload", (200, HTML, PAGE), "without the document CompleteMultipartUploadResult"),
        (
            "big",
            "CompleteMultipartUpload",
            (200, "", "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"),
            "there is no such object",
        ),
    ];
    for &(source, operation, answer, says) in rows {
        let endpoint = start(move |asked| (asked == operation).then(|| answer.into()));
        let run = sync(&target, &endpoint, source, &[]);
        did_nothing(&run);
        assert!(run.stderr.contains(says), "{operation} {answer:?}: {}", run.text());
    }
}

/// What is not known to be deleted is not said to be.
#[test]
fn that_delete_nothing_are_found_out() {
    let target = Target::start();
    target.file("tree/a", "a");
    let delete = |endpoint: String| {
        let mut command = target.command();
        command.args(["sync", "--endpoint-url", &endpoint, "--path-style", "--json", "--delete", "--max-delete=100%"]);
        run(command.arg(target.path("tree/")).arg("s3://bucket"))
    };
    assert_eq!(delete(start(|_| None)).ok().number("files_deleted"), 2, "the test can tell");
    for answer in [(200, "", ""), (200, HTML, PAGE), (302, "location: /login", "")] {
        let run = delete(start(move |asked| (asked == "DeleteObjects").then(|| answer.into())));
        assert!(run.code != Some(0) && run.number("files_deleted") == 0, "{}", run.text());
        assert!(run.stderr.contains("not one of S3"), "{}", run.text());
    }
}
