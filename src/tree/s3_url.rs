//! `s3://bucket/prefix`, and the keys that files get under it.

use std::fmt;

use thiserror::Error;

/// A place in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket.
    pub bucket: String,
    /// What was written behind the bucket's slash: a key, a prefix, or nothing.
    pub path: String,
}

/// Why a text is no place in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadS3Url {
    /// It is no `s3://` URL.
    #[error("{0:?} is no s3://bucket/prefix URL")]
    NoS3Url(String),
    /// No bucket is named.
    #[error("{0:?} names no bucket")]
    NoBucket(String),
    /// The bucket's name has a character that none has.
    #[error("bucket name {0:?} has a character that bucket names do not have")]
    BadBucket(String),
}

/// A source as the user wrote it, as far as its name decides about keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName {
    /// The last component; empty where there is none that could name something (`.`, `..`, `/`).
    pub last: String,
    /// Whether the contents are meant instead of the directory itself: `data/`, `.`, `data/..`.
    pub contents: bool,
}

impl SourceName {
    /// Reads a source path by rsync's rule: with a slash at the end, or a last component that is no name, its contents
    /// are meant.
    pub fn parse(path: &str) -> Self {
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let nameless = matches!(last, "" | "." | "..");
        Self { last: if nameless { String::new() } else { last.to_owned() }, contents: nameless || path.ends_with('/') }
    }
}

impl S3Url {
    /// Reads `s3://bucket`, `s3://bucket/key` or `s3://bucket/prefix/`.
    pub fn parse(text: &str) -> Result<Self, BadS3Url> {
        let Some(rest) = text.strip_prefix("s3://") else { return Err(BadS3Url::NoS3Url(text.to_owned())) };
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(BadS3Url::NoBucket(text.to_owned()));
        }
        // The characters of bucket names old and new (S3 user guide, "General purpose bucket naming rules").
        if !bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
            return Err(BadS3Url::BadBucket(bucket.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned(), path: path.to_owned() })
    }

    /// Whether it can only be a directory: the bucket itself, or a path with a slash at the end.
    pub fn is_directory(&self) -> bool {
        self.path.is_empty() || self.path.ends_with('/')
    }

    /// What the keys of a directory start with: the destination, and the directory's own name unless its contents are meant.
    pub fn prefix_for(&self, directory: &SourceName) -> String {
        let mut prefix = self.as_directory();
        if !directory.contents {
            prefix.push_str(&directory.last);
            prefix.push('/');
        }
        prefix
    }

    /// The key of a single file: the destination itself, or a name in it where it is a directory.
    pub fn key_for(&self, file: &SourceName, exists_as_directory: bool) -> String {
        if self.is_directory() || exists_as_directory { self.as_directory() + &file.last } else { self.path.clone() }
    }

    /// The path as the prefix of what lies in it: empty, or with a slash at the end.
    pub fn as_directory(&self) -> String {
        if self.is_directory() { self.path.clone() } else { format!("{}/", self.path) }
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> S3Url {
        S3Url::parse(url).expect("a destination")
    }

    #[test]
    fn a_directory_or_its_contents() {
        for (source, destination, prefix) in [
            ("data", "s3://b/p", "p/data/"),
            ("data", "s3://b/p/", "p/data/"),
            ("data/", "s3://b/p", "p/"),
            ("data/", "s3://b", ""),
            ("data", "s3://b", "data/"),
            ("/a/b/data//", "s3://b/p", "p/"),
            (".", "s3://b/p", "p/"),
            ("..", "s3://b/p", "p/"),
            ("a/.", "s3://b/p", "p/"),
            ("/", "s3://b/p", "p/"),
        ] {
            assert_eq!(at(destination).prefix_for(&SourceName::parse(source)), prefix, "{source} {destination}");
        }
    }

    #[test]
    fn a_file_keeps_its_name_in_a_directory_and_takes_the_destinations_elsewhere() {
        let disk = SourceName::parse("/images/disk.img");
        assert_eq!(at("s3://b/images/").key_for(&disk, false), "images/disk.img");
        assert_eq!(at("s3://b").key_for(&disk, false), "disk.img");
        assert_eq!(at("s3://b/images").key_for(&disk, false), "images");
        assert_eq!(at("s3://b/images").key_for(&disk, true), "images/disk.img");
    }

    #[test]
    fn what_is_no_destination_says_so() {
        assert!(matches!(S3Url::parse("bucket/key"), Err(BadS3Url::NoS3Url(_))));
        assert!(matches!(S3Url::parse("s3:/bucket"), Err(BadS3Url::NoS3Url(_))));
        assert!(matches!(S3Url::parse("s3:///key"), Err(BadS3Url::NoBucket(_))));
        assert!(matches!(S3Url::parse("s3://a b/key"), Err(BadS3Url::BadBucket(_))));
    }
}
