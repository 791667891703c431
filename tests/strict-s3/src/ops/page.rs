//! What all listings share: cutting a page with prefix, delimiter and marker, and the encoding of keys in answers.

use s3s::dto::{CommonPrefix, EncodingType};
use s3s::{S3Result, s3_error};

/// Most entries of a page, whatever is asked for (API reference, "ListObjectsV2").
const MAX_PAGE: usize = 1000;

/// One page of a listing.
pub(super) struct Page<T> {
    pub(super) entries: Vec<T>,
    pub(super) prefixes: Vec<String>,
    pub(super) truncated: bool,
    /// The last key or prefix given, where the page is not the last.
    pub(super) next: Option<String>,
}

/// Cuts a page from `entries`, which must be in order and begin behind `marker`.
///
/// With a delimiter, keys that share the text up to its first occurrence after the prefix count as one entry; a
/// marker that is such a prefix has been given already.
pub(super) fn page<'a, T>(
    entries: impl Iterator<Item = (&'a str, T)>,
    prefix: &str,
    delimiter: Option<&str>,
    marker: &str,
    max: usize,
) -> Page<T> {
    let mut page = Page { entries: Vec::new(), prefixes: Vec::new(), truncated: false, next: None };
    if max == 0 {
        return page;
    }
    for (key, entry) in entries.skip_while(|(key, _)| *key < prefix).take_while(|(key, _)| key.starts_with(prefix)) {
        let common = delimiter.filter(|d| !d.is_empty()).and_then(|d| {
            let at = key[prefix.len()..].find(d)?;
            Some(&key[..prefix.len() + at + d.len()])
        });
        if common.is_some_and(|common| common == marker || page.prefixes.last().is_some_and(|last| last == common)) {
            continue;
        }
        if page.entries.len() + page.prefixes.len() == max {
            page.truncated = true;
            return page;
        }
        page.next = Some(common.unwrap_or(key).to_owned());
        match common {
            Some(common) => page.prefixes.push(common.to_owned()),
            None => page.entries.push(entry),
        }
    }
    page.next = None;
    page
}

pub(super) fn page_size(asked: Option<i32>) -> S3Result<usize> {
    match asked {
        None => Ok(MAX_PAGE),
        Some(max) => usize::try_from(max)
            .map(|max| max.min(MAX_PAGE))
            .map_err(|_| s3_error!(InvalidArgument, "Argument maxKeys must be an integer between 0 and 2147483647")),
    }
}

/// How keys are written into a listing.
#[derive(Clone, Copy)]
pub(super) struct Encoding(bool);

impl Encoding {
    pub(super) fn new(asked: Option<&EncodingType>) -> S3Result<Self> {
        match asked.map(EncodingType::as_str) {
            None | Some("") => Ok(Self(false)),
            Some("url") => Ok(Self(true)),
            Some(_) => Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
        }
    }

    /// As query strings are encoded, a space being `+`, except that `/` and `*` stay.
    pub(super) fn write(self, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'*' => out.push(byte.into()),
                b' ' => out.push('+'),
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
        out
    }

    pub(super) fn write_opt(self, text: Option<&String>) -> Option<String> {
        text.map(|text| self.write(text))
    }

    pub(super) fn prefixes(self, prefixes: &[String]) -> Option<Vec<CommonPrefix>> {
        (!prefixes.is_empty())
            .then(|| prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.write(prefix)) }).collect())
    }
}
