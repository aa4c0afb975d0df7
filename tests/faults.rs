//! A token endpoint that fails without a word about the token: nothing is lost, nobody has to log in, and
//! every call ends in its time.
//!
//! The server revokes the family at the first reuse of a refresh token, unless a test says otherwise.

mod support;

use oauthserver::{Endpoint, Fault, OAuthServer, Reuse, Settings, Times};
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;
use support::{LONGER_LIFE, PATIENCE, Ran, Sandbox, ageing, expired, expired_at, server};

/// What a fault must come to: the code, the exit status, and the number of requests.
type Outcome = (&'static str, i32, usize);

/// The same in three tries, with a pause between them.
const THREE_TRIES: Outcome = ("unavailable", 75, 3);
/// What says nothing says no more to the same question.
const ONE_TRY: Outcome = ("unavailable", 75, 1);
/// A lost connection is tried again at once, and then no more.
const ONCE_MORE: Outcome = ("unavailable", 75, 2);

/// Every refresh meets `fault`; what became of one.
fn met(server: &OAuthServer, sandbox: &Sandbox, fault: &Fault) -> (Ran, usize) {
    let before = server.refreshes().len();
    server.fault(Endpoint::Refresh, fault.clone(), Times::Always);
    let ran = sandbox.refresh();
    sandbox.wait_for_rest();
    (ran, server.refreshes().len() - before)
}

/// The refresh fails as expected and changes nothing; without the fault the next one works.
#[track_caller]
fn passes(server: &OAuthServer, sandbox: &Sandbox, fault: &Fault, expected: Outcome) -> Ran {
    let (code, status, requests) = expected;
    let record = fs::read(sandbox.record()).unwrap();
    let (ran, sent) = met(server, sandbox, fault);
    let ran = ran.fails(code, status);
    assert_eq!(sent, requests, "requests for {}", fault.name());
    if expected != ONCE_MORE {
        let kept: &[&str] = if leaves_a_doubt(fault) { &["demo.token.json.intent"] } else { &[] };
        assert_eq!(sandbox.leftovers(), kept, "{}", fault.name());
    }
    assert_eq!(ran.json()["error"]["code"], code);
    assert_eq!(fs::read(sandbox.record()).unwrap(), record, "{} changed the record", fault.name());
    server.clear_faults();
    sandbox.forget_state();
    let after = sandbox.refresh().succeeds();
    assert_eq!(after.text("source"), "refreshed", "after {}", fault.name());
    assert!(server.mcp_accepts(&after.text("access_token")));
    assert_eq!((server.reuses(), server.family_revoked()), (0, false), "after {}", fault.name());
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]), "after {}", fault.name());
    ran
}

/// An answer of a server that failed or of a gateway, or one that begins as a success and is thrown away.
fn leaves_a_doubt(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Status { code: 500 | 502 | 504 | 520 | 524, .. } | Fault::BigBody(_) | Fault::Endless
    )
}

#[test]
fn a_server_error_is_met_three_times_and_costs_nothing_case_44() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let ran = passes(&server, &sandbox, &Fault::status(503), THREE_TRIES);
    assert_eq!(ran.json()["error"]["retryable"], true);
    passes(&server, &sandbox, &Fault::json_error(400, "temporarily_unavailable"), THREE_TRIES);
}

#[test]
fn a_web_page_or_nothing_in_place_of_an_answer_costs_nothing_case_44() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    passes(&server, &sandbox, &Fault::html(400), THREE_TRIES);
    passes(&server, &sandbox, &Fault::html(200), THREE_TRIES);
    for code in [400, 401] {
        let ran = passes(&server, &sandbox, &Fault::status(code), ONE_TRY);
        assert!(ran.stderr.contains("if it stays so, run `mcp-credential login demo`"), "{ran:?}");
    }
    passes(&server, &sandbox, &Fault::status(403), THREE_TRIES);
    passes(&server, &sandbox, &Fault::body(400, "application/json", "{\"error\":"), THREE_TRIES);
}

