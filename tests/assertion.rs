//! Workloads that present an assertion of their platform (RFC 7523): read anew at each grant, no person, no storm.

mod support;

use oauthserver::{Client, Endpoint, Fault, Jwt, OAuthServer, Patch, Settings, Times, Trusted};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Ran, Sandbox, serve, wait_until_stale};

const PLATFORM: &str = "https://platform.example";
const KEY: &str = "the key of the platform";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A server that trusts the platform, and lets nobody register.
fn server(settings: Settings) -> OAuthServer {
    let trusted = Trusted { issuer: PLATFORM.to_owned(), key: KEY.to_owned() };
    let mut settings = Settings { trusted_issuers: vec![trusted], ..settings };
    settings.registration.enabled = false;
    serve(settings)
}

fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap() + seconds
}

/// What the platform writes for a workload that goes to `server`.
fn jwt(server: &OAuthServer) -> Jwt {
    Jwt::new()
        .claim("iss", PLATFORM)
        .claim("sub", "the-workload")
        .claim("aud", server.issuer())
        .claim("exp", in_seconds(600))
}

/// A sandbox whose `demo` reads its assertion from a file, which is returned.
fn workload(server: &OAuthServer) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("assertion");
    fs::write(&file, jwt(server).signed(KEY) + "\n").unwrap();
    let added = sandbox.run(&[
        "add",
        "demo",
        &server.mcp_url(),
        "--grant",
        "jwt_bearer",
        "--assertion-file",
        file.to_str().unwrap(),
    ]);
    assert!(added.succeeds().stderr.contains("next: mcp-credential get demo"));
    (sandbox, file)
}

fn renew(sandbox: &Sandbox) -> Ran {
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    sandbox.run(&["refresh", "demo", "--rejected-generation", &held])
}

#[test]
fn a_workload_gets_a_token_without_client_secret_or_person() {
    let server = server(Settings { scopes_supported: vec!["mcp:read".to_owned()], ..Settings::default() });
    let (sandbox, _) = workload(&server);
    let first = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((first.text("source").as_str(), first.stderr.as_str()), ("granted", ""));
    assert!(server.mcp_accepts(&first.text("access_token")));
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "cache");
    let requests = server.token_requests();
    assert_eq!(requests.len(), 1);
    let sent = |name| requests[0].form_value(name);
    assert_eq!((sent("grant_type"), sent("scope")), (Some(GRANT), Some("mcp:read")));
    assert_eq!(sent("resource"), Some(server.resource().as_str()));
    assert_eq!((sent("client_id"), requests[0].header("authorization")), (None, None));
    assert_eq!(server.registrations().len(), 0);
    assert_eq!(sandbox.opened(), [""; 0]);
    let status = sandbox.run(&["status", "demo"]).succeeds();
    assert!(status.stdout.contains("jwt_bearer") && !status.stdout.contains("client"), "{}", status.stdout);
}

#[test]
fn a_client_that_is_configured_authenticates_itself_as_well() {
    for (oauth2, in_header) in [
        (json!({"clientId": "app"}), None),
        (json!({"clientId": "app", "clientSecret": "s3cret", "authStyle": "header"}), Some(true)),
        (json!({"clientId": "app", "clientSecret": "s3cret"}), Some(false)),
    ] {
        let client = match in_header {
            None => Client::public("app"),
            Some(_) => Client::confidential("app", "s3cret"),
        };
        let server = server(Settings { clients: vec![client.grant_types(&[GRANT])], ..Settings::default() });
        let mut oauth2 = oauth2;
        oauth2["grant"] = json!("jwt_bearer");
        oauth2["assertionEnv"] = json!("WORKLOAD");
        let sandbox = Sandbox::configured(&server, &oauth2).variable("WORKLOAD", &jwt(&server).signed(KEY));
        renew(&sandbox).succeeds();
        for request in server.token_requests() {
            assert_eq!(request.header("authorization").is_some(), in_header == Some(true));
            assert_eq!(request.form_value("client_secret").is_some(), in_header == Some(false));
        }
        assert_eq!(server.token_requests().len(), 2);
    }
}

