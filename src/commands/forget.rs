//! Taking a stored login away: what `erase` and `logout` share. Local, idempotent, for good.
//!
//! Owns the wait for a refresh under way, and for a login where its registration is to go, the second look under the
//! lock, and the order: it is gone here before its server is asked to revoke it. What is said about it is the verb's.

use super::revoke::{self, Revocation};
use super::session::{say, store_of};
use crate::binding;
use crate::cli::EraseScope;
use crate::config::{Environment, Loaded, Seeds, Server};
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::store::Slot;
use crate::store::client::ClientRecord;
use crate::store::intent::Claim;
use crate::store::lock::Held;
use crate::token::TokenRecord;
use crate::vault::{everywhere, pause};
use crate::worker::LONGEST_RENEWAL;
use std::time::{Duration, Instant};

/// What is to be forgotten.
#[derive(Debug)]
pub struct Order<'a> {
    /// The server.
    pub name: &'a str,
    /// The only token that may go.
    pub only: Only<'a>,
    /// What goes.
    pub scope: EraseScope,
    /// Whether the authorization server is asked to revoke it.
    pub revoke: bool,
    /// How long to wait for a refresh under way, in seconds.
    pub timeout: Option<u64>,
}

/// Which token may go; any other one is left alone.
#[derive(Debug, Clone, Copy)]
pub enum Only<'a> {
    /// Whichever is stored.
    Any,
    /// The one of this generation.
    Generation(&'a str),
    /// This one.
    Token(&'a Secret),
}

impl Only<'_> {
    fn allows(self, record: &TokenRecord) -> bool {
        match self {
            Self::Any => true,
            Self::Generation(generation) => record.clear.generation == generation,
            Self::Token(token) => record.access_token == *token,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub enum Forgotten {
    /// Something was there, and is gone. The second value is absent where nobody asked to revoke, or there was no
    /// token.
    Gone(Option<Revocation>),
    /// Nothing was there.
    Nothing,
    /// Another token is stored by now; it was left alone.
    Newer,
}

/// What was taken away.
#[derive(Default)]
struct Taken {
    record: Option<TokenRecord>,
    client: Option<ClientRecord>,
    any: bool,
}

/// Does what `order` says to the server that `loaded` describes, from its record alone if need be.
///
/// # Errors
/// `lock_timeout` (nothing is forgotten then), `cache_damaged`, `insecure_storage`, `cache_unwritable`.
pub fn forget(order: &Order, loaded: &Loaded, environment: &Environment) -> Outcome<Forgotten> {
    let store = everywhere(&store_of(loaded), environment)?;
    let slot = Slot::new(&store, order.name);
    let taken =
        take(order, &slot, loaded.server.as_ref()).map_err(|failure| failure.of_server(order.name))?;
    let Some(taken) = taken else { return Ok(Forgotten::Newer) };
    if !taken.any {
        return Ok(Forgotten::Nothing);
    }
    let (record, client) = (taken.record.filter(|_| order.revoke), taken.client);
    Ok(Forgotten::Gone(record.map(|record| revoke::revoke(loaded, environment, &record, client))))
}

/// `None` where a newer token is stored.
fn take(order: &Order, slot: &Slot, server: Option<&Server>) -> Outcome<Option<Taken>> {
    let mut taken = Taken::default();
    let seeds = server.map(|server| server.seeds.clone()).unwrap_or_default();
    slot.store().check()?;
    if seeds != Seeds::default() && order.scope != EraseScope::Client {
        slot.store().prepare()?;
    } else if !slot.store().cache().is_dir() {
        return Ok(Some(taken));
    }
    let (_login, held, claim) = wait_for_locks(order, slot)?;
    // Before its registration goes.
    taken.client = slot.client().ok().flatten();
    if order.scope != EraseScope::Client {
        // An answer that was saved, but is not in its place yet, is what is stored: it is what goes, or is newer.
        slot.finish(&claim)?;
        (taken.record, taken.any) = read(order, slot, &claim)?;
        if taken.record.as_ref().is_some_and(|record| !order.only.allows(record)) {
            return Ok(None);
        }
        // First of all: a seed must not bring back what is erased, even when this process ends here. Who means
        // one token does not mean the seed of the next.
        if taken.record.is_some() || matches!(order.only, Only::Any) {
            slot.spend_seeds(&held, &seeds.secrets(), order.scope == EraseScope::All)?;
        }
        // The record knows it, and is about to go.
        if let (Some(server), Some(record)) = (server, &taken.record) {
            binding::keep_home(server, slot, &held, &record.clear);
        }
        taken.any |= slot.erase(claim)?;
    }
    if order.scope != EraseScope::Tokens {
        taken.any |= slot.erase_client()?;
    }
    Ok(Some(taken))
}

/// The record as it is under the lock. One that cannot be read is moved aside, if everything is to go; the
/// second value says so.
fn read(order: &Order, slot: &Slot, claim: &Claim) -> Outcome<(Option<TokenRecord>, bool)> {
    match slot.peek() {
        Err(failure) if failure.code == Code::CacheDamaged && order.scope == EraseScope::All => {
            let aside = slot.set_aside(claim)?;
            say(&format!("the damaged record was moved to {}", aside.display()));
            Ok((None, true))
        }
        other => other.map(|record| (record, false)),
    }
}

/// The locks, in the order in which a login takes them. A registration that a login is using must not go: what the
/// login brings could not be renewed.
fn wait_for_locks(order: &Order, slot: &Slot) -> Outcome<(Option<Held>, Held, Claim)> {
    let deadline = Instant::now() + order.timeout.map_or(LONGEST_RENEWAL, Duration::from_secs);
    let mut lock = slot.login_lock();
    let login = match order.scope {
        EraseScope::Tokens => None,
        EraseScope::Client | EraseScope::All => {
            Some(wait_for(order, deadline, "a login", || lock.try_take())?)
        }
    };
    let mut lock = slot.token_lock();
    let (held, claim) = wait_for(order, deadline, "a refresh", || {
        let Some(held) = slot.try_token_lock(&mut lock)? else { return Ok(None) };
        Ok(slot.claim(&held)?.map(|claim| (held, claim)))
    })?;
    Ok((login, held, claim))
}

/// What `attempt` brings in the end; `what` is under way until then.
fn wait_for<T>(
    order: &Order,
    deadline: Instant,
    what: &str,
    mut attempt: impl FnMut() -> Outcome<Option<T>>,
) -> Outcome<T> {
    let mut told = false;
    loop {
        if let Some(taken) = attempt()? {
            return Ok(taken);
        }
        if Instant::now() >= deadline {
            let text =
                format!("{what} is under way and has not ended in time; nothing was erased; try again");
            return Err(Failure::new(Code::LockTimeout, text));
        }
        if !std::mem::replace(&mut told, true) {
            say(&format!("{}: waiting for {what} under way to end", order.name));
        }
        pause(deadline);
    }
}
