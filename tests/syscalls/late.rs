//! A lock that comes late: what others have found out meanwhile is looked at once more under it.

use crate::strace::{Inject, start};
use crate::support::process::{go_on, stop};
use crate::support::{Sandbox, end, server, wait_for};
use oauthserver::OAuthServer;
use rustix::process::Pid;
use std::fs;

/// How often the MCP server was asked about a token.
fn questions(server: &OAuthServer) -> usize {
    let asks = |path: &str, token: Option<&str>| path == "/mcp" && token.is_some();
    server.requests().iter().filter(|seen| asks(&seen.path, seen.header("authorization"))).count()
}

#[test]
fn a_question_that_was_answered_while_the_lock_was_taken_is_not_asked_again() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let get = ["get", "demo", "--format", "headers"];
    let lock = "demo.token.json.probe";
    // Long enough to be met in it: from then on strace stands still, and with it the program. The answer of the other
    // one must not grow old meanwhile.
    let late = Inject { calls: "flock", file: Some(lock), when: "1", what: "delay_enter=1500000" };
    let child = start(&sandbox, &late.options(&sandbox), &get);
    wait_for("the lock to be opened", || sandbox.state("oauth").join(lock).exists().then_some(()));
    stop(Pid::from_child(&child));
    sandbox.run(&get).succeeds();
    assert_eq!(questions(&server), 1, "the lock was free");
    go_on(Pid::from_child(&child));
    end(child).succeeds();
    let log = fs::read_to_string(sandbox.home().join("strace.log")).unwrap();
    assert!(log.contains("(DELAYED)"), "{log}");
    assert_eq!(questions(&server), 1);
}
