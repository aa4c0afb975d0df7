//! The broker's vault in the real world: records in the store, redemption in a worker.

use crate::binding;
use crate::broker::{Redeemed, Seed, Vault};
use crate::clock;
use crate::config::{self, Environment, Network, SecretSource, Secrets, Seeds, Server};
use crate::failure::{Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::store::lock::{Held, LockFile};
use crate::store::slot::Stamp;
use crate::store::state::Asker;
use crate::store::{Slot, Store};
use crate::token::TokenRecord;
use crate::worker::{self, Job, Task};
use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

/// The longest pause between two looks at the record; the shortest is four fifths of it.
const PAUSE: Duration = Duration::from_millis(25);
/// The same for a wait that has lasted: many waiters that look often cost more than they gain by it.
const LONG_PAUSE: Duration = Duration::from_millis(250);
/// The share of a wait that its next pause may add to it, as one in so many.
const SHARE: u32 = 8;

/// One server's vault.
pub struct StoreVault<'a> {
    slot: &'a Slot<'a>,
    server: &'a Server,
    network: &'a Network,
    environment: &'a Environment,
    challenge: Option<&'a Challenge>,
    lock: RefCell<LockFile>,
    seen: RefCell<Option<(Stamp, Option<TokenRecord>)>>,
    prepared: Cell<bool>,
    began: Instant,
}

impl<'a> StoreVault<'a> {
    /// The vault of `server` at `slot`.
    #[must_use]
    pub fn new(
        slot: &'a Slot<'a>,
        server: &'a Server,
        network: &'a Network,
        environment: &'a Environment,
    ) -> Self {
        let lock = RefCell::new(slot.token_lock());
        let (seen, prepared) = (RefCell::new(None), Cell::new(false));
        Self {
            slot,
            server,
            network,
            environment,
            challenge: None,
            lock,
            seen,
            prepared,
            began: Instant::now(),
        }
    }

    /// The same for a caller that handed over what the MCP server said.
    #[must_use]
    pub fn challenged(self, challenge: Option<&'a Challenge>) -> Self {
        Self { challenge, ..self }
    }

    /// Hands the lock to a worker that does `task`.
    #[must_use]
    pub fn work(&self, lock: Held, task: Task, deadline: Instant) -> Redeemed {
        // An exchange carries its client's credentials in its request.
        let secrets = match task {
            Task::Renew { .. } => Secrets::read(self.server, self.environment, deadline),
            Task::Exchange { .. } => Ok(Secrets::default()),
        };
        let secrets = match secrets {
            Ok(secrets) => secrets,
            Err(failure) => return Redeemed::Failed(failure),
        };
        let none = SecretSource::default;
        let mut server = Server { client_secret: none(), private_key: none(), ..self.server.clone() };
        if !matches!(task, Task::Renew { .. }) {
            server.seeds = Seeds::default();
        }
        let store = match everywhere(self.slot.store(), self.environment) {
            Ok(store) => store,
            Err(failure) => return Redeemed::Failed(failure),
        };
        let job = Job::new(&store, server, secrets, self.network.clone(), task, self.mark());
        worker::redeem(lock, &job, deadline)
    }

    fn mark(&self) -> u64 {
        config::mark(self.server, self.network, self.environment)
    }

    /// A record that another process has put there for another server, issuer or client is no answer,
    /// whenever it comes.
    fn read(&self) -> Outcome<Option<TokenRecord>> {
        let record = self.slot.peek()?;
        record.as_ref().map_or(Ok(()), |record| binding::check(self.server, &record.clear))?;
        Ok(record)
    }

    /// Whether there is another record than that of the last look, or the lock was to be had. It is let go at once, so
    /// that none but a redemption ever holds it; what is wrong with it is for the next try to say.
    fn has_moved(&self) -> bool {
        let seen = self.seen.borrow().as_ref().map(|(stamp, _)| *stamp);
        self.slot.stamp() != seen || !matches!(self.try_lock(), Ok(None))
    }
}

/// `store` with the directories of all servers: what a fresh `get` does without.
///
/// # Errors
/// Those of the configuration.
pub fn everywhere(store: &Store, environment: &Environment) -> Outcome<Store> {
    Ok(store.clone().beside(config::cache_dirs(environment)?))
}

