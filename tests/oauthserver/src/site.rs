//! Where everything lies: the server's identifiers and URLs, and the way from a path to a part of the server.
//!
//! Pure: the settings of one moment plus the port. Answers nothing itself.

use crate::device::DEVICE_CODE;
use crate::faults::Endpoint;
use crate::settings::{Document, Settings};
use crate::vouched::{JWT_BEARER, TOKEN_EXCHANGE};
use std::sync::Arc;

/// The settings of one moment, on one port.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) settings: Arc<Settings>,
    pub(crate) port: u16,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Mcp,
    ResourceMetadata,
    ServerMetadata,
    Authorize,
    Consent,
    Token,
    Register,
    Revoke,
    DeviceAuthorization,
    DevicePage,
    Nowhere,
}

impl Site {
    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// URL of the MCP endpoint.
    pub(crate) fn mcp_url(&self) -> String {
        self.at(&self.settings.mcp_path)
    }

    /// The resource identifier that is published and demanded.
    pub(crate) fn resource(&self) -> String {
        let own = || self.mcp_url();
        self.settings.resource.clone().unwrap_or_else(own)
    }

    /// The true issuer, whatever the metadata says.
    pub(crate) fn issuer(&self) -> String {
        self.at(&self.settings.issuer_path)
    }

    /// URL of one of the authorization server's endpoints.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("{}{}/{name}", self.origin(), self.issuer_base())
    }

    /// Path of a well-known document.
    pub(crate) fn document(&self, document: Document) -> String {
        let issuer = self.issuer_base();
        match document {
            Document::ResourcePath => {
                let mcp = self.settings.mcp_path.trim_end_matches('/');
                format!("/.well-known/oauth-protected-resource{mcp}")
            }
            Document::ResourceRoot => "/.well-known/oauth-protected-resource".to_owned(),
            Document::OAuthInsert => format!("/.well-known/oauth-authorization-server{issuer}"),
            Document::OidcInsert => format!("/.well-known/openid-configuration{issuer}"),
            Document::OidcAppend => format!("{issuer}/.well-known/openid-configuration"),
        }
    }

    /// URL of the resource metadata document that exists, the one of the path form first.
    pub(crate) fn resource_metadata_url(&self) -> Option<String> {
        [Document::ResourcePath, Document::ResourceRoot]
            .into_iter()
            .find(|document| self.settings.documents.contains(document))
            .map(|document| self.at(&self.document(document)))
    }

    /// The scopes that a client may ask for; empty when the server names none.
    pub(crate) fn known_scopes(&self) -> Vec<&str> {
        let settings = &self.settings;
        let mut known: Vec<&str> = settings.scopes_supported.iter().map(String::as_str).collect();
        known.extend(settings.challenge.scope.iter().flat_map(|scope| scope.split_whitespace()));
        let required = settings.required_scopes.iter();
        known.extend(required.flat_map(|(_, scope)| scope.split_whitespace()));
        if settings.offline_access && !known.is_empty() {
            known.push("offline_access");
        }
        known
    }

    /// The grants that the token endpoint knows, by their `grant_type`.
    pub(crate) fn grants(&self) -> Vec<&'static str> {
        let mut grants = vec!["authorization_code", "refresh_token", "client_credentials"];
        let settings = &self.settings;
        grants.extend(settings.device.as_ref().map(|_| DEVICE_CODE));
        grants.extend((!settings.trusted_issuers.is_empty()).then_some(JWT_BEARER));
        grants.extend(settings.identity_provider.as_ref().map(|_| TOKEN_EXCHANGE));
        grants
    }

    /// What lies at `path`.
    pub(crate) fn room(&self, path: &str) -> Room {
        let base = self.issuer_base();
        if let Some(room) = self.document_room(path) {
            return room;
        }
        // A server whose issuer and MCP path are both empty still has distinct endpoints.
        let name = path.strip_prefix(base).unwrap_or_default();
        match name {
            "/authorize" => Room::Authorize,
            "/consent" => Room::Consent,
            "/token" => Room::Token,
            "/register" => Room::Register,
            "/revoke" if self.settings.revocation => Room::Revoke,
            "/device_authorization" if self.settings.device.is_some() => Room::DeviceAuthorization,
            "/device" if self.settings.device.is_some() => Room::DevicePage,
            _ if path == self.settings.mcp_path || (path == "/" && self.settings.mcp_path.is_empty()) => {
                Room::Mcp
            }
            _ => Room::Nowhere,
        }
    }

    fn document_room(&self, path: &str) -> Option<Room> {
        let mut documents = self.settings.documents.iter();
        let found = documents.find(|document| self.document(**document) == path)?;
        Some(match found {
            Document::ResourcePath | Document::ResourceRoot => Room::ResourceMetadata,
            Document::OAuthInsert | Document::OidcInsert | Document::OidcAppend => Room::ServerMetadata,
        })
    }

    fn issuer_base(&self) -> &str {
        self.settings.issuer_path.trim_end_matches('/')
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }
}

