//! One pattern of rsync's include and exclude rules, as a regular expression over bytes.
//!
//! It does not know whether a match includes or excludes, nor the order of rules; that is `filter`'s affair.
//!
//! rsync describes its patterns by cases: which part of a path each kind is held against. They all are one case here.
//! A path is written with a slash before every component, `/folder/file`, and a pattern has to match its end from some
//! slash on: a `*` cannot cross a slash, so that a pattern with so many slashes meets as many components by itself.

use std::fmt::Write as _;

use regex::bytes::{Regex, RegexBuilder};

/// A class that no byte is in.
const NOTHING: &str = r"[a&&b]";

/// A path in the form that patterns match: `/folder/file/`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slashed<'a> {
    /// The path with a slash at either end.
    pub(super) path: &'a [u8],
    /// Whether it is a folder.
    pub(super) is_dir: bool,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    /// It ends with a slash: files do not match.
    only_folders: bool,
    /// It ends with `***`: a folder is matched as `folder/`, so that `folder/***` is the folder and all that is in it.
    folders_with_slash: bool,
}

impl Pattern {
    /// Compiles a pattern without its `+ ` or `- `, of at most 4,095 bytes. Every text is a pattern.
    ///
    /// Classes and ranges are of bytes and ASCII, as in rsync under the C locale.
    pub(super) fn compile(pattern: &[u8]) -> Self {
        let (only_folders, pattern) = pattern.strip_suffix(b"/").map_or((false, pattern), |shorter| (true, shorter));
        let regex = RegexBuilder::new(&regex_text(pattern)).unicode(false).dot_matches_new_line(true).build();
        Self {
            regex: regex.expect("the text is well formed, and far from the size limit of 10 MiB"),
            only_folders,
            folders_with_slash: pattern.ends_with(b"***"),
        }
    }

    /// Whether the whole pattern matches.
    pub(super) fn matches(&self, path: Slashed<'_>) -> bool {
        let with_slash = path.is_dir && self.folders_with_slash;
        let text = if with_slash { path.path } else { &path.path[..path.path.len() - 1] };
        (path.is_dir || !self.only_folders) && self.regex.is_match(text)
    }
}

/// The regular expression of a pattern that has lost its last slash.
fn regex_text(pattern: &[u8]) -> String {
    let anchored = pattern.starts_with(b"/");
    let crosses = pattern.windows(2).any(|pair| pair == b"**");
    // A leading `**` takes in the slash before the first component: `**/name` is also the name at the root.
    let start = if anchored || pattern.starts_with(b"**") { r"\A" } else { r"\A.*/" };
    // rsync counts a pattern's slashes, those in classes too, and holds it against one component more than that. A
    // class matches no slash, so that this pattern never has as many components; anchors and `**` switch the counting
    // off.
    let classes_may_have_slash = anchored || crosses;

    let mut regex = String::from(start);
    // Only in a pattern with a wildcard is a backslash an escape.
    let wild = pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
    let mut rest = pattern;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'*' => {
                let stars = after.iter().take_while(|&&byte| byte == b'*').count();
                rest = &after[stars..];
                regex.push_str(if stars == 0 { "[^/]*" } else { ".*" });
            }
            b'?' => regex.push_str("[^/]"),
            b'[' => {
                let Some((class, behind)) = Class::parse(after) else { return NOTHING.to_owned() };
                if !classes_may_have_slash && after[..after.len() - behind.len()].contains(&b'/') {
                    return NOTHING.to_owned();
                }
                class.push_to(&mut regex);
                rest = behind;
            }
            // A backslash at the end escapes nothing, and then matches nothing.
            b'\\' if wild => {
                let Some((&escaped, behind)) = after.split_first() else { return NOTHING.to_owned() };
                push_byte(&mut regex, escaped);
                rest = behind;
            }
            literal => push_byte(&mut regex, literal),
        }
    }
    regex.push_str(r"\z");
    regex
}

fn push_byte(regex: &mut String, byte: u8) {
    write!(regex, r"\x{byte:02x}").expect("a String takes all");
}

/// The bytes that a `[...]` matches.
struct Class([bool; 256]);

