//! `hugesync sync`.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::args::{LogFormat, SyncArgs};
use super::exit::{self, print_error, print_note};
use super::progress::Progress;
use super::{human, logging};
use crate::app::{self, AppError, SyncRequest};
use crate::store::s3::S3Settings;
use crate::sync::{INTERRUPTED, JSON_VERSION, Summary, SyncOptions};
use crate::tree::Destination;

/// Uploads at once unless `--jobs` says otherwise: parts of 8 MiB in memory for each, so some 100 MB in all; at the 50 to
/// 90 MB/s that one connection to S3 does, enough for 5 Gbit/s and more.
const DEFAULT_JOBS: NonZeroUsize = NonZeroUsize::new(12).unwrap();

/// How many errors are printed; a bucket that is gone fails every file of a tree.
const MAX_ERRORS: usize = 20;

pub(super) fn main(args: &SyncArgs) -> ExitCode {
    let format = args.log_format;
    let progress = Arc::new(Progress::new(args.progress, format));
    logging::start(args.verbose, format, progress.bars());
    let request = match request(args) {
        Ok(request) => request,
        Err((message, hint)) => {
            print_error(format, &message, hint);
            return ExitCode::from(exit::USAGE);
        }
    };
    if let Some(size) = args.block_size.filter(|size| size.asked != size.block_len.bytes()) {
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
    progress.finish();
    match result {
        Ok(summary) => finished(args, &summary),
        Err(error) => failed(args, &error),
    }
}

/// From arguments to what they ask for, or a message and a hint.
fn request(args: &SyncArgs) -> Result<SyncRequest, (String, Option<&'static str>)> {
    let unsupported = [
        (args.delete, "--delete"),
        (args.delete_excluded, "--delete-excluded"),
        (args.ignore_missing_args, "--ignore-missing-args"),
    ];
    if let Some((_, option)) = unsupported.into_iter().find(|(given, _)| *given) {
        return Err((format!("{option} is not supported yet"), Some("nothing was done; leave it out")));
    }
    if args.source.to_string_lossy().starts_with("s3://") {
        let hint = "the source is a local file or folder, the destination s3://bucket/prefix";
        return Err(("downloads are not supported yet".to_owned(), Some(hint)));
    }
    let destination = Destination::parse(&args.destination)
        .map_err(|error| (error.to_string(), Some("write it like s3://bucket/prefix/")))?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Ok(SyncRequest {
        source: args.source.clone(),
        destination,
        s3: S3Settings {
            bucket: String::new(),
            endpoint_url: args.endpoint_url.clone(),
            region: args.region.clone(),
            profile: args.profile.clone(),
            path_style: args.path_style,
        },
        options: SyncOptions {
            jobs: args.jobs.map_or(DEFAULT_JOBS, NonZeroUsize::from),
            threads,
            delta_threshold: args.delta_threshold,
            block_len: args.block_size.map(|size| size.block_len),
            sidecars: !args.no_sidecar,
            fail_on_conflict: args.fail_on_conflict,
            dry_run: args.dry_run,
            archive: args.archive,
        },
    })
}

/// The first Ctrl-C (or SIGTERM) stops the run in order, the second one at once.
async fn stop_on_signal(cancel: CancellationToken, format: LogFormat) {
    if signal().await.is_err() {
        return;
    }
    print_note(format, "stopping in order; once more to stop at once");
    cancel.cancel();
    let _ = signal().await;
    std::process::exit(i32::from(exit::INTERRUPTED));
}

async fn signal() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}

fn finished(args: &SyncArgs, summary: &Summary) -> ExitCode {
    let format = args.log_format;
    let mut failed: Vec<_> = summary.files.iter().filter_map(|file| Some((file, file.error.as_ref()?))).collect();
    // What stopped the run before those that it stopped.
    failed.sort_by_key(|(_, error)| error.message == INTERRUPTED);
    for (file, error) in failed.into_iter().take(MAX_ERRORS) {
        print_error(format, &human::name(&format!("{}: {}", file.path, error.message)), error.hint.as_deref());
    }
    let more = summary.files_failed.saturating_sub(MAX_ERRORS as u64);
    if more > 0 {
        print_error(format, &format!("{} more failed", human::files(more)), Some("--json lists them all"));
    }
    let printed = if args.json { print(&json(summary)) } else { print(&lines(args, summary)) };
    if let Err(error) = printed {
        print_error(format, &format!("cannot write to stdout: {error}"), None);
        return ExitCode::from(exit::FAILED);
    }
    exit::code_of(summary)
}

fn failed(args: &SyncArgs, error: &AppError) -> ExitCode {
    let format = args.log_format;
    let (message, hint) = (error.to_string(), error.hint());
    print_error(format, &human::name(&message), hint);
    if args.json {
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
    let mut lines = Vec::new();
    if args.verbose > 0 {
        lines.extend(summary.files.iter().map(|file| human::file_line(file, summary.dry_run)));
    }
    lines.push(human::last_line(summary));
    lines.join("\n")
}

fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
