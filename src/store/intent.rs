//! The mark of a redemption under way: which generation is about to be replaced and which token is about
//! to be spent. Its file is also the right to work on the token: whoever has it locked, and in its place, is
//! alone, even when the lock file was deleted or replaced under him. A living one is so told from a dead one.

use super::file::{self, unwritable};
use super::key::Key;
use super::lock::{is_at, try_flock};
use super::seal::{self, Damage, Kind};
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

/// The place of the intent, ours until this value is dropped: nobody else redeems, saves, adopts or erases.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    locked: File,
    /// What was found in its place: its writer died.
    older: Option<Intent>,
    /// Why what was found there could not be read, where it is a whole one.
    foreign: Option<Damage>,
    /// Whether the file tells something that the next process must know.
    tells: bool,
}

impl Intent {
    /// The intent to replace `predecessor`, spending `token`.
    #[must_use]
    pub fn new(predecessor: &str, token: Option<&Secret>) -> Self {
        Self { predecessor: predecessor.to_owned(), spends: token.map(fingerprint).unwrap_or_default() }
    }

    pub(super) fn decode(key: &Key, name: &str, content: &[u8]) -> Option<Self> {
        let opened = seal::open(key, Kind::Intent, name, content).ok()?;
        serde_json::from_slice(&opened.secrets).ok()
    }
}

impl Claim {
    /// Takes the place, unless a living process has it. Without a key nothing was ever sealed, so nothing is
    /// found then.
    ///
    /// # Errors
    /// `insecure_storage` when something else stands in its place, `cache_unwritable`.
    pub fn take(path: &Path, key: Option<&Key>, name: &str) -> Outcome<Option<Self>> {
        let taken = match file::open_private(path)? {
            Some(found) => Some(found),
            None => create(path).map_err(|error| unwritable(path, &error))?,
        };
        let Some(mut locked) = taken else { return Ok(None) };
        let is_ours = try_flock(&locked).map_err(|error| unwritable(path, &error))?;
        // Its last owner may have removed or replaced it before we locked it.
        if !is_ours || !is_at(&locked, path) {
            return Ok(None);
        }
        let content = file::read_open(path, &mut locked)?;
        let older = key.and_then(|key| Intent::decode(key, name, &content));
        // What cannot be read for want of the key or a newer version is not thrown away: they may come back.
        let unread = older.is_none() && seal::is_envelope(&content);
        let foreign = unread.then(|| seal::damage_of(&content));
        let tells = older.is_some() || unread;
        Ok(Some(Self { path: path.to_owned(), locked, older, foreign, tells }))
    }

    /// What a process that died has left.
    #[must_use]
    pub fn older(&self) -> Option<&Intent> {
        self.older.as_ref()
    }

    /// What is wrong with what was found, where it is whole but cannot be read here: another key or version may.
    #[must_use]
    pub fn foreign(&self) -> Option<Damage> {
        self.foreign
    }

    /// Writes `intent`, durable but for its name. It takes the place of an older one in one step: what that
    /// one tells must not be lost when this process dies here, or when the disk is full.
    ///
    /// # Errors
    /// The system's; an older intent is then untouched.
    pub fn announce(&mut self, intent: &Intent, key: &Key, name: &str) -> io::Result<()> {
        let draft = draft_of(&self.path);
        file::remove(&draft)?;
        let written = write_draft(&draft, intent, key, name).and_then(|locked| {
            std::fs::rename(&draft, &self.path)?;
            Ok(locked)
        });
        if written.is_err() {
            // The failure to report is the one above.
            let _ = file::remove(&draft);
        }
        self.locked = written?;
        self.tells = true;
        Ok(())
    }

    /// Gives the place up with nothing to tell: what was announced is done, or was never begun.
    pub fn forget(mut self) {
        self.tells = false;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // While it is locked and in its place nobody else touches it. One that stays does no harm: it names a
        // generation that is not the stored one.
        if !self.tells && is_at(&self.locked, &self.path) && file::remove(&self.path).is_err() {
            log::warn!("{} could not be removed", self.path.display());
        }
    }
}

/// `None` when somebody else has just created it.
fn create(path: &Path) -> io::Result<Option<File>> {
    match file::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        created => created.map(Some),
    }
}

