//! One name of an upload: a file on its way into the store, something that is left out, or an object that only the store has.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::execute::Run;
use super::merge::Item;
use crate::sidecar;
use crate::store::{Found, ListEntry, ObjectInfo, ObjectKey, Skipped, SourceEntry, StoreError, is_unfinished};
use crate::sync::error::FileError;
use crate::sync::options::Missing;
use crate::sync::put::examine::{Examined, Next, conclude, examine};
use crate::sync::put::file::{sync_file, warn_of_conflict};
use crate::sync::put::remote::Remote;
use crate::sync::put::small::Ready;
use crate::sync::report::done::Done;
use crate::sync::report::{Action, ErrorReport, Event, FileId, FileReport};
use crate::sync::task::{Task, unless_interrupted};

impl Run {
    /// Looks at one name. Blocks.
    pub(super) fn up(self: &Arc<Self>, item: Item, runtime: &Handle) {
        match item {
            Item::Local { entry, remote } => self.local(entry, remote, runtime),
            Item::LeftOut { found: Found::LeftOut { path, relative, why }, object } => {
                let object = object.or_else(|| self.named_by_the_user(relative.as_deref(), &why, runtime));
                self.left_out(&path, relative, why, object);
            }
            Item::LeftOut { .. } => {}
            Item::Foreign { object, covered } => self.foreign(object, covered),
        }
    }

    fn local(self: &Arc<Self>, entry: SourceEntry, remote: Remote, runtime: &Handle) {
        let context = &self.context;
        let key = format!("{}{}", context.prefix, entry.relative);
        if entry.relative.ends_with(sidecar::SUFFIX) || is_unfinished(&entry.relative) {
            let path = context.source.path(&entry.relative);
            return self.left_out(&path, Some(entry.relative), Skipped::Reserved, None);
        }
        if self.tracks_deletes() {
            let mut deletes = self.deletes();
            deletes.keep(&key);
            if matches!(remote, Remote::Listed(_)) {
                deletes.object();
            }
        }
        let id = self.next_id();
        let key = match ObjectKey::new(key.clone()) {
            Ok(key) => key,
            Err(error) => {
                let path = context.source.path(&entry.relative).display().to_string();
                let mut report = FileReport::new(path, key, 0);
                report.error = Some(ErrorReport::of(&FileError::from(error)));
                return context.reporter.report(id, report);
            }
        };
        let task = Arc::new(Task::new(Arc::clone(context), id, entry, key));
        match examine(&task, &remote, runtime) {
            Ok(Examined::Done(len, done)) => {
                if let (Remote::Listed(object), true) = (&remote, done.is_skipped()) {
                    context.index.keep(&task.entry.relative, &object.etag, object.len);
                }
                task.finish(len, Ok(done));
            }
            Ok(Examined::Large(len)) => self.begin_large(task, remote, len, runtime),
            Ok(Examined::Read(ready, next)) => {
                self.tasks().spawn_on(small(task, *ready, next), runtime);
            }
            Err(error) => task.finish(0, Err(error)),
        }
    }

    /// Begins a large file when there is room for it.
    fn begin_large(&self, task: Arc<Task>, remote: Remote, len: u64, runtime: &Handle) {
        let Ok(turn) = runtime.block_on(Arc::clone(&self.large).acquire_owned()) else { return };
        let work = async move {
            let _turn = turn;
            let (read, result) = sync_file(&task, remote).await;
            task.finish(if read == 0 { len } else { read }, result);
        };
        self.tasks().spawn_on(work, runtime);
    }

    /// The object of a single file that is not there, where that object is to be deleted.
    fn named_by_the_user(&self, relative: Option<&str>, why: &Skipped, runtime: &Handle) -> Option<ListEntry> {
        let context = &self.context;
        if self.is_tree || !matches!(why, Skipped::Missing) || context.options.missing != Missing::Delete {
            return None;
        }
        let key = ObjectKey::new(format!("{}{}", context.prefix, relative?)).ok()?;
        let entry = |key: ObjectKey, object: ObjectInfo| {
            let (len, etag, modified) = (object.len, object.etag, object.modified);
            ListEntry { key: key.to_string(), len, etag, modified }
        };
        let found = runtime.block_on(async {
            let object = context.store.head(&key).await?;
            let beside = match key.with_suffix(sidecar::SUFFIX) {
                Ok(beside) => context.store.head(&beside).await?.map(|sidecar| entry(beside, sidecar)),
                Err(_) => None,
            };
            Ok::<_, StoreError>((object, beside))
        });
        match found {
            Ok((object, beside)) => {
                beside.into_iter().for_each(|sidecar| self.deletes().sidecar(sidecar));
                object.map(|object| entry(key, object))
            }
            Err(error) => {
                context.reporter.summary().error = Some(ErrorReport::of_store(&error));
                None
            }
        }
    }

