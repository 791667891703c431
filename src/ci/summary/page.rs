//! What the summary of a job says, from the top: the saving, the destinations, the files, what went wrong, the settings.

use std::fmt::Write as _;

use super::markdown::{Page, REUSED, UPLOADED, bar, block, code, plain};
use crate::ci::outcome::{ASSUMED_RATE, Outcome, Run, Verdict};
use crate::ci::totals::{Totals, USD_PER_1000_READS, USD_PER_1000_WRITES};
use crate::ci::watch::{Changed, Seen};
use crate::human::{self, count, size};
use crate::sync::{Action, ErrorReport};

/// How long a list may be before it is folded.
const UNFOLDED: usize = 20;

/// The summary in Markdown, of `limit` bytes at most. `settings` are names and values as they may be shown.
pub(in crate::ci) fn page(outcome: &Outcome, settings: &[(String, String)], limit: usize) -> String {
    let mut page = Page::new(limit);
    let totals = outcome.totals();
    page.add(&headline(outcome, &totals));
    if totals.bytes_standing > 0 {
        page.add(&saving(outcome, &totals));
    }
    wrong(&mut page, outcome);
    destinations(&mut page, outcome);
    let many = outcome.runs.len() > 1;
    for run in &outcome.runs {
        let of = if many { format!(" · {}", code(&run.destination)) } else { String::new() };
        changed(&mut page, outcome.dry_run, run, &of);
        deleted(&mut page, outcome.dry_run, run, &of);
    }
    warnings(&mut page, outcome);
    page.add_rows(
        "<details><summary>Settings</summary>\n\n| Setting | Value |\n|---|---|\n",
        settings.iter().map(|(name, value)| format!("| {} | {} |\n", code(name), values(value))),
        0,
        "\n</details>\n\n",
    );
    if totals.bytes_standing > 0 && !outcome.dry_run {
        page.add(&estimates(outcome, &totals));
    }
    page.finish()
}

/// A setting's value, its lines below each other.
fn values(value: &str) -> String {
    value.lines().map(code).collect::<Vec<_>>().join("<br>")
}

/// The first line: what came out, in numbers.
fn headline(outcome: &Outcome, totals: &Totals) -> String {
    let mark = match outcome.verdict() {
        Verdict::Success | Verdict::Unchanged => "✅",
        Verdict::DryRun => "🔍",
        Verdict::Partial => "⚠️",
        Verdict::Failed => "❌",
    };
    format!("## {mark} {}\n\n", plain(&told(outcome, totals)))
}

/// What came out in one line, without any mark-up.
pub(in crate::ci) fn told(outcome: &Outcome, totals: &Totals) -> String {
    let (all, moved) = (size(totals.bytes_standing), size(totals.bytes_transferred()));
    let done = words(outcome).done;
    let (saved, time) = (totals.percent_saved(), human::duration(outcome.duration_seconds));
    let numbers = format!("{all}, {moved} {done} ({saved:.1} % saved) in {time}");
    let mut failed = String::new();
    if totals.files_deleted > 0 {
        let verb = if outcome.dry_run { "would be deleted" } else { "deleted" };
        let _ = write!(failed, ", {} {verb}", count(totals.files_deleted, words(outcome).thing));
    }
    if totals.files_failed > 0 {
        let verb = if outcome.interrupted { "not finished" } else { "failed" };
        let _ = write!(failed, ", {} {verb}", human::files(totals.files_failed));
    }
    match outcome.verdict() {
        _ if outcome.interrupted && totals.bytes_standing == 0 => format!("Cancelled after {time}"),
        _ if outcome.interrupted => format!("Cancelled: {numbers}{failed}"),
        Verdict::Failed if totals.bytes_standing == 0 => format!("Nothing was synced{failed}"),
        Verdict::DryRun if !outcome.changed() => {
            format!("Dry run: nothing to {}, {all}, unchanged{failed}", words(outcome).verb)
        }
        Verdict::DryRun => {
            let at_most = at_most(totals);
            format!("Dry run: {moved} of {all} would be {done}{at_most} ({saved:.1} % saved){failed}")
        }
        Verdict::Unchanged if totals.files_total == 0 => "No files".to_owned(),
        Verdict::Unchanged => format!("{all}, unchanged, in {time}"),
        Verdict::Success if totals.bytes_standing == 0 => format!("Done in {time}{failed}"),
        Verdict::Success | Verdict::Partial | Verdict::Failed => format!("{numbers}{failed}"),
    }
}

/// What transfers are called.
struct Words {
    verb: &'static str,
    done: &'static str,
    /// What stands at the destination.
    thing: &'static str,
}

/// Of a job: uploads and downloads together are transfers.
fn words(outcome: &Outcome) -> Words {
    let mut all = outcome.runs.iter().map(word_of);
    match all.next() {
        Some(first) if all.all(|other| other.verb == first.verb) => first,
        Some(_) => Words { verb: "transfer", done: "transferred", thing: "object" },
        None => Words { verb: "upload", done: "uploaded", thing: "object" },
    }
}

