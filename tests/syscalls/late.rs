//! A lock that comes late: what others have found out meanwhile is looked at once more under it.

use crate::strace::{Inject, start};
use crate::support::{Sandbox, end, server, wait_for};
use std::fs;

#[test]
fn a_question_that_was_answered_while_the_lock_was_taken_is_not_asked_again() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let get = ["get", "demo", "--format", "headers"];
    let lock = "demo.token.json.probe";
    let late = Inject { calls: "flock", file: Some(lock), when: "1", what: "delay_enter=1000000" };
    let child = start(&sandbox, &late.options(&sandbox), &get);
    wait_for("the lock to be opened", || sandbox.state("oauth").join(lock).exists().then_some(()));
    sandbox.run(&get).succeeds();
    end(child).succeeds();
    let log = fs::read_to_string(sandbox.home().join("strace.log")).unwrap();
    assert!(log.contains("(DELAYED)"), "{log}");
    let asks = |path: &str, token: Option<&str>| path == "/mcp" && token.is_some();
    let asked =
        server.requests().iter().filter(|seen| asks(&seen.path, seen.header("authorization"))).count();
    assert_eq!(asked, 1);
}
