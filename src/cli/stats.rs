//! The numbers of `--stats`.

use std::fmt::Write as _;

use indicatif::HumanBytes;

use crate::human::Beside;
use crate::sync::{Direction, Summary};

/// What a run did, one number a line.
pub(super) fn block(summary: &Summary) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<28}{value}");
    };
    line("Files looked at:", summary.files_total.to_string());
    let down = summary.direction == Direction::Download;
    match down {
        false => line("Files uploaded:", summary.files_uploaded.to_string()),
        true => line("Files downloaded:", summary.files_downloaded.to_string()),
    }
    line("Files updated in place:", summary.files_updated.to_string());
    line("Files unchanged:", summary.files_unchanged.to_string());
    line("Files skipped:", summary.files_skipped.to_string());
    line("Files failed:", summary.files_failed.to_string());
    line(if down { "Files deleted:" } else { "Objects deleted:" }, summary.files_deleted.to_string());
    let bytes = |bytes: u64| format!("{} ({bytes} bytes)", HumanBytes(bytes));
    line("Size of all files:", bytes(summary.bytes_total));
    match down {
        false => line("Uploaded:", bytes(summary.bytes_uploaded)),
        true => line("Downloaded:", bytes(summary.bytes_downloaded)),
    }
    if let Some(most) = summary.bytes_uploaded_at_most {
        line("Uploaded at most:", bytes(most));
    }
    line(if down { "From old versions:" } else { "Copied by the store:" }, bytes(summary.bytes_copied));
    let Beside { signatures, index } = Beside::of(summary);
    line("Signatures read:", bytes(signatures.0));
    line("Signatures written:", bytes(signatures.1));
    line("Index read:", bytes(index.0));
    line("Index written:", bytes(index.1));
    if summary.bytes_resumed > 0 {
        line("There from interrupted runs:", bytes(summary.bytes_resumed));
    }
    line("Saved:", format!("{:.2} %", summary.percent_saved));
    let requests: Vec<String> = summary.requests.iter().map(|(name, count)| format!("{name} {count}")).collect();
    line("Requests:", if requests.is_empty() { "none".to_owned() } else { requests.join(", ") });
    let seconds = summary.duration_seconds.max(1e-9);
    let rate = HumanBytes((summary.bytes_total as f64 / seconds) as u64);
    line("Rate:", format!("{:.0} files/s, {rate}/s", summary.files_total as f64 / seconds));
    text.truncate(text.trim_end().len());
    text
}
