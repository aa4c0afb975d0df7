//! Secrets appear in the field they belong to and nowhere else: not in logs at the most verbose level, not in
//! messages, not in arguments and environments of processes, not in clear on disk (cases 78 and 80). And what
//! is left of an answer when the streams are closed (case 76).

mod grants;
mod processes;
mod streams;
#[path = "../support/mod.rs"]
mod support;

use oauthserver::{Client, Endpoint, Fault, OAuthServer, Patch, Settings, Times, browser::Decision};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use support::{Ran, Sandbox, serve};

const CLIENT_SECRET: &str = "canary-client-secret-4711";
const EXTRA: &str = "canary-extra-parameter-4712";
const PROXY_PASSWORD: &str = "canary-proxy-password-4713";
/// The base64 of 32 bytes.
const KEY: &str = "Y2FuYXJ5LWtleS1vZi10aGUtc3RvcmUtMzItYnl0ZXM=";

/// A server that knows the client `app`.
fn server() -> OAuthServer {
    let client = Client::confidential("app", CLIENT_SECRET).redirect_uri("http://127.0.0.1/callback");
    serve(Settings { clients: vec![client.any_loopback_port()], ..Settings::default() })
}

/// A sandbox full of secrets, logging all it can.
fn sandbox(server: &OAuthServer) -> Sandbox {
    let oauth2 = json!({"clientId": "app", "clientSecretEnv": "APP_SECRET", "extraParams": {"x": EXTRA}});
    Sandbox::configured(server, &oauth2)
        .variable("APP_SECRET", CLIENT_SECRET)
        .variable("MCP_CREDENTIAL_KEY", KEY)
        .variable("HTTPS_PROXY", &format!("http://user:{PROXY_PASSWORD}@127.0.0.1:9"))
        .variable("MCP_CREDENTIAL_LOG", "trace")
}

/// Everything that runs said, to be looked through at the end: by then all secrets are known.
#[derive(Default)]
struct Said(RefCell<Vec<Ran>>);

impl Said {
    fn keep(&self, ran: Ran) -> &Self {
        self.0.borrow_mut().push(ran);
        self
    }

    #[track_caller]
    fn holds_none_of(&self, secrets: &[String]) {
        assert!(!secrets.is_empty());
        for ran in &*self.0.borrow() {
            assert_silent(&ran.stderr, secrets);
            assert_silent(&without_tokens(&ran.stdout), secrets);
        }
    }
}

#[track_caller]
fn assert_silent(text: &str, secrets: &[String]) {
    for secret in secrets {
        assert!(secret.len() > 8 && !text.contains(secret.as_str()), "`{secret}` is in: {text}");
    }
}

/// An answer without the two fields that hold the token.
fn without_tokens(stdout: &str) -> String {
    let Ok(Value::Object(mut answer)) = serde_json::from_str(stdout) else { return stdout.to_owned() };
    if answer.contains_key("error") || !answer.contains_key("access_token") {
        return stdout.to_owned();
    }
    let token = answer.remove("access_token").unwrap();
    let header = format!("Bearer {}", token.as_str().unwrap());
    assert_eq!(answer.remove("headers"), Some(json!({"Authorization": header})));
    Value::Object(answer).to_string()
}

/// Every secret that crossed the wire so far, and those of the configuration.
fn secrets(server: &OAuthServer) -> Vec<String> {
    let mut secrets: Vec<String> =
        [CLIENT_SECRET, EXTRA, PROXY_PASSWORD, KEY].into_iter().map(str::to_owned).collect();
    for request in server.token_requests() {
        for name in ["code", "code_verifier", "refresh_token"] {
            secrets.extend(request.form_value(name).map(str::to_owned));
        }
        let basic = request.header("authorization").and_then(|value| value.strip_prefix("Basic "));
        secrets.extend(basic.map(str::to_owned));
    }
    secrets
}

/// No file of `sandbox` holds a secret in clear, but for those that the test itself has put there. Looked at when no
/// worker takes files away any more.
#[track_caller]
fn disk_holds_none_of(sandbox: &Sandbox, secrets: &[String]) {
    sandbox.wait_for_rest();
    folder_holds_none_of(&sandbox.state(""), secrets);
}

#[track_caller]
fn folder_holds_none_of(folder: &Path, secrets: &[String]) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            folder_holds_none_of(&path, secrets);
        } else if path.file_name().is_some_and(|name| name != "config.json") {
            assert_silent(&String::from_utf8_lossy(&fs::read(&path).unwrap()), secrets);
        }
    }
}

