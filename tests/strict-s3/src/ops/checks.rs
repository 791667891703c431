//! Rules about single fields of a request: checksums, digests, encryption keys, tags, metadata, conditions of reads.
//!
//! Nothing here touches the state.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use s3s::dto::{self, ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders, s3_error};

use crate::digest::{self, Algorithm, Checksum, Digests};
use crate::limits::Limits;
use crate::state::{Attributes, Encryption, Object, precondition_failed};

/// An error with a code that `s3s` has no name for.
pub(crate) fn custom(status: u16, code: &'static str, message: impl Into<String>) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message.into());
    error.set_status_code(http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_REQUEST));
    error
}

/// What a request says of its body's checksum.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) algorithm: Option<Algorithm>,
    value: Option<String>,
    content_md5: Option<Vec<u8>>,
}

impl Claim {
    /// Reads the `x-amz-checksum-*`, `x-amz-trailer` and `Content-MD5` headers; refuses two checksums and bad base64.
    pub(super) fn new(
        given: Vec<(Algorithm, String)>,
        headers: &HeaderMap,
        content_md5: Option<&str>,
    ) -> S3Result<Self> {
        let content_md5 = match content_md5 {
            None => None,
            Some(text) => Some(
                digest::decode(text, 16)
                    .ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."))?,
            ),
        };
        let trailer = headers.get("x-amz-trailer").and_then(|value| value.to_str().ok());
        let trailer = trailer.and_then(|name| Algorithm::parse(name.trim().strip_prefix("x-amz-checksum-")?));
        let (algorithm, value) = match (given.as_slice(), trailer) {
            ([], None) => (None, None),
            ([], Some(algorithm)) => (Some(algorithm), None),
            ([(algorithm, value)], None) => (Some(*algorithm), Some(value.clone())),
            _ => return Err(s3_error!(InvalidRequest, "Expecting a single x-amz-checksum- header")),
        };
        if let (Some(algorithm), Some(value)) = (algorithm, &value) {
            well_formed(algorithm, value)?;
        }
        if algorithm.is_none() && headers.contains_key("x-amz-sdk-checksum-algorithm") {
            return Err(s3_error!(
                InvalidRequest,
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
                 headers were found."
            ));
        }
        Ok(Self { algorithm, value, content_md5 })
    }

    pub(super) fn has_md5(&self) -> bool {
        self.content_md5.is_some()
    }

    /// Compares with what came in; `trailers` are read now that the body has ended.
    pub(super) fn verify(mut self, digests: &Digests, trailers: Option<TrailingHeaders>) -> S3Result<()> {
        if let (Some(want), Some(got)) = (&self.content_md5, digests.md5)
            && want[..] != got
        {
            return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
        }
        let Some(algorithm) = self.algorithm else { return Ok(()) };
        if self.value.is_none() {
            let name = format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase());
            let trailers = trailers.and_then(|trailers| trailers.take());
            let value = trailers.and_then(|all| Some(all.get(&name)?.to_str().ok()?.to_owned()));
            let value =
                value.ok_or_else(|| custom(400, "MalformedTrailerError", "The request's trailer is missing"))?;
            well_formed(algorithm, &value)?;
            self.value = Some(value);
        }
        let got = digests.value(algorithm).map(digest::encode);
        if self.value == got { Ok(()) } else { Err(bad_digest(algorithm)) }
    }
}

fn well_formed(algorithm: Algorithm, value: &str) -> S3Result<()> {
    if digest::decode(value, algorithm.width()).is_some() {
        return Ok(());
    }
    let name = algorithm.name().to_ascii_lowercase();
    Err(s3_error!(InvalidRequest, "Value for x-amz-checksum-{name} header is invalid."))
}

/// 400 `BadDigest`: what was computed is not what the request said.
pub(super) fn bad_digest(algorithm: Algorithm) -> S3Error {
    s3_error!(BadDigest, "The {} you specified did not match the calculated checksum.", algorithm.name())
}

