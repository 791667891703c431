//! The ranges that a listing is cut into: which request comes next, and what its answer means.
//!
//! Pure: it sends nothing. A range holds the keys behind its lower bound up to and including its upper one, because that
//! is what a listing that starts behind a key can do without asking twice for the key in between.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;

use thiserror::Error;

use super::cut::{Alphabet, common};
use super::samples::Samples;
use crate::store::{ListEntry, ListFrom, ListPage};

/// The most pages that wait for the consumer. A page of S3 has 1,000 keys, some 200 KB.
pub(super) const MAX_BUFFERED: usize = 128;
/// How many pages ahead of the consumer it is worth to fetch.
const WINDOW: f64 = MAX_BUFFERED as f64;
/// Cuts of a range that are tried at once.
const MAX_UNPROVEN: usize = 4;
/// Cuts of a range that led nowhere before its next page has to come first.
const MAX_MISSES: u32 = 3;
/// The most pages in a row that a store may leave empty although more follow.
const MAX_EMPTY: u32 = 1000;

/// What a store did that no listing may do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Disorder {
    #[error("the listing has {key:?} although keys behind {after:?} were asked for")]
    NotBehind { key: String, after: String },
    #[error("the listing has {key:?} behind {before:?}: it is not in ascending order")]
    NotAscending { key: String, before: String },
    #[error("the listing has {key:?}, which does not start with {prefix:?}")]
    NotBelow { key: String, prefix: String },
    #[error("the listing goes nowhere: it gives the same token again, and no key")]
    SameToken,
    #[error("the listing goes nowhere: {MAX_EMPTY} pages without a key")]
    Empty,
}

/// Where a listing that is read in one pass, or one of its ranges, stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    /// The last key that was seen, or what was asked for; empty at the start, which no key is.
    pub(super) after: String,
    /// The token of the last page, where it was not enough to go on behind its last key.
    pub(super) token: Option<String>,
    empty: u32,
}

impl Cursor {
    /// Behind a key.
    pub(super) fn behind(after: String) -> Self {
        Self { after, ..Self::default() }
    }

    /// What asks for the next page.
    pub(super) fn from(&self) -> ListFrom {
        match &self.token {
            Some(token) => ListFrom::Page(token.clone()),
            None if self.after.is_empty() => ListFrom::Start,
            None => ListFrom::After(self.after.clone()),
        }
    }

    /// Checks that `page` goes on from here, and moves behind it.
    pub(super) fn advance(&mut self, prefix: &str, page: &ListPage) -> Result<(), Disorder> {
        let mut before = self.after.as_str();
        for (place, entry) in page.entries.iter().enumerate() {
            let key = entry.key.clone();
            match (entry.key.as_str() > before, place) {
                (true, _) => {}
                (false, 0) => return Err(Disorder::NotBehind { key, after: before.to_owned() }),
                (false, _) => return Err(Disorder::NotAscending { key, before: before.to_owned() }),
            }
            if !key.starts_with(prefix) {
                return Err(Disorder::NotBelow { key, prefix: prefix.to_owned() });
            }
            before = &entry.key;
        }
        if page.entries.is_empty() && page.next.is_some() {
            self.empty += 1;
            if self.token == page.next {
                return Err(Disorder::SameToken);
            }
            if self.empty == MAX_EMPTY {
                return Err(Disorder::Empty);
            }
        } else {
            self.empty = 0;
        }
        if let Some(last) = page.entries.last() {
            self.after.clone_from(&last.key);
        }
        self.token.clone_from(&page.next);
        Ok(())
    }
}

/// Keys behind a cursor, up to and including `until`.
#[derive(Debug)]
struct Range {
    id: u64,
    cursor: Cursor,
    /// `None` is the end of the listing.
    until: Option<String>,
    fetching: bool,
    done: bool,
    /// Where the cursor stood before its last page; `None` before there is one. So far does a page go.
    before: Option<String>,
    /// The byte of the keys that is raised next to cut it.
    level: usize,
    /// How many pages it was thought to have when it was cut off.
    expected: f64,
    /// Cuts that led nowhere, less the pages that came since.
    misses: u32,
    pages: VecDeque<Vec<ListEntry>>,
}

/// All ranges that are not yet consumed, in order.
#[derive(Debug)]
pub(super) struct Ranges {
    prefix: String,
    at_once: usize,
    samples: Arc<Samples>,
    list: VecDeque<Range>,
    next_id: u64,
    fetching: usize,
    buffered: usize,
    /// The longest page so far, in keys.
    page_len: u64,
    alphabet: Alphabet,
    /// Answers without a key that the listing can still afford, in halves: a useful page earns one half.
    credit: i64,
}

impl Ranges {
    /// One range: everything.
    pub(super) fn new(prefix: String, at_once: NonZeroUsize, samples: Arc<Samples>) -> Self {
        let mut ranges = Self {
            alphabet: Alphabet::new(prefix.len()),
            prefix,
            at_once: at_once.get(),
            samples,
            list: VecDeque::new(),
            next_id: 0,
            fetching: 0,
            buffered: 0,
            page_len: 0,
            credit: 2 * at_once.get() as i64,
        };
        ranges.insert(0, String::new(), None, usize::MAX, 0.0);
        ranges
    }

