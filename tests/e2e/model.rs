//! A model test in the manner of mountpoint-s3's reference tests: random histories of local edits, foreign writers, broken
//! records and syncs with random options, against plain maps of what has to be where.
//!
//! The rules are written out by hand for the few patterns that are used; nothing of the crate is asked. `PROPTEST_CASES`
//! runs more of them.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use strict_s3::Limits;

use super::support::{Target, noise, run, set_age};

/// Contents by name.
type Contents = BTreeMap<String, Vec<u8>>;
/// Every object of the bucket: its ETag, and when it was written.
type State = BTreeMap<String, (String, SystemTime)>;

/// Names below the source and the prefix. Some are in each other's way as files; `-` and `.` sort before `/`.
const NAMES: [&str; 13] = [
    "a",
    "a-",
    "a.b",
    "a/b",
    "a/b.log",
    "a/c d",
    "ä/ö",
    "q&a+%20.txt",
    "sub/.hidden",
    "sub/b/x",
    "z.log",
    "big.img",
    "sub/deep/big two.img",
];
/// Those from here on may be large.
const BIG: usize = 11;
const FOLDERS: [&str; 6] = ["a", "sub", "sub/deep", "ä", "empty/er", "z.log"];
/// Keys that are none of the run's business.
const OUTSIDE: [&str; 6] = ["site2/a", "site.html", "sit", "site", "other/site/a", "site2/.hssig"];
/// Records of earlier runs beside those of `NAMES`.
const INDEXES: [&str; 3] = ["site/.hssig", "site/.1-of-2.hssig", "site/.2-of-3.hssig"];

/// A pattern as an option, and what it means: whether it matches a path, which may be a folder's.
struct Pattern {
    option: &'static str,
    include: bool,
    matches: fn(&str, bool) -> bool,
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

const PATTERNS: [Pattern; 8] = [
    Pattern { option: "--include=/a/b.log", include: true, matches: |path, _| path == "a/b.log" },
    Pattern { option: "--exclude=*.log", include: false, matches: |path, _| last(path).ends_with(".log") },
    Pattern { option: "--exclude=/a/", include: false, matches: |path, is_dir| is_dir && path == "a" },
    Pattern { option: "--exclude=b", include: false, matches: |path, _| last(path) == "b" },
    Pattern {
        option: "--exclude=sub/deep/***",
        include: false,
        matches: |path, is_dir| is_dir && path == "sub/deep" || path.starts_with("sub/deep/"),
    },
    Pattern { option: "--exclude=ä", include: false, matches: |path, _| last(path) == "ä" },
    Pattern { option: "--exclude=/a", include: false, matches: |path, _| path == "a" },
    Pattern {
        option: "--exclude=a?",
        include: false,
        matches: |path, _| last(path).len() == 2 && last(path).starts_with('a'),
    },
];

/// Whether patterns leave out a file of this name, or a folder that it lies in.
fn left_out(name: &str, patterns: &[usize]) -> bool {
    let folders = name.match_indices('/').map(|(end, _)| (&name[..end], true));
    folders.chain([(name, false)]).any(|(path, is_dir)| {
        let first = patterns.iter().map(|at| &PATTERNS[*at]).find(|pattern| (pattern.matches)(path, is_dir));
        first.is_some_and(|pattern| !pattern.include)
    })
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Write {
        name: usize,
        seed: u64,
        len: usize,
    },
    Append {
        name: usize,
        seed: u64,
    },
    /// Some bytes change, the length does not.
    Overwrite {
        name: usize,
        seed: u64,
    },
    Remove {
        name: usize,
    },
    Rename {
        from: usize,
        to: usize,
    },
    MakeFolder {
        name: usize,
    },
    RemoveFolder {
        name: usize,
    },
    /// Every file gets another time, some of them to come.
    Touch {
        seed: u64,
    },
    /// Somebody else writes an object: other bytes, other bytes of the length that it has, or the file's.
    Put {
        name: usize,
        seed: u64,
        len: usize,
        what: Foreign,
    },
    Delete {
        name: usize,
    },
    PutOutside {
        key: usize,
        seed: u64,
    },
    /// Something happens to a sidecar, or to an index.
    Break {
        record: usize,
        how: Damage,
        at: usize,
    },
    Sync(Options),
    /// Something happens to a file of the folder that downloads go to.
    Spoil {
        name: usize,
        seed: u64,
    },
    Fetch(Options),
}

#[derive(Debug, Clone, Copy)]
enum Foreign {
    Other,
    OtherOfThatLength,
    Same,
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Gone,
    Cut,
    Flipped,
    Nonsense,
    /// What lay there once.
    Stale,
    /// Another record.
    Swapped,
}

#[derive(Debug, Clone)]
struct Options {
    delete: bool,
    delete_excluded: bool,
    patterns: Vec<usize>,
    existing: bool,
    ignore_existing: bool,
    whole_file: bool,
    checksum: bool,
    no_sidecar: bool,
    /// A dry run first: it changes nothing, and tells what the real one then does.
    dry_run: bool,
    /// In so many jobs, one after another.
    shards: u32,
}

/// What ends a history: all that is here, and nothing else.
const MIRROR: Options = Options {
    delete: true,
    delete_excluded: false,
    patterns: Vec::new(),
    existing: false,
    ignore_existing: false,
    whole_file: false,
    checksum: false,
    no_sidecar: false,
    dry_run: false,
    shards: 1,
};

impl Options {
    fn deletes(&self) -> bool {
        self.delete || self.delete_excluded
    }

