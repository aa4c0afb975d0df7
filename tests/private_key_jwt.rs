//! A client that proves itself with a private key (`private_key_jwt`, RFC 7523), against a server that verifies.

mod support;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use oauthserver::{AuthMethod, Client, Logged, OAuthServer, Settings, browser};
use serde_json::{Value, json};
use support::{Sandbox, serve};

const EC: &str = include_str!("../src/jose/tests/keys/ec-pkcs8.pem");
const EC_JWK: &str = include_str!("../src/jose/tests/keys/ec.jwk");
const RSA: &str = include_str!("../src/jose/tests/keys/rsa-pkcs1.pem");
const RSA_JWK: &str = include_str!("../src/jose/tests/keys/rsa.jwk");

/// The public half of a private JWK.
fn public(jwk: &str, kid: &str) -> Value {
    let mut jwk: Value = serde_json::from_str(jwk).unwrap();
    jwk.as_object_mut()
        .unwrap()
        .retain(|name, _| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()));
    jwk["kid"] = json!(kid);
    jwk
}

/// A server that knows the client `bot` by two keys, and lets nobody register.
fn server() -> OAuthServer {
    let keys = [public(EC_JWK, "ec-1"), public(RSA_JWK, "rsa-1")];
    let bot = Client::with_keys("bot", &keys).redirect_uri("http://127.0.0.1/callback").any_loopback_port();
    let mut settings =
        Settings { clients: vec![bot], auth_methods: vec![AuthMethod::PrivateKeyJwt], ..Settings::default() };
    settings.registration.enabled = false;
    serve(settings)
}

/// A home whose server `bot` has this key and these keys of `oauth2` beside it.
fn home(server: &OAuthServer, key: &str, oauth2: &Value) -> Sandbox {
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("key.pem");
    std::fs::write(&file, key).unwrap();
    let mut all = json!({"clientId": "bot", "privateKeyFile": file});
    all.as_object_mut().unwrap().extend(oauth2.as_object().unwrap().clone());
    sandbox.write_config(&json!({"servers": {"bot": {"url": server.mcp_url(), "oauth2": all}}}));
    sandbox
}

fn unattended() -> Value {
    json!({"grant": "client_credentials"})
}

/// A part of the assertion of a request.
fn part(request: &Logged, index: usize) -> Value {
    let assertion = request.form_value("client_assertion").unwrap();
    let part = assertion.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_client_with_a_key_is_granted_a_token() {
    for (key, kid, algorithm) in [(EC, "ec-1", "ES256"), (RSA, "rsa-1", "RS256")] {
        let server = server();
        let sandbox = home(&server, key, &unattended());
        let answer = sandbox.run(&["get", "bot"]).succeeds();
        assert!(server.mcp_accepts(&answer.text("access_token")), "{kid}");
        let [request] = &server.token_requests()[..] else { panic!("one request") };
        assert_eq!(part(request, 0), json!({"alg": algorithm, "typ": "JWT"}));
        let claims = part(request, 1);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("bot"), &json!("bot")));
        assert_eq!(claims["aud"], json!(server.issuer()));
        assert_eq!(request.form_value("client_id"), Some("bot"));
        assert_eq!((request.form_value("client_secret"), request.header("authorization")), (None, None));
    }
}

#[test]
fn the_configured_key_id_and_algorithm_are_told() {
    let server = server();
    let more = json!({
        "grant": "client_credentials", "privateKeyId": "ec-1", "signingAlgorithm": "ES256",
        "authStyle": "private_key_jwt",
    });
    let sandbox = home(&server, EC, &more);
    sandbox.run(&["get", "bot"]).succeeds();
    assert_eq!(part(&server.token_requests()[0], 0)["kid"], "ec-1");
    let status = sandbox.run(&["status", "bot"]).succeeds();
    assert!(status.stdout.contains("authentication  private_key_jwt"), "{}", status.stdout);
}