    /// Whether all is listed and consumed.
    pub(super) fn is_done(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there is a page for the consumer.
    pub(super) fn is_ready(&self) -> bool {
        self.list.front().is_some_and(|range| !range.pages.is_empty())
    }

    /// The next page for the consumer.
    pub(super) fn pop(&mut self) -> Option<Vec<ListEntry>> {
        let page = self.list.front_mut()?.pages.pop_front()?;
        self.buffered -= 1;
        self.sweep();
        Some(page)
    }

    /// The next request that is worth sending now, and the range that it is for.
    pub(super) fn request(&mut self) -> Option<(u64, ListFrom)> {
        if self.fetching == self.at_once {
            return None;
        }
        let waiting = (0..self.list.len()).find(|&at| !self.list[at].fetching && !self.list[at].done && self.room(at));
        let at = match waiting {
            Some(at) => {
                self.shorten(at);
                at
            }
            None => self.split()?,
        };
        let range = &mut self.list[at];
        range.fetching = true;
        self.fetching += 1;
        Some((range.id, range.cursor.from()))
    }

    /// Takes the answer to a request for range `id`.
    pub(super) fn answer(&mut self, id: u64, page: ListPage) -> Result<(), Disorder> {
        self.fetching -= 1;
        let Some(mut at) = self.list.iter().position(|range| range.id == id) else { return Ok(()) };
        let range = &mut self.list[at];
        range.fetching = false;
        let before = range.cursor.after.clone();
        range.cursor.advance(&self.prefix, &page)?;
        self.page_len = self.page_len.max(page.entries.len() as u64);
        page.entries.iter().for_each(|entry| self.alphabet.learn(&entry.key));

        let is_last = page.next.is_none();
        let within = self.list[at].until.as_deref();
        let useful = page.entries.first().is_some_and(|first| within.is_none_or(|until| first.key.as_str() <= until));
        self.credit += if useful { 1 } else { -2 };
        if at > 0 {
            let left = &mut self.list[at - 1];
            left.misses = if useful { 0 } else { left.misses + 1 };
        }
        // What runs over the end of the range is the beginning of the next one, if nobody has asked for that yet.
        let mut rest = self.fill(at, before, page.entries, is_last);
        while !rest.is_empty() || is_last {
            at += 1;
            let Some(next) = self.list.get_mut(at).filter(|range| !range.fetching && range.before.is_none()) else {
                break;
            };
            if next.done || next.cursor.token.is_some() {
                break;
            }
            let before = next.cursor.after.clone();
            if let Some(last) = rest.last() {
                next.cursor.after.clone_from(&last.key);
            }
            rest = self.fill(at, before, rest, is_last);
        }
        self.sweep();
        Ok(())
    }

    /// Gives `entries` to the range at `at`, whose cursor stands behind them. Returns those that lie behind its end.
    fn fill(&mut self, at: usize, before: String, mut entries: Vec<ListEntry>, is_last: bool) -> Vec<ListEntry> {
        let base = self.prefix.len();
        let range = &mut self.list[at];
        let within = match &range.until {
            Some(until) => entries.partition_point(|entry| entry.key <= *until),
            None => entries.len(),
        };
        let rest = entries.split_off(within);
        range.done = is_last || range.until.as_ref().is_some_and(|until| range.cursor.after >= *until);
        if range.cursor.token.is_some() && !entries.is_empty() {
            // Only where a page has no key that one could go on behind is its token needed.
            range.cursor.token = None;
        }
        if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
            // At the very start there is nothing to measure from but the first key.
            let before = if before.is_empty() { first.key.clone() } else { before };
            let differ = common(&before, &last.key).max(base);
            range.level = match &range.before {
                None => range.level.min(differ.saturating_sub(1)).max(base),
                Some(_) => range.level.min(differ),
            };
            range.before = Some(before);
            range.misses = range.misses.saturating_sub(1);
            range.pages.push_back(entries);
            self.buffered += 1;
        }
        rest
    }

    /// Whether the range at `at` may fetch a page. The one that the consumer waits for always may. Another may only if what
    /// is consumed before it probably fits into memory together with it: pages from far ahead would be in the way.
    fn room(&self, at: usize) -> bool {
        let range = &self.list[at];
        (at == 0 && range.pages.is_empty())
            || (self.free() > 0 && (range.before.is_none() || self.ahead(at) + (range.pages.len() as f64) < WINDOW))
    }

    /// How many more pages may be asked for.
    fn free(&self) -> usize {
        MAX_BUFFERED.saturating_sub(self.buffered + self.fetching)
    }

    /// About how many pages will be consumed before those of the range at `at`.
    fn ahead(&self, at: usize) -> f64 {
        let pages = |at: usize| {
            let range = &self.list[at];
            range.pages.len() as f64 + f64::from(u8::from(range.fetching)) + self.pages_left(at).max(0.0)
        };
        (0..at).map(pages).sum()
    }

