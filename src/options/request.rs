//! From arguments to what they ask for. Files that arguments name are read here.

use std::fs;
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::args::{AttributeArgs, ComparisonArgs, DeleteArgs, SelectionArgs, SyncArgs};
use crate::app::{DownloadOptions, Place, SyncRequest};
use crate::store::local::{Links, TreeOptions};
use crate::store::s3::{CustomerKey, Encryption, S3Settings};
use crate::sync::{AttributeRules, Comparison, DeleteRules, MaxDelete, Missing, Preserve, SyncOptions, TransferRules};
use crate::tree::{FileList, GlobValues, Rules, S3Url};

/// Uploads at once unless `--jobs` says otherwise: what a store bears is found out on the way.
const DEFAULT_JOBS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Parts of large files in memory at once unless `--jobs` says otherwise: some 100 MB in all; at the 50 to 90 MB/s that one
/// connection to S3 does, enough for 5 Gbit/s and more.
const DEFAULT_PARTS: NonZeroUsize = NonZeroUsize::new(12).unwrap();
/// Ignore files that are always heeded.
const OWN_IGNORE_FILE: &str = ".hugesyncignore";
/// The longest key file of SSE-C that is read, in bytes: 32, or 44 in base64 and a line's end.
const MAX_KEY_FILE: u64 = 1024;

/// What is wrong with the arguments, and what to do about it.
pub(crate) struct Unusable {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

fn unusable(message: impl Into<String>, hint: &str) -> Unusable {
    Unusable { message: message.into(), hint: Some(hint.to_owned()).filter(|hint| !hint.is_empty()) }
}

/// From arguments to what they ask for. `matches` tell the order of the patterns, `descriptors` is how many the process may
/// have open.
pub(crate) fn request(args: &SyncArgs, matches: &ArgMatches, descriptors: usize) -> Result<SyncRequest, Unusable> {
    let (source, destination) = places(args)?;
    if matches!(destination, Place::Bucket(_)) {
        only_for_downloads(args)?;
    }
    if matches!(source, Place::Bucket(_)) {
        only_for_uploads(args)?;
    }
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let delete = delete_rules(&args.delete);
    if delete.extraneous && args.selection.files_from.is_some() {
        let hint = "nothing was done; --delete-missing-args deletes the objects of listed files that are not there";
        return Err(unusable("--delete with --files-from would delete all that the list does not name", hint));
    }
    let encryption = encryption(&args.attributes)?;
    let options = SyncOptions {
        jobs: args.transfer.jobs.map_or(DEFAULT_JOBS, NonZeroUsize::from),
        parts_in_memory: args.transfer.jobs.map_or(DEFAULT_PARTS, NonZeroUsize::from),
        list_jobs: args.transfer.list_jobs.into(),
        descriptors,
        threads,
        delta_threshold: args.transfer.delta_threshold,
        block_len: args.transfer.block_size.map(|size| size.block_len),
        sidecars: !args.transfer.no_sidecar,
        whole_file: args.transfer.whole_file,
        comparison: comparison(&args.comparison),
        transfer: TransferRules {
            max_size: args.selection.max_size,
            min_size: args.selection.min_size,
            existing: args.comparison.existing,
            ignore_existing: args.comparison.ignore_existing,
            update: args.comparison.update,
        },
        fail_on_conflict: args.transfer.fail_on_conflict,
        dry_run: args.dry_run,
        skip_vanished: args.selection.skip_vanished,
        attributes: attributes(args, &encryption)?,
        delete,
        missing: match &args.delete {
            DeleteArgs { delete_missing_args: true, .. } => Missing::Delete,
            DeleteArgs { ignore_missing_args: true, .. } => Missing::Ignore,
            _ => Missing::Fail,
        },
        backup: match &destination {
            Place::Bucket(destination) => {
                args.delete.backup_dir.as_deref().map(|url| backup(url, destination)).transpose()?
            }
            Place::Here(_) => None,
        },
        shard: args.selection.shard,
        report_all: args.output.json,
    };
    let backup = args.delete.backup_dir.as_deref().filter(|_| matches!(destination, Place::Here(_)));
    let download = DownloadOptions {
        backup: backup.map(backup_here).transpose()?,
        bases: args.transfer.basis.clone(),
        fuzzy: args.transfer.fuzzy,
        sparse: args.transfer.sparse,
        owner: None,
    };
    Ok(SyncRequest {
        source,
        tree: tree(args, matches, threads)?,
        destination,
        s3: S3Settings {
            bucket: String::new(),
            endpoint_url: args.store.endpoint_url.clone(),
            region: args.store.region.clone(),
            profile: args.store.profile.clone(),
            credentials: None,
            path_style: args.store.path_style,
            encryption,
            bandwidth: args.transfer.bwlimit,
        },
        options,
        download,
    })
}

/// Which side is where.
fn places(args: &SyncArgs) -> Result<(Place, Place), Unusable> {
    let parse = |what: &str, text: &str| {
        S3Url::parse(text)
            .map_err(|error| unusable(format!("{what} {error}"), "write it like s3://bucket/prefix/"))
            .map(Place::Bucket)
    };
    let source = args.source.to_str().filter(|source| source.starts_with("s3://"));
    match source {
        // Between two local paths a bucket is missing, or misspelt.
        None => Ok((Place::Here(args.source.clone()), parse("destination", &args.destination)?)),
        Some(_) if args.destination.starts_with("s3://") => {
            let hint = "download to this machine first, and upload from here";
            Err(unusable("from bucket to bucket is not supported yet", hint))
        }
        Some(source) if args.destination.contains("://") => {
            let hint = format!("a download of {source} goes to a file or folder of this machine");
            Err(unusable(format!("the destination {:?} is no path", args.destination), &hint))
        }
        Some(source) => {
            let destination = if args.destination.is_empty() { "." } else { args.destination.as_str() };
            Ok((parse("source", source)?, Place::Here(destination.into())))
        }
    }
}

/// Fails for what can only be asked of a download.
fn only_for_downloads(args: &SyncArgs) -> Result<(), Unusable> {
    let of = &args.transfer;
    let asked = [("--basis", !of.basis.is_empty()), ("--fuzzy", of.fuzzy), ("--sparse", of.sparse)];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((option, _)) => Err(unusable(format!("{option} is for downloads, and this is an upload"), "leave it out")),
        None => Ok(()),
    }
}

