//! Tokens that are bound to a key (`DPoP`, RFC 9449), against a server that checks every proof.

mod named;
mod proofs;
#[path = "../support/mod.rs"]
mod support;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use mcp_credential::jose::SigningKey;
use mcp_credential::jose::dpop::{Target, proof};
use mcp_credential::secret::Secret;
use oauthserver::{Client, Dpop, Endpoint, Fault, Logged, OAuthServer, Patch, Settings, Times, browser};
use serde_json::{Value, json};
use support::{Ran, Sandbox, serve};
use url::Url;

/// What every private key of this kind begins with, in base64url: PKCS#8 on P-256.
const KEY_BEGINS: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";

const REQUIRED: Dpop = Dpop {
    offered: true,
    required: true,
    bearer_challenge: false,
    token_nonce: false,
    mcp_nonce: false,
    ignored: false,
};

fn server(dpop: Dpop) -> OAuthServer {
    serve(Settings { dpop, ..Settings::default() })
}

/// The header and the claims of the proof that went with a request.
fn proof_of(request: &Logged) -> Option<(Value, Value)> {
    let mut parts = request.header("dpop")?.split('.').map(|part| {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default()).unwrap_or_default()
    });
    Some((parts.next()?, parts.next()?))
}

fn keys(requests: &[Logged]) -> Vec<Value> {
    requests.iter().map(|request| proof_of(request).unwrap().0["jwk"].clone()).collect()
}

fn authorization(ran: &Ran) -> String {
    ran.json()["headers"]["Authorization"].as_str().unwrap().to_owned()
}

fn renewed(sandbox: &Sandbox) -> Ran {
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    sandbox.run(&["refresh", "demo", "--rejected-generation", &held])
}

#[test]
fn a_server_that_demands_bound_tokens_gets_them() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!((answer.text("token_type").as_str(), answer.text("source").as_str()), ("DPoP", "cache"));
    assert_eq!(authorization(&answer), format!("DPoP {}", answer.text("access_token")));
    assert_eq!(answer.json()["headers"].as_object().unwrap().len(), 1, "no request was named, so no proof");
    let [exchange] = &server.token_requests()[..] else { panic!("one request") };
    let (header, claims) = proof_of(exchange).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("dpop+jwt")));
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!(server.token_endpoint())));
    let status = sandbox.run(&["status", "demo"]).succeeds();
    assert!(status.stdout.contains("bound to a key  yes (DPoP)"), "{}", status.stdout);
}

#[test]
fn the_challenge_alone_or_the_metadata_alone_is_a_demand() {
    let no_member = Patch::new().remove("dpop_bound_access_tokens_required");
    let by_challenge =
        serve(Settings { dpop: REQUIRED, resource_metadata: no_member, ..Settings::default() });
    let by_metadata = server(Dpop { bearer_challenge: true, ..REQUIRED });
    for server in [by_challenge, by_metadata] {
        let sandbox = Sandbox::logged_in(&server);
        assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("token_type"), "DPoP");
    }
}

#[test]
fn nobody_is_asked_to_bind_a_token_without_need() {
    for dpop in [Dpop::default(), Dpop { offered: true, ..Dpop::default() }] {
        let server = server(dpop);
        let sandbox = Sandbox::logged_in(&server);
        assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("token_type"), "Bearer");
        assert!(server.requests().iter().all(|request| request.header("dpop").is_none()));
        let asked = server.requests().into_iter().find(|request| request.path == "/authorize").unwrap();
        assert_eq!(asked.query_value("dpop_jkt"), None);
    }
}

#[test]
fn the_configuration_decides_over_the_server() {
    let offered = server(Dpop { offered: true, ..Dpop::default() });
    let sandbox = Sandbox::configured(&offered, &json!({"dpop": true}));
    sandbox.login("demo").succeeds();
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("token_type"), "DPoP");

    let required = server(REQUIRED);
    let sandbox = Sandbox::configured(&required, &json!({"dpop": false}));
    sandbox.login("demo").ends("denied", 6);
    assert!(required.requests().iter().all(|request| request.header("dpop").is_none()));
}

