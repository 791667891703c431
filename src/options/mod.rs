//! The options of a sync, by their long names: how they are defined and read, and the request that they make.
//!
//! Both front-ends read them here: the command line from its arguments, `hugesync ci` from settings of the same names. It
//! prints nothing.

mod args;
mod request;
mod size;

pub(crate) use args::{LogFormat, SyncArgs};
pub(crate) use request::{Unusable, request};
pub(crate) use size::{BlockSize, block_size};

use clap::{Args as _, FromArgMatches as _};

/// Reads the arguments that follow `hugesync sync`.
pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Result<(SyncArgs, clap::ArgMatches), clap::Error> {
    let command = clap::Command::new("sync").no_binary_name(true).args_override_self(true).disable_help_flag(true);
    let matches = SyncArgs::augment_args(command).try_get_matches_from(arguments)?;
    Ok((SyncArgs::from_arg_matches(&matches)?, matches))
}
