//! Values that names decide about: `*.html:no-cache`.

use thiserror::Error;

use super::pattern::{Pattern, Slashed};

/// The longest pattern in bytes, as of rules.
const MAX_PATTERN_LEN: usize = 4_095;

/// Values, each for the names that a pattern matches; the first that matches counts. Patterns are those of filter rules.
#[derive(Debug, Clone, Default)]
pub struct GlobValues(Vec<(Option<Pattern>, String)>);

/// Why a text is no value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadGlobValue {
    /// Nothing is said.
    #[error("{0:?} names no value; write VALUE, or PATTERN:VALUE like *.html:no-cache")]
    NoValue(String),
    /// The pattern is beyond all use.
    #[error("a pattern of {0} bytes is longer than {MAX_PATTERN_LEN}")]
    TooLong(usize),
}

impl GlobValues {
    /// Reads `VALUE`, which is for every name, or `PATTERN:VALUE`.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadGlobValue> {
        let mut values = Vec::new();
        for text in texts {
            let (pattern, value) = text.split_once(':').map_or((None, text), |(pattern, value)| (Some(pattern), value));
            let value = value.trim();
            if value.is_empty() || pattern.is_some_and(str::is_empty) {
                return Err(BadGlobValue::NoValue(text.to_owned()));
            }
            if pattern.is_some_and(|pattern| pattern.len() > MAX_PATTERN_LEN) {
                return Err(BadGlobValue::TooLong(pattern.map_or(0, str::len)));
            }
            values.push((pattern.map(|pattern| Pattern::compile(pattern.as_bytes())), value.to_owned()));
        }
        Ok(Self(values))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value for a file of this name below the source.
    pub fn get(&self, relative: &str) -> Option<&str> {
        if self.0.is_empty() {
            return None;
        }
        let slashed = format!("/{relative}/");
        let path = Slashed { path: slashed.as_bytes(), is_dir: false };
        let found = self.0.iter().find(|(pattern, _)| pattern.as_ref().is_none_or(|pattern| pattern.matches(path)));
        found.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pattern_that_matches_counts() {
        let texts = ["*.html:no-cache", "/assets/**:max-age=31536000, immutable", "max-age=60"];
        let values = GlobValues::parse(texts).expect("sound");
        assert_eq!(values.get("a/index.html"), Some("no-cache"));
        assert_eq!(values.get("assets/x/y.js"), Some("max-age=31536000, immutable"));
        assert_eq!(values.get("assets/x.html"), Some("no-cache"));
        assert_eq!(values.get("x.js"), Some("max-age=60"));
        assert_eq!(GlobValues::default().get("x"), None);
        assert_eq!(GlobValues::parse(["*.x:1"]).expect("sound").get("x"), None);
    }

    #[test]
    fn what_is_no_value_says_so() {
        for text in ["", "*.html:", ":x", " "] {
            assert!(matches!(GlobValues::parse([text]), Err(BadGlobValue::NoValue(_))), "{text}");
        }
    }
}
