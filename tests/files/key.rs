//! The key that seals the records: born once, never replaced in silence, or brought by the environment.

use crate::support::{Sandbox, end, server};
use crate::{is_damaged, logged_in, refresh};
use oauthserver::Client;
use serde_json::Value;
use std::collections::HashSet;
use std::fs;

/// The base64 of 32 bytes.
const KEY: &str = "a2V5LW9mLXRoZS1jb250YWluZXItMzItYnl0ZXMhISE=";
const OTHER: &str = "YW5vdGhlci1rZXktb2YtZXhhY3RseS0zMi1ieXRlcyE=";

#[test]
fn case_62_thirty_two_first_runs_at_once_make_one_key() {
    let server = server(3600);
    server.reconfigure(|settings| settings.clients.push(Client::confidential("bot", "s3cret")));
    let sandbox = Sandbox::new()
        .variable("UPSTREAM_URL", &server.mcp_url())
        .variable("OAUTH2_GRANT", "client_credentials")
        .variable("OAUTH2_CLIENT_ID", "bot")
        .variable("OAUTH2_CLIENT_SECRET", "s3cret");
    let name = |number: usize| format!("bot-{number}");
    let crowd: Vec<_> =
        (0..32).map(|number| sandbox.start(&["get", &name(number), "--timeout", "60"])).collect();
    let tokens: Vec<String> = crowd.into_iter().map(|run| end(run).succeeds().text("access_token")).collect();
    let mut keys = HashSet::new();
    for (number, token) in tokens.iter().enumerate() {
        let again = sandbox.run(&["get", &name(number)]).succeeds();
        assert_eq!((again.text("source").as_str(), &again.text("access_token")), ("cache", token));
        let record = fs::read(sandbox.state(&format!("oauth/{}.token.json", name(number)))).unwrap();
        keys.insert(serde_json::from_slice::<Value>(&record).unwrap()["key_id"].to_string());
    }
    assert_eq!(keys.len(), 1);
    assert_eq!(fs::read(sandbox.state("key.bin")).unwrap().len(), 32);
    let left: Vec<_> = fs::read_dir(sandbox.state("")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "key.bin and oauth, no drafts: {left:?}");
}

#[test]
fn case_62_a_lost_key_is_told_and_no_new_one_is_made() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    let path = sandbox.state("key.bin");
    let key = fs::read(&path).unwrap();
    for lost in [None, Some(&key[..31]), Some(&[][..])] {
        fs::remove_file(&path).unwrap();
        let _ = lost.map(|bytes| fs::write(&path, bytes).unwrap());
        for verb in ["get", "refresh", "login", "erase"] {
            let refused = sandbox.run(&[verb, "demo"]).fails("cache_damaged", 5);
            assert!(refused.stderr.contains("put it back from a backup"), "{verb}: {}", refused.stderr);
            assert_eq!(fs::read(&path).ok().as_deref(), lost, "{verb}");
        }
        fs::write(&path, &key).unwrap();
    }
    refresh(&sandbox, &held).succeeds();
    assert_eq!(sandbox.opened(), [""; 0]);
}

#[test]
fn a_lost_key_is_replaced_when_the_person_has_given_up_what_it_sealed() {
    let server = server(3600);
    let (sandbox, _) = logged_in(&server);
    fs::remove_file(sandbox.state("key.bin")).unwrap();
    sandbox.run(&["erase", "demo", "--scope", "all"]).succeeds();
    assert!(!sandbox.state("key.bin").exists());
    sandbox.login("demo").succeeds();
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn case_55_another_key_is_told_from_a_tampered_record() {
    let server = server(3600);
    let (sandbox, held) = logged_in(&server);
    let record = fs::read(sandbox.record()).unwrap();
    fs::write(sandbox.state("key.bin"), [7; 32]).unwrap();
    is_damaged(&sandbox, &record);
    let refused = refresh(&sandbox, &held).fails("cache_damaged", 5);
    assert!(refused.stderr.contains("was sealed with another key"), "{}", refused.stderr);
    assert_eq!(fs::read(sandbox.state("key.bin")).unwrap(), [7; 32]);
}

#[test]
fn a_key_of_the_environment_needs_no_file() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server).variable("MCP_CREDENTIAL_KEY", KEY);
    sandbox.login("demo").succeeds();
    let held = sandbox.run(&["get", "demo"]).succeeds().text("generation");
    refresh(&sandbox, &held).succeeds();
    assert!(!sandbox.state("key.bin").exists());
    let same = sandbox.variable("MCP_CREDENTIAL_KEY", KEY.trim_end_matches('='));
    same.run(&["get", "demo"]).succeeds();
    let other = same.variable("MCP_CREDENTIAL_KEY", OTHER);
    other.run(&["get", "demo"]).fails("cache_damaged", 5);
    for bad in ["short", "not base64!", &"A".repeat(43 * 3)] {
        let bare = Sandbox::with(&server).variable("MCP_CREDENTIAL_KEY", bad);
        let refused = bare.run(&["get", "demo"]).fails("config_invalid", 2);
        assert!(refused.stderr.contains("`MCP_CREDENTIAL_KEY`"), "{}", refused.stderr);
        assert!(!refused.stderr.contains(bad) && !refused.stdout.contains(bad));
    }
    let without = other.without_variables();
    without.run(&["get", "demo"]).fails("cache_damaged", 5);
    assert!(!without.state("key.bin").exists(), "and none is made for what another one sealed");
}
