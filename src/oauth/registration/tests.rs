//! Registration against scripted endpoints.

use super::*;
use crate::clock;
use crate::config::Callback;
use crate::failure::Code;
use crate::oauth::testing::{self, Script, Scripted, Seen, closed_port, headed, json as answer, plain};

const REDIRECT: &str = "http://127.0.0.1:40123/callback";

fn found(endpoint: Option<String>) -> Discovered {
    Discovered {
        registration_endpoint: endpoint,
        token_endpoint: "https://idp.example.com/token".to_owned(),
        resource: Some("https://mcp.example.com/mcp".to_owned()),
        ..Discovered::default()
    }
}

fn demo() -> Server {
    let url = "https://mcp.example.com/mcp".to_owned();
    Server { name: "demo".to_owned(), url, client_name: "My helper".to_owned(), ..Server::default() }
}

fn run(server: &Server, discovered: &Discovered) -> Outcome<Registered> {
    register(testing::http(), server, discovered, &[REDIRECT.to_owned()], false)
}

fn registered_by(script: impl Fn(&str, &Seen) -> Script + Send + Sync + 'static) -> Outcome<Registered> {
    let server = Scripted::start(script);
    run(&demo(), &found(Some(server.url("/register"))))
}

fn told(body: Value) -> Registered {
    registered_by(move |_, _| answer(201, &body)).unwrap()
}

fn refused(outcome: Outcome<Registered>, code: Code, words: &[&str]) {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.code, code, "{failure}");
    assert_eq!(failure.server.as_deref(), Some("demo"));
    for word in words {
        assert!(failure.message.contains(word), "{word} in {failure}");
    }
}

#[test]
fn a_native_public_client_is_asked_for_rule_11() {
    let server = Scripted::start(|_, _| answer(201, &json!({"client_id": "c1"})));
    let mut discovered = found(Some(server.url("/register")));
    discovered.scope = Some("a b".to_owned());
    run(&demo(), &discovered).unwrap();
    assert_eq!(server.lines(), ["POST /register"]);
    let seen = &server.seen()[0];
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let expected = json!({
        "client_name": "My helper",
        "application_type": "native",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "a b",
    });
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), expected);
}

#[test]
fn the_method_asked_for_is_none_unless_the_server_lists_others_only() {
    let asked = |listed: Option<&[&str]>, configured| {
        let server = Scripted::start(|_, _| answer(201, &json!({"client_id": "c1"})));
        let mut discovered = found(Some(server.url("/register")));
        discovered.token_endpoint_auth_methods =
            listed.map(|names| names.iter().map(ToString::to_string).collect());
        run(&Server { auth_method: configured, ..demo() }, &discovered).unwrap();
        let body: Value = serde_json::from_str(&server.seen()[0].body).unwrap();
        body["token_endpoint_auth_method"].as_str().unwrap().to_owned()
    };
    assert_eq!(asked(None, None), "none");
    assert_eq!(asked(Some(&["client_secret_post", "none"]), None), "none");
    assert_eq!(
        asked(Some(&["private_key_jwt", "client_secret_basic", "client_secret_post"]), None),
        "client_secret_basic"
    );
    assert_eq!(asked(Some(&["private_key_jwt"]), None), "none");
    assert_eq!(asked(Some(&["none"]), Some(AuthMethod::ClientSecretPost)), "client_secret_post");
}

#[test]
fn both_200_and_201_register_rule_11() {
    for status in [200, 201] {
        let before = clock::now();
        let registered = registered_by(move |_, _| answer(status, &json!({"client_id": "c1"}))).unwrap();
        assert_eq!((registered.client_id.as_str(), registered.method), ("c1", AuthMethod::None));
        assert_eq!((registered.client_secret, registered.client_secret_expires_at), (None, None));
        assert_eq!(registered.redirect_uris, [REDIRECT]);
        assert!((before..=clock::now()).contains(&registered.issued_at));
    }
}