    fn arguments(&self) -> Vec<String> {
        let mut all: Vec<&str> = vec!["--json", "--delta-threshold=1MB", "--block-size=64"];
        for (given, option) in [
            (self.delete, "--delete"),
            (self.delete_excluded, "--delete-excluded"),
            (self.deletes(), "--max-delete=100%"),
            (self.existing, "--existing"),
            (self.ignore_existing, "--ignore-existing"),
            (self.whole_file, "-W"),
            (self.checksum, "--checksum"),
            (self.no_sidecar, "--no-sidecar"),
        ] {
            all.extend(given.then_some(option));
        }
        all.extend(self.patterns.iter().map(|at| PATTERNS[*at].option));
        all.into_iter().map(str::to_owned).collect()
    }

    /// What a sync makes of what is there, whichever side is here.
    fn outcome(&self, local: &Contents, remote: &Contents) -> Outcome {
        let mut outcome = Outcome { after: remote.clone(), ..Outcome::default() };
        let selected = |name: &str| local.contains_key(name) && !left_out(name, &self.patterns);
        for (name, bytes) in local.iter().filter(|(name, _)| selected(name)) {
            let there = remote.get(name);
            if (self.existing && there.is_none()) || (self.ignore_existing && there.is_some()) {
                outcome.skipped += 1;
            } else if there == Some(bytes) {
                outcome.unchanged += 1;
            } else {
                outcome.uploaded += 1;
                outcome.bytes += bytes.len() as u64;
                outcome.after.insert(name.clone(), bytes.clone());
            }
        }
        let excluded = self.delete_excluded;
        if self.deletes() {
            outcome.after.retain(|name, _| selected(name) || (left_out(name, &self.patterns) && !excluded));
        }
        outcome
    }
}

#[derive(Debug, Default)]
struct Outcome {
    after: Contents,
    uploaded: u64,
    unchanged: u64,
    skipped: u64,
    /// Bytes of the files that are uploaded.
    bytes: u64,
}

/// Numbers of a report, of all jobs together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    uploaded: u64,
    unchanged: u64,
    skipped: u64,
    updated: u64,
    failed: u64,
    deleted: u64,
    bytes_uploaded: u64,
    bytes_copied: u64,
    bytes_sidecar_up: u64,
    bytes_sidecar_down: u64,
    bytes_index_up: u64,
}

