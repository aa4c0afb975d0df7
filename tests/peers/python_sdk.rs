//! The MCP Python SDK: its authorization server and its MCP server, each on a port of its own.

use crate::peer::Peer;
use crate::sandbox::Sandbox;
use crate::story::{self, HOUR, SHORT};

fn start(access_token_ttl: u32) -> Peer {
    Peer::python("mcp-python-sdk/server.py", &["--access-token-ttl", &access_token_ttl.to_string()])
}

#[test]
fn a_person_logs_in_with_a_browser_and_the_token_opens_the_mcp_server() {
    let peer = start(HOUR);
    let sandbox = Sandbox::for_server(peer.mcp());
    let answer = story::a_person_logs_in(&peer, &sandbox);
    assert_eq!(answer.json()["scopes"], serde_json::json!(["mcp:read"]));
}

/// The SDK registers every method, `none` among them, but its metadata lists only those with a secret.
#[test]
fn the_client_is_registered_once_with_a_method_that_the_metadata_lists() {
    let peer = start(HOUR);
    let sandbox = Sandbox::logged_in(peer.mcp());
    sandbox.login();
    assert_eq!(peer.events("registration").len(), 1);
    let codes = peer.token_requests("authorization_code");
    assert_eq!(codes.len(), 2);
    assert!(codes.iter().all(|code| code["auth_style"] == "body" && code["status"] == 200), "{codes:?}");
}

#[test]
fn an_expired_token_is_renewed_by_one_request_for_twenty_callers() {
    let peer = start(SHORT);
    story::an_expired_token_is_renewed_once_for_all(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn renewals_follow_each_other_along_the_chain_of_rotated_tokens() {
    let peer = start(HOUR);
    story::renewals_follow_each_other(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn a_reused_refresh_token_ends_the_family_and_the_helper_asks_for_a_login() {
    let peer = start(HOUR);
    let replay = story::a_reuse_ends_the_login(&peer, &Sandbox::for_server(peer.mcp()));
    assert_eq!((&replay["status"], &replay["error"]), (&400.into(), &"invalid_grant".into()));
}

#[test]
fn an_erase_with_revocation_ends_the_grant_at_the_server_too() {
    let peer = start(HOUR);
    story::an_erase_revokes(&peer, &Sandbox::for_server(peer.mcp()));
    assert!(!peer.events("grant_revoked").is_empty());
}

#[test]
fn a_client_that_the_server_has_forgotten_is_registered_anew_by_the_next_login() {
    let peer = start(HOUR);
    story::a_forgotten_client_is_registered_anew(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn a_header_helper_replaces_a_token_that_the_server_has_forgotten() {
    let peer = start(HOUR);
    story::a_header_helper_replaces_a_token_that_the_server_forgot(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn a_login_finds_out_that_the_page_knows_its_client_no_longer() {
    let peer = start(HOUR);
    story::a_login_finds_out_that_its_client_is_forgotten(&peer, &Sandbox::for_server(peer.mcp()));
}
