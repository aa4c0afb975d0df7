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
        !["tokenUrl", "authorizationUrl", "deviceAuthorizationUrl"].iter().any(|key| self.lacks(server, key))
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
        let strays = [
            ("tokenUrl", "token endpoint", self.take_stray(&mut found.token_endpoint)),
            (
                "authorizationUrl",
                "authorization endpoint",
                self.take_stray(&mut found.authorization_endpoint),
            ),
            (
                "deviceAuthorizationUrl",
                "device authorization endpoint",
                self.take_stray(&mut found.device_authorization_endpoint),
            ),
            ("", "registration endpoint", self.take_stray(&mut found.registration_endpoint)),
            ("", "revocation endpoint", self.take_stray(&mut found.revocation_endpoint)),
        ];
        let strays = || strays.iter().filter_map(|(key, what, stray)| Some((*key, *what, stray.as_ref()?)));
        if let Some((key, what, stray)) = strays().find(|(key, ..)| self.lacks(server, key)) {
            return Err(elsewhere(key, what, stray, found.issuer.as_deref()));
        }
        for (_, what, stray) in strays() {
            let stray = one_line(stray);
            log::warn!("the {what} {stray} is left out: it is on another origin than the configured ones");
        }
        let left = [
            &found.token_endpoint,
            &found.authorization_endpoint,
            &found.device_authorization_endpoint,
            &found.registration_endpoint,
            &found.revocation_endpoint,
        ];
        Ok(left.iter().any(|left| left.is_some()).then_some(found))
    }

    /// Whether the grant needs what `key` would name, and the configuration does not name it.
    fn lacks(&self, server: &Server, key: &str) -> bool {
        match key {
            "tokenUrl" => self.token.is_none(),
            "authorizationUrl" => {
                page_of(server) == Some(Page::Authorization) && self.authorization.is_none()
            }
            "deviceAuthorizationUrl" => page_of(server) == Some(Page::Device) && self.device.is_none(),
            _ => false,
        }
    }

    /// Takes an endpoint out that is at none of the configured places.
    fn take_stray(&self, named: &mut Option<String>) -> Option<String> {
        let is_near = |text: &str| Url::parse(text).is_ok_and(|url| self.origins.contains(&origin(&url)));
        if named.as_deref().is_none_or(is_near) { None } else { named.take() }
    }
}

/// Where a person is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Authorization,
    Device,
}

/// The page that a grant cannot begin without. A login that began elsewhere needs none.
fn page_of(server: &Server) -> Option<Page> {
    match server.grant {
        _ if server.seeds != Seeds::default() => None,
        Grant::AuthorizationCode => Some(Page::Authorization),
        Grant::DeviceCode => Some(Page::Device),
        Grant::ClientCredentials | Grant::JwtBearer | Grant::EnterpriseManaged => None,
    }
}

fn elsewhere(key: &str, what: &str, stray: &str, issuer: Option<&str>) -> Failure {
    let issuer = issuer.map_or_else(String::new, |issuer| format!(" to {}", one_line(issuer)));
    let message = format!(
        "the server names the {what} {}, which is on another origin than the configured endpoints; set `{key}`, or set \
         `issuer`{issuer} if all that its metadata names is to be trusted",
        one_line(stray)
    );
    Failure::new(Code::ConfigInvalid, message)
}
