//! The environment of a job: which of its variables are settings, under which names, and what they say.
//!
//! Nothing is set or printed here. The rules are in docs/CI.md, "How settings are read"; what runners and shells do to
//! variables, which is why there are so many, is in there too.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt as _;

use super::settings;
use super::values::kebab;
use crate::options::Unusable;

/// Where settings come from, the first that says something counts: a GitHub action's `with:`, a Drone or Woodpecker
/// plugin's `settings:`, and variables of any job.
const PREFIXES: [&str; 3] = ["INPUT_", "PLUGIN_", "HUGESYNC_"];
/// What the runner itself sets beside the inputs: words that `with:` has for the container.
const RESERVED: [&str; 2] = ["args", "entrypoint"];
/// Names of other S3 plugins for Drone and Woodpecker, and the settings that they are.
const OTHER_NAMES: [(&str, &str); 13] = [
    ("access", "acl"),
    ("region", "aws_region"),
    ("endpoint", "endpoint_url"),
    ("access_key", "aws_access_key_id"),
    ("secret_key", "aws_secret_access_key"),
    ("session_token", "aws_session_token"),
    ("profile", "aws_profile"),
    ("assume_role", "role_to_assume"),
    ("assume_role_session_name", "role_session_name"),
    ("external_id", "role_external_id"),
    ("oidc_token_id", "oidc_token"),
    ("max_concurrency", "jobs"),
    ("encryption", "sse"),
];
/// The variable that tells where the entrypoint has put the environment that it was given, in hexadecimal: dash and
/// busybox drop variables with a hyphen in their names (`INPUT_DRY-RUN`) when they start a program.
const GIVEN_FD: &str = "HUGESYNC_ENVIRON_FD";
/// How many letters may be wrong, missing, too many or swapped in a name that is taken for another one's misspelling; half
/// as many in one of less than [`SHORT`] letters. Hyphens and underscores are not looked at.
const SLIPS: usize = 2;
/// See [`SLIPS`].
const SHORT: usize = 6;
/// How alike names have to be for one to be suggested for the other (Jaro-Winkler, from 0 to 1).
const ALIKE: f64 = 0.8;

/// The variables of a job.
#[derive(Default)]
pub(super) struct Environment(BTreeMap<OsString, OsString>);

/// The settings of a job as names and texts, and what is odd about them.
pub(super) struct Found {
    /// Names in snake case.
    pub(super) values: Vec<(String, String)>,
    /// What the user should know.
    pub(super) warnings: Vec<String>,
}

impl Environment {
    /// The variables of this process, and those that a shell has dropped on the way to it.
    pub(super) fn of_process() -> Self {
        let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let given = std::env::var(GIVEN_FD).ok().and_then(|fd| fd.parse::<u32>().ok());
        if let Some(text) = given.and_then(|fd| fs::read_to_string(format!("/proc/self/fd/{fd}")).ok()) {
            for (name, value) in unhex(&text).split(|byte| *byte == 0).filter_map(name_and_value) {
                variables.entry(name).or_insert(value);
            }
        }
        Self(variables)
    }

