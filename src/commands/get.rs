//! `get NAME`: a valid access token. Fresh: from the record, without a lock and without the network.

use super::interact;
use super::session::Session;
use crate::broker::{Answer, Source, Wish, obtain};
use crate::cli::{Format, GetArgs, VerifyArg};
use crate::config::Environment;
use crate::failure::{Code, Outcome};
use crate::probe::Probe;
use crate::reply;
use crate::store::Slot;
use crate::vault::StoreVault;
use std::time::Instant;

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
    let slot = session.slot();
    let call = Call { session, args, slot: &slot, deadline: session.deadline(&args.token) };
    let wish = Wish { min_ttl: args.min_ttl, ..session.wish() };
    let answer = call.token(&wish)?;
    match call.verify() {
        VerifyArg::Never => Ok(answer),
        how => call.verified(answer, &wish, how),
    }
}

/// One call of the verb.
struct Call<'a> {
    session: &'a Session<'a>,
    args: &'a GetArgs,
    slot: &'a Slot<'a>,
    deadline: Instant,
}

impl Call<'_> {
    fn token(&self, wish: &Wish) -> Outcome<Answer> {
        let session = self.session;
        let network = &session.loaded.machine.network;
        let vault = StoreVault::new(self.slot, &session.server, network, session.environment);
        match obtain(&vault, wish, self.deadline) {
            Err(failure) if failure.code == Code::InteractionRequired => interact::or_refuse(
                session,
                &vault,
                wish,
                self.args.token.interactive,
                self.deadline,
                failure,
            ),
            other => other,
        }
    }

    /// Header consumers do not say that a token was rejected, so for them the server is asked.
    fn verify(&self) -> VerifyArg {
        let by_format =
            if self.args.token.format == Format::Headers { VerifyArg::Auto } else { VerifyArg::Never };
        self.args.verify.unwrap_or(by_format)
    }

    /// A cached token that the server refuses is replaced, once.
    fn verified(&self, answer: Answer, wish: &Wish, how: VerifyArg) -> Outcome<Answer> {
        let network = &self.session.loaded.machine.network;
        let probe = Probe::new(self.slot, &self.session.server, network, self.deadline);
        let rejected = |answer: &Answer| probe.rejects(&answer.clear.generation, &answer.access_token);
        let believed = how == VerifyArg::Auto && probe.is_off();
        if answer.source != Source::Cache || believed || !rejected(&answer) {
            return Ok(answer);
        }
        log::info!("the server refuses generation {}", answer.clear.generation);
        let renewed = self.token(&Wish { rejected: Some(answer.clear.generation), ..wish.clone() })?;
        if rejected(&renewed) {
            probe.leave_off();
        }
        Ok(renewed)
    }
}
