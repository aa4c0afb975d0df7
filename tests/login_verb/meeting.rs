//! Logins of one name that meet: one browser, one registration, one token for all.

use crate::support::{PATIENCE, Ran, Running, Sandbox, serve, server, wait_for};
use oauthserver::browser::{self, Decision};
use oauthserver::{Consent, Endpoint, Fault, OAuthServer, Settings, Times};
use std::collections::HashSet;

const ALWAYS: [&str; 4] = ["get", "demo", "--interactive", "always"];
const WAITS: &str = "another login is under way; waiting for its token";

fn asking() -> OAuthServer {
    serve(Settings { consent: Consent::Form, ..Settings::default() })
}

/// `count` cold starts at once; the person answers when all but the leader wait.
fn cold_starts(sandbox: &Sandbox, count: usize, decision: Decision) -> Vec<Ran> {
    let crowd: Vec<Running> = (0..count).map(|_| sandbox.watch(&ALWAYS)).collect();
    let url = sandbox.asked_url();
    let waiting = || crowd.iter().filter(|running| running.said().contains(WAITS)).count();
    wait_for("the others to wait", || (waiting() == count - 1).then_some(()));
    browser::visit_and(&url, decision).unwrap();
    crowd.into_iter().map(Running::end).collect()
}

#[test]
fn case_41_fifty_cold_starts_share_one_browser_one_registration_and_one_token() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let crowd = cold_starts(&sandbox, 50, Decision::Approve);
    for ran in &crowd {
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    let tokens: HashSet<String> = crowd.iter().map(|ran| ran.text("access_token")).collect();
    assert_eq!(tokens.len(), 1);
    let led = crowd.iter().filter(|ran| ran.text("source") == "login").count();
    assert_eq!((led, sandbox.opened().len()), (1, 1));
    assert_eq!((server.registrations().len(), server.token_requests().len()), (1, 1));
    assert!(server.mcp_accepts(tokens.iter().next().unwrap()));
}

#[test]
fn a_person_who_says_no_to_one_of_twenty_has_said_it_to_all() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let crowd = cold_starts(&sandbox, 20, Decision::Deny);
    let with = |status| crowd.iter().filter(|ran| ran.status == status).count();
    assert_eq!((with(6), with(4)), (1, 19), "{crowd:?}");
    assert_eq!(sandbox.opened().len(), 1, "one browser, not twenty");
}

#[test]
fn case_41_the_second_of_two_logins_takes_the_token_of_the_first() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let first = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    let second = sandbox.watch(&["login", "demo"]);
    second.says(WAITS);
    browser::visit(&url).unwrap();
    first.end().succeeds();
    let second = second.end().succeeds();
    assert!(second.stderr.contains("another login has just been completed"), "{second:?}");
    assert_eq!((sandbox.opened().len(), server.registrations().len()), (1, 1));
    assert_eq!(server.token_requests().len(), 1);
}

#[test]
fn a_login_that_waits_in_vain_says_so_and_asks_nobody() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let first = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    sandbox.run(&["login", "demo", "--timeout", "1"]).ends("lock_timeout", 75);
    assert_eq!(sandbox.opened().len(), 1);
    browser::visit(&url).unwrap();
    first.end().succeeds();
}

#[test]
fn case_41_when_the_one_that_leads_is_killed_another_takes_over() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let leader = sandbox.watch(&ALWAYS);
    sandbox.asked_url();
    let follower = sandbox.watch(&ALWAYS);
    follower.says(WAITS);
    leader.kill();
    let url = wait_for("the second browser", || sandbox.opened().get(1).cloned());
    browser::visit(&url).unwrap();
    assert_eq!(follower.end().succeeds().text("source"), "login");
    assert_eq!(server.registrations().len(), 1, "the client of the first is used");
}

#[test]
fn a_login_that_is_killed_while_its_code_is_exchanged_is_finished() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    server.fault(Endpoint::Token, Fault::HoldAfterCommit, Times::Next(1));
    let login = sandbox.watch(&["login", "demo"]);
    browser::visit(&sandbox.asked_url()).unwrap();
    assert!(server.wait_for(|log| log.held() == 1, PATIENCE));
    login.kill();
    server.release();
    wait_for("the record", || sandbox.record().exists().then_some(()));
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
}

#[test]
fn a_get_without_interaction_waits_for_the_login_under_way() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let login = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    let get = sandbox.watch(&["get", "demo", "--timeout", "60"]);
    get.opens(&sandbox.state("oauth/demo.token.json.login"));
    browser::visit(&url).unwrap();
    login.end().succeeds();
    let answer = get.end().succeeds();
    assert_eq!(answer.stderr, "");
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!((sandbox.opened().len(), server.token_requests().len()), (1, 1));
}

#[test]
fn a_get_without_interaction_waits_no_longer_than_its_budget() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    let login = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    let refused = sandbox.run(&["get", "demo", "--timeout", "0"]).fails("interaction_required", 4);
    assert!(refused.stderr.contains("a login is under way"), "{}", refused.stderr);
    browser::visit(&url).unwrap();
    login.end().succeeds();
}

#[test]
fn a_get_that_may_not_ask_again_still_waits_for_the_login_that_a_person_started() {
    let server = asking();
    let sandbox = Sandbox::with(&server);
    sandbox.person(&["login", "demo"], Decision::Deny).ends("denied", 6);
    sandbox.forget_browser();
    let login = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    let get = sandbox.watch(&["get", "demo", "--interactive", "always", "--timeout", "60"]);
    get.opens(&sandbox.state("oauth/demo.token.json.login"));
    browser::visit(&url).unwrap();
    login.end().succeeds();
    get.end().succeeds();
    assert_eq!(sandbox.opened().len(), 1);
}

#[test]
fn a_fresh_token_is_answered_while_somebody_logs_in_anew() {
    let server = asking();
    let sandbox = Sandbox::logged_in(&server);
    let login = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    let before = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(before.text("source"), "cache");
    browser::visit(&url).unwrap();
    login.end().succeeds();
    assert_ne!(sandbox.run(&["get", "demo"]).succeeds().text("generation"), before.text("generation"));
}

#[test]
fn two_names_log_in_side_by_side() {
    let (first, second) = (server(3600), server(3600));
    let sandbox = Sandbox::with(&first);
    sandbox.run(&["add", "demo@work", &second.mcp_url()]).succeeds();
    let one = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    sandbox.person(&["login", "demo@work"], Decision::Approve).succeeds();
    browser::visit(&url).unwrap();
    one.end().succeeds();
    assert!(first.mcp_accepts(&sandbox.run(&["get", "demo"]).succeeds().text("access_token")));
    assert!(second.mcp_accepts(&sandbox.run(&["get", "demo@work"]).succeeds().text("access_token")));
}
