//! Sealed files: nobody without the key makes one that opens, and what opens can be written again.

use mcp_credential::config::KeySource;
use mcp_credential::secret::Secret;
use mcp_credential::store::key::Key;
use mcp_credential::store::record::{decode, encode, peek};
use mcp_credential::store::seal::{Kind, open, seal};
use mcp_credential::token::TokenRecord;
use std::path::Path;

/// The name that every record here belongs to.
pub const NAME: &str = "demo";

const KINDS: [Kind; 3] = [Kind::Token, Kind::Intent, Kind::Client];

/// A key that stands in no file.
pub fn key() -> Key {
    let text = Secret::new("bWNwLWNyZWRlbnRpYWwgdGVzdHMsIGtleSBmb3Igbm8=");
    Key::load(&KeySource::Value(text), Path::new("unused")).unwrap()
}

/// Nothing that was not sealed with the key opens, as whatever it is presented.
pub fn forged(file: &[u8]) {
    let key = key();
    for kind in KINDS {
        assert!(open(&key, kind, NAME, file).is_err(), "a forged {kind:?} was opened");
    }
    assert!(decode(&key, NAME, file).is_err());
    // Read without the key: it may be anything, and does no harm.
    let _ = peek(file);
}

/// What `file`, made from the genuine `record` by a change, is worth: nothing, or that very record.
pub fn changed(file: &[u8], record: &TokenRecord) {
    if let Ok(found) = decode(&key(), NAME, file) {
        assert_eq!(&found, record, "a changed file was believed");
    }
}

/// Whatever is sealed as a record, perhaps by a newer version, is refused or can be written again as it was.
pub fn content(clear: &str, secrets: &[u8]) {
    let key = key();
    let Ok(file) = seal(&key, Kind::Token, NAME, clear, secrets) else { return };
    let opened = open(&key, Kind::Token, NAME, &file).unwrap();
    assert_eq!((opened.clear, opened.secrets.as_slice()), (clear.trim_ascii(), secrets));
    let Ok(record) = decode(&key, NAME, &file) else { return };
    assert_eq!(peek(&file).as_ref(), Ok(&record.clear));
    let again = encode(&key, &record).unwrap();
    assert_eq!(decode(&key, NAME, &again).as_ref(), Ok(&record), "writing it again changed it");
}
