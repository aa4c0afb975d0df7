//! The MCP endpoint: a protected resource that speaks just enough JSON-RPC to show that a token works.
//!
//! Owns the bearer check and its challenges (RFC 6750, RFC 9728). Answers with JSON, never with a stream, and
//! keeps no session.

use crate::answer::{Answer, Refusal};
use crate::dpop::{self, Demand};
use crate::request::Request;
use crate::response::Response;
use crate::shared::Shared;
use crate::site::Site;
use crate::tokens::Subject;
use serde_json::{Value, json};

/// Answers the MCP endpoint.
pub(crate) fn mcp(shared: &Shared, site: &Site, request: &Request) -> Answer {
    let (token, is_dpop) = match bearer(request) {
        Bearer::Token(token) => (token, false),
        Bearer::Dpop(token) => (token, true),
        Bearer::Missing => return challenge(site, None),
        Bearer::Malformed => return challenge(site, Some("invalid_request")),
    };
    let Some(subject) = shared.accepted(token) else {
        return challenge(site, Some("invalid_token"));
    };
    if let Err(refusal) = check_binding(shared, site, request, is_dpop.then_some(token), &subject) {
        let answer = challenge(site, Some(refusal.error));
        return with_nonce(shared, site, answer);
    }
    let scope = subject.scope;
    if request.method != "POST" {
        return Response::empty(405).header("Allow", "POST").into();
    }
    let Some(message) = request.json() else {
        return failed(400, &Value::Null, -32700, "not JSON").into();
    };
    let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
    if let Some(missing) = missing_scope(site, method, &scope) {
        return insufficient(site, missing);
    }
    match message.get("id") {
        None => Response::empty(202).into(),
        Some(id) => call(&message, method, id).into(),
    }
}

/// Whether the key that `subject` is bound to, if it is, goes with the request (RFC 9449, section 7). `token` is
/// the one of the scheme `DPoP`.
fn check_binding(
    shared: &Shared,
    site: &Site,
    request: &Request,
    token: Option<&str>,
    subject: &Subject,
) -> Result<(), Refusal> {
    let invalid = |why| Err(Refusal::new("invalid_token", why));
    match (token, &subject.jkt) {
        (None, None) if !site.settings.dpop.required => Ok(()),
        (None, _) => invalid("a bound token was sent as Bearer, or one that is not bound is not enough"),
        (Some(_), None) => invalid("the token is not bound"),
        (Some(token), Some(jkt)) => {
            let mut state = shared.state();
            let nonce = site.settings.dpop.mcp_nonce.then(|| state.nonce("mcp"));
            let url = site.mcp_url();
            let now = shared.clock.utc();
            let demand = Demand { url: &url, nonce: nonce.as_deref(), token: Some(token), now };
            match dpop::proved(request, &demand, &mut state.proofs)? {
                Some(proved) if proved == *jkt => Ok(()),
                Some(_) => invalid("the proof is of another key"),
                None => Err(Refusal::new("invalid_dpop_proof", "there is no proof")),
            }
        }
    }
}

fn with_nonce(shared: &Shared, site: &Site, mut answer: Answer) -> Answer {
    if site.settings.dpop.mcp_nonce {
        answer.response = answer.response.header("DPoP-Nonce", shared.state().nonce("mcp"));
    }
    answer
}

enum Bearer<'a> {
    Token(&'a str),
    Dpop(&'a str),
    Missing,
    Malformed,
}

/// The token of the one `Authorization` header; a token in the query is not looked at.
fn bearer(request: &Request) -> Bearer<'_> {
    let mut headers = request.header("authorization");
    let Some(header) = headers.next() else {
        return Bearer::Missing;
    };
    if headers.next().is_some() {
        return Bearer::Malformed;
    }
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Bearer::Token(token.trim()),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("dpop") => Bearer::Dpop(token.trim()),
        _ => Bearer::Missing,
    }
}

fn challenge(site: &Site, error: Option<&str>) -> Answer {
    let mut response = Response::json(401, &json!({ "error": error.unwrap_or("unauthorized") }));
    let headers = match &site.settings.challenge.raw {
        Some(raw) => raw.clone(),
        None => vec![own_challenge(site, error, site.settings.challenge.scope.as_deref())],
    };
    for header in headers {
        response = response.header("WWW-Authenticate", header);
    }
    let mut answer = Answer::from(response);
    answer.error = error.map(str::to_owned);
    answer
}

fn insufficient(site: &Site, scope: &str) -> Answer {
    let error = "insufficient_scope";
    let header = own_challenge(site, Some(error), Some(scope));
    let response = Response::json(403, &json!({ "error": error })).header("WWW-Authenticate", header);
    Answer::refused(response, error)
}

fn own_challenge(site: &Site, error: Option<&str>, scope: Option<&str>) -> String {
    let metadata = site.settings.challenge.resource_metadata;
    let url = site.resource_metadata_url().filter(|_| metadata);
    let parameters: Vec<String> = [("error", error), ("resource_metadata", url.as_deref()), ("scope", scope)]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}=\"{value}\"")))
        .collect();
    let dpop = site.settings.dpop;
    if dpop.required && !dpop.bearer_challenge {
        return ["DPoP algs=\"ES256\""]
            .into_iter()
            .map(str::to_owned)
            .chain(parameters)
            .collect::<Vec<_>>()
            .join(", ");
    }
    // A challenge needs at least one parameter to be more than a word.
    if parameters.is_empty() {
        return "Bearer realm=\"mcp\"".to_owned();
    }
    format!("Bearer {}", parameters.join(", "))
}

/// The scope that the method demands and the token lacks.
fn missing_scope<'a>(site: &'a Site, method: &str, held: &str) -> Option<&'a str> {
    let held: Vec<&str> = held.split(' ').collect();
    let lacks = |scope: &str| scope.split(' ').any(|word| !held.contains(&word));
    let mut demanded = site.settings.required_scopes.iter();
    demanded.find(|(of, scope)| (of == method || of == "*") && lacks(scope)).map(|(_, scope)| scope.as_str())
}

fn call(message: &Value, method: &str, id: &Value) -> Response {
    match method {
        "ping" => result(id, &json!({})),
        "initialize" => result(id, &initialized(message)),
        "tools/list" => result(id, &json!({ "tools": [tool()] })),
        "tools/call" => {
            let text = json!({ "type": "text", "text": "the token works" });
            result(id, &json!({ "content": [text] }))
        }
        _ => failed(200, id, -32601, "unknown method"),
    }
}

fn initialized(message: &Value) -> Value {
    let asked = message.pointer("/params/protocolVersion").and_then(Value::as_str);
    json!({
        "protocolVersion": asked.unwrap_or("2025-11-25"),
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "oauthserver", "version": env!("CARGO_PKG_VERSION") },
    })
}

fn tool() -> Value {
    json!({
        "name": "check",
        "description": "Says that the token works.",
        "inputSchema": { "type": "object" },
    })
}

fn result(id: &Value, result: &Value) -> Response {
    Response::json(200, &json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn failed(status: u16, id: &Value, code: i32, message: &str) -> Response {
    let error = json!({ "code": code, "message": message });
    Response::json(status, &json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}