    #[cfg(test)]
    pub(super) fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable that says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name))?.to_str().filter(|value| !value.is_empty())
    }

    /// Whether a variable says `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The settings among the variables.
    ///
    /// # Errors
    /// Where a name is a misspelt setting, a setting is given twice with two values, or one is not UTF-8: a job whose
    /// `dryrun: true` only warns goes on to write and delete.
    pub(super) fn settings(&self) -> Result<Found, Unusable> {
        let mut found = Found { values: Vec::new(), warnings: Vec::new() };
        let mut misspelt = Vec::new();
        for prefix in PREFIXES {
            // One name may come in two spellings: with hyphens from the runner, with underscores from `runs.env`.
            let mut here: BTreeMap<String, (&str, String)> = BTreeMap::new();
            for (variable, value) in &self.0 {
                let Some(variable) = variable.to_str() else { continue };
                let Some(spelled) = strip_prefix(variable, prefix) else { continue };
                let name = match meaning(prefix, &spelled, value, variable) {
                    Meaning::Setting(name) => name,
                    Meaning::Misspelt(text) => {
                        misspelt.push(text);
                        continue;
                    }
                    Meaning::Unknown(text) => {
                        found.warnings.push(text);
                        continue;
                    }
                    Meaning::Nothing => continue,
                };
                let Some(value) = value.to_str() else {
                    let hint = "write it in UTF-8; object keys and headers cannot hold anything else";
                    return Err(Unusable {
                        message: format!("the variable {variable} is not UTF-8"),
                        hint: Some(hint.into()),
                    });
                };
                if value.trim().is_empty() {
                    continue;
                }
                match here.get(name) {
                    None => {
                        here.insert(name.to_owned(), (variable, value.to_owned()));
                    }
                    Some((_, other)) if other == value => {}
                    Some((other, _)) => {
                        let message = format!("{variable} and {other} are the same setting with two values");
                        let hint = Some("nothing was done; leave one of them out".to_owned());
                        return Err(Unusable { message, hint });
                    }
                }
            }
            let known = |name: &str| found.values.iter().any(|(known, _)| known == name);
            let new: Vec<_> = here.into_iter().filter(|(name, _)| !known(name)).collect();
            found.values.extend(new.into_iter().map(|(name, (_, value))| (name, value)));
        }
        if misspelt.is_empty() {
            return Ok(found);
        }
        let hint =
            Some("nothing was done; correct the name, or remove it if it is meant for something else".to_owned());
        Err(Unusable { message: misspelt.join("; "), hint })
    }
}

/// What follows a prefix, in snake case.
fn strip_prefix(variable: &str, prefix: &str) -> Option<String> {
    let (start, rest) = variable.split_at_checked(prefix.len())?;
    let rest = start.eq_ignore_ascii_case(prefix).then_some(rest)?;
    Some(rest.to_ascii_lowercase().replace(['-', ' '], "_"))
}

/// What a variable with one of our prefixes is.
enum Meaning {
    /// The setting of this name.
    Setting(&'static str),
    /// Almost the name of a setting; the text says which.
    Misspelt(String),
    /// Something that we should know if it were meant for us.
    Unknown(String),
    /// Nothing that concerns us.
    Nothing,
}

fn meaning(prefix: &str, spelled: &str, value: &OsStr, variable: &str) -> Meaning {
    if let Some(name) = settings::NAMES.iter().find(|name| **name == spelled) {
        return Meaning::Setting(name);
    }
    if let Some((_, name)) = OTHER_NAMES.iter().find(|(other, _)| *other == spelled) {
        return Meaning::Setting(name);
    }
    if prefix == "HUGESYNC_" && spelled.starts_with("out_") {
        return Meaning::Nothing;
    }
    if value.is_empty() || RESERVED.contains(&spelled) || variable == GIVEN_FD {
        return Meaning::Nothing;
    }
    let others = OTHER_NAMES.iter().map(|(other, _)| *other).filter(|_| prefix == "PLUGIN_");
    let names = || settings::NAMES.iter().copied().chain(others.clone());
    if let Some(name) = names().filter(|name| is_slip(name, spelled)).min_by_key(|name| slips(name, spelled)) {
        let name = written(prefix, name);
        return Meaning::Misspelt(format!("{variable} is not known, and {name} is probably meant"));
    }
    let alike = names().map(|name| (strsim::jaro_winkler(name, spelled), name));
    match alike.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(alike, _)| *alike >= ALIKE) {
        Some((_, name)) => {
            let name = written(prefix, name);
            Meaning::Unknown(format!("{variable} is not known and does nothing; is {name} meant?"))
        }
        // Any job may have variables of its own that begin like ours, and later ones have our outputs.
        None if prefix == "HUGESYNC_" => Meaning::Nothing,
        None => Meaning::Unknown(format!("{variable} is not known and does nothing")),
    }
}