fn word_of(run: &Run) -> Words {
    match run.work.is_download() {
        true => Words { verb: "download", done: "downloaded", thing: "file" },
        false => Words { verb: "upload", done: "uploaded", thing: "object" },
    }
}

/// How much has to be uploaded if the store turns out to refuse copies.
fn at_most(totals: &Totals) -> String {
    let most = totals.bytes_uploaded_at_most();
    most.map_or(String::new(), |most| format!(", up to {} if the store does not copy ranges", size(most)))
}

/// The bar, and what the saving is worth.
fn saving(outcome: &Outcome, totals: &Totals) -> String {
    let part = totals.bytes_moved as f64 / totals.bytes_standing as f64;
    let mut text = format!("{}<br>\n", bar(part));
    let Words { verb, done, .. } = words(outcome);
    let verb = if outcome.dry_run { format!("to {verb}") } else { done.to_owned() };
    let _ = write!(text, "{UPLOADED} <b>{}</b> {verb}", size(totals.bytes_transferred()));
    text.push_str(&at_most(totals));
    let beside = totals.beside.told(size);
    if !beside.is_empty() {
        let _ = write!(text, " ({beside})");
    }
    let _ = write!(text, " &nbsp; {REUSED} <b>{}</b> there already", size(totals.bytes_saved()));
    if !outcome.dry_run {
        let seconds = outcome.seconds_saved();
        if seconds >= 1.0 {
            let _ = write!(text, " &nbsp;·&nbsp; about <b>{}</b> saved", human::duration(seconds));
        }
        let requests = count(totals.requests, "request");
        let _ = write!(text, " &nbsp;·&nbsp; {requests}, {}", dollars(totals.cost_usd()));
    }
    text + "\n\n"
}

/// An amount that is mostly small.
fn dollars(amount: f64) -> String {
    match amount {
        _ if amount < 0.0001 => "less than &#36;0.0001".to_owned(),
        _ if amount < 0.01 => format!("about &#36;{amount:.4}"),
        _ => format!("about &#36;{amount:.2}"),
    }
}

fn destinations(page: &mut Page, outcome: &Outcome) {
    let seen = |run: &&Run| run.seen.totals.files_total > 0 || run.seen.deleted.count > 0;
    let rows = outcome.runs.iter().filter(seen).map(|run| {
        let totals = run.totals();
        let mut files = Vec::new();
        for (number, word) in [
            (totals.files_uploaded, "uploaded"),
            (totals.files_downloaded, "downloaded"),
            (totals.files_updated, "updated"),
            (totals.files_unchanged, "unchanged"),
            (totals.files_deleted, "deleted"),
            (totals.files_skipped, "skipped"),
            (totals.files_failed, "failed"),
        ] {
            if number > 0 {
                files.push(format!("{number} {word}"));
            }
        }
        let (saved, state) = (totals.percent_saved(), state(run, outcome));
        format!(
            "| {state}{} | {} | {} | {} | {saved:.1} % | {} |\n",
            code(&run.destination),
            files.join(", "),
            size(totals.bytes_standing),
            size(totals.bytes_transferred()),
            run.summary.as_ref().map_or(String::new(), |summary| human::duration(summary.duration_seconds)),
        )
    });
    let head = "| Destination | Files | Size | Transferred | Saved | Time |\n|---|---|--:|--:|--:|--:|\n";
    page.add_rows(head, rows, 0, "\n");
}

fn state(run: &Run, outcome: &Outcome) -> &'static str {
    match &run.summary {
        Some(summary) if summary.files_failed > 0 || summary.error.is_some() => "❌ ",
        Some(summary) if summary.delete_refused.is_some() => "⚠️ ",
        None if run.error.is_some() || outcome.interrupted => "❌ ",
        _ => "",
    }
}

/// What went wrong, and what to do about it.
fn wrong(page: &mut Page, outcome: &Outcome) {
    let mut problems: Vec<&ErrorReport> = outcome.error.iter().collect();
    for run in &outcome.runs {
        problems.extend(&run.error);
        if let Some(summary) = &run.summary {
            problems.extend(&summary.error);
            problems.extend(&summary.delete_refused);
        }
    }
    for problem in problems {
        page.add(&format!("**{}**\n\n", plain(&sentence(&problem.message))));
        page.add(&advice(problem.hint.as_deref()));
    }
    for run in &outcome.runs {
        let Seen { failures, .. } = &run.seen;
        let rows = failures.shown.iter().map(|(path, error)| format!("- {}: {}\n", code(path), plain(error)));
        let (head, end) = folded(&format!("{} failed", human::files(failures.count)), failures.shown.len());
        page.add_rows(&head, rows, failures.count - failures.shown.len() as u64, &end);
        // The same advice once, however many files need it.
        let mut hints: Vec<&str> = run.files.iter().filter_map(|file| file.error.as_ref()?.hint.as_deref()).collect();
        hints.sort_unstable();
        hints.dedup();
        hints.truncate(3);
        hints.into_iter().for_each(|hint| page.add(&advice(Some(hint))));
    }
}

