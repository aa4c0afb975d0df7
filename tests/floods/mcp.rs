//! An MCP server that answers the first question, or the question about a token, with anything but an answer. Its
//! head is read and nothing more; it costs no token, and no token goes where it points.

use crate::support::{Sandbox, server};
use crate::{always, deep, gzip, json_body, login, passes};
use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use std::thread;
use std::time::Duration;

/// What comes with a head, so that something is known.
fn answers(other: &OAuthServer) -> Vec<Fault> {
    let mut faults = vec![
        Fault::BigBody(2 << 30),
        Fault::Endless,
        Fault::html(200),
        Fault::Truncate,
        Fault::status(503),
        json_body("{\"jsonrpc\":"),
        json_body(gzip::bomb(b"{}", crate::MUCH)).header("Content-Encoding", "gzip"),
    ];
    faults.extend(deep());
    let redirect = |code| Fault::Redirect { code, location: other.mcp_url() };
    faults.extend([301, 302, 303, 307, 308].map(redirect));
    faults
}

/// What has no head, or none in time.
fn silences() -> [Fault; 4] {
    let drip = Fault::Drip { interval: Duration::from_millis(500) };
    [Fault::Hang, drip, Fault::DropBeforeCommit, Fault::RawBytes(b"SSH-2.0-x\r\n".into())]
}

#[test]
fn whatever_a_server_answers_to_the_first_question_its_description_is_looked_for_case_17_18_19() {
    let other = server(3600);
    for fault in answers(&other) {
        let server = server(3600);
        let sandbox = always(&server, Endpoint::Mcp, fault);
        login(&sandbox).succeeds();
        assert_eq!(sandbox.clear()["issuer"], server.issuer());
        passes(&server, &sandbox);
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn a_server_that_does_not_answer_the_first_question_ends_the_login_by_itself_case_21() {
    thread::scope(|scope| {
        for fault in silences() {
            scope.spawn(move || {
                let server = server(3600);
                let sandbox = always(&server, Endpoint::Mcp, fault);
                let refused = login(&sandbox).ends("unavailable", 75);
                assert!(refused.stderr.contains(&server.origin()), "{refused:?}");
                assert_eq!((sandbox.opened(), server.registrations().len()), (vec![], 0));
                passes(&server, &sandbox);
            });
        }
    });
}

#[test]
fn whatever_a_server_answers_to_the_question_about_a_token_the_token_is_kept_and_goes_nowhere_else() {
    let (server, other) = (server(3600), server(3600));
    let sandbox = Sandbox::logged_in(&server);
    let held = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    for fault in answers(&other).into_iter().chain(silences()) {
        let before = server.log().faults_fired();
        server.fault(Endpoint::Mcp, fault.clone(), Times::Always);
        sandbox.forget_state();
        let answer = sandbox.run(&["get", "demo", "--verify", "auto", "--timeout", "60"]).succeeds();
        let kept = (answer.text("source"), answer.text("access_token"));
        assert_eq!(kept, ("cache".to_owned(), held.clone()), "{}", fault.name());
        assert!(server.log().faults_fired() > before, "{} was met", fault.name());
        server.clear_faults();
    }
    assert_eq!((server.refreshes().len(), other.connections()), (0, 0));
    assert!(server.mcp_accepts(&held));
}