/// What is here, and what has to be there.
struct World {
    target: Target,
    local: Contents,
    remote: Contents,
    /// What downloads have made.
    copy: Contents,
    outside: Contents,
    /// Every record as it was when it was first seen.
    records: Contents,
    said: String,
}

impl World {
    fn new(opaque_etags: bool) -> Self {
        let target = Target::with(Limits { opaque_etags, ..Limits::aws() });
        fs::create_dir(target.path("site")).expect("a folder");
        let mut world = Self {
            target,
            local: Contents::new(),
            remote: Contents::new(),
            copy: Contents::new(),
            outside: Contents::new(),
            records: Contents::new(),
            said: String::new(),
        };
        for (seed, name) in ["a-", "a/b", "z.log", "sub/b/x"].into_iter().enumerate() {
            world.write(name, noise(seed as u64, 100 + seed));
        }
        world.write("big.img", noise(9, 3 << 20));
        world
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.target.path("site").join(name)
    }

    fn write(&mut self, name: &str, bytes: Vec<u8>) {
        self.clear_way(name);
        self.target.file(&format!("site/{name}"), &bytes);
        self.local.insert(name.to_owned(), bytes);
    }

    /// Removes what keeps a file of this name from being.
    fn clear_way(&mut self, name: &str) {
        for (end, _) in name.match_indices('/') {
            self.remove(&name[..end]);
        }
        self.remove_folder(name);
    }

    fn remove(&mut self, name: &str) {
        if self.local.remove(name).is_some() {
            fs::remove_file(self.path(name)).expect("it is removed");
        }
    }

    fn remove_folder(&mut self, name: &str) {
        if self.path(name).is_dir() {
            fs::remove_dir_all(self.path(name)).expect("it is removed");
            self.local.retain(|file, _| !file.starts_with(&format!("{name}/")));
        }
    }

    fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.target.put(&format!("site/{name}"), &bytes);
        self.remote.insert(name.to_owned(), bytes);
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Write { name, seed, len } => {
                let len = if *name >= BIG { *len } else { len % 3000 };
                self.write(NAMES[*name], noise(*seed, len));
            }
            Step::Append { name, seed } => {
                if let Some(bytes) = self.local.get(NAMES[*name]) {
                    let bytes = [&bytes[..], &noise(*seed, 1 + *seed as usize % 70_000)].concat();
                    self.write(NAMES[*name], bytes);
                }
            }
            Step::Overwrite { name, seed } => {
                if let Some(mut bytes) = self.local.get(NAMES[*name]).cloned() {
                    let at = *seed as usize % bytes.len().max(1);
                    bytes.iter_mut().skip(at).take(500).for_each(|byte| *byte = !*byte);
                    self.write(NAMES[*name], bytes);
                }
            }
            Step::Remove { name } => self.remove(NAMES[*name]),
            Step::Rename { from, to } => {
                let (from, to) = (NAMES[*from], NAMES[*to]);
                let nested = |a: &str, b: &str| a.starts_with(&format!("{b}/"));
                let apart = from != to && !nested(from, to) && !nested(to, from);
                if let Some(bytes) = self.local.get(from).cloned().filter(|_| apart) {
                    self.clear_way(to);
                    fs::create_dir_all(self.path(to).parent().expect("a folder")).expect("folders");
                    fs::rename(self.path(from), self.path(to)).expect("it is renamed");
                    self.local.remove(from);
                    self.local.insert(to.to_owned(), bytes);
                }
            }
            Step::MakeFolder { name } => {
                self.clear_way(&format!("{}/x", FOLDERS[*name]));
                fs::create_dir_all(self.path(FOLDERS[*name])).expect("a folder");
            }
            Step::RemoveFolder { name } => self.remove_folder(FOLDERS[*name]),
            Step::Touch { seed } => {
                for (name, nth) in self.local.keys().zip(0..) {
                    let path = self.path(name);
                    if nth % 3 == seed % 3 {
                        let file = fs::File::options().append(true).open(path).expect("a file");
                        file.set_modified(SystemTime::now() + Duration::from_secs(*seed)).expect("a time");
                    } else {
                        set_age(&path, Duration::from_secs(seed * (nth + 1)));
                    }
                }
            }
            Step::Put { name, seed, len, what } => {
                let len = if *name >= BIG { *len } else { len % 3000 };
                let name = NAMES[*name];
                match what {
                    Foreign::Other => self.put(name, noise(*seed, len)),
                    Foreign::OtherOfThatLength => {
                        if let Some(len) = self.remote.get(name).map(Vec::len) {
                            self.put(name, noise(*seed, len));
                        }
                    }
                    Foreign::Same => {
                        if let Some(bytes) = self.local.get(name).cloned() {
                            self.put(name, bytes);
                        }
                    }
                }
            }
            Step::Delete { name } => {
                self.target.double().delete("bucket", &format!("site/{}", NAMES[*name]));
                self.remote.remove(NAMES[*name]);
            }
            Step::PutOutside { key, seed } => {
                let bytes = noise(*seed, 50);
                self.target.put(OUTSIDE[*key], &bytes);
                self.outside.insert(OUTSIDE[*key].to_owned(), bytes);
            }
            Step::Break { record, how, at } => self.break_record(*record, *how, *at),
            Step::Sync(options) => self.sync(options),
            Step::Spoil { name, seed } => self.spoil(NAMES[*name], *seed),
            Step::Fetch(options) => self.fetch(options),
        }
    }

    fn break_record(&self, record: usize, how: Damage, at: usize) {
        let records: Vec<String> =
            self.target.double().keys("bucket").into_iter().filter(|key| is_record(key)).collect();
        let key = match records.get(record % (records.len() + INDEXES.len())) {
            Some(key) => key.as_str(),
            None => INDEXES[record % INDEXES.len()],
        };
        let old = self.target.get(key);
        let new = match (how, old) {
            (Damage::Gone, _) => return self.target.double().delete("bucket", key),
            (Damage::Nonsense, _) => noise(at as u64, at % 5000),
            (Damage::Stale, _) => match self.records.get(key) {
                Some(bytes) => bytes.clone(),
                None => return,
            },
            (Damage::Swapped, _) => match self.records.values().nth(at % self.records.len().max(1)) {
                Some(bytes) => bytes.clone(),
                None => return,
            },
            (_, None) => return,
            (Damage::Cut, Some(bytes)) => bytes[..at % bytes.len().max(1)].to_vec(),
            (Damage::Flipped, Some(mut bytes)) => {
                let at = at % bytes.len().max(1);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (record % 8));
                bytes
            }
        };
        self.target.put(key, new);
    }

    /// All jobs of a sync.
    fn run(&mut self, options: &Options, dry_run: bool) -> Numbers {
        let mut sum = Numbers::default();
        for shard in 1..=options.shards {
            let mut arguments = options.arguments();
            arguments.extend(dry_run.then(|| "-n".to_owned()));
            arguments.extend((options.shards > 1).then(|| format!("--shard={shard}/{}", options.shards)));
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let ended = run(&mut self.target.sync_command("site/", "s3://bucket/site", &arguments)).ok();
            self.said = ended.text();
            let json = ended.json();
            assert_eq!((json["delete_refused"].is_null(), &json["dry_run"]), (true, &dry_run.into()), "{}", self.said);
            let number = |field: &str| ended.number(field);
            if !dry_run && number("files_uploaded") + number("files_unchanged") > 0 {
                assert!(ended.verified(), "{}", self.said);
            }
            for (sum, field) in [
                (&mut sum.uploaded, "files_uploaded"),
                (&mut sum.unchanged, "files_unchanged"),
                (&mut sum.skipped, "files_skipped"),
                (&mut sum.updated, "files_updated"),
                (&mut sum.failed, "files_failed"),
                (&mut sum.deleted, "files_deleted"),
                (&mut sum.bytes_uploaded, "bytes_uploaded"),
                (&mut sum.bytes_copied, "bytes_copied"),
                (&mut sum.bytes_sidecar_up, "bytes_sidecar_up"),
                (&mut sum.bytes_sidecar_down, "bytes_sidecar_down"),
                (&mut sum.bytes_index_up, "bytes_index_up"),
            ] {
                *sum += number(field);
            }
        }
        sum
    }

    fn sync(&mut self, options: &Options) {
        let expected = options.outcome(&self.local, &self.remote);
        let before = self.state();
        let would = options.dry_run.then(|| self.run(options, true));
        if would.is_some() {
            assert_eq!(self.state(), before, "a dry run has changed something: {}", self.said);
        }
        let did = self.run(options, false);
        if let Some(would) = would {
            assert_eq!(would, did, "a dry run tells the truth: {}", self.said);
        }
        let after = self.state();
        let old = std::mem::replace(&mut self.remote, expected.after);
        self.check();

        let found = (did.uploaded, did.unchanged, did.skipped, did.updated, did.failed);
        let wanted = (expected.uploaded, expected.unchanged, expected.skipped, 0, 0);
        assert_eq!(found, wanted, "uploaded, unchanged, skipped, updated, failed: {}", self.said);
        let moved = did.bytes_uploaded + did.bytes_copied;
        assert_eq!(moved, expected.bytes, "each byte of a file is uploaded or copied, once: {}", self.said);
        let gone = before.keys().filter(|key| !after.contains_key(*key)).count() as u64;
        assert_eq!(did.deleted, gone, "{}", self.said);
        for (name, _) in self.remote.iter().filter(|(name, bytes)| old.get(*name) == Some(bytes)) {
            let key = format!("site/{name}");
            assert_eq!(before.get(&key), after.get(&key), "{key} was written for nothing: {}", self.said);
        }
        if options.no_sidecar {
            let written = after.iter().filter(|(key, state)| is_record(key) && before.get(*key) != Some(state)).count();
            assert_eq!(written, 0, "--no-sidecar writes none: {}", self.said);
        }
        if options.deletes() {
            for key in after.keys().filter(|key| key.starts_with("site/") && is_record(key)) {
                let of = key.trim_end_matches(".hssig");
                let is_index = last(of).is_empty() || last(of).starts_with('.') && last(of).contains("-of-");
                // A file that --existing has kept from being uploaded is one that has not lost its object.
                let name = of.trim_start_matches("site/");
                let spared = options.existing && self.local.contains_key(name) && !left_out(name, &options.patterns);
                assert!(is_index || after.contains_key(of) || spared, "{key} is of nothing: {}", self.said);
            }
        }
        for key in after.keys().filter(|key| is_record(key)) {
            if !self.records.contains_key(key) {
                self.records.insert(key.clone(), self.target.get(key).expect("it is there"));
            }
        }
    }

    /// Edits, replaces, cuts or removes a file of the copy.
    fn spoil(&mut self, name: &str, seed: u64) {
        let Some(mut bytes) = self.copy.get(name).cloned() else { return };
        let path = self.target.path("copy").join(name);
        let at = seed as usize % bytes.len().max(1);
        match seed % 4 {
            0 => bytes.iter_mut().skip(at).take(300).for_each(|byte| *byte = !*byte),
            1 => bytes.truncate(at),
            2 => _ = bytes.splice(at..at, noise(seed, 1 + seed as usize % 5000)),
            _ => {
                fs::remove_file(path).expect("it is removed");
                self.copy.remove(name);
                return;
            }
        }
        fs::write(path, &bytes).expect("it is written");
        self.copy.insert(name.to_owned(), bytes);
    }

    /// Takes away what keeps the objects from being files of the copy; says whether they can be that at all.
    fn clear_copy(&mut self) -> bool {
        let below = |name: &str, folder: &str| name.starts_with(&format!("{folder}/"));
        if self.remote.keys().any(|name| self.remote.keys().any(|other| below(other, name))) {
            return false;
        }
        let in_the_way = |name: &str| self.remote.keys().any(|other| below(other, name) || below(name, other));
        let gone: Vec<String> = self.copy.keys().filter(|name| in_the_way(name)).cloned().collect();
        for name in gone {
            fs::remove_file(self.target.path("copy").join(&name)).expect("it is removed");
            self.copy.remove(&name);
        }
        // Folders that are empty now may be in the way too.
        for name in self.remote.keys() {
            let path = self.target.path("copy").join(name);
            if path.is_dir() {
                fs::remove_dir_all(path).expect("it is removed");
            }
        }
        true
    }

    fn fetch(&mut self, options: &Options) {
        if !self.clear_copy() {
            return;
        }
        let expected = options.outcome(&self.remote, &self.copy);
        let before = self.state();
        let mut said = Vec::new();
        for dry_run in [true, false].into_iter().skip(usize::from(!options.dry_run)) {
            let mut sum = [0; 6];
            for shard in 1..=options.shards {
                let mut arguments = options.arguments();
                arguments.extend(dry_run.then(|| "-n".to_owned()));
                arguments.extend((options.shards > 1).then(|| format!("--shard={shard}/{}", options.shards)));
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let ended = run(&mut self.target.sync_command("s3://bucket/site/", "copy", &arguments));
                self.said = ended.text();
                // A bucket with nothing below the prefix has nothing to fetch.
                if self.state().keys().all(|key| !key.starts_with("site/")) {
                    return ended.exits(1).says("there is nothing at").code.map_or((), |_| ());
                }
                let ended = ended.ok();
                if !dry_run && ended.number("files_downloaded") + ended.number("files_unchanged") > 0 {
                    assert!(ended.verified(), "{}", self.said);
                }
                let fields = ["files_downloaded", "files_unchanged", "files_skipped", "files_failed", "files_deleted"];
                for (sum, field) in sum.iter_mut().zip(fields) {
                    *sum += ended.number(field);
                }
                sum[5] += ended.number("bytes_downloaded") + ended.number("bytes_copied");
            }
            said.push(sum);
        }
        assert_eq!(self.state(), before, "a download has changed the bucket: {}", self.said);
        assert!(said.iter().all(|sum| *sum == said[0]), "a dry run tells the truth: {said:?} {}", self.said);
        let gone = self.copy.keys().filter(|name| !expected.after.contains_key(*name)).count() as u64;
        let wanted = [expected.uploaded, expected.unchanged, expected.skipped, 0, gone, expected.bytes];
        assert_eq!(said[0], wanted, "downloaded, unchanged, skipped, failed, deleted, bytes: {}", self.said);
        self.copy = expected.after;
        if self.target.path("copy").exists() {
            let names: Vec<String> =
                self.target.names("copy").into_iter().filter(|name| !name.ends_with('/')).collect();
            assert_eq!(names, self.copy.keys().cloned().collect::<Vec<_>>(), "{}", self.said);
        }
        for (name, bytes) in &self.copy {
            self.target.assert_file(&format!("copy/{name}"), bytes);
        }
    }

    fn state(&self) -> State {
        let double = self.target.double();
        let object = |key: String| double.object("bucket", &key).map(|object| (key, (object.etag, object.modified)));
        double.keys("bucket").into_iter().filter_map(object).collect()
    }

    /// Compares every key and every byte.
    fn check(&self) {
        let prefixed = self.remote.iter().map(|(name, bytes)| (format!("site/{name}"), bytes));
        let outside = self.outside.iter().map(|(key, bytes)| (key.clone(), bytes));
        let wanted: BTreeMap<String, &Vec<u8>> = prefixed.chain(outside).collect();
        let keys = self.target.double().keys("bucket").into_iter();
        let found: Vec<String> = keys.filter(|key| !(key.starts_with("site/") && is_record(key))).collect();
        assert_eq!(found, wanted.keys().cloned().collect::<Vec<_>>(), "{}", self.said);
        for (key, bytes) in wanted {
            self.target.assert_holds(&key, bytes);
        }
    }
}

