//! From the URL of an MCP server to the endpoints of its authorization server (MCP authorization,
//! "authorization server discovery"): challenge, RFC 9728, RFC 8414 or `OpenID` Connect, and what the
//! configuration says instead.
//!
//! Everything that a server names is checked before it is used. Explicit endpoints win. Where all of them are there,
//! a login goes on whatever becomes of discovery, and a grant without a person fetches nothing. It keeps nothing:
//! the caller writes down what was found. Limit: documents are read as they are; signed metadata is not looked at.

mod ask;
mod explicit;
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
use crate::oauth::url::{LONGEST_ENDPOINT, origin};
use crate::text::{command_line, one_line};
use explicit::Explicit;
use metadata::AuthorizationServer;
use resource::{Heard, Published};
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
    /// Some of the authorization servers that the MCP server names beside the one that was chosen.
    pub others: Vec<String>,
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

/// Whether something of `server` may be sent to `endpoint`, which was named at some time: not where the configuration
/// names endpoints by now and it is of none of their origins.
#[must_use]
pub fn admits(server: &Server, endpoint: &str) -> bool {
    Explicit::of(server).is_ok_and(|explicit| explicit.admits(endpoint))
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
    let found = find(web, server, challenge, known);
    if let Ok(found) = &found {
        let issuer = one_line(found.issuer.as_deref().unwrap_or("(unknown)"));
        log::info!("issuer {issuer}, token endpoint {}", one_line(&found.token_endpoint));
    }
    found.map_err(|failure| failure.of_server(&server.name))
}

fn find(
    web: &dyn Web,
    server: &Server,
    challenge: Option<&Challenge>,
    known: &[Known],
) -> Outcome<Discovered> {
    let story = Story::new(web, server, known)?;
    if story.is_told() {
        story.assemble(AuthorizationServer::default(), None, challenge)
    } else if server.discovery {
        story.tell(challenge)
    } else {
        Err(nothing_to_go_by(server))
    }
}

fn nothing_to_go_by(server: &Server) -> Failure {
    let needed = needed(server);
    Failure::new(
        Code::ConfigInvalid,
        format!("discovery is off: set {needed}, or turn `discovery.enabled` on"),
    )
}

/// The settings with which the grant of `server` needs no metadata.
fn needed(server: &Server) -> &'static str {
    match server.grant {
        Grant::AuthorizationCode => "`authorizationUrl` and `tokenUrl`",
        Grant::DeviceCode => "`deviceAuthorizationUrl` and `tokenUrl`",
        Grant::EnterpriseManaged => "`issuer` and `tokenUrl`",
        Grant::ClientCredentials | Grant::JwtBearer => "`tokenUrl`",
    }
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

/// One discovery: the server, its parsed URL, and which exceptions are known.
struct Story<'a> {
    web: &'a dyn Web,
    server: &'a Server,
    url: Url,
    known: &'a [Known<'a>],
    explicit: Explicit,
}

impl<'a> Story<'a> {
    fn new(web: &'a dyn Web, server: &'a Server, known: &'a [Known<'a>]) -> Outcome<Self> {
        let url = crate::oauth::url::endpoint(&server.url).map_err(|why| {
            Failure::new(Code::ConfigInvalid, format!("`url` cannot be used: {why}; correct it"))
        })?;
        Ok(Self { web, server, url, known, explicit: Explicit::of(server)? })
    }

    /// Whether nothing is fetched: the configuration names all that the grant needs, and wants no more or has no
    /// use for it.
    fn is_told(&self) -> bool {
        // The identity provider wants to know for which issuer it vouches.
        let has_issuer = self.server.issuer.is_some() || self.server.grant != Grant::EnterpriseManaged;
        let is_enough = self.explicit.suffice(self.server) && has_issuer;
        is_enough && (self.server.grant.is_unattended() || !self.server.discovery)
    }

    /// Does without what `failure` kept away, where the configuration names all that a login needs. Such a login
    /// needs a client as well, which only discovery can find a place to register. What the configuration itself
    /// has wrong stays an error.
    fn go_on_without(&self, failure: Failure) -> Outcome<()> {
        let is_theirs = matches!(failure.code, Code::Unavailable | Code::UntrustedServer);
        let is_login = !self.server.grant.is_unattended() && self.server.client_id.is_some();
        if !is_theirs || !is_login || !self.explicit.suffice(self.server) {
            return Err(failure);
        }
        log::warn!("going on with the configured endpoints alone: {}", failure.message);
        Ok(())
    }

    fn tell(&self, challenge: Option<&Challenge>) -> Outcome<Discovered> {
        let mut asked = ask::Asked { demanded: true, challenge: challenge.cloned() };
        let heard = match self.hear(&mut asked) {
            Ok(heard) => heard,
            Err(failure) => {
                self.go_on_without(failure)?;
                // Nobody has named an authorization server, and none is guessed.
                if self.server.issuer.is_none() {
                    return self.assemble(AuthorizationServer::default(), None, asked.challenge.as_ref());
                }
                Heard::default()
            }
        };
        let found = issuer::find(self, &heard, asked.demanded)?;
        self.assemble(found, heard.published.as_ref(), asked.challenge.as_ref())
    }

    /// What the MCP server publishes about itself, and its challenge where none is at hand.
    fn hear(&self, asked: &mut ask::Asked) -> Outcome<Heard> {
        if asked.challenge.is_none() {
            *asked = ask::ask(self)?;
        }
        resource::find(self, asked.challenge.as_ref())
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
        let explicit = &self.explicit;
        let token_endpoint = explicit.token.clone().or(found.token_endpoint);
        Ok(Discovered {
            resource: resource_value(self.server, published),
            issuer: found.issuer.or_else(|| self.server.issuer.clone()),
            others: found.others,
            authorization_endpoint: explicit.authorization.clone().or(found.authorization_endpoint),
            device_authorization_endpoint: explicit.device.clone().or(found.device_authorization_endpoint),
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
        if text.contains('\\') {
            return Err(refuse("it holds a backslash, behind which others would read another host"));
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
