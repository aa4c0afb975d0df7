//! `list` and `status`: what is there, in words and in JSON, and never a secret.

use crate::URL;
use crate::support::{Sandbox, server, wait_until};
use oauthserver::Consent;
use oauthserver::browser::Decision;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const EMPTY: &str = "mcp-credential: no server is configured; add one with `mcp-credential add NAME URL`\n";

fn status(sandbox: &Sandbox, name: &str) -> Value {
    sandbox.run(&["status", name, "--format", "json"]).succeeds().json()
}

#[test]
fn nothing_is_an_empty_list() {
    let sandbox = Sandbox::new();
    for verb in ["list", "status"] {
        let ran = sandbox.run(&[verb, "--format", "json"]).succeeds();
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("[]\n", ""), "{verb}");
        let ran = sandbox.run(&[verb]).succeeds();
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", EMPTY), "{verb}");
    }
    assert!(!sandbox.state("").exists(), "looking creates nothing");
}

#[test]
fn a_file_of_mcp_oauth2_proxy_is_called_by_its_name() {
    let sandbox = Sandbox::new();
    sandbox.write_config(&json!({"upstream": {"url": URL}}));
    for verb in ["list", "status"] {
        let ran = sandbox.run(&[verb]).succeeds();
        assert!(ran.stderr.contains("mcp-oauth2-proxy") && ran.stderr.contains("config.json"), "{ran:?}");
        assert!(!ran.stderr.contains("no server is configured"), "{}", ran.stderr);
        assert!(ran.stderr.contains("`mcp-credential login NAME`"), "{}", ran.stderr);
    }
    let refused = sandbox.run(&["add", "demo", URL]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("mcp-oauth2-proxy"), "{}", refused.stderr);
    let known = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert!(known.stderr.contains("mcp-credential login demo"), "{}", known.stderr);
}

#[test]
fn a_last_error_that_scopes_are_lacking_ends_with_the_whole_command() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let object = json!({"response": {"status": 403,
        "www_authenticate": ["Bearer error=\"insufficient_scope\", scope=\"mcp:write mcp:read\""]}});
    let refused = sandbox.run_with(&["get", "demo", "--request", "-"], object.to_string().as_bytes());
    refused.fails("insufficient_scope", 6);
    let text = sandbox.run(&["status", "demo"]).succeeds().stdout;
    let line = text.lines().find(|line| line.starts_with("  last error ")).unwrap();
    assert!(line.contains("run `mcp-credential login demo --scope '"), "{line}");
    assert!(line.ends_with("mcp:write'`") || line.ends_with("mcp:read'`"), "{line}");
}

#[test]
fn adding_a_server_whose_login_is_there_names_get_as_the_next_step() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let ran = sandbox.run(&["add", "demo", &server.mcp_url()]).succeeds();
    assert!(ran.stderr.ends_with("next: mcp-credential get demo\n"), "{}", ran.stderr);
    sandbox.run(&["logout", "demo"]).succeeds();
    let ran = sandbox.run(&["add", "demo", &server.mcp_url()]).succeeds();
    assert!(ran.stderr.ends_with("next: mcp-credential login demo\n"), "{}", ran.stderr);
}

#[test]
fn every_line_of_a_login_begins_alike_but_for_the_address() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server).variable("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
    let ran = sandbox.login("demo").succeeds();
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let alike = |line: &&&str| line.starts_with("mcp-credential: ") || line.starts_with("http");
    assert!(lines.iter().all(|line| alike(&line)) && lines.len() > 3, "{}", ran.stderr);
    assert!(lines[0].starts_with("mcp-credential: demo: to log in, open"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("was asked to open it.\n"), "whether it came is not known: {}", ran.stderr);
}

#[test]
fn a_list_shows_every_server_and_what_became_of_its_login() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.run(&["add", "other", URL]).succeeds();
    let ran = sandbox.run(&["list"]).succeeds();
    let lines = format!("demo   valid     {}\nother  no login  {URL}\n", server.mcp_url());
    assert_eq!((ran.stdout, ran.stderr), (lines, String::new()));
    let entry = |name: &str, url: &str, state: &str| json!({"name": name, "url": url, "grant": "authorization_code", "configured": true, "state": state});
    let whole = json!([entry("demo", &server.mcp_url(), "fresh"), entry("other", URL, "none")]);
    assert_eq!(sandbox.run(&["list", "--format", "json"]).succeeds().json(), whole);
}

#[test]
fn a_bad_entry_does_not_hide_the_good_ones() {
    let sandbox = Sandbox::new();
    let twice = json!({"url": URL, "oauth2": {"scop": "x"}});
    sandbox
        .write_config(&json!({"servers": {"good": {"url": URL}, "bad": twice, "a/b\u{1b}": {"url": URL}}}));
    let listed = sandbox.run(&["list", "--format", "json"]).succeeds().json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert_eq!((&listed[0]["state"], listed[0].get("problem")), (&json!("none"), None));
    for place in [1, 2] {
        assert_eq!(listed[place]["state"], "unusable");
        assert_eq!(listed[place]["problem"]["code"], "config_invalid");
    }
    let text = sandbox.run(&["list"]).succeeds().stdout;
    assert!(text.lines().count() == 3 && !text.contains('\u{1b}'), "{text}");
    let problem = sandbox.run(&["status", "--format", "json"]).succeeds().json();
    assert!(problem[1]["problem"]["message"].as_str().unwrap().contains("did you mean `scope`?"));
}

