//! A server that begins to demand bound tokens after the login: its challenge says so, and the next renewal obeys.

use super::*;

/// What a caller hands over whose token was refused: the server wants another scheme by now.
fn demand(sandbox: &Sandbox) -> Vec<u8> {
    json!({
        "server": "demo",
        "rejected": {"generation": sandbox.generation()},
        "response": {"status": 401, "www_authenticate": r#"DPoP error="invalid_token", algs="ES256""#}
    })
    .to_string()
    .into_bytes()
}

fn refresh(sandbox: &Sandbox) -> Ran {
    sandbox.run_with(&["refresh", "--request", "-", "--timeout", "60"], &demand(sandbox))
}

/// A login without a key, at a server that takes bound tokens alone from now on.
fn bearer(oauth2: &Value, after: Dpop) -> (OAuthServer, Sandbox) {
    let server = server(Dpop::default());
    let sandbox = Sandbox::configured(&server, oauth2);
    sandbox.login("demo").succeeds();
    server.reconfigure(|settings| settings.dpop = after);
    sandbox.forget_browser();
    (server, sandbox)
}

#[test]
fn a_login_without_a_key_is_bound_by_its_next_refresh() {
    for oauth2 in [json!({}), json!({"dpop": true})] {
        let server = server(Dpop::default());
        let sandbox = Sandbox::configured(&server, &json!({}));
        sandbox.login("demo").succeeds();
        server.reconfigure(|settings| settings.dpop = REQUIRED);
        let demo = json!({"url": server.mcp_url(), "oauth2": oauth2});
        sandbox.write_config(&json!({"servers": {"demo": demo}}));
        let answer = refresh(&sandbox).succeeds();
        let told = (answer.text("token_type"), answer.text("source"));
        assert_eq!(told, ("DPoP".to_owned(), "refreshed".to_owned()), "{oauth2}");
        renewed(&sandbox).succeeds();
        let keys = keys(&server.refreshes());
        assert_eq!((keys.len(), &keys[0]), (2, &keys[1]), "and keeps its key");
        assert_eq!((server.reuses(), sandbox.opened().len()), (0, 1));
    }
}

#[test]
fn an_answer_that_is_not_bound_all_the_same_is_kept_without_a_key() {
    for oauth2 in [json!({}), json!({"dpop": true})] {
        // With `dpop` set, the login is of before.
        let (server, sandbox) = bearer(&json!({}), Dpop { offered: true, ignored: true, ..Dpop::default() });
        let demo = json!({"url": server.mcp_url(), "oauth2": oauth2});
        sandbox.write_config(&json!({"servers": {"demo": demo}}));
        assert_eq!(refresh(&sandbox).succeeds().text("token_type"), "Bearer");
        assert!(proof_of(&server.refreshes()[0]).is_some());
        renewed(&sandbox).succeeds();
        assert_eq!(proof_of(&server.refreshes()[1]), None, "no key is kept");
        assert_eq!(server.reuses(), 0);
    }
}

#[test]
fn a_configuration_that_says_no_is_obeyed_and_the_advice_names_the_key() {
    let (server, sandbox) = bearer(&json!({"dpop": false}), REQUIRED);
    let refused = refresh(&sandbox).fails("denied", 6);
    assert!(refused.stderr.contains("set `\"dpop\": true` of demo"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("clock"), "{}", refused.stderr);
    assert_eq!(proof_of(&server.refreshes()[0]), None);
}

#[test]
fn a_server_without_es256_gets_no_key_from_a_refresh_either() {
    let (server, sandbox) = bearer(&json!({}), REQUIRED);
    server.reconfigure(|settings| {
        settings.server_metadata = Patch::new().set("dpop_signing_alg_values_supported", json!(["EdDSA"]));
    });
    let refused = refresh(&sandbox).fails("denied", 6);
    assert!(refused.stderr.contains("ES256"), "{}", refused.stderr);
    assert_eq!(server.refreshes().len(), 0, "nothing is spent");
}

#[test]
fn a_grant_without_a_person_is_bound_at_once() {
    let server =
        serve(Settings { clients: vec![Client::confidential("bot", "s3cret")], ..Settings::default() });
    let oauth2 = json!({"grant": "client_credentials", "clientId": "bot", "clientSecret": "s3cret"});
    let sandbox = Sandbox::configured(&server, &oauth2);
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("token_type"), "Bearer");
    server.reconfigure(|settings| settings.dpop = REQUIRED);
    assert_eq!(refresh(&sandbox).succeeds().text("token_type"), "DPoP");
    renewed(&sandbox).succeeds();
    let keys = keys(&server.token_requests()[1..]);
    assert_eq!((keys.len(), &keys[0]), (2, &keys[1]));
}

#[test]
fn a_bearer_challenge_changes_nothing() {
    let (server, sandbox) = bearer(&json!({}), Dpop { offered: true, ..Dpop::default() });
    let object = json!({
        "server": "demo",
        "rejected": {"generation": sandbox.generation()},
        "response": {"status": 401, "www_authenticate": [r#"DPoP algs="ES256""#, "Bearer"]}
    });
    let ran = sandbox.run_with(&["refresh", "--request", "-"], object.to_string().as_bytes());
    assert_eq!(ran.succeeds().text("token_type"), "Bearer");
    assert_eq!(proof_of(&server.refreshes()[0]), None);
}
