//! `--verify`: header consumers do not say that a token was rejected, so the server is asked.

mod support;

use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use support::{Ran, Sandbox, server};

fn header(ran: &Ran) -> String {
    ran.json()["Authorization"].as_str().unwrap().to_owned()
}

fn token(ran: &Ran) -> String {
    header(ran).strip_prefix("Bearer ").unwrap().to_owned()
}

fn pings(server: &OAuthServer) -> usize {
    server
        .requests()
        .iter()
        .filter(|seen| seen.path == "/mcp" && seen.header("authorization").is_some())
        .count()
}

#[test]
fn a_header_helper_that_is_run_again_after_a_401_gets_another_token() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let first = sandbox.run(&["get", "demo", "--format", "headers"]).succeeds();
    assert_eq!((pings(&server), server.refreshes().len()), (1, 0));
    server.expire_access_tokens();
    sandbox.forget_state();
    let again = sandbox.run(&["get", "demo", "--format", "headers"]).succeeds();
    assert_ne!(header(&again), header(&first));
    assert!(server.mcp_accepts(&token(&again)));
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn the_other_formats_do_not_ask_unless_they_are_told_to() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.run(&["get", "demo"]).succeeds();
    sandbox.run(&["get", "demo", "--format", "headers", "--verify", "never"]).succeeds();
    assert_eq!(pings(&server), 0);
    server.expire_access_tokens();
    let asked = sandbox.run(&["get", "demo", "--verify", "auto"]).succeeds();
    assert_eq!((pings(&server), asked.text("source").as_str()), (2, "refreshed"));
}

#[test]
fn ten_sessions_that_start_together_share_one_question() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let path = sandbox.state("oauth/demo.token.json.probe");
    let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    lock.lock().unwrap();
    let get = ["get", "demo", "--format", "headers"];
    let mut sessions: Vec<_> = (0..10).map(|_| sandbox.watch(&get)).collect();
    // Whoever has waited for two seconds asks nobody, and is done.
    support::wait_for("all of them to wait for their turn", || {
        sessions.iter_mut().all(|session| session.has_open(&path) || session.has_ended()).then_some(())
    });
    assert_eq!(pings(&server), 0, "somebody else asks");
    drop(lock);
    for session in sessions {
        session.end().succeeds();
    }
    assert_eq!(pings(&server), 1);
}

#[test]
fn only_a_401_with_a_challenge_counts() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    for fault in
        [Fault::status(401), Fault::status(403), Fault::status(500), Fault::DropBeforeCommit, Fault::Hang]
    {
        server.fault(Endpoint::Mcp, fault, Times::Next(1));
        let seen = pings(&server);
        sandbox.forget_state();
        let answer = sandbox.run(&["get", "demo", "--verify", "auto"]).succeeds();
        assert_eq!(answer.text("generation"), before);
        assert_eq!(pings(&server), seen + 1);
        server.clear_faults();
    }
    assert_eq!(server.refreshes().len(), 0);
}

#[test]
fn a_server_that_refuses_new_tokens_too_is_not_asked_again() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let refusal = Fault::status(401).header("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    server.fault(Endpoint::Mcp, refusal, Times::Always);
    sandbox.run(&["get", "demo", "--format", "headers"]).succeeds();
    assert_eq!((pings(&server), server.refreshes().len()), (2, 1));
    sandbox.run(&["get", "demo", "--format", "headers"]).succeeds();
    assert_eq!((pings(&server), server.refreshes().len()), (2, 1));
    let status = sandbox.run(&["status", "demo"]).succeeds();
    assert!(status.stdout.contains("refuses new tokens"), "{}", status.stdout);
    sandbox.run(&["get", "demo", "--verify", "always"]).succeeds();
    assert!(pings(&server) > 2);
}

#[test]
fn a_token_goes_in_the_header_and_never_in_a_query_rule_21() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let answer = sandbox.run(&["get", "demo", "--verify", "always"]).succeeds().text("access_token");
    sandbox.refresh().succeeds();
    assert_eq!(pings(&server), 1);
    for seen in server.requests() {
        let in_query = seen.query.iter().any(|(name, value)| name == "access_token" || *value == answer);
        assert!(!in_query && !seen.path.contains(&answer), "{seen:?}");
    }
}