fn is_record(key: &str) -> bool {
    key.ends_with(".hssig")
}

/// Below 6 MiB; mostly above the threshold, sometimes far below it, sometimes about it.
fn lens() -> impl Strategy<Value = usize> {
    prop_oneof![2 => 0..4000_usize, 1 => (1_usize << 20) - 2..(1 << 20) + 2, 5 => (1_usize << 20)..(6 << 20)]
}

fn options() -> impl Strategy<Value = Options> {
    let rarely = || prop::bool::weighted(0.15);
    let patterns = prop_oneof![2 => Just(Vec::new()), 3 => vec(0..PATTERNS.len(), 1..4)];
    (
        (prop::bool::weighted(0.5), rarely(), patterns, rarely(), rarely()),
        (rarely(), rarely(), rarely(), prop::bool::weighted(0.3), prop_oneof![4 => Just(1_u32), 1 => 2..=3_u32]),
    )
        .prop_map(|((delete, delete_excluded, patterns, existing, ignore_existing), rest)| {
            let (whole_file, checksum, no_sidecar, dry_run, shards) = rest;
            Options {
                delete,
                delete_excluded,
                patterns,
                existing,
                ignore_existing,
                whole_file,
                checksum,
                no_sidecar,
                dry_run,
                shards,
            }
        })
}

