//! `--verify`: header consumers do not say that a token was rejected, so the server is asked.

mod support;

use oauthserver::browser::Decision;
use oauthserver::{Document, Endpoint, Fault, OAuthServer, Settings, Times};
use serde_json::json;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use support::{Ran, Sandbox, end, serve, server};

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

/// A server that has gone over to another authorization server since somebody logged in, and refuses the old one's
/// token.
fn moved() -> (OAuthServer, OAuthServer, Sandbox) {
    let old = server(3600);
    let new = serve(Settings { resource: Some(old.resource()), ..Settings::default() });
    old.trust_tokens_of(&new);
    let sandbox = Sandbox::logged_in(&old);
    old.reconfigure(|settings| settings.authorization_servers = Some(vec![new.issuer()]));
    old.expire_access_tokens();
    (old, new, sandbox)
}

/// A header helper, with time enough to look at the server's metadata on a busy machine.
const HELPER: [&str; 6] = ["get", "demo", "--format", "headers", "--timeout", "60"];

#[test]
fn a_server_that_has_moved_is_noticed_and_nobody_gets_an_old_credential_rule_21() {
    let (old, new, sandbox) = moved();
    let needed = sandbox.run(&HELPER).fails("interaction_required", 4);
    for issuer in [old.issuer(), new.issuer()] {
        assert!(needed.stderr.contains(&issuer), "{}", needed.stderr);
    }
    assert_eq!((pings(&old), old.refreshes().len(), new.token_requests().len()), (1, 0, 0));
    assert!(sandbox.record().exists(), "nothing is erased");
}

#[test]
fn the_answer_is_the_one_of_a_caller_that_hands_the_challenge_over() {
    let (old, _new, sandbox) = moved();
    let json = ["get", "demo", "--verify", "always", "--timeout", "60"];
    let asked = sandbox.run(&json).fails("interaction_required", 4);
    sandbox.forget_state();
    let place = old.document_path(Document::ResourcePath);
    let challenge = format!("Bearer resource_metadata=\"{}{place}\"", old.origin());
    let object = json!({
        "rejected": {"generation": sandbox.generation()},
        "response": {"status": 401, "www_authenticate": challenge}
    });
    let arguments = ["refresh", "demo", "--request", "-", "--timeout", "60"];
    let told = sandbox.run_with(&arguments, object.to_string().as_bytes());
    assert_eq!((asked.stdout, asked.stderr), (told.stdout, told.stderr));
}

#[test]
fn where_a_login_may_start_the_challenge_of_the_question_leads_it() {
    let (old, new, sandbox) = moved();
    old.reconfigure(|settings| settings.challenge.scope = Some("mcp:read".to_owned()));
    let before = old.count("/mcp");
    let helper = [&HELPER[..], &["--interactive", "always"]].concat();
    let answer = sandbox.person(&helper, Decision::Approve).succeeds();
    assert!(old.mcp_accepts(&token(&answer)));
    assert_eq!((old.refreshes().len(), new.registrations().len()), (0, 1));
    assert_eq!(old.count("/mcp"), before + 2, "one question about each token, and none without one");
    assert_eq!(sandbox.clear()["scopes_requested"], json!(["mcp:read"]));
    assert_eq!(sandbox.clear()["issuer"], new.issuer());
}

#[test]
fn those_who_share_a_question_share_its_challenge() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let more = "Bearer error=\"insufficient_scope\", scope=\"extra\"";
    server.reconfigure(|settings| settings.challenge.raw = Some(vec![more.to_owned()]));
    server.expire_access_tokens();
    server.fault(Endpoint::Mcp, Fault::Hang, Times::Next(1));
    let children: Vec<_> = (0..4).map(|_| sandbox.start(&HELPER)).collect();
    assert!(server.wait_for(|log| log.held() == 1, support::PATIENCE));
    server.release();
    for child in children {
        let refused = end(child).fails("insufficient_scope", 6);
        assert!(refused.stderr.contains("login demo --scope extra"), "{}", refused.stderr);
    }
    assert_eq!((pings(&server), server.refreshes().len()), (1, 0));
}

#[test]
fn a_server_that_had_no_metadata_is_not_served_at_the_places_of_another_issuer() {
    let old = serve(Settings { documents: Vec::new(), ..Settings::default() });
    let sandbox = Sandbox::logged_in(&old);
    assert_eq!(sandbox.clear().get("issuer"), None, "nobody named one");
    old.reconfigure(|settings| settings.documents = Settings::default().documents);
    old.expire_access_tokens();
    // It names itself by now: its tokens come from where they always came from.
    sandbox.run(&HELPER).succeeds();
    assert_eq!(old.refreshes().len(), 1);
    let new = serve(Settings { resource: Some(old.resource()), ..Settings::default() });
    old.reconfigure(|settings| settings.authorization_servers = Some(vec![new.issuer()]));
    old.expire_access_tokens();
    sandbox.forget_state();
    let needed = sandbox.run(&HELPER).fails("interaction_required", 4);
    assert!(needed.stderr.contains(&new.issuer()) && needed.stderr.contains(&old.origin()), "{needed:?}");
    assert_eq!((old.refreshes().len(), new.token_requests().len()), (1, 0));
}
