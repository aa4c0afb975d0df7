//! A system that interrupts, knows no locks, starts no process or gives no random bytes: the same result, or a
//! clean error and an unharmed store.

use crate::strace::{DIRECTORY, DRAFT, Inject, LOCK, NEXT, OPEN, RECORD, START, SYNC, trace};
use crate::support::process::{go_on, stop, wait_until_held};
use crate::support::{Ran, Sandbox, end, server};
use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use rustix::process::Pid;
use std::fs;

/// Calls that a signal can interrupt, on the files of a refresh.
const INTERRUPTIBLE: [(&str, Option<&str>); 10] = [
    ("flock", LOCK),
    (OPEN, LOCK),
    (OPEN, RECORD),
    ("read", RECORD),
    ("write", DRAFT),
    (OPEN, NEXT),
    ("write", NEXT),
    ("ftruncate", NEXT),
    (SYNC, NEXT),
    (SYNC, DIRECTORY),
];

#[test]
fn interrupted_system_calls_change_nothing_case_70() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for (count, (calls, file)) in INTERRUPTIBLE.into_iter().enumerate() {
        let storm = Inject { calls, file, when: "1+2", what: "error=EINTR" };
        let (answer, happened) = refresh_in(&sandbox, storm);
        assert!(happened, "{storm:?} did not happen");
        let answer = answer.succeeds();
        assert_eq!((answer.text("source").as_str(), answer.json().get("persisted")), ("refreshed", None));
        assert_eq!(answer.text("generation"), sandbox.generation(), "{storm:?}");
        assert_eq!((server.refreshes().len(), server.reuses()), (count + 1, 0), "{storm:?}");
        assert!(server.mcp_accepts(&answer.text("access_token")), "{storm:?}");
        assert_eq!(sandbox.leftovers(), [""; 0], "{storm:?}");
    }
}

#[test]
fn processes_that_are_stopped_and_go_on_while_they_wait_change_nothing_case_70() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let caller = sandbox.start(&[
        "refresh",
        "demo",
        "--rejected-generation",
        &sandbox.generation(),
        "--timeout",
        "60",
    ]);
    wait_until_held(&server);
    let (waiting, worker) = (Pid::from_child(&caller), sandbox.worker());
    for _ in 0..20 {
        for process in [waiting, worker] {
            stop(process);
            go_on(process);
        }
    }
    server.release();
    let answer = end(caller).succeeds();
    assert_eq!(
        (answer.text("source").as_str(), answer.text("generation")),
        ("refreshed", sandbox.generation())
    );
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
}

/// Refreshes with a fault, and tells whether it happened.
fn refresh_in(sandbox: &Sandbox, fault: Inject) -> (Ran, bool) {
    let refresh = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &sandbox.generation()];
    run_in(sandbox, fault, &refresh)
}

fn run_in(sandbox: &Sandbox, fault: Inject, arguments: &[&str]) -> (Ran, bool) {
    let traced = trace(sandbox, &fault.options(sandbox), arguments);
    (traced.ran, traced.log.contains("(INJECTED)"))
}

/// Nothing was sent, and the record is as it was.
#[track_caller]
fn is_untouched(server: &OAuthServer, sandbox: &Sandbox, record: &[u8], fault: &Inject) {
    assert_eq!(server.refreshes().len(), 0, "{fault:?}");
    assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{fault:?}");
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]), "{fault:?}");
    sandbox.forget_state();
}

#[test]
fn a_file_system_without_locks_fails_closed_with_the_reason_case_71() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = fs::read(sandbox.record()).unwrap();
    for what in ["error=ENOSYS", "error=EOPNOTSUPP", "error=ENOLCK", "error=EINVAL"] {
        let fault = Inject { calls: "flock", file: LOCK, when: "1+", what };
        let (refused, happened) = refresh_in(&sandbox, fault);
        assert!(happened, "{fault:?} did not happen");
        let refused = refused.fails("cache_unwritable", 75);
        assert!(refused.stderr.contains(".lock"), "{fault:?} {refused:?}");
        is_untouched(&server, &sandbox, &record, &fault);
        let (refused, _) = run_in(&sandbox, fault, &["erase", "demo"]);
        refused.fails("cache_unwritable", 75);
        is_untouched(&server, &sandbox, &record, &fault);
    }
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
}

#[test]
fn a_system_that_starts_no_process_is_told_and_nothing_is_sent_case_77() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = fs::read(sandbox.record()).unwrap();
    for what in ["error=EAGAIN", "error=ENOMEM"] {
        let fault = Inject { calls: START, file: None, when: "1+", what };
        let (refused, happened) = refresh_in(&sandbox, fault);
        assert!(happened, "{fault:?} did not happen");
        let refused = refused.fails("unavailable", 75);
        assert!(refused.stderr.contains("cannot be started"), "{fault:?} {refused:?}");
        is_untouched(&server, &sandbox, &record, &fault);
    }
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
}

#[test]
fn a_panic_tells_its_place_and_no_secret_case_79() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = fs::read(sandbox.record()).unwrap();
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    // The standard library panics where the system refuses random bytes in an unexpected way.
    let fault = Inject { calls: "getrandom", file: None, when: "1+", what: "error=EIO" };
    for verb in ["get", "refresh", "status"] {
        let (panicked, happened) = run_in(&sandbox, fault, &[verb, "demo", "--log", "trace"]);
        assert!(happened, "{verb}: no random bytes were asked for");
        let panicked = panicked.ends("internal", 1);
        assert!(panicked.stderr.contains("an internal error occurred at "), "{verb} {panicked:?}");
        assert!(!format!("{panicked:?}").contains(&token), "{verb}");
        is_untouched(&server, &sandbox, &record, &fault);
    }
    sandbox.refresh().succeeds();
}