#[test]
fn a_login_without_a_configuration_is_listed_from_its_record() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.run(&["remove", "demo"]).succeeds();
    let listed = sandbox.run(&["list", "--format", "json"]).succeeds().json();
    assert_eq!((&listed[0]["configured"], &listed[0]["url"]), (&json!(false), &json!(server.mcp_url())));
    let text = sandbox.run(&["status", "demo"]).succeeds().stdout;
    assert!(text.contains("known from its stored login alone"), "{text}");
}

#[test]
fn a_status_tells_everything_but_the_secrets() {
    let server = server(3600);
    server.reconfigure(|settings| settings.scopes_supported = vec!["read".into(), "write".into()]);
    server.reconfigure(|settings| settings.granted_scope = Some("read".into()));
    let sandbox = Sandbox::logged_in(&server);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    let text = sandbox.run(&["status", "demo"]).succeeds();
    assert_eq!(text.stderr, "");
    let generation = answer.text("generation");
    for told in [
        "demo: valid",
        &server.mcp_url(),
        &server.issuer(),
        &server.token_endpoint(),
        "authorization_code",
        "scopes          read\n",
        "asked for       read write\n",
        "refresh token   yes",
        &answer.text("expires"),
        &generation,
    ] {
        assert!(text.stdout.contains(told), "{told}: {}", text.stdout);
    }
    let json = sandbox.run(&["status", "demo", "--format", "json"]).succeeds();
    assert_eq!((json.json()["state"].as_str(), json.stderr.as_str()), (Some("fresh"), ""));
    assert_eq!(json.json()["token"]["generation"], json!(generation));
    sandbox.run(&["refresh", "demo", "--rejected-generation", &generation]).succeeds();
    let spent = server.refreshes()[0].form_value("refresh_token").unwrap().to_owned();
    for secret in [answer.text("access_token"), spent] {
        assert!(!text.stdout.contains(&secret) && !json.stdout.contains(&secret));
    }
    let all = sandbox.run(&["status", "--format", "json"]).succeeds().json();
    assert_eq!(all.as_array().unwrap().len(), 1);
}

#[test]
fn each_state_has_its_word() {
    let server = server(1);
    let sandbox = Sandbox::with(&server);
    assert_eq!(status(&sandbox, "demo")["state"], "none");
    sandbox.login("demo").succeeds();
    wait_until(sandbox.clear()["expires_at"].as_u64().unwrap());
    assert_eq!(status(&sandbox, "demo")["state"], "stale");
    server.revoke_families();
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    let ended = status(&sandbox, "demo");
    assert_eq!(
        (&ended["state"], &ended["last_error"]["code"]),
        (&json!("expired"), &json!("interaction_required"))
    );
    assert!(ended["ended"].as_str().unwrap().contains("no longer accepts the refresh token"), "{ended}");
    fs::write(sandbox.record(), "not a record").unwrap();
    let damaged = status(&sandbox, "demo");
    assert_eq!(
        (&damaged["state"], &damaged["problem"]["code"]),
        (&json!("damaged"), &json!("cache_damaged"))
    );
    let text = sandbox.run(&["status", "demo"]).succeeds().stdout;
    assert!(text.starts_with("demo: damaged\n") && text.contains("last error"), "{text}");
}

#[test]
fn what_went_wrong_is_shown_to_its_end_where_the_command_stands() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    server.revoke_families();
    let refused = sandbox.refresh().fails("interaction_required", 4);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.len() > 80, "{message}");
    let at = status(&sandbox, "demo")["last_error"]["at"].as_str().unwrap().to_owned();
    let text = sandbox.run(&["status", "demo"]).succeeds().stdout;
    assert!(text.contains(&format!("\n  last error      {at}: {message}\n")), "{text}");
    assert!(text.contains(&format!("\n  login ended     {message}\n")), "{text}");
    sandbox.write_config(&json!({"servers": {"demo": {"url": format!("{URL}/{}", "x".repeat(300))}}}));
    let text = sandbox.run(&["status", "demo"]).succeeds().stdout;
    let problem = text.lines().find(|line| line.starts_with("  problem ")).unwrap();
    assert!(problem.ends_with("or put the configuration back"), "{text}");
}

