//! Which seeds were spent: refresh tokens and codes that the configuration brings from elsewhere, each good for
//! one first token.
//!
//! One sealed file beside the record, so that a fingerprint tells nobody anything. It is durable, and outlives the
//! record and the state: an erased login must not come back from its seed. What cannot be read back is damage,
//! and never counts as unspent. It grows by one line a seed, up to a limit.
//!
//! A seed is good for one name: what another name has sent, in any directory that the configuration names, is not sent
//! by this one. What is wrong with the list of another name bars nobody here: it is passed over, and the log says so.
//! Limit: neither that list nor a directory that nothing names any more tells anything.

use super::draft::{self, Durable};
use super::file::{self, unwritable};
use super::intent::fingerprint;
use super::key::Key;
use super::lock::{Held, lock_directory};
use super::place::Store;
use super::seal::{self, Damage, Kind};
use super::slot::Slot;
use crate::config::name;
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::text::path_line;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long others that look for their seeds are waited for. One takes some milliseconds, and whoever waits for this
/// process is to read what it waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The ending of the file's name.
const ENDING: &str = ".token.json.seeds";

/// The most fingerprints that are kept; the oldest goes first.
const LIMIT: usize = 256;

/// What is known about one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeedUse {
    /// It was never sent.
    Fresh,
    /// It was sent, and no complete answer came: it may be sent again, and may be refused then.
    Sent,
    /// It was redeemed or refused, or its login was erased: it must not be sent.
    Spent,
}

/// Who else has used a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// His name.
    pub name: String,
    /// Where his records lie, if not where the asker's do.
    pub place: Option<PathBuf>,
    /// What is known there: [`SeedUse::Sent`] or [`SeedUse::Spent`].
    pub known: SeedUse,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.name)?;
        self.place.as_ref().map_or(Ok(()), |place| write!(f, " in {}", path_line(place)))
    }
}

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    sent: Vec<String>,
    spent: Vec<String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Known {
    fn of(&self, fingerprint: &str) -> SeedUse {
        let is_in = |list: &[String]| list.iter().any(|known| known == fingerprint);
        match (is_in(&self.spent), is_in(&self.sent)) {
            (true, _) => SeedUse::Spent,
            (false, true) => SeedUse::Sent,
            (false, false) => SeedUse::Fresh,
        }
    }

    fn mark(&mut self, fingerprint: &str, to: SeedUse) {
        self.sent.retain(|known| known != fingerprint);
        let list = match to {
            SeedUse::Fresh => return,
            SeedUse::Sent => &mut self.sent,
            SeedUse::Spent => &mut self.spent,
        };
        if !list.iter().any(|known| known == fingerprint) {
            list.push(fingerprint.to_owned());
        }
        let surplus = list.len().saturating_sub(LIMIT);
        list.drain(..surplus);
    }
}

