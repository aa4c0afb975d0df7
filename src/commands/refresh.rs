//! `refresh NAME`: the answer is not the token that was rejected.

use super::bound;
use super::call::{Call, Typed};
use super::interact::Asker;
use super::login_flow;
use super::session::Session;
use crate::broker::{Answer, Source, Wish};
use crate::cli::{RefreshArgs, TokenArgs};
use crate::clock;
use crate::config::Environment;
use crate::failure::Outcome;
use crate::reply;
use crate::token::TokenRecord;
use crate::vault::StoreVault;

/// For how long after a renewal a plain `refresh` takes its result, in seconds: fifty scripts that refresh
/// at once cause one request.
const JUST_NOW: u64 = 5;

/// Runs the verb.
///
/// # Errors
/// Every code of protocol.md but those of `login`'s own steps where none may start.
pub fn run(args: &RefreshArgs, environment: &Environment) -> Outcome<()> {
    let call = typed(args).call(environment)?;
    let session = Session::open(&call.name, environment)?;
    let answer = answer(&session, &call, &args.token).map_err(|failure| session.remember(failure))?;
    reply::answer(args.token.format, &answer, &session.server)
}

fn typed(args: &RefreshArgs) -> Typed<'_> {
    Typed { generation: args.rejected_generation.as_deref(), ..args.token.typed() }
}

fn answer(session: &Session, call: &Call, args: &TokenArgs) -> Outcome<Answer> {
    session.check_call(call)?;
    let deadline = session.deadline(call.began, args.timeout);
    let slot = session.slot();
    let challenge = call.request.challenge();
    let vault = StoreVault::new(&slot, &session.server, &session.loaded.machine.network, session.environment)
        .challenged(challenge);
    let record = login_flow::stored(session, &vault, deadline)?;
    let wish = session.wish_of(call, record.as_ref());
    // Who names a token, or wants more scopes, means that and no more.
    let good = call.request.blames_proof();
    let plain = call.request.rejected.is_none() && wish.step_up.is_none() && !good;
    let rejected = wish.rejected.clone().or_else(|| record.as_ref().filter(|_| plain).and_then(forced));
    let wish = Wish { rejected, ..wish };
    let asker = Asker { session, vault: &vault, challenge, typed: args.interactive, deadline };
    let answer = match asker.token(&wish) {
        Ok(answer) if answer.source == Source::Cache && !good => {
            Ok(Answer { source: Source::AlreadyRotated, ..answer })
        }
        other => other,
    }?;
    bound::proved(session, answer, args.format, call.request.http.as_ref())
}

/// A plain `refresh` rejects the stored token, unless it was obtained just now.
fn forced(record: &TokenRecord) -> Option<String> {
    let age = clock::now().checked_sub(record.clear.obtained_at);
    let just_now = age.is_some_and(|age| age < JUST_NOW);
    (!just_now).then(|| record.clear.generation.clone())
}
