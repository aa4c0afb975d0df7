//! When a browser may open, and what follows a login that did not end well.

use crate::support::{Ran, Running, Sandbox, serve, server, wait_for};
use oauthserver::browser::{self, Decision};
use oauthserver::{Consent, OAuthServer, Settings};
use serde_json::{Value, json};
use std::process::Stdio;

const ALWAYS: [&str; 4] = ["get", "demo", "--interactive", "always"];

fn asking() -> OAuthServer {
    serve(Settings { consent: Consent::Form, ..Settings::default() })
}

#[track_caller]
fn refuses_at_once(ran: Ran, sandbox: &Sandbox) {
    let refused = ran.fails("interaction_required", 4);
    assert_eq!(refused.json()["error"]["login"], json!(["mcp-credential", "login", "demo"]));
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn a_get_that_owns_the_wait_logs_in_and_answers() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let answer = sandbox.person(&ALWAYS, Decision::Approve).succeeds();
    assert_eq!(answer.text("source"), "login");
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(sandbox.run(&ALWAYS).succeeds().text("source"), "cache");
    assert_eq!(sandbox.opened().len(), 1);
}

#[test]
fn a_browser_that_cannot_be_started_is_named_and_no_other_is_opened() {
    let server = asking();
    for browser in ["/nonexistent", "no-such-browser %s:/nonexistent --new"] {
        let sandbox = Sandbox::with(&server).variable("BROWSER", browser);
        let ended = sandbox.run(&["login", "demo", "--timeout", "5"]).ends("deadline", 75);
        assert!(ended.stderr.contains("what `BROWSER` names could not be started"), "{}", ended.stderr);
        assert!(ended.stderr.contains("open the address yourself"), "{}", ended.stderr);
        assert!(ended.stderr.contains("`--timeout` or `callbackTimeoutSeconds`"), "{}", ended.stderr);
    }
    let sandbox = Sandbox::with(&server);
    let second = format!("no-such-browser:{}", sandbox.home().join("browser").display());
    let sandbox = sandbox.variable("BROWSER", &second);
    sandbox.person(&["login", "demo"], Decision::Approve).succeeds();
}

#[test]
#[should_panic(expected = "a browser was opened unseen")]
fn a_browser_that_its_test_does_not_look_for_fails_it() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let login = sandbox.watch(&["login", "demo"]);
    let asked = sandbox.home().join("asked-to-open");
    wait_for("a browser", || std::fs::metadata(&asked).is_ok_and(|file| file.len() > 0).then_some(()));
    login.kill();
}

#[test]
fn a_refresh_that_cannot_be_had_is_a_login_where_one_may_start() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let held = sandbox.run(&["get", "demo"]).succeeds();
    server.revoke_families();
    let rejected = ["refresh", "demo", "--rejected-generation", &held.text("generation")];
    refuses_at_once(sandbox.run(&rejected), &sandbox);
    let again = [&rejected[..], &["--interactive", "always"]].concat();
    let answer = sandbox.person(&again, Decision::Approve).succeeds();
    assert_eq!(answer.text("source"), "login");
    assert_ne!(answer.text("access_token"), held.text("access_token"));
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(server.refreshes().len(), 1, "a dead refresh token is not sent again");
}

