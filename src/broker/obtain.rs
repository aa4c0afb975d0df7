//! The way of a call through a stale token: look again and again, take the lock when it is free, redeem
//! once, and end in time.

use super::{Answer, Need, Source, Wish, judge};
use crate::clock;
use crate::failure::{Code, Failure, Outcome};
use crate::text::one_line;
use crate::token::{Clear, NO_PREDECESSOR, TokenRecord};
use std::time::Instant;

/// How often a refresh process may vanish without an answer before the call gives up.
const VANISHED_LIMIT: usize = 3;

/// What keeps the records, holds the lock and redeems.
pub trait Vault {
    /// The token lock while it is held.
    type Lock;

    /// The stored record.
    ///
    /// # Errors
    /// When it cannot be read back.
    fn peek(&self) -> Outcome<Option<TokenRecord>>;

    /// The token lock, if it is free.
    ///
    /// # Errors
    /// When it can never be taken.
    fn try_lock(&self) -> Outcome<Option<Self::Lock>>;

    /// Whether an answer that follows `record` was saved by a process that died, and waits for its place. Asked only
    /// when the record does not answer the call.
    fn has_saved(&self, record: Option<&TokenRecord>) -> bool;

    /// The failure that another call met a moment ago with the same generation.
    fn shared_failure(&self, generation: &str) -> Option<Failure>;

    /// Why the login that the record stands for has ended, where that is known.
    fn ended(&self) -> Option<String>;

    /// What a login could begin with. Asked only when nothing else answers the call.
    ///
    /// # Errors
    /// When it cannot be told.
    fn seed(&self) -> Outcome<Seed>;

    /// Renews the token of `generation`, and hands the lock over for it.
    fn redeem(&self, lock: Self::Lock, generation: &str, deadline: Instant) -> Redeemed;

    /// Waits until another process has moved on, or until `deadline`: until there is another record than that of the
    /// last look, or the lock is to be had. May end earlier.
    fn pause(&self, deadline: Instant);
}

/// What could begin a login without a person, where nothing is stored or what is stored has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seed {
    /// Nothing.
    None,
    /// A refresh token or a code from elsewhere, which was not spent.
    Unspent,
    /// Whatever there was is spent; this says so.
    Spent(String),
}

/// What a redemption came to, seen from the caller.
#[derive(Debug)]
pub enum Redeemed {
    /// A new token.
    Done(Box<Answer>),
    /// The store has moved on: look again.
    Again,
    /// A person has not decided yet: ask again later (RFC 8628, section 3.5).
    Pending {
        /// The server wants to be asked less often.
        slow_down: bool,
    },
    /// The refresh process vanished without an answer.
    Vanished,
    /// It still runs, but the caller's time is over.
    TimedOut,
    /// It failed.
    Failed(Failure),
}

/// The token that answers `wish`, renewed if need be, before `deadline`.
///
/// # Errors
/// `interaction_required` when only a person can help, `deadline`, `lock_timeout`, and what the renewal
/// failed with.
pub fn obtain<V: Vault>(vault: &V, wish: &Wish, deadline: Instant) -> Outcome<Answer> {
    let mut source = Source::Cache;
    let mut vanished = 0;
    loop {
        let record = vault.peek()?;
        match look(vault, record.as_ref(), wish, source)? {
            Some(answer) => return Ok(answer),
            None if Instant::now() >= deadline && source != Source::Cache => {
                return fall_back(record, wish, lock_timeout());
            }
            None => {}
        }
        source = Source::AlreadyRotated;
        let lock = match vault.try_lock() {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                vault.pause(deadline);
                continue;
            }
            // Nothing can be renewed without it, which is no worse than any other fault of a renewal.
            Err(failure) => return fall_back(record, wish, failure),
        };
        match under_lock(vault, lock, wish, deadline)? {
            Step::Answer(answer) => return Ok(*answer),
            Step::Again => vault.pause(deadline),
            Step::Vanished if vanished + 1 < VANISHED_LIMIT => vanished += 1,
            Step::Vanished => return fall_back(vault.peek()?, wish, worker_vanished()),
            Step::Failed(failure) => return fall_back(vault.peek()?, wish, failure),
        }
    }
}

enum Step {
    Answer(Box<Answer>),
    Again,
    Vanished,
    Failed(Failure),
}

