//! One server's place in the store: reading its record, and taking it away.

use super::draft;
use super::file;
use super::intent::Claim;
use super::lock::LockFile;
use super::place::Store;
use super::record;
use super::seal::{self, Damage};
use super::state::StateFile;
use crate::clock;
use crate::failure::{Code, Failure, Outcome};
use crate::text::path_line;
use crate::token::{Clear, TokenRecord};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The place of one server's files.
#[derive(Debug, Clone)]
pub struct Slot<'s> {
    store: &'s Store,
    name: String,
}

/// What tells one version of a record from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl<'s> Slot<'s> {
    /// The place of `name`, which has passed the grammar of names.
    #[must_use]
    pub fn new(store: &'s Store, name: &str) -> Self {
        Self { store, name: name.to_owned() }
    }

    /// The server's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store that the place belongs to.
    #[must_use]
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// The token record's path.
    #[must_use]
    pub fn record_path(&self) -> PathBuf {
        self.store.cache().join(format!("{}.token.json", self.name))
    }

    /// A path beside the record: its name with `suffix`.
    #[must_use]
    pub fn beside(&self, suffix: &str) -> PathBuf {
        self.store.cache().join(format!("{}.token.json.{suffix}", self.name))
    }

    /// The token lock, held for one redemption.
    #[must_use]
    pub fn token_lock(&self) -> LockFile {
        LockFile::new(self.beside("lock"))
    }

    /// The login lock, held by the one login under way.
    #[must_use]
    pub fn login_lock(&self) -> LockFile {
        LockFile::new(self.beside("login"))
    }

    /// The probe lock, held while the server is asked whether it accepts a token.
    #[must_use]
    pub fn probe_lock(&self) -> LockFile {
        LockFile::new(self.beside("probe"))
    }

    /// The server's state that may be lost.
    #[must_use]
    pub fn state(&self) -> StateFile {
        StateFile::new(self.beside("state"))
    }

    /// The stored record, with its secrets. Takes no lock: a reader sees a whole record.
    ///
    /// # Errors
    /// `cache_damaged`, `insecure_storage` or `unavailable`; the file is left as it is.
    pub fn peek(&self) -> Outcome<Option<TokenRecord>> {
        self.peek_inner().map_err(|failure| failure.of_server(&self.name))
    }

    fn peek_inner(&self) -> Outcome<Option<TokenRecord>> {
        self.store.check()?;
        let path = self.record_path();
        let Some(content) = file::read_private(&path)? else { return Ok(None) };
        let key = self.store.key()?;
        record::decode(&key, &self.name, &content).map(Some).map_err(|damage| self.damaged(&path, damage))
    }

    /// The clear part of the stored record, read without the key and not proved genuine.
    ///
    /// # Errors
    /// Those of [`Slot::peek`].
    pub fn peek_clear(&self) -> Outcome<Option<Clear>> {
        self.store.check()?;
        let path = self.record_path();
        let Some(content) = file::read_private(&path)? else { return Ok(None) };
        record::peek(&content).map(Some).map_err(|damage| self.damaged(&path, damage))
    }

    /// What the record looks like from outside now; `None` where there is none.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        let metadata = std::fs::symlink_metadata(self.record_path()).ok()?;
        Some(Stamp {
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        })
    }

    /// Removes the record and what belongs to it, durable, after what was left beside it has been finished. The lock
    /// files and the registration stay.
    ///
    /// # Errors
    /// `cache_unwritable`.
    pub fn erase(&self, claim: Claim) -> Outcome<bool> {
        // The record first: where it cannot go nothing goes, and what stays is one story.
        let erased = self.remove(&self.record_path())?;
        for suffix in ["next", "intent.draft"] {
            self.remove(&self.beside(suffix))?;
        }
        self.sweep();
        self.state().forget().map_err(|error| file::unwritable(&self.beside("state"), &error))?;
        // Before the place of the intent is given up: a first answer could be adopted while both are there.
        self.sync()?;
        claim.forget();
        Ok(erased)
    }

    /// Moves a record that cannot be read to `.damaged-TIME`, for a person to look at, and with it an answer beside it:
    /// perhaps only the key is wrong.
    ///
    /// # Errors
    /// `cache_unwritable`.
    pub fn set_aside(&self, _claim: &Claim) -> Outcome<PathBuf> {
        let aside = self
            .put_aside(&self.record_path())
            .map_err(|error| file::unwritable(&self.record_path(), &error))?;
        let next = self.beside("next");
        if file::read_private(&next).ok().flatten().is_some_and(|content| seal::is_envelope(&content)) {
            self.displace(&next);
        }
        self.sync()?;
        Ok(aside)
    }

    /// To a name that is free.
    fn put_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let time = clock::now();
        let is_free = |place: &PathBuf| std::fs::symlink_metadata(place).is_err();
        let others = (2..100).map(|count| self.beside(&format!("damaged-{time}-{count}")));
        let aside = std::iter::once(self.beside(&format!("damaged-{time}"))).chain(others).find(is_free);
        let aside = aside.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
        std::fs::rename(path, &aside).map(|()| aside)
    }

    /// What cannot be read makes way for a token that is on disk. Where it cannot be moved it is lost, but the token
    /// is not.
    pub(super) fn displace(&self, path: &Path) {
        match self.put_aside(path) {
            Ok(aside) => {
                log::warn!("{} could not be read and was moved to {}", path_line(path), path_line(&aside));
            }
            Err(error) => log::warn!("{} could not be moved aside: {error}", path_line(path)),
        }
    }

    /// Takes away what killed processes have left of the record, of what lies beside it, and of the key.
    pub(super) fn sweep(&self) {
        let record = format!("{}.token.json", self.name);
        let beside = ["state", "seeds", "issuers"].map(|ending| format!("{record}.{ending}"));
        draft::sweep(self.store.cache(), &[&[record], &beside[..]].concat());
        draft::sweep(self.store.home(), &["key.bin".to_owned()]);
    }

    pub(super) fn remove(&self, path: &Path) -> Outcome<bool> {
        file::remove(path).map_err(|error| file::unwritable(path, &error).of_server(&self.name))
    }

    pub(super) fn sync(&self) -> Outcome<()> {
        match file::sync_directory(self.store.cache()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(file::unwritable(self.store.cache(), &error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn damaged(&self, path: &Path, damage: Damage) -> Failure {
        let next = match damage {
            Damage::NewerFormat => "use that version, or erase the login",
            Damage::OtherKey => "give the right key back, or erase the login",
            Damage::Shape | Damage::Tampered => "look at the file, then erase the login",
        };
        let text = format!(
            "{} {}; it was left in place; {next} with `mcp-credential erase {} --scope all`",
            path_line(path),
            damage.describe(),
            self.name
        );
        Failure::new(Code::CacheDamaged, text).of_server(&self.name)
    }
}
