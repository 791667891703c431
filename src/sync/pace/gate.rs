//! How many requests are under way at once: as many as the store bears and no more than help.
//!
//! It starts low and doubles while the store answers as fast as it did; it grows slowly once answers take longer, shrinks
//! when they take much longer (then requests only queue somewhere), and gives up a third when the store asks to slow down.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Requests at once to begin with.
const START: usize = 8;
/// Answers take this many times the shortest time without telling of a queue.
const UNHURRIED: f64 = 2.0;
/// Beyond this many times the shortest time more requests only wait in a queue.
const QUEUED: f64 = 4.0;
/// Answers that take less than this say nothing about a queue: the noise of this machine is as large.
const NOISE: Duration = Duration::from_millis(5);

/// A gate that learns how many may pass.
pub(crate) struct Gate {
    passes: Semaphore,
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Passes that go out of use when they come back.
    surplus: usize,
    /// Whether the limit still doubles.
    starting: bool,
    /// The shortest mean time of a window so far.
    fastest: Option<Duration>,
    /// The current window: passes that came back, and their times.
    passed: usize,
    spent: Duration,
    throttles: u64,
    /// Requests that were under way at the last cut: that they were asked to slow down too is no news.
    known: usize,
}

/// The right to send one request.
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
}

impl Gate {
    /// A gate that lets at most `max` pass.
    pub(crate) fn new(max: usize) -> Self {
        let limit = START.min(max);
        let state = State {
            limit,
            surplus: 0,
            starting: true,
            fastest: None,
            passed: 0,
            spent: Duration::ZERO,
            throttles: 0,
            known: 0,
        };
        Self { passes: Semaphore::new(limit), max, state: Mutex::new(state) }
    }

    /// Waits for a pass. `None` when the gate is closed, which nobody does.
    pub(crate) async fn enter(&self) -> Option<Pass<'_>> {
        let permit = self.passes.acquire().await.ok()?;
        Some(Pass { gate: self, permit: Some(permit) })
    }

    /// Learns from a request that has ended, and from the `time` that it took if it was a short one; `throttles` is how often the store has asked to slow down so far.
    pub(crate) fn learn(&self, time: Option<Duration>, throttles: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.limit;
        state.learn(time, throttles, self.max);
        let (more, fewer) = (state.limit.saturating_sub(before), before.saturating_sub(state.limit));
        let unretired = more.min(state.surplus);
        state.surplus = state.surplus - unretired + fewer;
        self.passes.add_permits(more - unretired);
        // Those that nobody holds go at once.
        let gone = self.passes.forget_permits(state.surplus);
        state.surplus -= gone;
    }

    /// How many may pass now.
    #[cfg(test)]
    fn limit(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).limit
    }
}

impl State {
    fn learn(&mut self, time: Option<Duration>, throttles: u64, max: usize) {
        let asked_to_slow_down = throttles > self.throttles;
        self.throttles = throttles;
        if self.known > 0 {
            self.known -= 1;
            return;
        }
        if asked_to_slow_down {
            self.starting = false;
            self.known = self.limit;
            self.limit = (self.limit * 2 / 3).max(1);
            self.begin_window();
            return;
        }
        let Some(time) = time else { return };
        self.passed += 1;
        self.spent += time;
        // A window is what is under way at once: shorter ones tell of single requests, longer ones too late.
        if self.passed < self.limit.max(START) {
            return;
        }
        let mean = self.spent / self.passed as u32;
        let fastest = self.fastest.map_or(mean, |fastest| fastest.min(mean));
        self.fastest = Some(fastest);
        let slower = mean.as_secs_f64() / fastest.max(NOISE).as_secs_f64();
        if slower <= UNHURRIED {
            self.limit = if self.starting { self.limit * 2 } else { self.limit + 1 }.min(max);
        } else {
            self.starting = false;
            if slower > QUEUED {
                self.limit = (self.limit - self.limit / 8).max(START.min(self.limit));
            }
        }
        self.begin_window();
    }

    fn begin_window(&mut self) {
        self.passed = 0;
        self.spent = Duration::ZERO;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

/// Measures a request.
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(max: usize) -> Gate {
        Gate::new(max)
    }

    fn learn(gate: &Gate, count: usize, millis: u64, throttles: u64) {
        (0..count).for_each(|_| gate.learn(Some(Duration::from_millis(millis)), throttles));
    }

    #[test]
    fn it_opens_while_answers_are_quick_and_no_further_than_allowed() {
        let gate = gate(64);
        assert_eq!(gate.limit(), START);
        learn(&gate, 8 + 16 + 32, 20, 0);
        assert_eq!(gate.limit(), 64);
        learn(&gate, 1000, 20, 0);
        assert_eq!(gate.limit(), 64);
        assert_eq!(gate.passes.available_permits(), 64);
        assert_eq!(super::Gate::new(1).limit(), 1);
    }

    #[test]
    fn it_closes_by_a_third_when_the_store_asks_to_slow_down() {
        let gate = gate(64);
        learn(&gate, 8 + 16 + 32, 20, 0);
        learn(&gate, 1, 20, 1);
        assert_eq!(gate.limit(), 42);
        (2..66).for_each(|n| learn(&gate, 1, 20, n));
        assert_eq!(gate.limit(), 42, "those that were under way tell nothing new");
        learn(&gate, 1, 20, 66);
        assert_eq!(gate.limit(), 28);
        (67..2000).for_each(|n| learn(&gate, 1, 20, n));
        assert_eq!(gate.limit(), 1);
        learn(&gate, 2 + START * 3, 20, 1999);
        assert_eq!(gate.limit(), 4, "slowly up again");
    }

    #[test]
    fn it_does_not_grow_into_a_queue() {
        let gate = gate(256);
        learn(&gate, 8, 20, 0);
        learn(&gate, 16, 50, 0);
        assert_eq!(gate.limit(), 16);
        learn(&gate, 16, 100, 0);
        assert_eq!(gate.limit(), 14);
        learn(&gate, 14, 21, 0);
        assert_eq!(gate.limit(), 15);
    }

    #[tokio::test]
    async fn passes_that_are_out_go_out_of_use_when_they_come_back() {
        let gate = gate(16);
        learn(&gate, 8, 20, 0);
        let mut out = Vec::new();
        for _ in 0..16 {
            out.push(gate.enter().await.expect("it is open"));
        }
        learn(&gate, 1, 20, 1);
        assert_eq!((gate.limit(), gate.passes.available_permits()), (10, 0));
        drop(out.split_off(10));
        assert_eq!(gate.passes.available_permits(), 0, "six of them were too many");
        drop(out);
        assert_eq!(gate.passes.available_permits(), 10);
    }
}
