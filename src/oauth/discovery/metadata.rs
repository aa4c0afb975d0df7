//! Authorization server metadata (RFC 8414, section 2), checked: endpoints that may be used, and PKCE.

use super::Story;
use super::fetch::{Document, Verdict};
use super::resource::texts;
use crate::config::Grant;
use crate::failure::{Failure, Outcome};
use serde_json::Value;

/// What was found of an authorization server; empty where there was no metadata.
#[derive(Debug, Default)]
pub(super) struct AuthorizationServer {
    pub(super) issuer: Option<String>,
    /// Other authorization servers that could have been chosen.
    pub(super) others: Vec<String>,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) device_authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
    pub(super) registration_endpoint: Option<String>,
    pub(super) revocation_endpoint: Option<String>,
    pub(super) auth_methods: Option<Vec<String>>,
    pub(super) grant_types: Option<Vec<String>>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) iss_parameter_supported: bool,
    /// RFC 9449, section 5.1.
    pub(super) dpop_algorithms: Option<Vec<String>>,
    pub(super) client_metadata_supported: bool,
}

/// The document of `issuer`, whose identity has been checked.
pub(super) fn read(story: &Story, issuer: &str, document: &Document) -> Verdict<AuthorizationServer> {
    let found = match checked(story, issuer, document) {
        Ok(found) => found,
        Err(failure) => return Verdict::Refuse(failure),
    };
    let login = story.server.grant == Grant::AuthorizationCode;
    if found.token_endpoint.is_none() && story.explicit.token.is_none() {
        return Verdict::Pass("it names no token endpoint");
    }
    if login && found.authorization_endpoint.is_none() && story.explicit.authorization.is_none() {
        return Verdict::Pass("it names no authorization endpoint");
    }
    let found = match story.explicit.beside(story.server, found) {
        Ok(Some(found)) => found,
        Ok(None) => return Verdict::Pass("it is not of the configured endpoints"),
        Err(failure) => return Verdict::Suspect(failure),
    };
    if login && !advertises_s256(document) && !story.server.allow_missing_pkce_metadata {
        return Verdict::Unprotected(no_pkce(story, issuer));
    }
    Verdict::Use(found)
}

fn checked(story: &Story, issuer: &str, document: &Document) -> Outcome<AuthorizationServer> {
    let endpoint = |name: &str| -> Outcome<Option<String>> {
        match document.get(name) {
            None | Some(Value::Null) => Ok(None),
            // What is no text is checked as nothing, and refused as that.
            Some(value) => {
                let text = value.as_str().unwrap_or_default();
                story.checked(name, text).map(|_| Some(text.to_owned()))
            }
        }
    };
    Ok(AuthorizationServer {
        issuer: Some(issuer.to_owned()),
        others: Vec::new(),
        authorization_endpoint: endpoint("authorization_endpoint")?,
        device_authorization_endpoint: endpoint("device_authorization_endpoint")?,
        token_endpoint: endpoint("token_endpoint")?,
        registration_endpoint: endpoint("registration_endpoint")?,
        revocation_endpoint: endpoint("revocation_endpoint")?,
        auth_methods: texts(document, "token_endpoint_auth_methods_supported"),
        grant_types: texts(document, "grant_types_supported"),
        dpop_algorithms: texts(document, "dpop_signing_alg_values_supported"),
        scopes: texts(document, "scopes_supported"),
        iss_parameter_supported: says(document, "authorization_response_iss_parameter_supported"),
        client_metadata_supported: says(document, "client_id_metadata_document_supported"),
    })
}

/// Whether the member is `true`, and not only something like it.
fn says(document: &Document, name: &str) -> bool {
    document.get(name) == Some(&Value::Bool(true))
}

/// Rule 8. RFC 8414 lets the member be absent; MCP reads that as "no PKCE".
fn advertises_s256(document: &Document) -> bool {
    texts(document, "code_challenge_methods_supported")
        .is_some_and(|methods| methods.iter().any(|name| name == "S256"))
}

fn no_pkce(story: &Story, issuer: &str) -> Failure {
    story.untrusted(&format!(
        "its authorization server {} does not say that it supports PKCE with S256, so a login there would be unprotected; \
         if you know that it does, {}",
        crate::text::one_line(issuer),
        story.allowing("allowMissingPkceMetadata", &["--allow-missing-pkce-metadata"])
    ))
}
