//! The MCP TypeScript SDK: its example server, and its endpoints with the refresh tokens that the example leaves out.
//!
//! The example is taken as its package holds it, with `--oauth --oauth-strict`. It is the server that many people
//! try first. Its issuer ends in `/`, it issues no refresh token, revokes nothing, and says `bearer` in lower case.

use crate::peer::Peer;
use crate::sandbox::{NAME, Sandbox};
use crate::story::{self, HOUR, SHORT};

fn example() -> Peer {
    Peer::node("mcp-typescript-sdk/server.mjs", &[])
}

fn rotating(access_token_ttl: u32) -> Peer {
    Peer::node("mcp-typescript-sdk/rotating.mjs", &["--access-token-ttl", &access_token_ttl.to_string()])
}

#[test]
fn a_person_logs_in_with_a_browser_and_the_token_opens_the_mcp_server() {
    let peer = example();
    let sandbox = Sandbox::for_server(peer.mcp());
    let answer = story::a_person_logs_in(&peer, &sandbox);
    assert!(answer.text("issuer").ends_with('/'));
    assert_eq!(answer.text("token_type"), "Bearer");
    assert_eq!(answer.json()["scopes"], serde_json::json!(["mcp:tools"]));
    assert_eq!(peer.events("registration").len(), 1);
}

#[test]
fn without_a_refresh_token_a_rejected_token_asks_for_a_login_and_sends_nothing() {
    let peer = example();
    let sandbox = Sandbox::logged_in(peer.mcp());
    let before = sandbox.get().succeeded();

    assert_eq!(sandbox.refresh(&before).ended_with(4).error_code(), "interaction_required");
    assert_eq!(sandbox.refresh(&before).ended_with(4).error_code(), "interaction_required");
    assert!(peer.token_requests("refresh_token").is_empty());

    sandbox.login();
    let after = sandbox.get().succeeded();
    assert_ne!(after.text("access_token"), before.text("access_token"));
    assert!(peer.opens(&after.text("access_token")));
    assert_eq!(peer.events("registration").len(), 1, "the second login used the same client");
}

#[test]
fn an_erase_at_a_server_without_revocation_says_that_the_token_lives_on_there() {
    let peer = example();
    let sandbox = Sandbox::logged_in(peer.mcp());

    let erased = sandbox.run(&["erase", NAME, "--revoke"]).succeeded();
    assert_eq!((&erased.json()["erased"], &erased.json()["revoked"]), (&true.into(), &false.into()));
    assert!(erased.stderr().contains("no revocation endpoint"), "{}", erased.stderr());
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
}

#[test]
fn a_person_logs_in_with_a_browser_where_the_sdk_asks_for_a_name_first() {
    let peer = rotating(HOUR);
    story::a_person_logs_in(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn an_expired_token_is_renewed_by_one_request_for_twenty_callers() {
    let peer = rotating(SHORT);
    story::an_expired_token_is_renewed_once_for_all(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn renewals_follow_each_other_along_the_chain_of_rotated_tokens() {
    let peer = rotating(HOUR);
    story::renewals_follow_each_other(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn a_reused_refresh_token_ends_the_family_and_the_helper_asks_for_a_login() {
    let peer = rotating(HOUR);
    let replay = story::a_reuse_ends_the_login(&peer, &Sandbox::for_server(peer.mcp()));
    assert_eq!((&replay["status"], &replay["error"]), (&400.into(), &"invalid_grant".into()));
}

#[test]
fn an_erase_with_revocation_ends_the_grant_at_the_server_too() {
    let peer = rotating(HOUR);
    story::an_erase_revokes(&peer, &Sandbox::for_server(peer.mcp()));
    assert!(!peer.events("grant_revoked").is_empty());
}

#[test]
fn a_client_that_the_server_has_forgotten_is_registered_anew_by_the_next_login() {
    let peer = rotating(HOUR);
    story::a_forgotten_client_is_registered_anew(&peer, &Sandbox::for_server(peer.mcp()));
}

#[test]
fn a_header_helper_replaces_a_token_that_the_server_has_forgotten() {
    let peer = rotating(HOUR);
    story::a_header_helper_replaces_a_token_that_the_server_forgot(&peer, &Sandbox::for_server(peer.mcp()));
}

/// The example answers 500 to a token that it does not know. That is no challenge, so the stored token stays the answer.
#[test]
fn a_server_error_in_place_of_a_challenge_does_not_cost_the_token() {
    let peer = example();
    let sandbox = Sandbox::logged_in(peer.mcp());
    let before = sandbox.get().succeeded().text("access_token");
    peer.forget_access_tokens();
    assert!(!peer.opens(&before));

    let headers = sandbox.run(&["get", NAME, "--format", "headers", "--verify", "always", "--timeout", "60"]);
    assert_eq!(headers.succeeded().text("Authorization"), format!("Bearer {before}"));
    assert!(peer.token_requests("refresh_token").is_empty());
}

#[test]
fn a_login_finds_out_that_the_page_knows_its_client_no_longer() {
    let peer = example();
    story::a_login_finds_out_that_its_client_is_forgotten(&peer, &Sandbox::for_server(peer.mcp()));
}
