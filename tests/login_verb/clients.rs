//! Clients that were registered by hand: how they prove who they are, and where they listen.

use super::{redirect_uris, refresh};
use crate::support::ports::free_port;
use crate::support::{Sandbox, serve};
use oauthserver::{AuthMethod, Client, OAuthServer, Settings};
use serde_json::json;
use std::net::TcpListener;

const SECRET: &str = "s3cret-of-the-app+%/=";

/// A server that knows `client` and registers nobody.
fn knows(client: Client) -> OAuthServer {
    let mut settings = Settings { clients: vec![client], ..Settings::default() };
    settings.registration.enabled = false;
    serve(settings)
}

fn confidential(method: AuthMethod) -> OAuthServer {
    let client = Client::confidential("app", SECRET).redirect_uri("http://127.0.0.1/callback");
    knows(client.any_loopback_port().auth_methods(&[method]))
}

fn works(sandbox: &Sandbox, server: &OAuthServer) {
    sandbox.login("demo").succeeds();
    refresh(sandbox).succeeds();
    assert_eq!(server.token_requests().len(), 2);
    assert_eq!(server.registrations().len(), 0);
    assert!(!sandbox.files().contains(&"demo.client.json".to_owned()));
}

#[test]
fn client_secret_basic_goes_into_the_header_and_nowhere_else() {
    let server = confidential(AuthMethod::Basic);
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("secret");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let oauth2 = json!({"clientId": "app", "clientSecretFile": file, "authStyle": "header"});
    sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}}));
    works(&sandbox, &server);
    for request in server.token_requests() {
        assert!(request.header("authorization").unwrap().starts_with("Basic "));
        assert_eq!(request.form_value("client_secret"), None);
    }
}

#[test]
fn client_secret_post_goes_into_the_form_and_nowhere_else() {
    let server = confidential(AuthMethod::Post);
    let oauth2 = json!({"clientId": "app", "clientSecretEnv": "APP_SECRET"});
    let sandbox = Sandbox::configured(&server, &oauth2).variable("APP_SECRET", SECRET);
    works(&sandbox, &server);
    for request in server.token_requests() {
        assert_eq!(request.form_value("client_secret"), Some(SECRET));
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn without_a_configured_style_the_secret_goes_where_the_server_takes_it() {
    let server = confidential(AuthMethod::Basic);
    server.reconfigure(|settings| settings.auth_methods = vec![AuthMethod::Basic]);
    let sandbox = Sandbox::new();
    let command = sandbox.script("secret", &format!("printf '%s' '{SECRET}'"));
    let oauth2 = json!({"clientId": "app", "clientSecretCommand": [command]});
    sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}}));
    works(&sandbox, &server);
    assert!(server.token_requests().iter().all(|request| request.header("authorization").is_some()));
}

#[test]
fn a_public_client_sends_its_id_alone() {
    let client = Client::public("app").redirect_uri("http://127.0.0.1/callback").any_loopback_port();
    let server = knows(client);
    let sandbox = Sandbox::configured(&server, &json!({"clientId": "app"}));
    works(&sandbox, &server);
    for request in server.token_requests() {
        assert_eq!(request.form_value("client_id"), Some("app"));
        assert_eq!((request.header("authorization"), request.form_value("client_secret")), (None, None));
    }
}

#[test]
fn a_secret_that_cannot_be_read_ends_the_login_before_the_browser() {
    let server = confidential(AuthMethod::Post);
    let oauth2 = json!({"clientId": "app", "clientSecretEnv": "APP_SECRET"});
    let sandbox = Sandbox::configured(&server, &oauth2);
    let refused = sandbox.run(&["login", "demo"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("`APP_SECRET` (`clientSecretEnv`) is not set"), "{}", refused.stderr);
    assert_eq!((sandbox.opened().len(), server.token_requests().len()), (0, 0));
}

#[test]
fn a_wrong_secret_is_told_with_the_setting_to_mend() {
    let server = confidential(AuthMethod::Post);
    let oauth2 = json!({"clientId": "app", "clientSecret": "another-secret"});
    let sandbox = Sandbox::configured(&server, &oauth2);
    let refused = sandbox.login("demo").ends("invalid_client", 6);
    assert!(refused.stderr.contains("`clientSecret`"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("another-secret"));
}

#[test]
fn without_registration_the_person_is_told_what_to_register() {
    let server = knows(Client::public("somebody"));
    let sandbox = Sandbox::with(&server);
    let refused = sandbox.run(&["login", "demo"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("clientId") && refused.stderr.contains("127.0.0.1"), "{refused:?}");
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn of_several_authorization_servers_the_others_are_named_where_the_chosen_one_registers_nobody() {
    let server = knows(Client::public("somebody"));
    let other = serve(Settings::default());
    let resource = server.resource();
    other.reconfigure(|settings| settings.resource = Some(resource));
    let mut listed = vec![server.issuer(), other.issuer(), "https://x\u{1b}[31m".to_owned()];
    listed.extend(["w", "y", "z"].map(|name| format!("https://{name}.example")));
    server.reconfigure(|settings| settings.authorization_servers = Some(listed));
    let sandbox = Sandbox::with(&server);
    let refused = sandbox.run(&["login", "demo"]).ends("config_invalid", 2);
    assert!(refused.stderr.contains("`issuer`") && refused.stderr.contains(&other.issuer()), "{refused:?}");
    assert!(!refused.stderr.contains("z.example") && !refused.stderr.contains('\u{1b}'), "{refused:?}");
    sandbox.run(&["add", "demo", &server.mcp_url(), "--issuer", &other.issuer()]).succeeds();
    sandbox.login("demo").succeeds();
    assert_eq!(
        (other.registrations().len(), sandbox.clear()["issuer"].as_str()),
        (1, Some(&*other.issuer()))
    );
}

#[test]
fn a_fixed_port_is_listened_on_and_announced() {
    let port = free_port();
    let uri = format!("http://127.0.0.1:{port}/callback");
    let server = knows(Client::public("app").redirect_uri(&uri));
    let sandbox = Sandbox::configured(&server, &json!({"clientId": "app", "callbackPort": port}));
    sandbox.login("demo").succeeds();
    assert_eq!(redirect_uris(&server), [uri]);
}

#[test]
fn case_37_a_fixed_port_that_is_taken_is_named_and_nothing_is_opened() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let server = knows(Client::public("app").redirect_uri(format!("http://127.0.0.1:{port}/callback")));
    let sandbox = Sandbox::configured(&server, &json!({"clientId": "app", "callbackPort": port}));
    let refused = sandbox.run(&["login", "demo"]).fails("unavailable", 75);
    assert!(refused.stderr.contains(&port.to_string()), "{}", refused.stderr);
    assert!(refused.stderr.contains("callbackPort"), "{}", refused.stderr);
    assert_eq!(sandbox.opened(), [""; 0]);
}
