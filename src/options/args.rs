//! The arguments of a sync. Reading them does nothing else.

use std::num::{NonZeroU16, NonZeroU64};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::size::{self, BlockSize};
use crate::sync::MaxDelete;
use crate::tree::Shard;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hugesync sync disk.img s3://bucket/images/       uploads images/disk.img
  hugesync sync ./data   s3://bucket/backup        uploads backup/data/..., the folder itself
  hugesync sync ./data/  s3://bucket/backup        uploads backup/..., the folder's contents
  hugesync sync s3://bucket/images/disk.img .      downloads disk.img, only what changed if an old one is here
  hugesync sync s3://bucket/backup/ ./data         downloads what lies below backup/ into data
  hugesync sync -nv disk.img s3://bucket/x.img     says what would be transferred
  hugesync sync -a --delete site/ s3://bucket/site also keeps times and modes, and deletes what site/ does not have

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 some files failed or nothing was deleted that was to be, 130 interrupted.
Sizes are powers of 1024: 1MB is 1,048,576 bytes. Patterns are rsync's.
Every option may stand in ~/.config/hugesync/config.toml too, by its long name; the command line counts for more.")]
pub(crate) struct SyncArgs {
    /// A local file or folder, or s3://bucket/key-or-prefix; with a slash at the end, the folder's contents
    pub(crate) source: PathBuf,
    /// s3://bucket/key for a file, s3://bucket/prefix/ for files to put below it; for a download a local file or folder
    pub(crate) destination: String,

    /// Keep links as links, and mode, owner, group and modification time as metadata in the forms that rclone reads
    #[arg(short, long)]
    pub(crate) archive: bool,
    /// Compare and plan for real, but write nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
    /// Say what is done to each file; twice: log what the program does; three times: log requests too
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show a bar for every file, small ones too; without a terminal, print a line every five seconds
    #[arg(short = 'P', long)]
    pub(crate) progress: bool,

    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) comparison: ComparisonArgs,
    #[command(flatten)]
    pub(crate) delete: DeleteArgs,
    #[command(flatten)]
    pub(crate) attributes: AttributeArgs,
    #[command(flatten)]
    pub(crate) transfer: TransferArgs,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which files")]
pub(crate) struct SelectionArgs {
    /// Leave out what matches; the first --include or --exclude that matches decides
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(crate) exclude: Vec<String>,
    /// Take what matches, whatever a later --exclude says
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub(crate) include: Vec<String>,
    /// Read patterns to leave out from a file, one a line; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude_from: Vec<PathBuf>,
    /// Read patterns to take from a file, one a line; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) include_from: Vec<PathBuf>,
    /// Take only the files that a file names, one a line; - is stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,
    /// What --files-from names ends with zero bytes instead of lines
    #[arg(short = '0', long, requires = "files_from")]
    pub(crate) from0: bool,
    /// Leave files larger than this as they are at the destination; a bare number is bytes
    #[arg(long, value_name = "SIZE", value_parser = size::bytes)]
    pub(crate) max_size: Option<u64>,
    /// Leave files smaller than this as they are at the destination; a bare number is bytes
    #[arg(long, value_name = "SIZE", value_parser = size::bytes)]
    pub(crate) min_size: Option<u64>,
    /// Leave out what .gitignore files say (those named .hugesyncignore are always heeded)
    #[arg(long)]
    pub(crate) gitignore: bool,
    /// Leave out what the source's .dockerignore says
    #[arg(long)]
    pub(crate) dockerignore: bool,
    /// Upload symbolic links as links (in -a)
    #[arg(short, long, overrides_with_all = ["copy_links", "skip_links"])]
    pub(crate) links: bool,
    /// Upload what symbolic links lead to
    #[arg(short = 'L', long, overrides_with_all = ["links", "skip_links"])]
    pub(crate) copy_links: bool,
    /// Pass over symbolic links without a word
    #[arg(long, overrides_with_all = ["links", "copy_links"])]
    pub(crate) skip_links: bool,
    /// Leave out files that vanish before they are read, instead of failing for them
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true", num_args = 0..=1,
          require_equals = true, action = clap::ArgAction::Set)]
    pub(crate) skip_vanished: bool,
    /// Take the I-th of N parts of the files, by their names: N jobs together sync a tree
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<Shard>,
}

