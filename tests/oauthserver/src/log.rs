//! The request log: what came, and what the server made of it.
//!
//! Owns the list, its helpers, and the wait for a condition on it. Entries are kept for ever; the server is
//! short-lived.

use crate::faults::Endpoint;
use crate::logged::{Logged, Phase};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The log at one moment.
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Vec<Arc<Logged>>);

impl RequestLog {
    /// All requests, in the order in which they arrived.
    pub fn iter(&self) -> impl Iterator<Item = &Logged> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Number of requests.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing came yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last request.
    #[must_use]
    pub fn last(&self) -> Option<&Logged> {
        self.0.last().map(AsRef::as_ref)
    }

    /// Number of requests to that path.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.iter().filter(|request| request.path == path).count()
    }

    /// Requests that reached that part of the server; [`Endpoint::Refresh`] and [`Endpoint::Any`] work as well.
    #[must_use]
    pub fn to(&self, endpoint: &Endpoint) -> Vec<&Logged> {
        let wanted = |request: &&Logged| match endpoint {
            Endpoint::Any => true,
            Endpoint::Path(path) => *path == request.path,
            Endpoint::Refresh => request.grant.as_deref() == Some("refresh_token"),
            other => *other == request.endpoint,
        };
        self.iter().filter(wanted).collect()
    }

    /// Requests to the token endpoint.
    #[must_use]
    pub fn token_requests(&self) -> Vec<&Logged> {
        self.to(&Endpoint::Token)
    }

    /// Requests that asked for a refresh, whatever became of them.
    #[must_use]
    pub fn refreshes(&self) -> Vec<&Logged> {
        self.to(&Endpoint::Refresh)
    }

    /// Requests to the registration endpoint.
    #[must_use]
    pub fn registrations(&self) -> Vec<&Logged> {
        self.to(&Endpoint::Register)
    }

    /// Number of requests that are held by a fault at this moment.
    #[must_use]
    pub fn held(&self) -> usize {
        self.iter().filter(|request| request.phase == Phase::Held).count()
    }

    /// Number of requests that met a fault.
    #[must_use]
    pub fn faults_fired(&self) -> usize {
        self.iter().filter(|request| request.fault.is_some()).count()
    }
}

#[derive(Default)]
struct Entries {
    list: Vec<Arc<Logged>>,
    version: u64,
}

/// The growing log.
pub(crate) struct Log {
    started: Instant,
    entries: Mutex<Entries>,
    changed: Condvar,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), entries: Mutex::default(), changed: Condvar::new() }
    }

    /// Appends the request and tells its position.
    pub(crate) fn arrived(&self, mut request: Logged) -> usize {
        let mut entries = self.lock();
        let seq = entries.list.len();
        request.seq = seq;
        request.at = self.started.elapsed();
        entries.list.push(Arc::new(request));
        self.tell(&mut entries);
        seq
    }

    /// Changes an entry.
    pub(crate) fn update(&self, seq: usize, how: impl FnOnce(&mut Logged)) {
        let mut entries = self.lock();
        if let Some(entry) = entries.list.get_mut(seq) {
            how(Arc::make_mut(entry));
        }
        self.tell(&mut entries);
    }

    pub(crate) fn snapshot(&self) -> RequestLog {
        RequestLog(self.lock().list.clone())
    }

    /// Waits until the condition holds, at most `limit`. The condition runs without any lock held.
    pub(crate) fn wait_for(&self, condition: impl Fn(&RequestLog) -> bool, limit: Duration) -> bool {
        let end = Instant::now().checked_add(limit);
        loop {
            let (log, version) = {
                let entries = self.lock();
                (RequestLog(entries.list.clone()), entries.version)
            };
            if condition(&log) {
                return true;
            }
            if !self.newer_than(version, end) {
                return false;
            }
        }
    }

    /// Waits for a change; false when the time is over.
    fn newer_than(&self, version: u64, end: Option<Instant>) -> bool {
        let mut entries = self.lock();
        while entries.version == version {
            let left =
                end.map_or(Duration::from_secs(3600), |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            let waited = self.changed.wait_timeout(entries, left);
            entries = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn tell(&self, entries: &mut Entries) {
        entries.version += 1;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