#[test]
fn the_assertion_is_read_anew_at_each_grant() {
    let settings = Settings { access_token_ttl: Duration::from_secs(1), ..Settings::default() };
    let server = server(settings);
    let (sandbox, file) = workload(&server);
    let mut written = Vec::new();
    for number in 0..3 {
        // An identifier is good once: the same assertion again would be refused.
        let assertion = jwt(&server).claim("jti", format!("assertion-{number}")).signed(KEY);
        fs::write(&file, &assertion).unwrap();
        written.push(assertion);
        let answer = sandbox.run(&["get", "demo"]).succeeds();
        assert_eq!(answer.text("source"), "granted");
        wait_until_stale(&answer.json());
    }
    let sent: Vec<String> =
        server.token_requests().iter().map(|one| one.form_value("assertion").unwrap().to_owned()).collect();
    assert_eq!(sent, written);
    sandbox.run(&["get", "demo"]).fails("denied", 6);
}

#[test]
fn a_command_prints_the_assertion_of_the_moment() {
    let server = server(Settings::default());
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("printed");
    fs::write(&file, jwt(&server).signed(KEY)).unwrap();
    let script = sandbox.script("print", &format!("cat '{}'", file.display()));
    let demo =
        json!({"url": server.mcp_url(), "oauth2": {"grant": "jwt_bearer", "assertionCommand": [script]}});
    sandbox.write_config(&json!({"servers": {"demo": demo}}));
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("source"), "granted");
}

#[test]
fn twenty_callers_share_one_request_and_one_refusal() {
    let server = server(Settings::default());
    let (sandbox, file) = workload(&server);
    let answers = sandbox.crowd(20, &["get", "demo"]);
    let tokens: Vec<String> = answers.into_iter().map(|ran| ran.succeeds().text("access_token")).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(server.token_requests().len(), 1);
    fs::write(&file, jwt(&server).claim("exp", in_seconds(-60)).signed(KEY)).unwrap();
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    for ran in sandbox.crowd(20, &["refresh", "demo", "--rejected-generation", &held]) {
        ran.fails("denied", 6);
    }
    // One for each five seconds that the crowd took.
    let refused = server.token_requests().len() - 1;
    assert!((1..=4).contains(&refused), "{refused}");
}

