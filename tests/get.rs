//! `get`: from the cache, by a refresh, or a clear word why not.

mod support;

use mcp_credential::store::key::{Key, KeySource};
use mcp_credential::store::seal::{self, Kind};
use oauthserver::Settings;
use std::path::{Path, PathBuf};
use support::{Sandbox, expired, expired_at, server};

#[test]
fn a_cached_token_is_answered_and_opens_the_server() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(answer.stderr, "", "silent on success");
    assert_eq!((answer.text("source").as_str(), answer.text("token_type").as_str()), ("cache", "Bearer"));
    assert_eq!(answer.text("resource"), server.resource());
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(server.token_requests().len(), 1, "the login's alone");
}

#[test]
fn every_format_carries_the_same_token() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let token = sandbox.run(&["get", "demo"]).succeeds().text("access_token");
    let of = |format: &str| sandbox.run(&["get", "demo", "--format", format]).succeeds().stdout;
    assert_eq!(of("token"), format!("{token}\n"));
    assert_eq!(of("header"), format!("Authorization: Bearer {token}\n"));
    assert_eq!(of("headers"), format!("{{\"Authorization\":\"Bearer {token}\"}}\n"));
}

#[test]
fn a_stale_token_is_refreshed_once_with_the_published_resource() {
    let (server, sandbox) = expired();
    let before = sandbox.clear()["generation"].clone();
    let after = sandbox.run(&["get", "demo"]).succeeds();
    assert_eq!(after.text("source"), "refreshed");
    assert_ne!(after.json()["generation"], before);
    assert!(server.mcp_accepts(&after.text("access_token")));
    let refreshes = server.refreshes();
    assert_eq!(refreshes.len(), 1);
    assert_eq!(refreshes[0].form_value("resource"), Some(server.resource().as_str()));
    assert_eq!(sandbox.opened(), [""; 0], "a refresh opens no browser");
}

/// Every file in `directory`, in the order of their paths.
fn everything(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(everything(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// What a sealed file of `demo` hides; `None` for other files.
fn unsealed(sandbox: &Sandbox, content: &[u8]) -> Option<Vec<u8>> {
    let key = Key::load(&KeySource::File, &sandbox.state("key.bin")).unwrap();
    let kinds = [Kind::Token, Kind::Client, Kind::Seeds, Kind::Intent];
    let opened = kinds.into_iter().find_map(|kind| seal::open(&key, kind, "demo", content).ok());
    opened.map(|opened| opened.secrets.to_vec())
}

#[test]
fn a_rotated_refresh_token_is_nowhere_on_disk() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let answer = sandbox.run(&["get", "demo"]).succeeds();
    sandbox.run(&["refresh", "demo", "--rejected-generation", &answer.text("generation")]).succeeds();
    let spent = server.refreshes()[0].form_value("refresh_token").unwrap().to_owned();
    let holds =
        |content: &[u8], token: &str| content.windows(token.len()).any(|part| part == token.as_bytes());
    let mut opened = Vec::new();
    for path in everything(&sandbox.state("")) {
        let content = std::fs::read(&path).unwrap();
        assert!(!holds(&content, &spent), "{}", path.display());
        if let Some(secrets) = unsealed(&sandbox, &content) {
            assert!(!holds(&secrets, &spent), "{}, unsealed", path.display());
            opened.push((path.file_name().unwrap().to_str().unwrap().to_owned(), secrets));
        }
    }
    let sealed: Vec<&str> = opened.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(sealed, ["demo.client.json", "demo.token.json"], "what was looked into");
    let record: serde_json::Value = serde_json::from_slice(&opened[1].1).unwrap();
    assert!(record["refresh_token"].is_string(), "where the new one is");
    assert_eq!(
        sandbox.files(),
        [
            "demo.client.json",
            "demo.token.json",
            "demo.token.json.lock",
            "demo.token.json.login",
            "demo.token.json.state"
        ]
    );
}

#[test]
fn nobody_logged_in_is_told_the_command_at_once() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let refused = sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    assert_eq!(refused.json()["error"]["login"], serde_json::json!(["mcp-credential", "login", "demo"]));
    assert!(refused.stderr.contains("run `mcp-credential login demo`"), "{}", refused.stderr);
    assert_eq!(sandbox.opened(), [""; 0]);
    assert_eq!(server.requests().len(), 0, "and nobody is asked");
}

#[test]
fn a_server_without_refresh_tokens_is_answered_until_the_end_and_then_needs_a_login() {
    let settings = || Settings { refresh_tokens: oauthserver::RefreshTokens::Never, ..Settings::default() };
    let living = oauthserver::OAuthServer::start(settings()).unwrap();
    let holder = Sandbox::logged_in(&living);
    holder.run(&["get", "demo"]).succeeds();
    let status = holder.run(&["status", "demo"]).succeeds().stdout;
    assert!(status.starts_with("demo: valid, but cannot be renewed\n"), "{status}");
    let rejected = holder.refresh().fails("interaction_required", 4);
    assert!(rejected.stderr.contains("the stored token is not to be answered"), "{}", rejected.stderr);
    let (ended, sandbox) = expired_at(settings());
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    for server in [living, ended] {
        assert_eq!(server.token_requests().len(), 1, "the login's alone");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_near_ones() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let refused = sandbox.run(&["get", "dmeo"]).fails("not_found", 3);
    assert!(refused.stderr.contains("did you mean demo?"), "{}", refused.stderr);
    assert_eq!(refused.json()["error"]["code"], "not_found");
}

#[test]
fn a_name_that_is_no_name_is_a_usage_error_and_is_echoed_escaped() {
    let sandbox = Sandbox::new();
    for name in ["../../x", "a/b", "CON", "", "x.json", "a\nb", "a\u{1b}[31mb", "a@b@c", &"x".repeat(300)] {
        let refused = sandbox.run(&["get", "--", name]);
        assert_eq!(refused.status, 2, "{name:?} {refused:?}");
        assert_eq!(refused.json()["error"]["code"], "usage", "{name:?}");
        assert!(!refused.stderr.contains('\u{1b}'), "{name:?}");
    }
    let flag = sandbox.run(&["get", "-rf"]);
    assert_eq!((flag.status, flag.json()["error"]["code"].as_str()), (2, Some("usage")));
    assert!(!sandbox.state("").exists(), "nothing was created");
}

#[test]
fn a_caller_that_states_another_url_gets_no_token() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let stated = server.mcp_url();
    sandbox.run(&["get", "demo", "--url", &stated]).succeeds();
    let refused = sandbox.run(&["get", "demo", "--url", "https://evil.example/mcp"]);
    assert!(refused.fails("url_mismatch", 5).json().get("access_token").is_none());
    let sandbox = sandbox.variable("CLAUDE_CODE_MCP_SERVER_URL", "https://evil.example/mcp");
    sandbox.run(&["get", "demo"]).fails("url_mismatch", 5);
}

#[test]
fn a_name_that_was_pointed_elsewhere_does_not_get_the_old_token() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let config = std::fs::read_to_string(sandbox.state("config.json")).unwrap();
    let moved = config.replace(&server.mcp_url(), &format!("{}/other", server.origin()));
    assert_ne!(moved, config);
    std::fs::write(sandbox.state("config.json"), moved).unwrap();
    let refused = sandbox.run(&["get", "demo"]).fails("url_mismatch", 5);
    assert!(refused.stderr.contains(&server.mcp_url()), "both are named: {}", refused.stderr);
}

