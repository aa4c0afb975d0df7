//! Giving an erased login back to its authorization server. It is gone here already: a server that cannot be
//! asked is told to the person, and changes nothing.

use super::session::say;
use crate::binding;
use crate::client;
use crate::config::{Environment, Loaded};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::http::{Http, Limits};
use crate::oauth::revocation::{self, Hint};
use crate::store::client::ClientRecord;
use crate::token::TokenRecord;

/// Revokes the tokens of `record`, the refresh token first. Returns whether the server has done so.
#[must_use]
pub fn revoke(
    loaded: &Loaded,
    environment: &Environment,
    record: &TokenRecord,
    registered: Option<ClientRecord>,
) -> bool {
    let revoked = try_revoke(loaded, environment, record, registered);
    if let Err(failure) = &revoked {
        say(&format!("{}: erased here, but not revoked: {}", record.clear.server, failure.message));
    }
    revoked.is_ok()
}

fn try_revoke(
    loaded: &Loaded,
    environment: &Environment,
    record: &TokenRecord,
    registered: Option<ClientRecord>,
) -> Outcome<()> {
    let registered = registered.filter(|known| known.clear.client_id == record.clear.client_id);
    let endpoint = record.clear.revocation_endpoint.as_deref().ok_or_else(|| {
        Failure::new(Code::Unavailable, "the authorization server named no revocation endpoint")
    })?;
    // A secret that is configured for another client or issuer by now must not go to this one.
    let configured = loaded
        .server
        .as_ref()
        .filter(|server| server.client_id.is_some() && binding::check(server, &record.clear).is_ok());
    let secret = configured.map_or(Ok(None), |server| server.client_secret.read(environment))?;
    let client = client::of_record(&record.clear, registered, secret)?;
    let http = Http::new(&loaded.machine.network, Limits::PLAIN)?;
    if let Some(token) = &record.refresh_token {
        revocation::revoke(&http, endpoint, &client, token, Hint::RefreshToken)?;
    }
    revocation::revoke(&http, endpoint, &client, &record.access_token, Hint::AccessToken)
}
