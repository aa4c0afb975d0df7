//! A login from discovery to the MCP endpoint, and what the endpoints refuse on the way.

mod support;

use oauthserver::browser::{self, Decision};
use oauthserver::{Client, Consent, IssParameter, Settings};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use support::{
    REDIRECT, authorization_url, body, call, client_id, code, json, redeem, redirect_of, start, value,
};

#[test]
fn a_client_discovers_registers_logs_in_and_calls_the_server() {
    let server = start(Settings { consent: Consent::Form, ..Settings::default() });
    let (status, answer) = call(&server, "wrong", "ping");
    assert_eq!(status, 401);
    let metadata_url = answer.split("resource_metadata=\"").nth(1).unwrap();
    let metadata_url = metadata_url.split('"').next().unwrap();
    let resource = json(&browser::get(metadata_url).unwrap());
    assert_eq!(resource["resource"], server.mcp_url());
    assert_eq!(resource["authorization_servers"], json!([server.issuer()]));
    let path = "/.well-known/oauth-authorization-server";
    let metadata = json(&browser::get(&format!("{}{path}", server.issuer())).unwrap());
    assert_eq!(metadata["issuer"], server.issuer());
    assert_eq!(metadata["token_endpoint"], server.token_endpoint());

    let client = client_id(&server);
    let (callback, request) = listen_once();
    let url = authorization_url(&server, &client, &[("redirect_uri", &callback)]);
    let page = browser::visit(&url).unwrap();
    assert_eq!((page.status, page.body.as_str()), (200, "done"));
    let line = request.join().unwrap();
    let target = format!("http://x{}", line.split(' ').nth(1).unwrap());
    let back: Vec<_> = url::Url::parse(&target).unwrap().query_pairs().into_owned().collect();
    assert_eq!(value(&back, "state"), Some("st&te"));
    assert_eq!(value(&back, "iss"), Some(server.issuer().as_str()));

    let form = [
        ("grant_type", "authorization_code"),
        ("code", value(&back, "code").unwrap()),
        ("redirect_uri", &callback),
        ("code_verifier", support::VERIFIER),
        ("client_id", &client),
        ("resource", &server.resource()),
    ];
    let tokens = json(&browser::post_form(&server.token_endpoint(), &form).unwrap());
    let access = tokens["access_token"].as_str().unwrap();
    let (status, answer) = call(&server, access, "ping");
    assert_eq!((status, body(&answer)["result"].clone()), (200, json!({})));
    assert!(server.mcp_accepts(access));
    assert_eq!(server.live_refresh_token_count(), 1);
}

/// A callback listener for one request; its request line comes out of the thread.
fn listen_once() -> (String, std::thread::JoinHandle<String>) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = socket.accept().unwrap();
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone").unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    });
    (format!("http://127.0.0.1:{port}/callback"), thread)
}

#[test]
fn a_code_works_once_and_its_second_use_revokes_what_the_first_gave() {
    let server = start(Settings::default());
    let client = client_id(&server);
    let code = code(&server, &client);
    let first = redeem(&server, &client, &code);
    assert_eq!(first.status, 200);
    let access = json(&first)["access_token"].as_str().unwrap().to_owned();
    assert!(server.mcp_accepts(&access));
    let second = redeem(&server, &client, &code);
    assert_eq!((second.status, json(&second)["error"].clone()), (400, json!("invalid_grant")));
    assert!(!server.mcp_accepts(&access));
    assert_eq!(server.live_refresh_token_count(), 0);
}

#[test]
fn a_wrong_verifier_redirect_uri_client_or_resource_does_not_get_a_token() {
    let server = start(Settings::default());
    let (client, other) = (client_id(&server), client_id(&server));
    let code = code(&server, &client);
    let resource = server.resource();
    let with_slash = format!("{resource}/");
    let wrong_verifier = "a".repeat(43);
    let valid = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", support::VERIFIER),
        ("client_id", &client),
        ("resource", &resource),
    ];
    for (name, wrong, error) in [
        ("code_verifier", wrong_verifier.as_str(), "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("redirect_uri", "http://127.0.0.1:10/callback", "invalid_grant"),
        ("redirect_uri", "", "invalid_request"),
        ("client_id", &other, "invalid_grant"),
        ("client_id", "unknown", "invalid_client"),
        ("resource", &with_slash, "invalid_target"),
        ("resource", "", "invalid_target"),
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "client_credentials", "unauthorized_client"),
        ("code", "unknown", "invalid_grant"),
    ] {
        let form = valid.map(|(key, value)| (key, if key == name { wrong } else { value }));
        let page = browser::post_form(&server.token_endpoint(), &form).unwrap();
        assert_eq!(json(&page)["error"], error, "{name}={wrong}");
    }
    assert!(server.token_requests().iter().all(|request| !request.committed));
    assert_eq!(redeem(&server, &client, &code).status, 200);
}

