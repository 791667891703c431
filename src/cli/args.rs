//! The arguments of the command line: its subcommands. Those of a sync are `options`'.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::options::{BlockSize, SyncArgs, block_size};

/// Keep a huge file in an object store equal to a local one, and move only what changed.
#[derive(Debug, Parser)]
#[command(name = "hugesync", version, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make s3://bucket/prefix equal to a local file or folder, or the other way round
    #[command(args_override_self = true)]
    Sync(Box<SyncArgs>),
    /// Write the signature of a local file, or look into one
    Sign(SignArgs),
    /// Sync what the environment asks for: the settings of a CI job (docs/CI.md)
    Ci,
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
    #[arg(long, value_name = "SIZE", value_parser = block_size)]
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
