//! Local names as hints where the keys of a listing lie: an even choice of them, few enough to be looked through.
//!
//! It does not know whether any of them is in the store.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most names that are kept. Every 256th of a million; each is at most 1,024 bytes long.
const MAX_KEPT: usize = 4096;

/// Names below the prefix of which some lie on this machine. Filled while the listing already reads it.
#[derive(Debug, Default)]
pub(in crate::sync) struct Samples(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// Every `step`-th name that was added, ascending.
    keys: Vec<String>,
    step: u64,
    /// Names that were added since the last one that was kept, that one included.
    since: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Self { keys: Vec::new(), step: 1, since: 0 }
    }
}

impl Samples {
    /// Without any names.
    pub(in crate::sync) fn new() -> Self {
        Self::default()
    }

    /// Adds a whole key, prefix included. Keys come in ascending order; one that does not is passed over.
    pub(in crate::sync) fn add(&self, key: &str) {
        let mut kept = self.lock();
        kept.since += 1;
        if kept.since < kept.step || kept.keys.last().is_some_and(|last| key <= last.as_str()) {
            return;
        }
        if kept.keys.len() == MAX_KEPT {
            // Keys are the step-th, 2 * step-th, ..: the even places are those that a double step would have kept.
            let mut place = 0;
            kept.keys.retain(|_| {
                place += 1;
                place % 2 == 0
            });
            kept.step *= 2;
            if kept.since < kept.step {
                return;
            }
        }
        kept.keys.push(key.to_owned());
        kept.since = 0;
    }

    /// About how many names lie behind `after` and up to `until`, or the end.
    pub(in crate::sync) fn count_between(&self, after: &str, until: Option<&str>) -> u64 {
        let kept = self.lock();
        kept.between(after, until).len() as u64 * kept.step
    }

    /// The name in the middle of those behind `after` and before `until`, or the end.
    pub(in crate::sync) fn middle(&self, after: &str, until: Option<&str>) -> Option<String> {
        let kept = self.lock();
        let within = kept.between(after, until);
        within.get(within.len() / 2).filter(|key| until.is_none_or(|until| key.as_str() < until)).cloned()
    }

    /// The name that lies about `names` behind `after`, rounded down so that there are rather fewer.
    pub(in crate::sync) fn ahead(&self, after: &str, names: u64) -> Option<String> {
        let kept = self.lock();
        let place = usize::try_from(names / kept.step).ok()?.checked_sub(1)?;
        kept.between(after, None).get(place).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn between(&self, after: &str, until: Option<&str>) -> &[String] {
        let from = self.keys.partition_point(|key| key.as_str() <= after);
        let to = until.map_or(self.keys.len(), |until| self.keys.partition_point(|key| key.as_str() <= until));
        self.keys.get(from..to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u64) -> String {
        format!("k{number:08}")
    }

    fn numbered(count: u64) -> Samples {
        let samples = Samples::new();
        (1..=count).for_each(|number| samples.add(&key(number)));
        samples
    }

    #[test]
    fn few_names_are_all_kept() {
        let samples = numbered(100);
        assert_eq!(samples.count_between("", None), 100);
        assert_eq!(samples.count_between(&key(10), Some(&key(20))), 10);
        assert_eq!(samples.middle("", None), Some(key(51)));
        assert_eq!(samples.middle(&key(10), Some(&key(20))), Some(key(16)));
        assert_eq!(samples.middle(&key(10), Some(&key(11))), None);
        assert_eq!(samples.middle(&key(100), None), None);
        assert_eq!(samples.ahead(&key(10), 5), Some(key(15)));
        assert_eq!(samples.ahead(&key(10), 91), None);
        assert_eq!(samples.count_between(&key(20), Some(&key(10))), 0);
    }

    #[test]
    fn many_names_are_thinned_evenly() {
        for count in [4096, 4097, 100_000, 1_000_000] {
            let samples = numbered(count);
            let kept = samples.0.lock().unwrap();
            assert!(kept.keys.len() <= MAX_KEPT && kept.keys.len() as u64 * kept.step > count - kept.step, "{count}");
            assert!(kept.keys.iter().zip(1..).all(|(kept_key, place)| *kept_key == key(place * kept.step)), "{count}");
            drop(kept);
            assert!(samples.count_between(&key(count / 4), Some(&key(count / 2))).abs_diff(count / 4) <= count / 1000);
        }
    }

    #[test]
    fn names_out_of_order_are_passed_over() {
        let samples = Samples::new();
        ["b", "a", "b", "c"].iter().for_each(|key| samples.add(key));
        assert_eq!(samples.count_between("", None), 2);
    }
}
