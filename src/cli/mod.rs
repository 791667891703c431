//! The command line: arguments in; bars, lines, JSON and an exit code out.
//!
//! It decides nothing about a sync. Data goes to stdout, everything else to stderr.

mod args;
mod exit;
mod human;
mod logging;
mod progress;
mod sign;
mod size;
mod sync;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Command::Sync(args) => sync::main(&args),
        Command::Sign(args) => sign::main(&args),
    }
}

/// The command's definition, for tests that hold the documents to it.
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}
