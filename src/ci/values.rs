//! The kinds of values that settings have, as variables of the environment hold them.
//!
//! `envy` reads them into these types. Its own reading of booleans and lists is too strict for what people and CI systems
//! write: it knows neither `True` nor lists with an item a line, and tears `*.{js,css}` apart.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::options::Unusable;

/// A text, as it is but for white space around it.
#[derive(Debug, Default)]
pub(super) struct Text(pub(super) Option<String>);

/// A text that is never shown.
#[derive(Default)]
pub(super) struct Secret(pub(super) Option<String>);

/// Yes or no.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Switch {
    #[default]
    Unset,
    Set(bool),
    Unclear(String),
}

/// A list: an item a line; with neither a newline nor a brace in it, commas separate.
#[derive(Debug, Default)]
pub(super) struct Lines(pub(super) Vec<String>);

/// A list of paths: an item a line and nothing else, since names may have commas in them.
#[derive(Debug, Default)]
pub(super) struct Paths(pub(super) Vec<String>);

/// A list of `VALUE` and `PATTERN:VALUE`, one a line, since such values have commas in them; or a JSON object of them.
#[derive(Debug, Default)]
pub(super) struct Values {
    items: Vec<String>,
    /// Why it is no list.
    wrong: Option<String>,
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned))
}

fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(text) = text(deserializer)? else { return Ok(Self::Unset) };
        Ok(match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" | "y" | "t" => Self::Set(true),
            "false" | "no" | "off" | "0" | "n" | "f" => Self::Set(false),
            _ => Self::Unclear(text),
        })
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text(deserializer)?.unwrap_or_default();
        if let Ok(items) = serde_json::from_str::<Vec<String>>(&text) {
            return Ok(Self(items));
        }
        if text.contains(['\n', '{']) {
            return Ok(Self(lines(&text).collect()));
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(Self(items.map(str::to_owned).collect()))
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(lines(&text(deserializer)?.unwrap_or_default()).collect()))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = text(deserializer)?.unwrap_or_default();
        if text.starts_with('{') {
            return Ok(match serde_json::from_str::<BTreeMap<String, String>>(&text) {
                Ok(map) => Self { items: items(map), wrong: None },
                Err(error) => {
                    Self { items: Vec::new(), wrong: Some(format!("this is no JSON object of texts: {error}")) }
                }
            });
        }
        let items = serde_json::from_str::<Vec<String>>(&text).unwrap_or_else(|_| lines(&text).collect());
        Ok(Self { items, wrong: None })
    }
}

/// An object has no order, and the first that matches counts: the longer pattern first, what is for all last. What other
/// plugins take for all names, and for names with an ending, is that here too: `.*` and `.css`.
fn items(map: BTreeMap<String, String>) -> Vec<String> {
    let is_all = |pattern: &str| pattern.chars().all(|c| matches!(c, '*' | '.' | '/'));
    let is_ending = |pattern: &str| {
        pattern.strip_prefix('.').is_some_and(|rest| !rest.is_empty() && rest.chars().all(char::is_alphanumeric))
    };
    let mut pairs: Vec<(String, String)> = map.into_iter().collect();
    pairs.sort_by_key(|(pattern, _)| (is_all(pattern), Reverse(pattern.len())));
    let item = |(pattern, value): (String, String)| match pattern.trim() {
        pattern if is_all(pattern) => format!("*:{value}"),
        pattern if is_ending(pattern) => format!("*{pattern}:{value}"),
        pattern => format!("{pattern}:{value}"),
    };
    pairs.into_iter().map(item).collect()
}

/// What every kind of value can do.
pub(super) trait Value {
    /// Its texts, as options take them.
    fn texts(&self) -> &[String];

    /// Adds the option of `hugesync sync` that it stands for.
    fn add_to(&self, options: &mut Vec<String>, option: &str) {
        options.extend(self.texts().iter().map(|text| format!("--{option}={text}")));
    }