/// Fails for what can only be asked of an upload.
fn only_for_uploads(args: &SyncArgs) -> Result<(), Unusable> {
    let (of, selection) = (&args.attributes, &args.selection);
    let asked = [
        ("--content-type", !of.content_type.is_empty()),
        ("--cache-control", !of.cache_control.is_empty()),
        ("--content-encoding", !of.content_encoding.is_empty()),
        ("--content-disposition", !of.content_disposition.is_empty()),
        ("--content-language", !of.content_language.is_empty()),
        ("--tag", !of.tag.is_empty()),
        ("--storage-class", of.storage_class.is_some()),
        ("--acl", of.acl.is_some()),
        ("--sse", of.sse.is_some()),
        ("--sse-kms-key-id", of.sse_kms_key_id.is_some()),
    ];
    if let Some((option, _)) = asked.iter().find(|(_, asked)| *asked) {
        return Err(unusable(format!("{option} is set on objects, and this is a download"), "leave it out"));
    }
    let asked = [("--gitignore", selection.gitignore), ("--dockerignore", selection.dockerignore)];
    if let Some((option, _)) = asked.iter().find(|(_, asked)| *asked) {
        let hint =
            "ignore files lie in the source and are not read there; --exclude-from reads patterns from a file here";
        return Err(unusable(format!("{option} is for uploads"), hint));
    }
    Ok(())
}

/// The folder that files go to before they are replaced or deleted.
fn backup_here(path: &str) -> Result<PathBuf, Unusable> {
    if path.is_empty() || path.contains("://") {
        return Err(unusable(
            format!("--backup-dir {path:?} is no folder of this machine"),
            "a download keeps old files here",
        ));
    }
    Ok(path.into())
}

const fn comparison(args: &ComparisonArgs) -> Comparison {
    match args {
        ComparisonArgs { checksum: true, .. } => Comparison::Checksum,
        ComparisonArgs { size_only: true, .. } => Comparison::SizeOnly,
        ComparisonArgs { mtime: true, .. } => Comparison::Mtime,
        _ => Comparison::Content,
    }
}

fn delete_rules(args: &DeleteArgs) -> DeleteRules {
    DeleteRules {
        extraneous: args.delete || args.delete_excluded,
        excluded: args.delete_excluded,
        ignore_errors: args.ignore_errors,
        max: args.max_delete.unwrap_or(MaxDelete::Default),
    }
}

/// What the keys of backups begin with.
fn backup(url: &str, destination: &S3Url) -> Result<String, Unusable> {
    let hint = "write it like s3://bucket/backup/, in the bucket of the destination";
    let place = S3Url::parse(url).map_err(|error| unusable(format!("--backup-dir: {error}"), hint))?;
    let prefix = place.as_directory();
    if place.bucket != destination.bucket {
        let (theirs, ours) = (&place.bucket, &destination.bucket);
        return Err(unusable(format!("--backup-dir is in bucket {theirs}, the destination in {ours}"), hint));
    }
    if destination.as_directory().starts_with(&prefix) {
        return Err(unusable(format!("--backup-dir {url} holds the destination itself"), hint));
    }
    Ok(prefix)
}

fn tree(args: &SyncArgs, matches: &ArgMatches, threads: NonZeroUsize) -> Result<TreeOptions, Unusable> {
    let selection = &args.selection;
    let mut ignore_files = Vec::new();
    if selection.dockerignore {
        ignore_files.push(".dockerignore".to_owned());
    }
    if selection.gitignore {
        ignore_files.push(".gitignore".to_owned());
    }
    ignore_files.push(OWN_IGNORE_FILE.to_owned());
    let links = match selection {
        SelectionArgs { copy_links: true, .. } => Links::Follow,
        SelectionArgs { skip_links: true, .. } => Links::SkipQuietly,
        SelectionArgs { links: true, .. } => Links::Keep,
        _ if args.archive => Links::Keep,
        _ => Links::Skip,
    };
    let files = selection.files_from.as_deref().map(|path| {
        let text = read(path)?;
        FileList::parse(&text, selection.from0)
            .map_err(|error| unusable(format!("--files-from {}: {error}", path.display()), ""))
    });
    Ok(TreeOptions {
        links,
        ignore_files,
        rules: rules(selection, matches)?,
        files: files.transpose()?,
        root_name: None,
        threads,
    })
}

