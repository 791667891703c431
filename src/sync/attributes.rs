//! What is set on an object beside its bytes.

use std::fmt::Write as _;

use crate::store::{Attributes, FileAttributes};

/// The name of the metadata that holds the file's BLAKE3 hash in hexadecimal digits.
const BLAKE3: &str = "hugesync-blake3";

/// The attributes of an object for a local file: its media type by its name, its hash where that is known by now, and
/// (`archive`) its mode, owner and time in the forms that rclone reads.
pub(super) fn attributes_for(
    name: &str,
    file: &FileAttributes,
    archive: bool,
    blake3: Option<&[u8; 32]>,
) -> Attributes {
    let mut attributes = Attributes {
        content_type: Some(mime_guess::from_path(name).first_or_octet_stream().essence_str().to_owned()),
        ..Attributes::default()
    };
    let mut set = |name: &str, value: String| attributes.metadata.insert(name.to_owned(), value);
    if let Some(blake3) = blake3 {
        set(BLAKE3, hex(blake3));
    }
    if archive {
        set("mode", format!("{:o}", file.mode));
        set("uid", file.uid.to_string());
        set("gid", file.gid.to_string());
        set("mtime", decimal_seconds(file.mtime, file.mtime_nanos));
    }
    attributes
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A time before 1970 has negative seconds and nanoseconds that count forward; as one decimal number, -0.5 s is
/// -1 s + 500,000,000 ns.
fn decimal_seconds(seconds: i64, nanos: u32) -> String {
    if seconds >= 0 || nanos == 0 {
        format!("{seconds}.{nanos:09}")
    } else {
        format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_about_media_types() {
        let of = |name| attributes_for(name, &FileAttributes::default(), false, None).content_type;
        assert_eq!(of("site/index.html").as_deref(), Some("text/html"));
        assert_eq!(of("disk.img").as_deref(), Some("application/octet-stream"));
        assert_eq!(of("no-extension").as_deref(), Some("application/octet-stream"));
    }

    #[test]
    fn metadata_has_rclones_forms() {
        let file = FileAttributes { mode: 0o644, uid: 1000, gid: 100, mtime: 1_700_000_000, mtime_nanos: 5 };
        let metadata = attributes_for("x", &file, true, Some(&[0xab; 32])).metadata;
        let expected = [("gid", "100"), ("mode", "644"), ("mtime", "1700000000.000000005"), ("uid", "1000")];
        for (name, value) in expected {
            assert_eq!(metadata[name], value, "{name}");
        }
        assert_eq!(metadata[BLAKE3], "ab".repeat(32));
        assert_eq!(attributes_for("x", &file, false, None).metadata.len(), 0);
    }

    #[test]
    fn times_before_1970_are_one_number() {
        assert_eq!(decimal_seconds(-1, 500_000_000), "-0.500000000");
        assert_eq!(decimal_seconds(-2, 0), "-2.000000000");
    }
}
