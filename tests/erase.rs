//! `erase`: local, idempotent, conditional, and for good.

mod support;

use oauthserver::{Endpoint, Fault, OAuthServer, Times, browser};
use std::fs;
use support::{Ran, Running, Sandbox, server};

const ERASED: &str = "{\"version\":1,\"server\":\"demo\",\"erased\":true}\n";
const NOTHING: &str = "{\"version\":1,\"server\":\"demo\",\"erased\":false,\"reason\":\"nothing_stored\"}\n";
const NEWER: &str =
    "{\"version\":1,\"server\":\"demo\",\"erased\":false,\"reason\":\"generation_changed\"}\n";
const LOCKS: [&str; 2] = ["demo.token.json.lock", "demo.token.json.login"];

#[track_caller]
fn says(ran: Ran, answer: &str) {
    let ran = ran.succeeds();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), (answer, ""));
}

fn generation(sandbox: &Sandbox) -> String {
    sandbox.run(&["get", "demo"]).succeeds().text("generation")
}

/// A refresh of `sandbox` whose answer the server holds back, the old token spent.
fn refresh_under_way(sandbox: &Sandbox, server: &OAuthServer) -> Running {
    let held = generation(sandbox);
    server.fault(Endpoint::Refresh, Fault::HoldAfterCommit, Times::Next(1));
    let refresh = sandbox.watch(&["refresh", "demo", "--rejected-generation", &held, "--timeout", "60"]);
    assert!(server.wait_for(|log| log.held() == 1, support::PATIENCE));
    refresh
}

#[test]
fn erasing_is_idempotent_and_keeps_the_client() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    says(sandbox.run(&["erase", "demo"]), ERASED);
    assert_eq!(sandbox.files(), ["demo.client.json", LOCKS[0], LOCKS[1]]);
    says(sandbox.run(&["erase", "demo"]), NOTHING);
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 1, "the client was kept");
    assert_eq!(server.count("/revoke"), 0, "local, unless it is told to revoke");
}

#[test]
fn nothing_is_created_by_erasing_nothing() {
    let sandbox = Sandbox::new();
    says(sandbox.run(&["erase", "demo"]), NOTHING);
    assert!(!sandbox.state("").exists());
    sandbox.run(&["erase", "--", "../demo"]).fails("usage", 2);
}

#[test]
fn a_newer_generation_is_left_alone() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let old = generation(&sandbox);
    let new = sandbox.run(&["refresh", "demo", "--rejected-generation", &old]).succeeds().text("generation");
    let before = fs::read(sandbox.record()).unwrap();
    for scope in ["tokens", "all"] {
        says(sandbox.run(&["erase", "demo", "--if-generation", &old, "--scope", scope]), NEWER);
    }
    assert_eq!(fs::read(sandbox.record()).unwrap(), before);
    assert!(sandbox.files().contains(&"demo.client.json".to_owned()));
    says(sandbox.run(&["erase", "demo", "--if-generation", &new]), ERASED);
    says(sandbox.run(&["erase", "demo", "--if-generation", &new]), NOTHING);
}

#[test]
fn a_scope_says_what_goes() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    says(sandbox.run(&["erase", "demo", "--scope", "client"]), ERASED);
    assert_eq!(sandbox.files(), ["demo.token.json", LOCKS[0], LOCKS[1], "demo.token.json.state"]);
    sandbox.run(&["get", "demo"]).succeeds();
    says(sandbox.run(&["erase", "demo", "--scope", "client"]), NOTHING);
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 2);
    says(sandbox.run(&["erase", "demo", "--scope", "all"]), ERASED);
    assert_eq!(sandbox.files(), LOCKS);
}

#[test]
fn a_damaged_record_goes_with_everything_else_or_not_at_all() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    fs::write(sandbox.record(), "not a record").unwrap();
    for arguments in [&["erase", "demo"][..], &["erase", "demo", "--if-generation", "any"]] {
        let refused = sandbox.run(arguments).fails("cache_damaged", 5);
        assert_eq!(refused.json()["error"]["code"], "cache_damaged");
        assert!(refused.stderr.contains("mcp-credential erase demo --scope all"), "{}", refused.stderr);
        assert_eq!(fs::read_to_string(sandbox.record()).unwrap(), "not a record");
    }
    let moved = sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds();
    assert_eq!(moved.stdout, ERASED);
    assert!(moved.stderr.contains("demo.token.json.damaged-"), "{}", moved.stderr);
    let aside: Vec<String> = sandbox.files().into_iter().filter(|name| name.contains("damaged")).collect();
    assert_eq!(fs::read_to_string(sandbox.state("oauth").join(&aside[0])).unwrap(), "not a record");
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
}

#[test]
fn a_damaged_record_without_a_client_counts_as_erased_too() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.run(&["erase", "demo", "--scope", "client"]).succeeds();
    fs::write(sandbox.record(), "not a record").unwrap();
    assert_eq!(sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds().stdout, ERASED);
    says(sandbox.run(&["erase", "demo", "--scope", "all"]), NOTHING);
}

#[test]
fn case_69_a_refresh_under_way_is_waited_for_and_its_token_goes_too() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let refresh = refresh_under_way(&sandbox, &server);
    let before = fs::read(sandbox.record()).unwrap();
    let refused = sandbox.run(&["erase", "demo", "--timeout", "0"]).fails("lock_timeout", 75);
    assert!(refused.stderr.contains("nothing was erased"), "{}", refused.stderr);
    assert_eq!(fs::read(sandbox.record()).unwrap(), before);
    let erase = sandbox.watch(&["erase", "demo"]);
    erase.says("demo: waiting for a refresh under way to end");
    server.release();
    let answer = refresh.end().succeeds();
    let erased = erase.end().succeeds();
    assert_eq!((erased.stdout.as_str(), erased.stderr.lines().count()), (ERASED, 1));
    assert!(server.mcp_accepts(&answer.text("access_token")), "whoever asked before got an answer");
    stays_away(&sandbox);
}

