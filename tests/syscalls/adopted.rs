//! Answers that were synced when their worker was killed, and follow nothing that could be looked up: a first token of
//! a seed, a first login, a login in the place of one that has ended.

use crate::strace::{DIRECTORY, INTENT, Inject, NEXT, RENAME, SYNC, UNLINK, kill_at, start, trace};
use crate::support::{Ran, Running, Sandbox, end, serve, wait_for};
use oauthserver::browser::{self, Decision};
use oauthserver::{Client, Device, OAuthServer, Settings};
use serde_json::json;
use std::fs;

/// Calls after the answer was written whole.
const SAVED: [Inject; 4] = [
    kill_at(SYNC, NEXT, "2"),
    kill_at(RENAME, NEXT, "1"),
    kill_at(SYNC, DIRECTORY, "2"),
    kill_at(UNLINK, INTENT, "1"),
];

/// A server that knows the client `app`, and a home in which `demo` begins with a refresh token from elsewhere.
fn seeded() -> (OAuthServer, Sandbox) {
    let clients = vec![Client::public("app")];
    let server = serve(Settings { clients, ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    sow(&server, &sandbox);
    (server, sandbox)
}

fn sow(server: &OAuthServer, sandbox: &Sandbox) {
    let seed = server.issue_refresh_family("app", "").refresh_token;
    let oauth2 = json!({"clientId": "app", "refreshToken": seed});
    sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}}));
}

/// The login ends at the server.
fn end_all(server: &OAuthServer) {
    server.revoke_families();
    server.expire_access_tokens();
}

#[track_caller]
fn happened(sandbox: &Sandbox, fault: &Inject) {
    let log = fs::read_to_string(sandbox.home().join("strace.log")).unwrap();
    assert!(log.contains("+++ killed by SIGKILL"), "{fault:?} did not happen: {log}");
}

