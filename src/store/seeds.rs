//! Which seeds were spent: refresh tokens and codes that the configuration brings from elsewhere, each good for
//! one first token.
//!
//! One sealed file beside the record, so that a fingerprint tells nobody anything. It is durable, and outlives the
//! record and the state: an erased login must not come back from its seed. What cannot be read back is damage,
//! and never counts as unspent. It grows by one line a seed, up to a limit.

use super::draft::{self, Durable};
use super::file::{self, unwritable};
use super::intent::fingerprint;
use super::key::Key;
use super::lock::Held;
use super::seal::{self, Damage, Kind};
use super::slot::Slot;
use crate::failure::{Code, Outcome};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

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
        let fingerprint = fingerprint(seed);
        let known = self.known_seeds()?;
        Ok(if known.spent.contains(&fingerprint) {
            SeedUse::Spent
        } else if known.sent.contains(&fingerprint) {
            SeedUse::Sent
        } else {
            SeedUse::Fresh
        })
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
    /// cannot be read.
    ///
    /// # Errors
    /// Those of [`Slot::mark_seed`].
    pub fn spend_seeds(&self, _held: &Held, configured: &[&Secret], anew: bool) -> Outcome<()> {
        let before = match self.known_seeds() {
            // Without a seed in the configuration nothing can bring the login back today.
            Err(failure) if failure.code == Code::CacheDamaged && (anew || configured.is_empty()) => {
                Known::default()
            }
            other => other?,
        };
        let mut known = before.clone();
        let configured = configured.iter().map(|seed| fingerprint(seed));
        for fingerprint in before.sent.iter().cloned().chain(configured) {
            known.mark(&fingerprint, SeedUse::Spent);
        }
        if known == before { Ok(()) } else { self.write_seeds(&known) }
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

fn decode(key: &Key, name: &str, content: &[u8]) -> Result<Known, Damage> {
    let opened = seal::open(key, Kind::Seeds, name, content)?;
    serde_json::from_slice(&opened.secrets).map_err(|_| Damage::Shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    fn held(slot: &Slot) -> Held {
        slot.token_lock().try_take().unwrap().unwrap()
    }

    #[test]
    fn a_seed_that_was_spent_stays_spent() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let (held, one, two) = (held(&slot), Secret::new("one"), Secret::new("two"));
        assert_eq!(slot.seed_use(&one).unwrap(), SeedUse::Fresh);
        assert!(!slot.seeds_path().exists(), "looking writes nothing");
        slot.mark_seed(&held, &one, SeedUse::Sent).unwrap();
        slot.mark_seed(&held, &two, SeedUse::Sent).unwrap();
        assert_eq!(slot.seed_use(&one).unwrap(), SeedUse::Sent);
        slot.mark_seed(&held, &two, SeedUse::Fresh).unwrap();
        assert_eq!(slot.seed_use(&two).unwrap(), SeedUse::Fresh);
        slot.mark_seed(&held, &one, SeedUse::Spent).unwrap();
        slot.mark_seed(&held, &one, SeedUse::Fresh).unwrap();
        assert_eq!(slot.seed_use(&one).unwrap(), SeedUse::Spent);
        assert_eq!(Slot::new(&store, "other").seed_use(&one).unwrap(), SeedUse::Fresh);
    }

    #[test]
    fn an_erased_login_takes_sent_and_configured_seeds_with_it() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let (held, sent, configured) = (held(&slot), Secret::new("sent"), Secret::new("configured"));
        slot.spend_seeds(&held, &[], false).unwrap();
        assert!(!slot.seeds_path().exists(), "nothing is written about nothing");
        slot.mark_seed(&held, &sent, SeedUse::Sent).unwrap();
        slot.spend_seeds(&held, &[&configured], false).unwrap();
        for seed in [&sent, &configured] {
            assert_eq!(slot.seed_use(seed).unwrap(), SeedUse::Spent);
        }
    }

    #[test]
    fn what_cannot_be_read_back_is_damage_and_never_counts_as_unspent() {
        let folder = Folder::new();
        let store = folder.store();
        let (slot, seed) = (Slot::new(&store, "demo"), Secret::new("seed"));
        let held = held(&slot);
        slot.mark_seed(&held, &seed, SeedUse::Spent).unwrap();
        let written = std::fs::read_to_string(slot.seeds_path()).unwrap();
        assert!(!written.contains("seed\"") && !written.contains(&fingerprint(&seed)));
        std::fs::write(slot.seeds_path(), written.replace("\"clear\":{}", "\"clear\":{ }")).unwrap();
        assert_eq!(slot.seed_use(&seed).unwrap_err().code, Code::CacheDamaged);
        assert_eq!(slot.mark_seed(&held, &seed, SeedUse::Sent).unwrap_err().code, Code::CacheDamaged);
        assert_eq!(slot.spend_seeds(&held, &[&seed], false).unwrap_err().code, Code::CacheDamaged);
        slot.spend_seeds(&held, &[], false).unwrap();
        slot.spend_seeds(&held, &[&seed], true).unwrap();
        assert_eq!(slot.seed_use(&seed).unwrap(), SeedUse::Spent);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let mut known = Known::default();
        for number in 0..LIMIT + 3 {
            known.mark(&number.to_string(), SeedUse::Spent);
        }
        assert_eq!((known.spent.len(), known.spent[0].as_str()), (LIMIT, "3"));
    }
}
