//! What a run of the program said, held against the published schemas.

use crate::support::Ran;
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// The kinds of documents that the verbs of a program print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// That of `get` and `refresh`.
    Answer = 0,
    /// That of `erase`.
    Erase = 1,
    /// Of a failure.
    Error = 2,
}

const NAMES: [&str; 3] = ["answer", "erase", "error"];

/// The document of a success, proved to be well-formed.
#[track_caller]
pub fn document(ran: &Ran, kind: Kind) -> Value {
    assert_eq!(ran.status, 0, "{ran:?}");
    let document = well_formed(ran, kind);
    if kind == Kind::Answer {
        assert_eq!(ran.stderr, "", "silent on success: {ran:?}");
        let header = format!("Bearer {}", document["access_token"].as_str().unwrap());
        assert_eq!(document["headers"]["Authorization"], header.as_str(), "{ran:?}");
        assert_eq!(document.get("persisted"), None, "{ran:?}");
    }
    document
}

/// The code of a failure, proved to be well-formed and told on one line.
#[track_caller]
pub fn code(ran: &Ran) -> String {
    let code = well_formed(ran, Kind::Error)["error"]["code"].as_str().unwrap().to_owned();
    assert!(ran.status > 0 && ran.stderr.ends_with(&format!("[{code}]\n")), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    code
}

#[track_caller]
fn well_formed(ran: &Ran, kind: Kind) -> Value {
    let document = ran.json();
    let (schemas, indexes) = schemas();
    let valid = schemas.validate(&document, indexes[kind as usize]);
    assert!(valid.is_ok(), "{} in {ran:?}", valid.unwrap_err());
    assert_eq!(document["server"], "demo", "{ran:?}");
    document
}

fn schemas() -> &'static (Schemas, [SchemaIndex; 3]) {
    static SCHEMAS: OnceLock<(Schemas, [SchemaIndex; 3])> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let address = |name| format!("https://schema.invalid/{name}.schema.json");
        for name in NAMES {
            compiler.add_resource(&address(name), published(name)).unwrap();
        }
        let indexes = NAMES.map(|name| compiler.compile(&address(name), &mut schemas).unwrap());
        (schemas, indexes)
    })
}

fn published(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    serde_json::from_slice(&fs::read(folder.join(format!("{name}.schema.json"))).unwrap()).unwrap()
}
