//! From what the layers state to a [`Server`] that every room may rely on.
//!
//! Owns what each value must look like, and what must go together. Nothing is read from disk here, no secret
//! least of all. A key that is left at the end is one that this version does not support.

use super::merge::Merged;
use super::server::REFRESH_SKEW_SECONDS;
use super::{
    Environment, Grant, ResourceParameter, Seeds, Server, client, grant, header, login, place, seeds,
};
use crate::failure::Outcome;
use crate::oauth::url::{absolute_uri, endpoint, server_url};
use std::path::{Path, PathBuf};
use url::Host;

/// The longest time that may be configured for anything, in seconds.
pub(super) const DAY: u64 = 86_400;

/// Form parameters of the token request that are ours to set; the first only where it is configured.
const TOKEN_PARAMETERS: [&str; 17] = [
    "resource",
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "subject_token",
    "subject_token_type",
    "requested_token_type",
    "device_code",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "scope",
    "audience",
];

/// Parameters of the authorization request that are ours to set; the first only where it is configured.
const AUTHORIZATION_PARAMETERS: [&str; 11] = [
    "audience",
    "dpop_jkt",
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
];

/// A server, and the directory of its records where the entry names one.
pub(super) struct Validated {
    pub server: Server,
    pub cache_dir: Option<PathBuf>,
}

/// Judges what is stated about the server `name`.
///
/// # Errors
/// `config_invalid` that names the key or the variable and what to do.
pub(super) fn validate(name: &str, mut merged: Merged, env: &Environment) -> Outcome<Validated> {
    let merged = &mut merged;
    let url = merged
        .parsed("url", |text| server_url(text).map_err(|problem| format!("is no server URL: {problem}")))?;
    let url = url.ok_or_else(|| merged.missing("url", "is missing; it is the URL of the MCP server"))?;
    let mut server = Server { name: name.to_owned(), url, ..Server::default() };
    endpoints(merged, &mut server)?;
    client::fill(merged, &mut server, env)?;
    grant::fill(merged, &mut server, env)?;
    requests(merged, &mut server)?;
    login::fill(merged, &mut server, env)?;
    seeds::fill(merged, &mut server)?;
    if let Some(key) = undiscovered(&server) {
        return Err(merged.missing(key, "is missing; it is needed because discovery is off"));
    }
    switches(merged, &mut server)?;
    let cache_dir = absolute_path(merged, "tokenCacheDir", env)?;
    match merged.left_over() {
        Some(stated) => Err(merged.complain(stated, "is not supported by this version; remove it")),
        None => Ok(Validated { server, cache_dir }),
    }
}

fn endpoints(merged: &mut Merged, server: &mut Server) -> Outcome<()> {
    server.grant = merged.parsed("grant", grant::named)?.unwrap_or_default();
    server.token_url = merged.parsed("tokenUrl", plain_endpoint)?;
    server.authorization_url = merged.parsed("authorizationUrl", plain_endpoint)?;
    server.device_authorization_url = merged.parsed("deviceAuthorizationUrl", plain_endpoint)?;
    server.issuer = merged.parsed("issuer", plain_endpoint)?;
    server.trusted_issuer = merged.parsed("trustedIssuer", plain_endpoint)?;
    if server.trusted_issuer.is_some() && server.issuer.is_none() {
        let problem = "is missing; `trustedIssuer` is trusted of one authorization server alone: set `issuer` to it as \
                       the MCP server names it, or to the origin of `url` where that names none";
        return Err(merged.missing("issuer", problem));
    }
    server.metadata_url = merged.parsed("metadataUrl", plain_endpoint)?;
    server.discovery = merged.flag("enabled")?.unwrap_or(true);
    Ok(())
}

/// An endpoint that is neither given nor to be discovered.
fn undiscovered(server: &Server) -> Option<&'static str> {
    if server.discovery {
        return None;
    }
    let login = server.seeds == Seeds::default();
    match server.grant {
        _ if server.token_url.is_none() => Some("tokenUrl"),
        Grant::AuthorizationCode if login && server.authorization_url.is_none() => Some("authorizationUrl"),
        Grant::DeviceCode if login && server.device_authorization_url.is_none() => {
            Some("deviceAuthorizationUrl")
        }
        _ => None,
    }
}

/// An endpoint, kept byte for byte: issuers are compared so.
pub(super) fn plain_endpoint(text: &str) -> Result<String, String> {
    endpoint(text).map(|_| text.to_owned()).map_err(|problem| format!("is no endpoint: {problem}"))
}

