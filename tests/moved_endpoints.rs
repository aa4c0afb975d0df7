//! A token endpoint on another origin than its issuer, one that moves there later, and a server that moves to another
//! issuer: the recorded endpoint alone gets the refresh token, until a person logs in again (cases 12 and 13).
//!
//! What else a server may say of itself is met in `hostile_metadata`.

mod support;

use oauthserver::{Document, Endpoint, Fault, OAuthServer, Patch, Times};
use serde_json::json;
use std::fs;
use support::{Sandbox, server};

/// Metadata that names the token endpoint of `other`, which grants a token to anybody.
fn move_token_endpoint(server: &OAuthServer, other: &OAuthServer) {
    let endpoint = other.token_endpoint();
    server.reconfigure(|settings| {
        settings.server_metadata = Patch::new().set("token_endpoint", endpoint.as_str());
    });
    let answer = json!({"access_token": "a", "token_type": "Bearer", "expires_in": 60, "refresh_token": "r"});
    other.fault(Endpoint::Token, Fault::body(200, "application/json", answer.to_string()), Times::Always);
}

#[test]
fn a_token_endpoint_on_another_origin_than_its_issuer_is_recorded_and_shown_case_12() {
    let (server, other) = (server(3600), support::server(3600));
    let endpoint = other.token_endpoint();
    move_token_endpoint(&server, &other);
    let sandbox = Sandbox::logged_in(&server);
    let status = sandbox.run(&["status", "demo"]).succeeds();
    assert!(status.stdout.contains(&endpoint) && status.stdout.contains(&server.issuer()), "{status:?}");
    sandbox.refresh().succeeds();
    assert_eq!((server.token_requests().len(), other.token_requests().len()), (0, 2));
}

#[test]
fn a_token_endpoint_that_moves_to_another_origin_gets_no_refresh_token_case_12() {
    let (server, other) = (server(3600), support::server(3600));
    let sandbox = Sandbox::logged_in(&server);
    let recorded = server.token_endpoint();
    let endpoint = other.token_endpoint();
    server.reconfigure(|settings| {
        settings.server_metadata = Patch::new().set("token_endpoint", endpoint.as_str());
    });
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), other.connections()), (1, 0), "the recorded endpoint is used");
    let status = sandbox.run(&["status", "demo", "--format", "json"]).succeeds();
    assert_eq!(status.json()["token"]["token_endpoint"], recorded);
    sandbox.write_config(&json!({"servers": {"demo": {
        "url": server.mcp_url(), "oauth2": {"tokenUrl": endpoint}}}}));
    let refused = sandbox.refresh().fails("url_mismatch", 5);
    for origin in [server.origin(), other.origin()] {
        assert!(refused.stderr.contains(&origin), "{refused:?}");
    }
    assert_eq!((server.refreshes().len(), other.connections()), (1, 0));
}

#[test]
fn a_token_endpoint_that_has_moved_is_used_after_a_login_and_not_before_case_12() {
    let (server, other) = (server(3600), support::server(3600));
    let sandbox = Sandbox::logged_in(&server);
    move_token_endpoint(&server, &other);
    let record = fs::read(sandbox.record()).unwrap();
    // The recorded endpoint is gone: nobody knows why, and the token is kept.
    server.fault(Endpoint::Token, Fault::html(404), Times::Always);
    let gone = sandbox.refresh().fails("unavailable", 75);
    assert!(gone.stderr.contains(&server.origin()), "{gone:?}");
    assert_eq!((fs::read(sandbox.record()).unwrap() == record, other.connections()), (true, 0));
    server.clear_faults();
    sandbox.forget_state();
    // It refuses the token: a login is needed, and that one looks at the metadata again.
    server.revoke_families();
    let refused = sandbox.refresh().fails("interaction_required", 4);
    assert!(refused.stderr.contains("mcp-credential login demo"), "{refused:?}");
    assert_eq!(other.connections(), 0);
    sandbox.login("demo").succeeds();
    let status = sandbox.run(&["status", "demo", "--format", "json"]).succeeds();
    assert_eq!(status.json()["token"]["token_endpoint"], other.token_endpoint());
    assert!(other.token_requests().iter().all(|seen| seen.form_value("refresh_token").is_none()));
}

#[test]
fn a_token_endpoint_that_has_moved_under_one_issuer_is_not_followed_by_a_challenge_case_12() {
    let (server, other) = (server(3600), support::server(3600));
    let sandbox = Sandbox::logged_in(&server);
    move_token_endpoint(&server, &other);
    let place = format!("{}{}", server.origin(), server.document_path(Document::ResourcePath));
    let challenge = format!("Bearer error=\"invalid_token\", resource_metadata=\"{place}\"");
    let object = json!({"server": "demo", "rejected": {"generation": sandbox.generation()},
        "response": {"status": 401, "www_authenticate": challenge}});
    let renewed = sandbox.run_with(&["refresh", "--request", "-"], object.to_string().as_bytes());
    assert_eq!(renewed.succeeds().text("source"), "refreshed");
    assert_eq!((server.refreshes().len(), other.connections()), (1, 0));
}

#[test]
fn another_authorization_server_gets_no_credential_of_the_first_case_13() {
    let (server, other) = (server(3600), support::server(3600));
    let sandbox = Sandbox::logged_in(&server);
    let client = sandbox.clear()["client_id"].as_str().unwrap().to_owned();
    let (resource, issuer) = (server.mcp_url(), other.issuer());
    other.reconfigure(|settings| settings.resource = Some(resource));
    server.reconfigure(|settings| settings.authorization_servers = Some(vec![issuer.clone()]));
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), other.connections()), (1, 0), "a refresh stays where it was");
    sandbox.login("demo").succeeds();
    assert_eq!((sandbox.clear()["issuer"].as_str(), other.registrations().len()), (Some(&*issuer), 1));
    for request in other.requests() {
        assert!(!format!("{:?}", request.form_value("client_id")).contains(&client));
        assert_eq!(request.form_value("refresh_token"), None);
    }
}