/// The patterns in the order in which they were given, whichever option gave them.
fn rules(args: &SelectionArgs, matches: &ArgMatches) -> Result<Rules, Unusable> {
    enum Given<'a> {
        Pattern(&'a str),
        File(&'a Path),
    }
    let places = |id: &str| matches.indices_of(id).into_iter().flatten().collect::<Vec<_>>();
    let mut given: Vec<(usize, bool, Given<'_>)> = Vec::new();
    for (id, include, patterns) in [("exclude", false, &args.exclude), ("include", true, &args.include)] {
        let texts = patterns.iter().map(|text| Given::Pattern(text));
        given.extend(places(id).into_iter().zip(texts).map(|(at, text)| (at, include, text)));
    }
    for (id, include, paths) in
        [("exclude_from", false, &args.exclude_from), ("include_from", true, &args.include_from)]
    {
        let files = paths.iter().map(|path| Given::File(path));
        given.extend(places(id).into_iter().zip(files).map(|(at, file)| (at, include, file)));
    }
    given.sort_by_key(|(at, ..)| *at);
    let mut rules = Rules::default();
    for (_, include, what) in given {
        match what {
            Given::Pattern(text) => {
                let added = if include { rules.include(text) } else { rules.exclude(text) };
                added.map_err(|error| unusable(format!("pattern {text:?}: {error}"), ""))?;
            }
            Given::File(path) => {
                let text = read(path)?;
                let added = rules.add_file(&text, include);
                added.map_err(|error| unusable(format!("{}: {error}", path.display()), ""))?;
            }
        }
    }
    Ok(rules)
}

/// A file that an argument names; `-` is stdin.
fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|error| unusable(format!("cannot read {}: {error}", path.display()), ""))
}

fn attributes(args: &SyncArgs, encryption: &Encryption) -> Result<AttributeRules, Unusable> {
    let of = &args.attributes;
    let values = |option: &str, texts: &[String]| {
        GlobValues::parse(texts.iter().map(String::as_str))
            .map_err(|error| unusable(format!("--{option}: {error}"), ""))
    };
    let mut tags = std::collections::BTreeMap::new();
    for (name, value) in &of.tag {
        // The last one counts, as of all options.
        tags.insert(name.clone(), value.clone());
    }
    Ok(AttributeRules {
        content_type: values("content-type", &of.content_type)?,
        cache_control: values("cache-control", &of.cache_control)?,
        content_encoding: values("content-encoding", &of.content_encoding)?,
        content_disposition: values("content-disposition", &of.content_disposition)?,
        content_language: values("content-language", &of.content_language)?,
        storage_class: of.storage_class.as_ref().map(|class| class.to_ascii_uppercase()),
        tags,
        acl: of.acl.clone(),
        encryption: match encryption {
            Encryption::BucketDefault => String::new(),
            // Never the key itself: what is compared later is the store's word of it.
            encryption => format!("{encryption:?}"),
        },
        preserve: Preserve {
            mode: of.perms || (args.archive && !of.no_perms),
            owner: of.owner || (args.archive && !of.no_owner),
            times: of.times || (args.archive && !of.no_times),
        },
    })
}

fn encryption(args: &AttributeArgs) -> Result<Encryption, Unusable> {
    if let Some(path) = &args.sse_customer_key_file {
        let wrong = |why: String| {
            let hint = "make one with: head -c 32 /dev/urandom > key";
            unusable(format!("--sse-customer-key-file {}: {why}", path.display()), hint)
        };
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
        file.take(MAX_KEY_FILE).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
        let text = || str::from_utf8(&bytes).ok().and_then(|text| CustomerKey::from_base64(text.trim()).ok());
        let key = CustomerKey::from_bytes(&bytes).ok().or_else(text);
        let key = key.ok_or_else(|| wrong(format!("{} bytes that are no key", bytes.len())))?;
        return Ok(Encryption::Customer(key));
    }
    match (args.sse.as_deref(), &args.sse_kms_key_id) {
        (Some("AES256"), Some(_)) => Err(unusable("--sse-kms-key-id goes with --sse aws:kms", "")),
        (Some("AES256"), None) => Ok(Encryption::S3),
        (Some(_), key_id) => Ok(Encryption::Kms { key_id: key_id.clone(), bucket_key: false }),
        (None, Some(key_id)) => Ok(Encryption::Kms { key_id: Some(key_id.clone()), bucket_key: false }),
        (None, None) => Ok(Encryption::BucketDefault),
    }
}