#[test]
fn the_method_that_came_back_is_honoured_rule_11() {
    let registered = |method: Value, secret: Value| {
        told(json!({"client_id": "c1", "client_secret": secret, "token_endpoint_auth_method": method}))
    };
    let basic = registered("client_secret_basic".into(), "s3cret".into());
    assert_eq!(
        (basic.method, basic.client_secret.unwrap().expose()),
        (AuthMethod::ClientSecretBasic, "s3cret")
    );
    assert_eq!(registered("client_secret_post".into(), "s".into()).method, AuthMethod::ClientSecretPost);
    let public = registered("none".into(), "s".into());
    assert_eq!((public.method, public.client_secret), (AuthMethod::None, None));
    assert_eq!(registered("client_secret_basic".into(), Value::Null).method, AuthMethod::None);
    assert_eq!(registered(Value::Null, "".into()).method, AuthMethod::None);
    let body =
        json!({"client_id": "c1", "client_secret": "s", "token_endpoint_auth_method": "private_key_jwt"});
    refused(registered_by(move |_, _| answer(201, &body)), Code::UntrustedServer, &["client authentication"]);
}

#[test]
fn a_secret_without_a_method_is_sent_as_the_default_says_unless_others_are_listed_rule_11() {
    let method = |listed: Option<&[&str]>, configured| {
        let server = Scripted::start(|_, _| answer(201, &json!({"client_id": "c1", "client_secret": "s"})));
        let mut discovered = found(Some(server.url("/register")));
        discovered.token_endpoint_auth_methods =
            listed.map(|names| names.iter().map(ToString::to_string).collect());
        run(&Server { auth_method: configured, ..demo() }, &discovered).unwrap().method
    };
    let (basic, post) = (AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost);
    assert_eq!(method(None, None), basic);
    assert_eq!(method(Some(&["client_secret_post", "client_secret_basic"]), None), basic);
    assert_eq!(method(Some(&["client_secret_post"]), None), post);
    assert_eq!(method(Some(&["none"]), None), post);
    assert_eq!(method(None, Some(post)), post);
}

#[test]
fn the_end_of_the_secret_is_kept_and_0_means_never_rule_11() {
    let ends = |value: Value| {
        told(json!({"client_id": "c", "client_secret_expires_at": value})).client_secret_expires_at
    };
    assert_eq!(ends(json!(1_900_000_000)), Some(1_900_000_000));
    assert_eq!(ends(json!("1900000000")), Some(1_900_000_000));
    assert_eq!(ends(json!(u64::MAX)), Some(clock::LAST_SECOND));
    for never in [json!(0), json!(null), json!(-1), json!("x"), json!([])] {
        assert_eq!(ends(never), None);
    }
}

#[test]
fn redirect_uris_are_recorded_as_they_were_asked_for() {
    let back = |list: Value| told(json!({"client_id": "c", "redirect_uris": list})).redirect_uris;
    assert_eq!(back(json!([REDIRECT, "http://else/"])), [REDIRECT]);
    assert_eq!(back(json!(["http://LOCALHOST:1/callback/"])), [REDIRECT]);
    assert_eq!(back(json!(["http://127.0.0.1/callback"])), [REDIRECT]);
    assert_eq!(back(json!(7)), [REDIRECT]);
}

#[test]
fn a_client_that_the_login_cannot_use_is_refused_with_what_differs_rule_11() {
    let with = |name: &str, value: Value| {
        let mut body = json!({"client_id": "c"});
        body[name] = value;
        body
    };
    for (name, value, difference) in [
        ("grant_types", json!(["client_credentials"]), "`client_credentials`, without `authorization_code`"),
        ("grant_types", json!(["refresh_token", DEVICE_CODE]), "without `authorization_code`"),
        ("response_types", json!(["none"]), "`none`, without `code`"),
        ("response_types", json!(["code id_token", "token"]), "without `code`"),
        ("redirect_uris", json!(["https://elsewhere.example/cb"]), "`https://elsewhere.example/cb`, without"),
        ("redirect_uris", json!(["http://127.0.0.1:40123/other", "https://127.0.0.1/callback"]), REDIRECT),
        ("redirect_uris", json!(["http://127.0.0.1.evil.example:40123/callback"]), REDIRECT),
    ] {
        let body = with(name, value);
        let outcome = registered_by(move |_, _| answer(201, &body));
        let words = &[name, difference, "http://127.0.0.1:", "`clientId` of demo"];
        refused(outcome, Code::UntrustedServer, words);
    }
    let nothing =
        [json!(null), json!([]), json!([7, null]), json!([""]), json!("client_credentials"), json!({})];
    for name in ["grant_types", "response_types", "redirect_uris"] {
        for value in &nothing {
            told(with(name, value.clone()));
        }
    }
    told(with("grant_types", json!(["authorization_code"])));
    told(with("grant_types", json!(["AUTHORIZATION_CODE"])));
    told(with("grant_types", json!(["authorization_code refresh_token"])));
    told(with("response_types", json!(["token", "code"])));
    told(with("redirect_uris", json!(["http://127.0.0.1:*/callback"])));
    for uri in ["http://localhost/callback", "http://[::1]:7/callback/", "http://127.0.0.1:40123/callback"] {
        told(with("redirect_uris", json!(["https://elsewhere.example/cb", uri])));
    }
}

