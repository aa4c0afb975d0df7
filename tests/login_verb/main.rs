//! `login` from end to end: the real binary, a person at a stub browser, and a strict server.
//!
//! Here is the story of one login and what is kept of it; the modules hold clients, discovery, interaction,
//! and logins that meet.

mod clients;
mod discovery;
mod interaction;
mod meeting;
#[path = "../support/mod.rs"]
mod support;

use oauthserver::browser::{self, Decision};
use oauthserver::{AuthMethod, Endpoint, Logged, OAuthServer, Patch, Settings};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use support::{Ran, Sandbox, serve, server};
use url::Url;

/// The redirect URI of every authorization request so far.
fn redirect_uris(server: &OAuthServer) -> Vec<String> {
    let log = server.log();
    let asked = log.to(&Endpoint::Authorize).into_iter().map(|request| query(request, "redirect_uri"));
    asked.collect()
}

fn query(request: &Logged, name: &str) -> String {
    request.query_value(name).unwrap_or_default().to_owned()
}

/// Forces a refresh of the stored token of `demo`.
fn refresh(sandbox: &Sandbox) -> Ran {
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    sandbox.run(&["refresh", "demo", "--rejected-generation", &held])
}

#[test]
fn a_login_shows_the_address_and_stores_a_token_that_get_answers() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let login = sandbox.login("demo").succeeds();
    assert_eq!(login.stdout, "", "stdout is for answers");
    let url = &sandbox.opened()[0];
    assert!(login.stderr.lines().any(|line| line == url), "on a line of its own: {login:?}");
    let last = login.stderr.lines().last().unwrap();
    assert!(last.starts_with("mcp-credential: demo: logged in, token valid until 2"), "{last}");
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((answer.text("source").as_str(), answer.stderr.as_str()), ("cache", ""));
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!((server.registrations().len(), server.token_requests().len()), (1, 1));
}

#[test]
fn a_second_login_reuses_the_client_and_its_port() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let mut generations = vec![sandbox.generation()];
    for _ in 0..3 {
        sandbox.login("demo").succeeds();
        generations.push(sandbox.generation());
    }
    assert_eq!(server.registrations().len(), 1);
    let uris = redirect_uris(&server);
    assert_eq!(uris.len(), 4);
    assert!(uris.iter().all(|uri| *uri == uris[0]), "{uris:?}");
    assert!(generations.windows(2).all(|pair| pair[0] != pair[1]), "{generations:?}");
}

#[test]
fn case_37_a_port_that_is_taken_means_another_one_and_a_client_that_may_use_it() {
    let server = server(3600);
    server.reconfigure(|settings| settings.registration.any_loopback_port = false);
    let sandbox = Sandbox::logged_in(&server);
    let port = Url::parse(&redirect_uris(&server)[0]).unwrap().port().unwrap();
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    sandbox.login("demo").succeeds();
    let uris = redirect_uris(&server);
    assert_ne!(uris[0], uris[1]);
    assert_eq!(server.registrations().len(), 2);
    refresh(&sandbox).succeeds();
}

#[test]
fn a_client_belongs_to_its_issuer() {
    let (first, second) = (server(3600), server(3600));
    let sandbox = Sandbox::logged_in(&first);
    sandbox.run(&["remove", "demo"]).succeeds();
    sandbox.run(&["add", "demo", &second.mcp_url()]).succeeds();
    sandbox.run(&["get", "demo"]).fails("url_mismatch", 5);
    sandbox.login("demo").succeeds();
    assert_eq!((first.registrations().len(), second.registrations().len()), (1, 1));
    let asked = second.log();
    let id = query(asked.to(&Endpoint::Authorize)[0], "client_id");
    let json = first.requests().into_iter().find(|request| request.endpoint == Endpoint::Token).unwrap();
    assert_ne!(json.form_value("client_id"), Some(id.as_str()), "the other issuer's is not shown");
    assert!(second.mcp_accepts(&sandbox.run(&["get", "demo"]).succeeds().text("access_token")));
}

#[test]
fn a_client_secret_that_has_expired_means_a_new_client() {
    let server = serve(Settings::default());
    server.reconfigure(|settings| {
        settings.registration.auth_method = Some(AuthMethod::Basic);
        settings.registration.answer = Patch::new().set("client_secret_expires_at", 1);
    });
    let sandbox = Sandbox::logged_in(&server);
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 2);
}

