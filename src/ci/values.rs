//! The kinds of values that settings have, as variables of the environment hold them.
//!
//! `envy` reads them into these types. Its own reading of booleans and lists is too strict for what people and CI systems
//! write: it knows neither `True` nor lists with an item a line, and tears `*.{js,css}` apart.

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::settings::kebab;
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
pub(super) struct Values(pub(super) Vec<String>);

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
        if let Ok(map) = serde_json::from_str::<std::collections::BTreeMap<String, String>>(&text) {
            // What is for some names before what is for all, since the first that matches counts.
            let (all, some): (Vec<_>, Vec<_>) = map.into_iter().partition(|(pattern, _)| pattern.trim() == "*");
            let items = some.into_iter().chain(all);
            return Ok(Self(items.map(|(pattern, value)| format!("{pattern}:{value}")).collect()));
        }
        if let Ok(items) = serde_json::from_str::<Vec<String>>(&text) {
            return Ok(Self(items));
        }
        Ok(Self(lines(&text).collect()))
    }
}

/// What every kind of value can do.
macro_rules! value {
    ($kind:ty, |$value:ident, $options:ident, $option:ident| $add:expr, |$shown:ident| $show:expr) => {
        impl $kind {
            /// Adds the option of `hugesync sync` that it stands for.
            pub(super) fn add_to(&self, $options: &mut Vec<String>, $option: &str) {
                let $value = self;
                $add
            }

            /// The value as it may be shown, where it is set.
            pub(super) fn shown(&self) -> Option<String> {
                let $shown = self;
                $show
            }
        }
    };
}

value!(Text, |text, options, option| options.extend(text.0.iter().map(|text| format!("--{option}={text}"))), |text| {
    text.0.clone()
});
value!(Lines, |list, options, option| options.extend(list.0.iter().map(|item| format!("--{option}={item}"))), |list| {
    Some(list.0.join("\n")).filter(|text| !text.is_empty())
});
value!(
    Values,
    |list, options, option| options.extend(list.0.iter().map(|item| format!("--{option}={item}"))),
    |list| Some(list.0.join("\n")).filter(|text| !text.is_empty())
);
value!(Switch, |switch, options, option| options.extend(switch.is_on().then(|| format!("--{option}"))), |switch| {
    match switch {
        Self::Set(value) => Some(value.to_string()),
        Self::Unset | Self::Unclear(_) => None,
    }
});

impl Switch {
    /// Whether it says yes.
    pub(super) fn is_on(&self) -> bool {
        *self == Self::Set(true)
    }

    /// Whether it says no.
    pub(super) fn is_off(&self) -> bool {
        *self == Self::Set(false)
    }

    /// Fails for what is neither yes nor no.
    pub(super) fn check(&self, name: &str) -> Result<(), Unusable> {
        match self {
            Self::Unclear(text) => Err(Unusable {
                message: format!("{}: {text:?} is neither true nor false", kebab(name)),
                hint: Some("write true or false".to_owned()),
            }),
            Self::Unset | Self::Set(_) => Ok(()),
        }
    }
}

/// Values that cannot be wrong before they are used.
macro_rules! always_sound {
    ($($kind:ty),*) => {$(
        impl $kind {
            pub(super) fn check(&self, _: &str) -> Result<(), Unusable> {
                Ok(())
            }
        }
    )*};
}

always_sound!(Text, Secret, Paths, Lines, Values);

impl Paths {
    /// The value as it may be shown, where it is set.
    pub(super) fn shown(&self) -> Option<String> {
        Some(self.0.join("\n")).filter(|text| !text.is_empty())
    }
}

impl Secret {
    /// Nothing: it is never shown.
    pub(super) fn shown(&self) -> Option<String> {
        None
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "***" } else { "None" })
    }
}
