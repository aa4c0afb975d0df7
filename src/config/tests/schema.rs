//! The JSON Schema names the keys that the program knows, no more and no fewer.

use super::*;
use crate::config::keys::{KEYS, Section};
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/schema/config.schema.json");

/// Every block and most keys at once, as documented.
const EXAMPLE: &str = r#"{
  "$schema": "https://example.com/config.schema.json",
  "defaults": { "proxy": "http://proxy.example:3128", "caBundle": "/etc/ssl/corp.pem", "timeoutSeconds": 8, "keySource": "file" },
  "servers": {
    "atlassian": { "url": "https://mcp.atlassian.com/v1/mcp" },
    "build-bot": {
      "url": "https://mcp.example.com/mcp",
      "oauth2": {
        "grant": "client_credentials",
        "tokenUrl": "https://idp.example.com/oauth2/token",
        "clientId": "my-service", "clientSecretFile": "/run/secrets/mcp", "scope": "mcp:read mcp:write"
      }
    }
  }
}"#;

fn names(schema: &Value, pointer: &str) -> Vec<String> {
    let block = schema.pointer(pointer).and_then(Value::as_object).unwrap();
    let mut names: Vec<String> = block.keys().cloned().collect();
    names.sort();
    names
}

fn known(section: Section, blocks: &[&str]) -> Vec<String> {
    let keys = KEYS.iter().filter(|key| key.section == section).map(|key| key.name);
    let mut names: Vec<String> = keys.chain(blocks.iter().copied()).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn schema_and_program_know_the_same_keys() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    assert_eq!(names(&schema, "/$defs/server/properties"), known(Section::Server, &["oauth2"]));
    assert_eq!(names(&schema, "/$defs/oauth2/properties"), known(Section::OAuth2, &["discovery"]));
    let discovery = "/$defs/oauth2/properties/discovery/properties";
    assert_eq!(names(&schema, discovery), known(Section::Discovery, &[]));
    assert_eq!(names(&schema, "/properties"), ["$schema", "defaults", "servers"]);
    let mut defaults = crate::config::machine::KEYS.map(str::to_owned);
    defaults.sort();
    assert_eq!(names(&schema, "/properties/defaults/properties"), defaults);
}

#[test]
fn the_documented_example_loads() {
    let home = Home::with(EXAMPLE);
    let all = crate::config::load_all(&home.env(&[])).unwrap();
    assert!(all.servers.iter().all(|listed| listed.server.is_ok()), "{all:?}");
    let loaded = load("build-bot", &home.env(&[])).unwrap();
    assert!(loaded.server.unwrap().grant.is_unattended());
    assert_eq!(loaded.machine.timeout_seconds, 8);
    assert_eq!(
        load("atlassian", &home.env(&[])).unwrap().server.unwrap().url,
        "https://mcp.atlassian.com/v1/mcp"
    );
}
