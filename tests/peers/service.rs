//! A service without a person: `client_credentials`, configured by the environment alone.

use crate::oidc_provider::Provider;
use crate::sandbox::Sandbox;
use crate::story::HOUR;
use serde_json::Value;

/// A home without any file, configured for the client of this authentication style.
fn service(provider: &Provider, auth_style: &str) -> Sandbox {
    let (id, secret) = provider.service(auth_style);
    Sandbox::new().with(&[
        ("UPSTREAM_URL", provider.mcp()),
        ("OAUTH2_GRANT", "client_credentials"),
        ("OAUTH2_CLIENT_ID", id),
        ("OAUTH2_CLIENT_SECRET", secret),
        ("OAUTH2_AUTH_STYLE", auth_style),
    ])
}

/// Two answers, the second from the cache, with a token that opens the server; the one request it took.
fn one_request_for_two_answers(provider: &Provider, sandbox: &Sandbox) -> Value {
    let first = sandbox.get().succeeded();
    let second = sandbox.get().succeeded();
    assert_eq!((first.text("source"), second.text("source")), ("granted".to_owned(), "cache".to_owned()));
    assert_eq!(first.text("access_token"), second.text("access_token"));
    assert!(provider.opens(&first.text("access_token")));
    let requests = provider.token_requests("client_credentials");
    assert_eq!(requests.len(), 1);
    requests[0].clone()
}

#[test]
fn a_service_finds_the_token_endpoint_and_authenticates_by_header() {
    let provider = Provider::start(HOUR);
    let request = one_request_for_two_answers(&provider, &service(&provider, "header"));
    assert_eq!(request["auth_style"], "header");
    assert_eq!(request["resource"], provider.mcp());
}

#[test]
fn a_service_finds_the_token_endpoint_and_authenticates_in_the_body() {
    let provider = Provider::start(HOUR);
    let request = one_request_for_two_answers(&provider, &service(&provider, "body"));
    assert_eq!(request["auth_style"], "body");
}

#[test]
fn a_service_with_a_stated_token_endpoint_and_scope_gets_a_token_in_both_styles() {
    for auth_style in ["header", "body"] {
        let provider = Provider::start(HOUR);
        let token_url = format!("{}/token", provider.issuer());
        let stated = [("OAUTH2_TOKEN_URL", token_url.as_str()), ("OAUTH2_SCOPE", "mcp:read")];
        let sandbox = service(&provider, auth_style).with(&stated);

        let request = one_request_for_two_answers(&provider, &sandbox);
        assert_eq!(request["auth_style"], auth_style);
        assert_eq!(request["granted_scope"], "mcp:read");
    }
}

#[test]
fn a_wrong_client_secret_is_called_that() {
    let provider = Provider::start(HOUR);
    let sandbox = service(&provider, "header").with(&[("OAUTH2_CLIENT_SECRET", "wrong")]);
    assert_eq!(sandbox.get().ended_with(6).error_code(), "invalid_client");
    assert_eq!(provider.token_requests("client_credentials").len(), 1);
}
