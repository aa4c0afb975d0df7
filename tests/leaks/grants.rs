//! The secrets of the grants without a browser of ours: a platform's assertion, an ID token and the ID-JAG made of
//! it, a device code, a private key. Each lies in the file where somebody has put it, goes to its server, and is
//! nowhere else: on no stream, in no argument, in no file of ours (cases 78 and 80).

use crate::processes::arguments;
use crate::support::{PATIENCE, Ran, Running, Sandbox, serve, wait_for};
use crate::{CLIENT_SECRET, Said, assert_silent, faults_that_repeat};
use oauthserver::browser;
use oauthserver::{
    Audience, AuthMethod, Client, Device, Document, Endpoint, Fault, Jwt, OAuthServer, Patch, Provider,
    Settings, Times, Trusted,
};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const IDP_SECRET: &str = "canary-secret-at-the-identity-provider-4715";
/// Shares no word with the client secret: that one would be reason enough to withhold a text.
const ID_JAG: &str = "header-of-a-jag-4716.claims-of-that-jag-4717.signature-below-it-4718";
const DEVICE_CODE: &str = "canary-device-code-4719-that-is-long-enough-to-be-cut";
const PLATFORM: &str = "https://platform.example";
const SIGNING_KEY: &str = "the key of whoever vouches";
const EC: &str = include_str!("../../src/jose/tests/keys/ec-pkcs8.pem");
const EC_JWK: &str = include_str!("../../src/jose/tests/keys/ec.jwk");

/// A sandbox that logs all it can, with this text in the file `secret`, whose path `oauth2` is made with.
fn sandbox(server: &OAuthServer, secret: &str, oauth2: impl FnOnce(&Path) -> Value) -> Sandbox {
    let sandbox = Sandbox::new().variable("MCP_CREDENTIAL_LOG", "trace");
    let file = sandbox.home().join("secret");
    fs::write(&file, secret).unwrap();
    let demo = json!({"url": server.mcp_url(), "oauth2": oauth2(&file)});
    sandbox.write_config(&json!({"servers": {"demo": demo}}));
    sandbox
}

/// A token of `issuer` for `audience`, good for ten minutes.
fn jwt(issuer: &str, audience: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let jwt = Jwt::new().claim("iss", issuer).claim("sub", "canary-subject").claim("aud", audience);
    jwt.claim("exp", i64::try_from(now).unwrap() + 600).signed(SIGNING_KEY)
}

/// Each secret, and its parts: a message that is cut to its length may hold less than the whole.
fn with_parts(secrets: &[&str]) -> Vec<String> {
    const PART: usize = 16;
    let parts = secrets.iter().flat_map(|secret| secret.as_bytes().chunks_exact(PART));
    let parts = parts.map(|part| String::from_utf8(part.to_vec()).unwrap());
    secrets.iter().map(|secret| (*secret).to_owned()).chain(parts).collect()
}

/// The files of `sandbox` that hold one of `secrets`, by name, when no worker takes files away any more.
fn holders(sandbox: &Sandbox, secrets: &[String]) -> Vec<String> {
    sandbox.wait_for_rest();
    holders_below(sandbox.home(), secrets)
}

fn holders_below(folder: &Path, secrets: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders_below(&path, secrets));
        } else {
            let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.extend(secrets.iter().any(|secret| content.contains(secret.as_str())).then_some(name));
        }
    }
    found
}

/// The command lines of all processes while `server` holds its answer back.
fn arguments_at(server: &OAuthServer) -> String {
    assert!(server.wait_for(|log| log.held() == 1, PATIENCE));
    let lines = arguments();
    server.release();
    lines
}

/// Holds the next answer of the token endpoint back.
fn hold(server: &OAuthServer) {
    server.fault(Endpoint::Token, Fault::HoldAfterCommit, Times::Next(1));
}

/// A renewal that `fault` of `server` makes fail.
#[track_caller]
fn refused(sandbox: &Sandbox, server: &OAuthServer, fault: Fault) -> Ran {
    let before = server.log().faults_fired();
    server.fault(Endpoint::Token, fault, Times::Always);
    sandbox.forget_state();
    let ran = sandbox.refresh();
    assert_ne!(ran.status, 0, "{ran:?}");
    assert!(server.log().faults_fired() > before, "the fault was not met: {ran:?}");
    assert!(ran.stderr.contains("debug") || ran.stderr.contains("info"), "it logs: {ran:?}");
    server.clear_faults();
    ran
}

/// Every token request after the first `count` carries this secret, so that each fault had something to repeat.
#[track_caller]
fn all_carry(server: &OAuthServer, count: usize, parameter: &str, secret: &str) {
    let requests = server.token_requests().split_off(count);
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.form_value(parameter), Some(secret));
    }
}

