//! Whether an answer is S3's: what every answer of its API has is checked here, once, before anybody believes one.
//!
//! It does not say what an answer of S3 means. A store may leave out whatever is not named here.

use std::fmt;

use aws_sdk_s3::config::interceptors::FinalizerInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata, OrchestratorError};
use thiserror::Error;

/// The longest address of a redirect that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// An answer that S3 does not give: what came, and what it lacks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the answer is not one of S3: {what} {lacks}")]
pub(super) struct NotS3 {
    what: String,
    lacks: Lack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    Header(&'static str),
    Document(&'static str),
    /// It brings a page where S3 says nothing.
    Silence,
    /// A status that S3 does not use here.
    Status,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "without {name}"),
            Self::Document(root) => write!(f, "without the document {root}"),
            Self::Silence => f.write_str("with a page that nobody asked for"),
            Self::Status => f.write_str("where S3 has another status"),
        }
    }
}

/// The connection ended in the middle of a document, which parses up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the document breaks off")]
pub(super) struct BrokenOff;

/// Turns answers that are not S3's into errors.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Proof;

impl Intercept for Proof {
    fn name(&self) -> &'static str {
        "Proof"
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("", Metadata::name);
        // No answer, or one whose reading has failed, is an error already.
        let read = context
            .output_or_error()
            .is_some_and(|result| result.map_or_else(|error| error.is_operation_error(), |_| true));
        let Some(answer) = context.response().filter(|_| read) else { return Ok(()) };
        let unproven = match proven(operation, answer) {
            // An error of another kind than the connection's is not tried again: a page stays a page.
            Err(lacks) => OrchestratorError::other(NotS3 { what: described(answer), lacks }),
            Ok(()) if breaks_off(operation, answer) => OrchestratorError::response(BrokenOff.into()),
            Ok(()) => return Ok(()),
        };
        if let Some(result) = context.output_or_error_mut() {
            *result = Err(unproven);
        }
        Ok(())
    }
}

/// What every S3 and every look-alike that we know answers to an operation (API reference, "Actions"). Request ids are not
/// among it: some leave them out.
fn proven(operation: &str, answer: &HttpResponse) -> Result<(), Lack> {
    let status = answer.status().as_u16();
    let body = answer.body().bytes().unwrap_or_default();
    match status {
        200..=299 => succeeded(operation, answer, body),
        // Sign-in pages. S3 names another region with 301, 307 and 308.
        302 | 303 | 511 => Err(Lack::Status),
        // Whoever it is that asks for patience, a gateway too.
        429 => Ok(()),
        // Behind a refusal without a body there is nothing to see; with HEAD it is always so.
        300..=499 if body.is_empty() => match status {
            301 | 307 | 308 if operation != "HeadObject" && !answer.headers().contains_key("x-amz-bucket-region") => {
                Err(Lack::Document("Error"))
            }
            _ => Ok(()),
        },
        300..=499 if root(body) != Some("Error") => Err(Lack::Document("Error")),
        // A gateway that cannot reach the store behind it answers with a page of its own.
        _ => Ok(()),
    }
}

fn succeeded(operation: &str, answer: &HttpResponse, body: &[u8]) -> Result<(), Lack> {
    let headers: &[&'static str] = match operation {
        "HeadObject" => &["ETag", "Last-Modified", "Content-Length"],
        "GetObject" => &["ETag", "Last-Modified"],
        "PutObject" | "UploadPart" => &["ETag"],
        _ => &[],
    };
    if root(body) == Some("Error") {
        return Ok(());
    }
    if let Some(lacking) = headers.iter().find(|name| !has(answer, name)) {
        return Err(Lack::Header(lacking));
    }
    match document(operation) {
        Some(document) if root(body) != Some(document) => Err(Lack::Document(document)),
        Some(_) => Ok(()),
        // Garage answers AbortMultipartUpload with 200.
        None if operation == "DeleteObject" && answer.status().as_u16() != 204 => Err(Lack::Status),
        None if is_page(answer, body) => Err(Lack::Silence),
        None => Ok(()),
    }
}

/// The document that an operation is answered with, by the name of its root.
fn document(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "CompleteMultipartUpload" => "CompleteMultipartUploadResult",
        "CopyObject" => "CopyObjectResult",
        "CreateMultipartUpload" => "InitiateMultipartUploadResult",
        "DeleteObjects" => "DeleteResult",
        "GetObjectTagging" => "Tagging",
        "ListMultipartUploads" => "ListMultipartUploadsResult",
        "ListObjectsV2" => "ListBucketResult",
        "ListParts" => "ListPartsResult",
        "UploadPartCopy" => "CopyPartResult",
        _ => return None,
    })
}

