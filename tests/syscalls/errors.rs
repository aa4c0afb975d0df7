//! System calls that fail in the middle of a refresh: before the token is spent nothing is sent, after it the
//! new token is answered and kept.

use crate::strace::{
    DIRECTORY, DRAFT, INTENT, Inject, KEY, LOCK, NEXT, OPEN, RECORD, RENAME, SYNC, UNLINK, refresh_with,
    start_refresh_with, trace,
};
use crate::support::process::kill;
use crate::support::{Sandbox, end, server, wait_for};
use oauthserver::OAuthServer;
use std::fs;

const fn fail_at<'a>(calls: &'a str, file: Option<&'a str>, when: &'a str, what: &'a str) -> Inject<'a> {
    Inject { calls, file, when, what }
}

/// Ways in which the room for the next record cannot be had.
const NO_ROOM: [Inject; 13] = [
    fail_at(OPEN, LOCK, "1", "error=EROFS"),
    fail_at("flock", LOCK, "1", "error=ENOLCK"),
    fail_at(OPEN, DRAFT, "1", "error=EROFS"),
    fail_at("write", DRAFT, "1", "error=ENOSPC"),
    fail_at(SYNC, DRAFT, "1", "error=EIO"),
    fail_at(RENAME, DRAFT, "1", "error=EACCES"),
    fail_at(OPEN, NEXT, "2", "error=EMFILE"),
    fail_at(OPEN, NEXT, "3", "error=EMFILE"),
    fail_at(OPEN, NEXT, "3", "error=EDQUOT"),
    fail_at("write", NEXT, "1", "error=ENOSPC"),
    fail_at("write", NEXT, "1", "error=EFBIG"),
    fail_at(SYNC, NEXT, "1", "error=EIO"),
    fail_at(SYNC, DIRECTORY, "1", "error=EIO"),
];

#[test]
fn without_room_for_the_next_record_nothing_is_sent_case_72() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for fault in NO_ROOM {
        let record = fs::read(sandbox.record()).unwrap();
        // Too few descriptors say nothing about the place.
        let code = if format!("{fault:?}").contains("EMFILE") { "unavailable" } else { "cache_unwritable" };
        let refused = refresh_with(&sandbox, fault).fails(code, 75);
        assert!(refused.json()["error"]["retryable"] == true, "{fault:?}");
        assert_eq!(server.refreshes().len(), 0, "{fault:?}");
        assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{fault:?}");
        assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]), "{fault:?}");
    }
    // What this machine could not do for one caller is nobody else's failure.
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
}

#[test]
fn a_run_without_room_does_not_hide_that_an_earlier_one_was_interrupted_case_72() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    refresh_with(&sandbox, fail_at("write", NEXT, "2", "signal=KILL")).fails("unavailable", 75);
    let requests = server.refreshes().len();
    refresh_with(&sandbox, fail_at("write", NEXT, "1", "error=ENOSPC")).fails("cache_unwritable", 75);
    assert_eq!(server.refreshes().len(), requests);
    let refused = sandbox.refresh().fails("interaction_required", 4);
    assert!(refused.stderr.contains("a previous refresh was interrupted"), "{refused:?}");
}

/// The answered token is the stored one, it cost one request, and nothing is left over.
#[track_caller]
fn is_kept(server: &OAuthServer, sandbox: &Sandbox, generation: &str, requests: usize) {
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((answer.text("generation").as_str(), answer.text("source").as_str()), (generation, "cache"));
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!((server.refreshes().len(), server.reuses()), (requests, 0));
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

#[test]
fn a_save_that_fails_is_made_good_before_the_answer_where_a_new_file_helps_case_73() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let faults = [
        fail_at("write", NEXT, "2", "error=ENOSPC"),
        fail_at("ftruncate", NEXT, "1", "error=EIO"),
        fail_at(SYNC, NEXT, "2", "error=EIO"),
    ];
    for (count, fault) in faults.into_iter().enumerate() {
        let answer = refresh_with(&sandbox, fault).succeeds();
        assert_eq!(answer.json().get("persisted"), None, "{fault:?}");
        is_kept(&server, &sandbox, &answer.text("generation"), count + 1);
    }
}

