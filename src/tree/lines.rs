//! The entries of the text files that rsync's options read: rules and lists of names.
//!
//! It does not look into an entry; what one means is `filter`'s and `file_list`'s affair.

/// The entries of `text` with their numbers, from 1, without the blank ones and the comments.
///
/// An entry ends at LF, CR or CR LF, or only at NUL if `nul_separated`. It is a comment if its first byte is `#` or
/// `;`, in both forms: `./#name` names such a file.
pub(super) fn entries(text: &[u8], nul_separated: bool) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(text);
    let all = std::iter::from_fn(move || {
        let text = rest?;
        let end = text.iter().position(|&byte| if nul_separated { byte == 0 } else { matches!(byte, b'\n' | b'\r') });
        let (entry, after) = end.map_or((text, None), |end| {
            let end_len = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
            (&text[..end], Some(&text[end + end_len..]))
        });
        rest = after;
        Some(entry)
    });
    (1..).zip(all).filter(|(_, entry)| !matches!(entry.first(), None | Some(b'#' | b';')))
}

#[cfg(test)]
mod tests {
    use super::entries;

    fn read(text: &str, nul_separated: bool) -> Vec<(usize, &str)> {
        entries(text.as_bytes(), nul_separated)
            .map(|(line, entry)| (line, std::str::from_utf8(entry).unwrap()))
            .collect()
    }

    #[test]
    fn an_entry_ends_at_any_line_end() {
        assert_eq!(read("a\nb\r\nc\rd", false), [(1, "a"), (2, "b"), (3, "c"), (4, "d")]);
        assert_eq!(read("a\n", false), [(1, "a")]);
    }

    #[test]
    fn blank_entries_and_comments_are_counted_and_left_out() {
        assert_eq!(read("\n#a\r\n\r\n;b\n #c\n", false), [(5, " #c")]);
        assert_eq!(read("", false), []);
    }

    #[test]
    fn nul_separated_entries_keep_their_line_ends() {
        assert_eq!(read("a\nb\0\0#c\0d\r\0", true), [(1, "a\nb"), (4, "d\r")]);
    }
}
