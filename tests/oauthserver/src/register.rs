//! Dynamic client registration (RFC 7591).
//!
//! Owns what is refused, and why; the answer repeats what was registered.

use crate::answer::{Answer, Refusal};
use crate::client::{AuthMethod, Client, is_loopback};
use crate::request::Request;
use crate::response::Response;
use crate::shared::Shared;
use crate::site::Site;
use serde_json::{Map, Value};
use url::Url;

/// Answers the registration endpoint.
pub(crate) fn register(shared: &Shared, site: &Site, request: &Request) -> Answer {
    if !site.settings.registration.enabled {
        return Response::empty(404).into();
    }
    if request.method != "POST" {
        return Response::empty(405).header("Allow", "POST").into();
    }
    match registered(shared, site, request) {
        Ok(client) => {
            let response = answer(shared, site, request, &client);
            let id = client.client_id.clone();
            shared.state().registered.insert(id, client);
            Answer::committed(response)
        }
        Err(refusal) => refusal.into(),
    }
}

fn registered(shared: &Shared, site: &Site, request: &Request) -> Result<Client, Refusal> {
    let Some(Value::Object(asked)) = request.json().filter(|_| request.is("application/json")) else {
        return Err(bad("the body must be a JSON object"));
    };
    let grants = list(&asked, "grant_types", &["authorization_code"])?;
    let known = site.grants();
    if !grants.iter().all(|grant| known.contains(&grant.as_str())) {
        return Err(bad("a grant type is not supported"));
    }
    if list(&asked, "response_types", &["code"])? != ["code"] {
        return Err(bad("the response type is not supported"));
    }
    let redirects = list(&asked, "redirect_uris", &[])?;
    check_redirects(site, &asked, &grants, &redirects)?;
    let method = method(site, &asked)?;
    Ok(client(shared, site, method, grants, redirects))
}

fn client(
    shared: &Shared,
    site: &Site,
    method: AuthMethod,
    grant_types: Vec<String>,
    redirect_uris: Vec<String>,
) -> Client {
    let registration = &site.settings.registration;
    let secret = (method != AuthMethod::None).then(|| shared.random.text("cs_"));
    let expires = registration.secret_ttl.filter(|_| secret.is_some());
    Client {
        client_id: shared.random.text("cl_"),
        secret,
        keys: Vec::new(),
        auth_methods: vec![method],
        redirect_uris,
        grant_types,
        any_loopback_port: registration.any_loopback_port,
        secret_expires_at: expires.map_or(0, |ttl| shared.clock.utc().saturating_add(ttl.as_secs())),
    }
}

fn method(site: &Site, asked: &Map<String, Value>) -> Result<AuthMethod, Refusal> {
    let name = match asked.get("token_endpoint_auth_method") {
        None => AuthMethod::Basic.name(),
        Some(value) => value.as_str().ok_or(bad("token_endpoint_auth_method must be a string"))?,
    };
    if let Some(forced) = site.settings.registration.auth_method {
        return Ok(forced);
    }
    AuthMethod::from_name(name)
        .filter(|method| site.settings.auth_methods.contains(method))
        .ok_or(bad("the authentication method is not supported"))
}

fn check_redirects(
    site: &Site,
    asked: &Map<String, Value>,
    grants: &[String],
    uris: &[String],
) -> Result<(), Refusal> {
    let code = grants.iter().any(|grant| grant == "authorization_code");
    if code && uris.is_empty() {
        return Err(Refusal::new("invalid_redirect_uri", "redirect_uris is missing"));
    }
    let kind = match asked.get("application_type") {
        None => "web",
        Some(value) => value.as_str().unwrap_or_default(),
    };
    if kind != "web" && kind != "native" {
        return Err(bad("application_type must be native or web"));
    }
    let web = kind == "web" && site.settings.registration.native_only;
    uris.iter().try_for_each(|uri| check_redirect(uri, web))
}

fn check_redirect(uri: &str, web: bool) -> Result<(), Refusal> {
    let refused = |why| Err(Refusal::new("invalid_redirect_uri", why));
    let Ok(url) = Url::parse(uri) else {
        return refused("a redirect URI is not absolute");
    };
    if url.fragment().is_some() || !url.username().is_empty() {
        return refused("a redirect URI has a fragment or a user");
    }
    match url.scheme() {
        "http" if !is_loopback(&url) => refused("http is for loopback redirect URIs alone"),
        "http" if web => refused("a loopback redirect URI needs application_type native"),
        "http" | "https" => Ok(()),
        // RFC 8252, section 7.1: a private-use scheme is a reversed domain name.
        scheme if scheme.contains('.') && !web => Ok(()),
        _ => refused("the scheme of a redirect URI is not allowed"),
    }
}

fn answer(shared: &Shared, site: &Site, request: &Request, client: &Client) -> Response {
    let mut answer = match request.json() {
        Some(Value::Object(asked)) => asked,
        _ => Map::new(),
    };
    let mut put = |name: &str, value: Value| drop(answer.insert(name.to_owned(), value));
    let method = client.auth_methods.first().map_or("none", |method| method.name());
    put("client_id", client.client_id.clone().into());
    put("client_id_issued_at", shared.clock.utc().into());
    put("token_endpoint_auth_method", method.into());
    put("grant_types", client.grant_types.clone().into());
    put("response_types", vec!["code"].into());
    if let Some(secret) = &client.secret {
        put("client_secret", secret.clone().into());
        put("client_secret_expires_at", client.secret_expires_at.into());
    }
    let registration = &site.settings.registration;
    registration.answer.apply(&mut answer);
    Response::json(registration.status, &Value::Object(answer))
}

/// A member that is a list of strings.
fn list(asked: &Map<String, Value>, name: &str, default: &[&str]) -> Result<Vec<String>, Refusal> {
    let Some(value) = asked.get(name) else {
        return Ok(default.iter().map(|&text| text.to_owned()).collect());
    };
    let texts = value.as_array().and_then(|list| {
        let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<_>>>()
    });
    texts.ok_or(bad("a member that must be a list of strings is not"))
}

fn bad(why: &'static str) -> Refusal {
    Refusal::new("invalid_client_metadata", why)
}