#[test]
fn the_code_is_bound_to_the_key_of_the_login() {
    let server = server(REQUIRED);
    let _sandbox = Sandbox::logged_in(&server);
    let asked = server.requests().into_iter().find(|request| request.path == "/authorize").unwrap();
    let named = asked.query_value("dpop_jkt").unwrap().to_owned();
    let jwk = keys(&server.token_requests()).remove(0);
    let member = |name: &str| jwk[name].as_str().unwrap().to_owned();
    let key = mcp_credential::jose::PublicJwk::Ec { x: member("x"), y: member("y") };
    assert_eq!(key.thumbprint(), named);
}

#[test]
fn a_login_keeps_its_key_and_another_login_has_another() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    assert_eq!(renewed(&sandbox).succeeds().text("source"), "refreshed");
    sandbox.login("demo").succeeds();
    let keys = keys(&server.token_requests());
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1], "the refresh token of a public client is bound");
    assert_ne!(keys[1], keys[2]);
}

#[test]
fn a_nonce_of_the_authorization_server_costs_one_more_request_and_is_kept() {
    let server = server(Dpop { token_nonce: true, ..REQUIRED });
    let sandbox = Sandbox::logged_in(&server);
    let codes: Vec<Logged> = server.token_requests();
    assert_eq!(codes.len(), 2);
    assert_eq!(codes[0].form_value("code"), codes[1].form_value("code"), "a refusal spends no code");
    assert_eq!(proof_of(&codes[1]).unwrap().1["nonce"], "token-nonce-0");
    renewed(&sandbox).succeeds();
    assert_eq!(server.refreshes().len(), 1, "the nonce is kept");
    server.renew_dpop_nonces();
    renewed(&sandbox).succeeds();
    let refreshes = server.refreshes();
    assert_eq!(refreshes.len(), 3);
    let sent = |index: usize| refreshes[index].form_value("refresh_token").unwrap().to_owned();
    assert_eq!(sent(1), sent(2), "a refusal spends no refresh token");
    assert_ne!(proof_of(&refreshes[1]).unwrap().1["jti"], proof_of(&refreshes[2]).unwrap().1["jti"]);
    assert_eq!(server.reuses(), 0);
}

#[test]
fn a_server_that_asks_for_nonces_for_ever_is_obeyed_once() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    let demand = Fault::json_error(400, "use_dpop_nonce").header("DPoP-Nonce", "again");
    server.fault(Endpoint::Refresh, demand, Times::Always);
    let refused = renewed(&sandbox);
    assert_eq!(refused.status, 6, "{refused:?}");
    assert_eq!(server.refreshes().len(), 2);
    server.clear_faults();
    sandbox.forget_state();
    renewed(&sandbox).succeeds();
    assert_eq!(server.reuses(), 0, "the refresh token was not spent");
}

#[test]
fn a_nonce_that_could_break_a_header_is_not_taken() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    let demand = Fault::json_error(400, "use_dpop_nonce").header("DPoP-Nonce", "two words \"and\" more");
    server.fault(Endpoint::Refresh, demand, Times::Next(1));
    assert_eq!(renewed(&sandbox).status, 6);
    assert_eq!(server.refreshes().len(), 1, "without a nonce there is nothing to try again with");
}

#[test]
fn case_48_an_answer_that_is_not_bound_is_refused_only_where_the_configuration_insists() {
    let ignored = Dpop { ignored: true, ..REQUIRED };
    let server_with = server(ignored);
    let sandbox = Sandbox::logged_in(&server_with);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("token_type"), "Bearer");

    let strict = server(ignored);
    let sandbox = Sandbox::configured(&strict, &json!({"dpop": true}));
    let refused = sandbox.login("demo").ends("untrusted_server", 5);
    assert!(refused.stderr.contains("`dpop`"), "{}", refused.stderr);
    assert!(!sandbox.record().exists());
}

