//! A registration that the authorization server has forgotten, seen where only the person could see it: at
//! its authorization page, which then sends nobody back.
//!
//! Only a login that was begun with the same client and never completed raises the doubt, one request to the
//! page proves it, and only a registration that was not made for this very reason is replaced: a server is
//! never flooded with registrations.

use super::login_client::{self, Registered};
use super::login_flow::endpoint_of;
use super::session::{Session, say};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::discovery::Discovered;
use crate::oauth::http::Http;
use crate::oauth::login::{Authorization, refusal_of_page};
use crate::store::state::Unfinished;

/// The client to log in with: `registered`, or a new one in the place of a stored registration that the
/// authorization page refuses. Notes that a login with it begins.
///
/// # Errors
/// Those of the registration and of the authorization request.
pub fn replaced(
    session: &Session,
    http: &Http,
    found: &Discovered,
    registered: Registered,
) -> Outcome<Registered> {
    let mut renewed = false;
    let mut registered = registered;
    if let Some(status) = refusal(session, http, found, &registered)? {
        say(&format!(
            "{}: the authorization server refuses the client that was registered before (HTTP {status}); registering anew",
            session.server.name
        ));
        session.slot().mark_client(&registered.client.client_id, true)?;
        // Its port may be the only one that is allowed.
        drop(registered.listener);
        registered = login_client::register_now(session, http, found, false)?;
        renewed = true;
    }
    if registered.client.dynamic {
        let client_id = registered.client.client_id.clone();
        session.slot().state().update(|state| {
            // Once is enough until a login has been completed.
            let renewed = renewed || state.unfinished.as_ref().is_some_and(|login| login.renewed);
            state.unfinished = Some(Unfinished { client_id: client_id.clone(), renewed });
        });
    }
    Ok(registered)
}

/// The failure of a login with a registration of before: that its page refused the client, only the person saw.
#[must_use]
pub fn advised(session: &Session, registered: &Registered, failure: Failure) -> Failure {
    if failure.code != Code::Deadline || !(registered.is_old && registered.client.dynamic) {
        return failure;
    }
    let renewed = session.slot().state().read().unfinished.is_some_and(|login| login.renewed);
    let name = &session.server.name;
    let next = if renewed {
        format!("forget it with `mcp-credential erase {name} --scope client` first")
    } else {
        "run the login again all the same: it registers a new client where that one is refused".to_owned()
    };
    let text = format!("{}; if the page showed an error about the client, {next}", failure.message);
    failure.saying(text)
}

/// The status with which the authorization page refuses a client in doubt.
fn refusal(
    session: &Session,
    http: &Http,
    found: &Discovered,
    registered: &Registered,
) -> Outcome<Option<u16>> {
    let client_id = &registered.client.client_id;
    let unfinished = session.slot().state().read().unfinished;
    let in_doubt = unfinished.is_some_and(|login| login.client_id == *client_id && !login.renewed);
    if !registered.is_old || !in_doubt {
        return Ok(None);
    }
    let redirect_uri = registered.listener.redirect_uri();
    let endpoint = endpoint_of(session, found)?;
    let question = Authorization::prepare(&session.server, &endpoint, client_id, &redirect_uri)?;
    Ok(refusal_of_page(http, &question))
}
