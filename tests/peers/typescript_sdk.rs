//! The example server of the MCP TypeScript SDK, as its package holds it, with `--oauth --oauth-strict`.
//!
//! It is the server that many people try first. Its issuer ends in `/`, it issues no refresh token, revokes
//! nothing, and says `bearer` in lower case.

use crate::peer::Peer;
use crate::sandbox::{NAME, Sandbox};
use crate::story;

fn start() -> Peer {
    Peer::node("mcp-typescript-sdk/server.mjs", &[])
}

#[test]
fn a_person_logs_in_with_a_browser_and_the_token_opens_the_mcp_server() {
    let peer = start();
    let sandbox = Sandbox::for_server(peer.mcp());
    let answer = story::a_person_logs_in(&peer, &sandbox);
    assert!(answer.text("issuer").ends_with('/'));
    assert_eq!(answer.text("token_type"), "Bearer");
    assert_eq!(answer.json()["scopes"], serde_json::json!(["mcp:tools"]));
    assert_eq!(peer.events("registration").len(), 1);
}

#[test]
fn without_a_refresh_token_a_rejected_token_asks_for_a_login_and_sends_nothing() {
    let peer = start();
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
    let peer = start();
    let sandbox = Sandbox::logged_in(peer.mcp());

    let erased = sandbox.run(&["erase", NAME, "--revoke"]).succeeded();
    assert_eq!((&erased.json()["erased"], &erased.json()["revoked"]), (&true.into(), &false.into()));
    assert!(erased.stderr().contains("no revocation endpoint"), "{}", erased.stderr());
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
}
