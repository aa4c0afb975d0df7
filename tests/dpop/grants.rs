//! Bound tokens by the ways that need no person at this machine: a workload, a company, and a seed.

use super::*;
use oauthserver::{Audience, Document, Jwt, Provider, Trusted};
use std::time::{SystemTime, UNIX_EPOCH};

const SIGNER: &str = "the key of whoever vouches";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A JWT of `issuer` for `audience`, good for ten minutes.
fn jwt(issuer: &str, audience: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = Jwt::new().claim("iss", issuer).claim("sub", "ann").claim("aud", audience);
    claims.claim("exp", i64::try_from(now).unwrap() + 600).signed(SIGNER)
}

/// Two tokens one after the other, both bound to the one key of `demo`, and good at the server with its proof.
#[track_caller]
fn is_bound(server: &OAuthServer, sandbox: &Sandbox) {
    let first = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(first.text("token_type"), "DPoP");
    assert_eq!(renewed(sandbox).succeeds().text("token_type"), "DPoP");
    let keys = keys(&server.token_requests());
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
    let called = sandbox.run(&["get", "demo", "--verify", "always"]).succeeds();
    assert_eq!(called.text("source"), "cache", "the server takes it with a proof of that key");
}

#[test]
fn a_workload_can_have_bound_tokens() {
    let trusted = Trusted { issuer: "https://platform.example".to_owned(), key: SIGNER.to_owned() };
    let server = serve(Settings { trusted_issuers: vec![trusted], dpop: REQUIRED, ..Settings::default() });
    let oauth2 = json!({"grant": "jwt_bearer", "assertionEnv": "WORKLOAD"});
    let sandbox = Sandbox::configured(&server, &oauth2)
        .variable("WORKLOAD", &jwt("https://platform.example", &server.issuer()));
    is_bound(&server, &sandbox);
}

#[test]
fn a_company_can_have_bound_tokens_and_its_provider_sees_no_proof() {
    let idp = serve(Settings {
        clients: vec![Client::public("at-idp").grant_types(&[EXCHANGE])],
        documents: vec![Document::OidcInsert],
        ..Settings::default()
    });
    let client = Client::confidential("at-server", "s3cret").grant_types(&[BEARER]);
    let trusted = Trusted { issuer: idp.issuer(), key: SIGNER.to_owned() };
    let server = serve(Settings {
        clients: vec![client],
        trusted_issuers: vec![trusted],
        dpop: REQUIRED,
        ..Settings::default()
    });
    let audience =
        Audience { issuer: server.issuer(), resource: server.resource(), client_id: "at-server".to_owned() };
    idp.reconfigure(|settings| {
        settings.identity_provider = Some(Provider { key: SIGNER.to_owned(), audiences: vec![audience] });
    });
    let oauth2 = json!({
        "grant": "enterprise_managed", "clientId": "at-server", "clientSecret": "s3cret",
        "idpIssuer": idp.issuer(), "idpClientId": "at-idp", "idpIdTokenEnv": "ID_TOKEN",
    });
    let sandbox = Sandbox::configured(&server, &oauth2).variable("ID_TOKEN", &jwt(&idp.issuer(), "at-idp"));
    is_bound(&server, &sandbox);
    assert!(idp.token_requests().iter().all(|request| request.header("dpop").is_none()));
}

#[test]
fn a_seed_becomes_a_login_with_a_key() {
    let server =
        serve(Settings { clients: vec![Client::public("cli")], dpop: REQUIRED, ..Settings::default() });
    let issued = server.issue_refresh_family("cli", "mcp:read");
    let oauth2 = json!({"clientId": "cli", "refreshToken": issued.refresh_token});
    let sandbox = Sandbox::configured(&server, &oauth2);
    is_bound(&server, &sandbox);
    assert_eq!((server.refreshes().len(), server.reuses(), sandbox.opened().len()), (2, 0, 0));
}
