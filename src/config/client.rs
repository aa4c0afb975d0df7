//! The client as the configuration describes it: identifier, secret or private key, and how it authenticates.
//!
//! Owns what must go together there. A secret or a key is only pointed to: whether it is missing shows when a request
//! needs it, because a fresh token is answered without one.

use super::merge::Merged;
use super::server::CLIENT_NAME;
use super::validate::printable;
use super::{AuthMethod, Environment, Grant, Server, Setting, secret_keys};
use crate::failure::Outcome;
use crate::jose::Algorithm;
use crate::oauth::url::client_metadata_url;

/// Fills in what is stated about the client.
///
/// # Errors
/// `config_invalid` that names the key.
pub(super) fn fill(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    server.client_id = merged.parsed("clientId", printable)?;
    server.client_metadata_url = merged.parsed("clientMetadataUrl", |text| {
        let named = client_metadata_url(text).map(|()| text.to_owned());
        named.map_err(|problem| format!("cannot name a client metadata document: {problem}"))
    })?;
    server.client_secret = secret_keys::source(merged, Setting::ClientSecret, env)?;
    private_key(merged, server, env)?;
    let has_secret = server.client_secret.is_given();
    let has_key = server.private_key.is_given();
    if has_key && has_secret {
        return Err(merged.about("privateKeyFile", "is given, and a client secret too; keep one of them"));
    }
    let needed_by = match server.grant {
        _ if has_secret => Some("the client secret"),
        _ if has_key && server.client_metadata_url.is_none() => Some("privateKeyFile"),
        Grant::ClientCredentials => Some("the grant client_credentials"),
        Grant::EnterpriseManaged => Some("the grant enterprise_managed"),
        Grant::AuthorizationCode | Grant::DeviceCode | Grant::JwtBearer => None,
    };
    if let (None, Some(why)) = (&server.client_id, needed_by) {
        return Err(merged.missing("clientId", &format!("is missing; {why} needs it")));
    }
    server.auth_method = auth_style(merged, server)?;
    server.dpop = merged.flag("dpop")?;
    server.client_name = merged.parsed("clientName", printable)?.unwrap_or_else(|| CLIENT_NAME.to_owned());
    Ok(())
}

/// How the client authenticates, where that is stated; it must fit what it has.
fn auth_style(merged: &mut Merged, server: &Server) -> Outcome<Option<AuthMethod>> {
    let has_secret = server.client_secret.is_given();
    let has_key = server.private_key.is_given();
    let known_public = server.client_id.is_some() && !has_secret && server.grant != Grant::ClientCredentials;
    merged.parsed("authStyle", |style| match style {
        "private_key_jwt" if has_key => Ok(AuthMethod::PrivateKeyJwt),
        "private_key_jwt" => Err("is `private_key_jwt`, which needs privateKeyFile".to_owned()),
        "header" | "body" | "none" if has_key => {
            Err(format!("is `{style}`, which makes no use of privateKeyFile; drop one of them"))
        }
        "header" => Ok(AuthMethod::ClientSecretBasic),
        "body" if known_public => Ok(AuthMethod::None),
        "body" => Ok(AuthMethod::ClientSecretPost),
        "none" if has_secret => {
            Err("is `none`, which sends no secret, yet one is configured; drop one".to_owned())
        }
        "none" => Ok(AuthMethod::None),
        _ => Err("must be header, body, none or private_key_jwt".to_owned()),
    })
}

/// The private key, which is only pointed to, and what describes it.
fn private_key(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    let key = secret_keys::source(merged, Setting::PrivateKey, env)?;
    if key.is_given() {
        server.private_key = key;
    }
    server.private_key_id = merged.parsed("privateKeyId", printable)?;
    server.signing_algorithm = merged.parsed("signingAlgorithm", |name| {
        Algorithm::by_name(name).ok_or_else(|| "must be ES256 or RS256".to_owned())
    })?;
    let described = match (&server.private_key_id, server.signing_algorithm) {
        (Some(_), _) => "privateKeyId",
        (_, Some(_)) => "signingAlgorithm",
        _ => return Ok(()),
    };
    if server.private_key.is_given() {
        return Ok(());
    }
    Err(merged.about(described, "describes a private key, but privateKeyFile names none"))
}
