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

/// The server announces `iss` in its authorization responses and leaves it out of refusals. RFC 9207, section 2.4:
/// such a response must be rejected, so the refusal ends the login, but is not believed.
#[test]
fn a_refusal_that_does_not_name_its_issuer_ends_the_login_and_is_not_believed() {
    let peer = start(HOUR);
    let sandbox = Sandbox::for_server(peer.mcp());
    let refused = sandbox.login_cancelled_in_chromium().ended_with(5);
    assert!(refused.stderr().contains("does not say from whom it is"), "{}", refused.stderr());
    assert!(!refused.stderr().contains("access_denied"), "{}", refused.stderr());
    assert!(peer.events("token").is_empty());
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
}

#[test]
fn a_service_authenticates_in_both_styles_with_a_secret_full_of_reserved_characters() {
    for style in ["header", "body"] {
        let peer = start(HOUR);
        let service = peer.said("service");
        let sandbox = Sandbox::new().with(&[
            ("UPSTREAM_URL", peer.mcp()),
            ("OAUTH2_GRANT", "client_credentials"),
            ("OAUTH2_CLIENT_ID", service["id"].as_str().unwrap()),
            ("OAUTH2_CLIENT_SECRET", service["secret"].as_str().unwrap()),
            ("OAUTH2_AUTH_STYLE", style),
        ]);
        let answer = sandbox.get().succeeded();
        assert_eq!(answer.text("source"), "granted");
        assert!(peer.opens(&answer.text("access_token")));
        let [request] = &peer.token_requests("client_credentials")[..] else { panic!("one request") };
        assert_eq!((&request["auth_style"], &request["resource"]), (&style.into(), &peer.mcp().into()));
    }
}

/// Its page asks for a login before it looks at the client, so the helper, which asks without one, learns nothing.
#[test]
fn a_forgotten_client_that_only_the_person_sees_is_given_up_by_an_erase() {
    let peer = start(HOUR);
    let sandbox = Sandbox::logged_in(peer.mcp());
    peer.forget_clients();

    sandbox.run(&["erase", NAME, "--scope", "all"]).succeeded();
    sandbox.login();
    assert!(peer.opens(&sandbox.get().succeeded().text("access_token")));
    assert_eq!(peer.events("registration").len(), 2);
}
