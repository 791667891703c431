//! Bars on a terminal, a line now and then without one, and warnings between them.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::logging::FILES;
use super::print::print_line;
use crate::human;
use crate::options::{LogFormat, SyncArgs};
use crate::sync::{Event, FileId, FileReport, Observer, RunProgress, Stage};

/// Files of this many bytes get a bar of their own without `-P`: smaller ones are gone before anybody can read it.
const OWN_BAR: u64 = 32 << 20;
/// The most bars of single files at once.
const MAX_BARS: usize = 8;
/// How often a line is printed where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows a run's events to people.
pub(super) struct Progress {
    bars: MultiProgress,
    overall: ProgressBar,
    terminal: bool,
    asked: bool,
    log_format: LogFormat,
    lines: Lines,
    dry_run: bool,
    state: Mutex<State>,
}

/// What is printed on stdout about each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// Nothing.
    None,
    /// A line for each.
    All,
    /// A line in rsync's form for each change.
    Itemized,
}

struct State {
    progress: RunProgress,
    files: HashMap<FileId, OnTheWay>,
    last_line: Instant,
    /// How printing on stdout went so far.
    printed: io::Result<()>,
}

/// A file that has begun and is not done.
struct OnTheWay {
    name: String,
    bytes: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows what the arguments ask for: bars on stderr, lines on stdout.
    pub(super) fn new(args: &SyncArgs) -> Self {
        let (asked, log_format) = (args.progress, args.output.log_format);
        let lines = match (args.output.json, args.output.itemize_changes, args.verbose) {
            (true, ..) => Lines::None,
            (false, true, _) => Lines::Itemized,
            (false, false, 0) => Lines::None,
            (false, false, _) => Lines::All,
        };
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let overall = bars.add(ProgressBar::new(0).with_style(style("{wide_bar:.green} {bytes}/{total_bytes}  {msg}")));
        let state = State {
            progress: RunProgress::default(),
            files: HashMap::new(),
            last_line: Instant::now(),
            printed: Ok(()),
        };
        let dry_run = args.dry_run;
        Self { bars, overall, terminal, asked, log_format, lines, dry_run, state: Mutex::new(state) }
    }

    /// What log lines have to step around.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Takes the bars away. Says how printing on stdout went.
    pub(super) fn finish(&self) -> io::Result<()> {
        self.overall.finish_and_clear();
        let _ = self.bars.clear();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut state.printed, Ok(()))
    }

    fn stage_started(&self, state: &mut State, file: FileId, stage: Stage, bytes: u64) {
        let bars = state.files.values().filter(|file| file.bar.is_some()).count();
        let Some(on_the_way) = state.files.get_mut(&file) else { return };
        if on_the_way.bar.is_none() && bars < MAX_BARS && (self.asked || on_the_way.bytes >= OWN_BAR) {
            let template = "  {bar:24.cyan} {bytes:>11}/{total_bytes:<11} {bytes_per_sec:>13} {eta:>4} {wide_msg}";
            on_the_way.bar = Some(self.bars.add(ProgressBar::new(bytes).with_style(style(template))));
        }
        if let Some(bar) = &on_the_way.bar {
            bar.reset();
            bar.set_length(bytes);
            let doing = if stage == Stage::Comparing { "comparing" } else { "transferring" };
            bar.set_message(format!("{doing} {}", on_the_way.name));
        }
    }

    fn finished(&self, state: &mut State, file: FileId, report: &FileReport) {
        if let Some(OnTheWay { bar: Some(bar), .. }) = state.files.remove(&file) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.log(report);
        let line = match self.lines {
            Lines::None => None,
            Lines::All => Some(human::file_line(report, self.dry_run)),
            Lines::Itemized => human::itemized(report),
        };
        if let (Some(line), Ok(())) = (line, &state.printed) {
            state.printed = self.bars.suspend(|| writeln!(io::stdout().lock(), "{line}"));
        }
    }

    /// Writes what became of a file into the log file, if there is one.
    fn log(&self, report: &FileReport) {
        if !tracing::enabled!(target: FILES, tracing::Level::ERROR) {
            return;
        }
        match (&report.error, human::itemized(report)) {
            (Some(error), _) => tracing::error!(target: FILES, "{}: {}", human::name(&report.path), error.message),
            (None, Some(line)) => tracing::info!(target: FILES, "{line}"),
            (None, None) => {}
        }
    }

    fn show(&self, state: &mut State) {
        let progress = &state.progress;
        if self.terminal {
            self.overall.set_length(progress.bytes_total);
            self.overall.set_position(progress.bytes_done);
            self.overall.set_message(format!(
                "{}/{} files, {} saved",
                progress.files_done,
                progress.files_total,
                HumanBytes(progress.bytes_saved)
            ));
        } else if self.asked && state.last_line.elapsed() >= LINE_EVERY {
            state.last_line = Instant::now();
            let line = format!(
                "{} of {}, {}/{} files, {} saved",
                HumanBytes(progress.bytes_done),
                HumanBytes(progress.bytes_total),
                progress.files_done,
                progress.files_total,
                HumanBytes(progress.bytes_saved)
            );
            match self.log_format {
                LogFormat::Json => tracing::warn!(bytes_done = progress.bytes_done, "{line}"),
                LogFormat::Text => print_line(&format!("progress: {line}")),
            }
        }
    }

    fn warn(&self, path: &str, text: &str) {
        tracing::warn!(target: FILES, "{}: {}", human::name(path), human::name(text));
        match self.log_format {
            LogFormat::Json => tracing::warn!(path, "{text}"),
            LogFormat::Text => {
                self.bars.suspend(|| print_line(&format!("warning: {}: {}", human::name(path), human::name(text))))
            }
        }
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.progress.observe(event);
        match *event {
            Event::RunStarted => self.overall.enable_steady_tick(Duration::from_millis(250)),
            Event::Found { .. } => {}
            Event::FileStarted { file, path, bytes } => {
                let name = human::name(path).into_owned();
                state.files.insert(file, OnTheWay { name, bytes, bar: None });
            }
            Event::StageStarted { file, stage, bytes } => self.stage_started(&mut state, file, stage, bytes),
            Event::Advanced { file, .. } => {
                if let Some(bar) = state.files.get(&file).and_then(|on_the_way| on_the_way.bar.as_ref()) {
                    bar.set_position(state.progress.stage_done(file));
                }
            }
            Event::Warning { path, text } => self.warn(path, text),
            Event::FileFinished { file, report } => self.finished(&mut state, file, report),
        }
        self.show(&mut state);
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that does not parse shows the default bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ ")
}
