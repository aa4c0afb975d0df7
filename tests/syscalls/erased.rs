//! SIGKILL at the calls of an `erase` that finds a saved answer not in its place yet: what the killed one leaves is the
//! login or nothing, never a token that was spent, and the next `erase` is the end of it.

use crate::strace::{
    DIRECTORY, INTENT, Inject, NEXT, RECORD, RENAME, SYNC, UNLINK, kill_at, refresh_with, trace,
};
use crate::support::{Sandbox, server};
use std::fs;

const CALLS: [Inject; 7] = [
    kill_at(SYNC, NEXT, "1"),
    kill_at(RENAME, NEXT, "1"),
    kill_at(SYNC, DIRECTORY, "1"),
    kill_at(UNLINK, RECORD, "1"),
    kill_at(UNLINK, NEXT, "1"),
    kill_at(SYNC, DIRECTORY, "2"),
    kill_at(UNLINK, INTENT, "1"),
];

#[test]
fn an_erase_that_is_killed_at_any_call_leaves_the_saved_answer_or_nothing_case_69() {
    for fault in CALLS {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        let before = sandbox.generation();
        refresh_with(&sandbox, kill_at(RENAME, NEXT, "1"));
        let killed = trace(&sandbox, &fault.options(&sandbox), &["erase", "demo"]);
        assert!(killed.log.contains("+++ killed by SIGKILL"), "{fault:?} did not happen: {:?}", killed.ran);
        let next = sandbox.run(&["refresh", "demo", "--timeout", "60", "--rejected-generation", &before]);
        if sandbox.record().exists() {
            let answer = next.succeeds();
            assert_eq!(answer.text("source"), "already_rotated", "{fault:?}");
            assert!(server.mcp_accepts(&answer.text("access_token")), "{fault:?}");
        } else {
            next.fails("interaction_required", 4);
        }
        assert_eq!((server.refreshes().len(), server.reuses()), (1, 0), "{fault:?}");
        sandbox.run(&["erase", "demo"]).succeeds();
        sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
        assert_eq!((server.refreshes().len(), sandbox.leftovers()), (1, vec![]), "{fault:?}");
    }
}

#[test]
fn a_record_that_cannot_go_keeps_the_answer_that_was_to_take_its_place() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = sandbox.generation();
    refresh_with(&sandbox, kill_at(RENAME, NEXT, "1"));
    let next = sandbox.state("oauth/demo.token.json.next");
    let saved = fs::read(&next).unwrap();
    for (calls, file) in [(RENAME, NEXT), (UNLINK, RECORD)] {
        let fault = Inject { calls, file, when: "1+", what: "error=EPERM" };
        trace(&sandbox, &fault.options(&sandbox), &["erase", "demo"]).ran.fails("cache_unwritable", 75);
        let kept = [next.clone(), sandbox.record()].map(|path| fs::read(path).ok());
        assert!(kept.contains(&Some(saved.clone())), "{fault:?}");
    }
    let answer = sandbox.run(&["refresh", "demo", "--rejected-generation", &before]).succeeds();
    assert_eq!((answer.text("source").as_str(), server.reuses()), ("already_rotated", 0));
}
