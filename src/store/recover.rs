//! What a process that died has left of a redemption: an answer that it had saved, which takes its place, or the mark
//! of a request whose answer nobody knows.
//!
//! Owns the rule which answer may follow which record, and the step after every commit, whoever comes to it. Done
//! under the claim alone. It never sends anything, and what it does not adopt it leaves where it is.

use super::file::{self, unwritable};
use super::intent::{self, Claim, Intent};
use super::key::Key;
use super::record;
use super::seal::Damage;
use super::slot::Slot;
use super::state::State;
use crate::failure::{Code, Outcome};
use crate::token::{NO_PREDECESSOR, TokenRecord};

/// What an earlier redemption left behind.
#[derive(Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing to do.
    Clean,
    /// Its answer was found and has taken its place: read the record again.
    Adopted,
    /// It died between request and save: the stored refresh token may be spent already.
    Interrupted,
}

impl Slot<'_> {
    /// Finishes or forgets what an earlier redemption left. `stored` was read under the claim; `None` stands also for
    /// a record that cannot be read, which makes way for an answer as it would have for its commit.
    ///
    /// # Errors
    /// `insecure_storage`, `cache_unwritable`, `cache_damaged` for what only a newer version can read.
    pub fn recover(&self, claim: &Claim, key: &Key, stored: Option<&TokenRecord>) -> Outcome<Recovery> {
        let path = self.beside("next");
        let next = file::read_private(&path)?.map(|content| record::decode(key, self.name(), &content));
        if let Some(Err(damage @ Damage::NewerFormat)) = next {
            // It may be the answer to the stored token, which is spent then.
            return Err(self.damaged(&path, damage));
        }
        if next.is_some_and(|next| next.is_ok_and(|next| follows(&next, stored, claim.older()))) {
            self.adopt(stored.is_none())?;
            self.conclude(claim)?;
            return Ok(Recovery::Adopted);
        }
        let Some(stored) = stored else { return Ok(Recovery::Clean) };
        let is_told = |older: &Intent| older.predecessor == stored.clear.predecessor;
        if claim.older().is_some_and(is_told) {
            // The stored answer is the one that it was about; its process died on its last steps.
            self.conclude(claim)?;
        }
        Ok(if is_interrupted(claim, stored) { Recovery::Interrupted } else { Recovery::Clean })
    }

    /// The same for whoever redeems nothing, and has not read the record yet.
    ///
    /// # Errors
    /// `insecure_storage`, `cache_unwritable`, `unavailable`.
    pub fn finish(&self, claim: &Claim) -> Outcome<Recovery> {
        let finished = match self.peek() {
            Err(failure) if failure.code == Code::CacheDamaged => self.finish_after(claim, None),
            stored => self.finish_after(claim, stored?.as_ref()),
        };
        match finished {
            // Without a key nothing can be read, and what is no file of ours is no answer.
            Err(failure) if failure.code == Code::CacheDamaged => Ok(Recovery::Clean),
            finished => finished,
        }
    }

    fn finish_after(&self, claim: &Claim, stored: Option<&TokenRecord>) -> Outcome<Recovery> {
        self.recover(claim, &self.store().key()?, stored)
    }

    /// Whether an answer that follows `stored` waits for being adopted, as far as can be told without the claim.
    #[must_use]
    pub fn has_saved(&self, stored: Option<&TokenRecord>) -> bool {
        let read = |suffix| file::read_private(&self.beside(suffix)).ok().flatten();
        let (Some(next), Ok(key)) = (read("next"), self.store().key()) else { return false };
        let intent = read("intent").and_then(|content| Intent::decode(&key, self.name(), &content));
        record::decode(&key, self.name(), &next).is_ok_and(|next| follows(&next, stored, intent.as_ref()))
    }

    fn adopt(&self, displaces: bool) -> Outcome<()> {
        let path = self.record_path();
        log::info!("adopting the answer that an interrupted process had saved");
        // Its writer may have died before its sync: a rename must not come before the content.
        let synced = file::open_private(&self.beside("next"))?.map_or(Ok(()), |next| next.sync_all());
        if synced.is_ok() && displaces && self.stamp().is_some() {
            self.displace(&path);
        }
        synced
            .and_then(|()| std::fs::rename(self.beside("next"), &path))
            .and_then(|()| file::sync_directory(self.store().cache()))
            .map_err(|error| unwritable(&path, &error))?;
        self.state().update(State::succeed);
        Ok(())
    }

    /// What is left to do once the answer of an intent is the record. A list of seeds that cannot be read sends none.
    fn conclude(&self, claim: &Claim) -> Outcome<()> {
        match claim.older().map_or(Ok(()), |older| self.conclude_seed(&older.spends)) {
            Err(failure) if failure.code == Code::CacheDamaged => Ok(()),
            concluded => concluded,
        }
    }
}

/// Whether the refresh token of `stored` may be spent. What a newer version has written down may tell of it.
fn is_interrupted(claim: &Claim, stored: &TokenRecord) -> bool {
    let Some(token) = &stored.refresh_token else { return false };
    let spends = |older: &Intent| {
        older.predecessor == stored.clear.generation && older.spends == intent::fingerprint(token)
    };
    claim.foreign() == Some(Damage::NewerFormat) || claim.older().is_some_and(spends)
}

/// Whether `next` is the answer that takes the place of `stored`. A first one has nothing that it follows: the intent
/// has to say that it was under way, and `erase` takes both away. So an erased login cannot come back.
fn follows(next: &TokenRecord, stored: Option<&TokenRecord>, intent: Option<&Intent>) -> bool {
    let predecessor = next.clear.predecessor.as_str();
    let is_first = |intent: &Intent| intent.predecessor == NO_PREDECESSOR;
    match stored {
        Some(stored) => predecessor != NO_PREDECESSOR && predecessor == stored.clear.generation,
        None => predecessor == NO_PREDECESSOR && intent.is_some_and(is_first),
    }
}

#[cfg(test)]
mod tests;