    /// Whether the object of a missing file is to be deleted: what the rules leave out is not.
    fn may_delete_named(&self, relative: Option<&str>) -> bool {
        let options = &self.context.options;
        options.missing == Missing::Delete && relative.is_some_and(|name| !self.context.source.leaves_out(name))
    }

    /// Reports something of the source that is not uploaded.
    fn left_out(&self, path: &Path, relative: Option<String>, why: Skipped, object: Option<ListEntry>) {
        let context = &self.context;
        let key = format!("{}{}", context.prefix, relative.as_deref().unwrap_or_default());
        let missing = matches!(why, Skipped::Missing);
        let is_failure = why.is_failure() && !(missing && context.options.missing != Missing::Fail);
        let path = path.display().to_string();
        let text = why.to_string();
        if self.tracks_deletes() {
            let mut deletes = self.deletes();
            match object {
                Some(object) if missing && self.may_delete_named(relative.as_deref()) => deletes.doom_named(object),
                object => {
                    if relative.is_some() {
                        deletes.keep(&key);
                    }
                    if object.is_some() {
                        deletes.object();
                    }
                }
            }
            if is_failure {
                deletes.incomplete(|| format!("{path}: {text}"));
            }
        }
        let mut report = FileReport::new(path, key, 0);
        if is_failure {
            report.error = Some(ErrorReport { message: text, hint: None });
        } else {
            if why.is_told() && !missing {
                context.reporter.tell(&Event::Warning { path: &report.path, text: &text });
            }
            report.action = Action::Skipped;
            report.reason = text;
        }
        context.reporter.report(FileId::NONE, report);
    }

    /// Notes something that only the destination has.
    fn foreign(&self, object: ListEntry, covered: bool) {
        let context = &self.context;
        let relative = &object.key[context.prefix.len()..];
        // An empty object that stands for a folder goes when its folder does.
        let is_marker = object.len == 0 && (relative.is_empty() || relative.ends_with('/'));
        let is_sidecar = relative.ends_with(sidecar::SUFFIX) || is_marker;
        if !is_sidecar {
            context.index.keep(relative, &object.etag, object.len);
        }
        if !context.options.delete.extraneous {
            return if is_sidecar && self.tracks_deletes() {
                self.deletes().sidecar(object)
            };
        }
        let is_backup = context.options.backup.as_ref().is_some_and(|prefix| object.key.starts_with(prefix));
        // Looked at before the lock is taken: it may read ignore files.
        let is_protected =
            covered || is_backup || (!context.options.delete.excluded && context.source.leaves_out(relative));
        // Other shards may have files in the folder.
        let is_shared = is_marker && context.options.shard.is_some();
        let mut deletes = self.deletes();
        if covered || is_backup || is_shared {
            deletes.keep(&object.key);
        } else if is_sidecar {
            deletes.sidecar(object);
        } else if is_protected {
            deletes.keep(&object.key);
        } else {
            deletes.doom(object);
        }
    }
}

/// What is left to do with a small file that has been read.
async fn small(task: Arc<Task>, ready: Ready, next: Next) {
    let len = ready.len();
    let result = unless_interrupted(&task, conclude(&task, ready, next)).await;
    let (len, result) = match result {
        // From here on as if nothing had been known of the object.
        Err(error) if error.is_conflict() || error.is_mismatch() => again(&task, len, error).await,
        result => (len, result),
    };
    task.finish(len, result);
}

async fn again(task: &Arc<Task>, len: u64, error: FileError) -> (u64, Result<Done, FileError>) {
    if error.is_conflict() {
        if task.context.options.fail_on_conflict {
            return (len, Err(FileError::Conflict { url: task.url(), attempts: 1 }));
        }
        warn_of_conflict(task);
    }
    // The file is opened anew.
    match task.context.pace.open_turn().await {
        Ok(_turn) => sync_file(task, Remote::Unknown).await,
        Err(error) => (len, Err(error)),
    }
}
