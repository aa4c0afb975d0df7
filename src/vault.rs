//! The broker's vault in the real world: records in the store, redemption in a worker.

use crate::binding;
use crate::broker::{Redeemed, Vault};
use crate::clock;
use crate::config::{Environment, Network, SecretSource, Server};
use crate::failure::{Failure, Outcome};
use crate::store::Slot;
use crate::store::lock::{Held, LockFile};
use crate::store::slot::Stamp;
use crate::token::TokenRecord;
use crate::worker::{self, Job, Task};
use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

/// The shortest and the longest pause between two looks at the record, in milliseconds.
const PAUSE: (u64, u64) = (10, 25);

/// One server's vault.
pub struct StoreVault<'a> {
    slot: &'a Slot<'a>,
    server: &'a Server,
    network: &'a Network,
    environment: &'a Environment,
    lock: RefCell<LockFile>,
    seen: RefCell<Option<(Stamp, Option<TokenRecord>)>>,
    prepared: Cell<bool>,
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
        Self { slot, server, network, environment, lock, seen, prepared }
    }

    /// Hands the lock to a worker that does `task`.
    #[must_use]
    pub fn work(&self, lock: Held, task: Task, deadline: Instant) -> Redeemed {
        let client_secret = match self.server.client_secret.read_by(self.environment, deadline) {
            Ok(secret) => secret,
            Err(failure) => return Redeemed::Failed(failure),
        };
        let server = Server { client_secret: SecretSource::None, ..self.server.clone() };
        let job = Job::new(self.slot.store(), server, client_secret, self.network.clone(), task);
        worker::redeem(lock, &job, deadline)
    }

    /// Waiters look many times a second, so an unchanged record is not read again.
    fn read(&self) -> Outcome<Option<TokenRecord>> {
        let stamp = self.slot.stamp();
        if let (Some(stamp), Some((seen, record))) = (stamp, &*self.seen.borrow())
            && stamp == *seen
        {
            return Ok(record.clone());
        }
        let record = self.slot.peek()?;
        *self.seen.borrow_mut() = stamp.map(|stamp| (stamp, record.clone()));
        Ok(record)
    }
}

impl Vault for StoreVault<'_> {
    type Lock = Held;

    /// A record that another process has put there for another server, issuer or client is no answer,
    /// whenever it comes.
    fn peek(&self) -> Outcome<Option<TokenRecord>> {
        let record = self.read()?;
        record.as_ref().map_or(Ok(()), |record| binding::check(self.server, &record.clear))?;
        Ok(record)
    }

    fn try_lock(&self) -> Outcome<Option<Held>> {
        if !self.prepared.replace(true) {
            self.slot.store().prepare()?;
        }
        self.slot.try_token_lock(&mut self.lock.borrow_mut())
    }

    fn shared_failure(&self, generation: &str) -> Option<Failure> {
        self.slot.state().read().shared_failure(generation, clock::now())
    }

    fn ended(&self) -> Option<String> {
        self.slot.state().read().ended
    }

    fn redeem(&self, lock: Held, generation: &str, deadline: Instant) -> Redeemed {
        log::info!("renewing generation {generation}");
        self.work(lock, Task::Renew { generation: generation.to_owned() }, deadline)
    }

    fn pause(&self, deadline: Instant) {
        pause(deadline);
    }
}

/// Sleeps for a moment of random length, so that waiters do not march in step, but not past `deadline`.
pub fn pause(deadline: Instant) {
    let mut random = [0_u8; 1];
    // Without random bytes everyone waits equally long.
    let _ = getrandom::fill(&mut random);
    let (shortest, longest) = PAUSE;
    let wait = Duration::from_millis(shortest + u64::from(random[0]) % (longest - shortest));
    thread::sleep(wait.min(deadline.saturating_duration_since(Instant::now())));
}
