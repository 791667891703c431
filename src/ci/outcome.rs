//! What became of a job: its syncs added up, its result, and the outputs that say so.

use std::io;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::platform::Output;
use super::totals::Totals;
use super::watch::Seen;
use super::work::Work;
use crate::exit;
use crate::human::Beside;
use crate::sync::{ErrorReport, FileReport, Summary};

/// The version of the outputs' `json` and of the report; a field that goes or changes its meaning raises it.
const VERSION: u32 = 1;
/// How fast bytes that were not uploaded would have been, in bytes a second, unless this run itself was faster: an
/// assumption, of some 800 Mbit/s between a hosted runner and a bucket.
pub(super) const ASSUMED_RATE: f64 = 100.0 * 1_048_576.0;

/// The names of all outputs, in the order of action.yml.
pub const OUTPUTS: [&str; 20] = [
    "result",
    "changed",
    "bytes-total",
    "bytes-uploaded",
    "bytes-downloaded",
    "bytes-saved",
    "percent-saved",
    "files-total",
    "files-uploaded",
    "files-unchanged",
    "files-deleted",
    "files-failed",
    "duration-seconds",
    "requests",
    "estimated-cost-usd",
    "estimated-time-saved-seconds",
    "destination",
    "destination-key",
    "report-path",
    "json",
];

/// What became of a job, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// Everything is at the destination.
    Success,
    /// Everything was there already.
    Unchanged,
    /// Nothing was written, as asked.
    DryRun,
    /// Some of it is there.
    Partial,
    /// None of it is there.
    Failed,
}

/// One sync of a job.
pub(super) struct Run {
    pub(super) work: Work,
    /// Where to, as it turned out: with the source's name where that belongs to it.
    pub(super) destination: String,
    /// What was seen of it.
    pub(super) seen: Seen,
    /// What came out, if it came to its end, without its files.
    pub(super) summary: Option<Summary>,
    /// The files of which there is a report: those that failed, or all.
    pub(super) files: Vec<FileReport>,
    /// Why it could not begin, or was given up.
    pub(super) error: Option<ErrorReport>,
}

/// All of a job.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) dry_run: bool,
    pub(super) interrupted: bool,
    pub(super) runs: Vec<Run>,
    /// What kept the job from its syncs, or ended it.
    pub(super) error: Option<ErrorReport>,
    /// The exit code of that.
    pub(super) error_code: u8,
    pub(super) duration_seconds: f64,
    pub(super) report_path: Option<String>,
    /// What is odd about the settings.
    pub(super) warnings: Vec<String>,
}

impl Run {
    /// Its numbers: those of its end, or as far as it came.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = self.seen.totals.clone();
        let Some(summary) = &self.summary else { return totals };
        // What belongs to no file: the index and requests. Refused deletions are none.
        totals.bytes_moved = summary.bytes_moved();
        totals.beside = Beside::of(summary);
        totals.files_deleted = if summary.delete_refused.is_some() { 0 } else { summary.files_deleted };
        for (name, count) in &summary.requests {
            totals.requests += count;
            match name.as_str() {
                "DeleteObject" | "DeleteObjects" | "AbortMultipartUpload" => {}
                name if name.starts_with("Get") || name.starts_with("Head") => totals.reads += count,
                _ => totals.writes += count,
            }
        }
        totals
    }

    /// What its destination is called without the bucket, which may be a secret.
    fn key(&self) -> &str {
        self.destination.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).map_or("", |(_, key)| key)
    }

    /// Its numbers as JSON.
    fn json(&self) -> Value {
        let mut value = self.summary.as_ref().map_or_else(|| json!({}), |summary| json!(summary));
        if let Some(fields) = value.as_object_mut() {
            fields.remove("files");
            fields.insert("source".to_owned(), json!(self.work.named));
            fields.insert("destination".to_owned(), json!(self.destination));
            if let Some(error) = &self.error {
                fields.insert("error".to_owned(), json!(error));
            }
        }
        value
    }

    fn code(&self) -> u8 {
        match (&self.summary, &self.error) {
            (Some(summary), error) => match exit::code_of(summary) {
                0 if error.is_some() => exit::FAILED,
                code => code,
            },
            (None, Some(_)) => exit::FAILED,
            (None, None) => 0,
        }
    }
}

impl Outcome {
    /// The numbers of all syncs.
    pub(super) fn totals(&self) -> Totals {
        self.runs.iter().fold(Totals::default(), |mut all, run| {
            all.add_all(&run.totals());
            all
        })
    }

    /// Whether anything at the destination is other than before; on a dry run, whether it would be.
    pub(super) fn changed(&self) -> bool {
        let totals = self.totals();
        totals.files_uploaded + totals.files_downloaded + totals.files_updated + totals.files_deleted > 0
    }

    /// What the process exits with.
    pub(super) fn code(&self) -> u8 {
        let codes: Vec<u8> = self.runs.iter().map(Run::code).collect();
        match () {
            () if self.interrupted => exit::INTERRUPTED,
            () if self.error.is_some() => self.error_code,
            () if codes.iter().all(|code| *code == 0) => 0,
            () if codes.iter().all(|code| *code == exit::FAILED) => exit::FAILED,
            () => exit::SOME_FAILED,
        }
    }

    /// Takes note of a file that cannot be written: what was synced is there, but a later step will miss it.
    pub(super) fn not_written(&mut self, what: &str, path: &Path, error: &io::Error) {
        if self.error.is_none() {
            self.error_code = if self.code() == 0 { exit::SOME_FAILED } else { self.code() };
            let message = format!("cannot write the {what} {}: {error}", path.display());
            self.error = Some(ErrorReport { message, hint: None });
        }
    }

