//! From what the layers state to a [`Server`] that every room may rely on.
//!
//! Owns what each value must look like, and what must go together. Nothing is read from disk here, no secret
//! least of all. A key that is left at the end is one that this version does not support.

use super::entry::Stated;
use super::merge::Merged;
use super::{
    AuthMethod, Callback, Environment, Grant, Interactive, ResourceParameter, SecretSource, Server,
    environment, header, place,
};
use crate::failure::Outcome;
use crate::oauth::url::{endpoint, is_loopback, server_url};
use std::path::{Path, PathBuf};
use url::{Host, Url};

/// How early a token is renewed unless the configuration says otherwise, in seconds.
const REFRESH_SKEW_SECONDS: u64 = 30;

/// The name that is sent at dynamic registration.
const CLIENT_NAME: &str = "mcp-credential";

/// The longest time that may be configured for anything, in seconds.
const DAY: u64 = 86_400;

/// Grants that the configuration knows and this version does not speak.
const LATER_GRANTS: [&str; 3] = ["device_code", "jwt_bearer", "enterprise_managed"];

/// Form parameters of the token request that are ours to set.
const TOKEN_PARAMETERS: [&str; 11] = [
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "scope",
    "audience",
];

/// Parameters of the authorization request that are ours to set.
const AUTHORIZATION_PARAMETERS: [&str; 9] = [
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
    let url = merged.parsed("url", server_url)?;
    let url = url.ok_or_else(|| merged.missing("url", "is missing; it is the URL of the MCP server"))?;
    let mut server = Server { name: name.to_owned(), url, ..Server::default() };
    endpoints(merged, &mut server)?;
    client(merged, &mut server, env)?;
    requests(merged, &mut server)?;
    login(merged, &mut server, env)?;
    switches(merged, &mut server)?;
    let cache_dir = absolute_path(merged, "tokenCacheDir", env)?;
    match merged.left_over() {
        Some(stated) => Err(merged.complain(stated, "is not supported by this version; remove it")),
        None => Ok(Validated { server, cache_dir }),
    }
}

fn endpoints(merged: &mut Merged, server: &mut Server) -> Outcome<()> {
    server.grant = merged.parsed("grant", grant)?.unwrap_or_default();
    server.token_url = merged.parsed("tokenUrl", plain_endpoint)?;
    server.authorization_url = merged.parsed("authorizationUrl", plain_endpoint)?;
    server.issuer = merged.parsed("issuer", plain_endpoint)?;
    server.trusted_issuer = merged.parsed("trustedIssuer", plain_endpoint)?;
    server.metadata_url = merged.parsed("metadataUrl", plain_endpoint)?;
    server.discovery = merged.flag("enabled")?.unwrap_or(true);
    Ok(())
}

fn grant(text: &str) -> Result<Grant, String> {
    match text {
        "authorization_code" => Ok(Grant::AuthorizationCode),
        "client_credentials" => Ok(Grant::ClientCredentials),
        later if LATER_GRANTS.contains(&later) => {
            Err(format!("asks for `{later}`, which is not supported by this version"))
        }
        _ => Err("must be authorization_code or client_credentials".to_owned()),
    }
}

/// An endpoint, kept byte for byte: issuers are compared so.
fn plain_endpoint(text: &str) -> Result<String, String> {
    endpoint(text).map(|_| text.to_owned()).map_err(|problem| format!("is no endpoint: {problem}"))
}

fn client(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    server.client_id = merged.parsed("clientId", printable)?;
    server.client_secret = client_secret(merged, env)?;
    let has_secret = server.client_secret != SecretSource::None;
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
    server.client_name = merged.parsed("clientName", printable)?.unwrap_or_else(|| CLIENT_NAME.to_owned());
    Ok(())
}

fn client_secret(merged: &mut Merged, env: &Environment) -> Outcome<SecretSource> {
    let mut given = Vec::new();
    if let Some(value) = merged.text("clientSecret")? {
        given.push(SecretSource::Value(crate::secret::Secret::new(value)));
    }
    given.extend(absolute_path(merged, "clientSecretFile", env)?.map(SecretSource::File));
    given.extend(merged.parsed("clientSecretEnv", variable)?.map(SecretSource::Variable));
    let (command, stated) = merged.list("clientSecretCommand")?;
    if let Some(stated) = stated {
        if command.is_empty() {
            return Err(merged.complain(&stated, "must name a program, then its arguments"));
        }
        given.push(SecretSource::Command(command));
    }
    if given.len() > 1 {
        let problem = "is given in several ways; keep one of clientSecret, clientSecretFile, clientSecretEnv, \
                       clientSecretCommand";
        return Err(merged.missing("clientSecret", problem));
    }
    Ok(given.pop().unwrap_or_default())
}

fn variable(name: &str) -> Result<String, String> {
    let valid = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if valid { Ok(name.to_owned()) } else { Err("must be the name of an environment variable".to_owned()) }
}

