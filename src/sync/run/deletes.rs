//! What the store has and the source does not: gathered while the trees are merged, deleted at the very end or not at all.
//!
//! The rules that keep a typo from emptying a bucket are all here; ARCHITECTURE.md, "Deleting", has their reasons.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use futures::stream::{self, StreamExt as _};

use crate::sidecar;
use crate::store::{Doomed, ListEntry, MAX_DELETE, ObjectKey};
use crate::sync::context::Context;
use crate::sync::error::FileError;
use crate::sync::options::{DEFAULT_MAX_DELETE_PERCENT, DeleteRules, MaxDelete};
use crate::sync::put::backup::back_up;
use crate::sync::report::FileId;
use crate::sync::report::{Action, ErrorReport, FileReport};

/// Delete requests under way at once: each takes a thousand keys.
const DELETES_AT_ONCE: usize = 4;
/// Copies under way at once before what they are copies of is deleted.
const BACKUPS_AT_ONCE: usize = 32;

/// What a run has found out about objects that may have to go.
#[derive(Default)]
pub(crate) struct Deletes {
    hashes: RandomState,
    /// Hashes of keys that stay, and of the prefixes of the folders that they lie in: 8 bytes each, whatever their length.
    /// A collision keeps a sidecar too many.
    kept: HashSet<u64>,
    doomed: Vec<ListEntry>,
    /// Objects of files that the user has named and that are not there.
    named: Vec<ListEntry>,
    sidecars: Vec<ListEntry>,
    /// Whether they are files of this machine.
    are_files: bool,
    /// Objects at the destination, sidecars apart.
    objects: u64,
    /// Files of the source.
    files: u64,
    /// Why the source is not known as a whole, as first met.
    incomplete: Option<String>,
}

/// Why nothing is deleted, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    message: String,
    hint: String,
}

impl From<Refusal> for ErrorReport {
    fn from(refusal: Refusal) -> Self {
        Self { message: refusal.message, hint: Some(refusal.hint) }
    }
}

impl Deletes {
    /// A file of the source, or something there that is not uploaded: the object of its key stays.
    pub(super) fn keep(&mut self, key: &str) {
        self.kept.insert(self.hashes.hash_one(key));
        let mut folder = key;
        while let Some(end) = folder.rfind('/') {
            folder = &folder[..end];
            // The folders above a known one are known.
            if !self.kept.insert(self.hashes.hash_one((folder, "/"))) {
                break;
            }
        }
    }

    /// Says that it is files of this machine that may have to go.
    pub(super) fn are_files(&mut self) {
        self.are_files = true;
    }

    /// A file of the source.
    pub(super) fn file(&mut self) {
        self.files += 1;
    }

    /// An object that the source has too.
    pub(super) fn object(&mut self) {
        self.objects += 1;
    }

    /// An object that the source does not have.
    pub(super) fn doom(&mut self, object: ListEntry) {
        self.objects += 1;
        self.doomed.push(object);
    }

    /// The object of a file that the user has named and that is not there.
    pub(super) fn doom_named(&mut self, object: ListEntry) {
        self.objects += 1;
        self.named.push(object);
    }

    /// Something of a sidecar's name, or an empty object that stands for a folder.
    pub(super) fn sidecar(&mut self, object: ListEntry) {
        self.sidecars.push(object);
    }

    /// The source is not known as a whole.
    pub(super) fn incomplete(&mut self, why: impl FnOnce() -> String) {
        self.incomplete.get_or_insert_with(why);
    }

    /// Whether a sidecar or index belongs to something that stays.
    fn is_needed(&self, key: &str, prefix: &str) -> bool {
        let (folder, name) = key.rsplit_once('/').map_or((None, key), |(folder, name)| (Some(folder), name));
        if let Some(of) = key.strip_suffix(sidecar::SUFFIX).filter(|_| !sidecar::is_index_name(name)) {
            return self.kept.contains(&self.hashes.hash_one(of));
        }
        // An index, or an empty object that stands for a folder, belongs to a prefix: this run's, or that of a folder in it.
        match folder {
            None => true,
            Some(folder) => folder.len() < prefix.len() || self.kept.contains(&self.hashes.hash_one((folder, "/"))),
        }
    }

    /// Whether something in a folder of this name stays.
    pub(super) fn keeps_folder(&self, folder: &str) -> bool {
        self.kept.contains(&self.hashes.hash_one((folder, "/")))
    }