/// The checksum S3 stores for a body that came in one piece: the named one, else CRC64NVME.
pub(crate) fn stored_checksum(algorithm: Option<Algorithm>, digests: &Digests) -> Checksum {
    let algorithm = algorithm.unwrap_or(Algorithm::Crc64Nvme);
    Checksum::full(algorithm, digests.value(algorithm).unwrap_or_default())
}

/// Errors of a request body as it was read, by the codes S3 gives them.
pub(super) fn body_error(error: &StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        return custom(
            400,
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
    }
    if text.contains("SignatureMismatch") {
        return s3_error!(SignatureDoesNotMatch);
    }
    if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.raw_os_error().is_some()) {
        return s3_error!(InternalError, "{text}");
    }
    s3_error!(IncompleteBody, "The request body terminated unexpectedly: {text}")
}

/// Checks the three SSE-C headers and returns the key's MD5.
pub(crate) fn customer_key(
    algorithm: Option<&str>,
    key: Option<&str>,
    key_md5: Option<&str>,
) -> S3Result<Option<String>> {
    let (algorithm, key, key_md5) = match (algorithm, key, key_md5) {
        (None, None, None) => return Ok(None),
        (Some(algorithm), Some(key), Some(md5)) => (algorithm, key, md5),
        _ => return Err(s3_error!(InvalidArgument, "Requests specifying SSE-C must give algorithm, key and MD5.")),
    };
    if algorithm != "AES256" {
        return Err(s3_error!(InvalidArgument, "The encryption algorithm specified is not valid"));
    }
    let key = digest::decode(key, 32)
        .ok_or_else(|| s3_error!(InvalidArgument, "The secret key was invalid for the specified algorithm."))?;
    if digest::encode(&digest::md5(&key)) != key_md5 {
        return Err(s3_error!(
            InvalidArgument,
            "The calculated MD5 hash of the key did not match the hash that was provided."
        ));
    }
    Ok(Some(key_md5.to_owned()))
}

/// What a write asked for; SSE-S3 is what every object gets otherwise.
pub(super) fn encryption(
    algorithm: Option<String>,
    kms_key: Option<String>,
    bucket_key: Option<bool>,
    customer_key_md5: Option<String>,
) -> Encryption {
    let algorithm = if customer_key_md5.is_some() { None } else { algorithm.or(Some("AES256".to_owned())) };
    Encryption { algorithm, kms_key, bucket_key, customer_key_md5 }
}

/// Whether a reader brought the key the object was written with.
pub(super) fn check_customer_key(encryption: &Encryption, given: Option<&str>) -> S3Result<()> {
    match (encryption.customer_key_md5.as_deref(), given) {
        (None, None) => Ok(()),
        (Some(want), Some(got)) if want == got => Ok(()),
        (Some(_), Some(_)) => Err(s3_error!(AccessDenied, "Access Denied")),
        (Some(_), None) => Err(s3_error!(
            InvalidRequest,
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to \
             retrieve the object."
        )),
        (None, Some(_)) => {
            Err(s3_error!(InvalidRequest, "The encryption parameters are not applicable to this object."))
        }
    }
}

/// Names S3 knows; STANDARD is stored as none, since HEAD does not report it.
pub(super) fn storage_class(class: Option<&dto::StorageClass>) -> S3Result<Option<String>> {
    const KNOWN: [&str; 9] = [
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
        "OUTPOSTS",
    ];
    match class.map(dto::StorageClass::as_str) {
        None | Some("STANDARD") => Ok(None),
        Some(class) if KNOWN.contains(&class) => Ok(Some(class.to_owned())),
        Some(_) => Err(s3_error!(InvalidStorageClass, "The storage class you specified is not valid")),
    }
}