fn requests(merged: &mut Merged, server: &mut Server) -> Outcome<()> {
    server.scope = merged.parsed("scope", scope)?;
    server.audience = merged.parsed("audience", printable)?;
    server.refresh_skew_seconds =
        merged.number("refreshSkewSeconds", 0..=DAY)?.unwrap_or(REFRESH_SKEW_SECONDS);
    let resource = merged.parsed_or_empty("resource", resource)?;
    let ours = &TOKEN_PARAMETERS[usize::from(resource.is_none())..];
    server.extra_params = parameters(merged, "extraParams", ours)?.into();
    let ours = &AUTHORIZATION_PARAMETERS[usize::from(server.audience.is_none())..];
    server.authorization_params = parameters(merged, "authorizationParams", ours)?.into();
    server.resource = match resource {
        Some(resource) => resource,
        None => extra_resource(&mut server.extra_params).unwrap_or_default(),
    };
    Ok(())
}

/// RFC 8707, section 2: an absolute URI of any scheme, such as Entra ID's `api://…`, without a fragment. Servers from
/// before it know resources by bare identifiers.
fn resource(text: &str) -> Result<ResourceParameter, String> {
    if text.is_empty() {
        return Ok(ResourceParameter::Omitted);
    }
    let is_bare = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c));
    let judged = if is_bare { Ok(()) } else { absolute_uri(text) };
    judged.map(|()| ResourceParameter::Exactly(text.to_owned())).map_err(|problem| {
        format!("is no absolute URI: {problem}; correct it, or set it to \"\" to leave it out")
    })
}

/// mcp-oauth2-proxy's users set `resource` as an extra parameter. It must not be sent twice.
fn extra_resource(extra: &mut Vec<(String, String)>) -> Option<ResourceParameter> {
    let index = extra.iter().position(|(name, _)| name == "resource")?;
    resource(&extra.remove(index).1).ok()
}

fn parameters(merged: &mut Merged, name: &str, ours: &[&str]) -> Outcome<Vec<(String, String)>> {
    let (pairs, stated) = merged.pairs(name)?;
    let Some(stated) = stated else { return Ok(pairs) };
    if pairs.iter().any(|(name, _)| name.is_empty()) {
        return Err(merged.complain(&stated, "has a parameter without a name"));
    }
    if let Some(ours) = ours.iter().find(|ours| pairs.iter().any(|(name, _)| name == *ours)) {
        return Err(merged.complain(&stated, &format!("must not set `{ours}`: this program sends it itself")));
    }
    // One that may stand here takes the place of the key.
    match pairs.iter().find_map(|(name, value)| resource(value).err().filter(|_| name == "resource")) {
        Some(problem) => Err(merged.complain(&stated, &format!("has a `resource` that {problem}"))),
        None => Ok(pairs),
    }
}

/// RFC 6749, section 3.3.
fn scope(text: &str) -> Result<String, String> {
    let valid = |byte: u8| matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() || !text.bytes().all(valid) {
        return Err("must be scope names separated by blanks, without quotes or backslashes".to_owned());
    }
    Ok(words.join(" "))
}

pub(super) fn printable(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    if text.trim() != text {
        return Err("begins or ends with a blank".to_owned());
    }
    Ok(text.to_owned())
}

fn switches(merged: &mut Merged, server: &mut Server) -> Outcome<()> {
    server.allow_missing_pkce_metadata = merged.flag("allowMissingPkceMetadata")?.unwrap_or(false);
    server.scope_on_refresh = merged.flag("scopeOnRefresh")?.unwrap_or(false);
    server.strict = merged.flag("strict")?.unwrap_or(false);
    server.require_url = merged.flag("requireUrl")?.unwrap_or(false);
    server.allow_private_hosts = private_hosts(merged)?;
    let (headers, stated) = merged.pairs("headers")?;
    if let (Some(stated), Some(problem)) = (stated, header::problem(&headers)) {
        return Err(merged.complain(&stated, &problem));
    }
    server.headers = headers.into();
    Ok(())
}

fn private_hosts(merged: &mut Merged) -> Outcome<Vec<String>> {
    let (hosts, stated) = merged.list("allowPrivateHosts")?;
    let Some(stated) = stated else { return Ok(hosts) };
    let parsed: Option<Vec<String>> =
        hosts.iter().map(|host| Host::parse(host).ok().map(|host| host.to_string())).collect();
    parsed.ok_or_else(|| merged.complain(&stated, "must hold hosts alone, without scheme and port"))
}

pub(super) fn absolute_path(merged: &mut Merged, name: &str, env: &Environment) -> Outcome<Option<PathBuf>> {
    merged.parsed(name, |text| {
        place::absolute(Path::new(text), env, || "it".to_owned()).map_err(|_| {
            "must be an absolute path (or begin with `~/`); a relative one would depend on the caller"
                .to_owned()
        })
    })
}
