//! Taking a stored login away: what `erase` and `logout` share. Local, idempotent, for good.
//!
//! Owns the wait for a refresh under way, the second look under the lock, and the order: it is gone here before
//! its server is asked to revoke it. What is said about it is the verb's.

use super::revoke::{self, Revocation};
use super::session::{say, store_of};
use crate::cli::EraseScope;
use crate::config::{Environment, Loaded, Seeds};
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::store::Slot;
use crate::store::intent::Claim;
use crate::store::lock::Held;
use crate::token::TokenRecord;
use crate::vault::pause;
use std::time::{Duration, Instant};

/// As long as a refresh under way can last: connecting and sending, the late answer, and saving it.
const LONGEST_REFRESH: Duration = Duration::from_secs(15 + 90 + 90);

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
struct Taken {
    record: Option<TokenRecord>,
    any: bool,
}

/// Does what `order` says to the server that `loaded` describes, from its record alone if need be.
///
/// # Errors
/// `lock_timeout` (nothing is forgotten then), `cache_damaged`, `insecure_storage`, `cache_unwritable`.
pub fn forget(order: &Order, loaded: &Loaded, environment: &Environment) -> Outcome<Forgotten> {
    let store = store_of(loaded);
    let slot = Slot::new(&store, order.name);
    // The client is read before its registration goes.
    let client = slot.client().ok().flatten();
    let seeds = loaded.server.as_ref().map(|server| server.seeds.clone()).unwrap_or_default();
    let taken = take(order, &slot, &seeds).map_err(|failure| failure.of_server(order.name))?;
    let Some(taken) = taken else { return Ok(Forgotten::Newer) };
    if !taken.any {
        return Ok(Forgotten::Nothing);
    }
    let record = taken.record.filter(|_| order.revoke);
    Ok(Forgotten::Gone(record.map(|record| revoke::revoke(loaded, environment, &record, client))))
}

/// `None` where a newer token is stored.
fn take(order: &Order, slot: &Slot, seeds: &Seeds) -> Outcome<Option<Taken>> {
    let mut taken = Taken { record: None, any: false };
    slot.store().check()?;
    if *seeds != Seeds::default() && order.scope != EraseScope::Client {
        slot.store().prepare()?;
    } else if !slot.store().cache().is_dir() {
        return Ok(Some(taken));
    }
    let (held, claim) = wait_for_lock(order, slot)?;
    if order.scope != EraseScope::Client {
        (taken.record, taken.any) = read(order, slot, &claim)?;
        if taken.record.as_ref().is_some_and(|record| !order.only.allows(record)) {
            return Ok(None);
        }
        // First of all: a seed must not bring back what is erased, even when this process ends here. Who means
        // one token does not mean the seed of the next.
        if taken.record.is_some() || matches!(order.only, Only::Any) {
            slot.spend_seeds(&held, &seeds.secrets(), order.scope == EraseScope::All)?;
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

fn wait_for_lock(order: &Order, slot: &Slot) -> Outcome<(Held, Claim)> {
    let limit = order.timeout.map_or(LONGEST_REFRESH, Duration::from_secs);
    let deadline = Instant::now() + limit;
    let mut lock = slot.token_lock();
    let mut told = false;
    loop {
        if let Some(held) = slot.try_token_lock(&mut lock)?
            && let Some(claim) = slot.claim(&held)?
        {
            return Ok((held, claim));
        }
        if Instant::now() >= deadline {
            let text = "a refresh is under way and has not ended in time; nothing was erased; try again";
            return Err(Failure::new(Code::LockTimeout, text));
        }
        if !std::mem::replace(&mut told, true) {
            say(&format!("{}: waiting for a refresh under way to end", order.name));
        }
        pause(deadline);
    }
}
