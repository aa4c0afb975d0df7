//! What must be on disk before the next step, and whether a changed lock is noticed at the last moment: only the
//! order of the system calls shows it.

use crate::strace::{CREATE, DRAFT, Inject, NEXT, RENAME, SYNC, UNLINK, refresh_with, start, trace};
use crate::support::{Sandbox, end, server, wait_for};
use oauthserver::browser;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};

/// The calls of these names in the order of `log`: each as name and what it was about.
#[track_caller]
fn in_order(log: &str, steps: &[(&str, &str)]) {
    let mut lines = log.lines();
    for (call, about) in steps {
        let found = lines.any(|line| line.contains(&format!("{call}(")) && line.contains(about));
        assert!(found, "{call} of {about} is not in its place: {log}");
    }
}

#[test]
fn a_saved_answer_is_synced_before_it_is_adopted_and_its_place_after_it() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = sandbox.generation();
    let killed = Inject { calls: RENAME, file: NEXT, when: "1", what: "signal=KILL" };
    refresh_with(&sandbox, killed).fails("unavailable", 75);
    let options = [format!("--trace={RENAME},{UNLINK},{SYNC}")];
    let adopting = trace(&sandbox, &options, &["refresh", "demo", "--rejected-generation", &before]);
    assert_eq!(adopting.ran.succeeds().text("source"), "already_rotated");
    let intent = "demo.token.json.intent\"";
    in_order(
        &adopting.log,
        &[
            ("fsync", "demo.token.json.next>"),
            ("rename", "demo.token.json.next\""),
            ("fsync", "/oauth>"),
            ("unlink", intent),
        ],
    );
}

#[test]
fn a_new_key_is_synced_before_it_has_its_name() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    let login = ["login", "demo", "--url", &server.mcp_url(), "--timeout", "60"];
    let child = start(&sandbox, &[format!("--trace={CREATE},{SYNC},?link,?linkat")], &login);
    browser::visit(&sandbox.asked_url()).unwrap();
    end(child).succeeds();
    let log = fs::read_to_string(sandbox.home().join("strace.log")).unwrap();
    let link = if log.contains("linkat(") { "linkat" } else { "link" };
    in_order(&log, &[("fsync", "key.bin."), (link, "key.bin."), ("fsync", "/.mcp-credential>")]);
}

#[test]
fn an_erased_record_is_gone_for_good_before_erase_says_so() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let options = [format!("--trace={UNLINK},{SYNC},write")];
    let erased = trace(&sandbox, &options, &["erase", "demo"]);
    assert_eq!(erased.ran.succeeds().json()["erased"], true);
    in_order(&erased.log, &[("unlink", "demo.token.json\""), ("fsync", "/oauth>"), ("write", "server")]);
}

#[test]
fn a_lock_file_that_is_replaced_while_the_room_is_made_stops_the_request_case_68() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let slow = Inject { calls: SYNC, file: DRAFT, when: "1", what: "delay_enter=3000000" };
    let arguments = ["refresh", "demo", "--rejected-generation", &sandbox.generation(), "--timeout", "8"];
    let child = start(&sandbox, &slow.options(&sandbox), &arguments);
    let draft = sandbox.state("oauth/demo.token.json.intent.draft");
    wait_for("the room to be made", || draft.exists().then_some(()));
    let lock = sandbox.state("oauth/demo.token.json.lock");
    fs::remove_file(&lock).unwrap();
    let other = File::create_new(&lock).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    end(child).fails("lock_timeout", 75);
    let log = fs::read_to_string(sandbox.home().join("strace.log")).unwrap();
    assert!(log.contains("(DELAYED)"), "{log}");
    assert_eq!(server.refreshes().len(), 0, "the lock belongs to somebody else by now");
    drop(other);
    sandbox.refresh().succeeds();
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
}
