//! The walk of the source and the listing of the destination, merged in the order of their names.
//!
//! Both come sorted and piece by piece, so that a tree of any size goes through in lock step; it decides nothing.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use tokio::sync::mpsc::Receiver;

use super::listing::{self, Listing};
use crate::store::{Found, ListEntry, ListFrom, Skipped, SourceEntry, Store, StoreError};
use crate::sync::put::remote::Remote;

/// A name that the source or the destination has, or both.
#[derive(Debug)]
pub(crate) enum Item {
    /// Something of the source to upload.
    Local { entry: SourceEntry, remote: Remote },
    /// Something of the source that is not uploaded, and what the destination has of its name.
    LeftOut { found: Found, object: Option<ListEntry> },
    /// Something that only the destination has; `covered` where it lies in a folder of the source that could not be looked
    /// into, so that nobody knows whether the source has it.
    Foreign { object: ListEntry, covered: bool },
}

/// Both sides.
pub(crate) struct Merge {
    found: Receiver<Vec<Found>>,
    local: Peekable<IntoIter<Found>>,
    listing: Listed,
    remote: Peekable<IntoIter<ListEntry>>,
    prefix_len: usize,
    /// The last folder that could not be looked into.
    covered: Option<String>,
    /// Whether what only the destination has is of interest once the source has ended.
    to_the_end: bool,
}

/// What there is of a listing.
pub(crate) enum Listed {
    /// More comes.
    Pages(Listing),
    /// One page, then the rest is unknown: few files do not pay for the listing of many objects.
    OnePage(Arc<dyn Store>, String),
    /// All has come.
    Ended,
    /// What has not come is not known.
    Unknown,
}

impl Merge {
    /// Merges what a walk finds, beginning with `first`, with a listing of a prefix of `prefix_len` bytes.
    pub(crate) fn new(
        first: Vec<Found>,
        found: Receiver<Vec<Found>>,
        listing: Listed,
        prefix_len: usize,
        to_the_end: bool,
    ) -> Self {
        let (local, remote) = (first.into_iter().peekable(), Vec::new().into_iter().peekable());
        Self { found, local, listing, remote, prefix_len, covered: None, to_the_end }
    }

    /// The next name; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Item>, StoreError> {
        while self.local.peek().is_none() {
            match self.found.recv().await {
                Some(more) => self.local = more.into_iter().peekable(),
                None => break,
            }
        }
        let Some(found) = self.local.peek() else {
            if !self.to_the_end {
                return Ok(None);
            }
            self.fill_remote().await?;
            return Ok(self.foreign());
        };
        // What cannot have a key is nowhere in the order.
        if found.relative().is_none() {
            return Ok(self.local.next().map(|found| Item::LeftOut { found, object: None }));
        }
        self.fill_remote().await?;
        let (Some(found), remote) = (self.local.peek(), self.remote.peek()) else { return Ok(None) };
        let relative = found.relative().unwrap_or_default();
        let order = remote.map(|object| relative.as_bytes().cmp(&object.key.as_bytes()[self.prefix_len..]));
        let remote = match order {
            Some(Ordering::Greater) => return Ok(self.foreign()),
            Some(Ordering::Equal) => self.remote.next(),
            Some(Ordering::Less) | None => None,
        };
        let unknown = order.is_none() && matches!(self.listing, Listed::Unknown);
        Ok(self.local.next().map(|found| match found {
            Found::Entry(entry) => {
                let absent = if unknown { Remote::Unknown } else { Remote::Absent };
                Item::Local { entry, remote: remote.map_or(absent, Remote::Listed) }
            }
            left_out => {
                if let Some(folder) = covered_by(&left_out) {
                    self.covered = Some(folder);
                }
                Item::LeftOut { found: left_out, object: remote }
            }
        }))
    }

    fn foreign(&mut self) -> Option<Item> {
        let object = self.remote.next()?;
        let relative = &object.key[self.prefix_len..];
        let covered = self.covered.as_deref().is_some_and(|folder| relative.starts_with(folder));
        Some(Item::Foreign { object, covered })
    }

    /// Whether the destination was seen to its end.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.remote.peek().is_none() && matches!(self.listing, Listed::Ended)
    }

    async fn fill_remote(&mut self) -> Result<(), StoreError> {
        while self.remote.peek().is_none() {
            let page = match &mut self.listing {
                Listed::Pages(listing) => match listing.next().await.transpose()? {
                    Some(page) => page,
                    None => {
                        self.listing = Listed::Ended;
                        return Ok(());
                    }
                },
                Listed::OnePage(store, prefix) => {
                    let page = store.list(prefix, &ListFrom::Start).await?;
                    listing::check(prefix, &page)?;
                    self.listing = if page.next.is_none() { Listed::Ended } else { Listed::Unknown };
                    page.entries
                }
                Listed::Ended | Listed::Unknown => return Ok(()),
            };
            self.remote = page.into_iter().peekable();
        }
        Ok(())
    }
}

/// What a name stands for that could not be looked at: with all that may lie below it, if it is a folder.
fn covered_by(left_out: &Found) -> Option<String> {
    let Found::LeftOut { relative: Some(relative), why, .. } = left_out else { return None };
    match relative.strip_suffix('/') {
        Some(_) => Some(relative.clone()),
        None if matches!(why, Skipped::Unreadable(_)) => Some(format!("{relative}/")),
        None => None,
    }
}
