//! The job's log: everything that is printed goes through here, is made harmless, and loses its secrets.
//!
//! CI systems read commands out of a job's log, so a file name could be one (`##[add-mask]`, `::error::`). How GitHub's
//! runner reads lines is in `ActionCommand.cs` of its source: `::command::` at the start of a line, `##[command]` anywhere.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::platform::{Level, Platform};
use crate::human;

/// What is printed in place of a secret.
const HIDDEN: &str = "***";
/// Shorter secrets are not looked for in texts: they would be found in half of all words.
const MIN_SECRET: usize = 8;
/// The most annotations of a kind: GitHub shows ten for a step.
const MAX_ANNOTATIONS: u32 = 10;

/// The log of a job.
pub(super) struct Log {
    platform: Box<dyn Platform>,
    /// Stdout alone: only within one stream lines keep their order, and a group what belongs to it.
    out: Mutex<Box<dyn Write + Send>>,
    secrets: Mutex<Vec<String>>,
    groups: AtomicU32,
    warnings: AtomicU32,
    errors: AtomicU32,
}

impl Log {
    pub(super) fn new(platform: Box<dyn Platform>) -> Arc<Self> {
        Self::to(platform, Box::new(io::stdout()))
    }

    /// A log that is written elsewhere.
    pub(super) fn to(platform: Box<dyn Platform>, out: Box<dyn Write + Send>) -> Arc<Self> {
        Arc::new(Self {
            platform,
            out: Mutex::new(out),
            secrets: Mutex::default(),
            groups: AtomicU32::new(0),
            warnings: AtomicU32::new(0),
            errors: AtomicU32::new(0),
        })
    }

    /// The CI system.
    pub(super) fn platform(&self) -> &dyn Platform {
        &*self.platform
    }

    /// Lets the program's own log lines come out here too.
    pub(super) fn start_tracing(self: &Arc<Self>, debug: bool) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
            EnvFilter::new(if debug { "warn,hugesync=debug" } else { "warn,aws=error,hyper=error" })
        });
        let format =
            tracing_subscriber::fmt().with_env_filter(filter).without_time().with_target(false).with_ansi(false);
        // Only tests start it twice in one process.
        let _ = format.log_internal_errors(false).with_writer(Lines(Arc::clone(self))).try_init();
    }

    /// Never prints this text, and has the CI system hide it too. Call it before the secret is used.
    pub(super) fn hide(&self, secret: &str) {
        let secret = secret.trim();
        if secret.is_empty() {
            return;
        }
        {
            let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            if secrets.iter().any(|known| known == secret) {
                return;
            }
            secrets.push(secret.to_owned());
            // Of two of which one holds the other, the longer has to be looked for first.
            secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
        self.platform.mask(secret).iter().for_each(|line| self.print(line));
    }

    /// A text without the secrets that are known.
    pub(super) fn without_secrets<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.without_secrets_as(text, |secret| Cow::Borrowed(secret))
    }

    /// The same for a text in which a secret is `written` in another way than it is.
    pub(super) fn without_secrets_as<'a>(&self, text: &'a str, written: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Cow::Borrowed(text);
        for secret in secrets.iter().filter(|secret| secret.len() >= MIN_SECRET) {
            let secret = written(secret);
            if text.contains(&*secret) {
                text = Cow::Owned(text.replace(&*secret, HIDDEN));
            }
        }
        text
    }

    /// Prints a text, line by line.
    pub(super) fn line(&self, text: &str) {
        for line in self.without_secrets(text).split('\n') {
            self.print(&harmless(line));
        }
    }

    /// Begins a part that can be folded. It ends when what is returned is dropped.
    pub(super) fn group(self: &Arc<Self>, title: &str) -> Group {
        let number = self.groups.fetch_add(1, Relaxed) + 1;
        self.print(&self.platform.group(&harmless(&self.without_secrets(title)), number, now()));
        Group { log: Arc::clone(self), number }
    }

    /// Prints a line as it is.
    fn print(&self, line: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // That nobody reads it is no reason to stop.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    /// Shows a message where people look first, and in the log.
    pub(super) fn annotate(&self, level: Level, title: &str, text: &str) {
        let (count, word) = match level {
            Level::Warning => (&self.warnings, "warning"),
            Level::Error => (&self.errors, "error"),
        };
        let title = harmless(&self.without_secrets(title)).into_owned();
        let lines: Vec<String> = self.without_secrets(text).lines().map(|line| harmless(line).into_owned()).collect();
        let line = self.platform.annotation(level, &title, &lines.join("\n"));
        match line.filter(|_| count.fetch_add(1, Relaxed) < MAX_ANNOTATIONS) {
            Some(line) => self.print(&line),
            None => {
                for (at, line) in lines.iter().enumerate() {
                    let begins = if at == 0 { format!("{word}: ") } else { "  ".to_owned() };
                    self.print(&format!("{begins}{line}"));
                }
            }
        }
    }
}

/// A part of the log that is not ended yet.
pub(super) struct Group {
    log: Arc<Log>,
    number: u32,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(line) = self.log.platform.end_group(self.number, now()) {
            self.log.print(&line);
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A line that is no command to any CI system, whatever is in it, and shows all that is in it.
pub(super) fn harmless(line: &str) -> Cow<'_, str> {
    let line = human::name(line);
    let mut seen = ' ';
    let mut begun = false;
    let mut told = String::new();
    for (at, c) in line.char_indices() {
        let breaks = (c == '[' && seen == '#') || (c == ':' && !begun);
        if breaks && told.is_empty() {
            told.push_str(&line[..at]);
        }
        if breaks {
            told.push('\\');
        }
        if breaks || !told.is_empty() {
            told.push(c);
        }
        // .NET compares by the rules of a language, in which some characters are nothing at all.
        if !human::is_ignorable(c) && !joins(c) {
            seen = c;
            begun |= !c.is_whitespace();
        }
    }
    if told.is_empty() { line } else { Cow::Owned(told) }
}

/// Joiners and variation selectors, which emoji and some scripts need.
const fn joins(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Takes log events and prints them.
#[derive(Clone)]
struct Lines(Arc<Log>);

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.line(String::from_utf8_lossy(event).trim_end());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::environment::Environment;
    use crate::ci::platform::detect;

    #[test]
    fn no_line_is_a_command() {
        for (line, printed) in [
            ("a plain line: x", "a plain line: x"),
            ("::add-mask::x", r"\::add-mask::x"),
            ("  ::error::x", r"  \::error::x"),
            ("\u{feff}::error::x", r"\u{feff}::error::x"),
            ("\u{fe0f}::error::x", "\u{fe0f}\\::error::x"),
            ("x ##[add-mask]y", r"x ##\[add-mask]y"),
            ("x ##\u{200b}[add-mask]y", r"x ##\u{200b}[add-mask]y"),
            ("#\u{fe0f}#\u{fe0f}[error]", "#\u{fe0f}#\u{fe0f}\\[error]"),
            ("#[derive]", r"#\[derive]"),
            ("a\r::error::x", r"a\r::error::x"),
            ("\u{1b}[0Ksection_end:1:x", r"\u{1b}[0Ksection_end:1:x"),
            ("", ""),
        ] {
            assert_eq!(harmless(line), printed);
        }
    }

    #[test]
    fn secrets_are_hidden() {
        let log = Log::new(detect(&Environment::of(&[])));
        log.hide("long-secret");
        log.hide("long-secret-and-more");
        log.hide("test");
        log.hide("");
        let text = log.without_secrets("test: long-secret-and-more, long-secret").into_owned();
        assert_eq!(text, "test: ***, ***");
    }
}