/// What is transferred.
#[derive(Debug, Args)]
#[command(next_help_heading = "What counts as changed")]
pub(crate) struct ComparisonArgs {
    /// Trust nothing that earlier runs have recorded, only sums that the store itself has computed
    #[arg(short, long, conflicts_with_all = ["size_only", "mtime"])]
    pub(crate) checksum: bool,
    /// Take files of the same size for unchanged: UNSAFE
    #[arg(long, conflicts_with = "mtime")]
    pub(crate) size_only: bool,
    /// Take files of the same size that are no newer than the object for unchanged: UNSAFE, and useless where a checkout
    /// renews all times
    #[arg(long)]
    pub(crate) mtime: bool,
    /// Leave objects that are newer than the file
    #[arg(short, long)]
    pub(crate) update: bool,
    /// Make nothing new at the destination
    #[arg(long)]
    pub(crate) existing: bool,
    /// Replace nothing at the destination
    #[arg(long)]
    pub(crate) ignore_existing: bool,
}

/// What is deleted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deleting")]
pub(crate) struct DeleteArgs {
    /// Delete objects below the destination that the source does not have, at the very end
    #[arg(long)]
    pub(crate) delete: bool,
    /// Delete what is left out too (implies --delete)
    #[arg(long)]
    pub(crate) delete_excluded: bool,
    /// Delete nothing if it were more than N objects, or N% of them [default: 50%]
    #[arg(long, value_name = "N|N%", value_parser = size::max_delete)]
    pub(crate) max_delete: Option<MaxDelete>,
    /// Delete even if some files could not be read or uploaded
    #[arg(long)]
    pub(crate) ignore_errors: bool,
    /// A source, or a file of --files-from, that is not there is no error
    #[arg(long)]
    pub(crate) ignore_missing_args: bool,
    /// Delete the object of a source, or of a file of --files-from, that is not there
    #[arg(long)]
    pub(crate) delete_missing_args: bool,
    /// Copy objects below this prefix of the bucket, inside the store, before they are replaced or deleted; a download keeps
    /// files in this folder
    #[arg(long, value_name = "S3-URL|FOLDER")]
    pub(crate) backup_dir: Option<String>,
}

/// What is set on objects.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "What is set on objects (VALUE, or PATTERN:VALUE for some; may be repeated, the first that matches counts)"
)]
pub(crate) struct AttributeArgs {
    /// Keep modification times (in -a)
    #[arg(short, long, overrides_with = "no_times")]
    pub(crate) times: bool,
    /// Keep no modification times, in spite of -a: fresh checkouts have new ones
    #[arg(long, overrides_with = "times")]
    pub(crate) no_times: bool,
    /// Keep permissions and types (in -a)
    #[arg(short, long, overrides_with = "no_perms")]
    pub(crate) perms: bool,
    /// Keep no permissions and types, in spite of -a
    #[arg(long, overrides_with = "perms")]
    pub(crate) no_perms: bool,
    /// Keep owners and groups (in -a)
    #[arg(short, long, overrides_with = "no_owner")]
    pub(crate) owner: bool,
    /// Keep no owners and groups, in spite of -a
    #[arg(long, overrides_with = "owner")]
    pub(crate) no_owner: bool,
    /// Media type, as in *.wasm:application/wasm [default: by the name]
    #[arg(long, value_name = "VALUE")]
    pub(crate) content_type: Vec<String>,
    /// Cache-Control, as in *.html:no-cache
    #[arg(long, value_name = "VALUE")]
    pub(crate) cache_control: Vec<String>,
    /// Content-Encoding, as in *.gz:gzip
    #[arg(long, value_name = "VALUE")]
    pub(crate) content_encoding: Vec<String>,
    /// Content-Disposition
    #[arg(long, value_name = "VALUE")]
    pub(crate) content_disposition: Vec<String>,
    /// Content-Language
    #[arg(long, value_name = "VALUE")]
    pub(crate) content_language: Vec<String>,
    /// A tag; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = tag)]
    pub(crate) tag: Vec<(String, String)>,
    /// Storage class, as in STANDARD_IA [default: the bucket's]
    #[arg(long, value_name = "CLASS")]
    pub(crate) storage_class: Option<String>,
    /// Canned ACL, as in bucket-owner-full-control [default: none is sent]
    #[arg(long)]
    pub(crate) acl: Option<String>,
    /// Encryption: AES256 or aws:kms [default: the bucket's]
    #[arg(long, value_name = "KIND", value_parser = ["AES256", "aws:kms"])]
    pub(crate) sse: Option<String>,
    /// The KMS key of --sse aws:kms: an id, ARN or alias [default: the account's own for S3]
    #[arg(long, value_name = "KEY")]
    pub(crate) sse_kms_key_id: Option<String>,
    /// Encrypt with a key of your own (SSE-C): a file with its 32 bytes, or with them in base64
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sse", "sse_kms_key_id"])]
    pub(crate) sse_customer_key_file: Option<PathBuf>,
}

