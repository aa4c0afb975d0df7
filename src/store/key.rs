//! The key that seals the records: born once, never replaced in silence.

use super::draft::{Draft, Durable};
use super::file::{self, unwritable};
pub use crate::config::KeySource;
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// Length of a key in bytes (AES-256).
const KEY_BYTES: usize = 32;

/// A key and its name.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    /// The 32 bytes. As with a [`Secret`], every call is a boundary.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// The key's name in records: tells "another key" from "tampered", and reveals nothing of the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads the key.
    ///
    /// # Errors
    /// `cache_damaged` when the file is missing or short, `config_invalid` for a bad `MCP_CREDENTIAL_KEY`,
    /// and those of [`file::read_private`].
    pub fn load(source: &KeySource, path: &Path) -> Outcome<Self> {
        match source {
            KeySource::Value(text) => Self::decode(text),
            KeySource::File => Self::read(path)?.ok_or_else(|| lost(path, "is missing", OR_VARIABLE)),
        }
    }

    /// Reads the key, and creates it where there is none and `records_exist` says that nothing depends on
    /// a lost one.
    ///
    /// # Errors
    /// Those of [`Key::load`], and `cache_unwritable`.
    pub fn load_or_create(
        source: &KeySource,
        path: &Path,
        records_exist: impl Fn() -> Outcome<bool>,
    ) -> Outcome<Self> {
        if *source == KeySource::File && Self::read(path)?.is_none() {
            // Looked for before the key is read again: another first run makes its key before its record.
            let needed = records_exist()?;
            match Self::read(path)? {
                Some(key) => return Ok(key),
                None if needed => {
                    return Err(lost(path, "is missing, but records sealed with it exist", OR_VARIABLE));
                }
                None => create(path).map_err(|error| unwritable(path, &error))?,
            }
        }
        Self::load(source, path)
    }

    fn read(path: &Path) -> Outcome<Option<Self>> {
        let Some(content) = file::read_private(path)? else { return Ok(None) };
        let content = Zeroizing::new(content);
        Self::from_bytes(&content)
            .map(Some)
            .ok_or_else(|| lost(path, "does not hold 32 bytes", "or delete it, "))
    }

    fn decode(text: &Secret) -> Outcome<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose().trim()).unwrap_or_default());
        Self::from_bytes(&bytes).ok_or_else(|| {
            Failure::new(
                Code::ConfigInvalid,
                "MCP_CREDENTIAL_KEY is not the base64 of 32 bytes; make one with `openssl rand -base64 32`",
            )
        })
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = Zeroizing::new(<[u8; KEY_BYTES]>::try_from(bytes).ok()?);
        let digest = Sha256::new().chain_update(b"mcp-credential/key-id/1\0").chain_update(*bytes).finalize();
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest[..9]);
        Some(Self { bytes, id })
    }
}

/// Thirty-two first runs at once end with one key: whoever links first wins, the others use his.
fn create(path: &Path) -> io::Result<()> {
    let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(&mut *bytes).map_err(io::Error::other)?;
    let mut draft = Draft::beside(path)?;
    let linked = write_and_link(&mut draft, path, &*bytes);
    draft.discard()?;
    file::sync_directory(path.parent().unwrap_or(Path::new("/")))?;
    linked
}

fn write_and_link(draft: &mut Draft, path: &Path, bytes: &[u8]) -> io::Result<()> {
    draft.write(bytes, Durable::Yes)?;
    match std::fs::hard_link(draft.path(), path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// What is to be done about a file that is not there.
const OR_VARIABLE: &str = "set `MCP_CREDENTIAL_KEY` again if that is what sealed them, or ";

/// `next` leads to what helps without the key: what else may, and what has to go before a new one can be made.
fn lost(path: &Path, what: &str, next: &str) -> Failure {
    Failure::new(
        Code::CacheDamaged,
        format!(
            "the key file {} {what}; put it back from a backup, {next}run `mcp-credential erase NAME --scope all` for each server and log in again",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    #[test]
    fn a_key_that_another_first_run_makes_meanwhile_is_used() {
        let folder = Folder::new();
        let path = folder.path().join("key.bin");
        let other_run = || {
            create(&path).unwrap();
            Ok(true)
        };
        let key = Key::load_or_create(&KeySource::File, &path, other_run).unwrap();
        assert_eq!(key.expose().as_slice(), std::fs::read(&path).unwrap());
    }

    #[test]
    fn no_key_is_made_where_records_depend_on_a_lost_one() {
        let folder = Folder::new();
        let path = folder.path().join("key.bin");
        let lost = Key::load_or_create(&KeySource::File, &path, || Ok(true)).unwrap_err();
        assert_eq!((lost.code, path.exists()), (Code::CacheDamaged, false));
    }
}
