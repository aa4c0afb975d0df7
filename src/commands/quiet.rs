//! The quiet after a login that did not end well: for ten minutes no browser opens by itself, so that a
//! wrapper that starts again and again does not ask a person again and again. `login` always may.

use super::session::Session;
use crate::clock;
use crate::failure::{Failure, Outcome};

/// For how long after a failed or unanswered login no browser is opened by itself, in seconds.
const QUIET_AFTER_FAILURE: u64 = 600;

/// Refuses to open a browser by itself during the quiet. `failure` says what a login is needed for.
///
/// # Errors
/// `failure` with the minutes that are left.
pub fn check(session: &Session, failure: &Failure) -> Outcome<()> {
    let Some(minutes) = minutes_left(session) else { return Ok(()) };
    let text = format!(
        "{}; the last login was not completed, so no browser is opened by itself for {minutes} more minutes",
        failure.message
    );
    Err(failure.saying(text))
}

/// A clock that was set back ends the quiet time.
fn minutes_left(session: &Session) -> Option<u64> {
    let failed_at = session.slot().state().read().login_failed_at?;
    let age = clock::now().checked_sub(failed_at)?;
    (age < QUIET_AFTER_FAILURE).then(|| (QUIET_AFTER_FAILURE - age).div_ceil(60))
}
