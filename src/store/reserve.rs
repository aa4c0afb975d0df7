//! The two-step write: the room for the next record is on disk before a token is spent, and what was
//! answered is durable before it takes its place.
//!
//! Order: claim the place of `.intent` -> read -> reserve (`.intent` and `.next`, synced, and the directory) ->
//! the request -> commit (write over `.next`, sync, rename, sync the directory, remove `.intent`). Whoever comes
//! next finishes what a killed process began, or says truthfully that it was interrupted. Only the owner of the
//! claim touches `.next` and the record: the lock file may be deleted at any moment.
//!
//! Once it is not known whether the token was spent, the intent stays until that is answered: by a new token
//! or by a refusal.

use super::draft::Draft;
use super::file::{self, unwritable};
use super::intent::{self, Claim, Intent};
use super::key::Key;
use super::lock::{Held, LockFile, is_at};
use super::record;
use super::slot::Slot;
use crate::failure::{Code, Outcome};
use crate::secret::Secret;
use crate::token::TokenRecord;
use std::fs::File;
use std::io::{self, Seek};
use std::path::PathBuf;

/// Room for the largest record that servers can make: an access and a refresh token of 32 KiB, escaped, sealed and in
/// base64, and the longest clear part.
pub const RESERVE_BYTES: usize = 224 * 1024;

/// Room for the next record, on disk.
#[derive(Debug)]
pub struct Reservation<'s> {
    slot: Slot<'s>,
    key: Key,
    /// The reserved file, open as long as it may be renamed; absent once writing to it has failed.
    next: Option<File>,
    next_path: PathBuf,
    claim: Option<Claim>,
    /// Fingerprint of what is spent, or empty.
    spends: String,
    in_doubt: bool,
    /// Whether the room has another name, since what is at `.next` is kept until something was granted.
    apart: bool,
    /// What is announced then, where what the place of the intent tells is kept as well.
    unannounced: Option<Intent>,
    /// Whether what stands in the record's place cannot be read, and is kept for a person.
    displaces: bool,
    progress: Progress,
}

/// How far a commit has come. No step is done twice: what is synced is never written again, and what is in
/// its place belongs to the readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Reserved,
    Synced,
    InPlace,
}

impl<'s> Slot<'s> {
    /// Takes the token lock, if it is free: nobody holds the lock file, and no redemption lives on under one
    /// that was deleted or replaced by hand.
    ///
    /// # Errors
    /// Those of [`LockFile::try_take`], and `insecure_storage`.
    pub fn try_token_lock(&self, lock: &mut LockFile) -> Outcome<Option<Held>> {
        let Some(held) = lock.try_take()? else { return Ok(None) };
        Ok((!intent::is_busy(&self.beside("intent"))?).then_some(held))
    }

    /// The right to work on this name's token. `None` when somebody else has it, under another lock file: wait.
    ///
    /// # Errors
    /// `insecure_storage`, `cache_unwritable`, and what reading the key fails with.
    pub fn claim(&self, _held: &Held) -> Outcome<Option<Claim>> {
        let key = match self.store().key() {
            // Missing: nothing can be read, and nothing was sealed where this is the first run.
            Err(failure) if failure.code == Code::CacheDamaged => None,
            key => Some(key?),
        };
        Claim::take(&self.beside("intent"), key.as_ref(), self.name())
    }

    /// Puts the room for the next record on disk. `predecessor` is the generation about to be replaced,
    /// `spends` the token about to be spent; `in_doubt` says that an interrupted run may have spent the one of the
    /// record. That is said on, whatever is spent now: a login under way may come to nothing.
    ///
    /// # Errors
    /// `cache_unwritable`, and `unavailable` or `insecure_storage` for what lies in the way: nothing may be sent then.
    pub fn reserve(
        &self,
        mut claim: Claim,
        predecessor: &str,
        spends: Option<&Secret>,
        in_doubt: bool,
    ) -> Outcome<Reservation<'s>> {
        self.store().prepare()?;
        let key = self.store().key_for_writing()?;
        self.sweep();
        let carried = claim.older().filter(|_| in_doubt).cloned();
        let fresh = Intent::new(predecessor, spends);
        let spends = fresh.spends.clone();
        let intent = carried.unwrap_or(fresh);
        let keeps_intent = claim.is_kept(predecessor);
        let apart = keeps_intent || self.keeps_next(&key, predecessor)?;
        let announced = if keeps_intent { Ok(()) } else { claim.announce(&intent, &key, self.name()) };
        match announced.and_then(|()| self.make_room(apart)) {
            Ok((next_path, next)) => Ok(Reservation {
                slot: self.clone(),
                key,
                next: Some(next),
                next_path,
                claim: Some(claim),
                spends,
                in_doubt,
                apart,
                unannounced: keeps_intent.then_some(intent),
                displaces: false,
                progress: Progress::Reserved,
            }),
            Err(error) => {
                let next_path = self.beside("next");
                if !apart {
                    // Best effort: the failure to report is the first one.
                    let _ = file::remove(&next_path);
                }
                if !in_doubt && !keeps_intent {
                    claim.forget();
                }
                Err(unwritable(&next_path, &error))
            }
        }
    }

    fn make_room(&self, apart: bool) -> io::Result<(PathBuf, File)> {
        let (path, file) = if apart {
            Draft::beside(&self.record_path())?.into_parts()
        } else {
            let path = self.beside("next");
            file::remove(&path)?;
            let file = file::create_new(&path)?;
            (path, file)
        };
        let reserved = padded(file).and_then(|file| {
            file::sync_directory(self.store().cache())?;
            Ok(file)
        });
        if reserved.is_err() && apart {
            // As above.
            let _ = file::remove(&path);
        }
        reserved.map(|file| (path, file))
    }

    /// Proves that a record can be written, without leaving anything: before a person is asked to log in.
    ///
    /// # Errors
    /// `cache_unwritable`, `insecure_storage`, `cache_damaged`.
    pub fn prove_writable(&self) -> Outcome<()> {
        self.store().prepare()?;
        self.store().key_for_writing()?;
        let path = self.record_path();
        let proved = Draft::beside(&path).and_then(unnamed_room);
        proved.map(drop).map_err(|error| unwritable(&path, &error))
    }
}