    /// Forgets the sidecars that stay whatever happens: they are no reason to refuse anything.
    pub(super) fn forget_needed(&mut self, prefix: &str) {
        let mut sidecars = std::mem::take(&mut self.sidecars);
        sidecars.retain(|sidecar| !self.is_needed(&sidecar.key, prefix));
        self.sidecars = sidecars;
    }

    /// The objects that are to be deleted.
    pub(super) fn objects(&mut self) -> Vec<ListEntry> {
        let mut objects = std::mem::take(&mut self.doomed);
        // Never so, unless a listing or a walk was out of order: then rather one too many stays.
        objects.retain(|object| !self.kept.contains(&self.hashes.hash_one(object.key.as_str())));
        objects.append(&mut self.named);
        objects
    }

    /// The sidecars that are to be deleted after `objects`, of which some have `stayed`: theirs, and (where that is asked
    /// for) those of nothing.
    fn beside(
        &mut self,
        objects: &[ListEntry],
        stayed: &HashSet<String>,
        rules: &DeleteRules,
        prefix: &str,
    ) -> Vec<ListEntry> {
        stayed.iter().for_each(|key| self.keep(key));
        let gone: HashSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
        let sidecars = std::mem::take(&mut self.sidecars);
        let of_gone = |key: &str| key.strip_suffix(sidecar::SUFFIX).is_some_and(|of| gone.contains(of));
        let goes = |key: &str| (rules.extraneous || of_gone(key)) && !self.is_needed(key, prefix);
        sidecars.into_iter().filter(|sidecar| goes(&sidecar.key)).collect()
    }

    /// Why nothing may be deleted, if so. `failed` is how many files are not at the destination.
    pub(super) fn refusal(
        &self,
        rules: &DeleteRules,
        failed: u64,
        destination: &str,
        is_tree: bool,
    ) -> Option<Refusal> {
        let doomed = self.doomed.len() as u64;
        // Sidecars of nothing go only where that was asked for.
        if doomed == 0 && self.named.is_empty() && (self.sidecars.is_empty() || !rules.extraneous) {
            return None;
        }
        let no = |message, hint| Some(Refusal { message, hint });
        let all = doomed + self.named.len() as u64;
        let things = if self.are_files { "files" } else { "objects" };
        if let Some(why) = self.incomplete.as_ref().filter(|_| !rules.ignore_errors) {
            let message = format!("nothing was deleted: the source could not be read as a whole ({why})");
            return no(message, "repair that, or exclude it; --ignore-errors deletes nevertheless".to_owned());
        }
        if failed > 0 && !rules.ignore_errors {
            let files = if failed == 1 { "1 file".to_owned() } else { format!("{failed} files") };
            let message = format!("nothing was deleted: {files} failed");
            return no(message, "run again; --ignore-errors deletes nevertheless".to_owned());
        }
        if self.files == 0 && rules.max != MaxDelete::Percent(100) && is_tree {
            let message = format!(
                "nothing was deleted: no file of the source is selected, and the run would empty {destination} \
                 ({all} {things})"
            );
            return no(message, "check the source's path and the filters; --max-delete=100% lets it go".to_owned());
        }
        let (most, said) = match rules.max {
            MaxDelete::Count(count) => (count, format!("--max-delete={count}")),
            MaxDelete::Percent(percent) => (self.share(percent), format!("--max-delete={percent}%")),
            MaxDelete::Default => {
                let percent = DEFAULT_MAX_DELETE_PERCENT;
                (self.share(percent), format!("{percent} %, the most without --max-delete"))
            }
        };
        // What the user has named counts only where a bound was named too.
        let counted = if rules.max == MaxDelete::Default { doomed } else { all };
        if counted <= most {
            return None;
        }
        let message = format!(
            "nothing was deleted: the run would delete {counted} of the {} {things} at {destination}, more than {said}",
            self.objects
        );
        no(message, format!("--dry-run --verbose lists them; --max-delete={counted} lets them go"))
    }

    /// `percent` of the objects at the destination, rounded down.
    fn share(&self, percent: u8) -> u64 {
        (u128::from(self.objects) * u128::from(percent) / 100) as u64
    }
}

