//! Discovery against scripted servers: where it looks, what it believes, what it refuses.

mod absence;
mod explicit;
mod issuer;
mod resource;
mod scope;

use super::*;
use crate::oauth::challenge::Scheme;
use crate::oauth::testing::{self, Script, Scripted, Seen, closed_port, headed, json, plain};
use serde_json::{Value, json as value};

/// A server whose GET requests are answered from `documents`, with `BASE` in them replaced by its own URL,
/// and whose MCP endpoint refuses with a bare challenge. Everything else is 404.
fn world(documents: &[(&str, Value)]) -> Scripted {
    let documents: Vec<(String, String)> =
        documents.iter().map(|(path, body)| ((*path).to_owned(), body.to_string())).collect();
    Scripted::start(move |base, seen| {
        if seen.method == "POST" {
            return headed(401, "WWW-Authenticate", "Bearer");
        }
        let found = documents.iter().find(|(path, _)| *path == seen.target);
        found.map_or_else(
            || plain(404, "text/plain", "no"),
            |(_, body)| json(200, &body.replace("BASE", base)),
        )
    })
}

/// Resource metadata for the server at `path`, with the authorization server at the same origin.
fn resource(path: &str) -> Value {
    value!({"resource": format!("BASE{path}"), "authorization_servers": ["BASE"]})
}

/// Sound metadata of the authorization server at `BASE` and `path`.
fn authorization(path: &str) -> Value {
    value!({
        "issuer": format!("BASE{path}"),
        "authorization_endpoint": "BASE/authorize",
        "token_endpoint": "BASE/token",
        "registration_endpoint": "BASE/register",
        "revocation_endpoint": "BASE/revoke",
        "code_challenge_methods_supported": ["plain", "S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
    })
}

fn with(mut document: Value, more: &Value) -> Value {
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document
}

fn without(mut document: Value, name: &str) -> Value {
    document.as_object_mut().unwrap().remove(name).unwrap();
    document
}

const RESOURCE: &str = "/.well-known/oauth-protected-resource";
const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// A server with everything in its usual place.
fn sound() -> Scripted {
    world(&[("/.well-known/oauth-protected-resource/mcp", resource("/mcp")), (OAUTH, authorization(""))])
}

fn configured(url: &str) -> Server {
    Server { name: "demo".to_owned(), url: url.to_owned(), discovery: true, ..Server::default() }
}

fn at(server: &Scripted, path: &str) -> Server {
    configured(&server.url(path))
}

fn run(server: &Server) -> Outcome<Discovered> {
    discover(testing::http(), server, None)
}

fn challenge(metadata: Option<&str>, scope: Option<&str>) -> Challenge {
    Challenge {
        scheme: Scheme::Bearer,
        resource_metadata: metadata.map(str::to_owned),
        scope: scope.map(str::to_owned),
        error: None,
        error_description: None,
    }
}

fn refused(outcome: Outcome<Discovered>, code: Code, words: &str) {
    let failure = outcome.unwrap_err();
    assert_eq!(failure.code, code, "{failure}");
    assert!(failure.message.contains(words), "{failure}");
    assert_eq!(failure.server.as_deref(), Some("demo"));
}

#[test]
fn a_sound_server_is_discovered_whole() {
    let server = sound();
    let found = run(&at(&server, "/mcp")).unwrap();
    let expected = Discovered {
        resource: Some(server.url("/mcp")),
        issuer: Some(server.url("")),
        others: Vec::new(),
        authorization_endpoint: Some(server.url("/authorize")),
        device_authorization_endpoint: None,
        token_endpoint: server.url("/token"),
        registration_endpoint: Some(server.url("/register")),
        revocation_endpoint: Some(server.url("/revoke")),
        token_endpoint_auth_methods: Some(vec!["none".to_owned()]),
        grant_types: None,
        iss_parameter_supported: true,
        client_metadata_supported: true,
        scope: None,
        dpop: Dpop::default(),
    };
    assert_eq!(found, expected);
    assert_eq!(server.lines(), ["POST /mcp", &format!("GET {RESOURCE}/mcp"), &format!("GET {OAUTH}")]);
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Discovered>(&json).unwrap(), found);
}