/// How many slips lead from one name to another.
fn slips(name: &str, spelled: &str) -> usize {
    strsim::osa_distance(&name.replace('_', ""), &spelled.replace('_', ""))
}

/// Whether a name is another one's misspelling.
fn is_slip(name: &str, spelled: &str) -> bool {
    let letters = name.replace('_', "").len().min(spelled.replace('_', "").len());
    slips(name, spelled) <= if letters < SHORT { SLIPS / 2 } else { SLIPS }
}

/// A setting's name as it is written where the prefix is used.
fn written(prefix: &str, name: &str) -> String {
    match prefix {
        "INPUT_" => format!("the input {}", kebab(name)),
        "PLUGIN_" => format!("the setting {name}"),
        _ => format!("{prefix}{}", name.to_ascii_uppercase()),
    }
}

/// The bytes of hexadecimal pairs with spaces between them, as `od -An -v -tx1` writes them.
fn unhex(text: &str) -> Vec<u8> {
    text.split_ascii_whitespace().filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

fn name_and_value(variable: &[u8]) -> Option<(OsString, OsString)> {
    let equals = variable.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (&variable[..equals], &variable[equals + 1..]);
    Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
        let Ok(found) = Environment::of(variables).settings() else { panic!("unusable") };
        (found.values, found.warnings)
    }

    fn value<'a>(values: &'a [(String, String)], name: &str) -> Option<&'a str> {
        values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn names_may_have_hyphens_and_come_twice() {
        let (values, warnings) = read(&[("INPUT_DRY-RUN", "true"), ("INPUT_DRY_RUN", "true"), ("INPUT_JOBS", "")]);
        assert_eq!(values, [("dry_run".to_owned(), "true".to_owned())]);
        assert!(warnings.is_empty(), "{warnings:?}");
        let two = refused(&[("INPUT_DRY-RUN", "true"), ("INPUT_DRY_RUN", "false")]);
        assert_eq!(two, "INPUT_DRY_RUN and INPUT_DRY-RUN are the same setting with two values");
        let two = refused(&[("PLUGIN_REGION", "eu-west-1"), ("PLUGIN_AWS_REGION", "eu-west-2")]);
        assert!(two.contains("the same setting with two values"), "{two}");
        let (values, _) = read(&[("INPUT_DRY-RUN", ""), ("INPUT_DRY_RUN", "false")]);
        assert_eq!(value(&values, "dry_run"), Some("false"));
    }

    #[test]
    fn inputs_count_for_more_than_plugins_and_those_for_more_than_variables() {
        let all = [("HUGESYNC_JOBS", "1"), ("PLUGIN_JOBS", "2"), ("INPUT_JOBS", "3"), ("HUGESYNC_ACL", "private")];
        assert_eq!(value(&read(&all).0, "jobs"), Some("3"));
        assert_eq!(value(&read(&all).0, "acl"), Some("private"));
        assert_eq!(value(&read(&all[..2]).0, "jobs"), Some("2"));
        let empty = [("HUGESYNC_JOBS", "1"), ("INPUT_JOBS", " \n")];
        assert_eq!(value(&read(&empty).0, "jobs"), Some("1"), "what is left out is no value");
    }

    #[test]
    fn other_plugins_names_are_known() {
        let (values, warnings) = read(&[("PLUGIN_REGION", "eu-west-1"), ("PLUGIN_MAX_CONCURRENCY", "8")]);
        assert_eq!((value(&values, "aws_region"), value(&values, "jobs")), (Some("eu-west-1"), Some("8")));
        assert!(warnings.is_empty(), "{warnings:?}");
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        let Err(error) = Environment::of(variables).settings() else { panic!("{variables:?} is taken") };
        assert!(error.hint.is_some_and(|hint| hint.starts_with("nothing was done")));
        error.message
    }

    #[test]
    fn a_misspelt_name_ends_the_job() {
        for (variable, meant) in [
            ("INPUT_DRYRUN", "the input dry-run"),
            ("INPUT_DRY-RUNS", "the input dry-run"),
            ("INPUT_DYR-RUN", "the input dry-run"),
            ("INPUT_EXLUDE", "the input exclude"),
            ("INPUT_DELTA-TRESHOLD", "the input delta-threshold"),
            ("INPUT_JOB", "the input jobs"),
            ("INPUT_TAGS", "the input tag"),
            ("INPUT_MAXDELETE", "the input max-delete"),
            ("PLUGIN_EXCLUDES", "the setting exclude"),
            ("PLUGIN_ACESS_KEY", "the setting access_key"),
            ("HUGESYNC_ROLE_TO_ASUME", "HUGESYNC_ROLE_TO_ASSUME"),
            ("HUGESYNC_DESTINATON", "HUGESYNC_DESTINATION"),
        ] {
            let right = ("INPUT_SOURCE", "x");
            let text = format!("{variable} is not known, and {meant} is probably meant");
            assert_eq!(refused(&[right, (variable, "false")]), text);
        }
        let both = refused(&[("INPUT_DRYRUN", "true"), ("INPUT_EXLUDE", "*.tmp")]);
        assert!(both.contains("INPUT_DRYRUN") && both.contains("; INPUT_EXLUDE"), "{both}");
    }

    #[test]
    fn what_is_not_known_is_said_with_what_may_be_meant() {
        for (variable, says) in [
            ("INPUT_EXCLUDE-PATTERNS", "does nothing; is the input exclude meant?"),
            ("PLUGIN_STORAGE_KIND", "does nothing; is the setting storage_class meant?"),
            ("INPUT_COMPLETELY-DIFFERENT", "INPUT_COMPLETELY-DIFFERENT is not known and does nothing"),
        ] {
            let (_, warnings) = read(&[(variable, "x")]);
            assert!(warnings.len() == 1 && warnings[0].ends_with(says), "{variable}: {warnings:?}");
        }
        for quiet in [
            ("INPUT_ARGS", "x"),
            ("INPUT_NEW", ""),
            ("INPUT_DRYRUN", ""),
            ("HUGESYNC_VERSION", "1"),
            ("HUGESYNC_IMAGE", "x"),
            ("HUGESYNC_TOKEN", "x"),
            ("HUGESYNC_BIN", "x"),
            ("HUGESYNC_HOME", "x"),
            ("HUGESYNC_OUT_DESTINATION", "x"),
            ("GITHUB_SHA", "x"),
        ] {
            assert!(read(&[quiet]).1.is_empty(), "{quiet:?}");
        }
    }

    #[test]
    fn only_settings_have_to_be_utf_8() {
        let bad = || OsStr::from_bytes(b"\xff").to_owned();
        let mut environment = Environment::of(&[("INPUT_JOBS", "3")]);
        environment.0.insert("SOMETHING".into(), bad());
        environment.0.insert(bad(), "x".into());
        environment.0.insert("INPUT_SOMETHING".into(), bad());
        assert!(environment.settings().is_ok());
        environment.0.insert("INPUT_SOURCE".into(), bad());
        let Err(error) = environment.settings() else { panic!("it is no text") };
        assert_eq!(error.message, "the variable INPUT_SOURCE is not UTF-8");
    }

    #[test]
    fn what_a_shell_dropped_is_read_from_the_entrypoint() {
        let bytes = unhex(" 41 3d 62 00 49 2d 4a\n 3d 0a 00 00");
        let all: Vec<_> = bytes.split(|byte| *byte == 0).filter_map(name_and_value).collect();
        assert_eq!(all, [("A".into(), "b".into()), ("I-J".into(), "\n".into())]);
    }
}
