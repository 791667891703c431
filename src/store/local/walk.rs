//! The walk: entries in the byte order of their keys, from folders that several threads read ahead.
//!
//! It decides nothing about what is selected and opens no file.
//!
//! The caller's thread goes through the tree depth first. Threads beside it read the folders that come next, the nearest
//! first, until they hold [`MAX_AHEAD`]; a folder that nobody has begun when its turn comes the caller's thread reads
//! itself, so it never waits for anything that waits for it. What is held beyond that is the listings of the folders on
//! the way to the current one, since a folder can be told in order only when all of its names are known.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use super::folder::{Folder, Kind, Listing, Reader, Unread};
use crate::store::source::{Found, Skipped, SourceEntry};

/// How many bytes of listings are read ahead before threads stop to begin another one: some 200,000 names.
const MAX_AHEAD: usize = 4 << 20;

/// Tells everything that is selected below `root`, in the byte order of the names.
pub(super) fn walk(
    root: &Path,
    reader: &Reader,
    threads: NonZeroUsize,
    found: &mut dyn FnMut(Found) -> ControlFlow<()>,
) {
    walk_ahead(root, reader, threads, MAX_AHEAD, found);
}

fn walk_ahead(
    root: &Path,
    reader: &Reader,
    threads: NonZeroUsize,
    max_held: usize,
    found: &mut dyn FnMut(Found) -> ControlFlow<()>,
) {
    if !reader.selection.selects_root() {
        return;
    }
    let ahead = Ahead {
        reader,
        max_held,
        stopped: AtomicBool::new(false),
        state: Mutex::default(),
        work: Condvar::new(),
        ready: Condvar::new(),
    };
    std::thread::scope(|scope| {
        // Also when `found` panics: the scope waits for the threads.
        let _stop = StopOnDrop(&ahead);
        let listing = match reader.read(Folder::root(), &mut Vec::new(), &ahead.stopped) {
            Ok(listing) => Arc::new(listing),
            Err(unread) => {
                let _ = found(unread_folder(root, "", unread));
                return;
            }
        };
        ahead.offer(&mut ahead.lock(), &listing, 0);
        if listing.folders() > 0 {
            for _ in 0..threads.get() {
                // Where there is no thread to be had, the caller's does all.
                let _ = Builder::new().name("walk".to_owned()).spawn_scoped(scope, || ahead.work());
            }
        }
        let _ = tell(root, &ahead, listing, found);
    });
}

/// Where the caller's thread is in a folder.
struct Position {
    listing: Arc<Listing>,
    /// The next item.
    next: usize,
    /// How many folders are among the items before it.
    folders: usize,
}

fn tell(
    root: &Path,
    ahead: &Ahead<'_>,
    listing: Arc<Listing>,
    found: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut buffer = Vec::new();
    tell_nameless(root, &listing, found)?;
    let mut stack = vec![Position { listing, next: 0, folders: 0 }];
    while let Some(position) = stack.last_mut() {
        if position.next == position.listing.len() {
            stack.pop();
            continue;
        }
        let (relative, kind) = position.listing.item(position.next);
        position.next += 1;
        match kind {
            Kind::Entry(kind) => found(Found::Entry(SourceEntry { relative, kind }))?,
            Kind::LeftOut(why) => {
                let path = root.join(relative.trim_end_matches('/'));
                found(Found::LeftOut { path, relative: Some(relative), why: why.into() })?;
            }
            Kind::Folder => {
                let nth = position.folders;
                position.folders += 1;
                match ahead.take(&position.listing, nth, &relative, &mut buffer) {
                    Some(Ok(listing)) => {
                        tell_nameless(root, &listing, found)?;
                        stack.push(Position { listing, next: 0, folders: 0 });
                    }
                    Some(Err(unread)) => found(unread_folder(root, &relative, unread))?,
                    None => return ControlFlow::Break(()),
                }
            }
        }
    }
    ControlFlow::Continue(())
}