/// Deletes what was gathered, if the rules allow it. Each object is reported.
pub(crate) async fn execute(
    context: &Context,
    mut deletes: Deletes,
    rules: &DeleteRules,
    destination: &str,
    is_tree: bool,
) {
    let failed = context.reporter.summary().files_failed;
    deletes.forget_needed(&context.prefix);
    if let Some(refusal) = deletes.refusal(rules, failed, destination, is_tree) {
        context.reporter.summary().delete_refused = Some(refusal.into());
        // A dry run shows what would have gone all the same.
        if !context.options.dry_run {
            return;
        }
    }
    let objects = deletes.objects();
    let stayed = delete(context, &objects).await;
    // An object without a sidecar is in order, a sidecar without its object is not: so it goes last.
    let sidecars = deletes.beside(&objects, &stayed, rules, &context.prefix);
    delete(context, &sidecars).await;
}

/// Deletes objects, thousand by thousand. Returns the keys of those that stay.
async fn delete(context: &Context, objects: &[ListEntry]) -> HashSet<String> {
    if context.options.dry_run {
        objects.iter().for_each(|object| report(context, object, None));
        return HashSet::new();
    }
    let batches = stream::iter(objects.chunks(MAX_DELETE)).map(|batch| delete_batch(context, batch));
    let stayed: Vec<Vec<String>> = batches.buffer_unordered(DELETES_AT_ONCE).collect().await;
    stayed.into_iter().flatten().collect()
}

async fn delete_batch(context: &Context, batch: &[ListEntry]) -> Vec<String> {
    if context.cancel.is_cancelled() {
        return batch.iter().map(|object| object.key.clone()).collect();
    }
    let backed_up = stream::iter(batch)
        .map(|object| async move {
            if context.cancel.is_cancelled() {
                return Err(ErrorReport::of(&FileError::Interrupted));
            }
            let key = ObjectKey::new(object.key.as_str()).map_err(|error| ErrorReport::of(&error.into()))?;
            // What can be rebuilt is not worth a copy.
            if !object.key.ends_with(sidecar::SUFFIX) {
                let copied = back_up(context, &key, &object.etag, object.len).await;
                copied.map_err(|error| ErrorReport::of(&error))?;
            }
            Ok(Doomed { key, etag: object.etag.clone() })
        })
        .buffered(BACKUPS_AT_ONCE)
        .collect::<Vec<Result<Doomed, ErrorReport>>>()
        .await;
    let doomed: Vec<Doomed> = backed_up.iter().filter_map(|result| result.as_ref().ok().cloned()).collect();
    if context.cancel.is_cancelled() {
        return batch.iter().map(|object| object.key.clone()).collect();
    }
    let failures = if doomed.is_empty() { Ok(Vec::new()) } else { context.store.delete(&doomed).await };
    let mut stayed = Vec::new();
    for (object, ready) in batch.iter().zip(backed_up) {
        let error = match (ready, &failures) {
            (Err(error), _) => Some(error),
            (Ok(_), Err(error)) => Some(ErrorReport::of_store(error)),
            (Ok(doomed), Ok(failures)) => {
                let failure = failures.iter().find(|(key, _)| *key == doomed.key);
                failure.map(|(_, error)| ErrorReport::of_store(error))
            }
        };
        if error.is_some() {
            stayed.push(object.key.clone());
        }
        report(context, object, error);
    }
    stayed
}