#[test]
fn the_first_question_is_one_ping_without_a_token() {
    let server = sound();
    run(&at(&server, "/mcp?tenant=1")).unwrap();
    let seen: &Seen = &server.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/mcp?tenant=1"));
    assert_eq!(seen.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!(seen.header("authorization"), None);
    assert!(seen.body.contains("\"ping\""));
}

#[test]
fn every_request_for_metadata_says_which_revision_of_mcp_is_spoken_rule_5() {
    let server = world(&[]);
    let _ = run(&at(&server, "/mcp"));
    let gets: Vec<Seen> = server.seen().into_iter().filter(|seen| seen.method == "GET").collect();
    assert_eq!(gets.len(), 4);
    assert!(gets.iter().all(|seen| seen.header("mcp-protocol-version") == Some("2025-11-25")), "{gets:?}");
}

#[test]
fn with_a_challenge_at_hand_the_server_is_not_asked_again() {
    let server = sound();
    discover(testing::http(), &at(&server, "/mcp"), Some(&challenge(None, None))).unwrap();
    assert_eq!(server.lines()[0], format!("GET {RESOURCE}/mcp"));
}

#[test]
fn an_endless_answer_to_the_first_question_does_not_hold_up_discovery() {
    let server = Scripted::start(|base, seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("POST", _) => Script::Drip,
        (_, "/.well-known/oauth-protected-resource/mcp") => {
            json(200, &resource("/mcp").to_string().replace("BASE", base))
        }
        (_, OAUTH) => json(200, &authorization("").to_string().replace("BASE", base)),
        _ => plain(404, "text/plain", ""),
    });
    run(&at(&server, "/mcp")).unwrap();
}

#[test]
fn a_server_that_cannot_be_reached_is_unavailable_and_named() {
    let url = format!("http://127.0.0.1:{}/mcp", closed_port());
    let origin = url.trim_end_matches("/mcp").to_owned();
    refused(run(&configured(&url)), Code::Unavailable, &origin);
}

#[test]
fn the_resource_follows_the_configuration_rule_16() {
    let server = sound();
    let asked = |resource| run(&Server { resource, ..at(&server, "/mcp") }).unwrap().resource;
    assert_eq!(asked(ResourceParameter::Omitted), None);
    assert_eq!(asked(ResourceParameter::Exactly("urn:x".to_owned())).as_deref(), Some("urn:x"));
}

#[test]
fn hostile_documents_are_passed_over_and_named_in_the_end_case_18() {
    let deep = "[".repeat(100_000);
    for body in ["<html>", "", "[]", "null", "\u{feff}", "{\"x\":1}", &deep] {
        let body = body.to_owned();
        let server = Scripted::start(move |_, seen| match seen.method.as_str() {
            "POST" => plain(200, "text/plain", ""),
            _ => plain(200, "text/html", &body),
        });
        refused(run(&at(&server, "/mcp")), Code::Unavailable, OPENID);
        assert_eq!(server.seen().len(), 5, "each place once");
    }
}

#[test]
fn a_document_without_end_is_not_taken_for_none_case_17() {
    for kind in ["text/html", "application/json"] {
        let long = "x".repeat(crate::oauth::http::METADATA_LIMIT + 1);
        let server = Scripted::start(move |_, seen| match seen.method.as_str() {
            "POST" => plain(200, "text/plain", ""),
            _ => plain(200, kind, &long),
        });
        refused(run(&at(&server, "/mcp")), Code::Unavailable, "too large");
        assert_eq!(server.seen().len(), 2, "no other place stands in for it");
    }
}

#[test]
fn a_byte_order_mark_unknown_and_repeated_members_do_not_hide_a_document_case_18() {
    let server = Scripted::start(|base, seen| {
        let body = match seen.target.as_str() {
            OAUTH => authorization(""),
            _ if seen.method == "POST" => return headed(401, "WWW-Authenticate", "Bearer"),
            _ => resource("/mcp"),
        };
        let body = body.to_string().replace("BASE", base).replacen(
            '{',
            "{\"x\":[{}],\"issuer\":\"y\",\"resource\":7,",
            1,
        );
        plain(200, "text/plain", &format!("\u{feff} {body}"))
    });
    run(&at(&server, "/mcp")).unwrap();
}