impl Room {
    /// The room's name in orders and in the log.
    pub(crate) fn endpoint(self, path: &str) -> Endpoint {
        match self {
            Self::Mcp => Endpoint::Mcp,
            Self::ResourceMetadata => Endpoint::ResourceMetadata,
            Self::ServerMetadata => Endpoint::ServerMetadata,
            Self::Authorize | Self::Consent => Endpoint::Authorize,
            Self::Token => Endpoint::Token,
            Self::Register => Endpoint::Register,
            Self::Revoke => Endpoint::Revoke,
            Self::DeviceAuthorization => Endpoint::DeviceAuthorization,
            Self::DevicePage => Endpoint::DevicePage,
            Self::Nowhere => Endpoint::Path(path.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Room, Site};
    use crate::settings::{Document, Settings};
    use std::sync::Arc;

    fn site(issuer_path: &str, mcp_path: &str, documents: &[Document]) -> Site {
        let settings = Settings {
            issuer_path: issuer_path.to_owned(),
            mcp_path: mcp_path.to_owned(),
            documents: documents.to_vec(),
            ..Settings::default()
        };
        Site { settings: Arc::new(settings), port: 9 }
    }

    #[test]
    fn an_issuer_with_a_path_has_its_three_documents_and_no_other() {
        let all = [Document::OAuthInsert, Document::OidcInsert, Document::OidcAppend];
        let site = site("/tenant1", "/mcp", &all);
        for path in [
            "/.well-known/oauth-authorization-server/tenant1",
            "/.well-known/openid-configuration/tenant1",
            "/tenant1/.well-known/openid-configuration",
        ] {
            assert_eq!(site.room(path), Room::ServerMetadata, "{path}");
        }
        let root = "/.well-known/oauth-authorization-server";
        assert_eq!(site.room(root), Room::Nowhere);
        assert_eq!(site.room("/tenant1/token"), Room::Token);
        assert_eq!(site.room("/token"), Room::Nowhere);
    }

    #[test]
    fn a_trailing_slash_of_the_issuer_is_kept_in_it_and_left_out_of_the_paths() {
        let site = site("/", "/mcp", &[Document::OAuthInsert]);
        assert_eq!(site.issuer(), "http://127.0.0.1:9/");
        let document = site.document(Document::OAuthInsert);
        assert_eq!(document, "/.well-known/oauth-authorization-server");
        assert_eq!(site.endpoint("token"), "http://127.0.0.1:9/token");
    }

    #[test]
    fn a_pathless_resource_has_no_slash_and_its_endpoint_is_the_root() {
        let site = site("", "", &[Document::ResourcePath]);
        assert_eq!(site.resource(), "http://127.0.0.1:9");
        assert_eq!(site.room("/"), Room::Mcp);
        let document = "/.well-known/oauth-protected-resource";
        assert_eq!(site.room(document), Room::ResourceMetadata);
    }
}
