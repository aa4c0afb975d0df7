//! What other processes see: arguments, environments, the browser, commands that print a secret (case 80).

use crate::support::{Sandbox, wait_for};
use crate::{CLIENT_SECRET, EXTRA, KEY, sandbox, secrets, server};
use oauthserver::{Client, Endpoint, Fault, Times, browser};
use serde_json::json;
use std::fs;

/// The variables that a script has written to `name`.
fn seen(sandbox: &Sandbox, name: &str) -> String {
    let path = sandbox.home().join(name);
    wait_for(name, || fs::read_to_string(&path).ok().filter(|text| text.ends_with("END\n")))
}

/// Replaces the browser by one that also writes down its environment.
fn curious_browser(sandbox: &Sandbox) {
    let (asked, seen) = (sandbox.home().join("asked-to-open"), sandbox.home().join("seen"));
    let (asked, seen) = (asked.display(), seen.display());
    sandbox.script(
        "browser",
        &format!("env > '{seen}'; echo END >> '{seen}'; printf '%s\\n' \"$1\" >> '{asked}'"),
    );
}

#[test]
fn case_6_the_browser_gets_no_variable_that_holds_a_secret() {
    let server = server();
    let sandbox = sandbox(&server).variable("HARMLESS", "kept");
    curious_browser(&sandbox);
    sandbox.login("demo").succeeds();
    let seen = seen(&sandbox, "seen");
    assert!(seen.contains("HARMLESS=kept"), "{seen}");
    for gone in [KEY, CLIENT_SECRET, "MCP_CREDENTIAL_KEY", "APP_SECRET"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
}

#[test]
fn case_6_the_variables_of_an_environment_only_configuration_stay_here() {
    let server = server();
    let sandbox = Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_CLIENT_ID", "app")
        .variable("OAUTH2_CLIENT_SECRET", CLIENT_SECRET)
        .variable("OAUTH2_EXTRA_PARAMS", &json!({"x": EXTRA}).to_string());
    curious_browser(&sandbox);
    sandbox.login("demo").succeeds();
    let seen = seen(&sandbox, "seen");
    assert!(seen.contains("OAUTH2_CLIENT_ID=app"), "{seen}");
    assert!(!seen.contains(CLIENT_SECRET) && !seen.contains(EXTRA), "{seen}");
}

#[test]
fn case_6_a_command_that_prints_the_secret_gets_no_other_one() {
    let server = server();
    let sandbox = sandbox(&server).variable("OAUTH2_EXTRA_PARAMS", &json!({"x": EXTRA}).to_string());
    let path = sandbox.home().join("seen").display().to_string();
    let command =
        sandbox.script("secret", &format!("env > '{path}'; echo END >> '{path}'; echo '{CLIENT_SECRET}'"));
    let oauth2 = json!({"clientId": "app", "clientSecretCommand": [command]});
    sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}}));
    sandbox.login("demo").succeeds();
    let seen = seen(&sandbox, "seen");
    assert!(!seen.contains(KEY) && !seen.contains(EXTRA), "{seen}");
}