fn steps() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    // Large files are edited more often: stitching is to take part.
    let file = || prop_oneof![1 => 0..NAMES.len(), 1 => BIG..NAMES.len()];
    let seed = || 0..1_000_000_u64;
    let foreign = prop_oneof![Just(Foreign::Other), Just(Foreign::OtherOfThatLength), Just(Foreign::Same)];
    let damage = prop_oneof![
        Just(Damage::Gone),
        Just(Damage::Cut),
        Just(Damage::Flipped),
        Just(Damage::Nonsense),
        Just(Damage::Stale),
        Just(Damage::Swapped)
    ];
    prop_oneof![
        4 => (file(), seed(), lens()).prop_map(|(name, seed, len)| Step::Write { name, seed, len }),
        2 => (file(), seed()).prop_map(|(name, seed)| Step::Append { name, seed }),
        3 => (file(), seed()).prop_map(|(name, seed)| Step::Overwrite { name, seed }),
        2 => name().prop_map(|name| Step::Remove { name }),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => (0..FOLDERS.len()).prop_map(|name| Step::MakeFolder { name }),
        1 => (0..FOLDERS.len()).prop_map(|name| Step::RemoveFolder { name }),
        1 => seed().prop_map(|seed| Step::Touch { seed }),
        3 => (file(), seed(), lens(), foreign).prop_map(|(name, seed, len, what)| Step::Put { name, seed, len, what }),
        1 => name().prop_map(|name| Step::Delete { name }),
        1 => (0..OUTSIDE.len(), seed()).prop_map(|(key, seed)| Step::PutOutside { key, seed }),
        3 => (0..100_usize, damage, 0..100_000_usize).prop_map(|(record, how, at)| Step::Break { record, how, at }),
        12 => options().prop_map(Step::Sync),
        4 => (file(), seed()).prop_map(|(name, seed)| Step::Spoil { name, seed }),
        8 => options().prop_map(Step::Fetch),
    ]
}

/// Whatever happens between syncs, and whatever they are asked for, the bucket holds what the rules say.
#[test]
fn histories_end_as_the_model_says() {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 12 };
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 60, ..default };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let histories = (any::<bool>(), vec(steps(), 1..=16));
    let result = runner.run(&histories, |(opaque_etags, steps)| {
        let mut world = World::new(opaque_etags);
        for step in &steps {
            world.take(step);
            world.check();
        }
        world.sync(&MIRROR);
        assert_eq!(world.remote, world.local);
        world.fetch(&MIRROR);
        assert!(world.local.is_empty() || world.copy == world.local);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
