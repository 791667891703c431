//! A run: the source and the destination merged name by name, every file on its way, deletions at the very end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::deletes::{self, Deletes};
use super::job::{Download, Job, Way};
use super::listing::{Listing, Samples};
use super::merge::{Item, Listed, Merge};
use crate::sidecar;
use crate::store::{Found, Store, StoreError};
use crate::sync::context::Context;
use crate::sync::evidence::index::Remembering;
use crate::sync::options::{Comparison, Missing, SyncOptions};
use crate::sync::pace::turns::Pace;
use crate::sync::put::remote::Remote;
use crate::sync::report::reporter::Reporter;
use crate::sync::report::{ErrorReport, Summary};
use crate::sync::report::{Event, FileId, Observer};

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
    let summary = Summary::new(job.way.direction(), job.destination, options.dry_run);
    let here = job.way.here();
    let download = match job.way {
        Way::Up(_) => None,
        Way::Down(download) => Some(Arc::new(download)),
    };
    // Its own token: an error that concerns all files stops the others too, and is no interruption by the user.
    let stop = cancel.child_token();
    let context = Arc::new(Context {
        index: Remembering::of(&job.prefix, options.shard),
        pace: Pace::new(&options, Arc::clone(&store), stop.clone()),
        reporter: Reporter::new(observer, summary, options.report_all),
        source: here,
        prefix: job.prefix,
        store: Arc::clone(&store),
        options,
        cancel: stop.clone(),
    });
    context.reporter.tell(&Event::RunStarted);
    let run = Arc::new(Run::new(Arc::clone(&context), is_tree, download));
    let merged = run.merge().await;
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
            match &run.download {
                Some(_) => run.delete_here(gathered, &destination).await,
                None => deletes::execute(&context, gathered, rules, &destination, is_tree).await,
            }
        }
        if is_tree && run.download.is_none() && remembers(&context.options) {
            context.index.remember(&*context.store, context.options.dry_run).await;
        }
    }
    if run.download.is_some() && !context.options.dry_run {
        run.flush().await;
    }
    let mut summary = context.reporter.summary();
    let (down, up) = context.index.moved();
    summary.add_index(down, up);
    summary.finish(cancel.is_cancelled(), store.requests(), started.elapsed());
    Ok(summary.clone())
}

/// Whether the index of the prefix is used.
fn remembers(options: &SyncOptions) -> bool {
    options.sidecars && options.comparison == Comparison::Content
}

/// What the parts of a run share beside the context.
pub(super) struct Run {
    pub(super) context: Arc<Context>,
    deletes: Mutex<Deletes>,
    /// What was begun and has not been waited for.
    tasks: Mutex<JoinSet<()>>,
    /// Threads that look at small files.
    readers: Arc<Semaphore>,
    /// Large files under way.
    pub(super) large: Arc<Semaphore>,
    next_id: AtomicU64,
    samples: Arc<Samples>,
    pub(super) is_tree: bool,
    /// What a download is about; an upload has none.
    pub(super) download: Option<Arc<Download>>,
}

impl Run {
    fn new(context: Arc<Context>, is_tree: bool, download: Option<Arc<Download>>) -> Self {
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
            download,
            context,
        }
    }

    pub(super) fn deletes(&self) -> MutexGuard<'_, Deletes> {
        self.deletes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it matters what only the destination has.
    pub(super) fn tracks_deletes(&self) -> bool {
        self.context.options.delete.extraneous || self.context.options.missing == Missing::Delete
    }

    /// A number for a file.
    pub(super) fn next_id(&self) -> FileId {
        FileId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Walks the side that is here on a thread of its own.
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
    async fn merge(self: &Arc<Self>) -> Result<(), StoreError> {
        if let Some((object, _)) = self.download.as_ref().and_then(|download| download.single.clone()) {
            self.look_at(vec![Item::Foreign { object, covered: false }]).await;
            return Ok(());
        }
        let found = self.walk();
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
        let is_download = self.download.is_some();
        let few = is_small && !self.tracks_deletes() && !is_download;
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
        // What only the store has is what a download is about.
        let to_the_end = is_download || self.tracks_deletes();
        let mut merge = Merge::new(first, found, listing, context.prefix.len(), to_the_end);
        let mut batch = Vec::with_capacity(LOOKED_AT_ONCE);
        loop {
            let Some(item) = merge.next().await? else { break };
            if self.tracks_deletes() && !is_download && matches!(item, Item::Local { .. }) {
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

    /// Whether an item is something to transfer, as far as its names tell.
    fn is_file(&self, item: &Item) -> bool {
        match item {
            Item::Local { remote, .. } => self.download.is_none() || matches!(remote, Remote::Listed(_)),
            Item::LeftOut { .. } => false,
            Item::Foreign { object, .. } => {
                self.download.is_some() && !object.key.ends_with('/') && !object.key.ends_with(sidecar::SUFFIX)
            }
        }
    }

    /// Has a thread look at some items, when one is free.
    async fn look_at(self: &Arc<Self>, batch: Vec<Item>) {
        let files = batch.iter().filter(|item| self.is_file(item)).count() as u64;
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

    pub(super) fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
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
        match &self.download {
            Some(download) => self.down(&Arc::clone(download), item, runtime),
            None => self.up(item, runtime),
        }
    }
}

fn pass_on(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