#[test]
fn a_refusal_is_told_with_its_reason_and_nothing_else_is_tried() {
    let server = server(Settings::default());
    let (sandbox, file) = workload(&server);
    let cases = [
        (jwt(&server).claim("exp", in_seconds(-60)).signed(KEY), "expired"),
        (jwt(&server).claim("aud", "https://other.example").signed(KEY), "audience"),
        (jwt(&server).signed("another key"), "trusted"),
    ];
    for (number, (assertion, word)) in cases.into_iter().enumerate() {
        fs::write(&file, &assertion).unwrap();
        let _ = fs::remove_file(sandbox.state("oauth/demo.token.json.state"));
        let refused = sandbox.run(&["get", "demo"]).fails("denied", 6);
        assert_eq!(refused.json()["error"]["retryable"], json!(false));
        assert!(
            refused.stderr.contains(word) && refused.stderr.contains("`assertionFile`"),
            "{}",
            refused.stderr
        );
        assert!(!refused.stderr.contains(&assertion));
        assert_eq!(server.token_requests().len(), number + 1, "one request, and no other grant");
    }
    assert!(server.token_requests().iter().all(|request| request.form_value("grant_type") == Some(GRANT)));
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn a_refusal_of_any_shape_is_final_after_one_request() {
    let server = server(Settings::default());
    let (sandbox, _) = workload(&server);
    let cases = [
        (Fault::status(400), "gave no reason"),
        (Fault::html(401), "no OAuth error"),
        (Fault::json_error(400, "invalid_assertion"), "invalid_assertion"),
        (Fault::json_error(403, "invalid_grant"), "invalid_grant"),
    ];
    for (number, (fault, word)) in cases.into_iter().enumerate() {
        server.fault(Endpoint::Token, fault, Times::Always);
        let refused = sandbox.run(&["get", "demo", "--timeout", "60"]).fails("denied", 6);
        assert_eq!(refused.json()["error"]["retryable"], json!(false));
        assert!(
            refused.stderr.contains(word) && refused.stderr.contains("`assertionFile`"),
            "{}",
            refused.stderr
        );
        assert_eq!(server.token_requests().len(), number + 1, "{word}");
        server.clear_faults();
        sandbox.forget_state();
    }
    server.fault(Endpoint::Token, Fault::status(429), Times::Next(1));
    sandbox.run(&["get", "demo", "--timeout", "60"]).succeeds();
    assert_eq!(server.token_requests().len(), 6, "to come back later is no refusal");
}

#[test]
fn an_assertion_that_is_none_is_told_by_its_key_and_nothing_is_sent() {
    let server = server(Settings::default());
    let (sandbox, file) = workload(&server);
    for (text, word) in [
        ("", "is empty"),
        ("a.b.c\nd.e.f\n", "more than one line"),
        ("hunter2", "is no JWT"),
        (&format!("a.b.{}", "c".repeat(70_000)), "larger than"),
    ] {
        fs::write(&file, text).unwrap();
        let refused = sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
        assert!(refused.stderr.contains("`assertionFile`") && refused.stderr.contains(word), "{refused:?}");
        assert!(!refused.stderr.contains("hunter2"));
    }
    fs::remove_file(&file).unwrap();
    let refused = sandbox.run(&["get", "demo"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("does not exist"), "{}", refused.stderr);
    assert_eq!(server.token_requests().len(), 0);
}

#[test]
fn a_living_token_is_answered_while_no_new_one_can_be_had() {
    let server = server(Settings::default());
    let (sandbox, file) = workload(&server);
    let first = sandbox.run(&["get", "demo"]).succeeds();
    fs::remove_file(&file).unwrap();
    let ttl = ["get", "demo", "--min-ttl", "3600"];
    server.reconfigure(|settings| settings.access_token_ttl = Duration::from_secs(7200));
    assert_eq!(sandbox.run(&ttl).succeeds().text("generation"), first.text("generation"));
    server.fault(Endpoint::Token, Fault::status(503), Times::Always);
    fs::write(&file, jwt(&server).signed(KEY)).unwrap();
    let held = first.text("generation");
    sandbox.run(&["refresh", "demo", "--rejected-generation", &held]).fails("unavailable", 75);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("generation"), held);
}

#[test]
fn case_52_a_refresh_token_in_the_answer_is_ignored_and_no_login_is_offered() {
    let patch = Patch::new().set("refresh_token", "rt_that_nobody_asked_for");
    let server = server(Settings { token_answer: patch, ..Settings::default() });
    let (sandbox, _) = workload(&server);
    assert_eq!(renew(&sandbox).succeeds().text("source"), "granted");
    assert_eq!((server.token_requests().len(), server.refreshes().len()), (2, 0));
    let refused = sandbox.run(&["login", "demo"]).ends("usage", 2);
    assert!(refused.stderr.contains("mcp-credential get"), "{}", refused.stderr);
}

#[test]
fn the_assertion_stays_with_the_issuer_that_took_it_when_its_token_is_erased_case_13() {
    let (ours, other) = (server(Settings::default()), server(Settings::default()));
    let (sandbox, _file) = workload(&ours);
    sandbox.run(&["get", "demo", "--timeout", "60"]).succeeds();
    sandbox.run(&["logout", "demo"]).succeeds();
    other.reconfigure(|settings| settings.resource = Some(ours.resource()));
    ours.reconfigure(|settings| settings.authorization_servers = Some(vec![other.issuer()]));
    let refused = sandbox.run(&["get", "demo", "--timeout", "60"]).fails("untrusted_server", 5);
    assert!(refused.stderr.contains("the assertion belongs to"), "{}", refused.stderr);
    assert_eq!(other.token_requests().len(), 0);
}
