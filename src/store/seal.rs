//! The envelope of every sealed file: a clear part anyone may read and a sealed part (AES-256-GCM), bound
//! to each other, to the kind of file and to the server's name.
//!
//! `{"format":1,"key_id":"…","clear":{…},"nonce":"…","sealed":"…"}`. The associated data are the kind, the
//! name, the nonce and the raw bytes of `clear` as they stand, so that no byte of any of them can be
//! changed, and no file put in another's place, unnoticed. Replay of an older own file is not detected.

use super::file;
use super::key::Key;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::io;
use zeroize::Zeroizing;

/// The format that this version writes.
pub const FORMAT: u32 = 1;
/// Length of a nonce in bytes.
const NONCE_BYTES: usize = 12;

/// What a sealed file is; part of what its seal covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A token record, whether in its place or still as `.next`.
    Token,
    /// The mark of a redemption under way.
    Intent,
    /// A client registration.
    Client,
    /// Which seeds were spent.
    Seeds,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Token => "mcp-credential/token/1",
            Self::Intent => "mcp-credential/intent/1",
            Self::Client => "mcp-credential/client/1",
            Self::Seeds => "mcp-credential/seeds/1",
        }
    }
}

/// Why an envelope cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It is no envelope of ours.
    Shape,
    /// A newer version of this program wrote it.
    NewerFormat,
    /// Another key sealed it.
    OtherKey,
    /// Its bytes have been changed, or it belongs to another name.
    Tampered,
}

impl Damage {
    /// What is wrong, to be put behind the name of the file.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Shape => "is not a record of this program",
            Self::NewerFormat => "was written by a newer version of mcp-credential",
            Self::OtherKey => "was sealed with another key",
            Self::Tampered => "was changed, or belongs to another server",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    format: u32,
    key_id: &'a str,
    #[serde(borrow)]
    clear: &'a RawValue,
    nonce: &'a str,
    sealed: &'a str,
}

/// Only the number that says how to read the rest.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// Only the part that needs no key.
#[derive(Deserialize)]
struct ClearOnly<'a> {
    #[serde(borrow)]
    clear: &'a RawValue,
}

/// An opened envelope.
pub struct Opened<'a> {
    /// The raw JSON of the clear part.
    pub clear: &'a str,
    /// The sealed JSON.
    pub secrets: Zeroizing<Vec<u8>>,
}

/// The file that holds `clear` (JSON) and seals `secrets` for `name`.
///
/// # Errors
/// When the system has no random bytes, or encryption fails, and for more than could be read back.
pub fn seal(key: &Key, kind: Kind, name: &str, clear: &str, secrets: &[u8]) -> io::Result<Vec<u8>> {
    let mut nonce = [0_u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    // What a reader will see: without the blanks around it.
    let clear: &RawValue = serde_json::from_str(clear).map_err(io::Error::other)?;
    let aad = associated_data(kind, name, &nonce, clear.get());
    let sealed = cipher(key)
        .and_then(|cipher| cipher.encrypt(&Nonce::from(nonce), Payload { msg: secrets, aad: &aad }).ok())
        .ok_or_else(|| io::Error::other("the record could not be sealed"))?;
    let envelope = Envelope {
        format: FORMAT,
        key_id: key.id(),
        clear,
        nonce: &STANDARD.encode(nonce),
        sealed: &STANDARD.encode(sealed),
    };
    let mut file = serde_json::to_vec(&envelope).map_err(io::Error::other)?;
    file.push(b'\n');
    file::readable(file)
}

/// Opens a sealed file.
///
/// # Errors
/// What is wrong with it.
pub fn open<'a>(key: &Key, kind: Kind, name: &str, file: &'a [u8]) -> Result<Opened<'a>, Damage> {
    let envelope: Envelope = serde_json::from_slice(file).map_err(|_| damage_of(file))?;
    if envelope.format != FORMAT {
        return Err(damage_of(file));
    }
    if envelope.key_id != key.id() {
        return Err(Damage::OtherKey);
    }
    let nonce: [u8; NONCE_BYTES] =
        STANDARD.decode(envelope.nonce).ok().and_then(|n| n.try_into().ok()).ok_or(Damage::Tampered)?;
    let sealed = STANDARD.decode(envelope.sealed).map_err(|_| Damage::Tampered)?;
    let clear = envelope.clear.get();
    let aad = associated_data(kind, name, &nonce, clear);
    let secrets = cipher(key)
        .and_then(|cipher| cipher.decrypt(&Nonce::from(nonce), Payload { msg: &sealed, aad: &aad }).ok())
        .ok_or(Damage::Tampered)?;
    Ok(Opened { clear, secrets: Zeroizing::new(secrets) })
}

