//! What a job syncs: pairs of a source and a destination, and the request that each makes.
//!
//! Here the settings of a job become options of `hugesync sync`; what differs from the command line is decided here and
//! nowhere else: globs in sources, `include` alone, and the names of other S3 plugins.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};

use super::settings::{self, Settings};
use super::values::kebab;
use crate::app::SyncRequest;
use crate::options::{self, Unusable};

/// What makes a source a pattern.
const WILD: [char; 3] = ['*', '?', '['];
/// The most forms of one pattern that are tried, each with or without its folders between (`a/**/b`).
const MAX_FORMS: usize = 16;

/// One sync of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Work {
    /// The source as the job names it.
    pub(super) named: String,
    /// A file or folder, as the engine takes it: a slash at the end means its contents.
    pub(super) source: String,
    /// Where to.
    pub(super) destination: String,
    /// Patterns in their order, the first that matches counts; `true` takes, `false` leaves out.
    rules: Vec<(bool, String)>,
}

/// What becomes of a source that has no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoFiles {
    /// A warning.
    Warn,
    /// The job fails.
    Error,
    /// Nothing.
    Ignore,
}

pub(super) fn unusable(message: impl Into<String>, hint: &str) -> Unusable {
    Unusable { message: message.into(), hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()) }
}

/// What the settings ask for if a source has no file.
pub(super) fn no_files(settings: &Settings) -> Result<NoFiles, Unusable> {
    match settings.if_no_files_found.0.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("error") => Ok(NoFiles::Error),
        Some("warn") => Ok(NoFiles::Warn),
        Some("ignore") => Ok(NoFiles::Ignore),
        Some(other) => {
            Err(unusable(format!("if-no-files-found: {other:?} is not known"), "write warn, error or ignore"))
        }
    }
}

/// Everything that the job syncs, in order. Looks at the sources to tell names from patterns; `path` says where a source
/// of that name is.
pub(super) fn plan(settings: &Settings, path: &dyn Fn(&str) -> String) -> Result<Vec<Work>, Unusable> {
    let here = |place: &str| if is_url(place) { place.to_owned() } else { path(place) };
    let sources: Vec<String> = settings.source.0.iter().map(|source| here(source)).collect();
    let sources = separated(sources);
    if sources.is_empty() {
        return Err(unusable("source is not set", "name a file or folder, for example source: dist/"));
    }
    if let Some(source) = sources.iter().find(|source| source.starts_with('!')) {
        let hint = "what is to be left out belongs into exclude";
        return Err(unusable(format!("source {source} begins with an exclamation mark"), hint));
    }
    let destinations = destinations(settings, &sources)?;
    let destinations: Vec<String> = destinations.iter().map(|destination| here(destination)).collect();
    let pairs: Vec<(&String, &String)> = match (sources.len(), destinations.len()) {
        (_, 1) => sources.iter().map(|source| (source, &destinations[0])).collect(),
        (1, _) => destinations.iter().map(|destination| (&sources[0], destination)).collect(),
        (many, same) if many == same => sources.iter().zip(&destinations).collect(),
        (many, others) => {
            let hint = "give one destination for all, or one for each source, in the same order";
            return Err(unusable(format!("{many} sources and {others} destinations do not go together"), hint));
        }
    };
    let works: Vec<Work> = pairs.into_iter().map(|(from, to)| work(settings, from, to)).collect::<Result<_, _>>()?;
    if settings.delete.is_on() || settings.delete_excluded.is_on() {
        overlapping(&works)?;
    }
    Ok(works)
}

/// The items of a list on one line: Drone and Woodpecker put commas between them. A name may have commas too.
fn separated(lines: Vec<String>) -> Vec<String> {
    match lines.as_slice() {
        [line] if line.contains(',') && !line.contains('{') && Path::new(line).symlink_metadata().is_err() => {
            line.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
        }
        _ => lines,
    }
}

/// Fails if one sync would delete what another one has uploaded.
fn overlapping(works: &[Work]) -> Result<(), Unusable> {
    for (at, one) in works.iter().enumerate() {
        for other in &works[at + 1..] {
            let (a, b) = (one.reach(), other.reach());
            if a.starts_with(&b) || b.starts_with(&a) {
                let hint =
                    "nothing was done; give each its own prefix, or sync them in steps of their own without delete";
                let message = format!(
                    "with delete, {} and {} could delete each other's objects below {}",
                    one.named,
                    other.named,
                    if a.len() < b.len() { b } else { a }
                );
                return Err(unusable(message, hint));
            }
        }
    }
    Ok(())
}

