//! Is the cached token still accepted? Header consumers run the same command again after a 401 and do not say
//! why, so for them the server is asked before a cached token is answered.
//!
//! Callers of the same moment share one question: a lock of its own, and an answer that lives three seconds.
//! Only a 401 with a challenge counts, and its challenge is handed on, to those who share the answer too; whatever
//! else happens, the token is kept. Where a token that was just issued is refused as well, asking proves nothing and
//! is left off for ten minutes.

use crate::broker::Answer;
use crate::clock;
use crate::config::{Network, Server};
use crate::dpop::prove;
use crate::jose::dpop::Target;
use crate::oauth::challenge::Challenge;
use crate::oauth::http::{Http, Limits, Reply};
use crate::oauth::ping::{Shown, ping, rejection, wants_nonce};
use crate::oauth::url::{endpoint, origin};
use crate::store::Slot;
use crate::store::state::{NonceFor, Probed};
use crate::vault::pause;
use std::time::{Duration, Instant};
use url::Url;

/// How long the question may take, if the call has that long.
const LIMIT: Duration = Duration::from_secs(2);
/// How long an answer lives, in milliseconds: long enough for ten sessions that start together, short enough
/// not to hide a 401.
const SHARED_MS: u64 = 3000;
/// For how long the server is not asked after it refused a token that was just issued, in seconds.
const OFF_FOR: u64 = 600;

/// What a server that answered said of a token.
enum Said {
    /// Nothing against it.
    Nothing,
    /// That it does not accept it.
    Refusal(Challenge),
}

impl Said {
    fn challenge(self) -> Option<Challenge> {
        match self {
            Self::Nothing => None,
            Self::Refusal(challenge) => Some(challenge),
        }
    }
}

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

    /// The challenge with which the server refuses the token of `answer`; `None` where it is kept.
    #[must_use]
    pub fn rejection(&self, answer: &Answer) -> Option<Challenge> {
        let generation = &answer.clear.generation;
        let deadline = Instant::now() + self.time_left();
        let mut lock = self.slot.probe_lock();
        loop {
            if let Some(known) = self.known(generation) {
                return known.challenge();
            }
            match lock.try_take() {
                Ok(Some(_held)) => {
                    return self.known(generation).or_else(|| self.ask(answer)).and_then(Said::challenge);
                }
                Ok(None) if Instant::now() < deadline => pause(deadline),
                // Nobody could be asked in time: the token is kept.
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// What the server said to another caller a moment ago.
    fn known(&self, generation: &str) -> Option<Said> {
        let probed = self.slot.state().read().probe.filter(|probed| probed.generation == generation)?;
        let age = clock::now_ms().checked_sub(probed.at_ms)?;
        if age >= SHARED_MS {
            return None;
        }
        if !probed.rejected {
            return Some(Said::Nothing);
        }
        // A refusal without its challenge was written down by an older version: the server is asked anew.
        serde_json::from_value(probed.challenge?).ok().map(Said::Refusal)
    }

    fn ask(&self, answer: &Answer) -> Option<Said> {
        if self.time_left().is_zero() {
            return None;
        }
        // A question that was not answered says nothing to others.
        let said = self.send(answer)?;
        let challenge = match &said {
            Said::Nothing => None,
            Said::Refusal(challenge) => serde_json::to_value(challenge).ok(),
        };
        let probed = Probed {
            generation: answer.clear.generation.clone(),
            at_ms: clock::now_ms(),
            rejected: matches!(said, Said::Refusal(_)),
            challenge,
        };
        self.slot.state().update(|state| state.probe = Some(probed.clone()));
        Some(said)
    }

    fn send(&self, answer: &Answer) -> Option<Said> {
        let limits = Limits { connect: self.time_left(), total: self.time_left() };
        let (Ok(url), Ok(http)) = (endpoint(&self.server.url), Http::new(self.network, limits)) else {
            return None;
        };
        let http = http.until(self.deadline);
        let mut reply = self.ping(&http, &url, answer)?;
        if wants_nonce(&reply) && self.keep_nonce(&url, &reply) {
            reply = self.ping(&http, &url, answer)?;
        }
        self.keep_nonce(&url, &reply);
        Some(rejection(&reply).map_or(Said::Nothing, Said::Refusal))
    }

    fn ping(&self, http: &Http, url: &Url, answer: &Answer) -> Option<Reply> {
        let target = Target { method: "POST", url, nonce: None };
        let proof = prove(self.slot, answer, target);
        let proof = proof.map_err(|failure| log::debug!("{}", failure.message)).ok()?;
        let shown = Shown { token: &answer.access_token, proof: proof.as_ref() };
        match ping(http, url, Some(shown)) {
            Ok(reply) => Some(reply),
            Err(fault) => {
                log::debug!("the server could not be asked about the token, which is kept: {fault}");
                None
            }
        }
    }

    /// Keeps the nonce that the server has provided, if it has.
    fn keep_nonce(&self, url: &Url, reply: &Reply) -> bool {
        let nonce = reply.dpop_nonce();
        if let Some(nonce) = nonce {
            let place = origin(url);
            self.slot.state().update(|state| state.keep_nonce(NonceFor::Resource, &place, nonce));
        }
        nonce.is_some()
    }

    /// Leaves asking off for a while: the server refuses what was just issued for it.
    pub fn leave_off(&self) {
        log::warn!("the server refuses a token that was just issued; it is not asked again for ten minutes");
        self.slot.state().update(|state| state.probe_off_until = Some(clock::now() + OFF_FOR));
    }
}
