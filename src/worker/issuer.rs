//! A configured client, and the assertion that speaks for one, stay with the authorization server that granted them a
//! token, also when that login was erased.

use crate::binding;
use crate::config::Server;
use crate::failure::Outcome;
use crate::oauth::discovery::Discovered;
use crate::oauth::grant::Client;
use crate::store::Slot;
use crate::store::issuers::Home;
use crate::store::lock::Held;
use crate::token::Clear;

/// Refuses to let them follow the server to another one.
///
/// # Errors
/// `untrusted_server`, and those of the store.
pub(super) fn check(server: &Server, slot: &Slot, found: &Discovered) -> Outcome<()> {
    // Without a client it is the assertion alone that says who asks.
    let client_id = server.client_id.as_deref().unwrap_or_default();
    let known = slot.home_of(client_id, &server.url)?;
    known.map_or(Ok(()), |known| binding::check_bound(server, client_id, &known, found))
}

/// Writes down who granted the token of `clear`. The record tells it as well while it lasts, and the next grant writes
/// what is lost here.
pub(super) fn keep(server: &Server, client: &Client, slot: &Slot, held: &Held, clear: &Clear) {
    // A registration says its issuer itself, and a metadata document serves at every one.
    let is_configured = server.client_id.as_deref() == Some(client.client_id.as_str())
        || (server.client_id.is_none() && clear.grant.is_unattended());
    if client.dynamic || !is_configured {
        return;
    }
    let home = Home { issuer: clear.issuer.clone(), token_endpoint: clear.token_endpoint.clone() };
    if let Err(failure) = slot.bind_client(held, &client.client_id, &server.url, home) {
        log::warn!("the issuer of the client could not be written down: {}", failure.message);
    }
}
