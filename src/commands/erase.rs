//! `erase NAME`: local, idempotent, conditional.

use super::revoke;
use super::session::{say, store_of};
use crate::cli::{EraseArgs, EraseScope};
use crate::config::{self, Environment};
use crate::failure::{Code, Failure, Outcome};
use crate::reply;
use crate::store::Slot;
use crate::store::intent::Claim;
use crate::store::lock::Held;
use crate::token::TokenRecord;
use crate::vault::pause;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// As long as a refresh under way can last: connecting and sending, the late answer, and saving it.
const LONGEST_REFRESH: Duration = Duration::from_secs(15 + 90 + 90);

/// Runs the verb.
///
/// # Errors
/// `lock_timeout` (nothing is erased then), `cache_damaged`, `insecure_storage`, `cache_unwritable`.
pub fn run(args: &EraseArgs, environment: &Environment) -> Outcome<()> {
    let loaded = config::load(&args.name, environment)?;
    let store = store_of(&loaded);
    let slot = Slot::new(&store, &args.name);
    // The client is read before its registration goes.
    let client = slot.client().ok().flatten();
    let done = erase(args, &slot).map_err(|failure| failure.of_server(&args.name))?;
    let revoked = match (&done.record, args.revoke) {
        (Some(record), true) => Some(revoke::revoke(&loaded, environment, record, client)),
        (None, true) => Some(false),
        (_, false) => None,
    };
    reply::document(&answer(args, &done, revoked))
}

/// What was taken away.
#[derive(Default)]
struct Done {
    erased: bool,
    record: Option<TokenRecord>,
    reason: Option<&'static str>,
}

fn erase(args: &EraseArgs, slot: &Slot) -> Outcome<Done> {
    let nothing = || Done { reason: Some("nothing_stored"), ..Done::default() };
    slot.store().check()?;
    if !slot.store().cache().is_dir() {
        return Ok(nothing());
    }
    let (_held, claim) = wait_for_lock(args, slot)?;
    let mut done = Done::default();
    if args.scope != EraseScope::Client {
        (done.record, done.erased) = read(args, slot, &claim)?;
        let stored = done.record.as_ref().map(|record| &record.clear.generation);
        if args.if_generation.is_some() && stored.is_some() && stored != args.if_generation.as_ref() {
            return Ok(Done { reason: Some("generation_changed"), ..Done::default() });
        }
        done.erased |= slot.erase(claim)?;
    }
    if args.scope != EraseScope::Tokens {
        done.erased |= slot.erase_client()?;
    }
    Ok(if done.erased { done } else { nothing() })
}

/// The record as it is under the lock. One that cannot be read is moved aside, if everything is to go; the
/// second value says so.
fn read(args: &EraseArgs, slot: &Slot, claim: &Claim) -> Outcome<(Option<TokenRecord>, bool)> {
    match slot.peek() {
        Err(failure) if failure.code == Code::CacheDamaged && args.scope == EraseScope::All => {
            let aside = slot.set_aside(claim)?;
            say(&format!("the damaged record was moved to {}", aside.display()));
            Ok((None, true))
        }
        other => other.map(|record| (record, false)),
    }
}

fn wait_for_lock(args: &EraseArgs, slot: &Slot) -> Outcome<(Held, Claim)> {
    let limit = args.timeout.map_or(LONGEST_REFRESH, Duration::from_secs);
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
            say(&format!("{}: waiting for a refresh under way to end", args.name));
        }
        pause(deadline);
    }
}

fn answer(args: &EraseArgs, done: &Done, revoked: Option<bool>) -> Value {
    let mut answer = Map::new();
    answer.insert("version".to_owned(), json!(1));
    answer.insert("server".to_owned(), json!(args.name));
    answer.insert("erased".to_owned(), json!(done.erased));
    if let Some(reason) = done.reason {
        answer.insert("reason".to_owned(), json!(reason));
    }
    if let Some(revoked) = revoked {
        answer.insert("revoked".to_owned(), json!(revoked));
    }
    Value::Object(answer)
}
