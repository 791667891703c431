//! One name of a download: an object on its way here, something in its way, or a file that only the destination has.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::deletes::Deletes;
use super::execute::Run;
use super::job::Download;
use super::merge::Item;
use crate::sidecar;
use crate::store::{EntryKind, FolderError, Found, ListEntry, ObjectKey, Skipped, SourceEntry, is_unfinished};
use crate::sync::error::FileError;
use crate::sync::fetch::examine::{Examined, examine};
use crate::sync::fetch::fetching::Fetching;
use crate::sync::fetch::file::fetch_file;
use crate::sync::fetch::small;
use crate::sync::options::Missing;
use crate::sync::pace::blocking::blocking;
use crate::sync::put::remote::Remote;
use crate::sync::report::done::Done;
use crate::sync::report::{Action, ErrorReport, Event, FileId, FileReport};
use crate::sync::task::{Task, unless_interrupted};

impl Run {
    /// Looks at one name. Blocks.
    pub(super) fn down(self: &Arc<Self>, download: &Download, item: Item, runtime: &Handle) {
        match item {
            Item::Local { entry, remote: Remote::Listed(object) } => {
                self.object(download, object, Some(entry), runtime)
            }
            Item::Local { entry, .. } => self.only_here(download, entry),
            Item::LeftOut { found: Found::LeftOut { why: Skipped::Missing, .. }, object: Some(object) } => {
                self.object(download, object, None, runtime);
            }
            Item::LeftOut { found: Found::LeftOut { path, relative, why }, object } => {
                self.in_the_way(&path, relative, &why, object);
            }
            Item::LeftOut { .. } => {}
            Item::Foreign { object, .. } => self.object(download, object, None, runtime),
        }
    }

    /// An object, and what stands under its name if that is known.
    fn object(self: &Arc<Self>, download: &Download, object: ListEntry, entry: Option<SourceEntry>, runtime: &Handle) {
        let context = &self.context;
        let relative = match &download.single {
            Some((_, name)) => name.clone(),
            None => object.key[context.prefix.len()..].to_owned(),
        };
        if object.len == 0 && (relative.is_empty() || relative.ends_with('/')) {
            return self.marker(download, &object.key, &relative);
        }
        if relative.ends_with(sidecar::SUFFIX) && download.single.is_none() {
            return;
        }
        if context.source.leaves_out(&relative) {
            if let Some(entry) = entry.filter(|_| context.options.delete.excluded) {
                self.doom(entry.relative);
            }
            return;
        }
        if self.tracks_deletes() {
            let mut deletes = self.deletes();
            deletes.file();
            deletes.keep(&object.key);
            if entry.is_some() {
                deletes.object();
            }
        }
        let id = self.next_id();
        let key = match ObjectKey::new(object.key.clone()) {
            Ok(key) => key,
            Err(error) => return self.failed(id, &relative, object.key, &error.into()),
        };
        if is_unfinished(&relative) {
            let error = FolderError::Name("it is reserved for unfinished files of HugeSync itself");
            return self.failed(id, &relative, object.key, &error.into());
        }
        let entry = entry.unwrap_or(SourceEntry { relative, kind: EntryKind::File });
        let task = Arc::new(Task::new(Arc::clone(context), id, entry, key));
        let fetching = how(download);
        match examine(&fetching, &task, &object, runtime) {
            Ok(Examined::Done(done)) => task.finish(object.len, Ok(done)),
            Ok(Examined::Large) => self.begin_large_fetch(fetching, task, object.len, runtime),
            Ok(Examined::Fetch { standing, changes }) => {
                let len = object.len;
                let fetched = Arc::clone(&task);
                let work = async move { small::fetch(&fetching, &fetched, &object, standing, changes).await };
                self.begin_small(download, task, len, work, runtime);
            }
            Ok(Examined::Ask(summed)) => {
                let settled = Arc::clone(&task);
                let work = async move { small::settle(&fetching, &settled, *summed).await };
                self.begin_small(download, task, object.len, work, runtime);
            }
            Err(error) if error.is_conflict() => {
                let work = async move { Err(error) };
                self.begin_small(download, task, object.len, work, runtime);
            }
            Err(error) => task.finish(object.len, Err(error)),
        }
    }

