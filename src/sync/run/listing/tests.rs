//! Listings of a store in memory, by a clock that nobody waits for.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use proptest::collection::btree_set;
use proptest::prelude::*;

use super::ranges::MAX_BUFFERED;
use super::{Listing, Samples};
use crate::store::{
    Attributes, Condition, CopySource, Doomed, ETag, ErrorKind, ListEntry, ListFrom, ListPage, MultipartStore,
    ObjectInfo, ObjectKey, PartReceipt, Payload, Store, StoreError,
};

const PAGE_TIME: Duration = Duration::from_millis(100);

/// What a store does that it should not.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    IgnoresStartAfter,
    Unsorted,
    RepeatsPages,
    SameToken,
    EndlessEmptyPages,
    Fails(usize),
    Panics(usize),
    ForeignKeys,
}

struct MemoryStore {
    /// Ascending.
    keys: Vec<String>,
    page_len: usize,
    fault: Fault,
    /// Every so many pages one is empty although more follow; 0 is none.
    empty_every: usize,
    /// Random up to twice the usual time.
    random: Option<AtomicU64>,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    served: AtomicUsize,
    with_token: AtomicUsize,
}

struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl MemoryStore {
    fn new(keys: impl IntoIterator<Item = String>, page_len: usize) -> Self {
        let mut keys: Vec<String> = keys.into_iter().collect();
        keys.sort();
        Self {
            keys,
            page_len,
            fault: Fault::None,
            empty_every: 0,
            random: None,
            requests: AtomicUsize::default(),
            under_way: AtomicUsize::default(),
            most_under_way: AtomicUsize::default(),
            served: AtomicUsize::default(),
            with_token: AtomicUsize::default(),
        }
    }

    fn with_fault(keys: impl IntoIterator<Item = String>, page_len: usize, fault: Fault) -> Self {
        Self { fault, ..Self::new(keys, page_len) }
    }

    fn page(&self, prefix: &str, from: &ListFrom, number: usize) -> ListPage {
        let start = self.keys.partition_point(|key| key.as_str() < prefix);
        let end = start + self.keys[start..].partition_point(|key| key.starts_with(prefix));
        let at = match from {
            ListFrom::Start => start,
            ListFrom::After(_) if self.fault == Fault::IgnoresStartAfter => start,
            ListFrom::After(after) => self.keys.partition_point(|key| key <= after).clamp(start, end),
            ListFrom::Page(token) => token.split('.').next().unwrap().parse().unwrap(),
        };
        if self.fault == Fault::EndlessEmptyPages || self.fault == Fault::SameToken {
            let unique = if self.fault == Fault::SameToken { 0 } else { number };
            return ListPage { entries: Vec::new(), next: Some(format!("{at}.{unique}")) };
        }
        if self.empty_every > 0 && number.is_multiple_of(self.empty_every) {
            return ListPage { entries: Vec::new(), next: Some(format!("{at}.{number}")) };
        }
        let stop = end.min(at + self.page_len);
        let mut entries: Vec<_> = self.keys[at..stop].iter().map(|key| entry(key)).collect();
        let next = if self.fault == Fault::RepeatsPages { at } else { stop };
        match self.fault {
            Fault::Unsorted => entries.reverse(),
            Fault::ForeignKeys => entries.iter_mut().for_each(|entry| entry.key.insert(0, 'z')),
            _ => {}
        }
        ListPage { entries, next: (stop < end).then(|| format!("{next}.{number}")) }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn list(&self, prefix: &str, from: &ListFrom) -> Result<ListPage, StoreError> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.with_token.fetch_add(usize::from(matches!(from, ListFrom::Page(_))), Ordering::Relaxed);
        let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(now, Ordering::Relaxed);
        let _under_way = UnderWay(&self.under_way);
        let time = match &self.random {
            None => PAGE_TIME,
            Some(state) => {
                let step =
                    |state: u64| state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let state =
                    state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| Some(step(state))).unwrap();
                PAGE_TIME.mul_f64((state >> 33) as f64 / (1u64 << 30) as f64)
            }
        };
        sleep(time).await;
        match self.fault {
            Fault::Fails(nth) if number == nth => return Err(unavailable()),
            Fault::Panics(nth) if number == nth => panic!("a bug in the store"),
            _ => {}
        }
        self.served.fetch_add(1, Ordering::Relaxed);
        Ok(self.page(prefix, from, number))
    }

    async fn head(&self, _: &ObjectKey) -> Result<Option<ObjectInfo>, StoreError> {
        unreachable!("a listing only lists")
    }

    async fn read(
        &self,
        _: &ObjectKey,
        _: Option<&ETag>,
        _: Option<std::ops::Range<u64>>,
    ) -> Result<Option<crate::store::Reading>, StoreError> {
        unreachable!("only listed")
    }

    async fn get(&self, _: &ObjectKey, _: u64) -> Result<Option<(Vec<u8>, ETag)>, StoreError> {
        unreachable!("a listing only lists")
    }

    async fn put(&self, _: &ObjectKey, _: Payload, _: &Attributes, _: &Condition) -> Result<PartReceipt, StoreError> {
        unreachable!("a listing only lists")
    }

    async fn copy(
        &self,
        _: &CopySource,
        _: &ObjectKey,
        _: Option<&Attributes>,
        _: &Condition,
    ) -> Result<PartReceipt, StoreError> {
        unreachable!("a listing only lists")
    }

    async fn delete(&self, _: &[Doomed]) -> Result<Vec<(ObjectKey, StoreError)>, StoreError> {
        unreachable!("a listing only lists")
    }

    async fn tags(&self, _: &ObjectKey) -> Result<BTreeMap<String, String>, StoreError> {
        unreachable!("a listing only lists")
    }

    fn multipart(&self) -> Option<&dyn MultipartStore> {
        None
    }

    fn is_proven(&self) -> bool {
        false
    }

    fn url(&self, key: &ObjectKey) -> String {
        key.to_string()
    }

    fn requests(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn throttles(&self) -> u64 {
        0
    }
}

