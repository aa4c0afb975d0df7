//! django-oauth-toolkit, with every recommendation of RFC 9700 in force, and an MCP endpoint that it protects.

use crate::peer::Peer;
use crate::sandbox::{NAME, Sandbox};
use crate::story::{self, HOUR, SHORT};

fn start(access_token_ttl: u32) -> Peer {
    Peer::python("django-oauth-toolkit/server.py", &["--access-token-ttl", &access_token_ttl.to_string()])
}

/// Its issuer has a path, its endpoints end in `/`, and its authorization response names the issuer (RFC 9207).
#[test]
fn a_person_logs_in_with_a_browser_and_the_token_opens_the_mcp_server() {
    let peer = start(HOUR);
    let sandbox = Sandbox::for_server(peer.mcp());
    story::a_person_logs_in(&peer, &sandbox);
    assert_eq!(peer.events("registration").len(), 1);
}

#[test]
fn a_client_that_was_registered_by_hand_logs_in_without_a_secret() {
    let peer = start(HOUR);
    let sandbox = Sandbox::new();
    let client = peer.said("client").as_str().unwrap();
    sandbox.run(&["add", NAME, peer.mcp(), "--client-id", client]).succeeded();
    sandbox.login();

    assert!(peer.opens(&sandbox.get().succeeded().text("access_token")));
    assert!(peer.events("registration").is_empty());
    let [code] = &peer.token_requests("authorization_code")[..] else { panic!("one code") };
    assert_eq!((&code["client_id"], &code["auth_style"]), (&client.into(), &"none".into()));
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
}