/// Room without a name: a process that is killed meanwhile leaves nothing.
fn unnamed_room(draft: Draft) -> io::Result<File> {
    let (path, created) = draft.into_parts();
    file::remove(&path)?;
    padded(created)
}

/// The file full of random bytes, on disk: a compressing file system must not promise room that it lacks.
fn padded(mut file: File) -> io::Result<File> {
    let mut padding = vec![0_u8; RESERVE_BYTES];
    getrandom::fill(&mut padding).map_err(io::Error::other)?;
    file::write_all(&mut file, &padding)?;
    file.sync_all()?;
    Ok(file)
}

impl Reservation<'_> {
    /// Saves `record` in the reserved room and puts it in its place. After a failure it may be called again
    /// with the same record, and goes on where it was stopped.
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
        if self.progress == Progress::Reserved {
            self.write(&record::encode(&self.key, record)?)?;
            self.enter()?;
            self.progress = Progress::Synced;
        }
        if self.progress == Progress::Synced {
            self.displace_record();
            std::fs::rename(&self.next_path, self.slot.record_path())?;
            self.progress = Progress::InPlace;
        }
        file::sync_directory(self.slot.store().cache())?;
        self.conclude();
        Ok(())
    }

    /// What was granted takes the place of what was kept for somebody else, and is adopted from here on. The record
    /// goes first: without its successor beside it, its owner would spend its token once more.
    fn enter(&mut self) -> io::Result<()> {
        if !self.apart {
            return Ok(());
        }
        self.displace_record();
        let next = self.slot.beside("next");
        if std::fs::symlink_metadata(&next).is_ok() {
            self.slot.displace(&next);
        }
        if let (Some(intent), Some(claim)) = (&self.unannounced, &mut self.claim) {
            claim.announce(intent, &self.key, self.slot.name())?;
            self.unannounced = None;
        }
        std::fs::rename(&self.next_path, &next)?;
        (self.next_path, self.apart) = (next, false);
        Ok(())
    }

    fn displace_record(&mut self) {
        if std::mem::take(&mut self.displaces) {
            self.slot.displace(&self.slot.record_path());
        }
    }

    /// The intent goes last: it alone tells the next run what was left undone.
    fn conclude(&mut self) {
        match self.slot.conclude_seed(&self.spends) {
            Err(failure) if failure.code != Code::CacheDamaged => log::warn!("{}", failure.message),
            _ => self.forget_intent(),
        }
    }

    /// A new file takes the place of one that could not be written: a sync that failed proves nothing.
    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        if self.next.as_ref().is_some_and(|next| !is_at(next, &self.next_path)) {
            // Taken away, perhaps replaced by the room of somebody under another lock file: that one stays.
            let (path, file) = Draft::beside(&self.slot.record_path())?.into_parts();
            (self.next_path, self.next) = (path, Some(file));
        }
        if self.next.as_mut().is_some_and(|next| write_over(next, content).is_ok()) {
            return Ok(());
        }
        self.next = None;
        file::remove(&self.next_path)?;
        let mut next = file::create_new(&self.next_path)?;
        write_over(&mut next, content)?;
        self.next = Some(next);
        Ok(())
    }

    /// What stands in the record's place cannot be read: the commit moves it aside, and nothing else does.
    pub fn displace_damaged(&mut self) {
        self.displaces = true;
    }

    /// Nobody knows whether the token was spent: a connection was lost. The next run must know that.
    pub fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// Gives the room back, after whatever saved nothing. The intent goes too, unless there is doubt.
    pub fn release(mut self) {
        if let Err(error) = self.remove_room() {
            log::warn!("a leftover of the store could not be removed: {error}");
        }
        if !self.in_doubt && self.unannounced.is_none() {
            self.forget_intent();
        }
    }

    fn forget_intent(&mut self) {
        if let Some(claim) = self.claim.take() {
            claim.forget();
        }
    }

    /// What stands at `.next` once ours is in its place, or was taken away, is somebody else's.
    fn remove_room(&self) -> io::Result<()> {
        let others = self.next.as_ref().is_some_and(|next| !is_at(next, &self.next_path));
        if others || self.progress == Progress::InPlace {
            return Ok(());
        }
        file::remove(&self.next_path).map(|_| ())
    }
}

fn write_over(file: &mut File, content: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file::write_all(file, content)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
