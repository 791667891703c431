//! How many bytes a second may leave for a store, over all its connections.
//!
//! A token bucket, kept as the moment at which it will be full again: whoever takes bytes is told until when to wait, so
//! that turns are handed out in order, and nothing runs in the background.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What may leave at once after a pause: a quarter of a second's worth.
const BURST: Duration = Duration::from_millis(250);
/// The most that is taken at once in bytes, so that the flow is even.
const MAX_SLICE: u64 = 64 << 10;

/// A limit that the uploads of a store share.
#[derive(Debug)]
pub(super) struct Bandwidth {
    bytes_per_second: NonZeroU64,
    /// When all that has been given out will have left. Before now: the bucket fills.
    spent_until: Mutex<Instant>,
}

impl Bandwidth {
    /// So many bytes a second from now on.
    pub(super) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, spent_until: Mutex::new(Instant::now()) }
    }

    /// The limit.
    pub(super) fn bytes_per_second(&self) -> NonZeroU64 {
        self.bytes_per_second
    }

    /// How many bytes to take at once.
    pub(super) fn slice_len(&self) -> usize {
        let burst = self.bytes_per_second.get() / (Duration::from_secs(1).as_millis() / BURST.as_millis()) as u64;
        burst.clamp(1, MAX_SLICE) as usize
    }

    /// Takes `bytes` and says when they may leave.
    pub(super) fn take(&self, bytes: usize, now: Instant) -> Instant {
        let cost = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.get() as f64);
        let mut spent_until = self.spent_until.lock().unwrap_or_else(PoisonError::into_inner);
        *spent_until = (*spent_until).max(now) + cost;
        // What the bucket holds may leave ahead of its time.
        spent_until.checked_sub(BURST).map_or(now, |when| when.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(bytes_per_second: u64) -> Bandwidth {
        Bandwidth::new(NonZeroU64::new(bytes_per_second).expect("not zero"))
    }

    #[test]
    fn a_burst_is_a_quarter_of_a_second() {
        let (limit, start) = (limit(1000), Instant::now());
        assert_eq!(limit.take(100, start), start);
        assert_eq!(limit.take(100, start), start);
        let waits = |bytes| limit.take(bytes, start).duration_since(start).as_millis();
        assert_eq!(waits(100).div_ceil(10), 5, "50 ms beyond the burst");
        assert_eq!(waits(1000).div_ceil(10), 105);
        // A pause fills the bucket, not more than once.
        let later = start + Duration::from_secs(3600);
        assert_eq!(limit.take(250, later), later);
        assert!(limit.take(250, later) > later);
    }

    #[test]
    fn many_that_take_at_once_share_the_rate() {
        let (limit, start) = (limit(1 << 20), Instant::now());
        let last = (0..640).map(|_| limit.take(64 << 10, start)).max().expect("some");
        let seconds = last.duration_since(start).as_secs_f64();
        assert!((39.5..=40.0).contains(&seconds), "40 MiB at 1 MiB/s take {seconds} s");
    }

    #[test]
    fn slices_are_short() {
        assert_eq!(limit(1 << 30).slice_len(), 64 << 10);
        assert_eq!(limit(1000).slice_len(), 250);
        assert_eq!(limit(1).slice_len(), 1);
    }
}
