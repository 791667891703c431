//! Markdown that shows what it is given, and no more than fits.

use std::fmt::Write as _;

use crate::human;

/// A name in the type of code. Every character that could mean something is written as a number, which neither Markdown
/// nor what comes after it (mentions, issues, mathematics, links) takes for more than the character.
pub(super) fn code(text: &str) -> String {
    // Two names side by side would look like one.
    format!("<code>{}</code>", if text.is_empty() { "&nbsp;".to_owned() } else { plain(text) })
}

/// A text that is no markup.
pub(in crate::ci) fn plain(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for c in human::name(text).chars() {
        match c {
            ' ' | '/' | ',' | '%' | '=' | '(' | ')' | '-' | ';' | '\'' | '"' | '?' => told.push(c),
            // Parsers link what begins so.
            '.' if !ends_with_www(&told) => told.push(c),
            c if c.is_alphanumeric() => told.push(c),
            // Addresses, mentions and issues are looked for once numbers are characters again, but not across a tag.
            '@' | '#' => {
                let _ = write!(told, "<wbr>&#{};<wbr>", u32::from(c));
            }
            c => {
                let _ = write!(told, "&#{};", u32::from(c));
            }
        }
    }
    told
}

fn ends_with_www(text: &str) -> bool {
    text.len().checked_sub(3).and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// A block of code, longer than any row of backticks in it.
pub(super) fn block(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let lines: Vec<_> = text.lines().map(human::name).collect();
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

/// What stands for bytes that were uploaded in a bar, and in its key.
pub(super) const UPLOADED: &str = "🟦";
/// What stands for bytes that were there already.
pub(super) const REUSED: &str = "🟩";

/// A row of squares of which some stand for what was uploaded: coloured on light and on dark pages.
pub(super) fn bar(part: f64) -> String {
    const WIDTH: usize = 25;
    let part = part.clamp(0.0, 1.0);
    // What is there at all is seen.
    let full = ((part * WIDTH as f64).round() as usize).clamp(usize::from(part > 0.0), WIDTH - usize::from(part < 1.0));
    UPLOADED.repeat(full) + &REUSED.repeat(WIDTH - full)
}

/// Text up to a limit.
pub(super) struct Page {
    text: String,
    limit: usize,
    left_out: u64,
}

impl Page {
    /// Nothing, of `limit` bytes at most.
    pub(super) const fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, left_out: 0 }
    }

    /// Adds a part, whole or not at all.
    pub(super) fn add(&mut self, text: &str) {
        // What says that something is left out has to fit as well.
        if self.text.len() + text.len() + 200 <= self.limit {
            self.text.push_str(text);
        } else {
            self.left_out += 1;
        }
    }

    /// Adds rows between a head and an end; rows that do not fit are left out, and how many is said.
    pub(super) fn add_rows(&mut self, head: &str, rows: impl IntoIterator<Item = String>, more: u64, end: &str) {
        let room = self.limit.saturating_sub(self.text.len() + head.len() + end.len() + 400);
        let (mut body, mut left_out) = (String::new(), more);
        for row in rows {
            if left_out > more || body.len() + row.len() > room {
                left_out += 1;
            } else {
                body.push_str(&row);
            }
        }
        if body.is_empty() && left_out == 0 {
            return;
        }
        let rest = if left_out == 0 { String::new() } else { format!("\n… and {left_out} more.\n") };
        self.add(&format!("{head}{body}{rest}{end}"));
    }

    /// The text.
    pub(super) fn finish(mut self) -> String {
        if self.left_out > 0 {
            let parts = human::count(self.left_out, "part");
            let _ = writeln!(self.text, "\n_{parts} of this summary left out: it would be too long._");
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(code("dir/a b.txt"), "<code>dir/a b.txt</code>");
        assert_eq!(code("a|b`<i>"), "<code>a&#124;b&#96;&#60;i&#62;</code>");
        assert_eq!(code("[x](y)*_~$:&"), "<code>&#91;x&#93;(y)&#42;&#95;&#126;&#36;&#58;&#38;</code>");
        assert_eq!(plain("a@b.c WWW.x"), "a<wbr>&#64;<wbr>b.c WWW&#46;x");
        assert_eq!(code("a\nb\u{202e}"), "<code>a&#92;nb&#92;u&#123;202e&#125;</code>");
        assert_eq!(code("Größe-日本"), "<code>Größe-日本</code>");
    }

    #[test]
    fn blocks_cannot_be_left() {
        assert_eq!(block("a\n````\nb"), "`````text\na\n````\nb\n`````\n");
    }

    #[test]
    fn bars_show_what_is_there() {
        let full = |part| bar(part).matches(UPLOADED).count();
        assert_eq!([0.0, 0.0001, 0.5, 0.9999, 1.0].map(full), [0, 1, 13, 24, 25]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut page = Page::new(1_000);
        page.add_rows("head\n", (0..100).map(|number| format!("row {number} {}\n", "x".repeat(20))), 5, "end\n");
        page.add(&"q".repeat(900));
        let text = page.finish();
        assert!(text.len() <= 1_000 && text.contains("row 0 ") && !text.contains('q'), "{text}");
        let rows = text.matches("row ").count();
        assert!(text.contains(&format!("… and {} more.", 105 - rows)), "{text}");
        assert!(text.contains("1 part of this summary left out"), "{text}");
    }
}