impl Class {
    /// Reads a class from behind its `[`; also returns what follows its `]`. `None` if it is not closed or names a
    /// class that does not exist: rsync then lets the pattern match nothing.
    fn parse(text: &[u8]) -> Option<(Self, &[u8])> {
        let negated = matches!(text.first(), Some(b'!' | b'^'));
        let mut rest = &text[usize::from(negated)..];
        let mut members = [false; 256];
        // What a `-` would start a range from.
        let mut low = None;
        let mut first = true;
        loop {
            let (&byte, after) = rest.split_first()?;
            if byte == b']' && !first {
                rest = after;
                break;
            }
            first = false;
            if let (b'-', Some(from), Some(&next)) = (byte, low, after.first())
                && next != b']'
            {
                let (to, after) = unescape(after)?;
                // A range that runs backwards is empty.
                (from..=to).for_each(|byte| members[usize::from(byte)] = true);
                (rest, low) = (after, None);
            } else if let Some((name, after)) = posix_name(rest) {
                let contains = posix_class(name)?;
                (0..=u8::MAX).filter(contains).for_each(|byte| members[usize::from(byte)] = true);
                (rest, low) = (after, None);
            } else {
                let (member, after) = unescape(rest)?;
                members[usize::from(member)] = true;
                (rest, low) = (after, Some(member));
            }
        }
        if negated {
            members = members.map(|member| !member);
        }
        members[usize::from(b'/')] = false;
        Some((Self(members), rest))
    }

    /// Appends the class in the syntax of regular expressions.
    fn push_to(&self, regex: &mut String) {
        if !self.0.contains(&true) {
            regex.push_str(NOTHING);
            return;
        }
        regex.push('[');
        (0..=u8::MAX).filter(|&byte| self.0[usize::from(byte)]).for_each(|byte| push_byte(regex, byte));
        regex.push(']');
    }
}

/// The first byte of `text`, or the one behind it if it is a backslash, and what follows.
fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&byte, after) = text.strip_prefix(b"\\").unwrap_or(text).split_first()?;
    Some((byte, after))
}

/// The name in `[:name:]` at the start of `text`, and what follows. The next `]` has to be the one behind the colon;
/// otherwise the `[` is a member like any other.
fn posix_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"[:")?;
    let end = text.iter().position(|&byte| byte == b']')?;
    Some((text[..end].strip_suffix(b":")?, &text[end + 1..]))
}

