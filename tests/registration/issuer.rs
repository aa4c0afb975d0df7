//! A registration belongs to its issuer (rule 12): a server that moves to another authorization server.

use crate::clients_at;
use crate::support::{Ran, Sandbox, serve, server};
use oauthserver::{AuthMethod, Consent, Logged, OAuthServer, RefreshTokens, Settings};
use std::collections::HashSet;

/// An MCP server with its own authorization server, and another one that it may move to. Both give every
/// client a secret.
fn movable() -> (OAuthServer, OAuthServer) {
    let (first, second) = (server(3600), server(3600));
    for server in [&first, &second] {
        server.reconfigure(|settings| settings.registration.auth_method = Some(AuthMethod::Post));
    }
    second.reconfigure(|settings| settings.resource = Some(first.resource()));
    first.trust_tokens_of(&second);
    (first, second)
}

fn moves(first: &OAuthServer, second: &OAuthServer) {
    first.reconfigure(|settings| settings.authorization_servers = Some(vec![second.issuer()]));
}

/// Every value that a server has been told in a form, a query or a header.
fn told(server: &OAuthServer) -> HashSet<String> {
    let pairs = |request: &Logged| [&request.query[..], &request.form, &request.headers].concat();
    server.requests().iter().flat_map(pairs).map(|(_, value)| value).collect()
}

#[test]
fn another_issuer_sees_nothing_of_the_old_client_and_gets_its_own_rule_12() {
    let (first, second) = movable();
    let sandbox = Sandbox::logged_in(&first);
    let old = sandbox.refresh().succeeds();
    moves(&first, &second);
    sandbox.login("demo").succeeds();
    sandbox.refresh().succeeds();
    assert_eq!((first.registrations().len(), second.registrations().len()), (1, 1));
    let named: Vec<String> = first
        .token_requests()
        .iter()
        .flat_map(|request| {
            ["client_id", "client_secret", "refresh_token", "code"]
                .map(|name| request.form_value(name).map(str::to_owned))
        })
        .flatten()
        .chain([old.text("access_token")])
        .collect();
    assert!(named.len() > 5, "id, secret, code and refresh token were sent to the first: {named:?}");
    let told = told(&second);
    assert!(named.iter().all(|value| !told.contains(value)), "{told:?}");
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.text("issuer"), second.issuer());
    assert!(first.mcp_accepts(&answer.text("access_token")));
}

#[test]
fn a_login_at_the_new_issuer_that_is_not_finished_does_not_cost_the_old_one() {
    let (first, second) = movable();
    let sandbox = Sandbox::logged_in(&first);
    moves(&first, &second);
    second.reconfigure(|settings| settings.consent = Consent::Deny);
    for _ in 0..2 {
        sandbox.login("demo").ends("denied", 6);
    }
    assert_eq!(second.registrations().len(), 1, "its registration is kept for the next try");
    let answer: Ran = sandbox.refresh().succeeds();
    assert_eq!(answer.text("issuer"), first.issuer());
    assert!(first.mcp_accepts(&answer.text("access_token")));
}

#[test]
fn back_at_the_old_issuer_its_registration_is_found_again() {
    let (first, second) = movable();
    let sandbox = Sandbox::logged_in(&first);
    moves(&first, &second);
    sandbox.login("demo").succeeds();
    first.reconfigure(|settings| settings.authorization_servers = None);
    sandbox.login("demo").succeeds();
    sandbox.refresh().succeeds();
    assert_eq!((first.registrations().len(), second.registrations().len()), (1, 1));
    let clients = clients_at(&first);
    assert_eq!((clients.len(), &clients[0]), (2, &clients[1]));
}

#[test]
fn a_rejected_token_of_a_server_that_has_moved_is_replaced_by_a_login_at_the_new_issuer() {
    let settings = || Settings { refresh_tokens: RefreshTokens::Never, ..Settings::default() };
    let (first, second) = (serve(settings()), serve(settings()));
    second.reconfigure(|settings| settings.resource = Some(first.resource()));
    first.trust_tokens_of(&second);
    let sandbox = Sandbox::logged_in(&first);
    moves(&first, &second);
    let rejected = sandbox.generation();
    let refresh = ["refresh", "demo", "--rejected-generation", &rejected];
    sandbox.run(&refresh).fails("interaction_required", 4);
    let wrapper = [&refresh[..], &["--interactive", "always"]].concat();
    let answer = sandbox.person(&wrapper, oauthserver::browser::Decision::Approve).succeeds();
    assert_eq!((answer.text("source").as_str(), answer.text("issuer")), ("login", second.issuer()));
    assert!(!clients_at(&second).contains(&clients_at(&first)[0]));
}