    fn failed(&self, id: FileId, relative: &str, key: String, error: &FileError) {
        let mut report = FileReport::new(self.context.source.path(relative).display().to_string(), key, 0);
        report.error = Some(ErrorReport::of(error));
        self.context.reporter.report(id, report);
    }

    /// Begins what is left to do for a small file, when one more may be under way.
    fn begin_small(
        &self,
        download: &Download,
        task: Arc<Task>,
        len: u64,
        work: impl Future<Output = Result<Done, FileError>> + Send + 'static,
        runtime: &Handle,
    ) {
        let Ok(open) = runtime.block_on(self.context.pace.open_turn()) else { return };
        let fetching = how(download);
        let work = async move {
            let _open = open;
            let (len, result) = match unless_interrupted(&task, work).await {
                // From here on as if nothing had been known of either side.
                Err(error) if error.is_conflict() && !task.context.options.fail_on_conflict => {
                    fetch_file(&fetching, &task).await
                }
                Err(error) if error.is_conflict() => (len, Err(FileError::Conflict { url: task.url(), attempts: 1 })),
                result => (len, result),
            };
            task.finish(len, result);
        };
        self.tasks().spawn_on(work, runtime);
    }

    /// Begins a large file when there is room for it.
    fn begin_large_fetch(&self, fetching: Fetching, task: Arc<Task>, len: u64, runtime: &Handle) {
        let Ok(turn) = runtime.block_on(Arc::clone(&self.large).acquire_owned()) else { return };
        let work = async move {
            let _turn = turn;
            let (read, result) = fetch_file(&fetching, &task).await;
            task.finish(if read == 0 { len } else { read }, result);
        };
        self.tasks().spawn_on(work, runtime);
    }

    /// An empty object that stands for a folder.
    fn marker(&self, download: &Download, key: &str, relative: &str) {
        let context = &self.context;
        if relative.is_empty() || context.source.leaves_out(relative.trim_end_matches('/')) {
            return;
        }
        if self.tracks_deletes() {
            // The folder stays, as if something lay in it.
            self.deletes().keep(&format!("{key}."));
        }
        if context.options.dry_run || context.options.transfer.existing {
            return;
        }
        if let Err(error) = download.folder.make_folder(relative) {
            self.failed(FileId::NONE, relative, key.to_owned(), &error.into());
        }
    }

    /// A file that only the destination has.
    fn only_here(&self, download: &Download, entry: SourceEntry) {
        let options = &self.context.options;
        if is_unfinished(&entry.relative) {
            return;
        }
        if download.is_listed {
            match options.missing {
                Missing::Fail => return self.not_there(&entry.relative),
                Missing::Ignore => return,
                Missing::Delete => {}
            }
        }
        if options.delete.extraneous || (download.is_listed && options.missing == Missing::Delete) {
            self.doom(entry.relative);
        }
    }

    /// A name that the user has listed and that the source does not have.
    fn not_there(&self, relative: &str) {
        let key = format!("{}{relative}", self.context.prefix);
        let mut report = FileReport::new(self.context.source.path(relative).display().to_string(), key, 0);
        report.error = Some(ErrorReport { message: "the source does not have it".to_owned(), hint: None });
        self.context.reporter.report(FileId::NONE, report);
    }

    fn doom(&self, relative: String) {
        let key = format!("{}{relative}", self.context.prefix);
        let etag = crate::store::ETag::new("");
        self.deletes().doom(ListEntry { key, len: 0, etag, modified: None });
    }

