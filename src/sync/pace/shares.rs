//! How the descriptors that the process may have are shared among what holds them. Pure.
//!
//! Who runs out in spite of that (other programs share the machine's own limit) waits where files are opened and where
//! connections are made: `store/local/opening.rs`, `aws/reach.rs`.

use std::num::NonZeroUsize;

use crate::sync::options::SyncOptions;

/// Descriptors that are open whatever is synced: 3 standard streams, 6 of the runtime and its signals, the log, the
/// source's folder (twice), a folder and an ignore file to judge a foreign key by, 4 files of a CI job, and 4 to spare.
const FIXED: usize = 21;
/// What a thread of the walk has open: a folder and an ignore file in it.
const PER_WALKER: usize = 2;
/// Small files that are open at once, at most, unless more uploads are asked for: enough for any number that helps.
const SMALL_FILES: usize = 256;
/// Copies that a store works on at once: it does about 65 MiB/s in each, so that a large object wants many (docs/S3.md).
const COPIES: usize = 64;

/// How many of each may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Threads that read folders, beside the one that tells what they found.
    pub walkers: NonZeroUsize,
    /// Small files that are open.
    pub(crate) small: usize,
    /// Large files that are open; each may have a request of its own under way too.
    pub(crate) large: usize,
    /// Uploads and questions about single objects.
    pub(crate) uploads: usize,
    /// Copies inside the store.
    pub(crate) copies: usize,
    /// Requests for pages of a listing.
    pub(crate) listings: NonZeroUsize,
}

impl Shares {
    /// What `options` ask for, within what they say that the process may have open.
    ///
    /// Of what is left beside `FIXED`, eighths go: one to the walk, one to small files, one to large ones and one to
    /// their requests, two to uploads, one to copies, one to listings. So all together never exceed the limit, unless it is
    /// so low that one of each is too much already.
    pub fn of(options: &SyncOptions) -> Self {
        // Twice as many large files as parts: one can be compared while another one is sent.
        let large = options.parts_in_memory.get() * 2;
        Self::within(options.descriptors, options.threads, options.jobs.get(), large, options.list_jobs)
    }

    fn within(descriptors: usize, walkers: NonZeroUsize, uploads: usize, large: usize, listings: NonZeroUsize) -> Self {
        let eighth = descriptors.saturating_sub(FIXED) / 8;
        let at_most = |wanted: usize, share: usize| wanted.min(share).max(1);
        let some = |wanted: NonZeroUsize, share| wanted.min(NonZeroUsize::new(share).unwrap_or(NonZeroUsize::MIN));
        Self {
            walkers: some(walkers, (eighth / PER_WALKER).saturating_sub(1)),
            small: at_most(SMALL_FILES.max(uploads), eighth),
            large: at_most(large, eighth),
            uploads: at_most(uploads, eighth * 2),
            copies: at_most(COPIES, eighth),
            listings: some(listings, eighth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(descriptors: usize) -> Shares {
        let many = NonZeroUsize::new(64).expect("not 0");
        Shares::within(descriptors, many, 64, 24, many)
    }

    #[test]
    fn all_together_keep_to_the_limit() {
        for limit in [64, 100, 256, 1_024, 10_240, 1 << 20] {
            let Shares { walkers, small, large, uploads, copies, listings } = shares(limit);
            // A large file may have a request of its own beside its descriptor; one thread tells what the walk found.
            let open = FIXED + (walkers.get() + 1) * PER_WALKER + small + 2 * large + uploads + copies + listings.get();
            assert!(open <= limit, "{open} of {limit}");
        }
    }

    #[test]
    fn with_enough_everything_is_as_asked() {
        let Shares { walkers, small, uploads, copies, listings, .. } = shares(10_240);
        assert_eq!((walkers.get(), small, uploads, copies, listings.get()), (64, SMALL_FILES, 64, COPIES, 64));
        let Shares { small, uploads, .. } = shares(0);
        assert_eq!((small, uploads), (1, 1), "one of each is always let through");
    }
}
