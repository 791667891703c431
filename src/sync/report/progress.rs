//! How far a run has come, added up from its events, for observers that show it.

use std::collections::HashMap;

use super::events::{Event, FileId, Stage};
use super::file::Action;

/// Files and bytes of a run, so far.
#[derive(Debug, Default)]
pub struct RunProgress {
    /// Files found so far.
    pub files_total: u64,
    /// Files that are done or have failed.
    pub files_done: u64,
    /// Bytes of the files whose turn has come.
    pub bytes_total: u64,
    /// How much of them is done, compared or transferred.
    pub bytes_done: u64,
    /// Bytes that did not have to be moved.
    pub bytes_saved: u64,
    under_way: HashMap<FileId, UnderWay>,
}

/// A file that has begun and is not done.
#[derive(Debug)]
struct UnderWay {
    bytes: u64,
    stage_bytes: u64,
    stage_done: u64,
    /// The part of the file that stages before this one stand for, from 0 to 1.
    before: f64,
    /// The part that this stage stands for.
    share: f64,
}

impl UnderWay {
    fn done(&self) -> u64 {
        let stage = if self.stage_bytes == 0 { 0.0 } else { self.stage_done as f64 / self.stage_bytes as f64 };
        (self.bytes as f64 * (self.before + self.share * stage.min(1.0))) as u64
    }
}

impl RunProgress {
    /// Takes note of an event.
    pub fn observe(&mut self, event: &Event<'_>) {
        match *event {
            Event::RunStarted | Event::Warning { .. } => {}
            Event::Found { files } => self.files_total += files,
            Event::FileStarted { file, bytes, .. } => {
                self.bytes_total += bytes;
                let begun = UnderWay { bytes, stage_bytes: 0, stage_done: 0, before: 0.0, share: 0.0 };
                self.under_way.insert(file, begun);
            }
            Event::StageStarted { file, stage, bytes } => {
                let Some(under_way) = self.under_way.get_mut(&file) else { return };
                under_way.before = under_way.done() as f64 / under_way.bytes.max(1) as f64;
                let part = if stage == Stage::Comparing { 0.5 } else { 1.0 };
                under_way.share = part * (1.0 - under_way.before).max(0.0);
                (under_way.stage_bytes, under_way.stage_done) = (bytes, 0);
            }
            Event::Advanced { file, bytes } => {
                let Some(under_way) = self.under_way.get_mut(&file) else { return };
                let before = under_way.done();
                under_way.stage_done += bytes;
                self.bytes_done += under_way.done().saturating_sub(before);
            }
            Event::FileFinished { file, report } => {
                if let Some(under_way) = self.under_way.remove(&file) {
                    self.bytes_done = (self.bytes_done + under_way.bytes).saturating_sub(under_way.done());
                } else if report.action != Action::Deleted {
                    // Done at once, without having been begun.
                    self.bytes_total += report.bytes_total;
                    self.bytes_done += report.bytes_total;
                }
                if file == FileId::NONE {
                    return;
                }
                self.files_done += 1;
                if report.error.is_none() {
                    self.bytes_saved += report.bytes_total.saturating_sub(report.bytes_moved());
                }
            }
        }
    }

    /// Bytes of a file's stage that are done.
    pub fn stage_done(&self, file: FileId) -> u64 {
        self.under_way.get(&file).map_or(0, |under_way| under_way.stage_done.min(under_way.stage_bytes))
    }
}
