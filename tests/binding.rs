//! A token goes to the server, the issuer and the client that it was issued for, whatever happens meanwhile.

mod support;

use oauthserver::{AuthMethod, Client, OAuthServer, browser};
use serde_json::{Value, json};
use std::fs;
use support::{Sandbox, end, server, wait_for};

#[test]
fn a_login_to_another_url_that_ends_while_a_caller_waits_is_no_answer_for_it() {
    let (ours, other) = (server(3600), server(3600));
    let sandbox = Sandbox::new();
    let login = {
        let mut command = sandbox.command(&["login", "demo"]);
        command.env("UPSTREAM_URL", other.mcp_url()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let url = sandbox.asked_url();
    let mut command = sandbox.command(&["get", "demo", "--timeout", "30"]);
    command.env("UPSTREAM_URL", ours.mcp_url());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let caller = command.spawn().unwrap();
    wait_for("the caller to wait", || {
        let files = std::fs::read_dir(format!("/proc/{}/fd", caller.id())).ok()?;
        let is_login = |entry: std::fs::DirEntry| {
            std::fs::read_link(entry.path()).is_ok_and(|to| to.to_string_lossy().ends_with(".login"))
        };
        files.flatten().any(is_login).then_some(())
    });
    browser::visit(&url).unwrap();
    end(login).succeeds();
    let answer = end(caller);
    assert!(!answer.stdout.contains("access_token"), "{answer:?}");
    answer.fails("url_mismatch", 5);
}

#[test]
fn the_secret_of_a_newly_configured_client_is_not_sent_to_the_issuer_of_the_old_login() {
    let server = server(3600);
    server.reconfigure(|settings| settings.registration.auth_method = Some(AuthMethod::Post));
    let sandbox = Sandbox::logged_in(&server);
    let config = sandbox.state("config.json");
    let entry = serde_json::json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": {
        "clientId": "new", "clientSecret": "the-new-secret", "authStyle": "body",
        "issuer": "https://new.example"}}}});
    std::fs::write(&config, entry.to_string()).unwrap();
    sandbox.run(&["erase", "demo", "--scope", "client"]).succeeds();
    let erased = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    for request in server.requests() {
        assert_ne!(request.form_value("client_secret"), Some("the-new-secret"), "{erased:?}");
    }
}

#[test]
fn a_configured_client_does_not_follow_its_server_to_another_issuer() {
    let (server, other) = (server(3600), support::server(3600));
    let client = || {
        Client::confidential("ours", "s3cret").redirect_uri("http://127.0.0.1/callback").any_loopback_port()
    };
    server.reconfigure(|settings| settings.clients.push(client()));
    let sandbox = Sandbox::with(&server);
    let entry = serde_json::json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": {
        "clientId": "ours", "clientSecret": "s3cret"}}}});
    std::fs::write(sandbox.state("config.json"), entry.to_string()).unwrap();
    sandbox.login("demo").succeeds();
    sandbox.forget_browser();
    server.reconfigure(|settings| settings.authorization_servers = Some(vec![other.issuer()]));
    let refused = sandbox.run(&["login", "demo", "--timeout", "20"]).fails("untrusted_server", 5);
    assert!(
        refused.stderr.contains(&other.issuer()) && refused.stderr.contains(&server.issuer()),
        "{refused:?}"
    );
    assert_eq!(sandbox.opened(), [""; 0]);
}

const SECRET: &str = "the-secret-of-ours";

/// A server that knows the client `ours`, another one that its MCP server may name, and a HOME with this `oauth2` block
/// beside the client.
fn registered_by_hand(more: &Value) -> (OAuthServer, OAuthServer, Sandbox) {
    let (ours, other) = (server(3600), server(3600));
    for server in [&ours, &other] {
        let client = Client::confidential("ours", SECRET);
        let client = client.redirect_uri("http://127.0.0.1/callback").any_loopback_port();
        server.reconfigure(|settings| settings.clients.push(client));
    }
    other.reconfigure(|settings| settings.resource = Some(ours.resource()));
    let sandbox = Sandbox::configured(&ours, &with(more));
    (ours, other, sandbox)
}

fn with(more: &Value) -> Value {
    let mut oauth2 = json!({"clientId": "ours", "clientSecret": SECRET});
    for (key, value) in more.as_object().unwrap() {
        oauth2[key] = value.clone();
    }
    oauth2
}

