//! A job from its beginning to its end.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use super::credentials::{self, Access, Problem};
use super::environment::Environment;
use super::finish::finish;
use super::log::Log;
use super::outcome::{Outcome, Run};
use super::platform::{self, Level};
use super::settings::Settings;
use super::values::Value as _;
use super::watch::Watch;
use super::work::{self, NoFiles, Work, in_settings};
use crate::app::{self, AppError, SyncRequest};
use crate::options::Unusable;
use crate::signals::StopSignals;
use crate::sync::{ErrorReport, MaxDelete, Missing, Summary};
use crate::{descriptors, exit};

/// How long a sync may take to stop in order. GitHub kills a step 7.5 s after its first signal, and what comes after the
/// sync needs a moment too.
const GRACE: Duration = Duration::from_secs(5);

/// What a job is about to do.
struct Job {
    works: Vec<(Work, SyncRequest)>,
    no_files: NoFiles,
    debug: bool,
}

/// Runs `hugesync ci`.
pub fn main() -> ExitCode {
    let began = Instant::now();
    // First of all: the first process of a container misses signals that come before anybody listens.
    let started = Builder::new_multi_thread().enable_all().build().and_then(|runtime| {
        let signals = runtime.block_on(async { StopSignals::listen() })?;
        Ok((runtime, signals))
    });
    let environment = Environment::of_process();
    let log = Log::new(platform::detect(&environment));
    credentials::hide(&environment, None, &log);
    let (settings, mut outcome) = match read(&environment, &log) {
        Ok((settings, warnings)) => (settings, Outcome { warnings, ..Outcome::default() }),
        Err(unusable) => (Settings::default(), failed(unusable.into())),
    };
    outcome.dry_run = settings.dry_run.is_on();
    if outcome.error.is_none() {
        credentials::hide(&environment, Some(&settings), &log);
        let text = format!("hugesync {}, {}", env!("CARGO_PKG_VERSION"), log.platform().name());
        log.line(&text);
        outcome.warnings.iter().for_each(|text| log.annotate(Level::Warning, "hugesync", text));
        outcome = match started {
            Ok((runtime, signals)) => {
                let outcome = runtime.block_on(run(&settings, &environment, &log, signals, outcome));
                // A scan or a read that is still under way on its own thread is not waited for.
                runtime.shutdown_background();
                outcome
            }
            Err(error) => {
                let message = format!("cannot start: {error}");
                Outcome { error: Some(ErrorReport { message, hint: None }), error_code: exit::FAILED, ..outcome }
            }
        };
    }
    outcome.duration_seconds = began.elapsed().as_secs_f64();
    ExitCode::from(finish(&log, &settings, outcome))
}

/// The settings of the job, and what is odd about them.
fn read(environment: &Environment, log: &Arc<Log>) -> Result<(Settings, Vec<String>), Unusable> {
    let found = environment.settings()?;
    let settings = Settings::read(found.values)?;
    log.start_tracing(settings.debug.is_on() || log.platform().debug());
    Ok((settings, found.warnings))
}

fn failed(problem: Problem) -> Outcome {
    let error_code = if matches!(problem, Problem::Settings(_)) { exit::USAGE } else { exit::FAILED };
    Outcome { error: Some(problem.report()), error_code, ..Outcome::default() }
}

/// Everything that needs a runtime, from signals to the last sync.
async fn run(
    settings: &Settings,
    environment: &Environment,
    log: &Arc<Log>,
    signals: StopSignals,
    mut outcome: Outcome,
) -> Outcome {
    let cancel = CancellationToken::new();
    tokio::spawn(stop_on_signal(signals, cancel.clone(), Arc::clone(log)));
    let prepared = async {
        let job = job(settings, log)?;
        let access = credentials::plan(settings, environment, log)?.access(log).await?;
        Ok::<_, Problem>((job, access))
    };
    let prepared = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        prepared = prepared => Some(prepared),
    };
    match prepared {
        None => outcome.interrupted = true,
        Some(Err(problem)) => {
            let failed = failed(problem);
            (outcome.error, outcome.error_code) = (failed.error, failed.error_code);
        }
        Some(Ok((job, access))) => {
            let syncs = Syncs { access: &access, no_files: job.no_files, debug: job.debug, log, cancel: &cancel };
            for (work, request) in job.works {
                outcome.runs.push(syncs.sync(work, request, &mut outcome.warnings).await);
                outcome.interrupted = cancel.is_cancelled();
                if outcome.interrupted {
                    break;
                }
            }
        }
    }
    outcome
}

/// Settings as what is to be done. Sends nothing.
fn job(settings: &Settings, log: &Arc<Log>) -> Result<Job, Unusable> {
    let no_files = work::no_files(settings)?;
    let report_all = settings.report_path.0.is_some();
    let descriptors = descriptors::raise();
    let works = work::plan(settings, &|path| log.platform().path(path))?.into_iter().map(|work| {
        let mut request = work.request(settings, report_all, descriptors)?;
        if no_files == NoFiles::Error && request.options.delete.max == MaxDelete::Percent(100) {
            // All may go, but not because there is no file, which is an error here.
            request.options.delete.max = MaxDelete::Count(u64::MAX);
        }
        Ok((work, request))
    });
    let debug = settings.debug.is_on() || log.platform().debug();
    settings.summary.check("summary")?;
    Ok(Job { works: works.collect::<Result<_, Unusable>>()?, no_files, debug })
}