#[test]
fn a_redirect_uri_elsewhere_is_compared_with_its_host_and_port() {
    let registered = |uri: &str| {
        let body = json!({"client_id": "c", "redirect_uris": [uri]});
        let server = Scripted::start(move |_, _| answer(201, &body));
        let asked = ["https://app.example:8443/cb".to_owned()];
        register(testing::http(), &demo(), &found(Some(server.url("/register"))), &asked, false)
    };
    for uri in ["https://app.example:8443/cb", "https://APP.example:8443/cb/"] {
        registered(uri).unwrap();
    }
    for uri in ["https://app.example/cb", "https://other.example:8443/cb", "https://app.example:8443/cb?x=1"]
    {
        refused(registered(uri), Code::UntrustedServer, &["redirect_uris"]);
    }
}

#[test]
fn a_client_for_another_device_needs_one_of_both_grants_and_no_way_back() {
    let registered = |grants: Value| {
        let body = json!({"client_id": "c", "grant_types": grants, "response_types": ["none"], "redirect_uris": ["x"]});
        let server = Scripted::start(move |_, _| answer(201, &body));
        register(
            testing::http(),
            &demo(),
            &found(Some(server.url("/register"))),
            &[REDIRECT.to_owned()],
            true,
        )
    };
    assert!(registered(json!([DEVICE_CODE])).unwrap().for_devices);
    assert!(!registered(json!(["authorization_code"])).unwrap().for_devices);
    refused(registered(json!(["client_credentials"])), Code::UntrustedServer, &[DEVICE_CODE]);
}

#[test]
fn answers_that_cannot_be_used_are_refused() {
    for body in [
        json!({}),
        json!({"client_id": ""}),
        json!({"client_id": 7}),
        json!({"client_id": "a\u{1b}"}),
        json!({"client_id": "x".repeat(9000)}),
        json!({"client_id": "c", "client_secret": "a\nb"}),
    ] {
        refused(registered_by(move |_, _| answer(201, &body)), Code::UntrustedServer, &["127.0.0.1"]);
    }
    for body in ["<html>", "", "[1]", "{\"client_id\":\"c"] {
        refused(
            registered_by(move |_, _| plain(201, "text/html", body)),
            Code::Unavailable,
            &["no JSON object"],
        );
    }
}

#[test]
fn a_refused_redirect_uri_is_told_with_what_to_set_rule_11() {
    let words = &[REDIRECT, "`callbackHost`", "`redirectUri`"];
    refused(
        registered_by(|_, _| answer(400, &json!({"error": "invalid_redirect_uri"}))),
        Code::Denied,
        words,
    );
    let body = json!({"error": "invalid_client_metadata", "error_description": "Redirect URI must be https"});
    refused(registered_by(move |_, _| answer(400, &body)), Code::Denied, words);
}

#[test]
fn other_refusals_are_told_in_one_plain_line() {
    let body = json!({"error": "invalid_client_metadata", "error_description": format!("\u{1b}[2Jno\n{}", "x".repeat(9000))});
    let failure = registered_by(move |_, _| answer(400, &body)).unwrap_err();
    assert_eq!(failure.code, Code::Denied);
    assert!(!failure.message.contains(['\u{1b}', '\n']) && failure.message.len() < 1000, "{failure}");
    let body = json!({"error": "unapproved_software_statement"});
    refused(registered_by(move |_, _| answer(200, &body)), Code::Denied, &["unapproved_software_statement"]);
}