/// The clear part of a sealed file, read without the key and so not proved to be genuine.
///
/// # Errors
/// What is wrong with the file.
pub fn peek_clear(file: &[u8]) -> Result<&str, Damage> {
    if damage_of(file) == Damage::NewerFormat {
        return Err(Damage::NewerFormat);
    }
    serde_json::from_slice::<ClearOnly>(file).map(|envelope| envelope.clear.get()).map_err(|_| Damage::Shape)
}

/// Whether `file` is a whole envelope, of whichever key and format.
#[must_use]
pub fn is_envelope(file: &[u8]) -> bool {
    serde_json::from_slice::<FormatOnly>(file).is_ok()
}

/// Why a file that could not be opened could not, as far as it tells itself.
pub(super) fn damage_of(file: &[u8]) -> Damage {
    match serde_json::from_slice::<FormatOnly>(file) {
        Ok(FormatOnly { format }) if format > FORMAT => Damage::NewerFormat,
        _ => Damage::Shape,
    }
}

fn cipher(key: &Key) -> Option<Aes256Gcm> {
    Aes256Gcm::new_from_slice(key.expose()).ok()
}

fn associated_data(kind: Kind, name: &str, nonce: &[u8], clear: &str) -> Vec<u8> {
    [kind.label().as_bytes(), b"\0", name.as_bytes(), b"\0", nonce, b"\0", clear.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::store::key::KeySource;
    use std::path::Path;

    fn key(fill: u8) -> Key {
        let text = Secret::new(STANDARD.encode([fill; 32]));
        Key::load(&KeySource::Value(text), Path::new("unused")).unwrap()
    }

    fn file() -> Vec<u8> {
        seal(&key(7), Kind::Token, "demo", r#"{"a":1}"#, b"hidden").unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_again() {
        let file = file();
        let opened = open(&key(7), Kind::Token, "demo", &file).unwrap();
        assert_eq!((opened.clear, opened.secrets.as_slice()), (r#"{"a":1}"#, b"hidden".as_slice()));
    }

    #[test]
    fn blanks_around_the_clear_part_do_not_spoil_the_seal() {
        let file = seal(&key(7), Kind::Token, "demo", " {\"a\": 1}\n", b"hidden").unwrap();
        assert_eq!(open(&key(7), Kind::Token, "demo", &file).unwrap().clear, r#"{"a": 1}"#);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let file = file();
        for index in 0..file.len() - 1 {
            for bit in 0..8 {
                let mut changed = file.clone();
                changed[index] ^= 1 << bit;
                assert!(open(&key(7), Kind::Token, "demo", &changed).is_err(), "byte {index} bit {bit}");
            }
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        let file = file();
        for length in 0..file.len() - 1 {
            assert!(open(&key(7), Kind::Token, "demo", &file[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_file_of_another_name_kind_or_key_is_refused() {
        let file = file();
        assert_eq!(open(&key(7), Kind::Token, "other", &file).err(), Some(Damage::Tampered));
        assert_eq!(open(&key(7), Kind::Client, "demo", &file).err(), Some(Damage::Tampered));
        assert_eq!(open(&key(8), Kind::Token, "demo", &file).err(), Some(Damage::OtherKey));
    }

    #[test]
    fn a_newer_format_is_told_apart_from_damage() {
        let newer = br#"{"format":2,"whatever":true}"#;
        assert_eq!(open(&key(7), Kind::Token, "demo", newer).err(), Some(Damage::NewerFormat));
        assert_eq!(open(&key(7), Kind::Token, "demo", b"junk").err(), Some(Damage::Shape));
    }

    #[test]
    fn no_nonce_is_used_twice_in_ten_thousand_seals() {
        let key = key(7);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let file = seal(&key, Kind::Token, "demo", "{}", b"").unwrap();
            let envelope: serde_json::Value = serde_json::from_slice(&file).unwrap();
            assert!(seen.insert(envelope["nonce"].to_string()));
        }
    }
}
