//! `erase NAME`: local, idempotent, conditional; its answer is for programs.

use super::forget::{Forgotten, Order, forget};
use super::revoke::Revocation;
use super::session::say;
use crate::cli::EraseArgs;
use crate::config::{self, Environment};
use crate::failure::Outcome;
use crate::reply;
use serde_json::{Map, Value, json};

/// Runs the verb.
///
/// # Errors
/// `lock_timeout` (nothing is erased then), `cache_damaged`, `insecure_storage`, `cache_unwritable`.
pub fn run(args: &EraseArgs, environment: &Environment) -> Outcome<()> {
    let loaded = config::load(&args.name, environment)?;
    let order = Order {
        name: &args.name,
        if_generation: args.if_generation.as_deref(),
        scope: args.scope,
        revoke: args.revoke,
        timeout: args.timeout,
    };
    let forgotten = forget(&order, &loaded, environment)?;
    if let Forgotten::Gone(Some(revocation)) = &forgotten
        && let Some(why) = revocation.why_not()
    {
        say(&format!("{}: erased here, but not revoked: {why}", args.name));
    }
    reply::document(&answer(args, &forgotten))
}

fn answer(args: &EraseArgs, forgotten: &Forgotten) -> Value {
    let mut answer = Map::new();
    answer.insert("version".to_owned(), json!(1));
    answer.insert("server".to_owned(), json!(args.name));
    answer.insert("erased".to_owned(), json!(matches!(forgotten, Forgotten::Gone(_))));
    let (reason, revocation) = match forgotten {
        Forgotten::Gone(revocation) => (None, revocation.as_ref()),
        Forgotten::Nothing => (Some("nothing_stored"), None),
        Forgotten::Newer => (Some("generation_changed"), None),
    };
    if let Some(reason) = reason {
        answer.insert("reason".to_owned(), json!(reason));
    }
    if args.revoke {
        let revoked = revocation.is_some_and(|revocation| *revocation == Revocation::Done);
        answer.insert("revoked".to_owned(), json!(revoked));
    }
    Value::Object(answer)
}
