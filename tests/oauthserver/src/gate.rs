//! The one place where a request thread waits: held answers, delays, drips.
//!
//! Every wait ends at once when the test releases it, clears the faults, or stops the server. Knows nothing
//! of what is held.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Released,
    Cleared,
    Stopped,
    /// The time was over.
    Elapsed,
}

/// A moment: what happens to the gate after it ends the waits of those who hold it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    released: u64,
    cleared: u64,
}

#[derive(Default)]
struct State {
    released: u64,
    cleared: u64,
    stopped: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// Now. Taken before a request becomes visible in the log, so that a release after that is never missed.
    pub(crate) fn mark(&self) -> Mark {
        let state = self.lock();
        Mark { released: state.released, cleared: state.cleared }
    }

    /// Waits for an event after `mark`, at most `limit` when there is one.
    pub(crate) fn wait(&self, mark: Mark, limit: Option<Duration>) -> Opened {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.lock();
        loop {
            if let Some(opened) = state.since(mark) {
                return opened;
            }
            state = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Opened::Elapsed,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    pub(crate) fn release(&self) {
        self.change(|state| state.released += 1);
    }

    pub(crate) fn clear(&self) {
        self.change(|state| state.cleared += 1);
    }

    pub(crate) fn stop(&self) {
        self.change(|state| state.stopped = true);
    }

    pub(crate) fn restart(&self) {
        self.change(|state| state.stopped = false);
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        how(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn since(&self, mark: Mark) -> Option<Opened> {
        if self.stopped {
            Some(Opened::Stopped)
        } else if self.cleared > mark.cleared {
            Some(Opened::Cleared)
        } else if self.released > mark.released {
            Some(Opened::Released)
        } else {
            None
        }
    }
}