    /// The value as it may be shown, where it is set.
    fn shown(&self) -> Option<String> {
        Some(self.texts().join("\n")).filter(|text| !text.is_empty())
    }

    /// Fails for what cannot be read. `name` is the setting's.
    fn check(&self, _name: &str) -> Result<(), Unusable> {
        Ok(())
    }
}

impl Value for Text {
    fn texts(&self) -> &[String] {
        self.0.as_slice()
    }
}

impl Value for Paths {
    fn texts(&self) -> &[String] {
        &self.0
    }
}

impl Value for Lines {
    fn texts(&self) -> &[String] {
        &self.0
    }
}

impl Value for Secret {
    /// None: it is never shown, and no option.
    fn texts(&self) -> &[String] {
        &[]
    }
}

impl Value for Values {
    fn texts(&self) -> &[String] {
        &self.items
    }

    fn check(&self, name: &str) -> Result<(), Unusable> {
        let Some(why) = &self.wrong else { return Ok(()) };
        let hint = r#"write it like {"*.html": "no-cache", "*": "max-age=60"}, or PATTERN:VALUE, one a line"#;
        Err(Unusable { message: format!("{}: {why}", kebab(name)), hint: Some(hint.to_owned()) })
    }
}

impl Value for Switch {
    fn texts(&self) -> &[String] {
        &[]
    }

    fn add_to(&self, options: &mut Vec<String>, option: &str) {
        options.extend(self.is_on().then(|| format!("--{option}")));
    }

    fn shown(&self) -> Option<String> {
        match self {
            Self::Set(value) => Some(value.to_string()),
            Self::Unset | Self::Unclear(_) => None,
        }
    }

    fn check(&self, name: &str) -> Result<(), Unusable> {
        match self {
            Self::Unclear(text) => Err(Unusable {
                message: format!("{}: {text:?} is neither true nor false", kebab(name)),
                hint: Some("write true or false".to_owned()),
            }),
            Self::Unset | Self::Set(_) => Ok(()),
        }
    }
}

impl Switch {
    /// Whether it says yes.
    pub(super) fn is_on(&self) -> bool {
        *self == Self::Set(true)
    }

    /// Whether it says no.
    pub(super) fn is_off(&self) -> bool {
        *self == Self::Set(false)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "***" } else { "None" })
    }
}

/// A setting's name as action.yml has it.
pub(super) fn kebab(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer as _;
    use serde::de::value::{Error, StrDeserializer};

    use super::*;

    fn read<'de, T: Deserialize<'de>>(text: &'de str) -> T {
        let deserializer: StrDeserializer<'de, Error> = text.into_deserializer();
        T::deserialize(deserializer).unwrap_or_else(|error| panic!("{error}"))
    }

    fn list(text: &str) -> Vec<String> {
        read::<Lines>(text).0
    }

    #[test]
    fn lists_are_lines_or_have_commas() {
        assert_eq!(list("a, b,,c"), ["a", "b", "c"]);
        assert_eq!(list("a, b\n\n c\r\n"), ["a, b", "c"]);
        assert_eq!(list("*.{js,css}"), ["*.{js,css}"]);
        assert_eq!(list(r#"["a,b", "c"]"#), ["a,b", "c"]);
        assert_eq!(list("[ab]*.txt"), ["[ab]*.txt"]);
    }

    #[test]
    fn objects_have_the_longer_pattern_first() {
        let text = r#"{"**": "a", ".css": "b", "*.html": "c", "assets/*.html": "d"}"#;
        assert_eq!(read::<Values>(text).items, ["assets/*.html:d", "*.html:c", "*.css:b", "*:a"]);
        assert_eq!(read::<Values>(r#"{".*": "public, max-age=1"}"#).items, ["*:public, max-age=1"]);
        assert_eq!(read::<Values>("public, max-age=1\n").items, ["public, max-age=1"]);
        let error = read::<Values>(r#"{"*.html": no-cache}"#).check("cache_control").expect_err("it is no JSON");
        assert!(error.message.starts_with("cache-control: this is no JSON object of texts"), "{}", error.message);
    }
}
