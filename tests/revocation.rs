//! `erase --revoke`: what was erased is given back to the server that it came from, and to no other.

mod support;

use oauthserver::{Client, OAuthServer, Settings, TokenStatus};
use serde_json::json;
use support::{Sandbox, server};

#[test]
fn an_erased_login_is_revoked_refresh_token_first() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    let erased = sandbox.run(&["erase", "demo", "--scope", "all", "--revoke"]).succeeds();
    assert_eq!(erased.json()["revoked"], json!(true));
    let revocations: Vec<_> = server.requests().into_iter().filter(|seen| seen.path == "/revoke").collect();
    assert_eq!(revocations[0].form_value("token_type_hint"), Some("refresh_token"));
    let refresh = revocations[0].form_value("token").unwrap();
    assert!(matches!(server.refresh_token_status(refresh), TokenStatus::Revoked));
    assert!(!server.mcp_accepts(&token));
}

#[test]
fn a_server_that_cannot_be_asked_does_not_bring_the_login_back() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.go_offline();
    let erased = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!((&erased.json()["erased"], &erased.json()["revoked"]), (&json!(true), &json!(false)));
    assert!(!sandbox.record().exists());
}

#[test]
fn a_name_that_points_elsewhere_does_not_send_its_new_secret_to_the_old_server() {
    let clients = || vec![Client::confidential("bot", "old-secret")];
    let settings = || Settings { clients: clients(), ..Settings::default() };
    let (old, new) = (OAuthServer::start(settings()).unwrap(), OAuthServer::start(settings()).unwrap());
    let sandbox = Sandbox::new().variable("SECRET", "old-secret");
    let config = |server: &OAuthServer| {
        let entry = json!({"url": server.mcp_url(), "oauth2": {
            "grant": "client_credentials", "clientId": "bot", "clientSecretEnv": "SECRET"}});
        sandbox.write_config(&json!({"servers": {"demo": entry}}));
    };
    config(&old);
    sandbox.run(&["get", "demo"]).succeeds();
    let before = old.requests().len();
    config(&new);
    let erased = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!((&erased.json()["erased"], &erased.json()["revoked"]), (&json!(true), &json!(false)));
    assert_eq!(old.requests().len(), before);
    assert_eq!(new.requests().len(), 0);
}
