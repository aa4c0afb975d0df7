//! The client that a stored token was issued to, with the secret it authenticates with.

use crate::config::AuthMethod;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::grant::Client;
use crate::secret::Secret;
use crate::store::client::ClientRecord;
use crate::token::Clear;

/// The registered client if the token was issued to it, else the configured one, whose secret is
/// `configured_secret`.
///
/// # Errors
/// `config_invalid` when its secret is not known any more.
pub fn of_record(
    clear: &Clear,
    registered: Option<ClientRecord>,
    configured_secret: Option<Secret>,
) -> Outcome<Client> {
    let method = clear.token_endpoint_auth_method;
    let issuer = clear.issuer.as_ref().unwrap_or(&clear.token_endpoint);
    let registered = registered
        .filter(|record| record.clear.client_id == clear.client_id && record.clear.issuer == *issuer);
    let dynamic = registered.is_some();
    let client_secret = registered.map_or(configured_secret, |record| record.client_secret);
    if method != AuthMethod::None && client_secret.is_none() {
        return Err(missing_secret(&clear.server));
    }
    Ok(Client { client_id: clear.client_id.clone(), client_secret, method, dynamic })
}

/// The failure of a client whose method needs a secret that nobody gave.
#[must_use]
pub fn missing_secret(server: &str) -> Failure {
    let text = "the client authenticates with a secret, but there is none; set clientSecretFile, clientSecretEnv or clientSecretCommand in the configuration, or OAUTH2_CLIENT_SECRET";
    Failure::new(Code::ConfigInvalid, text).of_server(server)
}
