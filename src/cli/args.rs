//! The arguments. Reading them does nothing else.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::size::{self, BlockSize};

/// Keep a huge file in an object store equal to a local one, and move only what changed.
#[derive(Debug, Parser)]
#[command(name = "hugesync", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make s3://bucket/prefix equal to a local file or folder
    Sync(Box<SyncArgs>),
    /// Write the signature of a local file, or look into one
    Sign(SignArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hugesync sync disk.img s3://bucket/images/    uploads images/disk.img
  hugesync sync ./data   s3://bucket/backup     uploads backup/data/..., the folder itself
  hugesync sync ./data/  s3://bucket/backup     uploads backup/..., the folder's contents
  hugesync sync -nv disk.img s3://bucket/x.img  says what would be transferred

Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 some files failed, 130 interrupted.
Sizes are powers of 1024: 1MB is 1,048,576 bytes.")]
pub(super) struct SyncArgs {
    /// A local file or folder; with a slash at the end, the folder's contents
    pub(super) source: PathBuf,
    /// s3://bucket/key for a file, s3://bucket/prefix/ for files to put below it
    pub(super) destination: String,

    /// Also keep mode, owner, group and modification time, as metadata in the forms that rclone reads
    #[arg(short, long)]
    pub(super) archive: bool,
    /// Compare and plan for real, but write nothing
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,
    /// Say what is done to each file; twice: log what the program does; three times: log requests too
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Show a bar for every file, small ones too; without a terminal, print a line every five seconds
    #[arg(short = 'P', long)]
    pub(super) progress: bool,
    /// Uploads under way at once [default: 12]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub(super) jobs: Option<NonZeroU16>,
    /// Not supported yet: delete what the source does not have
    #[arg(long)]
    pub(super) delete: bool,
    /// Not supported yet: delete excluded files too
    #[arg(long)]
    pub(super) delete_excluded: bool,
    /// Not supported yet: take a missing source for an empty one
    #[arg(long)]
    pub(super) ignore_missing_args: bool,
    /// Files of this size and more get a sidecar and are stitched; a bare number is MB
    #[arg(long, value_name = "SIZE", default_value = "50MB", value_parser = size::threshold)]
    pub(super) delta_threshold: u64,
    /// The block length of new sidecars, 64KB to 5120KB, a power of two; a bare number is KB [default: by the file's size]
    #[arg(long, value_name = "SIZE", value_parser = size::block_size)]
    pub(super) block_size: Option<BlockSize>,
    /// Neither read nor write sidecars: a changed file is always uploaded whole
    #[arg(long)]
    pub(super) no_sidecar: bool,
    /// Fail when somebody else writes to the same key, instead of planning again
    #[arg(long)]
    pub(super) fail_on_conflict: bool,
    /// The URL of a store that is not AWS
    #[arg(long, value_name = "URL")]
    pub(super) endpoint_url: Option<String>,
    /// The bucket's region
    #[arg(long)]
    pub(super) region: Option<String>,
    /// The profile of the AWS configuration files
    #[arg(long)]
    pub(super) profile: Option<String>,
    /// Put the bucket in the URL's path instead of its host name
    #[arg(long)]
    pub(super) path_style: bool,
    /// Print the result as one JSON object on stdout (docs/JSON.md)
    #[arg(long)]
    pub(super) json: bool,
    /// The form of log lines on stderr
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,
}

/// The most uploads at once: each takes 8 MiB of memory, and no store likes more.
const MAX_JOBS: u16 = 1024;

fn jobs(text: &str) -> Result<NonZeroU16, String> {
    let jobs = text.parse::<NonZeroU16>().ok().filter(|jobs| jobs.get() <= MAX_JOBS);
    jobs.ok_or_else(|| format!("a number from 1 to {MAX_JOBS} is wanted"))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hugesync sign disk.img                      writes disk.img.hssig
  hugesync sign --inspect disk.img.hssig      prints what is in it")]
pub(super) struct SignArgs {
    /// The file to sign
    #[arg(required_unless_present = "inspect")]
    pub(super) file: Option<PathBuf>,
    /// Where the signature goes; - is stdout [default: FILE.hssig]
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// The block length, 64KB to 5120KB, a power of two; a bare number is KB [default: by the file's size]
    #[arg(long, value_name = "SIZE", value_parser = size::block_size)]
    pub(super) block_size: Option<BlockSize>,
    /// Print what is in a signature instead
    #[arg(long, value_name = "HSSIG", conflicts_with_all = ["file", "output", "block_size"])]
    pub(super) inspect: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_arguments_are_sound() {
        crate::cli::command().debug_assert();
    }
}