    /// Something at the destination that is no file.
    fn in_the_way(&self, path: &Path, relative: Option<String>, why: &Skipped, object: Option<ListEntry>) {
        if matches!(why, Skipped::Missing) {
            if self.context.options.missing == Missing::Fail {
                self.not_there(relative.as_deref().unwrap_or_default());
            }
            return;
        }
        let is_failure = object.is_some() || matches!(why, Skipped::Unreadable(_));
        if !is_failure {
            return;
        }
        let key = object
            .map_or_else(|| format!("{}{}", self.context.prefix, relative.unwrap_or_default()), |object| object.key);
        let mut report = FileReport::new(path.display().to_string(), key, 0);
        let hint = Some("move it away, or leave the name out with --exclude".to_owned());
        report.error = Some(ErrorReport { message: format!("what is at the destination {why}"), hint });
        self.context.reporter.report(FileId::NONE, report);
    }

    /// Deletes files that the source does not have, if the rules allow it, and the folders that they leave empty.
    pub(super) async fn delete_here(self: &Arc<Self>, mut deletes: Deletes, destination: &str) {
        let context = &self.context;
        let failed = context.reporter.summary().files_failed;
        deletes.are_files();
        if let Some(refusal) = deletes.refusal(&context.options.delete, failed, destination, self.is_tree) {
            context.reporter.summary().delete_refused = Some(refusal.into());
            // A dry run shows what would have gone all the same.
            if !context.options.dry_run {
                return;
            }
        }
        let doomed = deletes.objects();
        let run = Arc::clone(self);
        // Nothing that blocks may hold up connections; there are none any more.
        let _ = blocking(move || {
            run.delete_all(&doomed, &deletes);
            Ok(())
        })
        .await;
    }

    fn delete_all(&self, doomed: &[ListEntry], deletes: &Deletes) {
        let (context, Some(download)) = (&self.context, &self.download) else { return };
        let mut folders = BTreeSet::new();
        for object in doomed {
            if context.cancel.is_cancelled() {
                return;
            }
            let relative = &object.key[context.prefix.len()..];
            let path = context.source.path(relative).display().to_string();
            let mut report = FileReport::new(path, object.key.clone(), 0);
            match self.delete_one(download, relative) {
                Ok(len) => {
                    report.bytes_total = len;
                    report.action = Action::Deleted;
                    report.reason = "not in the source".to_owned();
                    folders.extend(relative.rsplit_once('/').map(|(folder, _)| folder));
                }
                Err(error) => report.error = Some(ErrorReport::of(&error.into())),
            }
            context.reporter.report(FileId::NONE, report);
        }
        if context.options.dry_run {
            return;
        }
        // The deepest first, so that the ones above them are empty by then.
        for folder in folders.into_iter().rev() {
            if !deletes.keeps_folder(&format!("{}{folder}", context.prefix))
                && let Err(error) = download.folder.remove_empty(folder)
            {
                context.reporter.tell(&Event::Warning { path: folder, text: &error.to_string() });
            }
        }
    }

    fn delete_one(&self, download: &Download, relative: &str) -> Result<u64, FolderError> {
        let Some(version) = download.folder.version(relative)? else { return Ok(0) };
        if !self.context.options.dry_run {
            download.folder.remove(relative, &version)?;
        }
        Ok(version.len)
    }

    /// Has everything that was written reach the disk.
    pub(super) async fn flush(&self) {
        let has_written = {
            let summary = self.context.reporter.summary();
            summary.files_downloaded + summary.files_updated + summary.files_deleted > 0
        };
        let Some(folder) = self.download.as_ref().map(|download| Arc::clone(&download.folder)).filter(|_| has_written)
        else {
            return;
        };
        let flushed = blocking(move || folder.flush().map_err(|error| FileError::Folder(error.into()))).await;
        if let Err(error) = flushed {
            self.context.reporter.summary().error.get_or_insert(ErrorReport::of(&error));
        }
    }
}

fn how(download: &Download) -> Fetching {
    Fetching {
        folder: Arc::clone(&download.folder),
        bases: download.bases.clone(),
        fuzzy: download.fuzzy,
        links: download.links,
        sparse: download.sparse,
    }
}
