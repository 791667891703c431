//! Log lines on stderr, above the bars where there are some.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::str::FromStr as _;
use std::sync::Mutex;

use indicatif::MultiProgress;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::options::LogFormat;

/// The target of events that are for the log file alone.
pub(super) const FILES: &str = "files";

/// Starts logging. How often `-v` was given decides what is logged; `RUST_LOG` does where it was not given twice or more.
///
/// `log_file` gets what happens to each file too: the events of [`FILES`].
pub(super) fn start(verbose: u8, format: LogFormat, bars: &MultiProgress, log_file: Option<File>) {
    let filter = match verbose {
        0 | 1 => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,aws=error,hyper=error")),
        2 => EnvFilter::new("warn,hugesync=debug"),
        _ => EnvFilter::new("warn,hugesync=trace"),
    };
    let writer = AboveBars(bars.clone());
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // What is for the file is printed in other ways on stderr.
    let filter = filter.add_directive(Directive::from_str(&format!("{FILES}=off")).unwrap_or_default());
    let log = fmt::layer().with_writer(writer).with_ansi(colours).log_internal_errors(false);
    let log = match format {
        LogFormat::Text => log.with_target(false).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    let to_file = log_file.map(|file| {
        let level = if verbose > 1 { "debug" } else { "info" };
        let filter = EnvFilter::new(format!("warn,aws=error,hyper=error,hugesync={level},{FILES}=info"));
        fmt::layer()
            .with_writer(Mutex::new(file))
            .with_ansi(false)
            .with_target(false)
            .log_internal_errors(false)
            .with_filter(filter)
    });
    tracing_subscriber::registry().with(log.with_filter(filter)).with(to_file).init();
}

/// Writes to stderr while the bars step aside.
#[derive(Clone)]
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