/// A login on another device that meets `fault` at one poll at least, and is refused at a later one where that fault
/// did not end it.
fn refused_device(sandbox: &Sandbox, server: &OAuthServer, fault: Fault) -> Ran {
    let before = server.log().faults_fired();
    server.fault(Endpoint::Token, fault, Times::Always);
    let login = sandbox.watch(&["login", "demo", "--device", "--timeout", "60"]);
    assert!(server.wait_for(|log| log.faults_fired() > before, PATIENCE), "the fault was not met");
    server.clear_faults();
    server.fault(Endpoint::Token, Fault::json_error(400, "access_denied"), Times::Always);
    let ran = login.end();
    assert_ne!(ran.status, 0, "{ran:?}");
    server.clear_faults();
    ran
}

/// Keeps what the verbs say that tell about a server.
fn tell(sandbox: &Sandbox, said: &Said) {
    for verb in [&["status", "demo"][..], &["status", "demo", "--format", "json"], &["list"]] {
        said.keep(sandbox.run(verb).succeeds());
    }
}

#[test]
fn case_78_an_assertion_of_a_platform_is_in_its_file_alone() {
    let trusted = Trusted { issuer: PLATFORM.to_owned(), key: SIGNING_KEY.to_owned() };
    let server = serve(Settings { trusted_issuers: vec![trusted], ..Settings::default() });
    let assertion = jwt(PLATFORM, &server.issuer());
    let sandbox = sandbox(&server, &assertion, |file| json!({"grant": "jwt_bearer", "assertionFile": file}));
    let said = Said::default();
    hold(&server);
    let running = sandbox.watch(&["get", "demo"]);
    let lines = arguments_at(&server);
    let first = running.end().succeeds();
    let token = first.text("access_token");
    said.keep(first);
    for fault in faults_that_repeat(&assertion) {
        said.keep(refused(&sandbox, &server, fault));
    }
    tell(&sandbox, &said);
    all_carry(&server, 0, "assertion", &assertion);
    let secrets = with_parts(&[&assertion]);
    assert_silent(&lines, &secrets);
    assert_eq!(holders(&sandbox, &secrets), ["secret"]);
    said.holds_none_of(&[&secrets[..], &[token]].concat());
}

/// An identity provider whose client has a secret, and a server that takes its word.
fn company() -> (OAuthServer, OAuthServer) {
    let idp = serve(Settings {
        clients: vec![Client::confidential("at-idp", IDP_SECRET).grant_types(&[EXCHANGE])],
        documents: vec![Document::OidcInsert],
        ..Settings::default()
    });
    let trusted = Trusted { issuer: idp.issuer(), key: SIGNING_KEY.to_owned() };
    let server = serve(Settings {
        clients: vec![Client::confidential("app", CLIENT_SECRET).grant_types(&[BEARER])],
        trusted_issuers: vec![trusted],
        ..Settings::default()
    });
    let audience =
        Audience { issuer: server.issuer(), resource: server.resource(), client_id: "app".to_owned() };
    let provider = Provider { key: SIGNING_KEY.to_owned(), audiences: vec![audience] };
    idp.reconfigure(|settings| settings.identity_provider = Some(provider));
    (idp, server)
}

#[test]
fn case_78_no_secret_of_a_company_goes_further_than_it_must() {
    let (idp, server) = company();
    let id_token = jwt(&idp.issuer(), "at-idp");
    let oauth2 = |file: &Path| {
        json!({
            "grant": "enterprise_managed", "clientId": "app", "clientSecretEnv": "APP", "idpIssuer": idp.issuer(),
            "idpClientId": "at-idp", "idpClientSecretEnv": "IDP", "idpIdTokenFile": file,
        })
    };
    let sandbox =
        sandbox(&server, &id_token, oauth2).variable("APP", CLIENT_SECRET).variable("IDP", IDP_SECRET);
    let said = Said::default();
    hold(&idp);
    hold(&server);
    let running = sandbox.watch(&["get", "demo"]);
    let lines = arguments_at(&idp) + &arguments_at(&server);
    let first = running.end().succeeds();
    let token = first.text("access_token");
    said.keep(first);
    let id_jag = server.token_requests()[0].form_value("assertion").unwrap().to_owned();

    for fault in faults_that_repeat(&id_token).into_iter().chain(faults_that_repeat(IDP_SECRET)) {
        said.keep(refused(&sandbox, &idp, fault));
    }
    said.keep(refused(&sandbox, &server, Fault::json_error(401, "invalid_client")));
    idp.reconfigure(|settings| settings.token_answer = Patch::new().set("access_token", ID_JAG));
    let before = server.token_requests().len();
    for fault in faults_that_repeat(ID_JAG) {
        said.keep(refused(&sandbox, &server, fault));
    }
    all_carry(&server, before, "assertion", ID_JAG);
    tell(&sandbox, &said);

    let elsewhere = with_parts(&[&id_jag, ID_JAG, IDP_SECRET, CLIENT_SECRET]);
    // What all tokens of this signer begin with is no secret, and in the ID token too.
    let elsewhere: Vec<String> = elsewhere.into_iter().filter(|part| !id_token.contains(part)).collect();
    assert_eq!(holders(&sandbox, &elsewhere), [""; 0]);
    let own = with_parts(&[&id_token]);
    assert_eq!(holders(&sandbox, &own), ["secret"]);
    let secrets = [elsewhere, own].concat();
    assert_silent(&lines, &secrets);
    said.holds_none_of(&[&secrets[..], &[token]].concat());
    let sent_to_the_server = server.requests();
    assert!(sent_to_the_server.iter().all(|one| one.form_value("client_secret") != Some(IDP_SECRET)));
    assert!(sent_to_the_server.iter().all(|one| one.form_value("assertion") != Some(id_token.as_str())));
}

