//! The two-step write: the room for the next record is on disk before a token is spent, and what was
//! answered is durable before it takes its place.
//!
//! Order: reserve (`.intent` and `.next`, synced, and the directory) -> the request -> commit (write over
//! `.next`, sync, rename, sync the directory, remove `.intent`). Whoever comes next finishes what a killed
//! process began, or says truthfully that it was interrupted.

use super::file::{self, unwritable};
use super::intent::{self, Found, Intent, Written};
use super::key::Key;
use super::lock::{Held, is_at};
use super::record;
use super::slot::Slot;
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::token::{NO_PREDECESSOR, TokenRecord};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::PathBuf;

/// Room for the largest record: a token answer of 64 KiB, sealed and in base64, and its clear part.
pub const RESERVE_BYTES: usize = 112 * 1024;

/// What an earlier redemption left behind.
#[derive(Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing to do.
    Clean,
    /// Its answer was found and has taken its place: read the record again.
    Adopted,
    /// It died between request and save: the stored refresh token may be spent already.
    Interrupted,
    /// It still runs, under another lock file: wait.
    Busy,
}

/// Room for the next record, on disk.
#[derive(Debug)]
pub struct Reservation<'s> {
    slot: Slot<'s>,
    key: Key,
    next: File,
    next_path: PathBuf,
    intent: Option<Written>,
}

impl<'s> Slot<'s> {
    /// Finishes or forgets what an earlier redemption left. First thing under the lock.
    ///
    /// # Errors
    /// `insecure_storage`, `cache_damaged`, `cache_unwritable`.
    pub fn recover(&self, _held: &Held, key: &Key, stored: Option<&TokenRecord>) -> Outcome<Recovery> {
        let found = Intent::find(&self.beside("intent"), key, self.name())?;
        if found == Found::Busy {
            return Ok(Recovery::Busy);
        }
        let content = file::read_private(&self.beside("next"))?;
        let Some(stored) = stored else { return Ok(Recovery::Clean) };
        let next = content.and_then(|content| record::decode(key, self.name(), &content).ok());
        if next.is_some_and(|next| continues(&next, stored)) {
            return self.adopt();
        }
        let spent = stored.refresh_token.as_ref().map(intent::fingerprint);
        Ok(match found {
            Found::Left(intent) if intent.continues(stored) && spent.as_ref() == Some(&intent.spends) => {
                Recovery::Interrupted
            }
            _ => Recovery::Clean,
        })
    }

    fn adopt(&self) -> Outcome<Recovery> {
        let path = self.record_path();
        log::info!("adopting the answer that an interrupted process had saved");
        std::fs::rename(self.beside("next"), &path)
            .and_then(|()| file::sync_directory(self.store().cache()))
            .and_then(|()| file::remove(&self.beside("intent")))
            .map_err(|error| unwritable(&path, &error))?;
        Ok(Recovery::Adopted)
    }

    /// Puts the room for the next record on disk. `predecessor` is the generation about to be replaced,
    /// `spends` the token about to be spent.
    ///
    /// # Errors
    /// `cache_unwritable`: nothing may be sent then.
    pub fn reserve(
        &self,
        _held: &Held,
        predecessor: &str,
        spends: Option<&Secret>,
    ) -> Outcome<Reservation<'s>> {
        self.store().prepare()?;
        let key = self.store().key_for_writing()?;
        let next_path = self.beside("next");
        let attempt = self.try_reserve(&key, &Intent::new(predecessor, spends));
        let (next, intent) = attempt.map_err(|error| {
            // Best effort: the failure to report is the first one.
            let _ = (file::remove(&next_path), file::remove(&self.beside("intent")));
            unwritable(&next_path, &error)
        })?;
        Ok(Reservation { slot: self.clone(), key, next, next_path, intent: Some(intent) })
    }

    fn try_reserve(&self, key: &Key, intent: &Intent) -> io::Result<(File, Written)> {
        let written = intent.write(&self.beside("intent"), key, self.name())?;
        let next = pad(&self.beside("next"))?;
        file::sync_directory(self.store().cache())?;
        Ok((next, written))
    }

    /// Proves that a record can be written, without leaving anything: before a person is asked to log in.
    ///
    /// # Errors
    /// `cache_unwritable`, `insecure_storage`, `cache_damaged`.
    pub fn prove_writable(&self) -> Outcome<()> {
        self.store().prepare()?;
        self.store().key_for_writing()?;
        let path =
            file::draft_of(&self.record_path()).map_err(|error| unwritable(&self.record_path(), &error))?;
        let written = pad(&path);
        let removed = file::remove(&path);
        written.and(removed).map(|_| ()).map_err(|error| unwritable(&path, &error))
    }
}