#[test]
fn case_6_no_child_gets_the_variables_of_other_servers() {
    let server = server();
    let names = ["clientSecretEnv", "assertionEnv", "idpClientSecretEnv", "idpIdTokenEnv"];
    for commanded in [false, true] {
        let mut sandbox =
            sandbox(&server).variable("HARMLESS", "kept").variable("BROKEN", "canary-of-broken");
        let mut servers = json!({
            "no-entry": 7,
            "no-block": {"url": "https://b.example", "oauth2": []},
            "broken": {"url": 7, "unknown": {}, "oauth2": {"clientSecretEnv": "BROKEN", "assertionEnv": {}}},
        });
        for key in names {
            servers[key] = json!({"url": "https://other.example", "oauth2": {key: format!("OF_{key}")}});
            sandbox = sandbox.variable(&format!("OF_{key}"), &format!("canary-of-{key}"));
        }
        let mut oauth2 = json!({"clientId": "app", "clientSecretEnv": "APP_SECRET"});
        if commanded {
            let path = sandbox.home().join("seen").display().to_string();
            let body = format!("env > '{path}'; echo END >> '{path}'; echo '{CLIENT_SECRET}'");
            oauth2 = json!({"clientId": "app", "clientSecretCommand": [sandbox.script("secret", &body)]});
        } else {
            curious_browser(&sandbox);
        }
        servers["demo"] = json!({"url": server.mcp_url(), "oauth2": oauth2});
        sandbox.write_config(&json!({"servers": servers}));
        sandbox.login("demo").succeeds();
        let seen = seen(&sandbox, "seen");
        assert!(seen.contains("HARMLESS=kept") && !seen.contains("canary-of-"), "{commanded}: {seen}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn case_80_no_argument_holds_a_secret_and_the_worker_has_no_environment() {
    let server = server();
    let sandbox = sandbox(&server);
    let login = sandbox.watch(&["login", "demo"]);
    let url = sandbox.asked_url();
    let watching = arguments();
    server.fault(Endpoint::Token, Fault::HoldAfterCommit, Times::Next(1));
    let visit = std::thread::spawn(move || browser::visit(&url).unwrap());
    assert!(server.wait_for(|log| log.held() == 1, crate::support::PATIENCE));
    let exchanging = arguments();
    let worker = worker_of(login.id());
    let environment = fs::read(format!("/proc/{worker}/environ")).unwrap();
    assert_eq!(String::from_utf8_lossy(&environment), "");
    let limits = fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "no core dump: {core}");
    server.release();
    visit.join().unwrap();
    login.end().succeeds();
    for secret in secrets(&server) {
        assert!(!watching.contains(&secret) && !exchanging.contains(&secret), "{secret}");
    }
}

/// The command lines of all processes of this machine.
#[cfg(target_os = "linux")]
pub fn arguments() -> String {
    let lines = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("cmdline"));
    let lines: Vec<String> =
        lines.filter_map(|path| Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())).collect();
    assert!(lines.iter().any(|line| line.contains("__redeem") || line.contains("login\0demo")));
    lines.join("\n")
}

/// Elsewhere they are not looked at.
#[cfg(not(target_os = "linux"))]
pub fn arguments() -> String {
    String::new()
}

/// The worker that `parent` has started.
#[cfg(target_os = "linux")]
fn worker_of(parent: u32) -> String {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let is_worker =
        |id: &&str| fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.ends_with(b"__redeem\0"));
    children.split_whitespace().find(is_worker).unwrap().to_owned()
}

#[test]
fn case_25_a_browser_that_talks_does_not_spoil_the_answer() {
    let server = server();
    let sandbox = sandbox(&server).variable("MCP_CREDENTIAL_LOG", "off");
    let asked = sandbox.home().join("asked-to-open").display().to_string();
    sandbox.script("browser", &format!("echo noise; echo noise >&2; printf '%s\\n' \"$1\" >> '{asked}'"));
    let answer =
        sandbox.person(&["get", "demo", "--interactive", "always"], browser::Decision::Approve).succeeds();
    assert_eq!(answer.text("source"), "login");
    assert!(!answer.stderr.contains("noise"), "{}", answer.stderr);
}

#[test]
fn a_confidential_program_logs_in_without_a_word_of_its_secret() {
    let server = server();
    server.reconfigure(|settings| settings.clients.push(Client::confidential("bot", CLIENT_SECRET)));
    for style in ["body", "header"] {
        let sandbox = Sandbox::new()
            .variable("UPSTREAM_URL", &server.mcp_url())
            .variable("OAUTH2_GRANT", "client_credentials")
            .variable("OAUTH2_CLIENT_ID", "bot")
            .variable("OAUTH2_CLIENT_SECRET", CLIENT_SECRET)
            .variable("OAUTH2_AUTH_STYLE", style);
        server.fault(Endpoint::Token, Fault::HoldAfterCommit, Times::Next(1));
        let running = sandbox.watch(&["get", "bot", "--log", "trace"]);
        assert!(server.wait_for(|log| log.held() == 1, crate::support::PATIENCE));
        #[cfg(target_os = "linux")]
        let line = fs::read_to_string(format!("/proc/{}/cmdline", worker_of(running.id()))).unwrap();
        #[cfg(target_os = "linux")]
        assert!(!line.contains(CLIENT_SECRET) && !arguments().contains(CLIENT_SECRET), "{line}");
        server.release();
        let ran = running.end().succeeds();
        let token = ran.text("access_token");
        for secret in secrets(&server).iter().chain([&token]) {
            assert!(!ran.stderr.contains(secret.as_str()), "{}", ran.stderr);
        }
        assert!(!ran.stdout.contains(CLIENT_SECRET));
    }
}