/// The members of a POSIX class; `None` if there is no class of this name.
fn posix_class(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        // `is_ascii_whitespace` lacks the vertical tab.
        b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Pattern, Slashed};

    /// Whether the pattern matches the path, which is a folder if it ends with a slash.
    fn matches(pattern: &str, path: &[u8]) -> bool {
        let is_dir = path.ends_with(b"/");
        let path = [b"/", path.strip_suffix(b"/").unwrap_or(path), b"/"].concat();
        Pattern::compile(pattern.as_bytes()).matches(Slashed { path: &path, is_dir })
    }

    /// Every case was also put to rsync 3.5.0.
    #[track_caller]
    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        matching.iter().for_each(|path| assert!(matches(pattern, path.as_bytes()), "{pattern} does not match {path}"));
        others.iter().for_each(|path| assert!(!matches(pattern, path.as_bytes()), "{pattern} matches {path}"));
    }

    #[test]
    fn a_name_matches_the_last_component() {
        check("a", &["a", "a/", "d/a", "d/e/a"], &["A", "ab", "a/b", "ba"]);
        check("a.b", &["a.b"], &["axb"]);
    }

    #[test]
    fn an_infix_slash_matches_the_last_components() {
        check("d/a", &["d/a", "x/d/a"], &["a", "xd/a", "d/x/a", "d/a/b"]);
        check("*/a", &["d/a", "x/d/a"], &["a"]);
        check("d//a", &[], &["d/a"]);
    }

    #[test]
    fn a_leading_slash_anchors_at_the_root() {
        check("/a", &["a", "a/"], &["d/a", "a/a"]);
        check("/d/a", &["d/a"], &["x/d/a"]);
        check("/", &[], &["a", "a/"]);
    }

    #[test]
    fn a_trailing_slash_matches_folders_only() {
        check("a/", &["a/", "d/a/"], &["a", "d/a"]);
        check("*/", &["a/"], &["a"]);
        check("d/e//", &[], &["d/e/", "d/e"]);
    }

    #[test]
    fn one_star_stops_at_slashes() {
        check("a*c", &["ac", "abc", "d/axxc"], &["a/c", "acx"]);
        check("/d/*", &["d/a", "d/a/"], &["d/a/b", "d/"]);
        check("*", &["a", "d/a", ".a"], &[]);
    }

    #[test]
    fn two_stars_cross_slashes() {
        check("a**c", &["ac", "a/c", "d/a/x/y/c"], &["xa/c", "a/cx"]);
        check("d/**/a", &["d/x/a", "d/x/y/a", "x/d/y/a"], &["d/a"]);
        check("/d/**", &["d/a", "d/e/a"], &["d/", "x/d/a"]);
        check("d/***x", &["d/a/x", "d/x"], &["d/"]);
    }

    #[test]
    fn two_stars_at_the_start_take_in_the_root() {
        check("**/a", &["a", "d/a", "d/e/a"], &["ba"]);
        check("**a", &["a", "ba", "d/ba"], &["ab"]);
        check("/**/a", &["d/a", "d/e/a"], &["a"]);
    }

    #[test]
    fn three_stars_at_the_end_match_the_folder_too() {
        check("d/***", &["d/", "d/a", "d/e/a", "x/d/"], &["d", "xd/a"]);
        check("/d/***", &["d/", "d/a"], &["x/d/", "d"]);
        check("d/***/", &["d/", "d/e/"], &["d/a"]);
    }

    #[test]
    fn a_question_mark_is_one_byte_but_no_slash() {
        check("a?c", &["abc", "a?c"], &["ac", "a/c", "abbc"]);
        check("??", &["é", "ab"], &["a", "abc"]);
        assert!(matches("a?", b"a\xff") && matches("a*c", b"a\xff\nc"));
    }

    #[test]
    fn classes_have_members_and_ranges() {
        check("[ab-d]", &["a", "b", "c", "d"], &["e", "-", "ab"]);
        check("[]a]", &["]", "a"], &["[]a]"]);
        check("[a-]", &["a", "-"], &["b"]);
        check("[+--]", &["+", ",", "-"], &["a", "*"]);
        check("[a-a-z]", &["a", "-", "z"], &["b"]);
        // The ends of a range that runs backwards: the first is a member by itself.
        check("[z-a]", &["z"], &["a", "b"]);
    }

    #[test]
    fn classes_are_negated_by_either_sign() {
        check("[!a-c]", &["d", "!", "^"], &["a", "b"]);
        check("[^a]", &["^", "b"], &["a"]);
        check("[!]a]", &["!", "b"], &["]", "a"]);
        check("[a^!]", &["a", "^", "!"], &["b"]);
    }

    #[test]
    fn classes_know_those_of_posix() {
        check("[[:alpha:]_]", &["a", "Z", "_"], &["1", ":", "é"]);
        check("[![:upper:][:digit:]]", &["a", "-"], &["A", "1"]);
        check("[[:space:]]", &[" ", "\t", "\u{b}"], &["a"]);
        check("[[:alpha:]-z]", &["b", "-"], &["1"]);
        check("[[:nope:]]", &[], &["n", ":"]);
        // Without the second colon they are members like others.
        check("[[:al]", &["[", ":", "a", "l"], &["b"]);
    }

    #[test]
    fn a_class_that_is_not_closed_never_matches() {
        check("[a", &[], &["a", "[a"]);
        check("[]", &[], &["[]", "]"]);
        check("*[", &[], &["a", "["]);
        check("[a\\]", &[], &["a", "]"]);
    }

    #[test]
    fn a_class_never_matches_a_slash() {
        check("d[!a]b", &["dxb"], &["d/b"]);
        check("**[/x]b", &["xb", "dxb"], &["d/b"]);
        // A slash in it counts as one between components, unless the pattern is anchored or has `**`.
        check("[a/b]", &[], &["a", "b", "d/a"]);
        check("/[a/b]", &["a", "b"], &["d/a"]);
        check("**[a/b]", &["a", "d/b"], &["c"]);
    }

    #[test]
    fn a_backslash_escapes_only_beside_a_wildcard() {
        check("a\\b", &["a\\b"], &["ab"]);
        check("a\\b*", &["ab", "abc"], &["a\\b"]);
        check("\\*", &["*"], &["a", "\\*"]);
        check("\\[a]", &["[a]"], &["a"]);
        check("[\\]]", &["]"], &["\\", "\\]"]);
        check("[a-\\c]", &["b"], &["\\"]);
        check("a\\", &["a\\"], &["a"]);
        // At the end there is nothing to escape.
        check("*\\", &[], &["a\\", "a"]);
    }
}