#[test]
fn a_server_error_that_passes_is_not_even_noticed() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, Fault::status(503), Times::Next(1));
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((answer.text("source").as_str(), server.refreshes().len()), ("refreshed", 2));
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

#[test]
fn a_server_that_asks_to_wait_is_obeyed_case_44() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let long = Fault::too_many_requests(60);
    let ran = passes(&server, &sandbox, &long, ("rate_limited", 75, 1));
    let wait = ran.json()["error"]["retry_after"].as_u64().unwrap();
    assert!((50..=60).contains(&wait), "{wait}");
    let unsaid = passes(&server, &sandbox, &Fault::status(429), ("rate_limited", 75, 3));
    assert_eq!(unsaid.json()["error"].get("retry_after"), None);
    passes(&server, &sandbox, &Fault::status(503).header("Retry-After", "60"), ("unavailable", 75, 1));
}

#[test]
fn no_redirect_is_followed_and_the_token_reaches_one_host_case_19() {
    let (server, elsewhere) = (server(3600), server(3600));
    let sandbox = Sandbox::logged_in(&server);
    for code in [301, 302, 303, 307, 308] {
        let location = elsewhere.token_endpoint();
        let ran = passes(&server, &sandbox, &Fault::Redirect { code, location }, THREE_TRIES);
        assert!(ran.stderr.contains("redirect") && ran.stderr.contains(&format!("HTTP {code}")), "{ran:?}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_flood_in_place_of_an_answer_is_cut_off_case_17() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let refused = ("untrusted_server", 5, 1);
    passes(&server, &sandbox, &Fault::BigBody(2 * 1024 * 1024 * 1024), refused);
    passes(&server, &sandbox, &Fault::Endless, refused);
}

#[test]
fn junk_in_place_of_http_is_tried_once_more_and_costs_nothing_case_51() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for junk in ["", "HTTP/1.1 2", "SSH-2.0-OpenSSH\r\n", "\0\u{1b}[31m\r\n\r\n"] {
        let ran = passes(&server, &sandbox, &Fault::RawBytes(junk.into()), ONCE_MORE);
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
}

#[test]
fn a_connection_dropped_before_the_server_acted_is_tried_again_at_once_with_the_same_token_case_51() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, Fault::DropBeforeCommit, Times::Next(1));
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.text("source"), "refreshed");
    let refreshes = server.refreshes();
    assert_eq!((refreshes.len(), server.reuses()), (2, 0));
    assert_eq!(refreshes[0].form_value("refresh_token"), refreshes[1].form_value("refresh_token"));
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
    passes(&server, &sandbox, &Fault::DropBeforeCommit, ONCE_MORE);
}

/// Ways to lose an answer that the server has given.
const LOST: [Fault; 2] = [Fault::DropAfterCommit, Fault::Truncate];

#[test]
fn an_answer_lost_on_its_way_is_had_again_from_a_forgiving_server_case_51() {
    for reuse in [Reuse::Accept, Reuse::Grace(Duration::from_secs(60))] {
        let (server, sandbox) = expired_at(Settings { reuse, ..Settings::default() });
        for fault in LOST {
            let before = server.refreshes().len();
            server.fault(Endpoint::Refresh, fault, Times::Next(1));
            let answer = sandbox.refresh().succeeds();
            assert_eq!((answer.text("source").as_str(), server.refreshes().len() - before), ("refreshed", 2));
            assert!(server.mcp_accepts(&answer.text("access_token")));
            assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
        }
    }
}

#[test]
fn an_answer_lost_on_its_way_from_a_strict_server_is_told_as_interrupted_case_51() {
    for fault in LOST {
        let (server, sandbox) = expired();
        server.fault(Endpoint::Refresh, fault, Times::Next(1));
        let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
        assert!(refused.stderr.contains("a previous refresh was interrupted"), "{refused:?}");
        assert_eq!(server.refreshes().len(), 2, "the same token once more, and no more");
        assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
    }
}