/// Whether a place is in a bucket.
fn is_url(place: &str) -> bool {
    place.starts_with("s3://")
}

fn destinations(settings: &Settings, sources: &[String]) -> Result<Vec<String>, Unusable> {
    let (given, bucket) = (separated(settings.destination.0.clone()), settings.bucket.0.as_deref());
    if !given.is_empty() {
        return Ok(given);
    }
    if sources.iter().any(|source| is_url(source)) {
        let hint = "name a folder or file of the workspace, for example destination: data/";
        return Err(unusable("destination is not set", hint));
    }
    let Some(bucket) = bucket else {
        let hint = "name a bucket and a prefix, for example destination: s3://bucket/prefix/";
        return Err(unusable("destination is not set", hint));
    };
    let bucket = bucket.trim_start_matches("s3://").trim_end_matches('/');
    let target = settings.target.0.as_deref().unwrap_or_default().trim_matches('/');
    Ok(vec![if target.is_empty() { format!("s3://{bucket}/") } else { format!("s3://{bucket}/{target}/") }])
}

fn work(settings: &Settings, source: &str, destination: &str) -> Result<Work, Unusable> {
    let (exclude, include) = (&settings.exclude.0, &settings.include.0);
    let named = source.to_owned();
    if is_url(source) {
        // A key may hold any of the characters that make a pattern of a path here.
        return Ok(Work {
            named,
            source: source.to_owned(),
            destination: destination.to_owned(),
            rules: rules(exclude, include),
        });
    }
    let exists = Path::new(source).symlink_metadata().is_ok();
    let (base, pattern) = if exists { (source, None) } else { split(source) };
    let mut source = base.to_owned();
    let mut destination = destination.to_owned();
    // As the other plugins do it: what is given as destination.bucket gets the files by their paths.
    if settings.destination.0.is_empty() {
        destination = stripped(settings, base, pattern.is_some(), destination)?;
        if Path::new(base).is_dir() && !source.ends_with('/') {
            source.push('/');
        }
    }
    let rules = match pattern {
        None => rules(exclude, include),
        Some(_) if !include.is_empty() => {
            let hint =
                "the pattern says already which files are meant; leave include out, or name the folder as source";
            return Err(unusable(
                format!("include does not go with the pattern {base}{}", pattern.unwrap_or("")),
                hint,
            ));
        }
        Some(pattern) => {
            if !source.ends_with('/') {
                source.push('/');
            }
            let excluded = exclude.iter().map(|pattern| (false, pattern.clone()));
            let taken = forms(pattern).into_iter().map(|form| (true, form));
            excluded.chain(taken).chain(only()).collect()
        }
    };
    Ok(Work { named, source, destination, rules })
}

/// The folder that a pattern begins in, and the pattern below it; all of a name without wild cards is a folder.
fn split(source: &str) -> (&str, Option<&str>) {
    let Some(wild) = source.find(WILD) else { return (source, None) };
    match source[..wild].rfind('/') {
        None => ("./", Some(source)),
        Some(slash) => (&source[..=slash], Some(&source[slash + 1..])),
    }
}

/// rsync's patterns for a shell's: `**/` also matches no folder at all.
fn forms(pattern: &str) -> Vec<String> {
    let mut forms = vec![pattern.to_owned()];
    let mut at = 0;
    while at < forms.len() && forms.len() < MAX_FORMS {
        for (place, _) in forms[at].clone().match_indices("/**/") {
            let shorter = format!("{}/{}", &forms[at][..place], &forms[at][place + 4..]);
            if !forms.contains(&shorter) {
                forms.push(shorter);
            }
        }
        at += 1;
    }
    let anchored = |form: String| if form.starts_with("**") { form } else { format!("/{form}") };
    forms.into_iter().map(anchored).collect()
}

/// The end of a list that takes only what stands before it: folders are looked into, everything else is left out.
fn only() -> [(bool, String); 2] {
    [(true, "*/".to_owned()), (false, "*".to_owned())]
}

/// With `include` only what it matches is taken, and of that not what `exclude` matches. That everything else is left out
/// need not be said, and folders on the way need not be named.
fn rules(exclude: &[String], include: &[String]) -> Vec<(bool, String)> {
    let left_out = exclude.iter().map(|pattern| (false, pattern.clone()));
    if include.is_empty() {
        return left_out.collect();
    }
    let everything = |pattern: &str| matches!(pattern, "*" | "**" | "/*" | "/**" | "**/*");
    let left_out = left_out.filter(|(_, pattern)| !everything(pattern));
    left_out.chain(include.iter().map(|pattern| (true, pattern.clone()))).chain(only()).collect()
}