/// Locked before it has its name: nobody finds it free.
fn write_draft(draft: &Path, intent: &Intent, key: &Key, name: &str) -> io::Result<File> {
    let mut created = file::create_new(draft)?;
    if !try_flock(&created)? {
        return Err(io::Error::other("another process works on the same token"));
    }
    let body = serde_json::to_vec(intent).map_err(io::Error::other)?;
    file::write_all(&mut created, &seal::seal(key, Kind::Intent, name, "{}", &body)?)?;
    created.sync_all()?;
    Ok(created)
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

/// Where an intent is prepared; one name, since only the owner of its place writes.
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

    /// A key and a place.
    fn place(folder: &Folder) -> (Key, PathBuf) {
        (folder.store().key_for_writing().unwrap(), folder.path().join("intent"))
    }

    fn take(path: &Path, key: &Key) -> Option<Claim> {
        Claim::take(path, Some(key), "demo").unwrap()
    }

    #[test]
    fn the_place_of_the_intent_has_one_owner_whatever_it_says() {
        let folder = Folder::new();
        let (key, path) = place(&folder);
        let mut claim = take(&path, &key).unwrap();
        assert!(is_busy(&path).unwrap() && take(&path, &key).is_none(), "before anything is announced");
        claim.announce(&Intent::new("one", None), &key, "demo").unwrap();
        assert!(is_busy(&path).unwrap() && take(&path, &key).is_none(), "and after");
        claim.forget();
        assert!(!path.exists());
        assert!(take(&path, &key).is_some());
    }

    #[test]
    fn an_intent_that_cannot_be_read_without_the_key_is_kept_for_it() {
        let folder = Folder::new();
        let (key, path) = place(&folder);
        take(&path, &key).unwrap().announce(&Intent::new("one", None), &key, "demo").unwrap();
        let blind = Claim::take(&path, None, "demo").unwrap().unwrap();
        assert_eq!(blind.older(), None);
        drop(blind);
        assert_eq!(take(&path, &key).unwrap().older(), Some(&Intent::new("one", None)));
    }

    #[test]
    fn a_dead_owners_intent_is_found_until_it_is_forgotten() {
        let folder = Folder::new();
        let (key, path) = place(&folder);
        let intent = Intent::new("one", Some(&Secret::new("refresh-1")));
        let mut claim = take(&path, &key).unwrap();
        claim.announce(&intent, &key, "demo").unwrap();
        drop(claim);
        assert!(!is_busy(&path).unwrap());
        assert_eq!(take(&path, &key).unwrap().older(), Some(&intent));
        assert!(Claim::take(&path, None, "demo").unwrap().unwrap().older().is_none());
    }

    #[test]
    fn a_place_that_was_replaced_while_it_was_opened_is_not_taken_for_the_real_one() {
        let folder = Folder::new();
        let (key, path) = place(&folder);
        let mut owner = take(&path, &key).unwrap();
        let opened_before = File::open(&path).unwrap();
        owner.announce(&Intent::new("one", None), &key, "demo").unwrap();
        // The file of before is free, and it is nobody's place any more.
        assert!(try_flock(&opened_before).unwrap() && !is_at(&opened_before, &path));
        assert!(take(&path, &key).is_none());
    }

    #[test]
    fn an_older_intent_stays_until_the_new_one_takes_its_place() {
        let folder = Folder::new();
        let (key, path) = place(&folder);
        let older = Intent::new("one", None);
        take(&path, &key).unwrap().announce(&older, &key, "demo").unwrap();
        // A directory in the place of the draft stands for a disk that takes no new file.
        std::fs::create_dir(draft_of(&path)).unwrap();
        assert!(take(&path, &key).unwrap().announce(&Intent::new("two", None), &key, "demo").is_err());
        assert_eq!(take(&path, &key).unwrap().older(), Some(&older));
    }

    #[test]
    fn the_file_says_nothing_of_the_token() {
        let folder = Folder::new();
        let (key, path) = place(&folder);
        let token = Secret::new("refresh-1");
        take(&path, &key).unwrap().announce(&Intent::new("one", Some(&token)), &key, "demo").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("refresh-1") && !text.contains(&fingerprint(&token)));
    }
}