/// Whether a header is there and says something; an ETag of nothing but quotes does not.
fn has(answer: &HttpResponse, header: &str) -> bool {
    answer.headers().get(header).is_some_and(|value| !value.trim_matches('"').is_empty())
}

fn is_page(answer: &HttpResponse, body: &[u8]) -> bool {
    let is_html = |kind: &str| kind.trim_start().to_ascii_lowercase().starts_with("text/html");
    !body.is_empty() && (answer.headers().get("content-type").is_some_and(is_html) || root(body) == Some("html"))
}

/// Whether the connection ended inside a document. The SDK takes what it has read of it for all of it: a listing of some
/// objects for one of all.
fn breaks_off(operation: &str, answer: &HttpResponse) -> bool {
    let body = answer.body().bytes().unwrap_or_default().trim_ascii_end();
    if document(operation).is_none() || !answer.status().is_success() {
        return false;
    }
    let last = body.iter().rposition(|byte| *byte == b'<').map(|at| &body[at..]).unwrap_or_default();
    let closes = last.starts_with(b"</") && last.ends_with(b">") || last.ends_with(b"/>");
    !closes || name_in(last.strip_prefix(b"</").or(last.strip_prefix(b"<")).unwrap_or_default()) != root(body)
}

/// The name of a document's root element without its prefix.
fn root(body: &[u8]) -> Option<&str> {
    let mut rest = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    loop {
        rest = rest.trim_ascii_start().strip_prefix(b"<")?;
        let end: &[u8] = match rest {
            [b'!', b'-', b'-', ..] => b"-->",
            [b'?' | b'!', ..] => b">",
            _ => break,
        };
        let at = rest.windows(end.len()).position(|window| window == end)?;
        rest = &rest[at + end.len()..];
    }
    name_in(rest)
}

/// The name that a tag begins with, without its prefix.
fn name_in(tag: &[u8]) -> Option<&str> {
    let len = tag.iter().position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))?;
    let name = std::str::from_utf8(&tag[..len]).ok()?;
    Some(name.rsplit(':').next().unwrap_or(name))
}

