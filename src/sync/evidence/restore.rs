//! What a file gets beside its bytes when it is fetched, from the metadata of its object: ours, in the forms of rclone.

use percent_encoding::percent_decode_str;

use super::attributes::SYMLINK;
use crate::store::{Attributes, FileAttributes, Kept};
use crate::sync::options::Preserve;
use crate::sync::report::Change;

/// The permission bits of a mode.
const PERMISSIONS: u32 = 0o7777;

/// What is to be set on the file, as far as the user wants it kept and the object tells. What cannot be understood is left out.
pub(crate) fn kept(preserve: Preserve, object: &Attributes) -> Kept {
    let of = |name: &str| object.metadata.get(name).map(String::as_str);
    let number = |name: &str| of(name).and_then(|text| text.parse::<u32>().ok());
    Kept {
        mode: of("mode").filter(|_| preserve.mode).and_then(octal),
        owner: number("uid").zip(number("gid")).filter(|_| preserve.owner),
        mtime: of("mtime").filter(|_| preserve.times).and_then(time),
    }
}

/// Where the object of a symbolic link leads to, if it is one.
pub(crate) fn target(object: &Attributes) -> Option<Vec<u8>> {
    object.metadata.get(SYMLINK).map(|target| percent_decode_str(target).collect())
}

/// In what a standing file differs from what it is to have. Of links only the time counts.
pub(crate) fn changes(kept: &Kept, file: &FileAttributes, is_link: bool) -> Vec<Change> {
    let mut changes = Vec::new();
    if kept.mtime.is_some_and(|mtime| mtime != (file.mtime, file.mtime_nanos)) {
        changes.push(Change::Mtime);
    }
    if !is_link && kept.mode.is_some_and(|mode| mode & PERMISSIONS != file.mode & PERMISSIONS) {
        changes.push(Change::Mode);
    }
    if let Some((user, group)) = kept.owner {
        if user != file.uid {
            changes.push(Change::Owner);
        }
        if group != file.gid {
            changes.push(Change::Group);
        }
    }
    changes
}

fn octal(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok().map(|mode| mode & PERMISSIONS)
}

/// Decimal seconds since 1970; before that, one negative number. Digits beyond nanoseconds are dropped.
fn time(text: &str) -> Option<(i64, u32)> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if seconds.is_empty() || !is_number(seconds) || !is_number(fraction) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let nanos: u32 = format!("{fraction:0<9.9}").parse().ok()?;
    match (negative, nanos) {
        (false, nanos) => Some((seconds, nanos)),
        (true, 0) => Some((-seconds, 0)),
        (true, nanos) => Some((-seconds - 1, 1_000_000_000 - nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(metadata: &[(&str, &str)]) -> Attributes {
        let metadata = metadata.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Attributes { metadata, ..Attributes::default() }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, expected) in [
            ("1577836800.500000000", Some((1_577_836_800, 500_000_000))),
            ("1577836800.5", Some((1_577_836_800, 500_000_000))),
            ("1577836800", Some((1_577_836_800, 0))),
            ("-0.500000000", Some((-1, 500_000_000))),
            ("-2.000000000", Some((-2, 0))),
            ("1.0000000019", Some((1, 1))),
            ("", None),
            ("-", None),
            ("1e9", None),
            ("99999999999999999999", None),
            ("2020-01-01T00:00:00Z", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn only_what_is_wanted_is_kept() {
        let all = Preserve { mode: true, owner: true, times: true };
        let there = object(&[("mode", "0100640"), ("uid", "7"), ("gid", "8"), ("mtime", "5.25")]);
        let expected = Kept { mode: Some(0o640), owner: Some((7, 8)), mtime: Some((5, 250_000_000)) };
        assert_eq!(kept(all, &there), expected);
        assert_eq!(kept(Preserve::default(), &there), Kept::default());
        let unusual = object(&[("mode", "rw"), ("uid", "7"), ("mtime", "soon")]);
        assert_eq!(kept(all, &unusual), Kept::default(), "what is not understood is not set");
        let file = FileAttributes { mode: 0o100_600, uid: 7, gid: 9, mtime: 5, mtime_nanos: 0, names: 1 };
        assert_eq!(changes(&expected, &file, false), [Change::Mtime, Change::Mode, Change::Group]);
        assert_eq!(changes(&Kept::default(), &file, false), []);
        assert_eq!(target(&object(&[(SYMLINK, "%C3%A4/b%20c")])).as_deref(), Some("ä/b c".as_bytes()));
    }
}