fn tell_nameless(root: &Path, listing: &Listing, found: &mut dyn FnMut(Found) -> ControlFlow<()>) -> ControlFlow<()> {
    for (name, why) in &listing.nameless {
        let path = root.join(listing.relative()).join(name);
        found(Found::LeftOut { path, relative: None, why: (*why).into() })?;
    }
    ControlFlow::Continue(())
}

/// A folder that cannot be read: nothing of it is known, whatever the reason, so nothing in it counts as gone.
fn unread_folder(root: &Path, relative: &str, unread: Unread) -> Found {
    let folder = root.join(relative.trim_end_matches('/'));
    let path = match unread.ignore_file {
        Some(name) => folder.join(name),
        None if relative.is_empty() => root.to_owned(),
        None => folder,
    };
    let relative = (!relative.is_empty()).then(|| relative.to_owned());
    Found::LeftOut { path, relative, why: Skipped::Unreadable(unread.error) }
}

/// Folders that are read before their turn.
struct Ahead<'a> {
    reader: &'a Reader,
    /// Bytes of listings that are read ahead, [`MAX_AHEAD`] but for tests.
    max_held: usize,
    /// Whether the threads are to end; set with `state` locked, so that none misses it before it waits.
    stopped: AtomicBool,
    state: Mutex<State>,
    /// There may be a folder to begin.
    work: Condvar,
    /// A folder has been read.
    ready: Condvar,
}

#[derive(Default)]
struct State {
    /// The next folder that nobody has begun, of each listing that has one, by name. Names of folders end in a slash, so
    /// their byte order is the order in which they are told.
    next: BTreeMap<String, (Arc<Listing>, usize)>,
    /// Folders that are being read (`None`) or have been, by name.
    begun: HashMap<String, Option<Result<Arc<Listing>, Unread>>>,
    /// The bytes of the listings in `begun`.
    held: usize,
}

