//! The page about configuration names every key and every variable, and no others.

use crate::page::{page, root};
use crate::schema::published;
use crate::tables::table;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const PAGE: &str = "docs/configuration.md";

/// How the schema of the configuration marks what is known and not supported.
const REFUSED: &str = "Known, and refused by this version";

/// The keys that `pointer` of the schema describes: the supported ones, and those that are refused.
fn keys(pointer: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let schema = published("config");
    let described = schema.pointer(pointer).and_then(Value::as_object).unwrap();
    let refused = |schema: &Value| schema["description"].as_str().is_some_and(|text| text.contains(REFUSED));
    let (refused, supported): (Vec<_>, Vec<_>) = described.iter().partition(|(_, schema)| refused(schema));
    let names = |members: Vec<(&String, &Value)>| members.into_iter().map(|(name, _)| name.clone()).collect();
    (names(supported), names(refused))
}

/// The keys that the tables of a section name.
fn written(section: &str) -> BTreeSet<String> {
    let text = page(PAGE).section(section);
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

#[test]
fn the_tables_of_keys_are_those_of_the_schema() {
    for (section, pointer) in [
        ("Keys of a server", "/$defs/server/properties"),
        ("Keys of `oauth2`", "/$defs/oauth2/properties"),
        ("Keys of `defaults`", "/properties/defaults/properties"),
    ] {
        let (supported, refused) = keys(pointer);
        assert_eq!(written(section), supported, "{section}");
        let text = page(PAGE).section(section);
        for key in refused {
            assert!(text.contains(&format!("`{key}`")), "{section} says nothing of {key}");
        }
    }
}

#[test]
fn every_variable_that_the_program_reads_is_named() {
    let text = page(PAGE).text;
    let files = fs::read_dir(root().join("src/config")).unwrap();
    let sources = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut count = 0;
    for source in sources {
        let code = fs::read_to_string(&source).unwrap();
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for name in code.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(variables) {
            assert!(text.contains(&format!("`{name}`")), "{} reads {name}", source.display());
            count += 1;
        }
    }
    assert!(count > 30, "only {count} variables were found");
}

/// The texts in a line of code that look like variables.
fn variables(line: &str) -> Vec<&str> {
    let shouted = |text: &&str| {
        text.len() > 1
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    line.split('"').skip(1).step_by(2).filter(shouted).collect()
}

#[test]
fn every_key_that_a_variable_sets_is_a_key() {
    // OAUTH2_INTERACTIVE is read apart from the table of keys.
    let rows: Vec<Vec<String>> = table(PAGE, "Environment variables", "variable | key")
        .into_iter()
        .filter(|row| row[0] != "`OAUTH2_INTERACTIVE`")
        .collect();
    assert!(rows.len() > 10);
    let known = include_str!("../../src/config/keys.rs");
    for row in rows {
        let variable = row[0].trim_matches('`');
        let key = row[1].split('`').nth(1).unwrap();
        assert!(known.contains(&format!("\"{key}\", \"{variable}\"")), "{variable} does not set {key}");
    }
}

#[test]
fn the_table_of_servers_that_are_not_told_to_ask_is_the_programs() {
    let rows = table(PAGE, "Servers that bend the rules", "authorization server");
    let written: Vec<[String; 2]> =
        rows.iter().map(|row| [row[0].trim_matches('`').to_owned(), row[1].clone()]).collect();
    let known: Vec<[String; 2]> = mcp_credential::oauth::known::UNPROMPTED
        .iter()
        .map(|row| [row.origin.to_owned(), format!("[{}]({})", row.stated, row.source)])
        .collect();
    assert_eq!(written, known);
}

#[test]
fn the_table_of_known_servers_is_the_programs() {
    let bare = |cell: &str| cell.trim_matches('`').to_owned();
    let rows = table(PAGE, "Servers that bend the rules", "server | names its authorization server");
    let written: Vec<[String; 4]> =
        rows.iter().map(|row| [bare(&row[0]), bare(&row[1]), bare(&row[2]), row[3].clone()]).collect();
    let known: Vec<[String; 4]> = mcp_credential::oauth::known::TABLE
        .iter()
        .map(|row| {
            let stated = format!("[{}]({})", row.stated, row.source);
            [row.origin.to_owned(), row.published.to_owned(), row.issuer.to_owned(), stated]
        })
        .collect();
    assert_eq!(written, known);
}
