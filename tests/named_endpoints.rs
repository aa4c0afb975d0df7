//! Endpoints of the configuration beside an MCP server that names an authorization server of its own: nothing that is
//! secret leaves for an origin that nobody configured.

mod support;

use oauthserver::{Client, Device, IssParameter, OAuthServer, Patch, Settings};
use serde_json::{Value, json};
use support::{Sandbox, serve};

const SECRET: &str = "the-secret-of-ours";

/// The authorization server of the configuration, and the MCP server, which names one of its own.
fn good_and_evil() -> (OAuthServer, OAuthServer) {
    let iss = IssParameter { advertised: false, sent: false, value: None };
    let settings = || Settings {
        clients: vec![
            Client::confidential("ours", SECRET)
                .redirect_uri("http://127.0.0.1/callback")
                .any_loopback_port(),
        ],
        device: Some(Device::default()),
        iss: iss.clone(),
        ..Settings::default()
    };
    let (good, evil) = (serve(settings()), serve(settings()));
    good.reconfigure(|settings| settings.resource = Some(evil.resource()));
    (good, evil)
}

/// The configuration of `ours` with `more`.
fn ours(mcp: &OAuthServer, more: &[(&str, Value)]) -> Sandbox {
    let mut oauth2 = json!({"clientId": "ours", "clientSecret": SECRET, "authStyle": "body"});
    for (key, value) in more {
        oauth2[*key] = value.clone();
    }
    Sandbox::configured(mcp, &oauth2)
}

fn device_endpoint(server: &OAuthServer) -> Value {
    format!("{}/device_authorization", server.origin()).into()
}

#[track_caller]
fn got_nothing_secret(server: &OAuthServer) {
    for request in server.requests() {
        assert_eq!(request.header("authorization"), None, "{}", request.line());
        for name in ["client_secret", "refresh_token", "token", "code", "code_verifier", "device_code"] {
            assert_eq!(request.form_value(name), None, "{}", request.line());
        }
    }
}

/// A command that ends because the setting `missing` would be needed, before anybody is asked.
#[track_caller]
fn asks_for(good: &OAuthServer, evil: &OAuthServer, sandbox: &Sandbox, missing: &str) {
    let refused = sandbox.run(&["login", "demo", "--timeout", "60"]).ends("config_invalid", 2);
    for word in [format!("`{missing}`"), "`issuer`".to_owned(), evil.origin()] {
        assert!(refused.stderr.contains(&word), "{word}: {refused:?}");
    }
    assert_eq!(sandbox.opened(), [""; 0]);
    got_nothing_secret(evil);
    got_nothing_secret(good);
}

#[test]
fn with_a_token_endpoint_alone_another_servers_other_endpoints_get_neither_token_nor_secret() {
    let (good, evil) = good_and_evil();
    let sandbox = ours(&evil, &[("tokenUrl", json!(good.token_endpoint()))]);
    asks_for(&good, &evil, &sandbox, "authorizationUrl");
    // Whoever is not of the configured origin says nothing about what is there, whichever half of it is good's.
    let page = good.authorization_endpoint();
    evil.reconfigure(|settings| {
        settings.server_metadata = Patch::new().set("authorization_endpoint", page.as_str());
    });
    asks_for(&good, &evil, &sandbox, "authorizationUrl");
    let sandbox =
        ours(&evil, &[("tokenUrl", json!(good.token_endpoint())), ("authorizationUrl", json!(page))]);
    sandbox.login("demo").succeeds();
    assert_eq!(sandbox.clear().get("issuer"), None, "nobody may say that the client belongs to another");
    sandbox.refresh().succeeds();
    let erased = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!(erased.json()["revoked"], json!(false), "nobody may be told");
    got_nothing_secret(&evil);
}

#[test]
fn with_an_authorization_endpoint_alone_the_code_goes_to_no_other_servers_token_endpoint() {
    let (good, evil) = good_and_evil();
    let sandbox = ours(&evil, &[("authorizationUrl", json!(good.authorization_endpoint()))]);
    asks_for(&good, &evil, &sandbox, "tokenUrl");
}

#[test]
fn with_a_device_endpoint_alone_the_device_code_goes_to_no_other_servers_token_endpoint() {
    let (good, evil) = good_and_evil();
    for grant in ["device_code", "authorization_code"] {
        let more = [("grant", json!(grant)), ("deviceAuthorizationUrl", device_endpoint(&good))];
        asks_for(&good, &evil, &ours(&evil, &more), "tokenUrl");
    }
    let more = [("grant", json!("device_code")), ("tokenUrl", json!(good.token_endpoint()))];
    asks_for(&good, &evil, &ours(&evil, &more), "deviceAuthorizationUrl");
}

#[test]
fn the_fixed_endpoints_of_a_server_without_metadata_count_as_its_own() {
    let (good, evil) = good_and_evil();
    evil.reconfigure(|settings| settings.documents = Vec::new());
    let sandbox = ours(&evil, &[("authorizationUrl", json!(good.authorization_endpoint()))]);
    asks_for(&good, &evil, &sandbox, "tokenUrl");
}

#[test]
fn an_issuer_of_the_configuration_may_name_all_endpoints_wherever_they_are() {
    let (good, evil) = good_and_evil();
    let (issuer, page) = (json!(good.issuer()), json!(good.authorization_endpoint()));
    let sandbox = ours(&evil, &[("issuer", issuer), ("authorizationUrl", page)]);
    sandbox.login("demo").succeeds();
    let erased = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!(erased.json()["revoked"], json!(true));
    got_nothing_secret(&evil);
}

#[test]
fn an_endpoint_that_was_stored_before_gets_nothing_where_others_are_configured_by_now() {
    let (good, evil) = good_and_evil();
    let sandbox = ours(&evil, &[]);
    sandbox.login("demo").succeeds();
    assert!(sandbox.clear()["revocation_endpoint"].as_str().unwrap().starts_with(&evil.origin()));
    let before = evil.requests().len();
    let oauth2 = json!({"clientId": "ours", "clientSecret": SECRET, "authStyle": "body",
        "tokenUrl": good.token_endpoint(), "authorizationUrl": good.authorization_endpoint()});
    sandbox.write_config(&json!({"servers": {"demo": {"url": evil.mcp_url(), "oauth2": oauth2}}}));
    let ended = sandbox.run(&["logout", "demo"]);
    assert!(ended.stderr.contains("nothing was sent there"), "{ended:?}");
    assert!(!sandbox.record().exists(), "it is gone here");
    assert_eq!((evil.requests().len(), good.requests().len()), (before, 0));
}