#[test]
fn case_78_no_verb_says_a_secret_at_the_most_verbose_level() {
    let server = server();
    let sandbox = sandbox(&server);
    let said = Said::default();
    said.keep(sandbox.person(&["login", "demo"], Decision::Approve).succeeds());
    let first = sandbox.run(&["get", "demo"]).succeeds();
    let held = first.text("generation");
    let second = sandbox.run(&["refresh", "demo", "--rejected-generation", &held]).succeeds();
    let tokens = [first.text("access_token"), second.text("access_token")];
    assert!(second.stderr.contains("debug") || second.stderr.contains("info"), "it logs: {second:?}");
    for verb in [
        &["get", "demo"][..],
        &["status"],
        &["status", "demo"],
        &["status", "demo", "--format", "json"],
        &["list"],
        &["list", "--format", "json"],
        &["add", "demo", &server.mcp_url()],
        &["capabilities"],
        &["remove", "demo"],
        &["status", "demo"],
        &["erase", "demo", "--revoke", "--scope", "all"],
    ] {
        said.keep(sandbox.run(verb).succeeds());
    }
    said.keep(first).keep(second);
    let secrets = [&secrets(&server)[..], &tokens].concat();
    assert!(secrets.len() >= 4 + 3 + 2, "code, verifier and refresh token were seen");
    said.holds_none_of(&secrets);
    disk_holds_none_of(&sandbox, &secrets);
}

#[test]
fn each_format_says_the_token_and_nothing_else() {
    let server = server();
    let sandbox = sandbox(&server);
    sandbox.login("demo").succeeds();
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    for format in ["token", "header", "headers"] {
        let ran = sandbox.run(&["get", "demo", "--format", format]).succeeds();
        assert_eq!(ran.stdout.matches(&token).count(), 1, "{format}");
        assert_silent(&ran.stderr, std::slice::from_ref(&token));
        assert_silent(&ran.stdout, &secrets(&server));
    }
}

/// A refusal that repeats everything which the request was told.
fn echo(secret: &str) -> Fault {
    let body = json!({"error": "invalid_request", "error_description": format!("you said {secret}, and {CLIENT_SECRET}, and {EXTRA}")});
    Fault::body(400, "application/json", body.to_string())
}

/// Answers of every kind that fails, with a secret of the request in each.
fn faults_that_repeat(secret: &str) -> [Fault; 7] {
    // Alone: beside another secret, that one would be reason enough to withhold the text.
    let told = json!({"error": "invalid_request", "error_description": format!("you said {secret}")});
    let unsound = json!({"access_token": format!("{secret}\r\n"), "token_type": "Bearer"});
    [
        Fault::body(400, "application/json", told.to_string()),
        Fault::json_error(503, secret),
        Fault::body(500, "text/html", format!("<p>{secret} {CLIENT_SECRET}</p>")),
        Fault::body(200, "application/json", format!("{{\"access_token\": \"{secret}\", \"token_type\"")),
        Fault::body(200, "application/json", unsound.to_string()),
        Fault::Redirect { code: 307, location: format!("http://127.0.0.1:9/{secret}") },
        Fault::RawBytes(secret.to_owned().into_bytes()),
    ]
}

#[test]
fn case_78_no_failure_of_a_refresh_says_a_secret() {
    let server = server();
    let sandbox = sandbox(&server);
    sandbox.login("demo").succeeds();
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    let held = answer.text("generation");
    let said = Said::default();
    let refused = |fault: Fault| {
        server.fault(Endpoint::Refresh, fault, Times::Always);
        let _ = fs::remove_file(sandbox.state("oauth/demo.token.json.state"));
        let ran = sandbox.run(&["refresh", "demo", "--rejected-generation", &held]);
        assert_ne!(ran.status, 0, "{ran:?}");
        server.clear_faults();
        ran
    };
    said.keep(refused(Fault::json_error(401, "invalid_client")));
    let spent = server.refreshes()[0].form_value("refresh_token").unwrap().to_owned();
    for fault in faults_that_repeat(&spent).into_iter().chain([echo(&spent)]) {
        said.keep(refused(fault));
    }
    said.keep(sandbox.run(&["status", "demo"]).succeeds());
    let secrets = [&secrets(&server)[..], &[answer.text("access_token")]].concat();
    said.holds_none_of(&secrets);
    disk_holds_none_of(&sandbox, &secrets);
}