#[test]
fn a_code_expires() {
    let server = start(Settings::default());
    let client = client_id(&server);
    let code = code(&server, &client);
    server.advance(Settings::default().code_ttl);
    assert_eq!(redeem(&server, &client, &code).status, 400);
}

#[test]
fn an_unproved_client_or_redirect_uri_ends_on_a_page_and_never_redirects() {
    let server = start(Settings::default());
    let client = client_id(&server);
    for changes in [
        [("client_id", "unknown")],
        [("client_id", "")],
        [("redirect_uri", "")],
        [("redirect_uri", "http://127.0.0.1:9/other")],
        [("redirect_uri", "http://127.0.0.2:9/callback")],
        [("redirect_uri", "https://127.0.0.1:9/callback")],
    ] {
        let url = authorization_url(&server, &client, &changes);
        let page = browser::get(&url).unwrap();
        assert_eq!((page.status, page.header("location")), (400, None), "{changes:?}");
    }
    let doubled = authorization_url(&server, &client, &[]) + "&client_id=x";
    assert_eq!(browser::get(&doubled).unwrap().status, 400);
}

#[test]
fn other_wrong_parameters_go_back_to_the_client_with_its_state() {
    let server = start(Settings { scopes_supported: vec!["read".to_owned()], ..Settings::default() });
    let client = client_id(&server);
    let with_slash = format!("{}/", server.resource());
    for (name, wrong, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("resource", &with_slash, "invalid_target"),
        ("resource", "", "invalid_target"),
        ("scope", "write", "invalid_scope"),
        ("scope", "offline_access", "invalid_scope"),
    ] {
        let url = authorization_url(&server, &client, &[(name, wrong)]);
        let back = redirect_of(&browser::get(&url).unwrap());
        assert_eq!(value(&back, "error"), Some(error), "{name}={wrong}");
        assert_eq!(value(&back, "state"), Some("st&te"));
        assert_eq!(value(&back, "code"), None);
    }
}

#[test]
fn the_person_may_deny_and_a_form_counts_once() {
    let server = start(Settings { consent: Consent::Form, ..Settings::default() });
    let client = client_id(&server);
    let url = authorization_url(&server, &client, &[]);
    let page = browser::visit_and(&url, Decision::Nothing).unwrap();
    assert_eq!(page.status, 200);
    let ticket = page.body.split("name=\"ticket\" value=\"").nth(1).unwrap();
    let ticket = ticket.split('"').next().unwrap();
    let consent = format!("{}/consent", server.origin());
    let form = [("ticket", ticket), ("decision", "deny")];
    let denied = browser::post_form(&consent, &form).unwrap();
    assert_eq!(value(&redirect_of(&denied), "error"), Some("access_denied"));
    let again = [("ticket", ticket), ("decision", "approve")];
    assert_eq!(browser::post_form(&consent, &again).unwrap().status, 400);
}

#[test]
fn consent_may_be_denied_or_silent_without_asking() {
    let server = start(Settings { consent: Consent::Deny, ..Settings::default() });
    let client = client_id(&server);
    let url = authorization_url(&server, &client, &[]);
    let back = redirect_of(&browser::get(&url).unwrap());
    assert_eq!(value(&back, "error"), Some("access_denied"));
    server.reconfigure(|settings| settings.consent = Consent::Silent);
    let page = browser::get(&url).unwrap();
    assert_eq!((page.status, page.header("location")), (200, None));
}

#[test]
fn iss_can_be_left_out_or_lie() {
    let server = start(Settings {
        iss: IssParameter { sent: false, ..IssParameter::default() },
        ..Settings::default()
    });
    let client = client_id(&server);
    let url = authorization_url(&server, &client, &[]);
    let back = redirect_of(&browser::get(&url).unwrap());
    assert_eq!(value(&back, "iss"), None);
    server.reconfigure(|settings| {
        settings.iss.sent = true;
        settings.iss.value = Some("https://evil.example".to_owned());
    });
    let back = redirect_of(&browser::get(&url).unwrap());
    assert_eq!(value(&back, "iss"), Some("https://evil.example"));
}

#[test]
fn a_pre_registered_redirect_uri_has_one_port_unless_it_says_otherwise() {
    let server = start(Settings {
        clients: vec![
            Client::public("fixed").redirect_uri("http://127.0.0.1:8/callback"),
            Client::public("any").redirect_uri("http://127.0.0.1:8/callback").any_loopback_port(),
        ],
        ..Settings::default()
    });
    let status = |client| browser::get(&authorization_url(&server, client, &[])).unwrap().status;
    assert_eq!(status("fixed"), 400);
    assert_eq!(status("any"), 302);
}
