//! HEAD has no body: why it was refused is asked for by GET, in the store's own words.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::scripted::{self, Answer};
use super::support::{Run, Target, run};

fn sync(target: &Target, endpoint: &str, options: &[&str]) -> Run {
    let mut command = target.command();
    command.args(["sync", "--endpoint-url", endpoint, "--path-style"]).args(options);
    run(command.arg(target.file("x", "a")).arg("s3://bucket/x"))
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Answer { status, headers: "content-type: application/xml".to_owned(), body }
}

/// A store for one file whose requests are all refused in one way.
fn that_refuses(answer: Answer) -> (String, Arc<Mutex<Vec<&'static str>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let endpoint = scripted::start(move |asked| {
        log.lock().expect("no poison").push(asked.operation);
        Some(answer.clone())
    });
    (endpoint, seen)
}

#[test]
fn that_are_refused_are_explained_by_a_get() {
    let target = Target::start();
    for (answer, says) in [
        (
            refused(403, "AccessDenied", "User: arn:aws:iam::1:user/ci is not authorized to perform: s3:GetObject."),
            "AccessDenied: User: arn:aws:iam::1:user/ci is not authorized to perform: s3:GetObject\n",
        ),
        (
            refused(
                400,
                "AuthorizationHeaderMalformed",
                "the region &apos;us-east-1&apos; is wrong; expecting &apos;eu-west-1&apos;",
            ),
            "the region 'us-east-1' is wrong; expecting 'eu-west-1'\nhint: name the bucket's region with --region",
        ),
        (refused(301, "PermanentRedirect", "Use another endpoint."), "hint: name the bucket's region with --region"),
        (refused(400, "KeyTooLongError", "Your key is too long."), "KeyTooLongError: Your key is too long\n"),
        (refused(409, "OperationAborted", "A conflicting operation."), "OperationAborted: A conflicting operation\n"),
    ] {
        let status = answer.status;
        let (endpoint, _) = that_refuses(answer);
        let run = sync(&target, &endpoint, &[]).exits(1).says(says);
        assert!(!run.stderr.contains(&format!("HTTP {status}")), "{}", run.text());
    }
}

/// A 404 says all.
#[test]
fn of_nothing_need_no_get() {
    let target = Target::start();
    target.sync(target.file("x", "a"), "x", &["--no-sidecar"]).ok();
    // One more for whether the destination is a folder.
    assert_eq!(target.double().count("HeadObject"), 2);
    assert_eq!(target.double().count("GetObject"), 0);
}

/// With a clock that is 20 minutes off, the first answer tells what time it is.
#[test]
fn find_out_that_the_clock_is_wrong() {
    let target = Target::start();
    let seconds = |time: SystemTime| DateTime::from(time).secs();
    let by_our_clock = move |asked: &scripted::Asked| {
        let date = asked.header("x-amz-date").to_owned();
        let (day, time) = (date.split_at_checked(8)?.0, date.get(9..15)?);
        let text = format!("{}-{}-{}T{}:{}:{}Z", &day[..4], &day[4..6], &day[6..], &time[..2], &time[2..4], &time[4..]);
        Some(DateTime::from_str(&text, Format::DateTime).ok()?.secs())
    };
    for minutes in [20, -20] {
        let put = Arc::new(Mutex::new(0));
        let count = Arc::clone(&put);
        let endpoint = scripted::start(move |asked| {
            let now = SystemTime::now();
            let away = Duration::from_secs(20 * 60);
            let now = if minutes > 0 { now + away } else { now - away };
            let date = DateTime::from(now).fmt(Format::HttpDate).expect("a date");
            let signed = by_our_clock(asked).unwrap_or_default();
            if (signed - seconds(now)).abs() > 15 * 60 {
                let mut answer = refused(403, "RequestTimeTooSkewed", "The difference is too large.");
                answer.headers = format!("date: {date}");
                return Some(answer);
            }
            if asked.operation == "PutObject" {
                *count.lock().expect("no poison") += 1;
            }
            let mut answer = scripted::sound(asked.operation);
            answer.headers = format!("{}\r\ndate: {date}", answer.headers).trim_start().to_owned();
            Some(answer)
        });
        sync(&target, &endpoint, &[]).ok();
        assert_eq!(*put.lock().expect("no poison"), 1, "{minutes} minutes");
    }
}