impl Intent {
    fn continues(&self, stored: &TokenRecord) -> bool {
        self.predecessor == stored.clear.generation
    }
}

fn continues(next: &TokenRecord, stored: &TokenRecord) -> bool {
    next.clear.predecessor != NO_PREDECESSOR && next.clear.predecessor == stored.clear.generation
}

/// A new file full of random bytes: a compressing file system must not promise room that it lacks.
fn pad(path: &std::path::Path) -> io::Result<File> {
    file::remove(path)?;
    let mut padding = vec![0_u8; RESERVE_BYTES];
    getrandom::fill(&mut padding).map_err(io::Error::other)?;
    let mut file = file::create_new(path)?;
    file.write_all(&padding)?;
    file.sync_all()?;
    Ok(file)
}

impl Reservation<'_> {
    /// Saves `record` in the reserved room and puts it in its place. May be called again after a failure:
    /// then a new file takes the place of the reserved one, because a file whose sync failed proves nothing.
    ///
    /// # Errors
    /// `cache_unwritable`; what could be saved in `.next` is adopted by the next run.
    pub fn commit(&mut self, record: &TokenRecord) -> Outcome<()> {
        self.try_commit(record).map_err(|error| {
            log::warn!("the new token could not be saved: {error}");
            unwritable(&self.slot.record_path(), &error)
        })
    }

    fn try_commit(&mut self, record: &TokenRecord) -> io::Result<()> {
        let content = record::encode(&self.key, record)?;
        if !is_at(&self.next, &self.next_path) {
            // Taken away, perhaps replaced by the room of somebody under another lock file: that one stays.
            self.next_path = file::draft_of(&self.slot.record_path())?;
            self.next = file::create_new(&self.next_path)?;
        }
        if write_over(&mut self.next, &content).is_err() {
            file::remove(&self.next_path)?;
            self.next = file::create_new(&self.next_path)?;
            write_over(&mut self.next, &content)?;
        }
        std::fs::rename(&self.next_path, self.slot.record_path())?;
        file::sync_directory(self.slot.store().cache())?;
        self.intent.take().map_or(Ok(()), Written::remove)
    }

    /// Gives the room back: nothing was spent.
    pub fn release(mut self) {
        let removed = self.remove_room();
        let forgotten = self.intent.take().map_or(Ok(()), Written::remove);
        if let Err(error) = removed.and(forgotten) {
            log::warn!("a leftover of the store could not be removed: {error}");
        }
    }

    /// Gives the room back but leaves the intent: nobody knows whether the token was spent, and the next
    /// run must know that.
    pub fn leave_interrupted(mut self) {
        if let Err(error) = self.remove_room() {
            log::warn!("a leftover of the store could not be removed: {error}");
        }
        drop(self.intent.take());
    }

    fn remove_room(&self) -> io::Result<()> {
        if is_at(&self.next, &self.next_path) { file::remove(&self.next_path).map(|_| ()) } else { Ok(()) }
    }
}

fn write_over(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

/// The failure of a caller that meets a redemption under another lock file.
#[must_use]
pub fn busy_elsewhere(name: &str) -> Failure {
    Failure::new(Code::LockTimeout, "another process is renewing this token; try again").of_server(name)
}

#[cfg(test)]
mod tests;