fn requests(merged: &mut Merged, server: &mut Server) -> Outcome<()> {
    server.scope = merged.parsed("scope", scope)?;
    server.audience = merged.parsed("audience", printable)?;
    server.refresh_skew_seconds =
        merged.number("refreshSkewSeconds", 0..=DAY)?.unwrap_or(REFRESH_SKEW_SECONDS);
    server.extra_params = parameters(merged, "extraParams", &TOKEN_PARAMETERS)?;
    server.authorization_params = parameters(merged, "authorizationParams", &AUTHORIZATION_PARAMETERS)?;
    server.resource = match merged.any_text("resource")? {
        None => extra_resource(&mut server.extra_params),
        Some(text) if text.is_empty() => ResourceParameter::Omitted,
        Some(text) => ResourceParameter::Exactly(text),
    };
    Ok(())
}

/// mcp-oauth2-proxy's users set `resource` as an extra parameter. It must not be sent twice.
fn extra_resource(extra: &mut Vec<(String, String)>) -> ResourceParameter {
    match extra.iter().position(|(name, _)| name == "resource") {
        Some(index) => ResourceParameter::Exactly(extra.remove(index).1),
        None => ResourceParameter::Published,
    }
}

fn parameters(merged: &mut Merged, name: &str, ours: &[&str]) -> Outcome<Vec<(String, String)>> {
    let (pairs, stated) = merged.pairs(name)?;
    let Some(stated) = stated else { return Ok(pairs) };
    if pairs.iter().any(|(name, _)| name.is_empty()) {
        return Err(merged.complain(&stated, "has a parameter without a name"));
    }
    match ours.iter().find(|ours| pairs.iter().any(|(name, _)| name == *ours)) {
        Some(ours) => {
            Err(merged.complain(&stated, &format!("must not set `{ours}`: this program sends it itself")))
        }
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

fn printable(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    if text.trim() != text {
        return Err("begins or ends with a blank".to_owned());
    }
    Ok(text.to_owned())
}

fn login(merged: &mut Merged, server: &mut Server, env: &Environment) -> Outcome<()> {
    server.interactive = interactive(merged, env)?;
    let allow_remote = merged.flag("callbackAllowRemote")?.unwrap_or(false);
    let default = Callback::default();
    server.callback = Callback {
        host: merged
            .parsed("callbackHost", |text| callback_host(text, allow_remote))?
            .unwrap_or(default.host),
        port: merged.number("callbackPort", 0..=u64::from(u16::MAX))?.map_or(default.port, narrow),
        timeout_seconds: merged.number("callbackTimeoutSeconds", 1..=DAY)?.unwrap_or(default.timeout_seconds),
        redirect_uri: merged.parsed("redirectUri", |text| redirect_uri(text, allow_remote))?,
        allow_remote,
    };
    Ok(())
}

fn narrow(port: u64) -> u16 {
    u16::try_from(port).unwrap_or_default()
}

/// `never` wins, whoever says it; else the environment over the file.
fn interactive(merged: &mut Merged, env: &Environment) -> Outcome<Interactive> {
    let from_file = match merged.take("interactive") {
        None => Interactive::Auto,
        Some(stated) => interactive_value(&stated)
            .ok_or_else(|| merged.complain(&stated, "must be \"auto\", true or false"))?,
    };
    Ok(env.interactive()?.map_or(from_file, |later| from_file.overridden_by(later)))
}

fn interactive_value(stated: &Stated) -> Option<Interactive> {
    match &stated.node {
        super::node::Node::Bool(true) => Some(Interactive::Always),
        super::node::Node::Bool(false) => Some(Interactive::Never),
        super::node::Node::Text(text) => environment::interactive(text),
        _ => None,
    }
}

const REMOTE: &str = "is not on this machine; use 127.0.0.1, or set callbackAllowRemote to true";

/// The host without brackets.
fn callback_host(text: &str, allow_remote: bool) -> Result<String, String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let bracketed = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
    let host = Host::parse(&bracketed).map_err(|_| "must be a host, without scheme and port".to_owned())?;
    let loopback = Url::parse(&format!("http://{host}/")).is_ok_and(|url| is_loopback(&url));
    if !loopback && !allow_remote {
        return Err(REMOTE.to_owned());
    }
    Ok(host.to_string().trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// RFC 6749, section 3.1.2: absolute, without a fragment.
fn redirect_uri(text: &str, allow_remote: bool) -> Result<String, String> {
    let url = endpoint(text).map_err(|problem| format!("is no redirect URI: {problem}"))?;
    if url.fragment().is_some() {
        return Err("must not have a fragment".to_owned());
    }
    if !is_loopback(&url) && !allow_remote {
        return Err(REMOTE.to_owned());
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
    server.headers = headers;
    Ok(())
}

fn private_hosts(merged: &mut Merged) -> Outcome<Vec<String>> {
    let (hosts, stated) = merged.list("allowPrivateHosts")?;
    let Some(stated) = stated else { return Ok(hosts) };
    let parsed: Option<Vec<String>> =
        hosts.iter().map(|host| Host::parse(host).ok().map(|host| host.to_string())).collect();
    parsed.ok_or_else(|| merged.complain(&stated, "must hold hosts alone, without scheme and port"))
}

fn absolute_path(merged: &mut Merged, name: &str, env: &Environment) -> Outcome<Option<PathBuf>> {
    merged.parsed(name, |text| {
        place::absolute(Path::new(text), env, || "it".to_owned()).map_err(|_| {
            "must be an absolute path (or begin with `~/`); a relative one would depend on the caller"
                .to_owned()
        })
    })
}