    /// Cuts the range at `at` where local names say that it is long: what is listed first is consumed first.
    fn shorten(&mut self, at: usize) {
        let range = &self.list[at];
        if self.page_len == 0 || !self.may_guess() {
            return;
        }
        let all = self.samples.count_between(&self.list[0].cursor.after, None) / self.page_len;
        let most = (MAX_BUFFERED / (2 * self.at_once)).max(1) as u64;
        let pages = (all / (4 * self.at_once as u64)).clamp(most.min(2), most);
        if self.samples.count_between(&range.cursor.after, range.until.as_deref()) < (pages + 1) * self.page_len {
            return;
        }
        // A few keys less than whole pages: a few keys more would cost a request.
        let names = pages * self.page_len - self.page_len.div_ceil(50).min(self.page_len - 1);
        if let Some(cut) = self.samples.ahead(&range.cursor.after, names) {
            self.cut(at, cut, usize::MAX);
        }
    }

    /// Cuts a range that is long, and returns where its second half lies: the first that has some pages left, because it
    /// is consumed first, or else the longest.
    fn split(&mut self) -> Option<usize> {
        if self.free() == 0 || !self.may_guess() {
            return None;
        }
        let long = 2.0 * (MAX_BUFFERED / (2 * self.at_once)).max(2) as f64;
        let mut ahead = 0.0;
        let mut ranges: Vec<(f64, usize)> = Vec::new();
        for (at, range) in self.list.iter().enumerate() {
            let left = self.pages_left(at);
            let unproven = self.list.iter().skip(at + 1).take_while(|range| range.before.is_none()).count();
            if left >= 2.0 && range.before.is_some() && unproven < MAX_UNPROVEN {
                ranges.push((left.min(long), at));
            }
            ahead += range.pages.len() as f64 + f64::from(u8::from(range.fetching)) + left.max(0.0);
            if ahead >= WINDOW {
                break;
            }
        }
        ranges.sort_by(|one, other| other.0.total_cmp(&one.0));
        let (at, (cut, level)) = ranges.into_iter().find_map(|(_, at)| Some((at, self.middle(at)?)))?;
        self.cut(at, cut, level);
        Some(at + 1)
    }

    /// About how many pages the range at `at` has, beside those that have come and the one that is under way.
    fn pages_left(&self, at: usize) -> f64 {
        let range = &self.list[at];
        if range.done {
            return 0.0;
        }
        let Some(before) = &range.before else { return range.expected };
        let named = self.named(range);
        let guessed = match &range.until {
            _ if range.misses >= MAX_MISSES => 0.0,
            Some(until) => self.alphabet.pages(before, &range.cursor.after, until),
            None => f64::INFINITY,
        };
        (if named >= 2.0 { named } else { guessed }) - f64::from(u8::from(range.fetching))
    }

    /// How many pages the local names fill that lie in a range.
    fn named(&self, range: &Range) -> f64 {
        let names = self.samples.count_between(&range.cursor.after, range.until.as_deref());
        names as f64 / self.page_len.max(1) as f64
    }

    /// Where to cut the range at `at`, and which byte was raised for that.
    fn middle(&self, at: usize) -> Option<(String, usize)> {
        let range = &self.list[at];
        let (last, until) = (&range.cursor.after, range.until.as_deref());
        if self.named(range) >= 2.0 {
            return Some((self.samples.middle(last, until)?, usize::MAX));
        }
        let differ = common(range.before.as_ref()?, last);
        let cut = |bold| self.alphabet.cut(last, until, range.level, differ, bold);
        // Where the end is not known, it is looked for in ever longer steps; elsewhere keys are likely like others.
        cut(until.is_none()).or_else(|| if range.misses == 0 { cut(true) } else { None })
    }

    /// Whether one more answer without a key could be afforded, if all that are under way turn out to be such.
    fn may_guess(&self) -> bool {
        let unproven = self.list.iter().filter(|range| range.fetching && range.before.is_none()).count();
        self.credit >= 2 * (unproven as i64 + 1)
    }

    /// Ends the range at `at` at `cut` and puts the rest behind it.
    fn cut(&mut self, at: usize, cut: String, level: usize) {
        let expected = (self.pages_left(at) / 2.0).max(1.0);
        let until = self.list[at].until.replace(cut.clone());
        self.list[at].level = self.list[at].level.min(level);
        let level = if level == usize::MAX { level } else { level.saturating_sub(1) };
        self.insert(at + 1, cut, until, level, expected);
    }

    fn insert(&mut self, at: usize, after: String, until: Option<String>, level: usize, expected: f64) {
        let range = Range {
            id: self.next_id,
            cursor: Cursor::behind(after),
            until,
            fetching: false,
            done: false,
            before: None,
            level,
            expected,
            misses: 0,
            pages: VecDeque::new(),
        };
        self.next_id += 1;
        self.list.insert(at, range);
    }

    /// Forgets ranges that are listed and consumed.
    fn sweep(&mut self) {
        self.list.retain(|range| !range.done || range.fetching || !range.pages.is_empty());
    }
}
