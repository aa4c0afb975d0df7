//! The grant, and the keys that belong to one grant alone.
//!
//! Owns which of them fit which grant, and what each grant needs. What is only pointed to is not read here:
//! whether an assertion is there shows when a request needs it.

use super::merge::Merged;
use super::validate::{plain_endpoint, printable};
use super::{AuthMethod, Environment, Grant, IdentityProvider, SecretSource, Server, Setting, secret_keys};
use crate::failure::{Failure, Outcome};

/// Every grant of this version, in the order in which messages name them.
const GRANTS: [Grant; 5] = [
    Grant::AuthorizationCode,
    Grant::DeviceCode,
    Grant::ClientCredentials,
    Grant::JwtBearer,
    Grant::EnterpriseManaged,
];

/// What the keys of one grant begin with.
const OWN_KEYS: [(&str, Grant); 2] = [("assertion", Grant::JwtBearer), ("idp", Grant::EnterpriseManaged)];

/// The grant of that name.
pub(super) fn named(text: &str) -> Result<Grant, String> {
    GRANTS.into_iter().find(|grant| grant.as_str() == text).ok_or_else(|| {
        let names = GRANTS.map(Grant::as_str);
        format!("must be one of {}", names.join(", "))
    })
}

/// Fills in what belongs to the grant alone. The client must be filled in before it.
///
/// # Errors
/// `config_invalid` that names the key.
pub(super) fn fill(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    let foreign = OWN_KEYS.into_iter().filter(|(_, grant)| *grant != server.grant);
    for (prefix, grant) in foreign {
        if let Some(stated) = merged.beginning_with(prefix) {
            let name = grant.as_str();
            let problem = format!("belongs to the grant {name}; set `grant` to {name}, or remove this key");
            return Err(merged.complain(stated, &problem));
        }
    }
    match server.grant {
        Grant::AuthorizationCode | Grant::DeviceCode | Grant::ClientCredentials => {}
        Grant::JwtBearer => server.assertion = needed(merged, server, Setting::Assertion, env)?,
        Grant::EnterpriseManaged => {
            server.identity_provider = Some(identity_provider(merged, server, env)?);
        }
    }
    Ok(())
}

fn identity_provider(merged: &mut Merged, server: &Server, env: &Environment) -> Outcome<IdentityProvider> {
    let client_secret = secret_keys::source(merged, Setting::IdpClientSecret, env)?;
    let idp = IdentityProvider {
        token_url: merged.parsed("idpTokenUrl", plain_endpoint)?,
        issuer: merged.parsed("idpIssuer", plain_endpoint)?,
        client_id: merged
            .parsed("idpClientId", printable)?
            .ok_or_else(|| lacking(merged, server, "idpClientId", ""))?,
        auth_method: auth_style(merged, client_secret.is_given())?,
        client_secret,
        id_token: needed(merged, server, Setting::IdpIdToken, env)?,
    };
    if idp.token_url.is_none() && idp.issuer.is_none() {
        return Err(lacking(merged, server, "idpIssuer", " (or idpTokenUrl)"));
    }
    if idp.token_url.is_none() && !server.discovery {
        let problem = "is missing; it is needed because discovery is off";
        return Err(merged.missing("idpTokenUrl", problem));
    }
    Ok(idp)
}

/// How the client authenticates at the identity provider, where that is stated; it must fit what it has.
fn auth_style(merged: &mut Merged, has_secret: bool) -> Outcome<Option<AuthMethod>> {
    merged.parsed("idpAuthStyle", |style| match style {
        "header" if has_secret => Ok(AuthMethod::ClientSecretBasic),
        "header" => Err("is `header`, which needs idpClientSecretFile".to_owned()),
        "body" if has_secret => Ok(AuthMethod::ClientSecretPost),
        "none" if has_secret => {
            Err("is `none`, which sends no secret, yet one is configured; drop one".to_owned())
        }
        "body" | "none" => Ok(AuthMethod::None),
        _ => Err("must be header, body or none".to_owned()),
    })
}

/// A secret without which the grant cannot be.
fn needed(
    merged: &mut Merged,
    server: &Server,
    setting: Setting,
    env: &Environment,
) -> Outcome<SecretSource> {
    let source = secret_keys::source(merged, setting, env)?;
    if source.is_given() {
        return Ok(source);
    }
    let key = setting.key();
    let others = merged.or_else(&[format!("{key}Env"), format!("{key}Command")]);
    Err(lacking(merged, server, &format!("{key}File"), &others))
}

fn lacking(merged: &Merged, server: &Server, key: &str, others: &str) -> Failure {
    merged.missing(key, &format!("is missing; the grant {} needs it{others}", server.grant.as_str()))
}
