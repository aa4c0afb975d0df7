//! `erase NAME`: local, idempotent, conditional.

use super::session::{say, store_of};
use crate::cli::{EraseArgs, EraseScope};
use crate::config::{self, Environment};
use crate::failure::{Code, Failure, Outcome};
use crate::reply;
use crate::store::Slot;
use crate::store::lock::Held;
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
    let outcome = erase(args, &slot).map_err(|failure| failure.of_server(&args.name))?;
    reply::document(&outcome)
}

fn erase(args: &EraseArgs, slot: &Slot) -> Outcome<Value> {
    slot.store().check()?;
    if !slot.store().cache().is_dir() {
        return Ok(answer(args, false, Some("nothing_stored")));
    }
    let held = wait_for_lock(args, slot)?;
    let mut erased = false;
    if args.scope != EraseScope::Client {
        if let Some(kept) = reason_to_keep(args, slot, &held)? {
            return Ok(answer(args, false, Some(kept)));
        }
        erased |= slot.erase(&held)?;
    }
    if args.scope != EraseScope::Tokens {
        erased |= slot.erase_client()?;
    }
    Ok(answer(args, erased, (!erased).then_some("nothing_stored")))
}

/// A newer generation than the caller means is left alone. A record that cannot be read is moved aside, if
/// everything is to go.
fn reason_to_keep(args: &EraseArgs, slot: &Slot, held: &Held) -> Outcome<Option<&'static str>> {
    match slot.peek() {
        Ok(Some(record)) => {
            let other = args.if_generation.as_ref().is_some_and(|wanted| *wanted != record.clear.generation);
            Ok(other.then_some("generation_changed"))
        }
        Ok(None) => Ok(None),
        Err(failure) if failure.code == Code::CacheDamaged && args.scope == EraseScope::All => {
            let aside = slot.set_aside(held)?;
            say(&format!("the damaged record was moved to {}", aside.display()));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

fn wait_for_lock(args: &EraseArgs, slot: &Slot) -> Outcome<Held> {
    let limit = args.timeout.map_or(LONGEST_REFRESH, Duration::from_secs);
    let deadline = Instant::now() + limit;
    let mut lock = slot.token_lock();
    let mut told = false;
    loop {
        if let Some(held) = slot.try_token_lock(&mut lock)? {
            return Ok(held);
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

fn answer(args: &EraseArgs, erased: bool, reason: Option<&str>) -> Value {
    let mut answer = Map::new();
    answer.insert("version".to_owned(), json!(1));
    answer.insert("server".to_owned(), json!(args.name));
    answer.insert("erased".to_owned(), json!(erased));
    if let Some(reason) = reason {
        answer.insert("reason".to_owned(), json!(reason));
    }
    Value::Object(answer)
}
