//! Which server and which token a request object speaks of.

use crate::ask;
use crate::support::{Sandbox, end, server};
use serde_json::json;

const ENTRY: &str = "CLAUDE_CODE_MCP_SERVER_URL";

#[test]
fn a_server_is_found_by_name_or_by_url() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for object in [
        json!({"server": "demo"}),
        json!({"url": server.mcp_url()}),
        json!({"server": "demo", "url": server.mcp_url(), "later": {"x": 1}}),
    ] {
        assert_eq!(ask(&sandbox, &["get"], &object).succeeds().text("server"), "demo", "{object}");
    }
    let elsewhere = json!({"server": "demo", "url": "https://mcp.example.com/mcp"});
    ask(&sandbox, &["get"], &elsewhere).fails("url_mismatch", 5);
    let nobody =
        ask(&sandbox, &["get"], &json!({"url": "https://mcp.example.com/mcp"})).fails("not_found", 3);
    assert!(nobody.stderr.contains("https://mcp.example.com/mcp"), "{}", nobody.stderr);
    let prefix = json!({"url": format!("{}/x", server.mcp_url())});
    ask(&sandbox, &["get"], &prefix).fails("not_found", 3);
    sandbox.run(&["remove", "demo"]).succeeds();
    let by_record = ask(&sandbox, &["get"], &json!({"url": server.mcp_url()})).succeeds();
    assert_eq!(by_record.text("server"), "demo", "its login is still there");
}

#[test]
fn two_accounts_at_one_url_are_listed_and_neither_is_taken() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.run(&["add", "demo@work", &server.mcp_url()]).succeeds();
    let refused = ask(&sandbox, &["get"], &json!({"url": server.mcp_url()})).fails("usage", 2);
    assert!(refused.stderr.contains("demo, demo@work"), "{}", refused.stderr);
    sandbox.run(&["remove", "demo"]).succeeds();
    let refused = ask(&sandbox, &["refresh"], &json!({"url": server.mcp_url()})).fails("usage", 2);
    assert!(refused.stderr.contains("demo@work, demo"), "{}", refused.stderr);
}

#[test]
fn a_header_helper_finds_its_server_by_what_its_client_says() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let refused = sandbox.run(&["get", "--from-env"]).fails("usage", 2);
    assert!(refused.stderr.contains(ENTRY), "{}", refused.stderr);
    let sandbox = sandbox.variable(ENTRY, &server.mcp_url());
    let headers = sandbox.run(&["get", "--from-env", "--format", "headers"]).succeeds().json();
    assert!(headers["Authorization"].as_str().unwrap().starts_with("Bearer "));
    assert_eq!(sandbox.run(&["refresh", "--from-env"]).succeeds().text("server"), "demo");
    sandbox.run(&["get", "demo", "--from-env"]).fails("usage", 2);
    let named = sandbox.run_with(&["get", "--from-env", "--request", "-"], br#"{"server":"demo"}"#);
    named.fails("usage", 2);
    let other = sandbox.variable(ENTRY, "https://mcp.example.com/mcp");
    other.run(&["get", "--from-env"]).fails("not_found", 3);
}

#[test]
fn a_rejected_generation_is_renewed_once_for_all_by_get_and_refresh() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let held = sandbox.run(&["get", "demo"]).succeeds();
    let object = json!({"server": "demo", "rejected": {"generation": held.text("generation")},
        "response": {"status": 401}})
    .to_string();
    let started: Vec<_> = ["get", "refresh", "get", "refresh", "get", "refresh"]
        .map(|verb| sandbox.start_with(&[verb, "--request", "-"], object.as_bytes()))
        .into();
    for child in started {
        assert_ne!(end(child).succeeds().text("access_token"), held.text("access_token"));
    }
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn a_rejected_token_is_renewed_while_it_is_the_stored_one() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let held = sandbox.run(&["get", "demo"]).succeeds();
    let object = json!({"server": "demo", "rejected": {"token": held.text("access_token")}});
    let renewed = ask(&sandbox, &["get"], &object).succeeds();
    assert_eq!((renewed.text("source").as_str(), server.refreshes().len()), ("refreshed", 1));
    for (verb, source) in [("get", "cache"), ("refresh", "already_rotated")] {
        let again = ask(&sandbox, &[verb], &object).succeeds();
        assert_eq!(again.text("source"), source);
        assert_eq!(again.text("access_token"), renewed.text("access_token"));
    }
    assert_eq!(server.refreshes().len(), 1, "it has been replaced already");
}

#[test]
fn a_response_alone_rejects_no_token_of_get() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let object = json!({"server": "demo", "response": {"status": 401, "www_authenticate": "Bearer"}});
    assert_eq!(ask(&sandbox, &["get"], &object).succeeds().text("source"), "cache");
    assert_eq!(server.refreshes().len(), 0);
}

#[test]
fn a_longer_life_is_asked_for_as_on_the_command_line() {
    let (server, sandbox) = crate::support::ageing();
    let plain = ask(&sandbox, &["get"], &json!({"server": "demo"})).succeeds();
    assert_eq!(plain.json().get("min_ttl_met"), None);
    let longer = ask(&sandbox, &["get"], &json!({"server": "demo", "min_ttl": 59})).succeeds();
    assert_eq!(longer.json()["min_ttl_met"], json!(true));
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn erase_takes_name_url_and_condition_from_the_object() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let held = sandbox.run(&["get", "demo"]).succeeds();
    let elsewhere = json!({"server": "demo", "url": "https://mcp.example.com/mcp"});
    ask(&sandbox, &["erase"], &elsewhere).fails("url_mismatch", 5);
    for other in [json!({"generation": "other"}), json!({"token": "other"})] {
        let left = ask(&sandbox, &["erase"], &json!({"server": "demo", "rejected": other})).succeeds();
        assert_eq!(left.text("reason"), "generation_changed");
    }
    let own = json!({"url": server.mcp_url(), "rejected": {"token": held.text("access_token")}});
    assert_eq!(ask(&sandbox, &["erase"], &own).succeeds().json()["erased"], json!(true));
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
}

#[test]
fn headers_are_given_out_for_requests_to_the_server_alone() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let target = |url: &str| json!({"server": "demo", "http": {"method": "POST", "url": url}});
    let own = format!("{}/messages?session=1", server.origin());
    assert_eq!(ask(&sandbox, &["get"], &target(&own)).succeeds().text("token_type"), "Bearer");
    for verb in ["get", "refresh"] {
        let refused = ask(&sandbox, &[verb], &target("https://mcp.example.com/mcp"));
        assert!(!refused.stdout.contains("access_token"));
        refused.fails("url_mismatch", 5);
    }
    assert_eq!(server.refreshes().len(), 0);
}