#[test]
fn a_fault_of_the_server_is_not_taken_for_a_missing_document() {
    for (status, places) in [(503, RESOURCE), (500, OAUTH), (429, OAUTH)] {
        let server = Scripted::start(move |base, seen| {
            if seen.method == "POST" {
                headed(401, "WWW-Authenticate", "Bearer")
            } else if seen.target.starts_with(places) {
                headed(status, "Retry-After", "7")
            } else if seen.target == format!("{RESOURCE}/mcp") {
                json(200, &resource("/mcp").to_string().replace("BASE", base))
            } else {
                plain(404, "text/plain", "")
            }
        });
        let outcome = run(&at(&server, "/mcp"));
        assert_eq!(outcome.as_ref().unwrap_err().retry_after, Some(7));
        refused(outcome, Code::Unavailable, &format!("HTTP {status}"));
    }
}

#[test]
fn metadata_behind_a_redirect_is_not_followed_and_not_taken_for_missing() {
    let other = sound();
    let target = other.url(OAUTH);
    let server = Scripted::start(move |_, seen| match seen.method.as_str() {
        "POST" => headed(401, "WWW-Authenticate", "Bearer"),
        _ => headed(302, "Location", &target),
    });
    refused(run(&at(&server, "/mcp")), Code::Unavailable, "HTTP 302, a redirect, which is not followed");
    assert!(other.seen().is_empty());
}

#[test]
fn endpoints_that_are_no_https_endpoints_are_refused_case_14() {
    let names = ["authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"];
    let values = [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "ms-msdt:/id",
        "http://idp.example.com/x",
        "https://user:pass@idp.example.com/",
        "https://idp.example.com/#fragment",
        "https://idp.example.com/a b",
        "/relative",
        "",
    ];
    for name in names {
        for bad in values {
            let document = with(authorization(""), &value!({name: bad}));
            let server =
                world(&[("/.well-known/oauth-protected-resource/mcp", resource("/mcp")), (OAUTH, document)]);
            refused(run(&at(&server, "/mcp")), Code::UntrustedServer, name);
        }
    }
    let document = with(authorization(""), &value!({"token_endpoint": ["BASE/token"]}));
    let server = world(&[(OAUTH, document)]);
    refused(run(&at(&server, "/mcp")), Code::UntrustedServer, "token_endpoint");
}

#[test]
fn private_and_metadata_addresses_are_refused_unless_the_host_is_allowed_case_15() {
    let document = with(authorization(""), &value!({"token_endpoint": "https://169.254.169.254/token"}));
    let server = world(&[(OAUTH, document)]);
    refused(run(&at(&server, "/mcp")), Code::UntrustedServer, "--allow-private-host ");
    let allowed = Server { allow_private_hosts: vec!["169.254.169.254".to_owned()], ..at(&server, "/mcp") };
    assert_eq!(run(&allowed).unwrap().token_endpoint, "https://169.254.169.254/token");
}

#[test]
fn a_public_server_may_not_name_private_hosts_but_a_pinned_issuer_may_case_15() {
    let http = testing::http();
    let public = configured("https://mcp.example.com/mcp");
    let story = Story::new(http, &public, &[]).unwrap();
    for bad in
        ["https://10.1.2.3/t", "http://127.0.0.1:8080/t", "https://[fe80::1]/t", "https://vault.internal/t"]
    {
        assert_eq!(story.checked("token_endpoint", bad).unwrap_err().code, Code::UntrustedServer, "{bad}");
    }
    assert!(
        story.checked("token_endpoint", "https://idp.example.org/t").is_ok(),
        "case 12: another public origin"
    );
    let pinned = Server { issuer: Some("https://sso.corp.internal".to_owned()), ..public };
    let story = Story::new(http, &pinned, &[]).unwrap();
    assert!(story.checked("token_endpoint", "https://sso.corp.internal/t").is_ok());
    assert!(story.checked("token_endpoint", "https://169.254.169.254/t").is_err());
}

#[test]
fn terminal_sequences_of_a_server_do_not_reach_a_message() {
    let document = with(authorization(""), &value!({"issuer": "x\u{1b}[31m\n\u{202e}"}));
    let server = world(&[(OAUTH, document)]);
    let failure = run(&at(&server, "/mcp")).unwrap_err();
    assert!(!failure.message.contains(['\u{1b}', '\n', '\u{202e}']), "{failure}");
}
