//! A run: the source and the destination merged name by name, every file on its way, deletions at the very end.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::deletes::{self, Deletes};
use super::job::Job;
use super::listing::{Listing, Samples};
use super::merge::{Item, Listed, Merge};
use crate::sidecar;
use crate::store::{Found, ListEntry, ObjectInfo, ObjectKey, Skipped, SourceEntry, Store, StoreError};
use crate::sync::context::Context;
use crate::sync::error::FileError;
use crate::sync::evidence::index::Remembering;
use crate::sync::options::{Comparison, Missing, SyncOptions};
use crate::sync::pace::turns::Pace;
use crate::sync::put::examine::{Examined, Next, conclude, examine};
use crate::sync::put::file::{sync_file, unless_interrupted, warn_of_conflict};
use crate::sync::put::remote::Remote;
use crate::sync::put::small::Ready;
use crate::sync::report::done::Done;
use crate::sync::report::reporter::Reporter;
use crate::sync::report::{Action, ErrorReport, FileReport, Summary};
use crate::sync::report::{Event, FileId, Observer};
use crate::sync::task::Task;

/// Names that a walk hands on at once.
const FOUND_AT_ONCE: usize = 256;
/// Such pieces that wait for the merge: so far a walk runs ahead, and so much of it can guide the listing.
const FOUND_AHEAD: usize = 256;
/// Names that one thread looks at in one go: few, since any may be a file of some megabytes.
const LOOKED_AT_ONCE: usize = 16;
/// Threads that look at small files, at most: far fewer than there may be blocking threads, which uploads need too.
const MAX_READERS: usize = 64;
/// A source of so few files does not pay for the listing of more than a page.
const FEW_FILES: usize = 64;

