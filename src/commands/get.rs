//! `get NAME`: a valid access token. Fresh: from the record, without a lock and without the network.

use super::interact;
use super::session::Session;
use crate::broker::{Answer, Wish, obtain};
use crate::cli::GetArgs;
use crate::config::Environment;
use crate::failure::{Code, Outcome};
use crate::reply;
use crate::vault::StoreVault;

/// Runs the verb.
///
/// # Errors
/// Every code of protocol.md but those of `login`'s own steps where none may start.
pub fn run(args: &GetArgs, environment: &Environment) -> Outcome<()> {
    let session = Session::open(&args.token.name, environment)?;
    let answer = answer(&session, args).map_err(|failure| session.remember(failure))?;
    reply::answer(args.token.format, &answer, &session.server)
}

fn answer(session: &Session, args: &GetArgs) -> Outcome<Answer> {
    session.check_caller(args.token.url.as_deref())?;
    let wish = Wish { min_ttl: args.min_ttl, ..session.wish() };
    token(session, &wish, args)
}

fn token(session: &Session, wish: &Wish, args: &GetArgs) -> Outcome<Answer> {
    let deadline = session.deadline(&args.token);
    let slot = session.slot();
    let vault = StoreVault::new(&slot, &session.server, &session.loaded.machine.network, session.environment);
    session.check_binding(crate::broker::Vault::peek(&vault)?.as_ref())?;
    match obtain(&vault, wish, deadline) {
        Err(failure) if failure.code == Code::InteractionRequired => {
            interact::or_refuse(session, &vault, wish, args.token.interactive, deadline, failure)
        }
        other => other,
    }
}