#[test]
fn case_78_no_failure_of_a_login_says_a_secret() {
    let said = Said::default();
    let server = server();
    let sandbox = sandbox(&server);
    for fault in [echo("canary"), Fault::json_error(401, "invalid_client"), Fault::html(502)] {
        server.fault(Endpoint::Token, fault, Times::Always);
        let ran = sandbox.login("demo");
        assert_ne!(ran.status, 0, "{ran:?}");
        said.keep(ran);
        server.clear_faults();
    }
    server.reconfigure(|settings| settings.token_answer = Patch::new().set("token_type", "mac"));
    said.keep(sandbox.login("demo").ends("untrusted_server", 5));
    server.reconfigure(|settings| settings.iss.value = Some("https://evil.example".to_owned()));
    said.keep(sandbox.login("demo").ends("untrusted_server", 5));
    let secrets = secrets(&server);
    assert!(secrets.len() >= 4 + 2 * 4, "codes and verifiers of every exchange");
    said.holds_none_of(&secrets);
    disk_holds_none_of(&sandbox, &secrets);
}

#[test]
fn case_78_no_verb_says_what_a_request_object_holds() {
    const REJECTED: &str = "canary-rejected-token-4714";
    let said = Said::default();
    let server = server();
    let sandbox = sandbox(&server);
    sandbox.login("demo").succeeds();
    for verb in ["get", "refresh", "erase"] {
        for object in [
            json!({"server": "demo", "rejected": {"token": REJECTED}}),
            json!({"server": "demo", "rejected": {"token": [REJECTED]}}),
            json!({"server": "demo", "rejected": REJECTED}),
            json!({"server": "demo", "rejected": {"generation": REJECTED, "token": REJECTED}}),
            json!({"server": "other", "rejected": {"token": REJECTED}}),
            json!({"url": "https://mcp.example.com/", "rejected": {"token": REJECTED}}),
        ] {
            let text = object.to_string();
            for input in [&text[..], &text[..text.len() - 1]] {
                said.keep(sandbox.run_with(&[verb, "--request", "-"], input.as_bytes()));
            }
        }
    }
    let own = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    let object = json!({"server": "demo", "rejected": {"token": own}}).to_string();
    said.keep(sandbox.run_with(&["refresh", "--request", "-"], object.as_bytes()).succeeds());
    said.keep(sandbox.run(&["status", "demo"]).succeeds());
    let secrets = [&secrets(&server)[..], &[own, REJECTED.to_owned()]].concat();
    said.holds_none_of(&secrets);
    disk_holds_none_of(&sandbox, &secrets);
}

#[test]
fn case_78_no_wrong_configuration_says_a_secret() {
    let said = Said::default();
    let server = server();
    let sandbox = sandbox(&server);
    for oauth2 in [
        json!({"clientSecret": CLIENT_SECRET}),
        json!({"clientId": "app", "clientSecret": CLIENT_SECRET, "authStyle": "none"}),
        json!({"clientId": "app", "clientSecret": [CLIENT_SECRET]}),
        json!({"clientId": "app", "clientsecret": CLIENT_SECRET}),
        json!({"clientId": "app", "clientSecret": CLIENT_SECRET, "extraParams": {"code": EXTRA}}),
        json!({"clientId": "app", "extraParams": EXTRA}),
        json!({"refreshToken": CLIENT_SECRET}),
        json!({"clientId": "app", "refreshToken": format!("{CLIENT_SECRET}\n")}),
        json!({"clientId": "app", "authorizationCode": CLIENT_SECRET}),
        json!({"clientId": "app", "codeVerifier": CLIENT_SECRET}),
        json!({"clientId": "app", "clientSecretCommand": ["sh", "-c", format!("echo {CLIENT_SECRET}; echo two")]}),
        json!({"clientId": "app", "clientSecretCommand": ["sh", "-c", format!("echo {CLIENT_SECRET} >&2; exit 1")]}),
    ] {
        sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}}));
        let ran = sandbox.run(&["login", "demo"]);
        assert_ne!(ran.status, 0, "{oauth2} {ran:?}");
        said.keep(ran).keep(sandbox.run(&["status"]).succeeds());
    }
    let half = format!("{{\"servers\": {{\"demo\": {{\"oauth2\": {{\"clientSecret\": \"{CLIENT_SECRET}");
    fs::write(sandbox.state("config.json"), half).unwrap();
    said.keep(sandbox.run(&["get", "demo"]));
    let bad = sandbox.variable("MCP_CREDENTIAL_KEY", CLIENT_SECRET);
    said.keep(bad.run(&["get", "demo"]));
    said.holds_none_of(&secrets(&server));
}