#[test]
fn case_69_a_refresh_whose_caller_was_killed_brings_nothing_back() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    refresh_under_way(&sandbox, &server).kill();
    let erase = sandbox.watch(&["erase", "demo"]);
    erase.says("waiting for a refresh under way");
    server.release();
    assert_eq!(erase.end().succeeds().stdout, ERASED);
    stays_away(&sandbox);
}

#[test]
fn case_69_an_erase_among_twenty_refreshes_is_the_end() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let held = generation(&sandbox);
    let refresh = ["refresh", "demo", "--timeout", "60", "--rejected-generation", &held];
    let crowd: Vec<Running> = (0..20).map(|_| sandbox.watch(&refresh)).collect();
    says_erased(&sandbox.run(&["erase", "demo", "--timeout", "60"]).succeeds());
    for running in crowd {
        let ran = running.end();
        assert!([0, 4].contains(&ran.status), "{ran:?}");
    }
    stays_away(&sandbox);
    assert!(server.refreshes().len() <= 1);
}

#[track_caller]
fn says_erased(ran: &Ran) {
    assert_eq!(ran.stdout, ERASED, "{ran:?}");
}

#[track_caller]
fn stays_away(sandbox: &Sandbox) {
    let mut files = sandbox.files();
    // Whoever asked in vain has left a note of it, which is no credential.
    files.retain(|name| !name.contains(".json.state"));
    assert_eq!(files, ["demo.client.json", LOCKS[0], LOCKS[1]]);
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    sandbox.run(&["refresh", "demo"]).fails("interaction_required", 4);
}

#[test]
fn a_new_login_after_an_erase_is_a_new_consent() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let before = generation(&sandbox);
    sandbox.run(&["erase", "demo"]).succeeds();
    sandbox.login("demo").succeeds();
    assert_ne!(generation(&sandbox), before);
    says(sandbox.run(&["erase", "demo", "--if-generation", &before]), NEWER);
}

#[test]
fn revoking_gives_the_refresh_token_back_first_and_erasing_does_not_depend_on_it() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    let ran = sandbox.run(&["erase", "demo", "--revoke"]);
    says(ran, "{\"version\":1,\"server\":\"demo\",\"erased\":true,\"revoked\":true}\n");
    let log = server.log();
    let hints: Vec<Option<&str>> =
        log.to(&Endpoint::Revoke).iter().map(|request| request.form_value("token_type_hint")).collect();
    assert_eq!(hints, [Some("refresh_token"), Some("access_token")]);
    assert!(!server.mcp_accepts(&token));

    sandbox.login("demo").succeeds();
    server.go_offline();
    let ran = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!(ran.stdout, "{\"version\":1,\"server\":\"demo\",\"erased\":true,\"revoked\":false}\n");
    assert!(ran.stderr.contains("erased here, but not revoked"), "{}", ran.stderr);
    stays_away(&sandbox);
}

#[test]
fn case_69_a_login_under_way_is_waited_for_where_its_registration_is_to_go() {
    for scope in ["client", "all"] {
        let server = server(3600);
        let sandbox = Sandbox::with(&server);
        let login = sandbox.watch(&["login", "demo", "--timeout", "60"]);
        let url = sandbox.asked_url();
        let refused =
            sandbox.run(&["erase", "demo", "--scope", scope, "--timeout", "0"]).fails("lock_timeout", 75);
        assert!(refused.stderr.contains("a login is under way"), "{}", refused.stderr);
        assert!(sandbox.files().contains(&"demo.client.json".to_owned()), "{:?}", sandbox.files());
        let erase = sandbox.watch(&["erase", "demo", "--scope", scope, "--timeout", "60"]);
        erase.says("demo: waiting for a login under way to end");
        browser::visit(&url).unwrap();
        login.end().succeeds();
        says_erased(&erase.end().succeeds());
        assert!(!sandbox.files().contains(&"demo.client.json".to_owned()), "{:?}", sandbox.files());
        assert_eq!(sandbox.record().exists(), scope == "client");
    }
}

#[test]
fn case_69_the_token_alone_goes_while_somebody_logs_in_and_the_login_can_be_renewed() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let login = sandbox.watch(&["login", "demo", "--timeout", "60"]);
    let url = sandbox.asked_url();
    says(sandbox.run(&["erase", "demo", "--timeout", "60"]), ERASED);
    browser::visit(&url).unwrap();
    login.end().succeeds();
    sandbox.refresh().succeeds();
}

/// What a worker leaves that dies after it has synced the answer to the refresh of `old`, before it is in its place.
fn saved_beside(sandbox: &Sandbox, old: &str) -> String {
    let spent = fs::read(sandbox.record()).unwrap();
    let refresh = ["refresh", "demo", "--rejected-generation", old];
    let new = sandbox.run(&refresh).succeeds().text("generation");
    fs::rename(sandbox.record(), sandbox.state("oauth/demo.token.json.next")).unwrap();
    fs::write(sandbox.record(), spent).unwrap();
    new
}

#[test]
fn an_answer_that_was_saved_and_is_not_in_its_place_yet_is_the_newer_token() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let old = generation(&sandbox);
    let new = saved_beside(&sandbox, &old);
    says(sandbox.run(&["erase", "demo", "--if-generation", &old]), NEWER);
    assert_eq!(generation(&sandbox), new);
    let newest = saved_beside(&sandbox, &new);
    says(sandbox.run(&["erase", "demo", "--if-generation", &newest]), ERASED);
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert_eq!((server.refreshes().len(), server.reuses()), (2, 0));
}