/// An answer for people: status, media type, and where it sends them.
fn described(answer: &HttpResponse) -> String {
    let header = |name| answer.headers().get(name).filter(|value| !value.is_empty());
    let mut text = format!("HTTP {}", answer.status().as_u16());
    if let Some(kind) = header("content-type") {
        text.push_str(&format!(", {}", shown(kind)));
    }
    if let Some(to) = header("location") {
        text.push_str(&format!(", sent on to {},", shown(to)));
    }
    text
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    const XML: (&str, &str) = ("content-type", "application/xml");
    const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");
    const ETAG: (&str, &str) = ("etag", "\"0\"");
    const MODIFIED: (&str, &str) = ("last-modified", "Fri, 02 Jan 2026 00:00:00 GMT");
    const LEN: (&str, &str) = ("content-length", "5");
    const PAGE: &str = "<!DOCTYPE html>\n<html><body>Sign in</body></html>";
    const REFUSAL: &str = "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>";

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> HttpResponse {
        let mut answer = HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body));
        headers.iter().for_each(|(name, value)| _ = answer.headers_mut().insert(*name, *value));
        answer
    }

    #[test]
    fn every_operation_has_something_to_show() {
        let listing = "<?xml version='1.0'?><!-- ours --><s3:ListBucketResult xmlns:s3='x'></s3:ListBucketResult>";
        for (operation, answer) in [
            ("PutObject", answer(200, &[ETAG], "")),
            ("PutObject", answer(200, &[ETAG, HTML], "")),
            ("PutObject", answer(200, &[], REFUSAL)),
            ("UploadPart", answer(200, &[("etag", "W/\"0\"")], "")),
            ("HeadObject", answer(200, &[ETAG, MODIFIED, LEN, HTML], "")),
            ("GetObject", answer(206, &[ETAG, MODIFIED, HTML], "")),
            ("ListObjectsV2", answer(200, &[XML], listing)),
            ("ListObjectsV2", answer(200, &[], " \n<ListBucketResult/>")),
            ("DeleteObjects", answer(200, &[], "<DeleteResult xmlns=\"x\" />")),
            (
                "CompleteMultipartUpload",
                answer(200, &[], "\n <CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>\n"),
            ),
            ("CompleteMultipartUpload", answer(200, &[], REFUSAL)),
            ("UploadPartCopy", answer(200, &[XML], "<CopyPartResult><ETag>x</ETag></CopyPartResult>")),
            ("DeleteObject", answer(204, &[], "")),
            ("AbortMultipartUpload", answer(200, &[], "")),
            ("HeadObject", answer(301, &[], "")),
            ("HeadObject", answer(404, &[HTML], "")),
            ("GetObject", answer(301, &[("x-amz-bucket-region", "eu-west-1")], "")),
            ("GetObject", answer(307, &[("location", "https://b.s3.eu-west-1.amazonaws.com/")], REFUSAL)),
            ("ListObjectsV2", answer(403, &[], REFUSAL)),
            ("PutObject", answer(403, &[], "")),
            ("PutObject", answer(429, &[HTML], PAGE)),
            ("PutObject", answer(502, &[HTML], PAGE)),
        ] {
            assert_eq!(proven(operation, &answer), Ok(()), "{operation} {answer:?}");
            assert!(!breaks_off(operation, &answer), "{operation} {answer:?}");
        }
    }

    #[test]
    fn pages_are_not_answers() {
        for (operation, answer, lacks) in [
            ("PutObject", answer(200, &[HTML], PAGE), Lack::Header("ETag")),
            ("PutObject", answer(200, &[("etag", "\"\"")], ""), Lack::Header("ETag")),
            ("PutObject", answer(200, &[ETAG, HTML], PAGE), Lack::Silence),
            ("UploadPart", answer(200, &[ETAG], PAGE), Lack::Silence),
            ("UploadPart", answer(204, &[], ""), Lack::Header("ETag")),
            ("HeadObject", answer(200, &[MODIFIED, LEN], ""), Lack::Header("ETag")),
            ("HeadObject", answer(200, &[ETAG, LEN], ""), Lack::Header("Last-Modified")),
            ("HeadObject", answer(200, &[ETAG, MODIFIED], ""), Lack::Header("Content-Length")),
            ("GetObject", answer(200, &[HTML, MODIFIED], ""), Lack::Header("ETag")),
            ("ListObjectsV2", answer(200, &[], ""), Lack::Document("ListBucketResult")),
            ("ListObjectsV2", answer(200, &[HTML], PAGE), Lack::Document("ListBucketResult")),
            ("ListObjectsV2", answer(200, &[XML], "<DeleteResult/>"), Lack::Document("ListBucketResult")),
            ("CopyObject", answer(200, &[], ""), Lack::Document("CopyObjectResult")),
            ("UploadPartCopy", answer(200, &[], "{}"), Lack::Document("CopyPartResult")),
            ("DeleteObjects", answer(200, &[], ""), Lack::Document("DeleteResult")),
            ("DeleteObject", answer(200, &[], ""), Lack::Status),
            ("AbortMultipartUpload", answer(200, &[HTML], PAGE), Lack::Silence),
            ("HeadObject", answer(302, &[("location", "/login")], ""), Lack::Status),
            ("GetObject", answer(301, &[], ""), Lack::Document("Error")),
            ("GetObject", answer(308, &[HTML], PAGE), Lack::Document("Error")),
            ("GetObject", answer(403, &[HTML], PAGE), Lack::Document("Error")),
            ("DeleteObject", answer(404, &[HTML], PAGE), Lack::Document("Error")),
            ("PutObject", answer(405, &[], "{\"error\":\"no\"}"), Lack::Document("Error")),
            ("PutObject", answer(511, &[HTML], PAGE), Lack::Status),
        ] {
            assert_eq!(proven(operation, &answer), Err(lacks), "{operation} {answer:?}");
        }
    }

    /// Anything shorter than a whole document is no document.
    #[test]
    fn a_document_that_ends_early_is_noticed() {
        let whole = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><Prefix/><Contents><Key>a</Key></Contents>\
                     <IsTruncated>false</IsTruncated></ListBucketResult>";
        let of = |body: &str| answer(200, &[XML], body);
        for len in 0..whole.len() {
            let answer = of(&whole[..len]);
            let noticed = proven("ListObjectsV2", &answer).is_err() || breaks_off("ListObjectsV2", &answer);
            assert!(noticed, "{}", &whole[..len]);
        }
        assert!(!breaks_off("ListObjectsV2", &of(whole)));
    }

    #[test]
    fn what_came_is_said() {
        let answer = answer(302, &[HTML, ("location", "https://login.example/?to=x")], PAGE);
        let lacks = proven("PutObject", &answer).expect_err("a page");
        let error = NotS3 { what: described(&answer), lacks };
        assert_eq!(
            error.to_string(),
            "the answer is not one of S3: HTTP 302, text/html; charset=utf-8, sent on to https://login.example/?to=x, \
             where S3 has another status"
        );
    }
}