#[test]
fn case_48_a_bound_token_that_nobody_asked_for_is_refused() {
    let server = serve(Settings { token_type: "DPoP".to_owned(), ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    sandbox.login("demo").ends("untrusted_server", 5);
    assert!(!sandbox.record().exists());
}

#[test]
fn a_server_without_es256_is_told_before_a_person_is_asked() {
    let metadata = Patch::new().set("dpop_signing_alg_values_supported", json!(["EdDSA"]));
    let server = serve(Settings { dpop: REQUIRED, server_metadata: metadata, ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    let refused = sandbox.login("demo").ends("denied", 6);
    assert!(refused.stderr.contains("ES256"), "{}", refused.stderr);
    assert_eq!((sandbox.opened().len(), server.token_requests().len()), (0, 0));
}

#[test]
fn a_client_that_logs_in_as_itself_can_have_bound_tokens() {
    let settings = Settings {
        clients: vec![Client::confidential("bot", "s3cret")],
        dpop: REQUIRED,
        ..Settings::default()
    };
    let server = serve(settings);
    let more = json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "s3cret"});
    let sandbox = Sandbox::configured(&server, &more);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("token_type"), "DPoP");
    renewed(&sandbox).succeeds();
    let keys = keys(&server.token_requests());
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
}

#[test]
fn a_login_on_another_device_is_bound_to_one_key_from_the_first_poll_on() {
    let device = Some(oauthserver::Device::default());
    let dpop = Dpop { token_nonce: true, ..REQUIRED };
    let server = serve(Settings { dpop, device, ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    let login = sandbox.watch(&["login", "demo", "--device"]);
    let address = support::wait_for("the address with the code", || {
        login.said().lines().find(|line| line.contains("?user_code=")).map(str::to_owned)
    });
    browser::visit_and(&address, browser::Decision::Approve).unwrap();
    login.end().succeeds();
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("token_type"), "DPoP");
    let keys = keys(&server.token_requests());
    assert!(keys.len() > 1 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn a_header_consumer_that_names_no_request_is_told_what_to_send() {
    let server = server(REQUIRED);
    let sandbox = Sandbox::logged_in(&server);
    for format in ["headers", "header"] {
        let refused = sandbox.run(&["get", "demo", "--format", format]).fails("usage", 2);
        assert!(refused.stderr.contains("--request -"), "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
    assert!(!sandbox.run(&["get", "demo", "--format", "token"]).succeeds().stdout.is_empty());
}

#[test]
fn the_probe_proves_the_key_and_takes_the_nonce() {
    let server = server(Dpop { mcp_nonce: true, ..REQUIRED });
    let sandbox = Sandbox::logged_in(&server);
    let probed = sandbox.run(&["get", "demo", "--verify", "always"]).succeeds();
    assert_eq!(probed.text("source"), "cache");
    let pings: Vec<Logged> = server
        .requests()
        .into_iter()
        .filter(|seen| seen.path == "/mcp" && seen.header("authorization").is_some())
        .collect();
    assert_eq!(pings.len(), 2, "one for the nonce, one with it");
    assert_eq!(pings[1].status, Some(200));
    assert_eq!(proof_of(&pings[1]).unwrap().1["nonce"], "mcp-nonce-0");
    assert_eq!(server.refreshes().len(), 0, "a question of the nonce is no refusal of the token");

    server.expire_access_tokens();
    sandbox.forget_state();
    let renewed = sandbox.run(&["get", "demo", "--verify", "always"]).succeeds();
    assert_eq!(renewed.text("source"), "refreshed");
}

#[test]
fn the_key_is_seen_nowhere() {
    let server = server(Dpop { token_nonce: true, ..REQUIRED });
    let sandbox = Sandbox::with(&server);
    let mut texts = Vec::new();
    let mut keep = |ran: Ran| texts.push(format!("{}{}", ran.stdout, ran.stderr));
    keep(sandbox.person(&["login", "demo", "--log", "trace"], browser::Decision::Approve));
    for arguments in [
        &["get", "demo"][..],
        &["refresh", "demo"],
        &["get", "demo", "--verify", "always"],
        &["get", "demo", "--format", "headers"],
        &["status", "demo", "--format", "json"],
        &["erase", "demo", "--scope", "client"],
    ] {
        keep(sandbox.run(&[arguments, &["--log", "trace"]].concat()));
    }
    for file in sandbox.files() {
        let content = std::fs::read(sandbox.state("oauth").join(&file)).unwrap();
        texts.push(String::from_utf8_lossy(&content).into_owned());
    }
    assert_eq!(SigningKey::generate().unwrap().1.expose()[..KEY_BEGINS.len()], *KEY_BEGINS, "the canary");
    assert!(texts.iter().all(|text| !text.contains(KEY_BEGINS)));
    assert!(texts.iter().all(|text| !text.contains("eyJ")), "no proof in a log line");
}