fn names(ours: &OAuthServer, other: &OAuthServer) {
    ours.reconfigure(|settings| settings.authorization_servers = Some(vec![other.issuer()]));
}

#[track_caller]
fn is_refused(sandbox: &Sandbox, arguments: &[&str], ours: &OAuthServer, other: &OAuthServer) {
    let refused = sandbox.run(arguments).fails("untrusted_server", 5);
    for named in [&ours.issuer(), &other.issuer(), "`issuer`", "mcp-credential erase demo --scope client"] {
        assert!(refused.stderr.contains(named), "{named}: {refused:?}");
    }
    assert_eq!((other.token_requests().len(), sandbox.opened()), (0, Vec::<String>::new()));
}

#[test]
fn a_configured_client_stays_with_its_issuer_when_its_login_is_erased_case_13() {
    for erase in [&["erase", "demo"][..], &["logout", "demo"], &["erase", "demo", "--scope", "tokens"]] {
        let (ours, other, sandbox) = registered_by_hand(&json!({}));
        sandbox.login("demo").succeeds();
        sandbox.forget_browser();
        sandbox.run(erase).succeeds();
        names(&ours, &other);
        is_refused(&sandbox, &["login", "demo", "--timeout", "60"], &ours, &other);
        ours.reconfigure(|settings| settings.authorization_servers = None);
        sandbox.login("demo").succeeds();
    }
}

#[test]
fn an_erase_writes_down_where_a_client_belongs_before_its_record_goes_case_13() {
    let (ours, other, sandbox) = registered_by_hand(&json!({}));
    sandbox.login("demo").succeeds();
    sandbox.forget_browser();
    fs::remove_file(sandbox.state("oauth/demo.token.json.issuers")).unwrap();
    sandbox.run(&["erase", "demo"]).succeeds();
    names(&ours, &other);
    is_refused(&sandbox, &["login", "demo", "--timeout", "60"], &ours, &other);
}

#[test]
fn a_client_that_logs_in_as_itself_stays_with_its_issuer_when_its_token_is_erased_case_13() {
    let (ours, other, sandbox) = registered_by_hand(&json!({"grant": "client_credentials"}));
    let get = ["get", "demo", "--timeout", "60"];
    sandbox.run(&get).succeeds();
    sandbox.run(&["logout", "demo"]).succeeds();
    names(&ours, &other);
    is_refused(&sandbox, &get, &ours, &other);
    // Neither does a record that is lost or damaged make it forget.
    ours.reconfigure(|settings| settings.authorization_servers = None);
    sandbox.forget_state();
    sandbox.run(&get).succeeds();
    fs::remove_file(sandbox.record()).unwrap();
    sandbox.forget_state();
    names(&ours, &other);
    is_refused(&sandbox, &get, &ours, &other);
}

#[test]
fn a_move_that_is_meant_is_said_by_the_configuration_or_by_erasing_the_client() {
    let grant = json!({"grant": "client_credentials"});
    let get = ["get", "demo", "--timeout", "60"];
    for says_issuer in [true, false] {
        let (ours, other, sandbox) = registered_by_hand(&grant);
        sandbox.run(&get).succeeds();
        sandbox.run(&["erase", "demo"]).succeeds();
        names(&ours, &other);
        if says_issuer {
            let oauth2 = with(&json!({"grant": "client_credentials", "issuer": other.issuer()}));
            sandbox.write_config(&json!({"servers": {"demo": {"url": ours.mcp_url(), "oauth2": oauth2}}}));
        } else {
            sandbox.run(&["erase", "demo", "--scope", "client"]).succeeds();
        }
        assert_eq!(sandbox.run(&get).succeeds().text("issuer"), other.issuer());
        assert_eq!(other.token_requests().len(), 1);
        // From here on it belongs there.
        let oauth2 = with(&grant);
        sandbox.write_config(&json!({"servers": {"demo": {"url": ours.mcp_url(), "oauth2": oauth2}}}));
        sandbox.run(&["erase", "demo"]).succeeds();
        sandbox.run(&get).succeeds();
        assert_eq!((ours.token_requests().len(), other.token_requests().len()), (1, 2));
    }
}