/// The next `get` has the token of the one request that was sent.
#[track_caller]
fn has_it(server: &OAuthServer, sandbox: &Sandbox, fault: &Inject, requests: usize) -> Ran {
    let answer = sandbox.run(&["get", "demo", "--timeout", "60"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")), "{fault:?}");
    assert_eq!((server.token_requests().len(), server.reuses()), (requests, 0), "{fault:?}");
    answer
}

#[test]
fn a_first_token_of_a_seed_whose_worker_is_killed_after_saving_is_adopted_and_the_seed_spent_case_74() {
    for fault in SAVED {
        let (server, sandbox) = seeded();
        let get = ["get", "demo", "--timeout", "60"];
        let killed = trace(&sandbox, &fault.options(&sandbox), &get).ran;
        happened(&sandbox, &fault);
        assert!([0, 75].contains(&killed.status), "{fault:?} {killed:?}");
        has_it(&server, &sandbox, &fault, 1);
        // Where the login ends, the seed is not tried again.
        end_all(&server);
        sandbox.refresh().fails("interaction_required", 4);
        sandbox.forget_state();
        let ended = sandbox.refresh().fails("interaction_required", 4);
        assert!(!ended.stderr.contains("interrupted"), "{fault:?} {ended:?}");
        assert_eq!((server.refreshes().len(), server.reuses()), (2, 0), "{fault:?}");
        assert_eq!(sandbox.leftovers(), [""; 0], "{fault:?}");
    }
}

#[test]
fn a_seed_in_the_place_of_a_login_that_has_ended_is_spent_when_its_answer_is_adopted_case_74() {
    let (server, sandbox) = seeded();
    sandbox.run(&["get", "demo"]).succeeds();
    end_all(&server);
    sandbox.refresh().fails("interaction_required", 4);
    sow(&server, &sandbox);
    let fault = kill_at(RENAME, NEXT, "1");
    let before = sandbox.generation();
    let refresh = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &before];
    trace(&sandbox, &fault.options(&sandbox), &refresh).ran.fails("unavailable", 75);
    happened(&sandbox, &fault);
    let requests = server.token_requests().len();
    let adopted = sandbox.run(&refresh).succeeds();
    assert_eq!(adopted.text("source"), "already_rotated");
    end_all(&server);
    sandbox.refresh().fails("interaction_required", 4);
    sandbox.forget_state();
    let ended = sandbox.refresh().fails("interaction_required", 4);
    assert!(!ended.stderr.contains("interrupted"), "{ended:?}");
    assert_eq!((server.token_requests().len(), server.reuses()), (requests + 1, 0));
}

/// Logs in under strace, in a browser or on another device.
fn login(sandbox: &Sandbox, fault: &Inject, arguments: &[&str]) -> Ran {
    let child = start(sandbox, &fault.options(sandbox), arguments);
    if arguments.contains(&"--device") {
        let running = Running::watch(child);
        let address = wait_for("the address with the code", || {
            running.said().lines().find(|line| line.contains("?user_code=")).map(str::to_owned)
        });
        browser::visit_and(&address, Decision::Approve).unwrap();
        return running.end();
    }
    browser::visit(&sandbox.asked_url()).unwrap();
    end(child)
}

#[test]
fn a_first_login_whose_worker_is_killed_after_saving_is_finished_before_anything_is_said_case_74() {
    for way in ["--no-device", "--device"] {
        for fault in SAVED {
            let server = serve(Settings { device: Some(Device::default()), ..Settings::default() });
            let sandbox = Sandbox::with(&server);
            let ran = login(&sandbox, &fault, &["login", "demo", way, "--timeout", "60"]);
            happened(&sandbox, &fault);
            let requests = server.token_requests().len();
            // Whoever finishes it makes the same rename, and is killed there as well.
            if fault.calls != RENAME {
                assert!(ran.succeeds().stderr.contains("logged in"), "{fault:?}");
            }
            has_it(&server, &sandbox, &fault, requests);
            assert_eq!(sandbox.opened().len(), usize::from(way == "--no-device"), "nobody is asked again");
        }
    }
}

#[test]
fn a_login_that_was_begun_anew_over_one_that_has_ended_is_adopted_by_a_get_case_74() {
    let server = serve(Settings::default());
    let sandbox = Sandbox::logged_in(&server);
    end_all(&server);
    sandbox.refresh().fails("interaction_required", 4);
    let fault = kill_at(RENAME, NEXT, "1");
    sandbox.forget_browser();
    login(&sandbox, &fault, &["login", "demo", "--timeout", "60"]);
    happened(&sandbox, &fault);
    let requests = server.token_requests().len();
    let held = sandbox.generation();
    let answer =
        sandbox.run(&["refresh", "demo", "--timeout", "60", "--rejected-generation", &held]).succeeds();
    assert_eq!(answer.text("source"), "already_rotated");
    assert_eq!((server.token_requests().len(), server.reuses()), (requests, 0));
}

#[test]
fn a_login_over_a_record_that_cannot_be_read_is_taken_up_by_the_next_call_case_74() {
    let get = ["get", "demo", "--timeout", "60"];
    for verb in [&get[..], &["refresh", "demo", "--timeout", "60"]] {
        let server = serve(Settings::default());
        let sandbox = Sandbox::logged_in(&server);
        fs::write(sandbox.record(), "junk").unwrap();
        sandbox.run(&get).fails("cache_damaged", 5);
        let fault = kill_at(RENAME, Some("demo.token.json"), "1");
        login(&sandbox, &fault, &["login", "demo", "--timeout", "60"]);
        happened(&sandbox, &fault);
        assert_eq!(fs::read_to_string(sandbox.record()).unwrap(), "junk", "it was not displaced yet");
        let requests = server.token_requests().len();
        let answer = sandbox.run(verb).succeeds();
        assert!(server.mcp_accepts(&answer.text("access_token")));
        assert_eq!((server.token_requests().len(), server.reuses()), (requests, 0));
        assert!(sandbox.files().iter().any(|name| name.starts_with("demo.token.json.damaged-")));
        assert_eq!(sandbox.opened().len(), 1, "nobody is asked again");
    }
}

#[test]
fn a_granted_login_with_the_wrong_key_that_is_killed_lets_the_right_one_spend_nothing_twice_case_74() {
    let client = Client::public("app").redirect_uri("http://127.0.0.1/callback").any_loopback_port();
    let server = serve(Settings { clients: vec![client], ..Settings::default() });
    let sandbox = Sandbox::configured(&server, &json!({"clientId": "app"}));
    sandbox.login("demo").succeeds();
    let held = sandbox.generation();
    let refresh = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &held];
    let fault = kill_at(RENAME, NEXT, "1");
    trace(&sandbox, &fault.options(&sandbox), &refresh).ran.fails("unavailable", 75);
    happened(&sandbox, &fault);
    sandbox.forget_browser();
    let wrong = "YW5vdGhlci1rZXktb2YtZXhhY3RseS0zMi1ieXRlcyE=";
    let sandbox = sandbox.variable("MCP_CREDENTIAL_KEY", wrong);
    // The answer of the other key is gone from its place by then.
    let fault = kill_at(RENAME, Some("demo.token.json.intent.draft"), "1");
    login(&sandbox, &fault, &["login", "demo", "--timeout", "60"]);
    happened(&sandbox, &fault);
    let requests = server.token_requests().len();
    let sandbox = sandbox.without_variables();
    sandbox.run(&refresh);
    assert_eq!((server.reuses(), server.family_revoked()), (0, false));
    assert_eq!(server.token_requests().len(), requests);
    assert_eq!(sandbox.opened().len(), 1);
}

#[test]
fn a_first_answer_that_is_adopted_is_bound_like_any_other_case_8() {
    let (server, sandbox) = seeded();
    let fault = kill_at(RENAME, NEXT, "1");
    trace(&sandbox, &fault.options(&sandbox), &["get", "demo", "--timeout", "60"])
        .ran
        .fails("unavailable", 75);
    happened(&sandbox, &fault);
    let (other, requests) = (serve(Settings::default()), server.token_requests().len());
    sandbox
        .write_config(&json!({"servers": {"demo": {"url": other.mcp_url(), "oauth2": {"clientId": "app"}}}}));
    sandbox.run(&["get", "demo"]).fails("url_mismatch", 5);
    assert_eq!((server.token_requests().len(), other.requests().len()), (requests, 0));
}
