//! Values of metadata and headers, compared by what they mean: others write the same time, mode or media type in other words.
//!
//! What is compared at all is decided in `attributes.rs`.

use mime_guess::Mime;

/// Whether two values of a metadata field mean the same: the forms of rclone, in which others write too.
pub(crate) fn same_metadata(name: &str, ours: &str, theirs: &str) -> bool {
    ours == theirs
        || match name {
            "mtime" => both(ours, theirs, nanoseconds),
            "mode" => match (octal(ours), octal(theirs)) {
                (Some(ours), Some(theirs)) => same_mode(ours, theirs),
                _ => false,
            },
            "uid" | "gid" => both(ours, theirs, |text| text.parse::<u32>().ok()),
            _ => false,
        }
}

/// Whether two media types mean the same (RFC 9110, section 8.3.1): case counts in values of parameters only, and not in
/// that of `charset`; order and quotes never do.
pub(crate) fn same_media_type(ours: &str, theirs: &str) -> bool {
    ours == theirs || both(ours, theirs, media_type)
}

/// Whether two lists of directives, codings or languages mean the same: case and spaces do not count. Where the `order`
/// of a list matters is said.
pub(crate) fn same_list(ours: &str, theirs: &str, order: Order) -> bool {
    let items = |text: &str| {
        let mut items: Vec<String> = text.split(',').map(item).filter(|item| !item.is_empty()).collect();
        if order == Order::Any {
            items.sort_unstable();
        }
        items
    };
    ours == theirs || items(ours) == items(theirs)
}

/// Whether the order of a list's items means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// It does: codings are applied one after the other.
    Matters,
    /// It does not.
    Any,
}

/// An item without what does not count: a directive's argument is kept as it is.
fn item(text: &str) -> String {
    match text.split_once('=') {
        Some((name, argument)) => format!("{}={}", name.trim().to_ascii_lowercase(), argument.trim().trim_matches('"')),
        None => text.trim().to_ascii_lowercase(),
    }
}

fn both<T: PartialEq>(ours: &str, theirs: &str, value: impl Fn(&str) -> Option<T>) -> bool {
    value(ours).is_some_and(|ours| value(theirs) == Some(ours))
}

/// Decimal seconds since 1970 in nanoseconds. Digits beyond those are what a floating-point number makes of them.
fn nanoseconds(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if seconds.is_empty() || !is_number(seconds) || !is_number(fraction) {
        return None;
    }
    let nanos: i128 = format!("{fraction:0<9.9}").parse().ok()?;
    Some(sign * (i128::from(seconds.parse::<i64>().ok()?) * 1_000_000_000 + nanos))
}

fn octal(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok()
}

/// Modes with and without a type: rclone's have one, those of others may be permissions alone.
fn same_mode(ours: u32, theirs: u32) -> bool {
    const TYPE: u32 = 0o170_000;
    if ours & TYPE == 0 || theirs & TYPE == 0 { ours & !TYPE == theirs & !TYPE } else { ours == theirs }
}

fn media_type(text: &str) -> Option<(String, Vec<(String, String)>)> {
    let mime: Mime = text.trim().parse().ok()?;
    let mut parameters: Vec<(String, String)> = mime
        .params()
        .map(|(name, value)| {
            let (name, value) = (name.as_str().to_ascii_lowercase(), value.as_str().trim_matches('"'));
            let value = if name == "charset" { value.to_ascii_lowercase() } else { value.to_owned() };
            (name, value)
        })
        .collect();
    parameters.sort_unstable();
    Some((mime.essence_str().to_ascii_lowercase(), parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As rclone 1.75.2 writes them.
    #[test]
    fn times_are_numbers() {
        for (ours, theirs) in [
            ("1577836800.500000000", "1577836800.5"),
            ("1577836800.000000000", "1577836800"),
            ("1577836800.123456789", "1577836800.123456789"),
            ("1577836800.000000005", "1577836800.000000005000"),
            ("-0.500000000", "-0.5"),
        ] {
            assert!(same_metadata("mtime", ours, theirs), "{ours} {theirs}");
        }
        for (ours, theirs) in [
            ("1577836800.500000000", "1577836800.05"),
            ("1577836800.500000000", "1577836800.500000001"),
            ("0.500000000", "-0.5"),
            ("1577836800.500000000", "2020-01-01T00:00:00Z"),
            ("1577836800.500000000", ""),
            ("1577836800.500000000", "1577836800.5e0"),
        ] {
            assert!(!same_metadata("mtime", ours, theirs), "{ours} {theirs}");
        }
    }

    #[test]
    fn modes_and_owners_are_numbers() {
        for (name, ours, theirs, same) in [
            ("mode", "100644", "0100644", true),
            ("mode", "100644", "644", true),
            ("mode", "100644", "0644", true),
            ("mode", "100644", "100600", false),
            ("mode", "100644", "120644", false),
            ("mode", "100644", "33188", false),
            ("mode", "100644", "rw-r--r--", false),
            ("uid", "0", "00", true),
            ("gid", "100", "0100", true),
            ("gid", "100", "101", false),
            ("hugesync-acl", "private", "Private", false),
        ] {
            assert_eq!(same_metadata(name, ours, theirs), same, "{name} {ours} {theirs}");
        }
    }

    #[test]
    fn media_types_have_parameters() {
        for (ours, theirs, same) in [
            ("text/html; charset=utf-8", "text/html;charset=UTF-8", true),
            ("text/html; charset=utf-8", "Text/HTML; Charset=\"utf-8\"", true),
            ("multipart/mixed; boundary=a; charset=utf-8", "multipart/mixed; charset=utf-8; boundary=a", true),
            ("multipart/mixed; boundary=a", "multipart/mixed; boundary=A", false),
            ("text/html", "text/html; charset=utf-8", false),
            ("text/html", "text/plain", false),
            ("no type", "no type", true),
            ("no type", "another", false),
        ] {
            assert_eq!(same_media_type(ours, theirs), same, "{ours} {theirs}");
        }
    }

    #[test]
    fn lists_have_items() {
        for (ours, theirs, order, same) in [
            ("max-age=60, public", "public,max-age=60", Order::Any, true),
            ("No-Store", "no-store", Order::Any, true),
            ("max-age=60", "max-age=\"60\"", Order::Any, true),
            ("max-age=60", "max-age=600", Order::Any, false),
            ("gzip, br", "GZIP,br", Order::Matters, true),
            ("gzip, br", "br, gzip", Order::Matters, false),
            ("de-AT", "de-at", Order::Any, true),
        ] {
            assert_eq!(same_list(ours, theirs, order), same, "{ours} {theirs}");
        }
    }
}
