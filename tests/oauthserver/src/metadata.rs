//! The well-known documents: protected resource metadata (RFC 9728) and authorization server metadata
//! (RFC 8414, OpenID Connect Discovery).

use crate::client::AuthMethod;
use crate::request::Request;
use crate::response::Response;
use crate::site::{Room, Site};
use serde_json::{Map, Value, json};

/// Answers a GET for one of the documents.
pub(crate) fn answer(site: &Site, room: Room, request: &Request) -> Response {
    if request.method != "GET" && request.method != "HEAD" {
        return Response::empty(405).header("Allow", "GET, HEAD");
    }
    let mut document = match room {
        Room::ResourceMetadata => resource(site),
        _ => server(site),
    };
    let patch = match room {
        Room::ResourceMetadata => &site.settings.resource_metadata,
        _ => &site.settings.server_metadata,
    };
    patch.apply(&mut document);
    Response::json(200, &Value::Object(document))
}

fn resource(site: &Site) -> Map<String, Value> {
    let settings = &site.settings;
    let own = || vec![site.issuer()];
    let servers = settings.authorization_servers.clone().unwrap_or_else(own);
    let mut document = Map::new();
    put(&mut document, "resource", site.resource());
    put(&mut document, "authorization_servers", servers);
    if !settings.scopes_supported.is_empty() {
        put(&mut document, "scopes_supported", settings.scopes_supported.clone());
    }
    put(&mut document, "bearer_methods_supported", json!(["header"]));
    if settings.dpop.required {
        put(&mut document, "dpop_bound_access_tokens_required", true);
    }
    document
}

fn server(site: &Site) -> Map<String, Value> {
    let settings = &site.settings;
    let mut document = Map::new();
    let issuer = settings.issuer.clone().unwrap_or_else(|| site.issuer());
    put(&mut document, "issuer", issuer);
    for (member, name) in endpoints(site) {
        put(&mut document, member, site.endpoint(name));
    }
    put(&mut document, "response_types_supported", json!(["code"]));
    put(&mut document, "grant_types_supported", site.grants());
    let methods: Vec<_> = settings.auth_methods.iter().map(|method| method.name()).collect();
    put(&mut document, "token_endpoint_auth_methods_supported", methods);
    if settings.auth_methods.contains(&AuthMethod::PrivateKeyJwt) {
        put(&mut document, "token_endpoint_auth_signing_alg_values_supported", json!(["ES256", "RS256"]));
    }
    if settings.dpop.offered || settings.dpop.required {
        put(&mut document, "dpop_signing_alg_values_supported", json!(["ES256"]));
    }
    if let Some(methods) = &settings.pkce_methods {
        put(&mut document, "code_challenge_methods_supported", methods.clone());
    }
    let mut scopes = settings.scopes_supported.clone();
    if settings.offline_access {
        scopes.push("offline_access".to_owned());
    }
    if !scopes.is_empty() {
        put(&mut document, "scopes_supported", scopes);
    }
    if settings.iss.advertised {
        put(&mut document, "authorization_response_iss_parameter_supported", true);
    }
    document
}

/// The endpoints that exist, by their member of the metadata.
fn endpoints(site: &Site) -> Vec<(&'static str, &'static str)> {
    let mut list = vec![("authorization_endpoint", "authorize"), ("token_endpoint", "token")];
    if site.settings.registration.enabled {
        list.push(("registration_endpoint", "register"));
    }
    if site.settings.device.is_some() {
        list.push(("device_authorization_endpoint", "device_authorization"));
    }
    if site.settings.revocation {
        list.push(("revocation_endpoint", "revoke"));
    }
    list
}

fn put(document: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    document.insert(name.to_owned(), value.into());
}
