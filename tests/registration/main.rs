//! Which client logs in, and that it belongs to its issuer: the real binary against the strict server.

mod document;
mod issuer;
mod stale;
#[path = "../support/mod.rs"]
mod support;

use oauthserver::{Endpoint, OAuthServer};

/// The `client_id` of every authorization request so far.
fn clients_at(server: &OAuthServer) -> Vec<String> {
    let log = server.log();
    let asked = log.to(&Endpoint::Authorize).into_iter();
    asked.map(|request| request.query_value("client_id").unwrap_or_default().to_owned()).collect()
}
