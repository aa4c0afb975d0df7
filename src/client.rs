//! The client that asks for tokens, with what it authenticates with: the configured one, and the one that a
//! stored token was issued to.

use crate::config::{AuthMethod, Credentials, Server};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::client_assertion::ClientKey;
use crate::oauth::client_auth;
use crate::oauth::discovery::Discovered;
use crate::oauth::grant::Client;
use crate::store::client::ClientRecord;
use crate::token::Clear;

/// The configured client `client_id` at `found`.
///
/// # Errors
/// `config_invalid` when its method needs something that is not configured.
pub fn configured(
    server: &Server,
    client_id: &str,
    credentials: Credentials,
    found: &Discovered,
) -> Outcome<Client> {
    let advertised = found.token_endpoint_auth_methods.as_deref();
    let method = match credentials.key {
        Some(_) => AuthMethod::PrivateKeyJwt,
        None => client_auth::choose(server.auth_method, advertised, credentials.secret.is_some()),
    };
    let audience = found.issuer.as_ref().unwrap_or(&found.token_endpoint);
    complete(&server.name, client_id, method, credentials, audience)
}

/// The registered client if the token was issued to it, else the configured one, which authenticates with
/// `credentials`.
///
/// # Errors
/// `config_invalid` when what it authenticates with is not known any more.
pub fn of_record(
    clear: &Clear,
    registered: Option<ClientRecord>,
    credentials: Credentials,
) -> Outcome<Client> {
    let issuer = clear.issuer.as_ref().unwrap_or(&clear.token_endpoint);
    let registered = registered
        .and_then(|record| record.named(&clear.client_id))
        .filter(|record| record.clear.issuer == *issuer);
    let stored = clear.token_endpoint_auth_method;
    let Some(record) = registered else {
        let method = client_auth::still(stored, &credentials);
        return complete(&clear.server, &clear.client_id, method, credentials, issuer);
    };
    let credentials = Credentials { secret: record.client_secret, key: None };
    let client = complete(&clear.server, &clear.client_id, stored, credentials, issuer)?;
    Ok(Client { dynamic: true, ..client })
}

fn complete(
    server: &str,
    client_id: &str,
    method: AuthMethod,
    credentials: Credentials,
    audience: &str,
) -> Outcome<Client> {
    let Credentials { secret: client_secret, key } = credentials;
    let missing = match method {
        AuthMethod::None => None,
        AuthMethod::PrivateKeyJwt => key.is_none().then_some(NO_KEY),
        AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost => {
            client_secret.is_none().then_some(NO_SECRET)
        }
    };
    if let Some(text) = missing {
        return Err(Failure::new(Code::ConfigInvalid, text).of_server(server));
    }
    let key = key.map(|key| ClientKey { text: key.text, id: key.id, audience: audience.to_owned() });
    Ok(Client { client_id: client_id.to_owned(), client_secret, key, method, dynamic: false })
}

const NO_SECRET: &str = "the client authenticates with a secret, but there is none; set clientSecretFile, clientSecretEnv or clientSecretCommand in the configuration, or OAUTH2_CLIENT_SECRET";

const NO_KEY: &str =
    "the client authenticates with a private key, but there is none; set privateKeyFile in the configuration";