/// Archived objects cannot be read or copied.
pub(super) fn check_readable(object: &Object) -> S3Result<()> {
    match object.attributes.storage_class.as_deref() {
        Some("GLACIER" | "DEEP_ARCHIVE") => {
            Err(s3_error!(InvalidObjectState, "The operation is not valid for the object's storage class"))
        }
        _ => Ok(()),
    }
}

/// The `x-amz-tagging` header: a query string of at most 10 tags.
pub(super) fn tag_header(header: Option<&str>) -> S3Result<Vec<(String, String)>> {
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    let pairs = header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let tags = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(key)?, decode(value)?))
    });
    let tags: Option<Vec<_>> = tags.collect();
    check_tags(tags.ok_or_else(|| s3_error!(InvalidArgument, "The header 'x-amz-tagging' shall be encoded as UTF-8"))?)
}

/// At most 10, keys of 1 to 128 characters and unique, values up to 256 (user guide, "Categorizing objects using tags").
pub(super) fn check_tags(tags: Vec<(String, String)>) -> S3Result<Vec<(String, String)>> {
    if tags.len() > 10 {
        return Err(custom(400, "BadRequest", "Object tags cannot be greater than 10"));
    }
    for (i, (key, value)) in tags.iter().enumerate() {
        let (keys, values) = (key.chars().count(), value.chars().count());
        if keys == 0 || keys > 128 || values > 256 {
            return Err(s3_error!(InvalidTag, "The tag '{key}' is too short or too long"));
        }
        if tags[..i].iter().any(|(other, _)| other == key) {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple tags with the same key"));
        }
    }
    Ok(tags)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let pair = [bytes.next()?, bytes.next()?];
        out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
    }
    String::from_utf8(out).ok()
}

/// User metadata is at most 2 KiB, names and values together (user guide, "Working with object metadata").
pub(super) fn check_metadata(attributes: &Attributes, limits: &Limits) -> S3Result<()> {
    let size: usize = attributes.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > limits.max_metadata {
        return Err(s3_error!(MetadataTooLarge, "Your metadata headers exceed the maximum allowed metadata size"));
    }
    Ok(())
}

/// The conditions of a read, or those on a copy's source.
#[derive(Debug, Default)]
pub(super) struct ReadConditions<'a> {
    pub(super) if_match: Option<&'a ETagCondition>,
    pub(super) if_none_match: Option<&'a ETagCondition>,
    pub(super) if_modified_since: Option<&'a Timestamp>,
    pub(super) if_unmodified_since: Option<&'a Timestamp>,
}

impl ReadConditions<'_> {
    /// ETags win over dates (RFC 9110, section 13.2.2); `reading` makes 304 of what is 412 for a copy.
    pub(super) fn check(&self, etag: &str, modified: SystemTime, reading: bool) -> S3Result<()> {
        let matches = |condition: &ETagCondition| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(other) => other.value() == etag,
        };
        let modified = Timestamp::from(whole_seconds(modified));
        match (self.if_match, self.if_unmodified_since) {
            (Some(want), _) if !matches(want) => return Err(precondition_failed("If-Match")),
            (None, Some(date)) if modified > *date => return Err(precondition_failed("If-Unmodified-Since")),
            _ => {}
        }
        let unchanged = match (self.if_none_match, self.if_modified_since) {
            (Some(not), _) => matches(not),
            (None, Some(date)) => modified <= *date,
            (None, None) => false,
        };
        match (unchanged, reading) {
            (false, _) => Ok(()),
            (true, false) => Err(precondition_failed("If-None-Match")),
            (true, true) => {
                let mut error = S3Error::new(S3ErrorCode::NotModified);
                let mut headers = HeaderMap::new();
                if let Ok(value) = http::HeaderValue::from_str(&format!("\"{etag}\"")) {
                    headers.insert(http::header::ETAG, value);
                }
                error.set_headers(headers);
                Err(error)
            }
        }
    }
}

/// `Last-Modified` has no fractions, so neither may what is compared with it.
pub(super) fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