impl Ahead<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Puts the `nth` folder of a listing up for reading, where there is one.
    fn offer(&self, state: &mut State, listing: &Arc<Listing>, nth: usize) {
        if nth < listing.folders() {
            state.next.insert(listing.folder_name(nth), (listing.clone(), nth));
            self.work.notify_one();
        }
    }

    /// What a thread does: reads the nearest folder that nobody has begun, while there is room.
    fn work(&self) {
        // A thread that panics must not be waited for.
        let _stop = StopOnDrop(self);
        let mut buffer = Vec::new();
        let mut state = self.lock();
        while !self.has_stopped() {
            let nearest = if state.held < self.max_held { state.next.pop_first() } else { None };
            let Some((name, (parent, nth))) = nearest else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            self.offer(&mut state, &parent, nth + 1);
            state.begun.insert(name.clone(), None);
            drop(state);
            let read = self.reader.read(parent.folder(nth), &mut buffer, &self.stopped).map(Arc::new);
            drop(parent);
            state = self.lock();
            if let Ok(listing) = &read {
                state.held += listing.memory();
                self.offer(&mut state, listing, 0);
            }
            state.begun.insert(name, Some(read));
            self.ready.notify_one();
        }
    }

    /// The `nth` folder of a listing, called `name`, whose turn it is. `None` where a thread has panicked.
    fn take(
        &self,
        parent: &Arc<Listing>,
        nth: usize,
        name: &str,
        buffer: &mut Vec<u8>,
    ) -> Option<Result<Arc<Listing>, Unread>> {
        let mut state = self.lock();
        loop {
            match state.begun.get(name) {
                None => break,
                Some(Some(_)) => {
                    let read = state.begun.remove(name).flatten()?;
                    if let Ok(listing) = &read {
                        let held = state.held;
                        state.held -= listing.memory();
                        // Not for each listing, or the threads would be woken for every one.
                        if held >= self.max_held / 2 && state.held < self.max_held / 2 {
                            self.work.notify_all();
                        }
                    }
                    return Some(read);
                }
                Some(None) if self.has_stopped() => return None,
                Some(None) => state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.next.remove(name);
        self.offer(&mut state, parent, nth + 1);
        drop(state);
        let read = self.reader.read(parent.folder(nth), buffer, &self.stopped).map(Arc::new);
        if let Ok(listing) = &read {
            self.offer(&mut self.lock(), listing, 0);
        }
        Some(read)
    }
}

/// Ends the threads.
struct StopOnDrop<'a>(&'a Ahead<'a>);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        let state = self.0.lock();
        self.0.stopped.store(true, Ordering::Relaxed);
        drop(state);
        self.0.work.notify_all();
        self.0.ready.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::create_dir_all;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;
    use crate::store::local::options::MIN_THREADS;
    use crate::store::local::{LocalTree, TreeOptions};
    use crate::store::source::Source;

    fn names(root: &Path, threads: usize) -> Vec<String> {
        let threads = NonZeroUsize::new(threads).expect("some");
        let tree =
            LocalTree::new(root.to_owned(), TreeOptions { threads, ..TreeOptions::default() }).expect("a folder");
        let mut names = Vec::new();
        tree.walk(&mut |found| {
            names.push(found.relative().expect("a name").to_owned());
            ControlFlow::Continue(())
        });
        names
    }

    /// All files, found one after the other and sorted at the end.
    fn sorted(root: &Path) -> Vec<String> {
        let mut folders = vec![PathBuf::new()];
        let mut names = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(root.join(&folder)).expect("a folder") {
                let entry = entry.expect("an entry");
                let path = folder.join(entry.file_name());
                if entry.file_type().expect("a kind").is_dir() {
                    folders.push(path);
                } else {
                    names.push(path.to_str().expect("UTF-8").to_owned());
                }
            }
        }
        names.sort();
        names
    }

    /// Names whose bytes lie on both sides of the slash, and that start one another.
    fn component() -> impl Strategy<Value = String> {
        let names = ["a", "a-", "a.b", "a!", "a0", "a a", "aa", "b", "-", "é", "a\u{7f}", ".h", "~"];
        prop::sample::select(names.to_vec()).prop_map(str::to_owned)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn the_order_is_that_of_the_keys(
            paths in prop::collection::vec(prop::collection::vec(component(), 1..5), 0..60),
            empty in prop::collection::vec(prop::collection::vec(component(), 1..5), 0..5),
        ) {
            let root = tempfile::tempdir().expect("a folder");
            for folder in empty {
                create_dir_all(root.path().join(folder.join("/"))).expect("folders");
            }
            for path in paths {
                let path = root.path().join(path.join("/"));
                // Where a file is in the way of a folder, or the other way round, the first stays.
                if create_dir_all(path.parent().expect("below the root")).is_ok() && !path.exists() {
                    std::fs::write(path, "").expect("a file");
                }
            }
            prop_assert_eq!(names(root.path(), 2), sorted(root.path()));
        }
    }

    /// Hundreds of folders that have files before, between and behind their folders.
    fn bushy() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        for i in 0..8 {
            for j in 0..8 {
                for k in 0..8 {
                    let folder = root.path().join(format!("{i}/{j}/{k}"));
                    create_dir_all(&folder).expect("folders");
                    for name in ["!", "5", "~"] {
                        std::fs::write(folder.join(name), "").expect("a file");
                        std::fs::write(folder.parent().expect("one").join(format!("{k}{name}")), "").expect("a file");
                    }
                }
            }
        }
        root
    }

    /// The order is kept, and no folder is read twice or forgotten, whatever the room for reading ahead.
    #[test]
    fn reading_ahead_changes_nothing() {
        let root = bushy();
        let expected = sorted(root.path());
        assert_eq!(names(root.path(), 8), expected);
        let tree = LocalTree::new(root.path().to_owned(), TreeOptions::default()).expect("a folder");
        for max_held in [0, 1, 1000, 5000, 50_000] {
            let mut names = Vec::new();
            walk_ahead(root.path(), tree.reader(), MIN_THREADS, max_held, &mut |found| {
                names.push(found.relative().expect("a name").to_owned());
                ControlFlow::Continue(())
            });
            assert_eq!(names, expected, "{max_held} bytes ahead");
        }
    }

    #[test]
    fn a_walk_ends_when_it_is_told_to() {
        let root = bushy();
        let tree = LocalTree::new(root.path().to_owned(), TreeOptions::default()).expect("a folder");
        for last in [1, 2, 7, 500, 3000] {
            let mut count = 0;
            tree.walk(&mut |_| {
                count += 1;
                if count == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert_eq!(count, last);
        }
    }

    #[test]
    fn a_folder_that_is_being_read_is_given_up() {
        let root = tempfile::tempdir().expect("a folder");
        let tree = LocalTree::new(root.path().to_owned(), TreeOptions::default()).expect("a folder");
        let read = |stop| tree.reader().read(Folder::root(), &mut Vec::new(), &AtomicBool::new(stop));
        assert_eq!(read(true).expect_err("it is stopped").error.kind(), std::io::ErrorKind::Interrupted);
        assert_eq!(read(false).expect("it can be read").len(), 0);
    }

    #[test]
    fn a_panic_of_the_caller_ends_the_threads() {
        let root = bushy();
        let tree = LocalTree::new(root.path().to_owned(), TreeOptions::default()).expect("a folder");
        let walk = std::panic::AssertUnwindSafe(|| tree.walk(&mut |_| panic!("on purpose")));
        assert!(std::panic::catch_unwind(walk).is_err());
    }

    #[test]
    fn folders_may_be_nested_deeply() {
        let root = tempfile::tempdir().expect("a folder");
        let mut expected = BTreeSet::new();
        let mut folder = String::new();
        for depth in 0..300 {
            for name in ["a", "c"] {
                std::fs::write(root.path().join(&folder).join(name), "").expect("a file");
                expected.insert(format!("{folder}{name}"));
            }
            folder.push_str(if depth % 2 == 0 { "b/" } else { "bb/" });
            std::fs::create_dir(root.path().join(&folder)).expect("a folder");
        }
        assert!(names(root.path(), 2).into_iter().eq(expected));
    }

    #[test]
    fn a_folder_may_hold_very_many_files() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(root.path().join("0"), "").expect("a file");
        // Links to one file cost no inodes; 65,000 is ext4's limit for one file.
        for i in 1..20_000 {
            std::fs::hard_link(root.path().join("0"), root.path().join(i.to_string())).expect("a name");
        }
        let mut expected: Vec<String> = (0..20_000).map(|i| i.to_string()).collect();
        expected.sort();
        assert_eq!(names(root.path(), 2), expected);
    }

    /// A folder that is something else, or gone, when its turn comes is unreadable: nothing in it counts as gone.
    #[test]
    fn folders_that_change_after_they_were_listed_are_unreadable() {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["file", "gone", "link"] {
            create_dir_all(root.path().join(name).join("sub")).expect("folders");
        }
        let tree = LocalTree::new(root.path().to_owned(), TreeOptions::default()).expect("a folder");
        let reader = tree.reader();
        let go_on = AtomicBool::new(false);
        let listing = reader.read(Folder::root(), &mut Vec::new(), &go_on).expect("it can be read");
        for name in ["file", "gone", "link"] {
            std::fs::remove_dir_all(root.path().join(name)).expect("it is removed");
        }
        std::fs::write(root.path().join("file"), "").expect("a file");
        std::os::unix::fs::symlink("/", root.path().join("link")).expect("a link");
        assert_eq!(listing.folders(), 3);
        for nth in 0..3 {
            let unread =
                reader.read(listing.folder(nth), &mut Vec::new(), &go_on).expect_err("it is no folder any more");
            let name = listing.folder_name(nth);
            let found = unread_folder(root.path(), &name, unread);
            assert_eq!(found.relative(), Some(name.as_str()));
            assert!(matches!(found, Found::LeftOut { why: Skipped::Unreadable(_), .. }), "{found:?}");
        }
    }
}
