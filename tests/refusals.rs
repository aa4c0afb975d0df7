//! What a token endpoint refuses: only a proved refusal of the refresh token, on an unchanged store, needs a
//! person. And whatever a server says is one plain line.

mod support;

use oauthserver::{Endpoint, Fault, OAuthServer, Reuse, Settings, Times};
use std::fs;
use support::process::wait_until_held;
use support::{Ran, Sandbox, expired, server};

fn refusal(status: u16, error: &str, description: &str) -> Fault {
    let body = serde_json::json!({ "error": error, "error_description": description });
    Fault::body(status, "application/json", body.to_string())
}

#[test]
fn a_refused_refresh_token_needs_a_person_and_is_never_sent_again_case_43() {
    let (server, sandbox) = expired();
    server.revoke_families();
    let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert_eq!(refused.json()["error"]["login"], serde_json::json!(["mcp-credential", "login", "demo"]));
    assert!(refused.stderr.contains("no longer accepts the refresh token (invalid_grant"), "{refused:?}");
    assert_eq!(refused.stderr.matches("mcp-credential login demo").count(), 1, "said once: {refused:?}");
    for arguments in [["get", "demo"], ["refresh", "demo"]] {
        let again = sandbox.run(&arguments).fails("interaction_required", 4);
        assert!(again.stderr.contains("no longer accepts the refresh token"), "still known: {again:?}");
    }
    assert_eq!(server.refreshes().len(), 1);
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
    sandbox.login("demo").succeeds();
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(sandbox.clear()["can_refresh"], true);
}

#[test]
fn the_access_token_is_answered_until_it_ends_when_the_refresh_token_is_refused() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = sandbox.clear();
    server.fault(Endpoint::Refresh, Fault::json_error(400, "invalid_grant"), Times::Always);
    sandbox.refresh().fails("interaction_required", 4);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(
        (answer.text("source").as_str(), &before["generation"]),
        ("cache", &answer.json()["generation"])
    );
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(sandbox.clear()["can_refresh"], false);
    server.expire_access_tokens();
    let ended = sandbox.run(&["get", "demo", "--verify", "always"]).fails("interaction_required", 4);
    assert!(ended.stderr.contains("no longer accepts the refresh token"), "{ended:?}");
    assert_eq!(server.refreshes().len(), 1);
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

#[test]
fn the_access_token_is_not_answered_after_its_end_when_the_refresh_token_was_refused_before() {
    let server = server(1);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::json_error(400, "invalid_grant"), Times::Always);
    sandbox.refresh().fails("interaction_required", 4);
    support::wait_until(sandbox.clear()["expires_at"].as_u64().unwrap());
    let ended = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(ended.stderr.contains("no longer accepts the refresh token"), "{ended:?}");
    assert_eq!(server.refreshes().len(), 1);
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

#[test]
fn a_refusal_is_not_believed_when_the_store_has_moved_on_case_42() {
    let server = server(3600);
    server.reconfigure(|settings| settings.reuse = Reuse::Refuse);
    let sandbox = Sandbox::logged_in(&server);
    let older = fs::read(sandbox.record()).unwrap();
    let newer_generation = sandbox.refresh().succeeds().text("generation");
    let newer = fs::read(sandbox.record()).unwrap();
    fs::write(sandbox.record(), older).unwrap();
    server.fault(Endpoint::Refresh, Fault::Hang, Times::Next(1));
    let caller = sandbox.start_refresh();
    wait_until_held(&server);
    // Somebody puts the newer record back, past the lock: a backup, or a program that knows no locks.
    let draft = sandbox.state("oauth/draft");
    fs::write(&draft, &newer).unwrap();
    fs::rename(&draft, sandbox.record()).unwrap();
    server.release();
    let answer = caller.end().succeeds();
    assert_eq!(server.refreshes().last().unwrap().error.as_deref(), Some("invalid_grant"));
    assert_eq!(
        (answer.text("source").as_str(), answer.text("generation")),
        ("already_rotated", newer_generation)
    );
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(fs::read(sandbox.record()).unwrap(), newer, "nothing of it was taken away");
    sandbox.wait_for_rest();
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
    sandbox.refresh().succeeds();
}