impl Vault for StoreVault<'_> {
    type Lock = Held;

    /// Waiters look many times a second, so an unchanged record is not read again.
    fn peek(&self) -> Outcome<Option<TokenRecord>> {
        let stamp = self.slot.stamp();
        if let (Some(stamp), Some((seen, record))) = (stamp, &*self.seen.borrow())
            && stamp == *seen
        {
            return Ok(record.clone());
        }
        let record = self.read()?;
        *self.seen.borrow_mut() = stamp.map(|stamp| (stamp, record.clone()));
        Ok(record)
    }

    fn try_lock(&self) -> Outcome<Option<Held>> {
        if !self.prepared.replace(true) {
            self.slot.store().prepare()?;
        }
        self.slot.try_token_lock(&mut self.lock.borrow_mut())
    }

    fn has_saved(&self, record: Option<&TokenRecord>) -> bool {
        self.slot.has_saved(record)
    }

    fn shared_failure(&self, generation: &str) -> Option<Failure> {
        let stored = self.peek().ok().flatten().map(|record| record.clear.token_endpoint);
        let endpoint = stored.or_else(|| self.server.token_url.clone());
        let asker = Asker { generation, mark: self.mark(), endpoint: endpoint.as_deref() };
        self.slot.state().read().shared_failure(&asker, clock::now())
    }

    fn ended(&self) -> Option<String> {
        self.slot.state().read().ended
    }

    fn seed(&self) -> Outcome<Seed> {
        if self.server.seeds == Seeds::default() {
            return Ok(Seed::None);
        }
        let store = everywhere(self.slot.store(), self.environment)?;
        let slot = Slot::new(&store, self.slot.name());
        Ok(match worker::next_seed(self.server, &slot)? {
            Some(_) => Seed::Unspent,
            None => Seed::Spent(worker::all_spent(self.server, &slot)?),
        })
    }

    fn redeem(&self, lock: Held, generation: &str, deadline: Instant) -> Redeemed {
        log::info!("renewing generation {generation}");
        let challenge = self.challenge.cloned().map(Box::new);
        self.work(lock, Task::Renew { generation: generation.to_owned(), challenge }, deadline)
    }

    /// Sixty-four waiters wake up hundreds of times a second, so a look at what has not changed does next to nothing.
    fn pause(&self, deadline: Instant) {
        loop {
            sleep_about(longest_pause(self.began.elapsed()), deadline);
            if Instant::now() >= deadline || self.has_moved() {
                return;
            }
        }
    }
}

/// How long a waiter that has waited for `waited` sleeps at most before its next look.
fn longest_pause(waited: Duration) -> Duration {
    (waited / SHARE).clamp(PAUSE, LONG_PAUSE)
}

/// Sleeps for a moment, but not past `deadline`.
pub fn pause(deadline: Instant) {
    sleep_about(PAUSE, deadline);
}

/// Sleeps for a time between four fifths of `longest` and all of it, so that waiters do not march in step.
fn sleep_about(longest: Duration, deadline: Instant) {
    let mut random = [0_u8; 1];
    // Without random bytes everyone waits equally long.
    let _ = getrandom::fill(&mut random);
    let wait = longest.mul_f64(0.8 + 0.2 * f64::from(random[0]) / 255.0);
    thread::sleep(wait.min(deadline.saturating_duration_since(Instant::now())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    #[test]
    fn a_waiter_goes_on_waiting_until_there_is_another_record_or_the_lock_is_free() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let (server, network) = (Server::default(), Network::default());
        let environment = Environment::from_pairs::<String, String>([]);
        let vault = StoreVault::new(&slot, &server, &network, &environment);
        let held = slot.token_lock().try_take().unwrap().unwrap();
        let in_time = |seconds| {
            let deadline = Instant::now() + Duration::from_secs(seconds);
            vault.pause(deadline);
            Instant::now() < deadline
        };
        assert!(!in_time(1), "nothing has moved");
        std::fs::write(slot.record_path(), "{}").unwrap();
        assert!(in_time(30), "there is a record now");
        std::fs::remove_file(slot.record_path()).unwrap();
        drop(held);
        assert!(in_time(30), "the lock is free");
        assert!(vault.try_lock().unwrap().is_some(), "and was not kept");
    }

    #[test]
    fn a_wait_that_lasts_is_looked_at_less_often_but_never_seldom() {
        let after = |milliseconds| longest_pause(Duration::from_millis(milliseconds)).as_millis();
        assert_eq!([after(0), after(200), after(800), after(2400), after(90_000)], [25, 25, 100, 250, 250]);
    }
}
