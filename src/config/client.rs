//! The client as the configuration describes it: identifier, secret, and how it authenticates.
//!
//! Owns what must go together there. A secret is only pointed to: whether it is missing shows when a request
//! needs it, because a fresh token is answered without one.

use super::merge::Merged;
use super::server::CLIENT_NAME;
use super::validate::printable;
use super::{AuthMethod, Environment, Grant, Server, Setting, secret_keys};
use crate::failure::Outcome;
use crate::oauth::url::client_metadata_url;

/// Fills in what is stated about the client.
///
/// # Errors
/// `config_invalid` that names the key.
pub(super) fn fill(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    server.client_id = merged.parsed("clientId", printable)?;
    server.client_secret = secret_keys::source(merged, Setting::ClientSecret, env)?;
    let has_secret = server.client_secret.is_given();
    if server.client_id.is_none() && (has_secret || server.grant == Grant::ClientCredentials) {
        let why = if has_secret { "the client secret" } else { "the grant client_credentials" };
        return Err(merged.missing("clientId", &format!("is missing; {why} needs it")));
    }
    let grant = server.grant;
    let known_public = server.client_id.is_some() && !has_secret && grant == Grant::AuthorizationCode;
    server.auth_method = merged.parsed("authStyle", |style| match style {
        "header" => Ok(AuthMethod::ClientSecretBasic),
        "body" if known_public => Ok(AuthMethod::None),
        "body" => Ok(AuthMethod::ClientSecretPost),
        "none" if has_secret => {
            Err("is `none`, which sends no secret, yet one is configured; drop one".to_owned())
        }
        "none" => Ok(AuthMethod::None),
        "private_key_jwt" => {
            Err("asks for `private_key_jwt`, which is not supported by this version".to_owned())
        }
        _ => Err("must be header, body or none".to_owned()),
    })?;
    server.client_metadata_url = merged.parsed("clientMetadataUrl", |text| {
        let named = client_metadata_url(text).map(|()| text.to_owned());
        named.map_err(|problem| format!("cannot name a client metadata document: {problem}"))
    })?;
    server.client_name = merged.parsed("clientName", printable)?.unwrap_or_else(|| CLIENT_NAME.to_owned());
    Ok(())
}
