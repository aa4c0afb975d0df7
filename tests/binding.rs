//! A token goes to the server, the issuer and the client that it was issued for, whatever happens meanwhile.

mod support;

use oauthserver::{AuthMethod, Client, browser};
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