/// Refusals of something else than the refresh token, with their code.
const OTHER_REFUSALS: [(u16, &str, &str); 6] = [
    (401, "invalid_client", "invalid_client"),
    (400, "invalid_scope", "denied"),
    (400, "invalid_target", "denied"),
    (400, "unauthorized_client", "denied"),
    (400, "unsupported_grant_type", "denied"),
    (403, "access_denied", "denied"),
];

#[test]
fn a_refusal_of_something_else_keeps_the_tokens_case_44() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for (count, (status, error, code)) in OTHER_REFUSALS.into_iter().enumerate() {
        let (record, before) = (fs::read(sandbox.record()).unwrap(), server.refreshes().len());
        server.fault(Endpoint::Refresh, Fault::json_error(status, error), Times::Always);
        let refused = sandbox.refresh().fails(code, 6);
        assert!(refused.stderr.contains(error), "{refused:?}");
        assert_eq!(server.refreshes().len() - before, 1, "{error}");
        assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{error}");
        assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]), "{error}");
        server.clear_faults();
        sandbox.forget_state();
        sandbox.refresh().succeeds();
        assert_eq!((server.refreshes().len(), server.reuses()), (2 * count + 2, 0), "{error}");
    }
}

/// ANSI and OSC sequences, a bell, bidirectional marks, line ends, and ten thousand characters.
fn hostile() -> String {
    format!(
        "no\u{1b}[31m\u{1b}]0;title\u{7}\u{202e}way\u{2066}\r\nmcp-credential: ok\0{}",
        "x".repeat(10_000)
    )
}

/// One line for a terminal, and nothing in it or in the JSON that acts on one.
#[track_caller]
fn is_plain(ran: &Ran) {
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    let message = ran.json()["error"]["message"].as_str().unwrap().to_owned();
    for text in [ran.stderr.trim_end(), &message] {
        assert!(!text.contains(|c: char| c.is_control() || "\u{202e}\u{2066}".contains(c)), "{text:?}");
        assert!(text.chars().count() < 1000, "{text:?}");
        assert!(!text.contains(&"x".repeat(200)), "no more than 200 characters of it: {text:?}");
    }
}

fn says(server: &OAuthServer, sandbox: &Sandbox, fault: Fault) -> Ran {
    server.fault(Endpoint::Refresh, fault, Times::Always);
    let ran = sandbox.refresh();
    server.clear_faults();
    sandbox.forget_state();
    ran
}

#[test]
fn a_hostile_description_is_one_plain_line_of_bounded_length_case_53() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for error in ["invalid_scope", "temporarily_unavailable", "invalid_client", &hostile()] {
        let ran = says(&server, &sandbox, refusal(400, error, &hostile()));
        assert_ne!(ran.status, 0, "{error}");
        is_plain(&ran);
    }
    sandbox.refresh().succeeds();
    let dead = says(&server, &sandbox, refusal(400, "invalid_grant", &hostile()));
    is_plain(&dead.fails("interaction_required", 4));
}

#[test]
fn a_hostile_description_stays_plain_where_it_is_kept_for_later_case_53() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, refusal(400, "invalid_grant", &hostile()), Times::Always);
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    is_plain(&sandbox.run(&["get", "demo"]).fails("interaction_required", 4));
    let status = sandbox.run(&["status", "demo"]).succeeds();
    assert!(!status.stdout.contains(|c: char| c.is_control() && c != '\n'), "{status:?}");
    assert!(status.stdout.lines().all(|line| line.chars().count() < 1000), "{status:?}");
}

#[test]
fn a_description_that_repeats_the_refresh_token_is_withheld() {
    let server = OAuthServer::start(Settings::default()).unwrap();
    let sandbox = Sandbox::logged_in(&server);
    server.reconfigure(|settings| settings.rotation = oauthserver::Rotation::Repeat);
    sandbox.refresh().succeeds();
    let sent = server.refreshes()[0].form_value("refresh_token").unwrap().to_owned();
    let ran = says(&server, &sandbox, refusal(400, "invalid_scope", &format!("token {sent} is bad")));
    assert!(!format!("{ran:?}").contains(&sent), "the token must not be shown");
    assert!(ran.fails("denied", 6).stderr.contains("withheld"));
}
