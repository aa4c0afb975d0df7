//! Which seeds were spent: refresh tokens and codes that the configuration brings from elsewhere, each good for
//! one first token.
//!
//! One sealed file beside the record, so that a fingerprint tells nobody anything. It is durable, and outlives the
//! record and the state: an erased login must not come back from its seed. What cannot be read back is damage,
//! and never counts as unspent. It grows by one line a seed, up to a limit.
//!
//! A seed is good for one name: what another name has sent, in any directory that the configuration names, is not sent
//! by this one. Limit: a directory that nothing names any more is not looked into.

use super::draft::{self, Durable};
use super::file::{self, unwritable};
use super::intent::fingerprint;
use super::key::Key;
use super::lock::{Held, lock_directory};
use super::place::Store;
use super::seal::{self, Damage, Kind};
use super::slot::Slot;
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::text::one_line;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// How long others that look for their seeds are waited for. One takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

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

    /// Who else has sent `seed`, or had it when his login was erased: then it must not be sent under this name. `own` is
    /// what is known here. What was only sent there bars nobody who has sent it, too.
    ///
    /// # Errors
    /// Those of [`Slot::seed_use`], of any name's file; `unavailable`.
    pub fn seed_elsewhere(&self, seed: &Secret, own: SeedUse) -> Outcome<Option<String>> {
        let fingerprint = fingerprint(seed);
        for place in self.store().places() {
            let store = self.store().at(place);
            for name in store.names_with(ENDING)? {
                if name == self.name() && store.cache() == self.store().cache() {
                    continue;
                }
                let known = Slot::new(&store, &name).known_seeds()?;
                let sent = own != SeedUse::Sent && known.sent.contains(&fingerprint);
                if sent || known.spent.contains(&fingerprint) {
                    return Ok(Some(self.told_of(&store, &name)));
                }
            }
        }
        Ok(None)
    }

    fn told_of(&self, store: &Store, name: &str) -> String {
        let name = one_line(name);
        if store.cache() == self.store().cache() {
            return format!("`{name}`");
        }
        format!("`{name}` in {}", one_line(&store.cache().to_string_lossy()))
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
                format!("{} is kept locked by another process; nothing was sent; try again", home.display());
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
    fn what_one_name_has_sent_no_other_one_sends_wherever_its_records_lie() {
        let folder = Folder::new();
        let store = folder.store();
        let apart = store.at(folder.path().join("apart")).beside(vec![store.cache().to_owned()]);
        apart.prepare().unwrap();
        let slots = [Slot::new(&store, "demo"), Slot::new(&store, "twin"), Slot::new(&apart, "demo")];
        let held = slots.each_ref().map(held);
        let seed = Secret::new("seed");
        assert!(slots[0].begin_seed(&held[0], &seed).unwrap());
        assert!(slots[0].begin_seed(&held[0], &seed).unwrap(), "no complete answer came");
        for number in [1, 2] {
            assert!(!slots[number].begin_seed(&held[number], &seed).unwrap());
            assert_eq!(slots[number].seed_use(&seed).unwrap(), SeedUse::Fresh);
        }
        slots[0].mark_seed(&held[0], &seed, SeedUse::Fresh).unwrap();
        assert!(slots[1].begin_seed(&held[1], &seed).unwrap(), "the answer said that nothing was spent");
        // As an older version left it: both have sent it.
        slots[0].mark_seed(&held[0], &seed, SeedUse::Sent).unwrap();
        assert!(slots[1].begin_seed(&held[1], &seed).unwrap());
        slots[0].mark_seed(&held[0], &seed, SeedUse::Spent).unwrap();
        assert!(!slots[1].begin_seed(&held[1], &seed).unwrap());
        let by = |slot: &Slot| slot.seed_elsewhere(&seed, SeedUse::Fresh).unwrap().unwrap();
        assert_eq!(by(&slots[1]), "`demo`");
        assert_eq!(by(&slots[2]), format!("`demo` in {}", store.cache().display()));
        assert!(slots[1].begin_seed(&held[1], &Secret::new("new")).unwrap());
    }

    #[test]
    fn of_two_names_at_the_same_moment_one_sends_a_seed() {
        let folder = Folder::new();
        let store = folder.store();
        let slots = ["demo", "twin"].map(|name| Slot::new(&store, name));
        let held = slots.each_ref().map(held);
        for round in 0..40 {
            let (seed, start) = (Secret::new(round.to_string()), std::sync::Barrier::new(2));
            let begin = |number: usize| {
                start.wait();
                slots[number].begin_seed(&held[number], &seed).unwrap()
            };
            let sends = std::thread::scope(|scope| {
                let twin = scope.spawn(|| begin(1));
                [begin(0), twin.join().unwrap()]
            });
            assert_eq!(sends.into_iter().filter(|sends| *sends).count(), 1, "{round}");
        }
    }

    #[test]
    fn a_list_of_another_name_that_cannot_be_read_back_bars_every_seed() {
        let folder = Folder::new();
        let store = folder.store();
        let (one, other) = (Slot::new(&store, "demo"), Slot::new(&store, "other"));
        one.mark_seed(&held(&one), &Secret::new("one"), SeedUse::Spent).unwrap();
        std::fs::write(one.seeds_path(), "junk").unwrap();
        let failure = other.begin_seed(&held(&other), &Secret::new("two")).unwrap_err();
        assert_eq!(failure.code, Code::CacheDamaged);
        assert!(failure.message.contains("erase demo --scope all"), "{failure}");
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
