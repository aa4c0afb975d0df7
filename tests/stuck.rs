//! Lock holders that stand still, lock files that were deleted or replaced, and `erase` against a refresh
//! under way.

mod support;

use mcp_credential::store::lock::Held;
use oauthserver::{Endpoint, Fault, OAuthServer, Times};
use rustix::process::Pid;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use support::process::{Caller, go_on, stop, wait_until_held};
use support::{LONGER_LIFE, Sandbox, ageing, expired};

fn lock_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.state("oauth/demo.token.json.lock")
}

/// A caller whose refresh the server has committed and holds.
fn held_caller(server: &OAuthServer, sandbox: &Sandbox, arguments: &[&str]) -> Caller {
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let caller = sandbox.start_group(arguments);
    wait_until_held(server);
    caller
}

const PATIENT: [&str; 4] = ["get", "demo", "--timeout", "60"];
const HASTY: [&str; 4] = ["get", "demo", "--timeout", "3"];
/// Time enough to send its request wherever the tests run, and then it gives up.
const BRIEF: [&str; 4] = ["get", "demo", "--timeout", "8"];

/// One request, no reuse, and the stored token opens the server.
#[track_caller]
fn one_request_was_enough(server: &OAuthServer, sandbox: &Sandbox, before: &str) {
    let generation = sandbox.wait_for_successor(before);
    sandbox.wait_for_rest();
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((answer.text("source").as_str(), answer.text("generation")), ("cache", generation));
    assert_eq!((server.refreshes().len(), server.reuses()), (1, 0));
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

/// A refresh of an expired token whose worker was stopped after its caller had given up: the token's generation, and
/// the worker.
fn stopped() -> (OAuthServer, Sandbox, String, Pid) {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    let caller = held_caller(&server, &sandbox, &BRIEF);
    let worker = sandbox.worker();
    stop(worker);
    server.release();
    caller.end().fails("deadline", 75);
    (server, sandbox, before, worker)
}

#[test]
fn a_lock_holder_that_stands_still_costs_a_call_its_time_and_no_more_case_66() {
    let (server, sandbox, before, worker) = stopped();
    let waited = sandbox.run(&HASTY).fails("lock_timeout", 75);
    assert_eq!(waited.json()["error"]["retryable"], true);
    assert_eq!(sandbox.generation(), before);
    go_on(worker);
    one_request_was_enough(&server, &sandbox, &before);
}

#[test]
fn a_lock_holder_that_stands_still_ends_a_login_in_time_and_before_anybody_is_asked_case_66() {
    let (server, sandbox, before, worker) = stopped();
    let login = sandbox.run(&["login", "demo", "--timeout", "8"]).ends("lock_timeout", 75);
    assert!(login.stderr.contains("waiting for a refresh of the old token to end"), "{}", login.stderr);
    assert_eq!(sandbox.opened(), [""; 0]);
    go_on(worker);
    one_request_was_enough(&server, &sandbox, &before);
}

#[test]
fn a_token_with_life_left_is_answered_while_the_lock_holder_stands_still_case_66() {
    let (server, sandbox) = ageing();
    let before = sandbox.generation();
    let caller = held_caller(&server, &sandbox, &LONGER_LIFE);
    let worker = sandbox.worker();
    stop(worker);
    server.release();
    for answer in [caller.end(), sandbox.run(&LONGER_LIFE)] {
        let answer = answer.succeeds();
        assert_eq!((answer.text("source").as_str(), answer.text("generation")), ("stale_ok", before.clone()));
        assert_eq!(answer.json()["min_ttl_met"], false);
        assert!(server.mcp_accepts(&answer.text("access_token")));
    }
    let rejected = ["refresh", "demo", "--rejected-generation", &before, "--timeout", "1"];
    sandbox.run(&rejected).fails("lock_timeout", 75);
    go_on(worker);
    one_request_was_enough(&server, &sandbox, &before);
}

#[test]
fn a_killed_lock_holder_leaves_the_lock_free_case_66() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, Fault::Hang, Times::Next(1));
    let caller = sandbox.start_group(&PATIENT);
    wait_until_held(&server);
    let waiting = sandbox.start_group(&PATIENT);
    support::process::kill(sandbox.worker());
    let answers = [caller.end().succeeds(), waiting.end().succeeds()];
    assert_eq!(answers[0].text("generation"), answers[1].text("generation"));
    assert_eq!((server.refreshes().len(), server.reuses()), (2, 0));
}

