//! The server's own time: the machine's clock plus an offset that tests may push forward.
//!
//! Owns both views of it: a monotonic one for lifetimes, UTC seconds for what goes on the wire.
//! It never goes back, and huge offsets saturate.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Time since the server's start, as the server sees it.
pub(crate) struct Clock {
    started: Instant,
    offset: Mutex<Duration>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), offset: Mutex::new(Duration::ZERO) }
    }

    /// Time since start, offset included.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed().saturating_add(self.offset())
    }

    /// UTC seconds since 1970, offset included.
    pub(crate) fn utc(&self) -> u64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        wall.saturating_add(self.offset()).as_secs()
    }

    /// Moves the server's time forward.
    pub(crate) fn advance(&self, by: Duration) {
        let mut offset = self.offset.lock().unwrap_or_else(PoisonError::into_inner);
        *offset = offset.saturating_add(by);
    }

    fn offset(&self) -> Duration {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
