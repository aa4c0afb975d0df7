//! Tokens that are bound to a key (RFC 9449), at oidc-provider and at an MCP server that checks each proof.

use crate::http;
use crate::oidc_provider::Provider;
use crate::sandbox::{Answer, NAME, Sandbox};
use crate::story::HOUR;
use serde_json::{Value, json};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// What a caller of the helper sends for its next request to the MCP server.
fn next_request(provider: &Provider, nonce: Option<&str>) -> Value {
    let mut http = json!({"method": "POST", "url": provider.mcp()});
    if let Some(nonce) = nonce {
        http["dpop_nonce"] = json!(nonce);
    }
    json!({"http": http})
}

/// The MCP server's answer to a request with exactly the headers of this answer.
fn used(provider: &Provider, answer: &Answer) -> http::Answer {
    let headers = answer.json()["headers"].clone();
    let headers: Vec<(String, String)> = headers
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    http::send("POST", provider.mcp(), &headers, PING)
}

#[test]
fn a_bound_login_works_from_the_browser_to_the_rotated_token() {
    let provider = Provider::with(HOUR, &["--dpop", "bound"]);
    let sandbox = Sandbox::logged_in(provider.mcp());
    let first = sandbox.ask(&["get", NAME], &next_request(&provider, None)).succeeded();
    assert_eq!(first.text("token_type"), "DPoP");
    assert_eq!(used(&provider, &first).status, 200);
    assert_eq!(used(&provider, &first).status, 401, "a proof is good for one request");
    let second = sandbox.ask(&["get", NAME], &next_request(&provider, None)).succeeded();
    assert_eq!(used(&provider, &second).status, 200);

    let renewed = sandbox.refresh(&second).succeeded();
    assert_eq!(renewed.text("source"), "refreshed");
    let third = sandbox.ask(&["get", NAME], &next_request(&provider, None)).succeeded();
    assert_ne!(third.text("access_token"), second.text("access_token"));
    assert_eq!(used(&provider, &third).status, 200);

    let asked = provider.events("authorization");
    assert!(asked[0]["dpop_jkt"].is_string(), "the code is bound as well: {asked:?}");
    assert!(provider.events("token").iter().all(|request| request["proved"] == true));
    assert!(!provider.opens(&third.text("access_token")), "the token alone is worth nothing");
}

#[test]
fn nonces_of_both_servers_cost_one_more_request_each_and_are_kept() {
    let provider = Provider::with(HOUR, &["--dpop", "nonce"]);
    let sandbox = Sandbox::logged_in(provider.mcp());
    let codes = provider.token_requests("authorization_code");
    let outcomes: Vec<&Value> = codes.iter().map(|request| &request["error"]).collect();
    assert_eq!(outcomes, [&json!("use_dpop_nonce"), &Value::Null], "the refusal has not spent the code");

    let first = sandbox.ask(&["get", NAME], &next_request(&provider, None)).succeeded();
    let refused = used(&provider, &first);
    assert_eq!(refused.status, 401);
    let mut told = next_request(&provider, Some(refused.header("dpop-nonce")));
    told["rejected"] = json!({"generation": first.text("generation")});
    told["response"] = json!({"status": 401, "www_authenticate": [refused.header("www-authenticate")]});
    let second = sandbox.ask(&["refresh", NAME], &told).succeeded();
    assert_eq!(second.text("access_token"), first.text("access_token"), "the token was good");
    assert_eq!(used(&provider, &second).status, 200);
    let third = sandbox.ask(&["get", NAME], &next_request(&provider, None)).succeeded();
    assert_eq!(used(&provider, &third).status, 200, "the nonce is kept");

    sandbox.refresh(&third).succeeded();
    let refreshes = provider.token_requests("refresh_token");
    assert_eq!(refreshes.len(), 1, "so is the one of the authorization server: {refreshes:?}");
    assert!(provider.events("grant_revoked").is_empty());
}

#[test]
fn a_header_helper_that_asks_first_keeps_a_good_token() {
    let provider = Provider::with(HOUR, &["--dpop", "nonce"]);
    let sandbox = Sandbox::logged_in(provider.mcp());
    let object = next_request(&provider, None);
    let headers = sandbox.ask(&["get", NAME, "--format", "headers"], &object).succeeded().json();
    let headers: Vec<(String, String)> = headers
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(http::send("POST", provider.mcp(), &headers, PING).status, 200);
    assert!(provider.token_requests("refresh_token").is_empty());
}