#[test]
fn a_connection_that_is_lost_twice_is_remembered_until_it_is_answered() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, Fault::DropAfterCommit, Times::Next(1));
    server.fault(Endpoint::Refresh, Fault::DropBeforeCommit, Times::Next(1));
    sandbox.run(&["get", "demo"]).fails("unavailable", 75);
    sandbox.wait_for_rest();
    assert_eq!(sandbox.leftovers(), ["demo.token.json.intent"]);
    server.fault(Endpoint::Refresh, Fault::too_many_requests(60), Times::Next(1));
    sandbox.forget_state();
    sandbox.run(&["get", "demo"]).fails("rate_limited", 75);
    sandbox.forget_state();
    let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(refused.stderr.contains("a previous refresh was interrupted"), "{refused:?}");
    assert_eq!(sandbox.leftovers(), [""; 0]);
}

#[test]
fn a_server_that_fails_or_whose_gateway_gives_up_before_it_acted_costs_nothing_case_44() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for code in [500, 502, 504, 520, 524] {
        let ran = passes(&server, &sandbox, &Fault::html(code), THREE_TRIES);
        assert!(ran.stderr.contains("whether it has acted is not known"), "{ran:?}");
    }
}

#[test]
fn a_server_that_fails_or_whose_gateway_gives_up_after_it_acted_is_told_as_interrupted_case_51() {
    for code in [500, 502, 504] {
        let (server, sandbox) = expired();
        server.fault(Endpoint::Refresh, Fault::html(code).after_commit(), Times::Next(1));
        let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
        assert!(refused.stderr.contains("a previous refresh was interrupted"), "{refused:?}");
        assert_eq!((server.refreshes().len(), sandbox.leftovers()), (2, vec![]));
    }
}

#[test]
fn a_success_that_cannot_be_read_is_not_asked_for_again_at_once_and_is_told_as_interrupted_case_51() {
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".as_slice();
    for (fault, why) in [
        (
            Fault::body(200, "application/json", packed).header("Content-Encoding", "gzip"),
            "compressed (gzip)",
        ),
        (Fault::body(200, "application/json", "[]"), "neither a JSON object nor a form"),
    ] {
        let (server, sandbox) = expired();
        server.fault(Endpoint::Refresh, fault.after_commit(), Times::Next(1));
        let refused = sandbox.run(&["get", "demo", "--timeout", "60"]).fails("unavailable", 75);
        assert!(refused.stderr.contains(why) && !refused.stderr.contains("nothing is lost"), "{refused:?}");
        sandbox.wait_for_rest();
        assert_eq!((server.refreshes().len(), server.reuses()), (1, 0), "{refused:?}");
        assert_eq!(sandbox.leftovers(), ["demo.token.json.intent"]);
        sandbox.forget_state();
        let refused = sandbox.run(&["get", "demo", "--timeout", "60"]).fails("interaction_required", 4);
        assert!(refused.stderr.contains("a previous refresh was interrupted"), "{refused:?}");
    }
}

#[test]
fn the_doubt_that_a_gateway_leaves_is_remembered_until_it_is_answered_case_51() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, Fault::html(504).after_commit(), Times::Next(1));
    server.fault(Endpoint::Refresh, Fault::status(503), Times::Next(2));
    sandbox.run(&["get", "demo"]).fails("unavailable", 75);
    sandbox.wait_for_rest();
    assert_eq!(sandbox.leftovers(), ["demo.token.json.intent"]);
    sandbox.forget_state();
    let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(refused.stderr.contains("a previous refresh was interrupted"), "{refused:?}");
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

/// Faults that take longer than any caller waits.
fn slow() -> [Fault; 3] {
    [Fault::Hang, Fault::HoldAfterCommit, Fault::Drip { interval: Duration::from_millis(200) }]
}