impl Slot<'_> {
    /// What is known about `seed`.
    ///
    /// # Errors
    /// `cache_damaged`, `insecure_storage`.
    pub fn seed_use(&self, seed: &Secret) -> Outcome<SeedUse> {
        Ok(self.known_seeds()?.of(&fingerprint(seed)))
    }

    /// Who else has sent `seed`, or had it when his login was erased: then it must not be sent under this name. `own` is
    /// what is known here. What was only sent there bars nobody who has sent it, too.
    ///
    /// # Errors
    /// `unavailable`, which passes by itself.
    pub fn seed_elsewhere(&self, seed: &Secret, own: SeedUse) -> Outcome<Option<Elsewhere>> {
        let fingerprint = fingerprint(seed);
        for place in self.store().places() {
            let store = self.store().at(place);
            let is_here = store.cache() == self.store().cache();
            for name in names_in(&store)? {
                if is_here && name == self.name() {
                    continue;
                }
                let slot = Slot::new(&store, &name);
                let known = of_others(&slot.seeds_path(), slot.known_seeds())?.of(&fingerprint);
                if known == SeedUse::Spent || (known == SeedUse::Sent && own != SeedUse::Sent) {
                    let place = (!is_here).then(|| store.cache().to_owned());
                    return Ok(Some(Elsewhere { name, place, known }));
                }
            }
        }
        Ok(None)
    }

    /// Writes down that `seed` is about to be sent, durable; `false` where another name was quicker. The state
    /// directory is locked meanwhile: two names must not both find that nobody has sent it.
    ///
    /// # Errors
    /// Those of [`Slot::mark_seed`] and [`Slot::seed_elsewhere`]; `lock_timeout`.
    pub fn begin_seed(&self, held: &Held, seed: &Secret) -> Outcome<bool> {
        let home = self.store().home();
        let locked = lock_directory(home, PATIENCE).map_err(|error| unwritable(home, &error))?;
        let Some(_locked) = locked else {
            let text =
                format!("{} is kept locked by another process; nothing was sent; try again", path_line(home));
            return Err(Failure::new(Code::LockTimeout, text));
        };
        let own = self.seed_use(seed)?;
        if own == SeedUse::Spent || self.seed_elsewhere(seed, own)?.is_some() {
            return Ok(false);
        }
        self.mark_seed(held, seed, SeedUse::Sent).map(|()| true)
    }

    /// Writes down what became of `seed`, durable, under the token lock.
    ///
    /// # Errors
    /// `cache_unwritable`: nothing may be sent then; and those of [`Slot::seed_use`].
    pub fn mark_seed(&self, _held: &Held, seed: &Secret, to: SeedUse) -> Outcome<()> {
        let before = self.known_seeds()?;
        let mut known = before.clone();
        known.mark(&fingerprint(seed), to);
        if known == before { Ok(()) } else { self.write_seeds(&known) }
    }

    /// Counts `configured` and every seed that was ever sent as spent. `anew` begins a new file where the old one
    /// cannot be read, or takes the old one away where there is nothing to write down.
    ///
    /// # Errors
    /// Those of [`Slot::mark_seed`].
    pub fn spend_seeds(&self, _held: &Held, configured: &[&Secret], anew: bool) -> Outcome<()> {
        let (before, is_lost) = match self.known_seeds() {
            // Without a seed in the configuration nothing can bring the login back today.
            Err(failure) if failure.code == Code::CacheDamaged && (anew || configured.is_empty()) => {
                (Known::default(), true)
            }
            other => (other?, false),
        };
        let mut known = before.clone();
        let configured = configured.iter().map(|seed| fingerprint(seed));
        for fingerprint in before.sent.iter().cloned().chain(configured) {
            known.mark(&fingerprint, SeedUse::Spent);
        }
        if known != before {
            return self.write_seeds(&known);
        }
        // It would go on barring every seed. No key is needed for this: perhaps that is what was lost.
        if is_lost && anew { self.remove(&self.seeds_path()).and_then(|_| self.sync()) } else { Ok(()) }
    }

    /// The answer to what has this fingerprint is stored: if it was a seed, that is spent. For the owner of the claim.
    ///
    /// # Errors
    /// Those of [`Slot::mark_seed`].
    pub(super) fn conclude_seed(&self, fingerprint: &str) -> Outcome<()> {
        let mut known = self.known_seeds()?;
        if !known.sent.iter().any(|sent| sent == fingerprint) {
            return Ok(());
        }
        known.mark(fingerprint, SeedUse::Spent);
        self.write_seeds(&known)
    }

    fn seeds_path(&self) -> PathBuf {
        self.beside("seeds")
    }

    fn known_seeds(&self) -> Outcome<Known> {
        let path = self.seeds_path();
        let Some(content) = file::read_private(&path)? else { return Ok(Known::default()) };
        decode(&self.store().key()?, self.name(), &content).map_err(|damage| self.damaged(&path, damage))
    }

    fn write_seeds(&self, known: &Known) -> Outcome<()> {
        let (path, key) = (self.seeds_path(), self.store().key_for_writing()?);
        let written = serde_json::to_vec(known)
            .map_err(std::io::Error::other)
            .and_then(|body| seal::seal(&key, Kind::Seeds, self.name(), "{}", &body))
            .and_then(|content| draft::replace(&path, &content, Durable::Yes));
        written.map_err(|error| unwritable(&path, &error))
    }
}

/// Whose lists lie in the directory of `store`. What is no name is not shown to anybody, and a directory in which
/// others may put files tells nothing.
fn names_in(store: &Store) -> Outcome<Vec<String>> {
    if let Err(failure) = store.check_cache() {
        pass_over(store.cache(), &failure);
        return Ok(Vec::new());
    }
    let mut names = of_others(store.cache(), store.names_with(ENDING))?;
    names.retain(|name| name::check(name).is_ok());
    Ok(names)
}

/// What `looked` has found at the `path` of others, and nothing where something is wrong there. What passes by itself
/// is waited for: it could hide that a seed was sent.
fn of_others<T: Default>(path: &Path, looked: Outcome<T>) -> Outcome<T> {
    match looked {
        Err(failure) if failure.code != Code::Unavailable => {
            pass_over(path, &failure);
            Ok(T::default())
        }
        looked => looked,
    }
}

/// Not in the words of the failure: what they advise is for whoever uses that name.
fn pass_over(path: &Path, failure: &Failure) {
    let (path, code) = (path_line(path), failure.code.as_str());
    log::warn!("{path} cannot be used ({code}); which seeds other names have used there is not known");
}

fn decode(key: &Key, name: &str, content: &[u8]) -> Result<Known, Damage> {
    let opened = seal::open(key, Kind::Seeds, name, content)?;
    serde_json::from_slice(&opened.secrets).map_err(|_| Damage::Shape)
}

#[cfg(test)]
mod tests;