/// The destination of a source by its path without `strip_prefix`, as drone-s3 makes its keys.
fn stripped(settings: &Settings, base: &str, is_pattern: bool, destination: String) -> Result<String, Unusable> {
    let prefix =
        settings.strip_prefix.0.as_deref().unwrap_or_default().trim_start_matches("./").trim_start_matches('/');
    let path = base.trim_start_matches("./").trim_start_matches('/');
    // Of a folder the contents go below the target, as in drone-s3-sync.
    let folder = if is_pattern {
        path
    } else if Path::new(base).is_dir() {
        return Ok(destination);
    } else {
        path.rfind('/').map_or("", |slash| &path[..=slash])
    };
    if folder.is_empty() || prefix.trim_end_matches('/') == folder.trim_end_matches('/') {
        return Ok(destination);
    }
    if prefix.starts_with(folder) && prefix.len() > folder.len() {
        let hint = "name as source the folder that strip_prefix names";
        return Err(unusable(
            format!("strip_prefix {prefix} is longer than what the source begins with, {folder}"),
            hint,
        ));
    }
    let rest = folder.strip_prefix(prefix).unwrap_or(folder).trim_start_matches('/');
    Ok(format!("{destination}{rest}"))
}

impl Work {
    /// What its destination and everything below begins with.
    fn reach(&self) -> String {
        let below = self.destination.trim_end_matches('/');
        match self.source.trim_end_matches('/').rsplit('/').next() {
            Some(name) if !self.source.ends_with('/') && !matches!(name, "." | "..") => format!("{below}/{name}/"),
            _ => format!("{below}/"),
        }
    }

    /// Whether it goes from a bucket to here.
    pub(super) fn is_download(&self) -> bool {
        is_url(&self.source)
    }

    /// What may be the reason that it found nothing.
    pub(super) fn advice(&self) -> &'static str {
        match self.named.as_str() {
            _ if self.is_download() => {
                "check source, include and exclude; if there may be nothing yet (the first run of a job that restores what \
                 an earlier one has stored), set if-no-files-found to warn or ignore"
            }
            named if named.contains('{') => "braces are no pattern here: write a line for each",
            named if named.contains(WILD) => {
                "a pattern names files, and * stays within a folder: dist/**/*.js, packages/*/dist/**; if there may be none, \
                 set if-no-files-found to warn or ignore"
            }
            _ => {
                "check source, include and exclude (paths begin at the workspace); if this may happen, set \
                 if-no-files-found to warn or ignore"
            }
        }
    }

    /// Whether there is nothing at its source.
    pub(super) fn has_no_source(&self) -> bool {
        let path = PathBuf::from(&self.source);
        !self.is_download() && path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    }

    /// What this job writes into its source: a later run would upload what an earlier one has left.
    fn own_files(&self, settings: &Settings) -> Vec<String> {
        let written = [&settings.report_path, &settings.output_path, &settings.summary_path];
        let plain = |path: &str| path.trim_start_matches("./").trim_end_matches('/').to_owned();
        let folder = match plain(&self.source).as_str() {
            "" | "." => String::new(),
            folder => format!("{folder}/"),
        };
        if self.is_download() {
            return Vec::new();
        }
        let paths = written.into_iter().filter_map(|path| path.0.as_deref());
        let below = paths.filter_map(|path| plain(path).strip_prefix(&folder).map(|below| format!("/{below}")));
        // A name with wild cards in it would be a pattern, and leave out more.
        below.filter(|name| self.source.ends_with('/') && !name.contains([WILD[0], WILD[1], WILD[2], '\\'])).collect()
    }

    /// The request that it makes. `report_all` keeps a report of every file, `descriptors` is how many the process may have
    /// open.
    pub(super) fn request(
        &self,
        settings: &Settings,
        report_all: bool,
        descriptors: usize,
    ) -> Result<SyncRequest, Unusable> {
        let mut arguments = settings.options()?;
        // One list in its order: patterns count in the order in which they stand.
        let rules = self.rules.iter().map(|(take, text)| if *take { ("include", text) } else { ("exclude", text) });
        let own = self.own_files(settings).into_iter().map(|name| format!("--exclude={name}"));
        arguments.extend(own.chain(rules.map(|(option, text)| format!("--{option}={text}"))));
        arguments.extend(report_all.then(|| "--json".to_owned()));
        arguments.extend(["--".to_owned(), self.source.clone(), self.destination.clone()]);
        let (args, matches) = options::read(arguments).map_err(|error| of_clap(&error))?;
        options::request(&args, &matches, descriptors).map_err(|Unusable { message, hint }| Unusable {
            message: in_settings(&message),
            hint: hint.map(|hint| in_settings(&hint)),
        })
    }
}