fn entry(key: &str) -> ListEntry {
    ListEntry { key: key.to_owned(), len: key.len() as u64, etag: ETag::new(key), modified: None }
}

fn unavailable() -> StoreError {
    StoreError {
        kind: ErrorKind::Unavailable,
        operation: "ListObjectsV2",
        target: "bucket".into(),
        message: "503".into(),
        source: None,
    }
}

fn start(store: &Arc<MemoryStore>, prefix: &str, at_once: usize, samples: Samples) -> Listing {
    let store: Arc<dyn Store> = Arc::clone(store) as _;
    Listing::start(store, prefix.to_owned(), NonZeroUsize::new(at_once).unwrap(), Arc::new(samples))
}

/// Every key, in the order in which they come.
async fn collect(mut listing: Listing) -> Result<Vec<String>, StoreError> {
    let mut keys = Vec::new();
    while let Some(entries) = listing.next().await {
        keys.extend(entries?.into_iter().map(|entry| entry.key));
    }
    assert!(listing.next().await.is_none());
    Ok(keys)
}

fn samples_of<'a>(keys: impl IntoIterator<Item = &'a String>) -> Samples {
    let samples = Samples::new();
    keys.into_iter().for_each(|key| samples.add(key));
    samples
}

fn below<'a>(keys: impl IntoIterator<Item = &'a String>, prefix: &str) -> Vec<String> {
    keys.into_iter().filter(|key| key.starts_with(prefix)).cloned().collect()
}

thread_local! {
    /// Milliseconds of the time in which a test runs: one passes when every task has had its turn.
    static TIME: Cell<u64> = const { Cell::new(0) };
}

/// Begins the time of a test, in the runtime of this thread.
fn begin_time() {
    TIME.set(0);
    tokio::spawn(async {
        loop {
            TIME.set(TIME.get() + 1);
            tokio::task::yield_now().await;
        }
    });
}

fn now() -> Duration {
    Duration::from_millis(TIME.get())
}

async fn sleep(time: Duration) {
    let until = now() + time;
    while now() < until {
        tokio::task::yield_now().await;
    }
}

/// Runs `test` to its end in a time of its own.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        begin_time();
        test.await
    })
}

// Speed.

/// How many times faster than page by page, and how many requests.
async fn measure(name: &str, keys: &[String], samples: Samples, at_once: usize, page_len: usize) -> (f64, usize) {
    let store = Arc::new(MemoryStore::new(keys.iter().cloned(), page_len));
    let started = now();
    let listed = collect(start(&store, "", at_once, samples)).await.unwrap();
    let factor = (PAGE_TIME * keys.len().div_ceil(page_len) as u32).as_secs_f64() / (now() - started).as_secs_f64();
    assert!(listed == store.keys, "{name}");
    let requests = store.requests.load(Ordering::Relaxed);
    assert!(store.most_under_way.load(Ordering::Relaxed) <= at_once);
    println!("{name}: {factor:.1} times, {requests} requests for {} pages", keys.len().div_ceil(page_len));
    (factor, requests)
}

fn tree(dirs: usize, files: usize) -> Vec<String> {
    let keys = (0..dirs).flat_map(|dir| (0..files).map(move |file| format!("tree/d{dir:03}/f{file:06}.bin")));
    let mut keys: Vec<_> = keys.collect();
    keys.sort();
    keys
}

fn flat(count: usize) -> Vec<String> {
    (1..=count).map(|file| format!("file-{file:06}")).collect()
}