fn report(context: &Context, object: &ListEntry, error: Option<ErrorReport>) {
    let path = object.key.strip_prefix(&context.prefix).unwrap_or(&object.key).to_owned();
    let mut report = FileReport::new(path, object.key.clone(), object.len);
    if error.is_none() {
        report.action = Action::Deleted;
        report.reason = "not in the source".to_owned();
    }
    report.error = error;
    context.reporter.report(FileId::NONE, report);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ETag;

    const RULES: DeleteRules =
        DeleteRules { extraneous: true, excluded: false, ignore_errors: false, max: MaxDelete::Default };

    fn object(key: &str) -> ListEntry {
        ListEntry { key: key.to_owned(), len: 1, etag: ETag::new("e"), modified: None }
    }

    fn deletes(kept: &[&str], doomed: &[&str], sidecars: &[&str]) -> Deletes {
        let mut deletes = Deletes::default();
        for key in kept {
            deletes.keep(key);
            deletes.file();
            deletes.object();
        }
        doomed.iter().for_each(|key| deletes.doom(object(key)));
        sidecars.iter().for_each(|key| deletes.sidecar(object(key)));
        deletes
    }

    #[test]
    fn sidecars_go_with_their_objects_and_never_without() {
        let sidecars = ["p/a.hssig", "p/b.hssig", "p/orphan.hssig", "p/.hssig", "p/sub/.hssig", "p/gone/.hssig"];
        let mut deletes = deletes(&["p/a", "p/sub/deep/x"], &["p/b", "p/gone/y"], &sidecars);
        let objects = deletes.objects();
        let keys = |objects: &[ListEntry]| objects.iter().map(|object| object.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&objects), ["p/b", "p/gone/y"]);
        let mut failed = self::deletes(&["p/a"], &["p/b"], &["p/b.hssig"]);
        let stayed = HashSet::from(["p/b".to_owned()]);
        assert!(failed.beside(&objects, &stayed, &RULES, "p/").is_empty(), "its object is still there");
        let sidecars = deletes.beside(&objects, &HashSet::new(), &RULES, "p/");
        assert_eq!(keys(&sidecars), ["p/b.hssig", "p/orphan.hssig", "p/gone/.hssig"]);
        let mut named = self::deletes(&[], &[], &["p/b.hssig", "p/live.hssig"]);
        let sidecars = named.beside(&objects, &HashSet::new(), &DeleteRules { extraneous: false, ..RULES }, "p/");
        assert_eq!(keys(&sidecars), ["p/b.hssig"], "what was not named stays");
    }

    #[test]
    fn half_of_the_objects_is_the_most_unless_more_is_asked_for() {
        let refused =
            |deletes: &Deletes, rules: &DeleteRules| deletes.refusal(rules, 0, "s3://b/p/", true).map(|no| no.message);
        let half = deletes(&["a", "b"], &["c", "d"], &[]);
        assert_eq!(refused(&half, &RULES), None);
        let most = deletes(&["a"], &["c", "d"], &[]);
        let no = refused(&most, &RULES).expect("refused");
        assert!(no.contains("2 of the 3 objects at s3://b/p/") && no.contains("50 %"), "{no}");
        assert_eq!(refused(&most, &DeleteRules { max: MaxDelete::Count(2), ..RULES }), None);
        assert!(refused(&most, &DeleteRules { max: MaxDelete::Count(1), ..RULES }).is_some());
        assert!(refused(&most, &DeleteRules { max: MaxDelete::Percent(66), ..RULES }).is_some());
        assert_eq!(refused(&most, &DeleteRules { max: MaxDelete::Percent(67), ..RULES }), None);
    }

    #[test]
    fn nothing_is_deleted_for_a_source_that_is_empty_or_not_known_as_a_whole() {
        let empty = deletes(&[], &["a"], &[]);
        assert!(empty.refusal(&DeleteRules { max: MaxDelete::Count(1000), ..RULES }, 0, "d", true).is_some());
        assert!(empty.refusal(&RULES, 0, "d", true).expect("refused").message.contains("no file of the source"));
        let all = DeleteRules { max: MaxDelete::Percent(100), ..RULES };
        assert_eq!(empty.refusal(&all, 0, "d", true), None);
        let mut partly = deletes(&["a", "b"], &["c"], &[]);
        partly.incomplete(|| "x cannot be read".to_owned());
        partly.incomplete(|| "y cannot be read".to_owned());
        let no = partly.refusal(&all, 0, "d", true).expect("refused");
        assert!(no.message.contains("x cannot be read"), "{}", no.message);
        assert_eq!(partly.refusal(&DeleteRules { ignore_errors: true, ..RULES }, 3, "d", true), None);
        let failed = deletes(&["a", "b"], &["c"], &[]);
        assert!(failed.refusal(&RULES, 1, "d", true).expect("refused").message.contains("1 file failed"));
        // Files that are named and not there: all of them missing means that the folder is.
        let mut named = Deletes::default();
        named.doom_named(object("a"));
        assert!(named.refusal(&RULES, 0, "d", true).is_some());
        assert_eq!(named.refusal(&RULES, 0, "d", false), None, "the only source");
        named.file();
        assert_eq!(named.refusal(&RULES, 0, "d", true), None);
        let mut orphan = Deletes::default();
        orphan.sidecar(object("x.hssig"));
        assert_eq!(orphan.refusal(&DeleteRules { extraneous: false, ..RULES }, 1, "d", true), None, "it stays anyhow");
        assert!(named.refusal(&DeleteRules { max: MaxDelete::Count(0), ..RULES }, 0, "d", true).is_some());
        // An orphan is no reason to ask, but an incomplete source is one to keep it.
        let mut orphan = deletes(&["a"], &[], &["x.hssig"]);
        assert_eq!(orphan.refusal(&RULES, 0, "d", true), None);
        orphan.incomplete(|| "x".to_owned());
        assert!(orphan.refusal(&RULES, 0, "d", true).is_some());
    }
}
