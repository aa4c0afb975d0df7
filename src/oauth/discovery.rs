//! From the URL of an MCP server to the endpoints of its authorization server (MCP authorization,
//! "authorization server discovery"): challenge, RFC 9728, RFC 8414 or `OpenID` Connect, and what the
//! configuration says instead.
//!
//! Everything that a server names is checked before it is used. Explicit endpoints win, and where all of them
//! are there nothing is fetched. It keeps nothing: the caller writes down what was found. Limit: documents
//! are read as they are; signed metadata is not looked at.

mod ask;
mod fetch;
mod identity_provider;
mod issuer;
mod metadata;
mod moved;
mod resource;
mod scope;
#[cfg(test)]
mod tests;
mod web;

use crate::config::{Grant, ResourceParameter, Server};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::oauth::known::{self, Known};
use crate::oauth::reach::may_name;
use crate::oauth::url::origin;
use crate::text::{command_line, one_line};
use metadata::AuthorizationServer;
use resource::Published;
use serde::{Deserialize, Serialize};
use url::Url;

pub use identity_provider::{Exchange as IdpExchange, exchange as idp_exchange};
pub use moved::moved;
pub use scope::union;
pub use web::Web;

/// What a login or a token request needs to know of the authorization server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Discovered {
    /// The value of `resource` to send (RFC 8707): byte for byte as published, else the server's URL; absent
    /// where the configuration leaves it out.
    pub resource: Option<String>,
    /// The issuer as its metadata writes it; absent where no metadata names one.
    pub issuer: Option<String>,
    /// Where the browser goes.
    pub authorization_endpoint: Option<String>,
    /// Where a login on another device begins (RFC 8628, section 4).
    pub device_authorization_endpoint: Option<String>,
    /// Where tokens come from.
    pub token_endpoint: String,
    /// Where clients register themselves (RFC 7591).
    pub registration_endpoint: Option<String>,
    /// Where tokens are given back (RFC 7009).
    pub revocation_endpoint: Option<String>,
    /// `token_endpoint_auth_methods_supported`, where it is published.
    pub token_endpoint_auth_methods: Option<Vec<String>>,
    /// `grant_types_supported`, where it is published.
    pub grant_types: Option<Vec<String>>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207): its callbacks carry `iss`.
    pub iss_parameter_supported: bool,
    /// `client_id_metadata_document_supported`: the server reads Client ID Metadata Documents.
    pub client_metadata_supported: bool,
    /// The scope to ask for, space-separated.
    pub scope: Option<String>,
    /// What the servers say of tokens that are bound to a key.
    pub dpop: Dpop,
}

/// Tokens that are bound to a key (RFC 9449).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dpop {
    /// The MCP server takes no others (RFC 9449, section 7.1; RFC 9728, section 2).
    pub required: bool,
    /// A server lists the algorithms of the proofs that it takes, and ES256 is not among them.
    pub without_es256: bool,
}

/// Finds out where `server` gets its tokens. `challenge` is what the server said when it refused a request;
/// without one it is asked.
///
/// # Errors
/// `untrusted_server` for metadata that must not be used, `unavailable` where none could be had,
/// `config_invalid` where the configuration leaves no way.
pub fn discover(web: &dyn Web, server: &Server, challenge: Option<&Challenge>) -> Outcome<Discovered> {
    discover_with(web, server, challenge, known::TABLE)
}

/// The same with these known exceptions.
fn discover_with(
    web: &dyn Web,
    server: &Server,
    challenge: Option<&Challenge>,
    known: &[Known],
) -> Outcome<Discovered> {
    let found = explicit(server, challenge).and_then(|explicit| match explicit {
        Some(found) => Ok(found),
        None => Story::new(web, server, known)?.tell(challenge),
    });
    if let Ok(found) = &found {
        let issuer = one_line(found.issuer.as_deref().unwrap_or("(unknown)"));
        log::info!("issuer {issuer}, token endpoint {}", one_line(&found.token_endpoint));
    }
    found.map_err(|failure| failure.of_server(&server.name))
}