fn hashes(count: usize) -> Vec<String> {
    let mut keys: Vec<_> =
        (0..count).map(|i| blake3::hash(&i.to_le_bytes()).to_hex().as_str()[..40].to_owned()).collect();
    keys.sort();
    keys
}

fn uuids(count: usize) -> Vec<String> {
    hashes(count).into_iter().map(|key| format!("{}-{}-{}", &key[..8], &key[8..12], &key[12..28])).collect()
}

/// Nine of ten keys in one of ten folders.
fn skewed(count: usize) -> Vec<String> {
    let mut keys: Vec<_> = (0..count)
        .map(|i| {
            let dir = if i % 10 == 0 { i / 10 % 10 } else { 4 };
            format!("data/part-{dir}/{}.json", &blake3::hash(&i.to_le_bytes()).to_hex().as_str()[..16])
        })
        .collect();
    keys.sort();
    keys
}

fn shapes(count: usize) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("tree of 1,000 a folder", tree(count / 1000, 1000)),
        ("tree of 100 a folder", tree(count / 100, 100)),
        ("tree of 20,000 a folder", tree(count / 20_000, 20_000)),
        ("flat", flat(count)),
        ("hashes", hashes(count)),
        ("uuids", uuids(count)),
        ("skewed", skewed(count)),
    ]
}

/// With every object on this machine too, as in most runs: as good as 16 at once can be, but for the first page.
#[tokio::test]
async fn local_names_make_it_fast() {
    begin_time();
    for (name, keys) in shapes(200_000) {
        let (factor, requests) = measure(name, &keys, samples_of(&keys), 16, 1000).await;
        assert!(factor >= 12.0 && requests <= 225, "{name}");
    }
}

#[tokio::test]
async fn few_local_names_and_none_make_it_fast() {
    begin_time();
    for (name, keys) in shapes(200_000) {
        let (factor, requests) = measure(name, &keys, samples_of(keys.iter().step_by(10)), 16, 1000).await;
        assert!(factor >= 5.5 && requests <= 280, "{name}");
        let (factor, requests) = measure(name, &keys, Samples::new(), 16, 1000).await;
        assert!(factor >= 6.0 && requests <= 280, "{name}");
    }
}

/// Many times as many pages as may be kept: the work has to stay near the consumer.
#[tokio::test]
async fn long_listings_stay_fast() {
    begin_time();
    for (name, keys) in shapes(60_000).into_iter().filter(|(_, keys)| !keys.is_empty()) {
        let (factor, requests) = measure(name, &keys, Samples::new(), 16, 50).await;
        assert!(factor >= 4.0 && requests <= 1900, "{name}");
    }
}

// Equality.

