//! Is the cached token still accepted? Header consumers run the same command again after a 401 and do not say
//! why, so for them the server is asked before a cached token is answered.
//!
//! Callers of the same moment share one question: a lock of its own, and an answer that lives three seconds.
//! Only a 401 with a challenge counts; whatever else happens, the token is kept. Where a token that was just
//! issued is refused as well, asking proves nothing and is left off for ten minutes.

use crate::clock;
use crate::config::{Network, Server};
use crate::oauth::http::{Http, Limits};
use crate::oauth::ping::{ping, rejects_token};
use crate::oauth::url::endpoint;
use crate::secret::Secret;
use crate::store::Slot;
use crate::store::state::Probed;
use crate::vault::pause;
use std::time::{Duration, Instant};

/// How long the question may take, if the call has that long.
const LIMIT: Duration = Duration::from_secs(2);
/// How long an answer lives, in milliseconds: long enough for ten sessions that start together, short enough
/// not to hide a 401.
const SHARED_MS: u64 = 3000;
/// For how long the server is not asked after it refused a token that was just issued, in seconds.
const OFF_FOR: u64 = 600;

/// Asks one server about its tokens.
pub struct Probe<'a> {
    slot: &'a Slot<'a>,
    server: &'a Server,
    network: &'a Network,
    deadline: Instant,
}

impl<'a> Probe<'a> {
    /// A probe of `server` for a call that has to end at `deadline`.
    #[must_use]
    pub fn new(slot: &'a Slot<'a>, server: &'a Server, network: &'a Network, deadline: Instant) -> Self {
        Self { slot, server, network, deadline }
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).min(LIMIT)
    }

    /// Whether asking has proved useless a while ago.
    #[must_use]
    pub fn is_off(&self) -> bool {
        let now = clock::now();
        // A clock that was set back must not keep it off.
        self.slot.state().read().probe_off_until.is_some_and(|until| now < until && until - now <= OFF_FOR)
    }

    /// Whether the server refuses the token of `generation`.
    #[must_use]
    pub fn rejects(&self, generation: &str, token: &Secret) -> bool {
        let deadline = Instant::now() + self.time_left();
        let mut lock = self.slot.probe_lock();
        loop {
            if let Some(known) = self.known(generation) {
                return known;
            }
            match lock.try_take() {
                Ok(Some(_held)) => {
                    return self.known(generation).unwrap_or_else(|| self.ask(generation, token));
                }
                Ok(None) if Instant::now() < deadline => pause(deadline),
                // Nobody could be asked in time: the token is kept.
                Ok(None) | Err(_) => return false,
            }
        }
    }

    /// What the server said to another caller a moment ago.
    fn known(&self, generation: &str) -> Option<bool> {
        let probed = self.slot.state().read().probe.filter(|probed| probed.generation == generation)?;
        let age = clock::now_ms().checked_sub(probed.at_ms)?;
        (age < SHARED_MS).then_some(probed.rejected)
    }

    fn ask(&self, generation: &str, token: &Secret) -> bool {
        if self.time_left().is_zero() {
            return false;
        }
        // A question that was not answered says nothing to others.
        let Some(rejected) = self.send(token) else { return false };
        let probed = Probed { generation: generation.to_owned(), at_ms: clock::now_ms(), rejected };
        self.slot.state().update(|state| state.probe = Some(probed.clone()));
        rejected
    }

    fn send(&self, token: &Secret) -> Option<bool> {
        let limits = Limits { connect: self.time_left(), total: self.time_left() };
        let (Ok(url), Ok(http)) = (endpoint(&self.server.url), Http::new(self.network, limits)) else {
            return None;
        };
        match ping(&http.until(self.deadline), &url, Some(token)) {
            Ok(reply) => Some(rejects_token(&reply)),
            Err(fault) => {
                log::debug!("the server could not be asked about the token, which is kept: {fault}");
                None
            }
        }
    }

    /// Leaves asking off for a while: the server refuses what was just issued for it.
    pub fn leave_off(&self) {
        log::warn!("the server refuses a token that was just issued; it is not asked again for ten minutes");
        self.slot.state().update(|state| state.probe_off_until = Some(clock::now() + OFF_FOR));
    }
}
