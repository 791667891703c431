//! Faults on order: what a test asks to go wrong, and which request it befalls.
//!
//! Counting and choosing only; the connection layer (`front`) and the access check carry them out.

use std::sync::Mutex;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAction {
    /// Do nothing and answer with this status and error code, for example `Status(503, "SlowDown")`.
    Status(u16, &'static str),
    /// Do nothing and answer 200 with an error document inside, as Complete and CopyObject may.
    ErrorIn200,
    /// Cut the connection (RST) once that many bytes of the request body have come in. Nothing is done.
    ResetRequestAfter(u64),
    /// Do it, then cut the connection once that many bytes of the answer's body have gone out.
    ResetResponseAfter(u64),
    /// Do it, then cut the connection without a byte of an answer.
    LostResponse,
    /// Wait that long, then do it.
    Stall(Duration),
    /// Send that many bytes of the answer's body, wait that long, then go on.
    StallResponse(u64, Duration),
    /// Flip one bit of the request body before anything looks at it.
    CorruptRequest,
    /// Flip one bit of the answer's body.
    CorruptResponse,
    /// Do it, then answer with an ETag that is wrong.
    EtagLie,
}

/// One order: the `nth` request of a kind from now on (and the `times - 1` after it) meets the action.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The operation, for example `"UploadPart"`; `"*"` is any.
    pub on: &'static str,
    /// Only requests whose key contains this; empty is any.
    pub key: String,
    /// 1 is the next request of that kind.
    pub nth: u64,
    /// How many requests in a row; `u64::MAX` is all from then on.
    pub times: u64,
    /// What happens to them.
    pub action: FaultAction,
}

impl Fault {
    /// The next request of that kind, once.
    pub fn next(on: &'static str, action: FaultAction) -> Self {
        Self { on, key: String::new(), nth: 1, times: 1, action }
    }

    /// The `nth` request of that kind instead, 1 being the next.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = nth;
        self
    }

    /// That many requests in a row instead.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Only requests whose key contains `part`.
    pub fn key(mut self, part: impl Into<String>) -> Self {
        self.key = part.into();
        self
    }
}

/// The orders that stand.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan(Mutex<Vec<(Fault, u64)>>);

impl FaultPlan {
    pub(crate) fn add(&self, fault: Fault) {
        self.lock().push((fault, 0));
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Orders that have not yet met all their requests.
    pub(crate) fn pending(&self) -> usize {
        self.lock().len()
    }

    /// Counts one request against every order; the oldest that is due acts.
    pub(crate) fn meet(&self, operation: &str, key: &str) -> Option<FaultAction> {
        let mut action = None;
        self.lock().retain_mut(|(fault, seen)| {
            if (fault.on != "*" && fault.on != operation) || !key.contains(&fault.key) {
                return true;
            }
            *seen += 1;
            if *seen >= fault.nth && action.is_none() {
                action = Some(fault.action.clone());
            }
            *seen < fault.nth.saturating_add(fault.times - 1)
        });
        action
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Fault, u64)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_of_a_kind_and_no_other() {
        let plan = FaultPlan::default();
        plan.add(Fault::next("UploadPart", FaultAction::EtagLie).nth(2).times(2).key("big"));
        let met: Vec<bool> =
            ["PutObject big", "UploadPart big", "UploadPart small", "UploadPart big", "UploadPart big"]
                .iter()
                .chain(["UploadPart big"].iter())
                .map(|request| {
                    let (operation, key) = request.split_once(' ').unwrap();
                    plan.meet(operation, key).is_some()
                })
                .collect();
        assert_eq!(met, [false, false, false, true, true, false]);
        assert_eq!(plan.pending(), 0);
    }
}
