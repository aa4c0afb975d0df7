//! Every JSON example is what it says it is.

use crate::block::{Block, blocks};
use crate::schema::{KINDS, problem};
use crate::support::Sandbox;
use mcp_credential::config::{self, Environment};
use std::fs;

/// Examples for other programs: they are only read as JSON here, and the commands in them are checked.
const OF_OTHERS: [&str; 1] = ["claude-code"];

/// A file that another program defines and this one reads.
const PROXY_CONFIG: &str = "proxy-config";

fn examples() -> Vec<Block> {
    let examples: Vec<Block> = blocks().into_iter().filter(|block| block.language == "json").collect();
    assert!(examples.len() >= 15, "only {} examples were found", examples.len());
    examples
}

#[test]
fn every_example_follows_its_schema() {
    for example in examples() {
        let document = example.json();
        let kind = example.kind.as_str();
        if kind == PROXY_CONFIG || OF_OTHERS.contains(&kind) {
            continue;
        }
        assert!(KINDS.contains(&kind), "{}: no schema is called {kind}", example.place);
        assert_eq!(problem(kind, &document), None, "{}", example.place);
    }
}

#[test]
fn every_kind_of_document_has_an_example_in_the_contract() {
    let examples = examples();
    let shown = |kind: &&str| {
        let of_kind = |example: &&Block| example.kind == *kind && !example.place.starts_with("README");
        examples.iter().any(|example| of_kind(&example))
    };
    let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !shown(kind)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn every_configuration_loads() {
    for example in examples() {
        let loads = match example.kind.as_str() {
            "config" => loads_whole,
            PROXY_CONFIG => loads_for_any_name,
            _ => continue,
        };
        let sandbox = Sandbox::new();
        // Private from the beginning, whatever the umask; then as it stands on the page.
        sandbox.write_config(&serde_json::Value::Null);
        fs::write(sandbox.state("config.json"), &example.text).unwrap();
        loads(&example.place, &Environment::from_pairs([("HOME", sandbox.home())]));
    }
}

fn loads_whole(place: &str, environment: &Environment) {
    let all = config::load_all(environment).unwrap();
    assert!(!all.servers.is_empty(), "{place}");
    for listed in all.servers {
        assert!(listed.server.is_ok(), "{place}: {:?}", listed.server);
    }
}

fn loads_for_any_name(place: &str, environment: &Environment) {
    let loaded = config::load("anything", environment).unwrap();
    assert!(loaded.from_file && loaded.server.is_some(), "{place}");
}