#[test]
fn the_last_error_is_the_one_that_tells_why() {
    let server = server(3600);
    server.reconfigure(|settings| settings.consent = Consent::Form);
    let sandbox = Sandbox::with(&server);
    sandbox.person(&["login", "demo"], Decision::Deny).ends("denied", 6);
    let told = || status(&sandbox, "demo")["last_error"]["code"].clone();
    assert_eq!(told(), json!("denied"));
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    sandbox.run(&["login", "demo", "--scope", "a\"b"]).fails("usage", 2);
    assert_eq!(
        told(),
        json!("denied"),
        "that a login is needed is no news, and a slip no fault of the server"
    );
    sandbox.login("demo").succeeds();
    assert_eq!(told(), Value::Null);
}

#[test]
fn a_record_that_belongs_elsewhere_is_shown_as_unusable() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.write_config(&json!({"servers": {"demo": {"url": URL}}}));
    let shown = status(&sandbox, "demo");
    assert_eq!((&shown["state"], &shown["problem"]["code"]), (&json!("unusable"), &json!("url_mismatch")));
}

#[test]
fn the_status_of_an_unknown_name_is_not_found() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", URL]).succeeds();
    let refused = sandbox.run(&["status", "dmeo", "--format", "json"]).fails("not_found", 3);
    assert_eq!(refused.json()["error"]["code"], "not_found");
    let refused = sandbox.run(&["status", "dmeo"]).fails("not_found", 3);
    assert_eq!(refused.stdout, "");
    sandbox.run(&["status", "../demo"]).fails("usage", 2);
}

#[test]
fn a_record_whose_key_is_lost_is_damaged_and_looking_changes_nothing() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let (record, key) = (fs::read(sandbox.record()).unwrap(), fs::read(sandbox.state("key.bin")).unwrap());
    fs::remove_file(sandbox.state("key.bin")).unwrap();
    let told = status(&sandbox, "demo");
    assert_eq!((&told["state"], &told["problem"]["code"]), (&json!("damaged"), &json!("cache_damaged")));
    assert_eq!(told["token"]["generation"], sandbox.generation(), "what is known without the key");
    assert!(!sandbox.state("key.bin").exists());
    for other in [&[7; 32][..], &[7; 5]] {
        private(&sandbox, other);
        assert_eq!(status(&sandbox, "demo")["state"], "damaged");
        assert!(sandbox.run(&["list"]).succeeds().stdout.starts_with("demo  damaged  "));
    }
    private(&sandbox, &key);
    assert_eq!(status(&sandbox, "demo")["state"], "fresh");
    assert_eq!(fs::read(sandbox.record()).unwrap(), record);
}

#[test]
fn a_broken_key_is_got_rid_of_as_its_message_says() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    private(&sandbox, b"short");
    let refused = sandbox.run(&["get", "demo"]).fails("cache_damaged", 5);
    let advice = "delete it, run `mcp-credential erase NAME --scope all` for each server and log in again";
    assert!(refused.stderr.contains(advice), "{refused:?}");
    fs::remove_file(sandbox.state("key.bin")).unwrap();
    sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds();
    sandbox.login("demo").succeeds();
    sandbox.run(&["get", "demo"]).succeeds();
}

/// Puts `key` in the place of the key.
fn private(sandbox: &Sandbox, key: &[u8]) {
    let path = sandbox.state("key.bin");
    fs::write(&path, key).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn every_switch_that_is_on_is_shown_and_built_in_ones_name_their_source() {
    let sandbox = Sandbox::new();
    let entry = |url: &str, oauth2: Value| json!({"url": url, "oauth2": oauth2});
    sandbox.write_config(&json!({"servers": {
        "plain": entry(URL, json!({})),
        "bent": entry(URL, json!({"allowMissingPkceMetadata": true, "issuer": "https://mcp.example.com",
            "trustedIssuer": "https://other.example.com"})),
        "slack": entry("https://mcp.slack.com/mcp", json!({})),
        "strict": entry("https://mcp.slack.com/mcp", json!({"strict": true})),
        "entra": entry(URL, json!({"authorizationUrl": "https://login.microsoftonline.com/t/oauth2/v2.0/authorize"})),
    }}));
    assert_eq!(status(&sandbox, "plain").get("switches"), None);
    let bent = json!([
        {"name": "trustedIssuer", "value": "https://other.example.com"},
        {"name": "allowMissingPkceMetadata", "value": true},
    ]);
    assert_eq!(status(&sandbox, "bent")["switches"], bent);
    let built_in = &status(&sandbox, "slack")["switches"][0];
    assert_eq!(
        (&built_in["name"], &built_in["value"]),
        (&json!("trustedIssuer"), &json!("https://slack.com"))
    );
    assert!(built_in["source"].as_str().unwrap().starts_with("https://"));
    assert_eq!(status(&sandbox, "strict").get("switches"), None);
    let unprompted = &status(&sandbox, "entra")["switches"][0];
    let shown = (&unprompted["name"], &unprompted["value"]);
    assert_eq!(shown, (&json!("authorizationParams"), &json!({"prompt": ""})));
    assert!(unprompted["source"].as_str().unwrap().starts_with("https://"));
    let text = sandbox.run(&["status", "slack"]).succeeds().stdout;
    assert!(text.contains("https://slack.com (built in: https://github.com/"), "{text}");
}
