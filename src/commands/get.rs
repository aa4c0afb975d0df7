//! `get NAME`: a valid access token. Fresh: from the record, without a lock and without the network.

use super::bound;
use super::call::{Call, Typed};
use super::interact::Asker;
use super::login_flow;
use super::session::Session;
use crate::broker::{Answer, Source, Wish};
use crate::cli::{Format, GetArgs, VerifyArg};
use crate::config::Environment;
use crate::failure::Outcome;
use crate::oauth::challenge::Challenge;
use crate::probe::Probe;
use crate::reply;
use crate::store::Slot;
use crate::vault::StoreVault;

/// Runs the verb.
///
/// # Errors
/// Every code of protocol.md but those of `login`'s own steps where none may start.
pub fn run(args: &GetArgs, environment: &Environment) -> Outcome<()> {
    let typed = Typed { min_ttl: args.min_ttl, ..args.token.typed() };
    let call = typed.call(environment)?;
    let session = Session::open(&call.name, environment)?;
    let answer = answer(&session, &call, args).map_err(|failure| session.remember(failure))?;
    reply::answer(args.token.format, &answer, &session.server)
}

fn answer(session: &Session, call: &Call, args: &GetArgs) -> Outcome<Answer> {
    session.check_call(call)?;
    let slot = session.slot();
    let deadline = session.deadline(call.began, args.token.timeout);
    let challenge = call.request.challenge();
    let vault = StoreVault::new(&slot, &session.server, &session.loaded.machine.network, session.environment)
        .challenged(challenge);
    // Only what a request object says of a token is compared with the stored one.
    let about_stored = args.token.request.is_some();
    let stored = if about_stored { login_flow::stored(session, &vault, deadline)? } else { None };
    let wish = session.wish_of(call, stored.as_ref());
    let asker = Asker { session, vault: &vault, challenge, typed: args.token.interactive, deadline };
    let getting = Getting { asker, args, slot: &slot };
    let answer = getting.asker.token(&wish)?;
    let (format, http) = (args.token.format, call.request.http.as_ref());
    bound::check(session, &answer, format, http)?;
    let answer = match getting.verify() {
        VerifyArg::Never => answer,
        how => getting.verified(answer, wish, how)?,
    };
    bound::proved(session, answer, format, http)
}

/// One call of the verb.
struct Getting<'a> {
    asker: Asker<'a>,
    args: &'a GetArgs,
    slot: &'a Slot<'a>,
}

impl Getting<'_> {
    /// Header consumers do not say that a token was rejected, so for them the server is asked.
    fn verify(&self) -> VerifyArg {
        let by_format =
            if self.args.token.format == Format::Headers { VerifyArg::Auto } else { VerifyArg::Never };
        self.args.verify.unwrap_or(by_format)
    }

    /// A cached token that the server refuses is replaced, once.
    fn verified(&self, answer: Answer, wish: Wish, how: VerifyArg) -> Outcome<Answer> {
        let session = self.asker.session;
        let network = &session.loaded.machine.network;
        let probe = Probe::new(self.slot, &session.server, network, self.asker.deadline);
        let believed = how == VerifyArg::Auto && probe.is_off();
        if answer.source != Source::Cache || believed {
            return Ok(answer);
        }
        let Some(challenge) = probe.rejection(&answer) else { return Ok(answer) };
        log::info!("the server refuses generation {}", answer.clear.generation);
        let renewed = self.replaced(answer, wish, &challenge)?;
        if probe.rejection(&renewed).is_some() {
            probe.leave_off();
        }
        Ok(renewed)
    }

    /// What `refresh` answers to a caller that hands over `challenge`.
    fn replaced(&self, answer: Answer, wish: Wish, challenge: &Challenge) -> Outcome<Answer> {
        let Asker { session, typed, deadline, .. } = self.asker;
        let network = &session.loaded.machine.network;
        let vault = StoreVault::new(self.slot, &session.server, network, session.environment)
            .challenged(Some(challenge));
        let wish = Wish {
            rejected: Some(answer.clear.generation),
            step_up: challenge.demanded_scopes().or(wish.step_up),
            ..wish
        };
        Asker { session, vault: &vault, challenge: Some(challenge), typed, deadline }.token(&wish)
    }
}
