//! What must hold at every server that rotates refresh tokens and ends a family at the first reuse.
//!
//! Owns: the steps and the claims that no server is an exception to.
//! Refuses to know: which server it is. What is special about one stands in its own file.

use crate::peer::{HANG, Peer};
use crate::sandbox::{Answer, NAME, Sandbox};
use serde_json::Value;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough that no token of a test expires.
pub const HOUR: u32 = 3600;

/// The shortest life that is one: servers cut to whole seconds, so one second may be none.
pub const SHORT: u32 = 2;

/// Logs in with Chromium, through the server's real pages; the answer of a `get` after it.
pub fn a_person_logs_in(peer: &Peer, sandbox: &Sandbox) -> Answer {
    assert_eq!(sandbox.login_in_chromium(), "Login received");
    let answer = sandbox.get().succeeded();
    assert_eq!(answer.text("source"), "cache");
    assert_eq!(answer.text("issuer"), peer.issuer());
    assert_eq!(answer.text("resource"), peer.mcp());
    assert!(peer.opens(&answer.text("access_token")), "the token does not open the MCP server");
    assert!(!peer.opens("not-a-token-of-this-server"), "the MCP server is open to everybody");
    let [code] = &peer.token_requests("authorization_code")[..] else { panic!("one code") };
    assert_eq!(code["resource"], peer.mcp());
    let asked = peer.events("authorization");
    assert!(
        asked.iter().any(|asked| asked["pkce"] == "S256" && asked["resource"] == peer.mcp()),
        "{asked:?}"
    );
    answer
}

/// Lets a login expire and asks twenty times at once: one request, one answer, and it opens the server.
pub fn an_expired_token_is_renewed_once_for_all(peer: &Peer, sandbox: &Sandbox) -> Value {
    sandbox.login();
    let before = sandbox.get().succeeded();
    peer.wait_until_the_newest_token_expired();
    peer.set_access_token_ttl(HOUR);

    let answers = sandbox.run_at_once(20, &["get", NAME, "--timeout", "60"]);
    let tokens: Vec<String> = answers.into_iter().map(|one| one.succeeded().text("access_token")).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "one token for all");
    assert_ne!(tokens[0], before.text("access_token"));
    assert!(peer.opens(&tokens[0]));
    let [request] = &peer.token_requests("refresh_token")[..] else { panic!("one refresh") };
    assert_eq!(request["outcome"], "success");
    assert_eq!(request["resource"], peer.mcp());
    assert_eq!(request["issued_refresh_token"], true, "the server rotates");
    request.clone()
}

/// Follows a chain of rotated refresh tokens.
pub fn renewals_follow_each_other(peer: &Peer, sandbox: &Sandbox) {
    sandbox.login();
    let last = (0..3).fold(sandbox.get().succeeded(), |held, _| sandbox.refresh(&held).succeeded());
    assert!(peer.opens(&last.text("access_token")));
    assert_eq!(peer.token_requests("refresh_token").len(), 3);
}

/// A thief redeems a spent refresh token. Returns what the server says to the thief.
///
/// The server ends the family; the helper learns it at its next renewal, says so without asking again, and a
/// login repairs it.
pub fn a_reuse_ends_the_login(peer: &Peer, sandbox: &Sandbox) -> Value {
    sandbox.login();
    let first = sandbox.get().succeeded();
    let second = sandbox.refresh(&first).succeeded();
    let replay = peer.replay_the_spent_refresh_token();

    for _ in 0..3 {
        let refused = sandbox.refresh(&second).ended_with(4);
        assert_eq!(refused.error_code(), "interaction_required");
        assert_eq!(refused.json()["error"]["login"], serde_json::json!(["mcp-credential", "login", NAME]));
    }
    let sent = peer.token_requests("refresh_token");
    assert_eq!(sent.len(), 2, "the rotation and the refused one; nothing is sent again");
    assert_eq!(sent[1]["error"], "invalid_grant");

    sandbox.login();
    assert!(peer.opens(&sandbox.get().succeeded().text("access_token")));
    replay
}

/// Erases with revocation: the token opens nothing any more, here and there.
pub fn an_erase_revokes(peer: &Peer, sandbox: &Sandbox) {
    sandbox.login();
    let token = sandbox.get().succeeded().text("access_token");
    assert!(peer.opens(&token));

    let erased = sandbox.run(&["erase", NAME, "--revoke"]).succeeded();
    assert_eq!(erased.json()["revoked"], true, "{}", erased.stderr());
    assert!(!peer.opens(&token));
    assert_eq!(sandbox.get().ended_with(4).error_code(), "interaction_required");
}

/// The server forgets the client. A renewal says that the client is the trouble, and the login after it registers
/// another one.
pub fn a_forgotten_client_is_registered_anew(peer: &Peer, sandbox: &Sandbox) {
    sandbox.login();
    let before = sandbox.get().succeeded();
    peer.forget_clients();

    let refused = sandbox.refresh(&before).ended_with(6);
    assert_eq!(refused.error_code(), "invalid_client");
    assert!(
        refused.stderr().contains("run `mcp-credential login peer` to register anew"),
        "{}",
        refused.stderr()
    );

    sandbox.login();
    let after = sandbox.get().succeeded();
    assert!(peer.opens(&after.text("access_token")));
    assert_eq!(peer.events("registration").len(), 2);
}

/// The server forgets an access token before its time. A header helper, which asks the MCP server first, notices and
/// renews; as long as the server knows the token, asking changes nothing.
pub fn a_header_helper_replaces_a_token_that_the_server_forgot(peer: &Peer, sandbox: &Sandbox) {
    sandbox.login();
    let before = sandbox.headers();
    assert_eq!(before, format!("Bearer {}", sandbox.get().succeeded().text("access_token")));
    assert!(peer.token_requests("refresh_token").is_empty());

    peer.forget_access_tokens();
    assert_eq!(sandbox.get().succeeded().text("source"), "cache", "without a question nobody can know");
    // What the server said before holds for three seconds.
    let deadline = Instant::now() + HANG;
    while sandbox.headers() == before {
        assert!(Instant::now() < deadline, "the refused token is still answered");
        thread::sleep(Duration::from_millis(200));
    }
    assert!(peer.opens(&sandbox.get().succeeded().text("access_token")));
    assert_eq!(peer.token_requests("refresh_token").len(), 1);
}

/// The server forgets the client, and its page then sends nobody back. The login that waited in vain raises the
/// doubt, and the next one asks the page before it opens a browser.
pub fn a_login_finds_out_that_its_client_is_forgotten(peer: &Peer, sandbox: &Sandbox) {
    sandbox.login();
    peer.forget_clients();
    sandbox.run(&["login", NAME, "--interactive", "never", "--timeout", "1"]).ended_with(75);
    assert_eq!(peer.events("registration").len(), 1, "a login that nobody completed proves nothing");

    sandbox.login();
    assert!(peer.opens(&sandbox.get().succeeded().text("access_token")));
    assert_eq!(peer.events("registration").len(), 2);
}
