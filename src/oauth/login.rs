//! The interactive part of a login: from a known authorization endpoint to an authorization code.
//!
//! The order is the rule (MCP authorization; RFC 6749, section 4.1; RFC 7636; RFC 9207): listen, so that
//! the redirect URI is known; write down issuer, PKCE verifier and `state` together ([`Authorization`]);
//! only then show the URL and open it; judge what comes back. It knows no store, no discovery and no token
//! endpoint: the caller brings the endpoint and the client, and exchanges the code.
//!
//! Limit: the code is in the browser's address line and history; PKCE makes it worthless there.

mod authorization;
mod ending;
mod notice;
mod page;

pub use authorization::{Authorization, AuthorizationEndpoint};
pub use page::refusal_of_page;

use super::callback::{Ended, Listener, paste};
use crate::config::Server;
use crate::failure::Outcome;
use crate::secret::Secret;
use crate::terminal::Typed;
use std::io::Write;
use std::time::{Duration, Instant};

/// How many addresses that are not the awaited one are looked at.
const TRIES: u32 = 10;
/// No login waits longer than this, in seconds, whatever is configured.
const LONGEST: u64 = 24 * 60 * 60;

/// What a login gives: everything that the token request needs of it (RFC 6749, section 4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCode {
    /// The authorization code; good for one request.
    pub code: Secret,
    /// The PKCE verifier that belongs to it.
    pub verifier: Secret,
    /// The redirect URI of the authorization request, byte for byte.
    pub redirect_uri: String,
}

/// Starts a browser on a URL, or says why it could not.
pub type OpenBrowser<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// The person who logs in, as far as this program can reach them.
pub struct Person<'a> {
    /// Where texts for the person go: stderr. That it cannot be written ends nothing.
    pub terminal: &'a mut dyn Write,
    /// How a browser is opened; none where none may be.
    pub open_browser: Option<OpenBrowser<'a>>,
    /// Whether their browser is likely on another machine: over SSH, or without a display.
    pub is_remote: bool,
    /// How the address that the browser ended at is read, where the person pastes it; nothing listens then.
    pub paste: Option<&'a mut dyn FnMut(Instant) -> Typed>,
    /// When the wait ends; by default after the server's `callbackTimeoutSeconds`.
    pub deadline: Option<Instant>,
    /// Whether the caller gave up meanwhile. Asked a hundred times a second: it must be cheap.
    pub cancelled: &'a dyn Fn() -> bool,
}

/// Lets `person` log in to `server`: shows the URL, opens it where that is allowed, and waits for the answer
/// on `listener`, whose redirect URI `authorization` was prepared with.
///
/// # Errors
/// `deadline` when nobody finished it, `interaction_required` when the caller gave up, `untrusted_server`
/// when the answer came from another issuer (RFC 9207), and for an error answer what fits it: `denied`,
/// `invalid_client`, `unavailable`, `interaction_required`. Each names the server and the next step.
pub fn authorize(
    server: &Server,
    listener: &Listener,
    authorization: &Authorization,
    person: &mut Person<'_>,
) -> Outcome<LoginCode> {
    let deadline = person.deadline.unwrap_or_else(|| {
        Instant::now() + Duration::from_secs(server.callback.timeout_seconds.min(LONGEST))
    });
    notice::announce(person.terminal, &server.name, authorization.url(), deadline);
    if person.paste.is_some() {
        return pasted(server, listener, authorization, person, deadline);
    }
    if person.is_remote {
        notice::forward(person.terminal, listener.tunnel().as_deref(), &server.name);
    }
    if let Some(open) = person.open_browser {
        notice::opened(person.terminal, &open(authorization.url()));
    }
    let ended = listener.wait(&authorization.expected_at(listener), deadline, person.cancelled);
    code_of(ended, server, authorization)
}

fn code_of(ended: Ended, server: &Server, authorization: &Authorization) -> Outcome<LoginCode> {
    let code = ending::code_of(ended, server, authorization.issuer())
        .map_err(|failure| failure.of_server(&server.name))?;
    Ok(authorization.with_code(code))
}

/// The same without a listener: whatever is pasted is judged as the listener would judge it.
fn pasted(
    server: &Server,
    listener: &Listener,
    authorization: &Authorization,
    person: &mut Person<'_>,
    deadline: Instant,
) -> Outcome<LoginCode> {
    let (redirect_uri, expected) = (listener.redirect_uri(), authorization.expected_at(listener));
    notice::ask_for_address(person.terminal, &redirect_uri);
    let Some(read) = person.paste.as_mut() else { return code_of(Ended::Cancelled, server, authorization) };
    for _ in 0..TRIES {
        let ended = match read(deadline) {
            Typed::Line(line) => paste::ended_by(&line, &redirect_uri, &expected),
            Typed::Unusable => None,
            Typed::Ended | Typed::Cancelled => Some(Ended::Cancelled),
            Typed::TimedOut => Some(Ended::TimedOut),
        };
        if let Some(ended) = ended {
            return code_of(ended, server, authorization);
        }
        notice::not_the_address(person.terminal, &redirect_uri);
    }
    Err(ending::none_pasted(server, TRIES, &redirect_uri).of_server(&server.name))
}
