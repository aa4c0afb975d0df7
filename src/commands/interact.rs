//! When only a person can help: may a login start, does one already run, or is it `interaction_required`?

use super::login_flow::{self, Opening};
use super::session::{Session, interactive};
use crate::broker::{Answer, Need, Vault, Wish, judge, obtain};
use crate::cli::InteractiveArg;
use crate::clock;
use crate::config::Interactive;
use crate::failure::{Code, Failure, Outcome};
use crate::vault::{StoreVault, pause};
use std::io::IsTerminal;
use std::time::Instant;

/// For how long after a failed or unanswered login no browser is opened by itself, in seconds.
const QUIET_AFTER_FAILURE: u64 = 600;

/// Logs in where a login may start; else waits for one that is under way; else says that one is needed.
///
/// # Errors
/// `failure` itself, or what the login failed with.
pub fn or_refuse(
    session: &Session,
    vault: &StoreVault,
    wish: &Wish,
    typed: Option<InteractiveArg>,
    deadline: Instant,
    failure: Failure,
) -> Outcome<Answer> {
    if !may_start(session, typed) {
        return wait_for_login(session, vault, wish, deadline, failure);
    }
    refuse_in_quiet(session, &failure.message)?;
    login_flow::run(session, vault, Some(wish), Opening::Browser, None)
}

fn may_start(session: &Session, typed: Option<InteractiveArg>) -> bool {
    match interactive(&session.server, typed) {
        Interactive::Always => true,
        Interactive::Never => false,
        Interactive::Auto => std::io::stderr().is_terminal() && !session.environment.is_ci(),
    }
}

/// No browser by itself for a while after a login that was not completed. `why` says why one is needed.
///
/// # Errors
/// `interaction_required`, in that while.
pub fn refuse_in_quiet(session: &Session, why: &str) -> Outcome<()> {
    let Some(minutes) = minutes_of_quiet(session) else { return Ok(()) };
    let text = format!(
        "{why}; the last login was not completed, so no browser is opened by itself for {minutes} more minutes"
    );
    Err(Failure::new(Code::InteractionRequired, text))
}

/// A clock that was set back ends the quiet time.
fn minutes_of_quiet(session: &Session) -> Option<u64> {
    let failed_at = session.slot().state().read().login_failed_at?;
    let age = clock::now().checked_sub(failed_at)?;
    (age < QUIET_AFTER_FAILURE).then(|| (QUIET_AFTER_FAILURE - age).div_ceil(60))
}

fn wait_for_login(
    session: &Session,
    vault: &StoreVault,
    wish: &Wish,
    deadline: Instant,
    failure: Failure,
) -> Outcome<Answer> {
    let mut login = session.slot().login_lock();
    // Without a store nobody can be logging in, and nothing should be created by asking.
    while session.store.cache().is_dir() && login.try_take()?.is_none() {
        if Instant::now() >= deadline {
            let text = format!("{}; a login is under way and was not completed in time", failure.message);
            return Err(Failure::new(Code::InteractionRequired, text));
        }
        pause(deadline);
        let record = vault.peek()?;
        if judge(record.as_ref().map(|record| &record.clear), wish, clock::now()) == Need::Nothing {
            break;
        }
    }
    obtain(vault, wish, deadline)
        .map_err(|other| if other.code == Code::UrlMismatch { other } else { failure })
}