/// The answer of the configuration alone, where it names everything that the grant needs. A login needs a
/// client as well, which only discovery can find a place to register.
fn explicit(server: &Server, challenge: Option<&Challenge>) -> Outcome<Option<Discovered>> {
    let authorization = configured_endpoint("authorizationUrl", server.authorization_url.as_deref())?;
    let token = configured_endpoint("tokenUrl", server.token_url.as_deref())?;
    let device = configured_endpoint("deviceAuthorizationUrl", server.device_authorization_url.as_deref())?;
    // What else the grant needs, and whether that could do without discovery.
    let (rest, has_client) = match server.grant {
        Grant::AuthorizationCode => (authorization.is_some(), server.client_id.is_some()),
        Grant::DeviceCode => (device.is_some(), server.client_id.is_some()),
        // The identity provider wants to know for which issuer it vouches.
        Grant::EnterpriseManaged => (server.issuer.is_some(), true),
        Grant::ClientCredentials | Grant::JwtBearer => (true, true),
    };
    match token {
        Some(token_endpoint) if rest && (has_client || !server.discovery) => Ok(Some(Discovered {
            resource: resource_value(server, None),
            issuer: server.issuer.clone(),
            authorization_endpoint: authorization,
            device_authorization_endpoint: device,
            token_endpoint,
            scope: server.scope.clone(),
            dpop: Dpop { required: challenge.is_some_and(Challenge::is_dpop), without_es256: false },
            ..Discovered::default()
        })),
        _ if server.discovery => Ok(None),
        _ => Err(nothing_to_go_by(server)),
    }
}

fn configured_endpoint(key: &str, value: Option<&str>) -> Outcome<Option<String>> {
    let Some(value) = value else { return Ok(None) };
    match crate::oauth::url::endpoint(value) {
        Ok(_) => Ok(Some(value.to_owned())),
        Err(why) => {
            let message = format!("`{key}` is {}: {why}; correct it", one_line(value));
            Err(Failure::new(Code::ConfigInvalid, message))
        }
    }
}

fn nothing_to_go_by(server: &Server) -> Failure {
    let needed = match server.grant {
        Grant::AuthorizationCode => "`authorizationUrl` and `tokenUrl`",
        Grant::DeviceCode => "`deviceAuthorizationUrl` and `tokenUrl`",
        Grant::EnterpriseManaged => "`issuer` and `tokenUrl`",
        Grant::ClientCredentials | Grant::JwtBearer => "`tokenUrl`",
    };
    Failure::new(
        Code::ConfigInvalid,
        format!("discovery is off: set {needed}, or turn `discovery.enabled` on"),
    )
}

/// `resource` as the configuration wants it (rule 16: as published, else the server's URL).
fn resource_value(server: &Server, published: Option<&Published>) -> Option<String> {
    match &server.resource {
        ResourceParameter::Omitted => None,
        ResourceParameter::Exactly(value) => Some(value.clone()),
        ResourceParameter::Published => {
            Some(published.map_or_else(|| server.url.clone(), |published| published.resource.clone()))
        }
    }
}

/// The longest URL of an endpoint, in bytes: it is stored, and has to fit into the room that is reserved.
const LONGEST_ENDPOINT: usize = 4096;

/// One discovery: the server, its parsed URL, and which exceptions are known.
struct Story<'a> {
    web: &'a dyn Web,
    server: &'a Server,
    url: Url,
    known: &'a [Known<'a>],
}