#[test]
fn a_silent_or_dripping_server_costs_a_call_its_time_and_the_answer_is_there_for_the_next_case_21() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    for (count, fault) in slow().into_iter().enumerate() {
        let before = sandbox.generation();
        server.fault(Endpoint::Refresh, fault, Times::Next(1));
        let hasty = ["refresh", "demo", "--rejected-generation", &before, "--timeout", "5"];
        let late = sandbox.run(&hasty).fails("deadline", 75);
        assert_eq!(late.json()["error"]["retryable"], true);
        assert_eq!(sandbox.generation(), before);
        // On a busy machine the request may be sent only after its caller has given up.
        assert!(server.wait_for(|log| log.refreshes().len() == count + 1, PATIENCE), "nothing was sent");
        server.release();
        let generation = sandbox.wait_for_successor(&before);
        assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("generation"), generation);
        sandbox.wait_for_rest();
        assert_eq!((server.refreshes().len(), server.reuses()), (count + 1, 0));
        assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
    }
}

#[test]
fn a_token_with_life_left_is_the_answer_when_the_server_is_slow_or_failing() {
    let (server, sandbox) = ageing();
    let record = fs::read(sandbox.record()).unwrap();
    let generation = sandbox.generation();
    for fault in [Fault::status(503), Fault::too_many_requests(60), Fault::DropBeforeCommit, Fault::Hang] {
        server.fault(Endpoint::Refresh, fault.clone(), Times::Always);
        let answer = sandbox.run(&LONGER_LIFE).succeeds();
        assert_eq!(answer.text("source"), "stale_ok", "{}", fault.name());
        assert_eq!(answer.text("generation"), generation);
        assert!(server.mcp_accepts(&answer.text("access_token")));
        // So that a worker which still waits has nobody to ask again.
        server.go_offline();
        sandbox.wait_for_rest();
        server.clear_faults();
        server.go_online().unwrap();
        sandbox.forget_state();
    }
    assert_eq!(fs::read(sandbox.record()).unwrap(), record);
    let answer = sandbox.run(&["get", "demo", "--min-ttl", "59", "--timeout", "60"]).succeeds();
    assert_eq!((answer.text("source").as_str(), server.reuses()), ("refreshed", 0));
    assert_eq!((sandbox.opened(), sandbox.leftovers()), (vec![], vec![]));
}

/// Until when a failure is shared, changed as told. What it is afterwards.
fn shared_until(sandbox: &Sandbox, change: impl Fn(u64) -> u64) -> u64 {
    let path = sandbox.state("oauth/demo.token.json.state");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let (at, until) = (&state["shared"]["at"], state["shared"]["until"].as_u64().unwrap());
    assert_eq!(until - at.as_u64().unwrap(), 5, "{state}");
    let until = change(until);
    state["shared"]["until"] = json!(until);
    fs::write(&path, state.to_string()).unwrap();
    until
}

#[test]
fn callers_of_any_configuration_keep_a_pause_that_the_token_endpoint_asks_for() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, Fault::too_many_requests(60), Times::Always);
    for audience in ["one", "two", "one", "three"] {
        let mut command = sandbox.command(&["get", "demo", "--timeout", "60"]);
        let ran = support::ran(command.env("OAUTH2_AUDIENCE", audience).output().unwrap());
        ran.fails("rate_limited", 75);
    }
    assert_eq!(server.refreshes().len(), 1);
}

#[test]
fn a_failure_is_shared_for_a_few_seconds_and_then_forgotten_by_itself() {
    let (server, sandbox) = expired();
    server.fault(Endpoint::Refresh, Fault::status(503), Times::Always);
    let get = || sandbox.run(&["get", "demo", "--timeout", "60"]);
    get().fails("unavailable", 75);
    sandbox.wait_for_rest();
    // An hour more, so that the second call comes within it on any machine.
    shared_until(&sandbox, |until| until + 3600);
    get().fails("unavailable", 75);
    assert_eq!(server.refreshes().len(), 3, "the second call sent nothing");
    sandbox.forget_state();
    get().fails("unavailable", 75);
    sandbox.wait_for_rest();
    server.clear_faults();
    support::wait_until(shared_until(&sandbox, |until| until));
    assert_eq!(get().succeeds().text("source"), "refreshed");
    assert_eq!(server.refreshes().len(), 7);
}