/// The first signal stops the job in order, the second one at once.
async fn stop_on_signal(mut signals: StopSignals, cancel: CancellationToken, log: Arc<Log>) {
    signals.next().await;
    log.line("cancelled: stopping in order");
    cancel.cancel();
    signals.next().await;
    std::process::exit(i32::from(exit::INTERRUPTED));
}

/// What all syncs of a job have in common.
struct Syncs<'a> {
    access: &'a Access,
    no_files: NoFiles,
    debug: bool,
    log: &'a Arc<Log>,
    cancel: &'a CancellationToken,
}

impl Syncs<'_> {
    /// One sync.
    async fn sync(&self, work: Work, mut request: SyncRequest, warnings: &mut Vec<String>) -> Run {
        let Self { access, no_files, debug, log, cancel } = *self;
        let group = log.group(&format!("{} → {}", work.named, work.destination));
        let watch = Arc::new(Watch::new(Arc::clone(log), request.options.dry_run, debug));
        request.s3.credentials = Some(access.provider.clone());
        request.download.owner = workspace_owner();
        let given_up = async {
            cancel.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let is_a_share = request.options.shard.is_some();
        let asks_for_what_is_gone = request.options.missing == Missing::Delete && !work.source.ends_with('/');
        let result = if work.has_no_source() && !asks_for_what_is_gone {
            None
        } else {
            tokio::select! {
                result = app::sync(request, Arc::<Watch>::clone(&watch), cancel.clone()) => Some(result),
                () = given_up => Some(Err(AppError::Interrupted)),
            }
        };
        drop(group);
        let mut run = Run {
            destination: work.destination.clone(),
            work,
            seen: watch.seen(),
            summary: None,
            files: Vec::new(),
            error: None,
        };
        let mut has_no_files = false;
        match result {
            None => has_no_files = true,
            Some(Ok(mut summary)) => {
                in_terms_of_settings(&mut summary);
                // A share of a tree may well be empty.
                has_no_files =
                    summary.files_total == 0 && summary.error.is_none() && !summary.interrupted && !is_a_share;
                if has_no_files && no_files == NoFiles::Error {
                    // The error that there is no file says all.
                    summary.delete_refused = None;
                }
                run.files = std::mem::take(&mut summary.files);
                run.destination.clone_from(&summary.destination);
                run.summary = Some(summary);
            }
            Some(Err(AppError::Interrupted)) => {}
            Some(Err(AppError::NothingThere(_))) => has_no_files = true,
            Some(Err(error)) => {
                run.error = Some(ErrorReport {
                    message: in_settings(&error.to_string()),
                    hint: error.hint().as_deref().map(in_settings),
                });
            }
        }
        let failed = |summary: &Summary| summary.files_failed > 0 || summary.error.is_some();
        let failed = run.error.is_some() || run.summary.as_ref().is_some_and(failed);
        if let Some(failure) = access.failure().filter(|_| failed) {
            // Why there were no credentials is better known than what the store's client made of it.
            run.error = Some(failure);
            run.files.iter_mut().filter_map(|file| file.error.as_mut()).for_each(|error| error.hint = None);
            run.summary.iter_mut().flat_map(errors_of).for_each(|error| error.hint = None);
        }
        if has_no_files {
            nothing_found(&mut run, no_files, log, warnings);
        }
        run
    }
}

/// Whose the workspace is, where files that are restored into it would be root's: the steps that come after this container's
/// run as somebody else.
fn workspace_owner() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let workspace = Path::new(".").metadata().ok()?;
    let owner = (workspace.uid(), workspace.gid());
    (rustix::process::geteuid().is_root() && owner.0 != 0).then_some(owner)
}

/// What becomes of a source that has no file.
fn nothing_found(run: &mut Run, no_files: NoFiles, log: &Log, warnings: &mut Vec<String>) {
    let message = format!("no file was found: {}", run.work.named);
    match no_files {
        NoFiles::Ignore => log.line(&message),
        NoFiles::Warn => {
            log.annotate(Level::Warning, "hugesync", &message);
            warnings.push(message);
        }
        NoFiles::Error => {
            run.error = Some(ErrorReport { message, hint: Some(run.work.advice().to_owned()) });
        }
    }
}

/// Settings where the engine names options of the command line.
fn in_terms_of_settings(summary: &mut Summary) {
    for error in errors_of(summary) {
        error.message = in_settings(&error.message);
        error.hint = error.hint.as_deref().map(in_settings);
    }
}

fn errors_of(summary: &mut Summary) -> impl Iterator<Item = &mut ErrorReport> {
    let of_files = summary.files.iter_mut().filter_map(|file| file.error.as_mut());
    of_files.chain(&mut summary.error).chain(&mut summary.delete_refused)
}