    /// The same for what was tried.
    pub(super) fn unless_written(&mut self, done: io::Result<()>, what: &str, path: &Path) {
        if let Err(error) = done {
            self.not_written(what, path, &error);
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.code() {
            // That a real run would not delete what it is to is no failure of this one.
            0 | exit::SOME_FAILED if self.dry_run => Verdict::DryRun,
            0 if self.changed() => Verdict::Success,
            0 => Verdict::Unchanged,
            exit::SOME_FAILED => Verdict::Partial,
            // What an interrupted job has done stands.
            exit::INTERRUPTED if self.changed() && !self.dry_run => Verdict::Partial,
            _ => Verdict::Failed,
        }
    }

    /// How long what was saved would have taken, in seconds.
    pub(super) fn seconds_saved(&self) -> f64 {
        let totals = self.totals();
        let own = totals.bytes_transferred() as f64 / self.duration_seconds.max(1e-3);
        totals.bytes_saved() as f64 / own.max(ASSUMED_RATE)
    }

    /// Everything but the files as JSON.
    fn json(&self) -> Value {
        let mut job = self.job_json();
        job["runs"] = self.runs.iter().map(Run::json).collect();
        job
    }

    /// Everything, with what is known of every file.
    pub(super) fn report(&self) -> impl Serialize {
        #[derive(Serialize)]
        struct Report<'a> {
            #[serde(flatten)]
            job: Value,
            runs: Vec<RunReport<'a>>,
        }
        #[derive(Serialize)]
        struct RunReport<'a> {
            #[serde(flatten)]
            numbers: Value,
            files: &'a [FileReport],
        }
        let runs = self.runs.iter().map(|run| RunReport { numbers: run.json(), files: &run.files });
        Report { job: self.job_json(), runs: runs.collect() }
    }

    fn job_json(&self) -> Value {
        let totals = self.totals();
        let mut job = json!({
            "version": VERSION,
            "result": self.verdict(),
            "changed": self.changed(),
            "interrupted": self.interrupted,
            "bytes_total": totals.bytes_total,
            "bytes_uploaded": totals.bytes_uploaded,
            "bytes_downloaded": totals.bytes_downloaded,
            "bytes_saved": totals.bytes_saved(),
            "percent_saved": totals.percent_saved(),
            "files_total": totals.files_total,
            "files_uploaded": totals.files_uploaded,
            "files_downloaded": totals.files_downloaded,
            "files_unchanged": totals.files_unchanged,
            "files_deleted": totals.files_deleted,
            "files_failed": totals.files_failed,
            "duration_seconds": self.duration_seconds,
            "requests": totals.requests,
            "estimated_cost_usd": totals.cost_usd(),
            "estimated_time_saved_seconds": self.seconds_saved(),
            "destinations": self.runs.iter().map(|run| &run.destination).collect::<Vec<_>>(),
            "report_path": self.report_path,
            "error": self.error,
        });
        if let Some(most) = totals.bytes_uploaded_at_most() {
            job["bytes_uploaded_at_most"] = json!(most);
        }
        job
    }

    /// The outputs, by the names and in the order of [`OUTPUTS`].
    pub(super) fn outputs(&self) -> Vec<Output> {
        let totals = self.totals();
        let verdict = serde_json::to_value(self.verdict()).unwrap_or_default();
        let lines = |text: fn(&Run) -> &str| self.runs.iter().map(text).collect::<Vec<_>>().join("\n");
        let values = [
            verdict.as_str().unwrap_or_default().to_owned(),
            self.changed().to_string(),
            totals.bytes_total.to_string(),
            totals.bytes_uploaded.to_string(),
            totals.bytes_downloaded.to_string(),
            totals.bytes_saved().to_string(),
            format!("{:.1}", totals.percent_saved()),
            totals.files_total.to_string(),
            totals.files_uploaded.to_string(),
            totals.files_unchanged.to_string(),
            totals.files_deleted.to_string(),
            totals.files_failed.to_string(),
            format!("{:.1}", self.duration_seconds),
            totals.requests.to_string(),
            format!("{:.4}", totals.cost_usd()),
            format!("{:.0}", self.seconds_saved()),
            lines(|run| &run.destination),
            lines(Run::key),
            self.report_path.clone().unwrap_or_default(),
            self.json().to_string(),
        ];
        OUTPUTS.into_iter().zip(values).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(bytes_standing: u64, bytes_moved: u64) -> Totals {
        Totals { bytes_standing, bytes_moved, ..Totals::default() }
    }

    #[test]
    fn what_is_moved_is_not_saved() {
        assert_eq!((totals(1000, 25).bytes_saved(), totals(1000, 25).percent_saved()), (975, 97.5));
        assert_eq!((totals(10, 25).bytes_saved(), totals(0, 25).percent_saved()), (0, 0.0));
    }

    #[test]
    fn requests_have_list_prices() {
        let totals = Totals { writes: 2_000, reads: 10_000, ..Totals::default() };
        assert!((totals.cost_usd() - 0.014).abs() < 1e-9);
    }

    #[test]
    fn a_job_that_did_not_begin_has_failed_with_all_outputs() {
        let error = ErrorReport { message: "no".to_owned(), hint: None };
        let outcome = Outcome { error: Some(error), error_code: exit::USAGE, ..Outcome::default() };
        let outputs = outcome.outputs();
        assert_eq!((outputs[0].clone(), outcome.code()), (("result", "failed".to_owned()), 2));
        assert_eq!(outputs.iter().map(|(name, _)| *name).collect::<Vec<_>>(), OUTPUTS);
    }
}