#[test]
fn a_person_who_says_no_is_not_asked_again_by_a_get_but_may_log_in() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let denied = sandbox.person(&["login", "demo"], Decision::Deny).ends("denied", 6);
    assert!(denied.stderr.contains("access_denied"), "{}", denied.stderr);
    assert_eq!(server.token_requests().len(), 0);
    sandbox.forget_browser();
    let quiet = sandbox.run(&ALWAYS);
    assert!(quiet.stderr.contains("10 more minutes"), "{}", quiet.stderr);
    refuses_at_once(quiet, &sandbox);
    sandbox.login("demo").succeeds();
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn a_login_that_nobody_finishes_ends_in_time_and_is_followed_by_quiet() {
    let server = serve(Settings { consent: Consent::Silent, ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    let ended = sandbox.person(&["login", "demo", "--timeout", "5"], Decision::Nothing).ends("deadline", 75);
    assert!(ended.stderr.contains("run `mcp-credential login demo`"), "{}", ended.stderr);
    sandbox.forget_browser();
    refuses_at_once(sandbox.run(&ALWAYS), &sandbox);
    refuses_at_once(sandbox.run(&["refresh", "demo", "--interactive", "always"]), &sandbox);
    server.reconfigure(|settings| settings.consent = Consent::Auto);
    sandbox.login("demo").succeeds();
}

#[test]
fn the_quiet_ends_after_ten_minutes_or_when_the_clock_was_set_back() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    for moved in [-601, 3600] {
        sandbox.person(&["login", "demo"], Decision::Deny).ends("denied", 6);
        refuse_quietly(&sandbox, -540);
        move_failure(&sandbox, moved);
        sandbox.person(&ALWAYS, Decision::Approve).succeeds();
        sandbox.run(&["erase", "demo"]).succeeds();
    }
}

#[track_caller]
fn refuse_quietly(sandbox: &Sandbox, moved: i64) {
    move_failure(sandbox, moved);
    let opened = sandbox.opened().len();
    sandbox.run(&ALWAYS).fails("interaction_required", 4);
    assert_eq!(sandbox.opened().len(), opened);
}

/// Sets the time of the failed login to `seconds` from now.
fn move_failure(sandbox: &Sandbox, seconds: i64) {
    let path = sandbox.state("oauth/demo.token.json.state");
    let mut state: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    state["login_failed_at"] = json!(now.checked_add_signed(seconds).unwrap());
    std::fs::write(&path, state.to_string()).unwrap();
}

#[test]
fn never_wins_over_always_wherever_it_is_said() {
    let server = server(3600);
    let configured = Sandbox::configured(&server, &json!({"interactive": false}));
    refuses_at_once(configured.run(&ALWAYS), &configured);
    let environment = Sandbox::with(&server).variable("MCP_CREDENTIAL_INTERACTIVE", "never");
    refuses_at_once(environment.run(&ALWAYS), &environment);
    let typed = Sandbox::configured(&server, &json!({"interactive": true}));
    refuses_at_once(typed.run(&["get", "demo", "--interactive", "never"]), &typed);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_typed_login_under_never_prints_the_address_and_opens_nothing() {
    let server = server(3600);
    let typed = Sandbox::with(&server);
    prints_only(&typed, &["login", "demo", "--interactive", "never"]);
    let configured = Sandbox::configured(&server, &json!({"interactive": "never"}));
    prints_only(&configured, &["login", "demo"]);
    let both = Sandbox::configured(&server, &json!({"interactive": "never"}));
    prints_only(&both, &["login", "demo", "--interactive", "always"]);
}

#[track_caller]
fn prints_only(sandbox: &Sandbox, arguments: &[&str]) {
    let running = sandbox.watch(arguments);
    let address = wait_for("the address", || {
        running.said().lines().find(|line| line.starts_with("http://")).map(str::to_owned)
    });
    browser::visit(&address).unwrap();
    let ran = running.end().succeeds();
    assert!(!ran.stderr.contains("Your browser"), "{ran:?}");
    assert_eq!(sandbox.opened(), [""; 0]);
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn auto_without_a_terminal_refuses_at_once() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    refuses_at_once(sandbox.run(&["get", "demo", "--interactive", "auto"]), &sandbox);
    refuses_at_once(sandbox.run(&["refresh", "demo"]), &sandbox);
    assert_eq!(server.requests().len(), 0);
}

/// Runs `get demo` with a terminal as its stderr, which is what comes back as stdout; `person` is at the
/// browser.
#[cfg(target_os = "linux")]
fn in_a_terminal(sandbox: &Sandbox, person: impl FnOnce()) -> Ran {
    let line =
        format!("'{}' get demo > '{}'", crate::support::PROGRAM, sandbox.home().join("answer").display());
    let mut command = sandbox.shell("exec script -qec \"$1\" /dev/null");
    let child = command.arg(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let running = Running::watch(child);
    person();
    running.end()
}

#[cfg(target_os = "linux")]
#[test]
fn auto_in_a_terminal_opens_the_browser_but_not_in_an_automated_build() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server).variable("CI", "true");
    let refused = in_a_terminal(&sandbox, || {});
    assert_eq!((refused.status, sandbox.opened().len()), (4, 0), "{refused:?}");
    assert!(refused.stdout.contains("[interaction_required]"), "{refused:?}");

    let sandbox = Sandbox::with(&server).variable("CI", "false");
    in_a_terminal(&sandbox, || drop(browser::visit(&sandbox.asked_url()).unwrap())).succeeds();
    let answer = std::fs::read_to_string(sandbox.home().join("answer")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&answer).unwrap()["source"], "login");
}