#[test]
fn a_token_that_could_not_be_put_in_place_is_answered_and_saved_a_moment_later_case_73() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let faults = [
        fail_at(RENAME, NEXT, "1", "error=EIO"),
        fail_at(RENAME, NEXT, "1", "error=EXDEV"),
        fail_at(SYNC, DIRECTORY, "2", "error=EIO"),
    ];
    for (count, fault) in faults.into_iter().enumerate() {
        let answer = refresh_with(&sandbox, fault).succeeds();
        assert_eq!(answer.json()["persisted"], false, "{fault:?}");
        is_kept(&server, &sandbox, &answer.text("generation"), count + 1);
    }
}

#[test]
fn a_token_that_could_not_be_put_in_place_is_adopted_by_the_next_run_case_73() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let (before, record) = (sandbox.generation(), fs::read(sandbox.record()).unwrap());
    let traced = start_refresh_with(&sandbox, fail_at(RENAME, NEXT, "1+", "error=EACCES"));
    let log = sandbox.home().join("strace.log");
    let injected = || fs::read_to_string(&log).unwrap_or_default().matches("(INJECTED)").count();
    wait_for("the second try", || (injected() >= 2).then_some(()));
    let saved = fs::read(sandbox.state("oauth/demo.token.json.next")).unwrap();
    wait_for("the third try", || (injected() >= 3).then_some(()));
    kill(sandbox.worker());
    let answer = end(traced).succeeds();
    assert_eq!(answer.json()["persisted"], false);
    assert!(server.mcp_accepts(&answer.text("access_token")), "it was answered all the same");
    assert_eq!(fs::read(sandbox.record()).unwrap(), record);
    let adopted = sandbox.run(&["refresh", "demo", "--rejected-generation", &before]).succeeds();
    assert_eq!(
        (adopted.text("source"), adopted.text("generation")),
        ("already_rotated".into(), answer.text("generation"))
    );
    assert_eq!(fs::read(sandbox.record()).unwrap(), saved, "what was synced was never written again");
    is_kept(&server, &sandbox, &answer.text("generation"), 1);
}

#[test]
fn a_leftover_that_cannot_be_removed_does_no_harm() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let answer = refresh_with(&sandbox, fail_at(UNLINK, INTENT, "1", "error=EACCES")).succeeds();
    assert_eq!(answer.json().get("persisted"), None, "it is saved");
    assert_eq!(sandbox.leftovers(), ["demo.token.json.intent"]);
    let next = sandbox.refresh().succeeds();
    is_kept(&server, &sandbox, &next.text("generation"), 2);
}

#[test]
fn a_record_or_key_that_cannot_be_read_now_is_no_damage_and_stays_as_it_is_case_54() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = fs::read(sandbox.record()).unwrap();
    let faults = [
        (OPEN, "error=EMFILE", "unavailable", 75),
        (OPEN, "error=ENFILE", "unavailable", 75),
        ("read", "error=EIO", "unavailable", 75),
        (OPEN, "error=EACCES", "insecure_storage", 5),
    ];
    for (calls, what, code, status) in faults {
        for file in [RECORD, KEY] {
            let fault = fail_at(calls, file, "1+", what);
            for arguments in [&["get", "demo"][..], &["refresh", "demo"]] {
                let ran = trace(&sandbox, &fault.options(&sandbox), arguments);
                assert!(ran.log.contains("(INJECTED)"), "{fault:?} did not happen: {ran:?}", ran = ran.ran);
                let ran = ran.ran.fails(code, status);
                assert!(ran.stderr.contains(".json") || ran.stderr.contains("key.bin"), "{ran:?}");
            }
            assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{fault:?}");
            assert_eq!((server.refreshes().len(), sandbox.leftovers()), (0, vec![]), "{fault:?}");
            sandbox.forget_state();
        }
    }
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
}

#[test]
fn a_key_that_cannot_be_read_now_does_not_make_a_doubt_forgotten() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    refresh_with(&sandbox, Inject { calls: "write", file: NEXT, when: "2", what: "signal=KILL" });
    let key = fail_at(OPEN, KEY, "2+", "error=EMFILE");
    for _ in 0..2 {
        sandbox.forget_state();
        refresh_with(&sandbox, key).fails("unavailable", 75);
    }
    sandbox.forget_state();
    let told = sandbox.refresh().fails("interaction_required", 4);
    assert!(told.stderr.contains("a previous refresh was interrupted"), "{told:?}");
}
