//! When only a person can help: may a login start, does one already run, or is it `interaction_required`?

use super::login_flow::{self, Opening};
use super::quiet;
use super::session::{Session, interactive};
use crate::broker::{Answer, Need, Vault, Wish, judge, obtain};
use crate::cli::InteractiveArg;
use crate::clock;
use crate::config::Interactive;
use crate::failure::{Code, Failure, Outcome};
use crate::vault::{StoreVault, pause};
use std::io::IsTerminal;
use std::time::Instant;

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
    if let Err(quiet) = quiet::check(session, &failure.message) {
        return wait_for_login(session, vault, wish, deadline, quiet);
    }
    login_flow::run(session, vault, Some(wish), Opening::Browser, None)
}

fn may_start(session: &Session, typed: Option<InteractiveArg>) -> bool {
    match interactive(&session.server, typed) {
        Interactive::Always => true,
        Interactive::Never => false,
        Interactive::Auto => std::io::stderr().is_terminal() && !session.environment.is_ci(),
    }
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