/// Keys that are alike, with characters of every kind.
fn keys() -> impl Strategy<Value = Vec<String>> {
    let key =
        prop_oneof!["p/[a-c]{0,3}[0-9]{1,3}", "p/d[0-9]/[ab\\x01é~]{1,3}", "[o-q]/?[zé\u{10ffff}]{0,2}", "p/.{1,3}"];
    btree_set(key, 0..120).prop_map(|keys| keys.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn the_listing_is_what_the_store_has(
        keys in keys(),
        others in keys(),
        which in 0..4usize,
        page_len in 1..=10usize,
        at_once in 1..=8usize,
        empty_every in prop_oneof![Just(0), 2..5usize],
        seed in any::<u64>(),
    ) {
        let samples = match which {
            0 => Samples::new(),
            1 => samples_of(keys.iter().step_by(3)),
            2 => samples_of(&others),
            _ => samples_of(&keys[keys.len() / 2..]),
        };
        for prefix in ["p/", "", "p/d", "nothing"] {
            let mut store = MemoryStore::new(keys.iter().cloned(), page_len);
            store.empty_every = empty_every;
            store.random = Some(seed.into());
            let store = Arc::new(store);
            let names = Samples::new();
            let kept = below(&keys, prefix);
            if prefix == "p/" {
                others.iter().filter(|_| which == 2).for_each(|key| names.add(key));
            }
            let samples = if prefix.is_empty() { samples_of(below(&keys, "p/").iter().take(which * 20)) } else { names };
            let listed = block_on(async { collect(start(&store, prefix, at_once, samples)).await }).unwrap();
            prop_assert_eq!(&listed, &kept);
            let pages = kept.len().div_ceil(page_len).max(1);
            let requests = store.requests.load(Ordering::Relaxed);
            prop_assert!(store.most_under_way.load(Ordering::Relaxed) <= at_once);
            if empty_every == 0 {
                prop_assert!(requests <= if at_once == 1 { pages } else { 3 * pages + 2 * at_once }, "{} of {}", requests, pages);
            }
        }
        let store = Arc::new(MemoryStore::new(keys.iter().cloned(), page_len));
        prop_assert_eq!(block_on(async { collect(start(&store, "p/", at_once, samples)).await }).unwrap(), below(&keys, "p/"));
    }
}

#[tokio::test]
async fn one_page_is_one_request() {
    begin_time();
    for count in [0, 1, 1000] {
        let store = Arc::new(MemoryStore::new(flat(count), 1000));
        let samples = samples_of(&flat(100_000));
        assert_eq!(collect(start(&store, "file-", 16, samples)).await.unwrap().len(), count);
        assert_eq!(store.requests.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn one_at_once_goes_by_tokens() {
    begin_time();
    let store = Arc::new(MemoryStore::new(flat(95), 10));
    assert_eq!(collect(start(&store, "", 1, Samples::new())).await.unwrap(), flat(95));
    assert_eq!(store.with_token.load(Ordering::Relaxed), 9);
}

// Stores that misbehave.

#[tokio::test]
async fn a_store_that_ignores_where_to_start_is_listed_serially() {
    begin_time();
    for at_once in [1, 2, 16] {
        let store = Arc::new(MemoryStore::with_fault(flat(1000), 10, Fault::IgnoresStartAfter));
        assert_eq!(collect(start(&store, "", at_once, samples_of(&flat(1000)))).await.unwrap(), flat(1000));
        assert!(store.requests.load(Ordering::Relaxed) <= 100 + 2 * at_once);
    }
}

#[tokio::test]
async fn disorder_is_an_error() {
    begin_time();
    use Fault::{EndlessEmptyPages, ForeignKeys, RepeatsPages, SameToken, Unsorted};
    for fault in [Unsorted, RepeatsPages, SameToken, EndlessEmptyPages, ForeignKeys] {
        for at_once in [1, 4] {
            let store = Arc::new(MemoryStore::with_fault(flat(100), 10, fault));
            let listed = collect(start(&store, "file-", at_once, Samples::new())).await;
            // A page that is repeated by its token does no harm where no token is used.
            if fault == RepeatsPages && at_once > 1 {
                assert_eq!(listed.unwrap(), flat(100));
                continue;
            }
            let error = listed.expect_err(&format!("{fault:?}, {at_once}"));
            assert_eq!((error.kind, error.operation), (ErrorKind::Other, "ListObjectsV2"), "{fault:?}");
            assert!(store.requests.load(Ordering::Relaxed) < 2100, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn an_error_ends_the_listing() {
    begin_time();
    for nth in [1, 2, 5, 30] {
        for at_once in [1, 8] {
            let store = Arc::new(MemoryStore::with_fault(flat(1000), 10, Fault::Fails(nth)));
            let error = collect(start(&store, "", at_once, samples_of(&flat(1000)))).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unavailable);
            sleep(PAGE_TIME * 10).await;
            assert_eq!(store.under_way.load(Ordering::Relaxed), 0);
            assert!(store.requests.load(Ordering::Relaxed) < nth + 2 * at_once);
        }
    }
}

/// A listing that lacks keys would pass for a whole one if a panic looked like its end.
#[tokio::test]
#[should_panic(expected = "a bug in the store")]
async fn a_panic_does_not_pass_for_the_end() {
    begin_time();
    let store = Arc::new(MemoryStore::with_fault(flat(1000), 10, Fault::Panics(20)));
    let _ = collect(start(&store, "", 8, Samples::new())).await;
}

#[tokio::test]
async fn dropping_it_stops_all_requests() {
    begin_time();
    let store = Arc::new(MemoryStore::new(flat(10_000), 10));
    let mut listing = start(&store, "", 8, samples_of(&flat(10_000)));
    listing.next().await.unwrap().unwrap();
    sleep(PAGE_TIME * 5 / 2).await;
    assert_eq!(store.under_way.load(Ordering::Relaxed), 8);
    drop(listing);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(store.under_way.load(Ordering::Relaxed), 0);
    let requests = store.requests.load(Ordering::Relaxed);
    sleep(PAGE_TIME * 10).await;
    assert_eq!(store.requests.load(Ordering::Relaxed), requests);
}

#[tokio::test]
async fn a_slow_consumer_does_not_fill_the_memory() {
    begin_time();
    for samples in [Samples::new(), samples_of(&flat(10_000))] {
        let store = Arc::new(MemoryStore::new(flat(10_000), 10));
        let mut listing = start(&store, "", 16, samples);
        let (mut parts, mut keys) = (0, 0);
        while let Some(entries) = listing.next().await {
            keys += entries.unwrap().len();
            parts += 1;
            sleep(PAGE_TIME * if parts < 5 { 100 } else { 1 }).await;
            // One page more is on its way to the consumer, and one is the one that it waits for.
            let held = store.served.load(Ordering::Relaxed).saturating_sub(keys / 10);
            assert!(parts >= 5 || held <= MAX_BUFFERED + 16, "{held} pages");
        }
        assert_eq!(keys, 10_000);
    }
}