#[test]
fn a_record_that_was_tampered_with_is_left_in_place() {
    let server = server(3600);
    let sandbox = Sandbox::logged_in(&server);
    let record = std::fs::read_to_string(sandbox.record()).unwrap();
    let changed = record
        .replace("\"can_refresh\":true", "\"can_refresh\":null")
        .replace(&server.mcp_url(), "https://evil.example/mcp");
    assert_ne!(changed, record);
    std::fs::write(sandbox.record(), &changed).unwrap();
    sandbox.run(&["get", "demo"]).fails("cache_damaged", 5);
    sandbox.run(&["refresh", "demo"]).fails("cache_damaged", 5);
    assert_eq!(std::fs::read_to_string(sandbox.record()).unwrap(), changed);
    assert_eq!(server.token_requests().len(), 1);
}

#[test]
fn a_longer_life_costs_one_request_and_an_impossible_one_none() {
    let server = server(100);
    let sandbox = Sandbox::logged_in(&server);
    let met = sandbox.run(&["get", "demo", "--min-ttl", "50"]).succeeds();
    assert_eq!(
        (met.text("source").as_str(), &met.json()["min_ttl_met"]),
        ("cache", &serde_json::json!(true))
    );
    let impossible = sandbox.run(&["get", "demo", "--min-ttl", "5000"]).succeeds();
    assert_eq!(impossible.json()["min_ttl_met"], serde_json::json!(false));
    assert_eq!(server.refreshes().len(), 0);
}

#[test]
fn an_unreachable_server_is_unavailable_within_the_budget_and_the_cache_is_untouched() {
    let (server, sandbox) = expired();
    let before = std::fs::read(sandbox.record()).unwrap();
    server.go_offline();
    let refused = sandbox.run(&["get", "demo", "--timeout", "5"]).fails("unavailable", 75);
    assert_eq!(refused.json()["error"]["retryable"], serde_json::json!(true));
    assert_eq!(std::fs::read(sandbox.record()).unwrap(), before);
    server.go_online().unwrap();
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn usage_errors_of_machine_verbs_are_json_unless_another_format_is_asked_for() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["get", "demo", "--nonsense"]);
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (2, Some("usage")));
    let refused = sandbox.run(&["get", "demo", "--format", "token", "--nonsense"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""));
}
