//! The byte-exact answers of `tests/golden`: the program prints them, and the contract shows them.

use crate::block::blocks_of;
use crate::page::{page, root};
use crate::support::Sandbox;
use mcp_credential::broker::{Answer, Source};
use mcp_credential::config::{KeySource, Server};
use mcp_credential::failure::{Code, Failure};
use mcp_credential::reply::{NativeAnswer, failure_json};
use mcp_credential::request::{Rejected, parse};
use mcp_credential::secret::Secret;
use mcp_credential::store::{Slot, Store};
use mcp_credential::token::{Clear, NO_PREDECESSOR, TokenRecord};
use serde_json::{Value, json};
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

const URL: &str = "https://mcp.example.com/mcp";
const OTHER_URL: &str = "https://new.example.com/mcp";

fn golden(name: &str) -> String {
    fs::read_to_string(root().join("tests/golden").join(name)).unwrap()
}

/// A token that was obtained at `obtained_at` and lives for an hour, as the contract shows it.
fn clear(obtained_at: u64) -> Clear {
    let clear = json!({
        "server": "demo", "url": URL, "resource": URL, "issuer": "https://idp.example.com",
        "token_endpoint": "https://idp.example.com/token", "token_endpoint_auth_method": "none",
        "client_id": "client", "grant": "authorization_code", "token_type": "Bearer",
        "scopes": ["read:jira"], "scopes_requested": ["read:jira"],
        "obtained_at": obtained_at, "expires_at": obtained_at + 3600, "refresh_obtained_at": obtained_at,
        "can_refresh": true, "generation": "gen", "predecessor": NO_PREDECESSOR
    });
    serde_json::from_value(clear).unwrap()
}

fn answer(clear: Clear, source: Source) -> Answer {
    Answer {
        clear,
        access_token: Secret::new("token"),
        dpop_key: None,
        proof: None,
        source,
        min_ttl_met: None,
        persisted: true,
    }
}

fn printed(answer: &Answer) -> String {
    let server = Server { refresh_skew_seconds: 30, ..Server::default() };
    serde_json::to_string(&NativeAnswer::new(answer, &server)).unwrap() + "\n"
}

/// A HOME with two servers, one of which has a token that was obtained at `obtained_at`.
fn home(obtained_at: u64) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", URL]).succeeds();
    sandbox.run(&["add", "new", OTHER_URL]).succeeds();
    let store = Store::new(sandbox.state(""), None, KeySource::File);
    store.prepare().unwrap();
    let slot = Slot::new(&store, "demo");
    let lock = slot.token_lock().try_take().unwrap().unwrap();
    let record = TokenRecord {
        clear: clear(obtained_at),
        access_token: Secret::new("token"),
        refresh_token: Some(Secret::new("refresh")),
        dpop_key: None,
        other: Vec::new(),
    };
    let claim = slot.claim(&lock).unwrap().unwrap();
    slot.reserve(claim, NO_PREDECESSOR, None, false, 0).unwrap().commit(&record).unwrap();
    sandbox
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What the program prints in a home whose token ended long ago.
fn long_ago() -> Sandbox {
    home(1_700_000_000)
}

#[test]
fn the_answer_is_golden() {
    assert_eq!(printed(&answer(clear(1_789_996_400), Source::Cache)), golden("answer.json"));
}

#[test]
fn an_answer_that_knows_little_and_was_not_saved_is_golden() {
    let bare = Clear { resource: None, issuer: None, scopes: None, expires_at: None, ..clear(1_789_996_400) };
    let unsaved = Answer { min_ttl_met: Some(true), persisted: false, ..answer(bare, Source::Refreshed) };
    assert_eq!(printed(&unsaved), golden("answer-not-persisted.json"));
}

#[test]
fn the_errors_are_golden() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", URL]).succeeds();
    assert_eq!(sandbox.run(&["get", "demo"]).fails("interaction_required", 4).stdout, golden("error.json"));
    let limited = Failure::new(Code::RateLimited, "slow down").of_server("demo").retry_after(Some(7));
    assert_eq!(format!("{}\n", failure_json(&limited)), golden("error-rate-limited.json"));
}

#[test]
fn the_request_object_and_the_error_of_a_step_up_are_golden() {
    let request = parse(golden("request.json").as_bytes()).unwrap();
    assert_eq!(
        (request.server.as_deref(), request.url.as_deref(), request.min_ttl),
        (Some("demo"), Some(URL), Some(60))
    );
    assert_eq!(request.rejected, Some(Rejected::Generation("gen".to_owned())));
    assert_eq!(request.challenge().unwrap().scope.as_deref(), Some("read:jira"));
    assert_eq!(request.http.unwrap().dpop_nonce.as_deref(), Some("nonce"));
    let contract = page("protocol.md");
    let mut shown = blocks_of(&contract).into_iter().filter(|block| block.kind == "request");
    let step_up = shown.nth(1).unwrap().json();
    let sandbox = home(now());
    let refused = sandbox.run_with(&["refresh", "--request", "-"], step_up.to_string().as_bytes());
    assert_eq!(refused.fails("insufficient_scope", 6).stdout, golden("error-insufficient-scope.json"));
}