/// Redeem what is read under the lock, never what was read before it.
fn under_lock<V: Vault>(vault: &V, lock: V::Lock, wish: &Wish, deadline: Instant) -> Outcome<Step> {
    let record = vault.peek()?;
    if let Some(answer) = look(vault, record.as_ref(), wish, Source::AlreadyRotated)? {
        return Ok(Step::Answer(Box::new(answer)));
    }
    let generation = record.as_ref().map_or(NO_PREDECESSOR, |record| &record.clear.generation);
    let shared = vault.shared_failure(generation);
    if let Some(failure) = shared.filter(|_| !vault.has_saved(record.as_ref())) {
        log::debug!("another call met this failure a moment ago; no request is sent");
        return Ok(Step::Failed(failure));
    }
    Ok(match vault.redeem(lock, generation, deadline) {
        Redeemed::Done(answer) => {
            let min_ttl_met = wish.min_ttl_met(&answer.clear, clock::now());
            Step::Answer(Box::new(Answer { min_ttl_met, ..*answer }))
        }
        // A renewal never asks a person.
        Redeemed::Again | Redeemed::Pending { .. } => Step::Again,
        Redeemed::Vanished => Step::Vanished,
        Redeemed::TimedOut => Step::Failed(timed_out()),
        Redeemed::Failed(failure) => Step::Failed(failure),
    })
}

/// The stored token if it is the answer, `None` if it has to be renewed.
fn look<V: Vault>(
    vault: &V,
    record: Option<&TokenRecord>,
    wish: &Wish,
    source: Source,
) -> Outcome<Option<Answer>> {
    match (judge(record.map(|record| &record.clear), wish, clock::now()), record) {
        (Need::Nothing, Some(record)) => Ok(Some(answer(record, wish, source))),
        (Need::Renewal, _) => Ok(None),
        // Under the lock it takes its place before anything else.
        _ if vault.has_saved(record) => Ok(None),
        (_, Some(record)) if wish.lacks_scopes(&record.clear) => {
            Err(insufficient_scope(Some(&record.clear), wish))
        }
        (_, None) if wish.exceeds_limit() => Err(insufficient_scope(None, wish)),
        _ => match vault.seed()? {
            Seed::Unspent => Ok(None),
            Seed::Spent(why) => Err(login_needed(vault.ended().unwrap_or(why))),
            Seed::None => Err(login_needed(why_ended(vault, record))),
        },
    }
}

fn answer(record: &TokenRecord, wish: &Wish, source: Source) -> Answer {
    Answer {
        clear: record.clear.clone(),
        access_token: record.access_token.clone(),
        dpop_key: record.dpop_key.clone(),
        proof: None,
        source,
        min_ttl_met: wish.min_ttl_met(&record.clear, clock::now()),
        persisted: true,
    }
}

/// For a caller a failed helper is worse than an old token, as long as that one lives and was not rejected.
fn fall_back(record: Option<TokenRecord>, wish: &Wish, failure: Failure) -> Outcome<Answer> {
    match record {
        Some(record) if wish.accepts(&record.clear) && record.clear.has_real_life(clock::now()) => {
            log::warn!("answering the old token, which has life left: {}", failure.message);
            Ok(answer(&record, wish, Source::StaleOk))
        }
        _ => Err(failure),
    }
}

fn login_needed(why: String) -> Failure {
    Failure::new(Code::InteractionRequired, why)
}

fn why_ended<V: Vault>(vault: &V, record: Option<&TokenRecord>) -> String {
    match record {
        None => "nobody is logged in to this server".to_owned(),
        Some(record) => vault.ended().unwrap_or_else(|| {
            let what = if record.clear.is_alive(clock::now()) {
                "the stored token is not to be answered"
            } else {
                "the stored login has ended"
            };
            format!("{what}, and there is no refresh token to renew it with")
        }),
    }
}

/// The way out is a person's, or, where nobody logs in, that of whoever set the client up.
fn insufficient_scope(clear: Option<&Clear>, wish: &Wish) -> Failure {
    let demanded = wish.step_up.as_deref().unwrap_or_default();
    let wants = match demanded {
        [] => "the server wants more scopes than the token has, and does not say which".to_owned(),
        demanded => format!("the server wants the scopes {}", one_line(&demanded.join(" "))),
    };
    let held = match clear.map(|clear| clear.scopes.as_deref()) {
        None => "no token is stored".to_owned(),
        Some(None | Some([])) => "those of the stored token are not known".to_owned(),
        Some(Some(held)) => format!("the stored token has {}", one_line(&held.join(" "))),
    };
    let next = if wish.exceeds_limit() {
        "the configured `scope` does not name them, and is not widened without a person"
    } else if wish.unattended {
        "allow them to this client at its authorization server"
    } else {
        "a person has to grant them"
    };
    let failure = Failure::new(Code::InsufficientScope, format!("{wants}; {held}; {next}"));
    Failure { without_login: wish.unattended, ..failure.demanding(demanded) }
}

fn lock_timeout() -> Failure {
    Failure::new(
        Code::LockTimeout,
        "another process has been renewing this token for longer than this call may wait; try again",
    )
}

fn timed_out() -> Failure {
    Failure::new(
        Code::Deadline,
        "the authorization server has not answered in time; the renewal goes on and its token will be there for a later call",
    )
}

fn worker_vanished() -> Failure {
    Failure::new(Code::Unavailable, "the process that renews the token ended without an answer; try again")
}

#[cfg(test)]
mod tests;
