//! Step-up: a login because the server wants more scopes (MCP authorization, "scope challenge handling"; rule 14).
//!
//! Owns which scopes a further login asks for, and how often a person may be sent to a login that nobody typed: for
//! more scopes, for a rejected token or because one has ended. A server that keeps asking ends in an error. A typed
//! `login` always may, and ends the count.

use super::session::Session;
use crate::clock;
use crate::config::Server;
use crate::failure::{Failure, Outcome};
use crate::oauth::discovery::{Discovered, union};
use crate::oauth::url::same_server;
use crate::text::{command_line, one_line};
use crate::token::split_scope;

/// How many logins that nobody typed there may be within [`WINDOW`]. The one before the server asked for more scopes
/// is among them: a request of the caller is worth three authorizations at most.
const LIMIT: usize = 3;
/// For how long such a login counts, in seconds.
const WINDOW: u64 = 600;

/// The scopes of what was asked for before, then those of `found`, then `more`, none twice. What belongs to another
/// server or issuer does not count.
#[must_use]
pub fn scope(session: &Session, found: &Discovered, more: &[String]) -> Option<String> {
    let stored = session.slot().peek_clear().ok().flatten();
    let stored =
        stored.filter(|clear| same_server(&clear.url, &session.server.url) && clear.issuer == found.issuer);
    let before = stored.map(|clear| [clear.scopes_requested, clear.scopes]);
    let before = before.iter().flatten().flatten().flatten().map(String::as_str);
    let now = found.scope.iter().flat_map(|scope| scope.split(' '));
    union(before.chain(now).chain(more.iter().map(String::as_str)))
}

/// The failure of a demand that goes beyond the configured scope where no person is asked, with what allows it: a
/// person's own change of the configuration.
#[must_use]
pub fn allow(server: &Server, failure: &Failure) -> Failure {
    let configured = split_scope(server.scope.as_deref().unwrap_or_default());
    let all = union(configured.iter().chain(&failure.scopes).map(String::as_str)).unwrap_or_default();
    let how = if one_line(&all) == all {
        let words = ["mcp-credential", "add", &server.name, &server.url, "--scope", &all];
        format!(": `{}`", command_line(&words))
    } else {
        String::new()
    };
    let text =
        format!("{}; if this client is to have them, set `scope` in the configuration{how}", failure.message);
    failure.saying(text)
}

/// Refuses one more login that nobody typed, where there were too many: an authorization server that asks nobody and
/// gives tokens without a life would open a browser for every call. `failure` says what it is needed for.
///
/// # Errors
/// `failure`, with the minutes that are left.
pub fn check(session: &Session, failure: &Failure) -> Outcome<()> {
    let past = recent(&session.slot().state().read().step_ups, clock::now());
    if past.len() < LIMIT {
        return Ok(());
    }
    let left = past.first().map_or(0, |oldest| oldest + WINDOW - clock::now());
    let text = format!(
        "{}; a person has been sent to log in {} times within ten minutes, so no browser is opened by itself for {} more \
         minutes",
        failure.message,
        past.len(),
        left.div_ceil(60)
    );
    Err(failure.saying(text))
}

/// One more login that nobody typed begins, whatever it is for.
pub fn count(session: &Session) {
    let now = clock::now();
    session.slot().state().update(|state| {
        state.step_ups = recent(&state.step_ups, now);
        state.step_ups.push(now);
    });
}

/// A person has logged in by his own decision.
pub fn forget(session: &Session) {
    session.slot().state().update(|state| state.step_ups.clear());
}

/// Those that count at `now`. One of the future is of a clock that was set back.
fn recent(times: &[u64], now: u64) -> Vec<u64> {
    times.iter().copied().filter(|at| now.checked_sub(*at).is_some_and(|age| age < WINDOW)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_counts_for_ten_minutes_and_not_after_the_clock_was_set_back() {
        assert_eq!(recent(&[100, 401, 1000, 1001], 1000), [401, 1000]);
    }
}
