//! `erase NAME`: local, idempotent, conditional; its answer is for programs.

use super::call::{Call, Typed};
use super::forget::{Forgotten, Only, Order, forget};
use super::revoke::Revocation;
use super::session::{say, store_of};
use crate::binding;
use crate::cli::EraseArgs;
use crate::config::{self, Environment, Loaded};
use crate::failure::Outcome;
use crate::reply;
use crate::request::Rejected;
use crate::store::Slot;
use serde_json::{Map, Value, json};

/// Runs the verb.
///
/// # Errors
/// `lock_timeout` (nothing is erased then), `cache_damaged`, `insecure_storage`, `cache_unwritable`; `usage` for a
/// bad request object; `url_mismatch` for a URL that the name is not bound to.
pub fn run(args: &EraseArgs, environment: &Environment) -> Outcome<()> {
    let call = typed(args).call(environment)?;
    let loaded = config::load(&call.name, environment)?;
    check_url(&call, &loaded)?;
    let only = match &call.request.rejected {
        None => Only::Any,
        Some(Rejected::Generation(generation)) => Only::Generation(generation),
        Some(Rejected::Token(token)) => Only::Token(token),
    };
    let order =
        Order { name: &call.name, only, scope: args.scope, revoke: args.revoke, timeout: args.timeout };
    let forgotten = forget(&order, &loaded, environment)?;
    if let Forgotten::Gone(Some(revocation)) = &forgotten
        && let Some(why) = revocation.why_not()
    {
        say(&format!("{}: erased here, but not revoked: {why}", call.name));
    }
    reply::document(&answer(&call.name, args.revoke, &forgotten))
}

fn typed(args: &EraseArgs) -> Typed<'_> {
    Typed {
        name: args.name.as_deref(),
        generation: args.if_generation.as_deref(),
        by_object: args.request.is_some(),
        timeout: args.timeout,
        ..Typed::default()
    }
}

/// A URL in the object must be the one that the name is bound to, by the configuration or by the record.
fn check_url(call: &Call, loaded: &Loaded) -> Outcome<()> {
    let Some(stated) = &call.request.url else { return Ok(()) };
    let store = store_of(loaded);
    let of_record = || Some(Slot::new(&store, &call.name).peek_clear().ok()??.url);
    let bound = loaded.server.as_ref().map(|server| server.url.clone()).or_else(of_record);
    bound.map_or(Ok(()), |bound| binding::check_stated(&call.name, &bound, stated))
}

fn answer(name: &str, revoke: bool, forgotten: &Forgotten) -> Value {
    let mut answer = Map::new();
    answer.insert("version".to_owned(), json!(1));
    answer.insert("server".to_owned(), json!(name));
    answer.insert("erased".to_owned(), json!(matches!(forgotten, Forgotten::Gone(_))));
    let (reason, revocation) = match forgotten {
        Forgotten::Gone(revocation) => (None, revocation.as_ref()),
        Forgotten::Nothing => (Some("nothing_stored"), None),
        Forgotten::Newer => (Some("generation_changed"), None),
    };
    if let Some(reason) = reason {
        answer.insert("reason".to_owned(), json!(reason));
    }
    if revoke {
        let revoked = revocation.is_some_and(|revocation| *revocation == Revocation::Done);
        answer.insert("revoked".to_owned(), json!(revoked));
    }
    Value::Object(answer)
}
