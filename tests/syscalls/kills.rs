//! SIGKILL at the system calls of a refresh: afterwards the store holds the old record, the new one, or a
//! truthful "interrupted". Processes that come after a killed one within the same call die at the same place.

use crate::strace::{
    DIRECTORY, DRAFT, INTENT, Inject, LOCK, NEXT, OPEN, RENAME, START, SYNC, UNLINK, kill_at, refresh_with,
    start,
};
use crate::support::{Ran, Sandbox, end, server};
use oauthserver::{OAuthServer, Reuse, Settings, browser};
use std::fs;

/// Calls of caller and worker before the request leaves.
const BEFORE: [Inject; 17] = [
    kill_at(OPEN, LOCK, "1"),
    kill_at("flock", LOCK, "1"),
    kill_at(START, None, "1"),
    kill_at("setsid", None, "1"),
    kill_at("sendto", None, "1"),
    kill_at("recvfrom", None, "1"),
    kill_at(OPEN, DRAFT, "1"),
    kill_at("flock", DRAFT, "1"),
    kill_at("write", DRAFT, "1"),
    kill_at(SYNC, DRAFT, "1"),
    kill_at(RENAME, DRAFT, "1"),
    kill_at(OPEN, NEXT, "1"),
    kill_at("write", NEXT, "1"),
    kill_at(SYNC, NEXT, "1"),
    kill_at(SYNC, DIRECTORY, "1"),
    kill_at("connect", None, "1"),
    kill_at("writev", None, "1"),
];

/// Calls after the answer came, before it is synced.
const UNSAVED: [Inject; 2] = [kill_at("write", NEXT, "2"), kill_at("ftruncate", NEXT, "1")];

/// Calls after the answer was written whole.
const SAVED: [Inject; 4] = [
    kill_at(SYNC, NEXT, "2"),
    kill_at(RENAME, NEXT, "1"),
    kill_at(SYNC, DIRECTORY, "2"),
    kill_at(UNLINK, INTENT, "1"),
];

/// A refresh after the kill, as of a caller who holds the token of before.
fn after(sandbox: &Sandbox, before: &str) -> Ran {
    sandbox.run(&["refresh", "demo", "--rejected-generation", before])
}

/// A login that works, and no trace of what happened.
#[track_caller]
fn all_is_well(server: &OAuthServer, sandbox: &Sandbox, answer: &Ran, fault: &Inject) {
    assert_eq!(answer.text("generation"), sandbox.generation(), "{fault:?}");
    assert!(server.mcp_accepts(&answer.text("access_token")), "{fault:?}");
    assert!(!server.family_revoked(), "{fault:?}");
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]), "{fault:?}");
}

#[test]
fn a_kill_before_the_request_left_spends_nothing_case_74() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for fault in BEFORE {
        let (before, record) = (sandbox.generation(), fs::read(sandbox.record()).unwrap());
        let requests = server.refreshes().len();
        let killed = refresh_with(&sandbox, fault);
        assert!([-1, 75].contains(&killed.status), "{fault:?} {killed:?}");
        assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{fault:?}");
        assert_eq!(server.refreshes().len(), requests, "{fault:?}");
        let answer = after(&sandbox, &before).succeeds();
        assert_eq!((answer.text("source").as_str(), server.reuses()), ("refreshed", 0), "{fault:?}");
        assert_eq!(server.refreshes().len(), requests + 1, "{fault:?}");
        all_is_well(&server, &sandbox, &answer, &fault);
    }
}

#[test]
fn a_kill_after_the_answer_was_written_loses_nothing_case_74() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for fault in SAVED {
        let (before, requests) = (sandbox.generation(), server.refreshes().len());
        let killed = refresh_with(&sandbox, fault);
        assert!([0, 75].contains(&killed.status), "{fault:?} {killed:?}");
        let answer = after(&sandbox, &before).succeeds();
        assert_eq!((answer.text("source").as_str(), server.reuses()), ("already_rotated", 0), "{fault:?}");
        assert_eq!(server.refreshes().len(), requests + 1, "{fault:?}");
        let answer = sandbox.refresh().succeeds();
        all_is_well(&server, &sandbox, &answer, &fault);
    }
}

#[test]
fn a_kill_between_answer_and_save_is_told_as_interrupted_case_74() {
    for fault in UNSAVED {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        let (before, record) = (sandbox.generation(), fs::read(sandbox.record()).unwrap());
        refresh_with(&sandbox, fault).fails("unavailable", 75);
        assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{fault:?}");
        let refused = after(&sandbox, &before).fails("interaction_required", 4);
        assert!(refused.stderr.contains("a previous refresh was interrupted"), "{fault:?} {refused:?}");
        assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]), "{fault:?}");
    }
}

#[test]
fn a_kill_between_answer_and_save_costs_nothing_at_a_forgiving_server_case_74() {
    let settings = Settings { reuse: Reuse::Accept, ..Settings::default() };
    let server = OAuthServer::start(settings).unwrap();
    let sandbox = Sandbox::logged_in(&server);
    for fault in UNSAVED {
        let before = sandbox.generation();
        refresh_with(&sandbox, fault).fails("unavailable", 75);
        let answer = after(&sandbox, &before).succeeds();
        assert_eq!(answer.text("source"), "refreshed", "{fault:?}");
        all_is_well(&server, &sandbox, &answer, &fault);
    }
}

#[test]
fn a_login_whose_worker_is_killed_after_saving_has_its_token_case_74() {
    for fault in [kill_at(SYNC, DIRECTORY, "2"), kill_at(UNLINK, INTENT, "1")] {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        let child = start(&sandbox, &fault.options(&sandbox), &["login", "demo", "--timeout", "60"]);
        browser::visit(&sandbox.asked_url()).unwrap();
        let login = end(child).succeeds();
        let log = fs::read_to_string(sandbox.home().join("strace.log")).unwrap();
        assert!(
            log.contains("+++ killed by SIGKILL") && login.stderr.contains("logged in"),
            "{log} {login:?}"
        );
        assert_eq!((sandbox.opened().len(), server.token_requests().len()), (1, 2));
        let answer = sandbox.refresh().succeeds();
        assert!(server.mcp_accepts(&answer.text("access_token")));
        assert_eq!((sandbox.leftovers(), server.reuses()), (vec![], 0));
    }
}