#[test]
fn a_lock_that_was_handed_over_counts_only_where_it_lies_and_while_nobody_else_holds_it_case_68() {
    let sandbox = Sandbox::new();
    let (path, other) = (sandbox.home().join("lock"), sandbox.home().join("other"));
    let open = |path: &Path| File::options().write(true).create(true).truncate(false).open(path).unwrap();
    assert!(Held::inherited(open(&other), &path).is_err(), "nothing lies there");
    let held = Held::inherited(open(&path), &path).unwrap();
    assert!(Held::inherited(open(&other), &path).is_err(), "another file lies there");
    assert!(Held::inherited(open(&path), &path).is_err(), "somebody else holds it");
    drop(held);
    assert!(Held::inherited(open(&path), &path).is_ok());
}

#[test]
fn a_lock_file_deleted_while_held_leads_to_no_second_redemption_case_68() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    let caller = held_caller(&server, &sandbox, &PATIENT);
    fs::remove_file(lock_file(&sandbox)).unwrap();
    sandbox.run(&HASTY).fails("lock_timeout", 75);
    assert_eq!(server.refreshes().len(), 1);
    server.release();
    assert_eq!(caller.end().succeeds().text("source"), "refreshed");
    one_request_was_enough(&server, &sandbox, &before);
}

#[test]
fn a_lock_file_replaced_while_held_leads_to_no_second_redemption_case_68() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    let caller = held_caller(&server, &sandbox, &PATIENT);
    let waiting: Vec<_> = (0..3).map(|_| sandbox.start_group(&PATIENT)).collect();
    let other = sandbox.state("oauth/other");
    fs::write(&other, "").unwrap();
    fs::rename(&other, lock_file(&sandbox)).unwrap();
    sandbox.run(&HASTY).fails("lock_timeout", 75);
    assert_eq!(server.refreshes().len(), 1);
    server.release();
    let answer = caller.end().succeeds();
    for ran in waiting {
        assert_eq!(ran.end().succeeds().text("generation"), answer.text("generation"));
    }
    one_request_was_enough(&server, &sandbox, &before);
}

/// Nothing of a login is left but what may stay: the registration and the lock files.
#[track_caller]
fn nobody_is_logged_in(server: &OAuthServer, sandbox: &Sandbox) {
    sandbox.wait_for_rest();
    let mut files = sandbox.files();
    files.retain(|name| ![".lock", ".login"].iter().any(|end| name.ends_with(end)));
    assert_eq!(files, ["demo.client.json"]);
    let requests = server.refreshes().len();
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert_eq!(server.refreshes().len(), requests);
}

#[test]
fn an_erase_during_a_slow_refresh_waits_for_it_and_nothing_comes_back_case_69() {
    let (server, sandbox) = expired();
    let caller = held_caller(&server, &sandbox, &PATIENT);
    let mut erase = sandbox.start_group(&["erase", "demo"]);
    assert!(erase.first_line().contains("waiting for a refresh under way"), "it says what it waits for");
    assert!(sandbox.record().exists());
    server.release();
    let erased = erase.end().succeeds();
    assert_eq!(erased.json()["erased"], true);
    caller.end();
    nobody_is_logged_in(&server, &sandbox);
}

#[test]
fn an_erase_waits_for_a_refresh_whose_lock_file_was_deleted_case_69() {
    let (server, sandbox) = expired();
    let caller = held_caller(&server, &sandbox, &PATIENT);
    fs::remove_file(lock_file(&sandbox)).unwrap();
    let mut erase = sandbox.start_group(&["erase", "demo"]);
    assert!(erase.first_line().contains("waiting for a refresh under way"));
    server.release();
    assert_eq!(erase.end().succeeds().json()["erased"], true);
    caller.end();
    nobody_is_logged_in(&server, &sandbox);
}

#[test]
fn an_erase_that_runs_out_of_time_has_erased_nothing_case_69() {
    let (server, sandbox) = expired();
    let before = sandbox.generation();
    let caller = held_caller(&server, &sandbox, &PATIENT);
    let refused = sandbox.run(&["erase", "demo", "--timeout", "1"]);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (75, &"lock_timeout".into()));
    assert!(refused.stderr.contains("nothing was erased"), "{refused:?}");
    server.release();
    caller.end().succeeds();
    one_request_was_enough(&server, &sandbox, &before);
}

#[test]
fn an_erase_after_an_interrupted_refresh_takes_its_traces_along() {
    let (server, sandbox) = expired();
    let caller = held_caller(&server, &sandbox, &PATIENT);
    let worker = sandbox.worker();
    caller.kill(rustix::process::Signal::KILL);
    support::process::kill(worker);
    sandbox.wait_for_rest();
    assert_eq!(sandbox.leftovers(), ["demo.token.json.intent", "demo.token.json.next"]);
    assert_eq!(sandbox.run(&["erase", "demo"]).succeeds().json()["erased"], true);
    nobody_is_logged_in(&server, &sandbox);
}
