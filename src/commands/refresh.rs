//! `refresh NAME`: the answer is not the token that was rejected.

use super::interact;
use super::session::Session;
use crate::broker::{Answer, Source, Vault, Wish, obtain};
use crate::cli::RefreshArgs;
use crate::clock;
use crate::config::Environment;
use crate::failure::{Code, Outcome};
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
    let session = Session::open(&args.token.name, environment)?;
    let answer = answer(&session, args).map_err(|failure| session.remember(failure))?;
    reply::answer(args.token.format, &answer, &session.server)
}

fn answer(session: &Session, args: &RefreshArgs) -> Outcome<Answer> {
    session.check_caller(args.token.url.as_deref())?;
    let deadline = session.deadline(&args.token);
    let slot = session.slot();
    let vault = StoreVault::new(&slot, &session.server, &session.loaded.machine.network, session.environment);
    let record = vault.peek()?;
    let rejected = args.rejected_generation.clone().or_else(|| record.as_ref().and_then(forced));
    let wish = Wish { rejected, ..session.wish() };
    match obtain(&vault, &wish, deadline) {
        Ok(answer) if answer.source == Source::Cache => {
            Ok(Answer { source: Source::AlreadyRotated, ..answer })
        }
        Err(failure) if failure.code == Code::InteractionRequired => {
            interact::or_refuse(session, &vault, &wish, args.token.interactive, deadline, failure)
        }
        other => other,
    }
}

/// A plain `refresh` rejects the stored token, unless it was obtained just now.
fn forced(record: &TokenRecord) -> Option<String> {
    let age = clock::now().checked_sub(record.clear.obtained_at);
    let just_now = age.is_some_and(|age| age < JUST_NOW);
    (!just_now).then(|| record.clear.generation.clone())
}