#[test]
fn each_request_is_signed_anew_code_refresh_and_revocation() {
    let server = server();
    let sandbox = home(&server, EC, &json!({}));
    sandbox.login("bot").succeeds();
    let held = sandbox.run(&["get", "bot"]).succeeds().text("generation");
    sandbox.run(&["refresh", "bot", "--rejected-generation", &held]).succeeds();
    assert_eq!(sandbox.run(&["erase", "bot", "--revoke"]).succeeds().json()["revoked"], json!(true));
    let signed: Vec<Logged> = server
        .requests()
        .into_iter()
        .filter(|request| request.form_value("client_assertion").is_some())
        .collect();
    // The code, one refresh, and both tokens given back.
    assert_eq!(signed.len(), 4, "{signed:?}");
    let mut ids: Vec<String> = signed.iter().map(|request| part(request, 1)["jti"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn without_a_known_issuer_the_audience_is_the_token_endpoint() {
    let server = server();
    let more = json!({
        "grant": "client_credentials", "tokenUrl": server.token_endpoint(), "discovery": {"enabled": false},
        "resource": server.resource(),
    });
    let sandbox = home(&server, EC, &more);
    sandbox.run(&["get", "bot"]).succeeds();
    assert_eq!(part(&server.token_requests()[0], 1)["aud"], json!(server.token_endpoint()));
}

#[test]
fn a_key_that_is_not_registered_is_told_with_its_settings() {
    let server = server();
    let other = include_str!("../src/jose/tests/keys/ec-p256-other.pem");
    let sandbox = home(&server, other, &unattended());
    let refused = sandbox.run(&["get", "bot"]).fails("invalid_client", 6);
    assert!(refused.stderr.contains("`privateKeyFile`"), "{}", refused.stderr);
    assert_eq!(server.token_requests().len(), 1, "it is not tried again");
}

#[test]
fn a_key_that_cannot_sign_stops_before_any_request_and_any_browser() {
    let server = server();
    for (key, word) in [
        (include_str!("../src/jose/tests/keys/ec-encrypted.pem"), "is encrypted"),
        (include_str!("../src/jose/tests/keys/ec-p384.pem"), "another curve"),
        (include_str!("../src/jose/tests/keys/rsa-1024.pem"), "2048"),
        ("hunter2", "no private key"),
    ] {
        for (verb, oauth2) in [("get", unattended()), ("login", json!({}))] {
            let ran = home(&server, key, &oauth2).run(&[verb, "bot"]);
            assert_eq!(ran.status, 2, "{word}: {}", ran.stderr);
            assert!(ran.stderr.contains(word) && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
        }
    }
    assert_eq!(server.token_requests().len(), 0);
    assert_eq!(server.count("/authorize"), 0);
}

#[test]
fn a_key_that_was_replaced_is_used_at_the_next_request() {
    let server = server();
    let sandbox = home(&server, EC, &unattended());
    let held = sandbox.run(&["get", "bot"]).succeeds().text("generation");
    std::fs::write(sandbox.home().join("key.pem"), RSA).unwrap();
    sandbox.run(&["refresh", "bot", "--rejected-generation", &held]).succeeds();
    let used: Vec<Value> =
        server.token_requests().iter().map(|request| part(request, 0)["alg"].clone()).collect();
    assert_eq!(used, [json!("ES256"), json!("RS256")]);
}

#[test]
fn a_replayed_assertion_is_refused_by_the_server() {
    let server = server();
    let sandbox = home(&server, EC, &unattended());
    sandbox.run(&["get", "bot"]).succeeds();
    let sent = server.token_requests().remove(0);
    let value = |name| (name, sent.form_value(name).unwrap());
    let names = ["grant_type", "client_id", "client_assertion_type", "client_assertion", "resource"];
    let again = browser::post_form(&server.token_endpoint(), &names.map(value)).unwrap();
    assert_eq!(again.status, 401, "the test server sees a jti that comes twice");
}

#[test]
fn add_writes_the_key_in_the_place_of_a_secret() {
    let server = server();
    let sandbox = home(&server, EC, &unattended());
    let file = sandbox.home().join("key.pem");
    let url = server.mcp_url();
    let add = |more: &[&str]| sandbox.run(&[&["add", "bot", url.as_str()], more].concat()).succeeds();
    add(&["--client-secret-file", file.to_str().unwrap()]);
    add(&["--private-key-file", file.to_str().unwrap()]);
    sandbox.run(&["get", "bot"]).succeeds();
    assert!(server.token_requests()[0].form_value("client_assertion").is_some());
}

#[test]
fn the_private_key_is_seen_nowhere() {
    let server = server();
    let sandbox = home(&server, EC, &unattended());
    let line = EC.lines().nth(1).unwrap();
    for verb in ["get", "refresh", "status"] {
        let ran = sandbox.run(&[verb, "bot", "--log", "trace"]);
        assert!(!ran.stdout.contains(line) && !ran.stderr.contains(line), "{verb}");
        assert!(!ran.stderr.contains("eyJ"), "no assertion in a log line: {}", ran.stderr);
    }
    for file in sandbox.files() {
        let content = std::fs::read(sandbox.state("oauth").join(&file)).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains(line), "{file}");
    }
}
