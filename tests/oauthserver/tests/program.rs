//! The program: what it prints, and its browser.

use oauthserver::{Consent, OAuthServer, Settings, browser};
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

mod support;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_oauthserver"))
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

#[test]
fn it_prints_its_urls_and_a_line_for_each_request() {
    let mut child = program()
        .args(["--access-token-ttl", "30s", "--issuer-path", "/t"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let mcp = next().strip_prefix("mcp ").unwrap().to_owned();
    let issuer = next().strip_prefix("issuer ").unwrap().to_owned();
    assert!(issuer.ends_with("/t") && mcp.ends_with("/mcp"));
    assert_eq!(browser::get(&mcp).unwrap().status, 401);
    assert_eq!(browser::get(&format!("{issuer}/authorize?state=hush")).unwrap().status, 400);
    assert_eq!(next(), "GET /mcp 401");
    assert_eq!(next(), "GET /t/authorize 400 error=invalid_request");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn its_browser_approves_and_tells_where_it_ended_without_the_query() {
    let server = OAuthServer::start(Settings { consent: Consent::Form, ..Settings::default() }).unwrap();
    let client = support::client_id(&server);
    // The callback of this client is served by the server itself: a page that does not exist.
    let callback = format!("{}/callback", server.origin());
    let url = support::authorization_url(&server, &client, &[("redirect_uri", &callback)]);
    let output = run(&["visit", &url]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, format!("404 {callback}\n"));
    let visited = server.requests().pop().unwrap();
    assert!(visited.query_value("code").is_some());
    let output = run(&["visit", "--deny", &url]);
    assert!(output.status.success(), "{output:?}");
    let visited = server.requests().pop().unwrap();
    assert_eq!(visited.query_value("error"), Some("access_denied"));
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let output = run(&["--port", "high"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--port"));
    assert!(run(&["--help"]).status.success());
    let failed = run(&["visit", "https://127.0.0.1:1/"]);
    assert_eq!(failed.status.code(), Some(1));
}