#[test]
fn a_refused_scope_is_left_out_once_and_no_more() {
    let server = Scripted::start(|_, seen| {
        let scoped = seen.body.contains("\"scope\"");
        if scoped {
            answer(403, &json!({"error": "insufficient_scope"}))
        } else {
            answer(201, &json!({"client_id": "c1"}))
        }
    });
    let mut discovered = found(Some(server.url("/register")));
    discovered.scope = Some("a".to_owned());
    assert_eq!(run(&demo(), &discovered).unwrap().client_id, "c1");
    assert_eq!(server.seen().len(), 2);
    let server = Scripted::start(|_, _| answer(400, &json!({"error": "invalid_client_metadata"})));
    discovered.registration_endpoint = Some(server.url("/register"));
    run(&demo(), &discovered).unwrap_err();
    assert_eq!(server.seen().len(), 2);
    let server = Scripted::start(|_, _| answer(400, &json!({"error": "invalid_redirect_uri"})));
    discovered.registration_endpoint = Some(server.url("/register"));
    run(&demo(), &discovered).unwrap_err();
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn without_an_endpoint_it_is_told_what_to_register_and_what_to_set_rule_9() {
    let words = &[
        "http://127.0.0.1:53682/callback",
        "`clientId` of demo",
        "`callbackPort` to 53682",
        "`mcp-credential add demo https://mcp.example.com/mcp --client-id ID --callback-port 53682`",
        "https://idp.example.com",
    ];
    refused(run(&demo(), &found(None)), Code::ConfigInvalid, words);
    for status in [401, 403, 404, 405] {
        let outcome = registered_by(move |_, _| plain(status, "text/html", "<html>"));
        refused(outcome, Code::ConfigInvalid, &["by hand", "`clientId` of demo"]);
    }
    let fixed = Server { callback: Callback { port: 40123, ..Callback::default() }, ..demo() };
    let failure = run(&fixed, &found(None)).unwrap_err();
    assert!(failure.message.contains(REDIRECT) && !failure.message.contains("53682"), "{failure}");
}

#[test]
fn faults_of_the_server_are_no_refusals() {
    let outcome = registered_by(|_, _| headed(429, "Retry-After", "9"));
    assert_eq!(outcome.as_ref().unwrap_err().retry_after, Some(9));
    refused(outcome, Code::RateLimited, &["429"]);
    refused(registered_by(|_, _| plain(503, "text/html", "")), Code::Unavailable, &["503"]);
    refused(registered_by(|_, _| Script::Raw(Vec::new())), Code::Unavailable, &["127.0.0.1"]);
    refused(registered_by(|_, _| Script::Flood), Code::Unavailable, &["too large"]);
    let endpoint = format!("http://127.0.0.1:{}/register", closed_port());
    refused(run(&demo(), &found(Some(endpoint))), Code::Unavailable, &["refused the connection"]);
    refused(run(&demo(), &found(Some("file:///x".to_owned()))), Code::Unavailable, &["not a usable URL"]);
}

#[test]
fn a_registration_is_never_redirected_case_19() {
    for status in [301, 302, 307, 308] {
        let other = Scripted::always(201, "application/json", "{\"client_id\":\"evil\"}");
        let target = other.url("/register");
        let outcome = registered_by(move |_, _| headed(status, "Location", &target));
        refused(outcome, Code::Unavailable, &["redirect"]);
        assert!(other.seen().is_empty());
    }
}

#[test]
fn the_secret_does_not_show_in_debug_and_survives_serde() {
    let registered = told(
        json!({"client_id": "c", "client_secret": "CANARY", "token_endpoint_auth_method": "client_secret_post"}),
    );
    assert!(!format!("{registered:?}").contains("CANARY"));
    let json = serde_json::to_string(&registered).unwrap();
    assert_eq!(serde_json::from_str::<Registered>(&json).unwrap(), registered);
}
