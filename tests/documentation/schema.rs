//! The schemas: that they are ones, and what they say of a document.
//!
//! The published schemas let callers meet members of newer versions. An example has none of those, so here
//! each object is closed first: a misspelt member of an example is found.

use crate::page::root;
use boon::{Compiler, Schemas};
use serde_json::Value;
use std::fs;

const BASE: &str = "https://schema.invalid";

/// The documents of the program, each with a schema of its name.
pub const KINDS: [&str; 11] = [
    "answer",
    "capabilities",
    "client-metadata",
    "config",
    "erase",
    "error",
    "headers",
    "list",
    "request",
    "status",
    "token-file",
];

/// The schema of `kind` as it is published.
pub fn published(kind: &str) -> Value {
    let path = root().join(format!("docs/schema/{kind}.schema.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What is wrong with `document` as a `kind`, if anything.
pub fn problem(kind: &str, document: &Value) -> Option<String> {
    let mut compiler = Compiler::new();
    for kind in KINDS {
        compiler.add_resource(&address(kind), closed(published(kind))).unwrap();
    }
    let mut schemas = Schemas::new();
    let schema = compiler.compile(&address(kind), &mut schemas).unwrap();
    schemas.validate(document, schema).err().map(|error| format!("{error:#}"))
}

fn address(kind: &str) -> String {
    format!("{BASE}/{kind}.schema.json")
}

/// The schema without room for unknown members.
fn closed(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            // A condition is no description of a whole object.
            let described = members
                .iter_mut()
                .filter(|(name, _)| !["if", "then", "else", "not"].contains(&name.as_str()));
            described.for_each(|(_, member)| *member = closed(member.take()));
            if members.get("properties").is_some_and(Value::is_object) && members.contains_key("type") {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = closed(item.take())),
        _ => {}
    }
    schema
}

/// The values that `enum` allows at `pointer` of the schema of `kind`.
pub fn words(kind: &str, pointer: &str) -> Vec<String> {
    let schema = published(kind);
    let words = schema.pointer(pointer).and_then(Value::as_array).unwrap();
    words.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The members that the schema of `kind` describes at `pointer`.
pub fn members(kind: &str, pointer: &str) -> Vec<String> {
    published(kind).pointer(pointer).and_then(Value::as_object).unwrap().keys().cloned().collect()
}

#[test]
fn every_schema_is_one() {
    let names = fs::read_dir(root().join("docs/schema")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, KINDS.map(|kind| format!("{kind}.schema.json")));
    for kind in KINDS {
        assert_eq!(published(kind)["$schema"], "https://json-schema.org/draft/2020-12/schema", "{kind}");
        // Compiling it checks it against that draft.
        let _ = problem(kind, &Value::Null);
    }
}

#[test]
fn every_member_is_described() {
    fn look(value: &Value, place: &str) {
        let Value::Object(object) = value else { return };
        for (name, member) in object {
            if let (Some(properties), "properties") = (member.as_object(), name.as_str()) {
                for (property, schema) in properties {
                    let said = schema.get("description").is_some() || schema.get("$ref").is_some();
                    assert!(said, "{place}.{property}");
                }
            }
            if name != "if" {
                look(member, &format!("{place}.{name}"));
            }
        }
    }
    for kind in KINDS.into_iter().filter(|kind| *kind != "config") {
        look(&published(kind), kind);
    }
}

#[test]
fn a_misspelt_a_missing_and_a_wrong_member_are_found() {
    let good = serde_json::json!({"version": 1, "server": "demo", "erased": true});
    assert_eq!(problem("erase", &good), None);
    for (member, value) in
        [("eraced", Value::Bool(true)), ("version", Value::from(2)), ("server", Value::Null)]
    {
        let mut bad = good.clone();
        bad[member] = value;
        assert!(problem("erase", &bad).is_some(), "{bad}");
    }
    assert!(problem("erase", &serde_json::json!({"version": 1, "erased": true})).is_some());
    assert!(
        problem("erase", &serde_json::json!({"version": 1, "server": "demo", "erased": false})).is_some()
    );
}