/// How bytes move.
#[derive(Debug, Args)]
#[command(next_help_heading = "Transfer")]
pub(crate) struct TransferArgs {
    /// The most uploads at once; parts of large files take 8 MiB of memory each [default: as many as help, 64 small files
    /// or 12 parts at most]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub(crate) jobs: Option<NonZeroU16>,
    /// The most listing requests at once
    #[arg(long, value_name = "N", value_parser = jobs, default_value = "16")]
    pub(crate) list_jobs: NonZeroU16,
    /// Upload no more than this a second, all files together; a bare number is KB
    #[arg(long, value_name = "RATE", value_parser = size::rate)]
    pub(crate) bwlimit: Option<NonZeroU64>,
    /// Transfer changed files whole, without a delta
    #[arg(short = 'W', long)]
    pub(crate) whole_file: bool,
    /// Files of this size and more get a sidecar and are stitched; a bare number is MB
    #[arg(long, value_name = "SIZE", default_value = "50MB", value_parser = size::threshold)]
    pub(crate) delta_threshold: u64,
    /// For a download, a file or folder whose files may have bytes of the new ones; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) basis: Vec<PathBuf>,
    /// For a download of a new file, look for its bytes in the file here whose name is most like its own
    #[arg(short = 'y', long)]
    pub(crate) fuzzy: bool,
    /// Make holes of long runs of zeros in downloaded files
    #[arg(short = 'S', long)]
    pub(crate) sparse: bool,
    /// The block length of new sidecars, 64KB to 5120KB, a power of two; a bare number is KB [default: by the file's size]
    #[arg(long, value_name = "SIZE", value_parser = size::block_size)]
    pub(crate) block_size: Option<BlockSize>,
    /// Neither read nor write sidecars and the index: a changed file is always uploaded whole
    #[arg(long)]
    pub(crate) no_sidecar: bool,
    /// Fail when somebody else writes to the same key, instead of planning again
    #[arg(long)]
    pub(crate) fail_on_conflict: bool,
}

/// Where the bucket is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// The URL of a store that is not AWS
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// The bucket's region
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The profile of the AWS configuration files
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Put the bucket in the URL's path instead of its host name
    #[arg(long)]
    pub(crate) path_style: bool,
}

/// What is said.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print a line for every change, in rsync's form (README: "What -i prints")
    #[arg(short, long)]
    pub(crate) itemize_changes: bool,
    /// Print numbers about the run at its end
    #[arg(long)]
    pub(crate) stats: bool,
    /// Print the result as one JSON object on stdout (docs/JSON.md)
    #[arg(long)]
    pub(crate) json: bool,
    /// Write what is done to each file to a file too, with times; it is appended to
    #[arg(long, value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
    /// The form of log lines on stderr
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Read options from this file instead of ~/.config/hugesync/config.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Read no configuration file
    #[arg(long)]
    pub(crate) no_config: bool,
}

/// The most uploads at once: each takes 8 MiB of memory, and no store likes more.
const MAX_JOBS: u16 = 1024;

fn jobs(text: &str) -> Result<NonZeroU16, String> {
    let jobs = text.parse::<NonZeroU16>().ok().filter(|jobs| jobs.get() <= MAX_JOBS);
    jobs.ok_or_else(|| format!("a number from 1 to {MAX_JOBS} is wanted"))
}

/// `NAME=VALUE`.
fn tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "write it like team=data".to_owned())?;
    if name.is_empty() {
        return Err("a tag needs a name".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}