/// What clap says of an option, as something about a setting.
fn of_clap(error: &clap::Error) -> Unusable {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let option = text(ContextKind::InvalidArg).and_then(|arg| arg.strip_prefix("--")?.split([' ', '=']).next());
    let name = option.map(|option| kebab(settings::of_option(option).unwrap_or(option)));
    let reason = std::error::Error::source(error).map(ToString::to_string);
    match (name, text(ContextKind::InvalidValue), reason) {
        (Some(name), Some(value), reason) => {
            let possible = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) => Some(format!("write {}", values.join(" or "))),
                _ => None,
            };
            Unusable { message: format!("{name}: {value:?} is of no use"), hint: reason.or(possible) }
        }
        (Some(name), None, _) if error.kind() == clap::error::ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg).map(in_settings).unwrap_or_else(|| "another setting".to_owned());
            Unusable { message: format!("{name} and {other} exclude each other"), hint: None }
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Unusable { message: in_settings(first), hint: None }
        }
    }
}

/// A message of the engine or of the command line, with settings where it names options.
pub(super) fn in_settings(text: &str) -> String {
    let text = text.replace("--dry-run --verbose", "dry-run: true");
    let mut told = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find("--") {
        let name: &str = rest[at + 2..].split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
        told.push_str(&rest[..at]);
        let begins = rest[..at].chars().next_back().is_none_or(|before| matches!(before, ' ' | '(' | '"' | '\'' | '`'));
        if !begins || name.is_empty() || name.starts_with('-') {
            told.push_str("--");
            told.push_str(name);
        } else {
            told.push_str(&kebab(settings::of_option(name).unwrap_or(name)));
        }
        rest = &rest[at + 2 + name.len()..];
        if let Some(value) = rest.strip_prefix('=').filter(|_| begins && !name.is_empty()) {
            told.push_str(": ");
            rest = value;
        }
    }
    told + rest
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Work of which only the name matters.
    pub(in crate::ci) fn named(name: &str) -> Work {
        Work { named: name.to_owned(), source: name.to_owned(), destination: name.to_owned(), rules: Vec::new() }
    }

    fn settings(values: &[(&str, &str)]) -> Settings {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::read(values).unwrap_or_else(|error| panic!("{}", error.message))
    }

    fn planned(values: &[(&str, &str)]) -> Vec<Work> {
        plan(&settings(values), &str::to_owned).unwrap_or_else(|error| panic!("{}", error.message))
    }

    fn pairs(works: &[Work]) -> Vec<(&str, &str)> {
        works.iter().map(|work| (work.source.as_str(), work.destination.as_str())).collect()
    }

    fn wrong(values: &[(&str, &str)]) -> String {
        plan(&settings(values), &str::to_owned).expect_err("it is wrong").message
    }

    /// A source that is there, and one that is not.
    const HERE: &str = "src/ci";

    #[test]
    fn sources_and_destinations_go_together() {
        let works = planned(&[("source", "a/\nb"), ("destination", "s3://x/")]);
        assert_eq!(pairs(&works), [("a/", "s3://x/"), ("b", "s3://x/")]);
        let works = planned(&[("source", "a/\nb"), ("destination", "s3://x/\ns3://y/")]);
        assert_eq!(pairs(&works), [("a/", "s3://x/"), ("b", "s3://y/")]);
        let works = planned(&[("source", "a"), ("destination", "s3://x/\ns3://y/")]);
        assert_eq!(pairs(&works), [("a", "s3://x/"), ("a", "s3://y/")]);
        assert!(wrong(&[("source", "a\nb\nc"), ("destination", "s3://x/\ns3://y/")]).starts_with("3 sources and 2"));
        assert_eq!(wrong(&[("destination", "s3://x/")]), "source is not set");
        assert_eq!(wrong(&[("source", "a")]), "destination is not set");
    }

    #[test]
    fn no_sync_deletes_what_another_has_uploaded() {
        let with = |source, destination| [("source", source), ("destination", destination), ("delete", "true")];
        assert!(wrong(&with("a/\nb/", "s3://x/p/")).contains("a/ and b/ could delete each other's objects"));
        assert!(wrong(&with("a\na/b", "s3://x/p\ns3://x/p/a")).contains("each other"));
        assert_eq!(planned(&with("a\nb", "s3://x/p/")).len(), 2);
        assert_eq!(planned(&with("a/\nb/", "s3://x/p/\ns3://x/pq/")).len(), 2);
    }

    #[test]
    fn patterns_are_folders_with_rules() {
        let works = planned(&[("source", "dist/v1/**/*.js"), ("destination", "s3://x/"), ("exclude", "*.min.js")]);
        assert_eq!(pairs(&works), [("dist/v1/", "s3://x/")]);
        let rules: Vec<(bool, &str)> = works[0].rules.iter().map(|(take, text)| (*take, text.as_str())).collect();
        assert_eq!(rules, [(false, "*.min.js"), (true, "**/*.js"), (true, "*/"), (false, "*")]);
        assert_eq!(forms("a/**/b/**/c").len(), 4);
        assert_eq!(forms("*.tar.gz"), ["/*.tar.gz"]);
        assert_eq!(planned(&[("source", "*.iso"), ("destination", "s3://x/")])[0].source, "./");
        assert!(wrong(&[("source", "a/*"), ("destination", "s3://x/"), ("include", "b")]).contains("include"));
    }

    #[test]
    fn include_alone_is_all_that_is_taken() {
        let rules = |exclude: &[&str], include: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            super::rules(&owned(exclude), &owned(include))
        };
        let told = |rules: Vec<(bool, String)>| {
            rules.iter().map(|(take, text)| format!("{}{text}", if *take { "+" } else { "-" })).collect::<Vec<_>>()
        };
        assert_eq!(told(rules(&[], &["*.iso"])), ["+*.iso", "+*/", "-*"]);
        assert_eq!(told(rules(&["tmp/", "*"], &["*.iso"])), ["-tmp/", "+*.iso", "+*/", "-*"]);
        assert_eq!(told(rules(&["*.min.js"], &["*.js"])), ["-*.min.js", "+*.js", "+*/", "-*"]);
        assert_eq!(told(rules(&["*.tmp"], &[])), ["-*.tmp"]);
    }

    #[test]
    fn other_plugins_settings_make_their_keys() {
        let with = |source, target, strip| {
            let all = [("source", source), ("bucket", "b"), ("target", target), ("strip_prefix", strip)];
            planned(&all)[0].clone()
        };
        let of = |work: &Work| (work.source.clone(), work.destination.clone());
        let both = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(of(&with("public/**/*", "/www", "public/")), both("public/", "s3://b/www/"));
        assert_eq!(of(&with("public/**/*", "/www", "")), both("public/", "s3://b/www/public/"));
        assert_eq!(of(&with("public/js/*", "", "public")), both("public/js/", "s3://b/js/"));
        assert_eq!(of(&with(HERE, "x", "")), both("src/ci/", "s3://b/x/"), "a folder's contents");
        assert_eq!(of(&with("src/ci/mod.rs", "x", "src/")), both("src/ci/mod.rs", "s3://b/x/ci/"));
        let all = [("source", "a/**"), ("bucket", "b"), ("strip_prefix", "a/b/")];
        assert!(wrong(&all).contains("strip_prefix a/b/ is longer"));
    }

    #[test]
    fn options_are_told_as_settings() {
        assert_eq!(in_settings("say --max-delete=5, or --sse-kms-key-id"), "say max-delete: 5, or kms-key");
        assert_eq!(in_settings("--dry-run --verbose lists them"), "dry-run: true lists them");
        assert_eq!(in_settings("role/ci--deploy, a--delete.txt"), "role/ci--deploy, a--delete.txt");
        assert_eq!(in_settings("a -- b --- c --region"), "a -- b --- c aws-region");
        let work = |name: &str, value: &str| {
            let settings = settings(&[("source", "a"), ("destination", "s3://x/"), (name, value)]);
            let error = plan(&settings, &str::to_owned)
                .and_then(|works| works[0].request(&settings, false, 1024))
                .map(drop)
                .expect_err(name);
            format!("{}; {}", error.message, error.hint.unwrap_or_default())
        };
        for (name, value, says) in [
            ("jobs", "0", "jobs: \"0\" is of no use; a number from 1 to 1024 is wanted"),
            ("sse", "none", "sse: \"none\" is of no use; write AES256 or aws:kms"),
            ("max_delete", "all", "max-delete: \"all\" is of no use; write a number of objects, like 100, or a share"),
            ("tag", "x", "tag: \"x\" is of no use; write it like team=data"),
            ("delta_threshold", "big", "delta-threshold: \"big\" is of no use;"),
        ] {
            assert!(work(name, value).starts_with(says), "{}", work(name, value));
        }
    }
}
