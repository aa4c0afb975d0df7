//! `logout NAME`: `erase` with revocation, for people. One line says what came of it.

use super::forget::{Forgotten, Only, Order, forget};
use super::revoke::Revocation;
use super::session::{self, store_of};
use crate::cli::{EraseScope, LogoutArgs, LogoutScope};
use crate::config::{self, Environment, Loaded};
use crate::failure::Outcome;
use crate::reply;
use crate::store::Slot;

/// Runs the verb. It succeeds once the login is gone from this machine, whatever its server says.
///
/// # Errors
/// `not_found` for a name that neither the configuration nor the store knows, and those of `erase`.
pub fn run(args: &LogoutArgs, environment: &Environment) -> Outcome<()> {
    let loaded = config::load(&args.name, environment)?;
    if !is_known(&args.name, &loaded) {
        return Err(session::unknown(&args.name, &store_of(&loaded), environment));
    }
    let order = Order {
        name: &args.name,
        only: Only::Any,
        scope: match args.scope {
            LogoutScope::Tokens => EraseScope::Tokens,
            LogoutScope::All => EraseScope::All,
        },
        revoke: true,
        timeout: args.timeout,
    };
    let forgotten = forget(&order, &loaded, environment)?;
    let unattended = loaded.server.is_some_and(|server| server.grant.is_unattended());
    let again = if unattended { "; it needs no login, so the next `get` obtains a new token" } else { "" };
    reply::note(&format!("{}: {}{again}", args.name, told(&forgotten)));
    Ok(())
}

/// A slip in the name must not look like a logout.
fn is_known(name: &str, loaded: &Loaded) -> bool {
    let store = store_of(loaded);
    let slot = Slot::new(&store, name);
    let is_stored = slot.stamp().is_some() || slot.has_saved(None);
    loaded.server.is_some() || is_stored || !matches!(slot.client(), Ok(None))
}

fn told(forgotten: &Forgotten) -> String {
    match forgotten {
        Forgotten::Gone(Some(revocation)) => match revocation.why_not() {
            None => "logged out, and revoked by the authorization server".to_owned(),
            Some(why) => format!("logged out here, but not revoked: {why}; {}", what_remains(revocation)),
        },
        Forgotten::Gone(None) => "what was stored is gone; there was no token to revoke".to_owned(),
        Forgotten::Nothing | Forgotten::Newer => "nobody was logged in".to_owned(),
    }
}

fn what_remains(revocation: &Revocation) -> &'static str {
    match revocation {
        Revocation::RefreshTokenOnly(_) => "the access token works there until it ends",
        _ => "the tokens work there until they end, or until you end the session there",
    }
}
