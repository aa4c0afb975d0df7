//! The endpoints of the configuration, and how far they go together with those that a server names.
//!
//! Whoever names an endpoint says whom to trust with what is sent there: tokens, codes, a client's secret. So an
//! MCP server, which may name any authorization server, adds none on another origin, unless `issuer` says whose
//! metadata may.

use super::metadata::AuthorizationServer;
use crate::config::{Grant, Seeds, Server};
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::url::{endpoint, origin};
use crate::text::one_line;
use url::Url;

/// What the configuration names.
#[derive(Debug, Default)]
pub(super) struct Explicit {
    /// `authorizationUrl`.
    pub(super) authorization: Option<String>,
    /// `tokenUrl`.
    pub(super) token: Option<String>,
    /// `deviceAuthorizationUrl`.
    pub(super) device: Option<String>,
    /// Where other endpoints may be; anywhere where this is empty.
    origins: Vec<String>,
}

impl Explicit {
    /// That of `server`.
    ///
    /// # Errors
    /// `config_invalid` for an endpoint that cannot be used.
    pub(super) fn of(server: &Server) -> Outcome<Self> {
        let mut origins = Vec::new();
        let mut configured = |key: &str, value: &Option<String>| {
            let Some(text) = value else { return Ok(None) };
            let url = endpoint(text).map_err(|why| {
                let message = format!("`{key}` is {}: {why}; correct it", one_line(text));
                Failure::new(Code::ConfigInvalid, message)
            })?;
            origins.push(origin(&url));
            Ok(value.clone())
        };
        let authorization = configured("authorizationUrl", &server.authorization_url)?;
        let token = configured("tokenUrl", &server.token_url)?;
        let device = configured("deviceAuthorizationUrl", &server.device_authorization_url)?;
        if server.issuer.is_some() {
            origins.clear();
        }
        Ok(Self { authorization, token, device, origins })
    }

    /// Whether the grant of `server` needs no other endpoint.
    pub(super) fn suffice(&self, server: &Server) -> bool {
        ![Kind::Token, Kind::Authorization, Kind::Device].iter().any(|kind| self.lacks(server, *kind))
    }

    /// What may be used of `found`, which a server names, beside the configured endpoints; nothing where it is
    /// another authorization server than theirs.
    ///
    /// # Errors
    /// `config_invalid` where an endpoint that the grant needs is not configured and at the wrong place.
    pub(super) fn beside(
        &self,
        server: &Server,
        mut found: AuthorizationServer,
    ) -> Outcome<Option<AuthorizationServer>> {
        if self.origins.is_empty() {
            return Ok(Some(found));
        }
        // Whoever is himself on another origin says nothing about what is there.
        let issuer = found.issuer.clone();
        let is_foreign = issuer.as_deref().is_some_and(|issuer| !self.is_near(issuer));
        let mut is_any_left = false;
        for (kind, endpoint) in endpoints(&mut found) {
            let Some(stray) = endpoint.take_if(|text| is_foreign || !self.is_near(text)) else {
                is_any_left |= endpoint.is_some();
                continue;
            };
            if self.lacks(server, kind) {
                return Err(elsewhere(kind, &stray, issuer.as_deref()));
            }
            let (what, stray) = (kind.what(), one_line(&stray));
            log::warn!("the {what} {stray} is left out: it is not of the origin of the configured ones");
        }
        Ok(is_any_left.then_some(found))
    }

    /// Whether something may be sent to `endpoint`, which a server has named at some time.
    pub(super) fn admits(&self, endpoint: &str) -> bool {
        self.origins.is_empty() || self.is_near(endpoint)
    }

    /// Whether the grant needs such an endpoint, and the configuration does not name it. A login that began elsewhere
    /// needs no page.
    fn lacks(&self, server: &Server, kind: Kind) -> bool {
        let has_page = server.seeds == Seeds::default();
        match kind {
            Kind::Token => self.token.is_none(),
            Kind::Authorization => {
                has_page && server.grant == Grant::AuthorizationCode && self.authorization.is_none()
            }
            Kind::Device => has_page && server.grant == Grant::DeviceCode && self.device.is_none(),
            Kind::Registration | Kind::Revocation => false,
        }
    }

    /// Whether it is at one of the configured places.
    fn is_near(&self, text: &str) -> bool {
        Url::parse(text).is_ok_and(|url| self.origins.contains(&origin(&url)))
    }
}

/// The endpoints of an authorization server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Token,
    Authorization,
    Device,
    Registration,
    Revocation,
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Self::Token => "token endpoint",
            Self::Authorization => "authorization endpoint",
            Self::Device => "device authorization endpoint",
            Self::Registration => "registration endpoint",
            Self::Revocation => "revocation endpoint",
        }
    }

    /// The key that names it.
    fn key(self) -> &'static str {
        match self {
            Self::Token => "tokenUrl",
            Self::Authorization => "authorizationUrl",
            Self::Device => "deviceAuthorizationUrl",
            Self::Registration | Self::Revocation => "issuer",
        }
    }
}

fn endpoints(found: &mut AuthorizationServer) -> [(Kind, &mut Option<String>); 5] {
    [
        (Kind::Token, &mut found.token_endpoint),
        (Kind::Authorization, &mut found.authorization_endpoint),
        (Kind::Device, &mut found.device_authorization_endpoint),
        (Kind::Registration, &mut found.registration_endpoint),
        (Kind::Revocation, &mut found.revocation_endpoint),
    ]
}

fn elsewhere(kind: Kind, stray: &str, issuer: Option<&str>) -> Failure {
    let issuer = issuer.map_or_else(String::new, |issuer| format!(" to {}", one_line(issuer)));
    let message = format!(
        "the server names the {} {}, which is not of the origin of the configured endpoints; set `{}`, or set \
         `issuer`{issuer} if all that its metadata names is to be trusted",
        kind.what(),
        one_line(stray),
        kind.key()
    );
    Failure::new(Code::ConfigInvalid, message)
}
