//! Which make of store answers, as far as hosts and headers tell, and what that means for copies of ranges.
//!
//! It sends nothing to find out, and knows nothing of single objects.

use std::sync::atomic::{AtomicU8, Ordering};

use aws_smithy_runtime_api::http::Headers;

use crate::store::Copies;

/// A make of store that is known to differ from the others in what matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Make {
    /// Not known.
    Unknown,
    /// AWS itself.
    Aws,
    /// Cloudflare R2.
    R2,
    /// MinIO.
    Minio,
}

impl Make {
    const fn from_u8(number: u8) -> Self {
        match number {
            1 => Self::Aws,
            2 => Self::R2,
            3 => Self::Minio,
            _ => Self::Unknown,
        }
    }

    /// By the host of a URL: AWS general reference, "Amazon S3 endpoints"; R2's documentation, "S3 API compatibility".
    pub(super) fn of_host(host: &str) -> Self {
        let ends_with = |suffixes: &[&str]| suffixes.iter().any(|suffix| host.ends_with(suffix));
        if ends_with(&[".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"]) {
            Self::Aws
        } else if ends_with(&[".r2.cloudflarestorage.com"]) {
            Self::R2
        } else {
            Self::Unknown
        }
    }

    /// By the headers of an answer. That it comes from AWS no header proves.
    fn of_answer(headers: &Headers) -> Self {
        match headers.get("server") {
            // MinIO's `setCommonHeaders`.
            Some("MinIO") => Self::Minio,
            // Any store may stand behind Cloudflare's proxy, and most name their requests; R2 does not.
            Some("cloudflare") if headers.get("cf-ray").is_some() && headers.get("x-amz-request-id").is_none() => {
                Self::R2
            }
            _ => Self::Unknown,
        }
    }
}

/// What has been seen of the store.
#[derive(Debug, Default)]
pub(super) struct SeenMake {
    host: AtomicU8,
    answer: AtomicU8,
    copied: AtomicU8,
}

/// What trying has shown of copies of ranges, where the make says nothing.
#[repr(u8)]
enum Tried {
    Copied = 1,
    Refused = 2,
}

impl SeenMake {
    /// A request goes to this host. Read off each request because an endpoint may come from an option, from the environment
    /// or from a profile, and only the SDK knows which one counts.
    pub(super) fn sent_to(&self, host: &str) {
        self.host.store(Make::of_host(host) as u8, Ordering::Relaxed);
    }

    /// An answer with these headers has come. What fails on the way may be a proxy's answer and not the store's.
    pub(super) fn answered(&self, status: u16, headers: &Headers) {
        if status < 500 {
            self.answer.store(Make::of_answer(headers) as u8, Ordering::Relaxed);
        }
    }

    /// The make, by the last request: its host decides before its answer.
    pub(super) fn make(&self) -> Make {
        match Make::from_u8(self.host.load(Ordering::Relaxed)) {
            Make::Unknown => Make::from_u8(self.answer.load(Ordering::Relaxed)),
            known => known,
        }
    }

    /// A range was copied.
    pub(super) fn has_copied(&self) {
        self.copied.store(Tried::Copied as u8, Ordering::Relaxed);
    }

    /// The store has said that it does not know how to copy ranges.
    pub(super) fn has_refused(&self) {
        let _ = self.copied.compare_exchange(0, Tried::Refused as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether ranges can be copied (docs/S3.md, "Stores that differ").
    pub(super) fn copies(&self) -> Copies {
        const COPIED: u8 = Tried::Copied as u8;
        const REFUSED: u8 = Tried::Refused as u8;
        match (self.make(), self.copied.load(Ordering::Relaxed)) {
            (Make::Aws, _) => Copies::Work,
            (Make::R2, _) => Copies::Refused("R2 does not copy ranges on a condition"),
            (Make::Minio, _) => Copies::Refused("MinIO does not copy ranges into an upload with a checksum"),
            (Make::Unknown, COPIED) => Copies::Work,
            (Make::Unknown, REFUSED) => Copies::Refused("the store does not copy ranges of the old version"),
            (Make::Unknown, _) => Copies::Untried,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in all {
            headers.insert(*name, *value);
        }
        headers
    }

    #[test]
    fn some_are_known_by_their_hosts() {
        for (host, make) in [
            ("bucket.s3.eu-west-1.amazonaws.com", Make::Aws),
            ("s3.cn-north-1.amazonaws.com.cn", Make::Aws),
            ("bucket.vpce-1.s3.us-east-1.vpce.amazonaws.com", Make::Aws),
            ("0123abcd.r2.cloudflarestorage.com", Make::R2),
            ("bucket.0123abcd.eu.r2.cloudflarestorage.com", Make::R2),
            ("127.0.0.1", Make::Unknown),
            ("amazonaws.com.example.org", Make::Unknown),
            ("notamazonaws.com", Make::Unknown),
            ("notr2.cloudflarestorage.com", Make::Unknown),
        ] {
            assert_eq!(Make::of_host(host), make, "{host}");
        }
    }

    #[test]
    fn some_say_what_they_are() {
        let (server, ray, id) = (("server", "cloudflare"), ("cf-ray", "8f2a-FRA"), ("x-amz-request-id", "1"));
        assert_eq!(Make::of_answer(&headers(&[server, ray])), Make::R2);
        assert_eq!(Make::of_answer(&headers(&[server, ray, id])), Make::Unknown, "another one behind the proxy");
        assert_eq!(Make::of_answer(&headers(&[("server", "MinIO"), id])), Make::Minio);
        for other in ["AmazonS3", "MinIO Enterprise", "nginx"] {
            assert_eq!(Make::of_answer(&headers(&[("server", other), id])), Make::Unknown, "{other}");
        }
        assert_eq!(Make::of_answer(&headers(&[])), Make::Unknown);
    }

    #[test]
    fn what_is_known_goes_before_what_was_tried() {
        let seen = SeenMake::default();
        assert_eq!(seen.copies(), Copies::Untried);
        seen.has_refused();
        assert!(matches!(seen.copies(), Copies::Refused(_)));
        seen.has_copied();
        seen.has_refused();
        assert_eq!(seen.copies(), Copies::Work, "it copies, if not everything");
        seen.answered(404, &headers(&[("server", "MinIO")]));
        assert!(matches!(seen.copies(), Copies::Refused(why) if why.contains("MinIO")));
        seen.answered(502, &headers(&[("server", "cloudflare"), ("cf-ray", "8f2a-FRA")]));
        assert!(matches!(seen.copies(), Copies::Refused(why) if why.contains("MinIO")), "a proxy's own answer");
        seen.sent_to("s3.us-east-1.amazonaws.com");
        assert_eq!((seen.copies(), seen.make()), (Copies::Work, Make::Aws));
    }
}
