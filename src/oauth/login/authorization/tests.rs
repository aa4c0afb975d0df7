//! What the authorization URL says, and what it can never be made to say.

use super::*;
use crate::oauth::testing;
use sha2::{Digest, Sha256};

const REDIRECT: &str = "http://127.0.0.1:7/callback";

fn server() -> Server {
    Server { name: "demo".to_owned(), ..Server::default() }
}

fn endpoint(url: &str) -> AuthorizationEndpoint {
    AuthorizationEndpoint { url: url.to_owned(), ..AuthorizationEndpoint::default() }
}

fn prepared(server: &Server, endpoint: &AuthorizationEndpoint) -> Outcome<Authorization> {
    Authorization::prepare(server, endpoint, "client 1&x", REDIRECT)
}

/// The decoded parameters, in order.
fn parameters(authorization: &Authorization) -> Vec<(String, String)> {
    let (_, query) = authorization.url().split_once('?').unwrap();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn parameter(authorization: &Authorization, name: &str) -> Option<String> {
    let mut values = parameters(authorization).into_iter().filter(|(present, _)| present == name);
    let value = values.next();
    assert!(values.next().is_none(), "`{name}` stands once");
    value.map(|(_, value)| value)
}

#[test]
fn the_url_carries_what_rfc_6749_and_rfc_7636_ask_for() {
    let scoped =
        AuthorizationEndpoint { scope: Some("a b:c".to_owned()), ..endpoint("https://as.example/authorize") };
    let authorization = prepared(&server(), &scoped).unwrap();
    assert!(authorization.url().starts_with("https://as.example/authorize?response_type=code&"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(authorization.verifier.expose()));
    for (name, value) in [
        ("client_id", "client 1&x"),
        ("redirect_uri", REDIRECT),
        ("scope", "a b:c"),
        ("state", authorization.state.expose()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&authorization, name).as_deref(), Some(value), "{name}");
    }
    for absent in ["prompt", "resource", "nonce"] {
        assert_eq!(parameter(&authorization, absent), None, "{absent}");
    }
}

#[test]
fn offline_access_is_asked_for_with_consent_unless_configured_otherwise() {
    let offline =
        |url: &str| AuthorizationEndpoint { scope: Some("a offline_access".to_owned()), ..endpoint(url) };
    let asked = |server: &Server, url: &str| parameter(&prepared(server, &offline(url)).unwrap(), "prompt");
    let url = "https://as.example/authorize";
    assert_eq!(asked(&server(), url).as_deref(), Some("consent"));
    let with = |value: &str| Server {
        authorization_params: vec![("prompt".to_owned(), value.to_owned())].into(),
        ..server()
    };
    assert_eq!(asked(&with("select_account"), url).as_deref(), Some("select_account"));
    assert_eq!(asked(&with(""), url), None);
    assert_eq!(asked(&server(), "https://as.example/authorize?prompt=login").as_deref(), Some("login"));
}

/// A loopback double of each server of the table: it shows a page without a way on to whoever is asked for consent.
#[test]
fn a_double_of_each_server_that_must_not_be_told_to_ask_lets_a_person_in_by_its_row_alone() {
    let double = testing::Scripted::start(|_, seen| {
        if seen.target.contains("prompt=consent") {
            return testing::plain(200, "text/html", "approval required");
        }
        testing::headed(302, "Location", &format!("{REDIRECT}?code=c"))
    });
    let offline = AuthorizationEndpoint {
        scope: Some("a offline_access".to_owned()),
        ..endpoint(&double.url("/common/oauth2/v2.0/authorize"))
    };
    let lets_in = |server: &Server, origin: &str, row: &Unprompted| {
        let rows = [Unprompted { origin, ..*row }];
        let made = Authorization::made(server, &offline, "client", REDIRECT, &rows).unwrap();
        testing::http().get(&url::Url::parse(made.url()).unwrap()).unwrap().status == 302
    };
    for row in known::UNPROMPTED {
        assert!(lets_in(&server(), &double.url(""), row), "{row:?}");
        assert!(!lets_in(&server(), "http://127.0.0.1:9", row), "{row:?}");
        assert!(!lets_in(&Server { strict: true, ..server() }, &double.url(""), row), "{row:?}");
        let at_row = |server: &Server| {
            let there = AuthorizationEndpoint { url: format!("{}/authorize", row.origin), ..offline.clone() };
            parameter(&prepared(server, &there).unwrap(), "prompt")
        };
        assert_eq!(at_row(&server()), None);
        assert_eq!(at_row(&Server { strict: true, ..server() }).as_deref(), Some("consent"));
    }
}

#[test]
fn a_configured_audience_is_asked_for_and_stands_once() {
    let with = |audience: Option<&str>, param: Option<&str>| Server {
        audience: audience.map(str::to_owned),
        authorization_params: param
            .map(|value| ("audience".to_owned(), value.to_owned()))
            .into_iter()
            .collect::<Vec<_>>()
            .into(),
        ..server()
    };
    let asked = |server: &Server| {
        prepared(server, &endpoint("https://as.example/a")).map(|made| parameter(&made, "audience"))
    };
    assert_eq!(asked(&with(None, None)), Ok(None));
    assert_eq!(asked(&with(Some("urn:a b"), None)), Ok(Some("urn:a b".to_owned())));
    assert_eq!(asked(&with(None, Some("urn:x"))), Ok(Some("urn:x".to_owned())));
    for param in ["urn:a b", "urn:x"] {
        assert_eq!(asked(&with(Some("urn:a b"), Some(param))).unwrap_err().code, Code::ConfigInvalid);
    }
}

#[test]
fn every_request_has_its_own_state_and_verifier_of_256_random_bits() {
    let one = prepared(&server(), &endpoint("https://as.example/a")).unwrap();
    let other = prepared(&server(), &endpoint("https://as.example/a")).unwrap();
    let all = [&one.state, &one.verifier, &other.state, &other.verifier].map(Secret::expose);
    for (at, text) in all.iter().enumerate() {
        assert_eq!(URL_SAFE_NO_PAD.decode(text).unwrap().len(), 32);
        assert!(!all[at + 1..].contains(text));
    }
}

#[test]
fn the_resource_arrives_byte_for_byte() {
    for resource in [
        "https://mcp.example.com",
        "https://mcp.example.com/",
        "https://MCP.example.com:443/a?b=c&d#e",
        "urn:x:%7e%7E+ ü|$(id)",
    ] {
        let published =
            AuthorizationEndpoint { resource: Some(resource.to_owned()), ..endpoint("https://as.example/") };
        let authorization = prepared(&server(), &published).unwrap();
        assert_eq!(parameter(&authorization, "resource").as_deref(), Some(resource));
    }
    let empty = Some(String::new());
    let omitted =
        AuthorizationEndpoint { resource: empty.clone(), scope: empty, ..endpoint("https://as.example/") };
    let authorization = prepared(&server(), &omitted).unwrap();
    assert!(parameters(&authorization).iter().all(|(name, _)| name != "resource" && name != "scope"));
}

#[test]
fn the_endpoints_own_query_is_kept_and_what_it_says_already_is_not_repeated() {
    for (url, start) in [
        ("https://as.example/a?t=1%2B1&u", "https://as.example/a?t=1%2B1&u&response_type=code&"),
        ("https://as.example/a?", "https://as.example/a?response_type=code&"),
        ("https://as.example/a?t&", "https://as.example/a?t&response_type=code&"),
        ("https://as.example/a?response_type=code", "https://as.example/a?response_type=code&client_id="),
    ] {
        let authorization = prepared(&server(), &endpoint(url)).unwrap();
        assert!(authorization.url().starts_with(start), "{}", authorization.url());
        assert_eq!(parameter(&authorization, "response_type").as_deref(), Some("code"));
    }
}

#[test]
fn an_endpoint_that_sets_our_parameters_itself_is_refused() {
    for query in ["state=x", "redirect_uri=https://evil.example", "code_challenge_method=plain", "st%61te="] {
        let failure = prepared(&server(), &endpoint(&format!("https://as.example/?{query}"))).unwrap_err();
        assert_eq!(failure.code, Code::UntrustedServer, "{query}");
        assert_eq!(failure.server.as_deref(), Some("demo"));
    }
}

#[test]
fn configured_parameters_are_added_in_order() {
    let params = [("access_type", "offline"), ("prompt", "consent"), ("x y", "|")];
    let authorization_params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = Server { authorization_params: authorization_params.clone().into(), ..server() };
    let authorization = prepared(&server, &endpoint("https://as.example/a?access_type=offline")).unwrap();
    assert_eq!(parameter(&authorization, "access_type").as_deref(), Some("offline"));
    assert!(parameters(&authorization).ends_with(&authorization_params[1..]));
}

#[test]
fn configured_parameters_cannot_replace_our_own() {
    for name in RESERVED.iter().chain(&["tenant"]) {
        let authorization_params = vec![((*name).to_owned(), "evil".to_owned())].into();
        let server = Server { authorization_params, ..server() };
        let failure = prepared(&server, &endpoint("https://as.example/a?tenant=1")).unwrap_err();
        assert_eq!(failure.code, Code::ConfigInvalid, "{name}");
        assert!(failure.message.contains(name) && failure.message.contains("authorizationParams"));
    }
}

#[test]
fn case_14_22_23_an_endpoint_that_is_unsafe_to_open_is_refused_or_encoded() {
    for url in [
        "javascript:alert(1)",
        "file:///x",
        "http://as.example/",
        "-https://as.example/",
        "https://-as.example/",
        "https://as.example/#x",
        "https://$(id)/",
        "",
    ] {
        let failure = prepared(&server(), &endpoint(url)).unwrap_err();
        assert_eq!(failure.code, Code::UntrustedServer, "{url}");
        let configured = Server { authorization_url: Some(url.to_owned()), ..server() };
        let failure = prepared(&configured, &endpoint(url)).unwrap_err();
        assert_eq!(failure.code, Code::ConfigInvalid, "{url}");
        assert!(failure.message.contains("authorizationUrl"), "{failure}");
    }
    let hostile = endpoint("https://as.example/a|calc`id`$(id)?b=^&c=%PATH% '\"");
    let url = prepared(&server(), &hostile).unwrap().url;
    assert!(url.starts_with("https://as.example/a%7Ccalc%60id%60%24%28id%29?b=%5E&c=%25PATH%25%20%27%22&"));
    assert_eq!(safe_to_open(&url).unwrap(), url);
}

#[test]
fn a_request_that_is_too_long_is_refused() {
    let long = AuthorizationEndpoint { scope: Some("s ".repeat(20_000)), ..endpoint("https://as.example/") };
    assert_eq!(prepared(&server(), &long).unwrap_err().code, Code::UntrustedServer);
}

#[test]
fn issuer_state_and_verifier_are_kept_together_and_not_shown() {
    let known = AuthorizationEndpoint {
        issuer: Some("https://as.example".to_owned()),
        iss_parameter_supported: true,
        ..endpoint("https://as.example/a")
    };
    let authorization = prepared(&server(), &known).unwrap();
    let listener = Listener::bind(&crate::config::Callback::default()).unwrap();
    let expected = authorization.expected_at(&listener);
    assert_eq!(expected.state, authorization.state);
    assert_eq!(expected.issuer, IssuerRule { issuer: known.issuer, advertised: true });
    let login = authorization.with_code(Secret::new("c"));
    assert_eq!((login.verifier, login.redirect_uri.as_str()), (authorization.verifier.clone(), REDIRECT));
    let shown = format!("{authorization:?}");
    assert!(
        !shown.contains(authorization.state.expose()) && !shown.contains(authorization.verifier.expose())
    );
}