#[test]
fn a_registered_secret_is_used_the_way_that_the_registration_says() {
    for (method, in_header) in [(AuthMethod::Basic, true), (AuthMethod::Post, false)] {
        let server = server(3600);
        server.reconfigure(|settings| settings.registration.auth_method = Some(method));
        let sandbox = Sandbox::logged_in(&server);
        refresh(&sandbox).succeeds();
        for request in server.token_requests() {
            assert_eq!(request.header("authorization").is_some(), in_header, "{request:?}");
            assert_eq!(request.form_value("client_secret").is_some(), !in_header, "{request:?}");
        }
        assert_eq!(server.token_requests().len(), 2);
    }
}

#[test]
fn a_registration_that_the_server_forgot_is_replaced_by_the_next_login_alone() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.forget_clients();
    let refused = refresh(&sandbox).fails("invalid_client", 6);
    assert!(refused.stderr.contains("mcp-credential login demo"), "{}", refused.stderr);
    sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(server.registrations().len(), 1, "nothing but a login registers");
    sandbox.login("demo").succeeds();
    assert_eq!(server.registrations().len(), 2);
    refresh(&sandbox).succeeds();
}

#[test]
fn a_login_with_a_url_names_the_server_first() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    sandbox.person(&["login", "demo", "--url", &server.mcp_url()], Decision::Approve).succeeds();
    sandbox.run(&["get", "demo"]).succeeds();
    sandbox.forget_browser();
    let other = format!("{}/other", server.origin());
    sandbox.run(&["login", "demo", "--url", &other]).fails("url_mismatch", 5);
    sandbox.run(&["login", "new", "--url", "no url"]).fails("config_invalid", 2);
    sandbox.run(&["login", "a/b", "--url", &other]).fails("usage", 2);
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn a_login_is_refused_where_there_is_nobody_to_log_in() {
    let server = server(3600);
    let sandbox = Sandbox::configured(
        &server,
        &serde_json::json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "s3cret"}),
    );
    let refused = sandbox.run(&["login", "demo"]).fails("usage", 2);
    assert!(refused.stderr.contains("mcp-credential get"), "{}", refused.stderr);
    sandbox.run(&["login", "nobody"]).fails("not_found", 3);
    assert_eq!((server.requests().len(), sandbox.opened().len()), (0, 0));
}

#[test]
fn a_damaged_record_is_moved_aside_and_kept_whole() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    std::fs::write(sandbox.record(), "not a record").unwrap();
    sandbox.run(&["get", "demo"]).fails("cache_damaged", 5);
    sandbox.login("demo").succeeds();
    let aside: Vec<String> =
        sandbox.files().into_iter().filter(|name| name.starts_with("demo.token.json.damaged-")).collect();
    assert_eq!(aside.len(), 1);
    let kept = std::fs::read_to_string(sandbox.state("oauth").join(&aside[0])).unwrap();
    assert_eq!(kept, "not a record");
    assert!(server.mcp_accepts(&sandbox.run(&["get", "demo"]).succeeds().text("access_token")));
}

#[test]
fn the_page_says_that_it_is_done_and_names_no_secret() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let running = sandbox.watch(&["login", "demo"]);
    let page = browser::visit(&sandbox.asked_url()).unwrap();
    running.end().succeeds();
    let code = server.token_requests()[0].form_value("code").unwrap().to_owned();
    assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")));
    assert!(!page.body.contains(&code), "{}", page.body);
}

/// Other addresses of this machine: one of the loopback network, and the one it speaks to others with, if it has one.
fn other_addresses() -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::from(Ipv4Addr::new(127, 0, 0, 2))];
    let outside = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only chooses the address that it would send from.
    if outside.connect("192.0.2.1:9").is_ok() {
        addresses.push(outside.local_addr().unwrap().ip());
    }
    addresses
}

#[test]
fn case_36_a_login_listens_at_its_loopback_address_and_at_no_other_of_this_machine() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let login = sandbox.watch(&["login", "demo"]);
    let asked = Url::parse(&sandbox.asked_url()).unwrap();
    let (_, redirect) = asked.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap();
    let port = Url::parse(&redirect).unwrap().port().unwrap();
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    for address in other_addresses() {
        assert!(TcpStream::connect(SocketAddr::new(address, port)).is_err(), "{address}");
    }
    browser::visit(asked.as_str()).unwrap();
    login.end().succeeds();
}
