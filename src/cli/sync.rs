//! `hugesync sync`.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::print::{print_error, print_note};
use super::progress::Progress;
use super::{logging, stats};
use crate::app::{self, AppError};
use crate::options::{LogFormat, SyncArgs};
use crate::options::{Unusable, request};
use crate::signals::StopSignals;
use crate::sync::{INTERRUPTED, JSON_VERSION, Summary};
use crate::{descriptors, exit, human};

/// How many errors are printed; a bucket that is gone fails every file of a tree.
const MAX_ERRORS: usize = 20;

pub(super) fn main(args: &SyncArgs, matches: &clap::ArgMatches) -> ExitCode {
    let format = args.output.log_format;
    let progress = Arc::new(Progress::new(args));
    let log_file = match args.output.log_file.as_deref().map(open_log).transpose() {
        Ok(log_file) => log_file,
        Err(message) => {
            print_error(format, &human::name(&message), None);
            return ExitCode::from(exit::USAGE);
        }
    };
    logging::start(args.verbose, format, progress.bars(), log_file);
    let request = match request(args, matches, descriptors::raise()) {
        Ok(request) => request,
        Err(Unusable { message, hint }) => {
            print_error(format, &human::name(&message), hint.as_deref());
            return ExitCode::from(exit::USAGE);
        }
    };
    if let Some(size) = args.transfer.block_size.filter(|size| size.asked != size.block_len.bytes()) {
        let used = size.block_len.bytes() >> 10;
        let asked = size.asked;
        print_note(format, &format!("a block size of {asked} bytes is rounded down to {used} KB, a power of two"));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error(format, &format!("cannot start: {error}"), None);
            return ExitCode::from(exit::FAILED);
        }
    };
    let observer = Arc::clone(&progress);
    let result = runtime.block_on(async move {
        let cancel = CancellationToken::new();
        tokio::spawn(stop_on_signal(cancel.clone(), format));
        app::sync(request, observer, cancel).await
    });
    // A scan or a read that is still under way on its own thread is not waited for.
    runtime.shutdown_background();
    let printed = progress.finish();
    match result {
        Ok(summary) => finished(args, &summary, printed),
        Err(error) => failed(args, &error),
    }
}

/// The first Ctrl-C (or SIGTERM) stops the run in order, the second one at once.
async fn stop_on_signal(cancel: CancellationToken, format: LogFormat) {
    let Ok(mut signals) = StopSignals::listen() else { return };
    signals.next().await;
    print_note(format, "stopping in order; once more to stop at once");
    cancel.cancel();
    signals.next().await;
    std::process::exit(i32::from(exit::INTERRUPTED));
}

fn open_log(path: &Path) -> Result<File, String> {
    let opened = File::options().create(true).append(true).open(path);
    opened.map_err(|error| format!("cannot write the log file {}: {error}", path.display()))
}

/// `printed` is how the lines about single files went.
fn finished(args: &SyncArgs, summary: &Summary, printed: io::Result<()>) -> ExitCode {
    let format = args.output.log_format;
    let mut failed: Vec<_> = summary.files.iter().filter_map(|file| Some((file, file.error.as_ref()?))).collect();
    // What stopped the run before those that it stopped.
    failed.sort_by_key(|(_, error)| error.message == INTERRUPTED);
    for (file, error) in failed.into_iter().take(MAX_ERRORS) {
        print_error(format, &human::name(&format!("{}: {}", file.path, error.message)), error.hint.as_deref());
    }
    for error in [&summary.error, &summary.delete_refused].into_iter().flatten() {
        print_error(format, &human::name(&error.message), error.hint.as_deref());
    }
    let more = summary.files_failed.saturating_sub(MAX_ERRORS as u64);
    if more > 0 {
        print_error(format, &format!("{} more failed", human::files(more)), Some("--json lists them all"));
    }
    if summary.files_hard_linked > 0 {
        let files = human::files(summary.files_hard_linked);
        let text = format!("{files} with several names (hard links): every name is an object of its own");
        print_note(format, &text);
    }
    let last = if args.output.json { json(summary) } else { lines(args, summary) };
    if let Err(error) = printed.and_then(|()| print(&last)) {
        print_error(format, &format!("cannot write to stdout: {error}"), None);
        return ExitCode::from(exit::FAILED);
    }
    ExitCode::from(exit::code_of(summary))
}

fn failed(args: &SyncArgs, error: &AppError) -> ExitCode {
    let format = args.output.log_format;
    let (message, hint) = (error.to_string(), error.hint());
    print_error(format, &human::name(&message), hint.as_deref());
    if args.output.json {
        let report = json!({ "version": JSON_VERSION, "error": { "message": message, "hint": hint } });
        // The error has been said on stderr; that stdout is closed adds nothing to it.
        let _ = print(&report.to_string());
    }
    ExitCode::from(if matches!(error, AppError::Interrupted) { exit::INTERRUPTED } else { exit::FAILED })
}

fn json(summary: &Summary) -> String {
    serde_json::to_string_pretty(summary).unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}

fn lines(args: &SyncArgs, summary: &Summary) -> String {
    let last = human::last_line(summary);
    if args.output.stats { format!("{}\n{last}", stats::block(summary)) } else { last }
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