/// What to do: a sentence, or a sentence and something to paste.
fn advice(hint: Option<&str>) -> String {
    let Some(hint) = hint else { return String::new() };
    let (first, rest) = hint.split_once('\n').unwrap_or((hint, ""));
    let rest = rest.trim_matches('\n');
    let rest = if rest.is_empty() { String::new() } else { block(rest) + "\n" };
    format!("💡 {}\n\n{rest}", plain(&sentence(first)))
}

/// A message as the beginning of a text; a name before a colon stays as it is.
fn sentence(message: &str) -> String {
    let first = message.split(' ').next().unwrap_or_default();
    match message.chars().next() {
        Some(c) if first.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            c.to_ascii_uppercase().to_string() + &message[1..]
        }
        _ => message.to_owned(),
    }
}

/// What begins and ends a list: one that is long is folded.
fn folded(title: &str, len: usize) -> (String, String) {
    if len > UNFOLDED {
        (format!("<details><summary>{title}</summary>\n\n"), "\n</details>\n\n".to_owned())
    } else {
        (format!("**{title}**\n\n"), "\n".to_owned())
    }
}

fn changed(page: &mut Page, dry_run: bool, run: &Run, of: &str) {
    let Seen { largest, changed, .. } = &run.seen;
    let verb = if dry_run { "would change" } else { "changed" };
    let of_these = if *changed > largest.len() as u64 { "; the largest:" } else { "" };
    let head = format!(
        "**{} {verb}{of_these}**{of}\n\n| File | Size | Transferred | Reused | |\n|---|--:|--:|--:|---|\n",
        human::files(*changed)
    );
    let rows = largest.iter().map(|file| {
        let Changed { key, action, bytes_total, bytes_transferred, bytes_reused } = file;
        let what = match action {
            Action::Stitched => "stitched",
            Action::Patched => "patched",
            Action::Downloaded => "downloaded whole",
            Action::Updated => "updated in place",
            _ => "uploaded whole",
        };
        format!(
            "| {} | {} | {} | {} | {what} |\n",
            code(key),
            size(*bytes_total),
            size(*bytes_transferred),
            size(*bytes_reused)
        )
    });
    page.add_rows(&head, rows, changed - largest.len() as u64, "\n");
}

fn deleted(page: &mut Page, dry_run: bool, run: &Run, of: &str) {
    let refused = run.summary.as_ref().is_some_and(|summary| summary.delete_refused.is_some());
    let deleted = &run.seen.deleted;
    let verb = if dry_run || refused { "would be deleted" } else { "deleted" };
    let title = format!("{} {verb}{of}", count(deleted.count, word_of(run).thing));
    let head = format!("<details><summary>{title}</summary>\n\n");
    let rows = deleted.shown.iter().map(|key| format!("- {}\n", code(key)));
    page.add_rows(&head, rows, deleted.count - deleted.shown.len() as u64, "\n</details>\n\n");
}

fn warnings(page: &mut Page, outcome: &Outcome) {
    let all = |run: &Run| run.seen.warnings.shown.clone();
    let number: u64 = outcome.runs.iter().map(|run| run.seen.warnings.count).sum();
    let shown: Vec<(String, String)> = outcome.runs.iter().flat_map(all).collect();
    let odd = outcome.warnings.iter().map(|text| format!("- {}\n", plain(text)));
    let rows = shown.iter().map(|(path, text)| format!("- {}: {}\n", code(path), plain(text)));
    let len = shown.len() + outcome.warnings.len();
    let (head, end) = folded(&count(number + outcome.warnings.len() as u64, "warning"), len);
    page.add_rows(&head, odd.chain(rows), number - shown.len() as u64, &end);
}

/// What the estimates rest on.
fn estimates(outcome: &Outcome, totals: &Totals) -> String {
    let own = totals.bytes_transferred() as f64 / outcome.duration_seconds.max(1e-3);
    let rate = if own > ASSUMED_RATE {
        format!("{}/s, the rate of this run", size(own as u64))
    } else {
        format!("{}/s, an assumption (this run's own rate would count if it were higher)", size(ASSUMED_RATE as u64))
    };
    format!(
        "<details><summary>How time and cost are estimated</summary>\n\n\
         - **Time saved**: the {} that did not have to be transferred, at {rate}.\n\
         - **Cost**: {} at &#36;{USD_PER_1000_WRITES} and {} at &#36;{USD_PER_1000_READS} for 1,000: AWS's list prices for \
         S3 Standard in us-east-1, whatever the store. Uploads are free there; downloads out of the cloud, storage and \
         encryption keys are not counted.\n\
         \n</details>\n",
        size(totals.bytes_saved()),
        count(totals.writes, "PUT, COPY, POST and LIST request"),
        count(totals.reads, "GET and HEAD request"),
    )
}
