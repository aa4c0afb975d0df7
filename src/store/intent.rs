//! The mark of a redemption under way: which generation is about to be replaced and which token is about
//! to be spent. Its writer keeps it locked, so that a living one is told from a dead one even when the
//! lock file itself was replaced.

use super::file;
use super::key::Key;
use super::lock::{is_at, try_flock};
use super::seal::{self, Kind};
use crate::failure::Outcome;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What a redemption is about to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The generation about to be replaced, or `none`.
    pub predecessor: String,
    /// Fingerprint of the token about to be spent, or empty where the grant spends nothing.
    pub spends: String,
}

/// An intent on disk, locked by us.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    locked: File,
}

/// What was found in the place of the intent.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or nothing that can be read.
    Nothing,
    /// Its writer lives.
    Busy,
    /// Its writer died.
    Left(Intent),
}

impl Intent {
    /// The intent to replace `predecessor`, spending `token`.
    #[must_use]
    pub fn new(predecessor: &str, token: Option<&Secret>) -> Self {
        Self { predecessor: predecessor.to_owned(), spends: token.map(fingerprint).unwrap_or_default() }
    }

    /// Writes the intent and keeps it locked. It takes the place of an older one in one step: what that one
    /// tells must not be lost when this process dies here, or when the disk is full.
    ///
    /// # Errors
    /// The system's; an older intent is then untouched.
    pub fn write(&self, path: &Path, key: &Key, name: &str) -> io::Result<Written> {
        let draft = draft_of(path);
        file::remove(&draft)?;
        let locked = self.write_draft(&draft, key, name).and_then(|locked| {
            std::fs::rename(&draft, path)?;
            Ok(locked)
        });
        if locked.is_err() {
            // The failure to report is the one above.
            let _ = file::remove(&draft);
        }
        Ok(Written { path: path.to_owned(), locked: locked? })
    }

    fn write_draft(&self, draft: &Path, key: &Key, name: &str) -> io::Result<File> {
        let mut created = file::create_new(draft)?;
        if !try_flock(&created)? {
            return Err(io::Error::other("another process works on the same token"));
        }
        let body = serde_json::to_vec(self).map_err(io::Error::other)?;
        file::write_all(&mut created, &seal::seal(key, Kind::Intent, name, "{}", &body)?)?;
        created.sync_all()?;
        Ok(created)
    }

    /// Looks for an intent that another process left.
    ///
    /// # Errors
    /// `insecure_storage` when something else stands in its place.
    pub fn find(path: &Path, key: &Key, name: &str) -> Outcome<Found> {
        let Some(mut open) = file::open_private(path)? else { return Ok(Found::Nothing) };
        if is_locked(&open) {
            return Ok(Found::Busy);
        }
        let content = file::read_open(path, &mut open)?;
        let intent = seal::open(key, Kind::Intent, name, &content)
            .ok()
            .and_then(|opened| serde_json::from_slice(&opened.secrets).ok());
        Ok(intent.map_or(Found::Nothing, Found::Left))
    }
}

impl Written {
    /// Removes the intent: what it announced is done, or was never begun. Another one in its place stays.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(self) -> io::Result<()> {
        if is_at(&self.locked, &self.path) { file::remove(&self.path).map(|_| ()) } else { Ok(()) }
    }
}

/// Whether the writer of the intent at `path` lives.
///
/// # Errors
/// `insecure_storage` when something else stands in its place.
pub fn is_busy(path: &Path) -> Outcome<bool> {
    Ok(file::open_private(path)?.is_some_and(|open| is_locked(&open)))
}

/// A file that cannot be locked has no living writer either: locks work here, or nothing is redeemed.
fn is_locked(intent: &File) -> bool {
    matches!(try_flock(intent), Ok(false))
}

/// Where an intent is prepared; one name, since only the holder of the token lock writes.
fn draft_of(path: &Path) -> PathBuf {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    PathBuf::from(draft)
}

/// A name for `token` that reveals nothing of it. It stands only in sealed places.
#[must_use]
pub fn fingerprint(token: &Secret) -> String {
    let digest = Sha256::new()
        .chain_update(b"mcp-credential/fingerprint/1\0")
        .chain_update(token.expose().as_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    #[test]
    fn a_living_writer_is_told_from_a_dead_one() {
        let folder = Folder::new();
        let key = folder.store().key_for_writing().unwrap();
        let path = folder.path().join("intent");
        let intent = Intent::new("one", Some(&Secret::new("refresh-1")));
        let written = intent.write(&path, &key, "demo").unwrap();
        assert_eq!(Intent::find(&path, &key, "demo").unwrap(), Found::Busy);
        drop(written);
        assert_eq!(Intent::find(&path, &key, "demo").unwrap(), Found::Left(intent));
        assert_eq!(Intent::find(&path, &key, "other").unwrap(), Found::Nothing);
    }

    #[test]
    fn an_older_intent_stays_until_the_new_one_takes_its_place() {
        let folder = Folder::new();
        let key = folder.store().key_for_writing().unwrap();
        let path = folder.path().join("intent");
        let older = Intent::new("one", None);
        drop(older.write(&path, &key, "demo").unwrap());
        // A directory in the place of the draft stands for a disk that takes no new file.
        std::fs::create_dir(draft_of(&path)).unwrap();
        assert!(Intent::new("two", None).write(&path, &key, "demo").is_err());
        assert_eq!(Intent::find(&path, &key, "demo").unwrap(), Found::Left(older));
    }

    #[test]
    fn the_file_says_nothing_of_the_token() {
        let folder = Folder::new();
        let key = folder.store().key_for_writing().unwrap();
        let path = folder.path().join("intent");
        let token = Secret::new("refresh-1");
        let _written = Intent::new("one", Some(&token)).write(&path, &key, "demo").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("refresh-1") && !text.contains(&fingerprint(&token)));
    }
}
