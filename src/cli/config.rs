//! The configuration file: options by their long names, as if they stood on the command line before those that do.
//!
//! It knows no option itself: names, kinds and values are checked by the definition of the command line.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches};
use thiserror::Error;
use toml::{Table, Value};

/// What the subcommand is called that has a configuration.
const SYNC: &str = "sync";
/// Options that make no sense in the file itself.
const NOT_HERE: [&str; 3] = ["config", "no-config", "help"];

/// Why a configuration file is of no use.
#[derive(Debug, Error)]
pub(super) enum ConfigError {
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the configuration {} is no TOML: {message}", .path.display())]
    Syntax { path: PathBuf, message: String },
    #[error("the configuration {} names an option that there is not: {name:?}", .path.display())]
    Unknown { path: PathBuf, name: String },
    #[error("the configuration {} has a value for {name:?} that is of no use: {wants} is wanted", .path.display())]
    BadValue { path: PathBuf, name: String, wants: &'static str },
}

/// The arguments of a process with what its configuration file adds. `matches` are those arguments, read.
pub(super) fn add_to(
    arguments: Vec<OsString>,
    command: &clap::Command,
    matches: &ArgMatches,
) -> Result<Vec<OsString>, ConfigError> {
    let Some((SYNC, given)) = matches.subcommand() else { return Ok(arguments) };
    let named = given.get_one::<PathBuf>("config");
    if given.get_flag("no_config") {
        return Ok(arguments);
    }
    let Some(path) = named.cloned().or_else(usual_path) else { return Ok(arguments) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(arguments),
        Err(source) => return Err(ConfigError::Read { path, source }),
    };
    let Some(sync) = command.find_subcommand(SYNC) else { return Ok(arguments) };
    let (before, after) = options(&path, &text, sync)?;
    Ok(merged(arguments, before, after))
}

/// Where the file is if nobody says otherwise (XDG base directory specification).
fn usual_path() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("hugesync").join("config.toml"))
}

/// The options of a file: those that the command line outdoes, which come before it, and those that add to a list, which
/// come after: of patterns the first that matches decides.
fn options(path: &Path, text: &str, sync: &clap::Command) -> Result<(Vec<OsString>, Vec<OsString>), ConfigError> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let (path, message) = (path.to_owned(), error.message().to_owned());
        ConfigError::Syntax { path, message }
    })?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (name, value) in &table {
        let known = |arg: &&Arg| arg.get_long() == Some(name.as_str()) && !NOT_HERE.contains(&name.as_str());
        let Some(arg) = sync.get_arguments().find(known) else {
            return Err(ConfigError::Unknown { path: path.to_owned(), name: name.clone() });
        };
        let bad = |wants| ConfigError::BadValue { path: path.to_owned(), name: name.clone(), wants };
        let with = |value: &str| OsString::from(format!("--{name}={value}"));
        match (arg.get_action(), value) {
            (ArgAction::SetTrue, Value::Boolean(true)) => before.push(format!("--{name}").into()),
            (ArgAction::SetTrue, Value::Boolean(false)) => {}
            (ArgAction::SetTrue, _) => return Err(bad("true or false")),
            (ArgAction::Count, Value::Integer(count @ 0..=9)) => {
                before.extend((0..*count).map(|_| OsString::from(format!("--{name}"))));
            }
            (ArgAction::Count, _) => return Err(bad("a number from 0 to 9")),
            (ArgAction::Append, Value::Array(values)) => {
                for value in values {
                    after.push(with(&plain(value).ok_or_else(|| bad("a list of texts"))?));
                }
            }
            (ArgAction::Append, value) => after.push(with(&plain(value).ok_or_else(|| bad("a text or a list"))?)),
            (_, value) => before.push(with(&plain(value).ok_or_else(|| bad("a text or a number"))?)),
        }
    }
    Ok((before, after))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn merged(arguments: Vec<OsString>, before: Vec<OsString>, after: Vec<OsString>) -> Vec<OsString> {
    // The subcommand is the first argument of its name: nothing but flags can come before it.
    let start = arguments.iter().position(|argument| argument == SYNC).map_or(arguments.len(), |at| at + 1);
    let end = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len()).max(start);
    let mut all = arguments[..start].to_vec();
    all.extend(before);
    all.extend_from_slice(&arguments[start..end]);
    all.extend(after);
    all.extend_from_slice(&arguments[end..]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Vec<OsString>, Vec<OsString>), ConfigError> {
        let command = crate::cli::command();
        options(Path::new("config.toml"), text, command.find_subcommand(SYNC).expect("it is there"))
    }

    #[test]
    fn options_have_their_long_names() {
        let text = "archive = true\ndelete = false\njobs = 8\nbwlimit = '2MB'\nskip-vanished = false\nverbose = 2\n\
                    exclude = ['*.o', 'a b']\ninclude = '*.c'";
        let (before, after) = read(text).expect("sound");
        let mut before: Vec<_> = before.iter().filter_map(|text| text.to_str()).collect();
        before.sort_unstable();
        assert_eq!(
            before,
            ["--archive", "--bwlimit=2MB", "--jobs=8", "--skip-vanished=false", "--verbose", "--verbose"]
        );
        let after: Vec<_> = after.iter().filter_map(|text| text.to_str()).collect();
        assert_eq!(after, ["--exclude=*.o", "--exclude=a b", "--include=*.c"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("nonsense = 1", "\"nonsense\""),
            ("config = 'x'", "\"config\""),
            ("source = 'x'", "\"source\""),
            ("archive = 'yes'", "true or false"),
            ("jobs = [1]", "a text or a number"),
            ("exclude = [[1]]", "a list of texts"),
            ("archive =", "no TOML"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(says) && error.contains("config.toml"), "{text}: {error}");
        }
    }

    #[test]
    fn the_command_line_comes_after_and_its_lists_before() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let all = merged(words("hugesync sync -n a b -- c"), words("--jobs=8"), words("--exclude=x"));
        assert_eq!(all, words("hugesync sync --jobs=8 -n a b --exclude=x -- c"));
    }
}