/// Runs a job. Failures of single files are in the summary; an error is one that came before any file.
pub async fn run(
    job: Job,
    store: Arc<dyn Store>,
    options: SyncOptions,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Result<Summary, StoreError> {
    let started = Instant::now();
    let (is_tree, destination) = (job.is_tree, job.destination.clone());
    // Its own token: an error that concerns all files stops the others too, and is no interruption by the user.
    let stop = cancel.child_token();
    let context = Arc::new(context_of(job, Arc::clone(&store), options, observer, stop.clone()));
    context.reporter.tell(&Event::RunStarted);
    let run = Arc::new(Run::new(Arc::clone(&context), is_tree));
    let found = run.walk();
    let merged = run.merge(found).await;
    if merged.is_err() {
        stop.cancel();
    }
    run.finished().await;
    if let Err(error) = merged {
        if context.reporter.summary().files_total == 0 {
            return Err(error);
        }
        context.reporter.summary().error = Some(ErrorReport::of_store(&error));
    } else if !stop.is_cancelled() {
        let rules = &context.options.delete;
        if rules.extraneous || context.options.missing == Missing::Delete {
            let gathered = std::mem::take(&mut *run.deletes());
            deletes::execute(&context, gathered, rules, &destination, is_tree).await;
        }
        if is_tree && remembers(&context.options) {
            context.index.remember(&*context.store, context.options.dry_run).await;
        }
    }
    let mut summary = context.reporter.summary();
    let (down, up) = context.index.moved();
    summary.add_index(down, up);
    summary.finish(cancel.is_cancelled(), store.requests(), started.elapsed());
    Ok(summary.clone())
}

fn context_of(
    job: Job,
    store: Arc<dyn Store>,
    options: SyncOptions,
    observer: Arc<dyn Observer>,
    cancel: CancellationToken,
) -> Context {
    let summary = Summary::new(job.destination, options.dry_run);
    Context {
        index: Remembering::of(&job.prefix, options.shard),
        pace: Pace::new(&options, Arc::clone(&store), cancel.clone()),
        reporter: Reporter::new(observer, summary, options.report_all),
        source: job.source,
        prefix: job.prefix,
        store,
        options,
        cancel,
    }
}

/// Whether the index of the prefix is used.
fn remembers(options: &SyncOptions) -> bool {
    options.sidecars && options.comparison == Comparison::Content
}

/// What the parts of a run share beside the context.
struct Run {
    context: Arc<Context>,
    deletes: Mutex<Deletes>,
    /// What was begun and has not been waited for.
    tasks: Mutex<JoinSet<()>>,
    /// Threads that look at small files.
    readers: Arc<Semaphore>,
    /// Large files under way.
    large: Arc<Semaphore>,
    next_id: AtomicU64,
    samples: Arc<Samples>,
    is_tree: bool,
}

impl Run {
    fn new(context: Arc<Context>, is_tree: bool) -> Self {
        let options = &context.options;
        // Twice as many as cores: some wait for the disk.
        let readers = Arc::new(Semaphore::new((options.threads.get().max(2) * 2).min(MAX_READERS)));
        let large = Arc::new(Semaphore::new(context.pace.shares.large));
        Self {
            deletes: Mutex::default(),
            tasks: Mutex::default(),
            readers,
            large,
            next_id: AtomicU64::new(0),
            samples: Arc::new(Samples::new()),
            is_tree,
            context,
        }
    }

    fn deletes(&self) -> MutexGuard<'_, Deletes> {
        self.deletes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it matters what only the destination has.
    fn tracks_deletes(&self) -> bool {
        self.context.options.delete.extraneous || self.context.options.missing == Missing::Delete
    }

    /// Walks the source on a thread of its own.
    fn walk(&self) -> mpsc::Receiver<Vec<Found>> {
        let (send, receive) = mpsc::channel(FOUND_AHEAD);
        let (context, samples) = (Arc::clone(&self.context), Arc::clone(&self.samples));
        // Among the tasks that are waited for: a panic must not pass for the end of the source.
        self.tasks().spawn_blocking(move || {
            let mut batch = Vec::with_capacity(FOUND_AT_ONCE);
            context.source.walk(&mut |found| {
                if let Some(relative) = found.relative() {
                    samples.add(&format!("{}{relative}", context.prefix));
                }
                batch.push(found);
                if context.cancel.is_cancelled() {
                    return std::ops::ControlFlow::Break(());
                }
                if batch.len() < FOUND_AT_ONCE {
                    return std::ops::ControlFlow::Continue(());
                }
                let full = std::mem::replace(&mut batch, Vec::with_capacity(FOUND_AT_ONCE));
                match send.blocking_send(full) {
                    Ok(()) => std::ops::ControlFlow::Continue(()),
                    Err(_) => std::ops::ControlFlow::Break(()),
                }
            });
            // Nobody waits for it when the run has ended.
            let _ = send.blocking_send(batch);
        });
        receive
    }

    /// Merges both sides and sends every name on its way, until the run is stopped.
    async fn merge(self: &Arc<Self>, found: mpsc::Receiver<Vec<Found>>) -> Result<(), StoreError> {
        let cancel = self.context.cancel.clone();
        tokio::select! {
            biased;
            () = cancel.cancelled() => Ok(()),
            merged = self.merge_all(found) => merged,
        }
    }

    async fn merge_all(self: &Arc<Self>, mut found: mpsc::Receiver<Vec<Found>>) -> Result<(), StoreError> {
        let context = &self.context;
        let mut first = found.recv().await.unwrap_or_default();
        let is_small = first.len() <= FEW_FILES && {
            // The walk of a small source ends at once.
            let second = found.recv().await;
            let ended = second.is_none();
            first.extend(second.unwrap_or_default());
            ended
        };
        let few = is_small && !self.tracks_deletes();
        let listing = if self.is_tree {
            let (store, prefix) = (Arc::clone(&context.store), context.prefix.clone());
            if few {
                Listed::OnePage(store, prefix)
            } else {
                let (at_once, samples) = (context.pace.shares.listings, Arc::clone(&self.samples));
                Listed::Pages(Listing::start(store, prefix, at_once, samples))
            }
        } else {
            Listed::Unknown
        };
        if self.is_tree && remembers(&context.options) && !first.is_empty() {
            let dated = context.options.attributes.ask_for_something();
            context.index.recall(&*context.store, few, dated).await?;
        }
        let mut merge = Merge::new(first, found, listing, context.prefix.len(), self.tracks_deletes());
        let mut batch = Vec::with_capacity(LOOKED_AT_ONCE);
        loop {
            let Some(item) = merge.next().await? else { break };
            if self.tracks_deletes() && matches!(item, Item::Local { .. }) {
                self.deletes().file();
            }
            if !self.is_ours(&item) {
                continue;
            }
            batch.push(item);
            if batch.len() == LOOKED_AT_ONCE {
                self.look_at(std::mem::replace(&mut batch, Vec::with_capacity(LOOKED_AT_ONCE))).await;
            }
        }
        self.look_at(batch).await;
        context.index.has_seen_all(merge.has_ended());
        Ok(())
    }

    /// Whether an item belongs to this run's shard.
    fn is_ours(&self, item: &Item) -> bool {
        let Some(shard) = self.context.options.shard else { return true };
        match item {
            Item::Local { entry, .. } => shard.holds(&entry.relative),
            // What may stand for anything concerns every shard.
            Item::LeftOut { found, .. } => {
                found.relative().is_none_or(|relative| relative.ends_with('/') || shard.holds(relative))
            }
            Item::Foreign { object, .. } => {
                let relative = &object.key[self.context.prefix.len()..];
                // An index may be needed by files of other shards.
                !sidecar::is_index_name(relative.rsplit('/').next().unwrap_or_default())
                    && shard.holds(relative.strip_suffix(sidecar::SUFFIX).unwrap_or(relative))
            }
        }
    }

    /// Has a thread look at some items, when one is free.
    async fn look_at(self: &Arc<Self>, batch: Vec<Item>) {
        let files = batch.iter().filter(|item| matches!(item, Item::Local { .. })).count() as u64;
        if files > 0 {
            self.context.reporter.tell(&Event::Found { files });
        }
        let Ok(turn) = Arc::clone(&self.readers).acquire_owned().await else { return };
        let (run, runtime) = (Arc::clone(self), Handle::current());
        let work = move || {
            let _turn = turn;
            batch.into_iter().for_each(|item| run.one(item, &runtime));
        };
        self.tasks().spawn_blocking(work);
        self.reap();
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets tasks that have ended; a panic in one is passed on.
    fn reap(&self) {
        while let Some(ended) = self.tasks().try_join_next() {
            pass_on(ended);
        }
    }

    /// Waits for everything that was begun.
    async fn finished(&self) {
        loop {
            // Taken out: what is waited for may begin more.
            let mut tasks = std::mem::take(&mut *self.tasks());
            if tasks.is_empty() {
                return;
            }
            while let Some(ended) = tasks.join_next().await {
                pass_on(ended);
            }
        }
    }

    /// Looks at one name. Blocks.
    fn one(self: &Arc<Self>, item: Item, runtime: &Handle) {
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
        if entry.relative.ends_with(sidecar::SUFFIX) {
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
        let id = FileId(self.next_id.fetch_add(1, Ordering::Relaxed));
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

fn pass_on(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
