//! What the handle and all request threads share.
//!
//! Owns the locks and their recovery: a panic elsewhere never makes the server unusable.

use crate::clock::Clock;
use crate::connections::Connections;
use crate::faults::Orders;
use crate::gate::Gate;
use crate::log::Log;
use crate::random::Random;
use crate::settings::Settings;
use crate::site::Site;
use crate::state::State;
use crate::tokens::{Mint, Subject};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// See the module.
pub(crate) struct Shared {
    settings: Mutex<Arc<Settings>>,
    state: Mutex<State>,
    friends: Mutex<Vec<Weak<Shared>>>,
    pub(crate) port: u16,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) log: Log,
    pub(crate) orders: Orders,
    pub(crate) gate: Gate,
    pub(crate) connections: Connections,
}

impl Shared {
    pub(crate) fn new(settings: Settings, port: u16) -> io::Result<Self> {
        Ok(Self {
            settings: Mutex::new(Arc::new(settings)),
            state: Mutex::default(),
            friends: Mutex::default(),
            port,
            clock: Clock::new(),
            random: Random::new()?,
            log: Log::new(),
            orders: Orders::default(),
            gate: Gate::default(),
            connections: Connections::default(),
        })
    }

    /// The settings of this moment.
    pub(crate) fn site(&self) -> Site {
        Site { settings: Arc::clone(&lock(&self.settings)), port: self.port }
    }

    pub(crate) fn reconfigure(&self, how: impl FnOnce(&mut Settings)) {
        how(Arc::make_mut(&mut lock(&self.settings)));
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn mint<'a>(&'a self, site: &'a Site) -> Mint<'a> {
        Mint { random: &self.random, settings: &site.settings, now: self.clock.now() }
    }

    /// Accepts the tokens of another authorization server at this resource.
    pub(crate) fn befriend(&self, other: &Arc<Self>) {
        lock(&self.friends).push(Arc::downgrade(other));
    }

    /// Whom a live access token for this resource was issued to; none when it is refused.
    pub(crate) fn accepted(&self, token: &str) -> Option<Subject> {
        let resource = self.site().resource();
        let own = self.live(token, &resource);
        own.or_else(|| {
            let friends: Vec<_> = lock(&self.friends).iter().filter_map(Weak::upgrade).collect();
            friends.iter().find_map(|friend| friend.live(token, &resource))
        })
    }

    fn live(&self, token: &str, audience: &str) -> Option<Subject> {
        let now = self.clock.now();
        let state = self.state();
        state.tokens.access(token, now).filter(|subject| subject.audience == audience).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
