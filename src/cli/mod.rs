//! The command line: arguments in; bars, lines, JSON and an exit code out.
//!
//! It decides nothing about a sync. Data goes to stdout, everything else to stderr.

mod args;
mod config;

mod logging;
mod print;
mod progress;

mod sign;

mod stats;
mod sync;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::options::LogFormat;
use crate::{exit, human};
use args::{Cli, Command};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Read twice: the first time for where the configuration file is.
    let matches = command().get_matches_from(&arguments);
    let arguments = match config::add_to(arguments, &command(), &matches) {
        Ok(arguments) => arguments,
        Err(error) => {
            let hint = "options have the names that hugesync sync --help lists; --no-config does without the file";
            print::print_error(LogFormat::Text, &human::name(&error.to_string()), Some(hint));
            return ExitCode::from(exit::USAGE);
        }
    };
    let matches = command().get_matches_from(arguments);
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match (cli.command, matches.subcommand()) {
        (Command::Sync(args), Some((_, matches))) => sync::main(&args, matches),
        (Command::Sync(_), None) => unreachable!("a subcommand was found"),
        (Command::Sign(args), _) => sign::main(&args),
        (Command::Ci, _) => crate::ci::main(),
    }
}

/// The command's definition, for tests that hold the documents to it.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}