/// The address with the code in it, as the program shows it.
fn shown(login: &Running) -> String {
    wait_for("the address with the code", || {
        login.said().lines().find(|line| line.contains("?user_code=")).map(str::to_owned)
    })
}

#[test]
fn case_78_a_device_code_is_nowhere() {
    let server = serve(Settings { device: Some(Device::default()), ..Settings::default() });
    let sandbox = Sandbox::with(&server).variable("MCP_CREDENTIAL_LOG", "trace");
    let said = Said::default();
    hold(&server);
    let login = sandbox.watch(&["login", "demo", "--device"]);
    browser::visit(&shown(&login)).unwrap();
    let lines = arguments_at(&server);
    said.keep(login.end().succeeds());
    let code = server.token_requests()[0].form_value("device_code").unwrap().to_owned();

    let answer = Patch::new().set("device_code", DEVICE_CODE);
    server.reconfigure(|settings| settings.device = Some(Device { answer, ..Device::default() }));
    let before = server.token_requests().len();
    for fault in faults_that_repeat(DEVICE_CODE) {
        said.keep(refused_device(&sandbox, &server, fault));
    }
    all_carry(&server, before, "device_code", DEVICE_CODE);
    tell(&sandbox, &said);
    let secrets = with_parts(&[&code, DEVICE_CODE]);
    assert_silent(&lines, &secrets);
    assert_eq!(holders(&sandbox, &secrets), [""; 0]);
    said.holds_none_of(&secrets);
}

/// A server that knows the client `app` by the key of these tests.
fn server_with_a_key() -> OAuthServer {
    let mut public: Value = serde_json::from_str(EC_JWK).unwrap();
    public.as_object_mut().unwrap().remove("d");
    serve(Settings {
        clients: vec![Client::with_keys("app", &[public])],
        auth_methods: vec![AuthMethod::PrivateKeyJwt],
        ..Settings::default()
    })
}

#[test]
fn case_78_a_private_key_is_in_its_file_alone_and_what_it_signs_nowhere() {
    let server = server_with_a_key();
    let sandbox = sandbox(
        &server,
        EC,
        |file| json!({"grant": "client_credentials", "clientId": "app", "privateKeyFile": file}),
    );
    let said = Said::default();
    hold(&server);
    let running = sandbox.watch(&["get", "demo"]);
    let lines = arguments_at(&server);
    said.keep(running.end().succeeds());
    for fault in [Fault::json_error(401, "invalid_client"), Fault::status(503), Fault::DropAfterCommit] {
        said.keep(refused(&sandbox, &server, fault));
    }
    tell(&sandbox, &said);
    let key: Vec<&str> = EC.lines().filter(|line| !line.starts_with('-')).collect();
    let key = with_parts(&key);
    let requests = server.token_requests();
    let signed: Vec<&str> = requests.iter().filter_map(|one| one.form_value("client_assertion")).collect();
    assert!(signed.len() == requests.len() && signed.len() > 3, "each request was signed");
    let signed = with_parts(&signed);
    assert_eq!(holders(&sandbox, &key), ["secret"]);
    assert_eq!(holders(&sandbox, &signed), [""; 0]);
    // One letter is wrong, and the rest is still a secret.
    fs::write(sandbox.home().join("secret"), EC.replacen("MIGH", "MIGX", 1)).unwrap();
    sandbox.forget_state();
    said.keep(sandbox.refresh().ends("config_invalid", 2));
    let secrets = [key, signed].concat();
    assert_silent(&lines, &secrets);
    said.holds_none_of(&secrets);
}
