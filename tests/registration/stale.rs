//! Registrations that the authorization server has forgotten: recovered once, proved at the endpoint concerned.

use crate::clients_at;
use crate::support::{Ran, Sandbox, serve, server, wait_for};
use oauthserver::browser::{self, Decision};
use oauthserver::{Consent, Endpoint, Fault, OAuthServer, Settings, Times};
use std::fs;

/// A login that nobody can finish, since its page sends nobody back: its time runs out, after one in which the page is
/// reached wherever the tests run.
fn unfinished(sandbox: &Sandbox) -> Ran {
    sandbox.person(&["login", "demo", "--timeout", "15"], Decision::Approve).ends("deadline", 75)
}

/// The same, given up as soon as the page was seen.
fn abandoned(sandbox: &Sandbox) {
    let before = sandbox.opened().len();
    let login = sandbox.watch(&["login", "demo"]);
    let url = wait_for("a browser to be asked", || sandbox.opened().get(before).cloned());
    browser::visit(&url).unwrap();
    login.kill();
}

fn visits(server: &OAuthServer) -> usize {
    clients_at(server).len()
}

#[test]
fn a_client_that_the_authorization_page_refuses_is_replaced_by_the_next_login() {
    for status in [400, 401, 422] {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        // The person's visit, then the question.
        server.fault(Endpoint::Authorize, Fault::status(status), Times::Next(2));
        if status == 400 {
            unfinished(&sandbox);
        } else {
            abandoned(&sandbox);
        }
        assert_eq!(server.registrations().len(), 1, "{status}: nothing is proved yet");
        let login = sandbox.login("demo").succeeds();
        assert!(login.stderr.contains(&format!("(HTTP {status}); registering anew")), "{login:?}");
        assert_eq!(server.registrations().len(), 2, "{status}");
        let clients = clients_at(&server);
        assert_ne!(clients[0], clients[clients.len() - 1]);
        sandbox.refresh().succeeds();
    }
}

#[test]
fn a_login_that_was_killed_at_such_a_page_is_enough_to_ask_it() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.forget_clients();
    let login = sandbox.watch(&["login", "demo"]);
    sandbox.asked_url();
    login.kill();
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 2);
}

#[test]
fn a_page_that_knows_the_client_or_has_a_fault_costs_no_registration() {
    let silent = serve(Settings { consent: Consent::Silent, ..Settings::default() });
    let faulty = server(3600);
    for (server, fault) in [(&silent, None), (&faulty, Some(Fault::status(503)))] {
        server.reconfigure(|settings| settings.consent = Consent::Auto);
        let sandbox = Sandbox::logged_in(server);
        match fault {
            Some(fault) => server.fault(Endpoint::Authorize, fault, Times::Next(2)),
            None => server.reconfigure(|settings| settings.consent = Consent::Silent),
        }
        abandoned(&sandbox);
        server.reconfigure(|settings| settings.consent = Consent::Auto);
        sandbox.login("demo").succeeds();
        assert_eq!((server.registrations().len(), visits(server)), (1, 4), "one question before the visit");
    }
}

#[test]
fn a_login_that_was_completed_raises_no_doubt() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.login("demo").succeeds();
    assert_eq!((server.registrations().len(), visits(&server)), (1, 2));
}

#[test]
fn a_page_that_refuses_every_client_gets_one_new_registration_and_no_more() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Authorize, Fault::status(400), Times::Always);
    for _ in 0..4 {
        abandoned(&sandbox);
    }
    assert_eq!(server.registrations().len(), 2);
    server.clear_faults();
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 2);
}

#[test]
fn the_doubt_about_a_client_outlives_a_logout_as_its_registration_does() {
    for forget in [&["logout", "demo"][..], &["erase", "demo"]] {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        sandbox.run(forget).succeeds();
        server.forget_clients();
        let ended = unfinished(&sandbox);
        assert!(ended.stderr.contains("if the page showed an error about the client"), "{ended:?}");
        sandbox.run(forget).succeeds();
        sandbox.login("demo").succeeds();
        assert_eq!(server.registrations().len(), 2, "{forget:?}");
        sandbox.run(&["logout", "demo", "--scope", "all"]).succeeds();
        assert!(!sandbox.state("oauth/demo.token.json.state").exists());
    }
}

#[test]
fn the_doubt_about_a_client_ends_with_its_registration() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Authorize, Fault::status(400), Times::Next(6));
    abandoned(&sandbox);
    abandoned(&sandbox);
    let ended = unfinished(&sandbox);
    assert!(ended.stderr.contains("mcp-credential erase demo --scope client"), "{ended:?}");
    assert_eq!(server.registrations().len(), 2);
    sandbox.run(&["erase", "demo", "--scope", "client"]).succeeds();
    abandoned(&sandbox);
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 4);
}

#[test]
fn a_refusal_of_the_client_that_passes_is_not_remembered() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.fault(Endpoint::Refresh, Fault::json_error(401, "invalid_client"), Times::Next(1));
    sandbox.refresh().fails("invalid_client", 6);
    let suspect = || {
        let file = fs::read_to_string(sandbox.state("oauth/demo.client.json")).unwrap();
        file.contains("\"suspect\":true")
    };
    assert!(suspect());
    sandbox.forget_state();
    sandbox.refresh().succeeds();
    assert!(!suspect());
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 1);
}

#[test]
fn a_refused_refresh_writes_no_registration_while_a_login_is_under_way() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let registration = || fs::read_to_string(sandbox.state("oauth/demo.client.json")).unwrap();
    let refused = || {
        server.fault(Endpoint::Refresh, Fault::json_error(401, "invalid_client"), Times::Next(1));
        sandbox.refresh().fails("invalid_client", 6);
        sandbox.forget_state();
    };
    let before = registration();
    let login = fs::File::open(sandbox.state("oauth/demo.token.json.login")).unwrap();
    login.lock().unwrap();
    refused();
    assert_eq!(registration(), before, "the login may have registered a client meanwhile");
    drop(login);
    refused();
    assert_ne!(registration(), before);
}