#[test]
fn the_answers_of_erase_are_golden() {
    let sandbox = long_ago();
    let erase = |arguments: &[&str]| sandbox.run(&[&["erase", "demo"], arguments].concat()).succeeds().stdout;
    assert_eq!(erase(&["--if-generation", "older"]), golden("erase-generation-changed.json"));
    assert_eq!(erase(&["--if-generation", "gen"]), golden("erase.json"));
    assert_eq!(erase(&[]), golden("erase-nothing-stored.json"));
    // Its record names no revocation endpoint.
    let revoked = long_ago().run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!(revoked.stdout, golden("erase-not-revoked.json"));
    assert!(revoked.stderr.contains("not revoked"), "{}", revoked.stderr);
}

#[test]
fn lists_are_golden() {
    assert_eq!(long_ago().run(&["list", "--format", "json"]).succeeds().stdout, golden("list.json"));
    assert_eq!(
        Sandbox::new().run(&["list", "--format", "json"]).succeeds().stdout,
        golden("list-empty.json")
    );
}

#[test]
fn the_status_is_golden() {
    let sandbox = long_ago();
    let failure = Failure::new(Code::Unavailable, "the token endpoint was not reached").of_server("demo");
    let last = json!({"last_error": {"at": 1_700_003_601, "failure": failure}});
    fs::write(sandbox.state("oauth/demo.token.json.state"), last.to_string()).unwrap();
    assert_eq!(sandbox.run(&["status", "demo", "--format", "json"]).succeeds().stdout, golden("status.json"));
    let all = sandbox.run(&["status", "--format", "json"]).succeeds().json();
    assert_eq!(all[0], serde_json::from_str::<Value>(&golden("status.json")).unwrap());
    assert_eq!(all.as_array().map(Vec::len), Some(2));
}

#[test]
fn the_capabilities_are_golden() {
    assert_eq!(Sandbox::new().run(&["capabilities"]).succeeds().stdout, golden("capabilities.json"));
}

#[test]
fn the_client_metadata_document_is_golden() {
    let url = "https://corp.example.com/mcp-credential.json";
    let page = "https://corp.example.com/mcp";
    let options = ["--client-name", "Corp MCP", "--client-uri", page, "--callback-port", "53682"];
    let arguments = [&["client-metadata", "--url", url], &options[..]].concat();
    assert_eq!(Sandbox::new().run(&arguments).succeeds().stdout, golden("client-metadata.json"));
}

#[test]
fn the_formats_are_golden() {
    let sandbox = home(now());
    let config = fs::read_to_string(sandbox.state("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["servers"]["demo"]["headers"] = json!({"X-Team": "blue"});
    fs::write(sandbox.state("config.json"), config.to_string()).unwrap();
    for (format, name) in [("headers", "headers.json"), ("token", "token.txt"), ("header", "header.txt")] {
        let printed = sandbox.run(&["get", "demo", "--format", format]).succeeds();
        assert_eq!((printed.stdout, printed.stderr), (golden(name), String::new()), "{format}");
    }
}

#[test]
fn the_record_on_disk_is_what_its_schema_says() {
    let sandbox = long_ago();
    let record: Value = serde_json::from_str(&fs::read_to_string(sandbox.record()).unwrap()).unwrap();
    assert_eq!(crate::schema::problem("token-file", &record), None);
    let contract = page("protocol.md");
    let shown = blocks_of(&contract).into_iter().find(|block| block.kind == "token-file").unwrap().json();
    assert_eq!(record["clear"].to_string(), shown["clear"].to_string());
}

#[test]
fn the_contract_shows_every_golden_answer() {
    let contract = page("protocol.md");
    let shown: Vec<String> = blocks_of(&contract)
        .into_iter()
        .filter(|block| block.language == "json")
        .map(|block| format!("{}\n", block.json()))
        .collect();
    for entry in fs::read_dir(root().join("tests/golden")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let text = golden(&name);
        let found = match name.as_str() {
            "list-empty.json" => contract.text.contains(&format!("`{}`", text.trim_end())),
            // The contract writes an ellipsis for the token.
            "header.txt" => contract.text.contains(&format!("`{}`", text.trim_end().replace("token", "…"))),
            "token.txt" => true,
            _ => shown.contains(&text),
        };
        assert!(found, "{name} is not shown");
    }
}