impl<'a> Story<'a> {
    fn new(web: &'a dyn Web, server: &'a Server, known: &'a [Known<'a>]) -> Outcome<Self> {
        let url = crate::oauth::url::endpoint(&server.url).map_err(|why| {
            Failure::new(Code::ConfigInvalid, format!("`url` cannot be used: {why}; correct it"))
        })?;
        Ok(Self { web, server, url, known })
    }

    fn tell(&self, challenge: Option<&Challenge>) -> Outcome<Discovered> {
        let asked = match challenge {
            Some(challenge) => ask::Asked { demanded: true, challenge: Some(challenge.clone()) },
            None => ask::ask(self)?,
        };
        let published = resource::find(self, asked.challenge.as_ref())?;
        let found = issuer::find(self, published.as_ref(), asked.demanded)?;
        self.assemble(found, published.as_ref(), asked.challenge.as_ref())
    }

    fn assemble(
        &self,
        found: AuthorizationServer,
        published: Option<&Published>,
        challenge: Option<&Challenge>,
    ) -> Outcome<Discovered> {
        let required = challenge.is_some_and(Challenge::is_dpop)
            || published.is_some_and(|published| published.dpop_required);
        let lists = [found.dpop_algorithms.as_ref(), published.and_then(|p| p.dpop_algorithms.as_ref())];
        let lacks_es256 = |list: &Vec<String>| !list.iter().any(|name| name == "ES256");
        let scope = scope::choose(self.server, challenge, published, &found);
        let token_endpoint = self.server.token_url.clone().or(found.token_endpoint);
        Ok(Discovered {
            resource: resource_value(self.server, published),
            issuer: found.issuer.or_else(|| self.server.issuer.clone()),
            authorization_endpoint: self.server.authorization_url.clone().or(found.authorization_endpoint),
            device_authorization_endpoint: self
                .server
                .device_authorization_url
                .clone()
                .or(found.device_authorization_endpoint),
            token_endpoint: token_endpoint.ok_or_else(|| nothing_to_go_by(self.server))?,
            registration_endpoint: found.registration_endpoint,
            revocation_endpoint: found.revocation_endpoint,
            token_endpoint_auth_methods: found.auth_methods,
            grant_types: found.grant_types,
            iss_parameter_supported: found.iss_parameter_supported,
            client_metadata_supported: found.client_metadata_supported,
            scope,
            dpop: Dpop { required, without_es256: lists.into_iter().flatten().any(lacks_es256) },
        })
    }

    /// Whether the configuration names the endpoints that the grant needs, so that metadata is welcome
    /// but not needed.
    fn has_endpoints(&self) -> bool {
        self.server.token_url.is_some()
            && match self.server.grant {
                Grant::AuthorizationCode => self.server.authorization_url.is_some(),
                Grant::DeviceCode => self.server.device_authorization_url.is_some(),
                Grant::ClientCredentials | Grant::JwtBearer | Grant::EnterpriseManaged => true,
            }
    }

    /// A URL that a server named, checked before use: an endpoint by its form (rule 20, case 14), on a host
    /// that this server may name (case 15), without a fragment (RFC 6749, section 3.1).
    fn checked(&self, what: &str, text: &str) -> Outcome<Url> {
        let shown = one_line(text);
        let refuse =
            |why: &str| self.untrusted(&format!("its {what} is {shown}: {why}; ask whoever runs the server"));
        let url = crate::oauth::url::endpoint(text).map_err(|why| refuse(&why))?;
        if url.fragment().is_some() {
            return Err(refuse("it has a fragment"));
        }
        if text.len() > LONGEST_ENDPOINT {
            return Err(refuse("it is longer than any endpoint needs to be"));
        }
        self.may_name(&url).map_err(|kind| {
            let host = url.host_str().unwrap_or_default();
            let hosts = self.server.allow_private_hosts.iter().map(String::as_str).chain([host]);
            let options: Vec<&str> = hosts.flat_map(|host| ["--allow-private-host", host]).collect();
            self.untrusted(&format!(
                "its {what} is {shown}, {kind}, which a server on another host must not name; if that is meant, {}",
                self.allowing("allowPrivateHosts", &options)
            ))
        })?;
        Ok(url)
    }

    /// Case 15. What the configured issuer may name is as good as what the server may name.
    fn may_name(&self, url: &Url) -> Result<(), &'static str> {
        let allowed = &self.server.allow_private_hosts;
        let pinned = self.server.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
        match pinned {
            Some(issuer) if may_name(&issuer, url, allowed).is_ok() => Ok(()),
            _ => may_name(&self.url, url, allowed),
        }
    }

    /// The command that allows what was refused; where a word of it cannot be shown as it is, the setting.
    fn allowing(&self, setting: &str, options: &[&str]) -> String {
        let Server { name, url, .. } = self.server;
        if options.iter().any(|word| one_line(word) != **word) {
            return format!("set `{setting}` of {name} by hand");
        }
        let words = [&["mcp-credential", "add", name, url], options].concat();
        format!("run `{}`", command_line(&words))
    }

    fn untrusted(&self, reason: &str) -> Failure {
        let message = format!("the MCP server at {} is not trusted: {reason}", origin(&self.url));
        Failure::new(Code::UntrustedServer, message)
    }
}
