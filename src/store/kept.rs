//! What lies beside a record and is not to be thrown away for a mere try: whole, sealed, and nothing that can be opened
//! here and now. It may be somebody's answer, and only our key wrong or our version old.
//!
//! The padding of an earlier reservation, and a file that was cut short, are worth nothing.

use super::file;
use super::intent::Claim;
use super::key::Key;
use super::record;
use super::seal;
use super::slot::Slot;
use crate::failure::{Code, Outcome};
use crate::token::NO_PREDECESSOR;

impl Slot<'_> {
    /// Whether `.next` stays until something was granted. `predecessor` is the generation of the record that was read.
    ///
    /// # Errors
    /// `unavailable` or `insecure_storage` where it cannot be read now: then it must not be replaced either.
    pub(super) fn keeps_next(&self, key: &Key, predecessor: &str) -> Outcome<bool> {
        let next = match file::read_private(&self.beside("next")) {
            // Larger than anything of ours.
            Err(failure) if failure.code == Code::CacheDamaged => None,
            next => next?,
        };
        let Some(next) = next else { return Ok(false) };
        Ok(match record::decode(key, self.name(), &next) {
            // Perhaps the one good token of a record that is damaged.
            Ok(next) => {
                let is_unreadable = predecessor == NO_PREDECESSOR && self.stamp().is_some();
                is_unreadable && next.clear.predecessor != NO_PREDECESSOR
            }
            Err(_) => seal::is_envelope(&next),
        })
    }
}

impl Claim {
    /// Whether what was found in its place stays, too. Whoever has read the record knows better than another key.
    pub(super) fn is_kept(&self, predecessor: &str) -> bool {
        self.foreign().is_some() && predecessor == NO_PREDECESSOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::store::Store;
    use crate::store::key::KeySource;
    use crate::store::recover::Recovery;
    use crate::store::testing::Folder;
    use crate::token::{TokenRecord, samples};
    use std::fs;

    const OTHER: &str = "YW5vdGhlci1rZXktb2YtZXhhY3RseS0zMi1ieXRlcyE=";

    fn claim(slot: &Slot) -> Claim {
        let held = slot.token_lock().try_take().unwrap().unwrap();
        slot.claim(&held).unwrap().unwrap()
    }

    fn first() -> TokenRecord {
        let mut record = samples::record("demo");
        record.clear.predecessor = NO_PREDECESSOR.into();
        record
    }

    fn successor() -> TokenRecord {
        TokenRecord::renewed(&first(), &samples::granted(Some("refresh-2"), Some(60), None), "two".into())
    }

    /// What a process that died after the sync of `.next` leaves.
    fn die_before_rename(slot: &Slot, predecessor: &str, record: &TokenRecord) {
        drop(slot.reserve(claim(slot), predecessor, record.refresh_token.as_ref(), false).unwrap());
        write_next(slot, record);
    }

    fn write_next(slot: &Slot, record: &TokenRecord) {
        let sealed = record::encode(&slot.store().key_for_writing().unwrap(), record).unwrap();
        fs::write(slot.beside("next"), sealed).unwrap();
    }

    fn files(slot: &Slot) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(slot.store().cache()).unwrap().flatten();
        let read = |path| (fs::read(&path).unwrap(), path);
        let mut files: Vec<_> = entries
            .map(|entry| read(entry.path()))
            .map(|(content, path)| (path.file_name().unwrap().to_str().unwrap().to_owned(), content))
            .collect();
        files.sort();
        files
    }

    fn mistaken(store: &Store) -> Store {
        Store::new(store.home().to_owned(), None, KeySource::Value(Secret::new(OTHER)))
    }

    fn try_login(slot: &Slot) -> Claim {
        let claim = claim(slot);
        assert_eq!(slot.finish(&claim).unwrap(), Recovery::Clean);
        claim
    }

    #[test]
    fn a_login_with_the_wrong_key_that_comes_to_nothing_leaves_an_answer_and_its_mark_as_they_are() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let wrong = mistaken(&store);
        let other = Slot::new(&wrong, "demo");
        for (predecessor, record) in [(NO_PREDECESSOR, first()), ("one", successor())] {
            die_before_rename(&slot, predecessor, &record);
            let before = files(&slot);
            let code = Secret::new("code");
            other.reserve(try_login(&other), NO_PREDECESSOR, Some(&code), false).unwrap().release();
            assert_eq!(files(&slot), before, "a refusal");
            drop(other.reserve(try_login(&other), NO_PREDECESSOR, Some(&code), false).unwrap());
            assert_eq!(slot.finish(&claim(&slot)).unwrap(), Recovery::Adopted, "a kill");
            assert_eq!(slot.peek().unwrap(), Some(record));
        }
    }

    #[test]
    fn an_answer_that_the_wrong_key_cannot_open_needs_no_mark_to_be_left_alone() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        die_before_rename(&slot, "one", &successor());
        fs::remove_file(slot.beside("intent")).unwrap();
        let before = files(&slot);
        let wrong = mistaken(&store);
        let other = Slot::new(&wrong, "demo");
        other.reserve(try_login(&other), NO_PREDECESSOR, None, false).unwrap().release();
        assert_eq!(files(&slot), before);
    }

    #[test]
    fn a_login_that_is_granted_puts_what_it_could_not_read_aside() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        die_before_rename(&slot, "one", &successor());
        let wrong = mistaken(&store);
        let other = Slot::new(&wrong, "demo");
        let saved = fs::read(slot.beside("next")).unwrap();
        let mut login = other.reserve(try_login(&other), NO_PREDECESSOR, None, false).unwrap();
        login.commit(&first()).unwrap();
        assert_eq!(other.peek().unwrap(), Some(first()));
        let files = files(&slot);
        assert_eq!(files.len(), 3, "record, lock, and what was moved aside");
        assert!(files.iter().any(|(name, content)| name.contains(".damaged-") && *content == saved));
    }

    #[test]
    fn an_answer_of_a_login_that_left_something_alone_is_adopted_when_its_process_died() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        die_before_rename(&slot, NO_PREDECESSOR, &first());
        let wrong = mistaken(&store);
        let other = Slot::new(&wrong, "demo");
        let mut login = other.reserve(try_login(&other), NO_PREDECESSOR, None, false).unwrap();
        // A directory in the place of the record cannot be replaced by a file.
        fs::create_dir(slot.record_path()).unwrap();
        assert!(login.commit(&first()).is_err());
        drop(login);
        fs::remove_dir(slot.record_path()).unwrap();
        assert!(other.has_saved(None));
        assert_eq!(other.finish(&claim(&other)).unwrap(), Recovery::Adopted);
        assert_eq!(other.peek().unwrap(), Some(first()));
    }

    #[test]
    fn an_answer_and_a_mark_of_a_newer_format_stay_and_nothing_is_sent_past_them_case_56() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        slot.reserve(claim(&slot), NO_PREDECESSOR, None, false).unwrap().commit(&first()).unwrap();
        for suffix in ["next", "intent"] {
            fs::write(slot.beside(suffix), r#"{"format":2,"later":true}"#).unwrap();
        }
        let before = files(&slot);
        let key = store.key().unwrap();
        let refused = slot.recover(&claim(&slot), &key, Some(&first())).unwrap_err();
        assert!(refused.message.contains("newer version"), "{refused}");
        slot.reserve(try_login(&slot), NO_PREDECESSOR, None, false).unwrap().release();
        assert_eq!(files(&slot), before);
        fs::remove_file(slot.beside("next")).unwrap();
        let told = slot.recover(&claim(&slot), &key, Some(&first())).unwrap();
        assert_eq!(told, Recovery::Interrupted, "it may tell of this very token");
    }

    #[test]
    fn the_answer_beside_a_record_that_is_damaged_stays_until_a_login_is_granted() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        die_before_rename(&slot, "one", &successor());
        fs::write(slot.record_path(), "damaged").unwrap();
        let before = files(&slot);
        slot.reserve(try_login(&slot), NO_PREDECESSOR, None, false).unwrap().release();
        let next =
            |files: &[(String, Vec<u8>)]| files.iter().find(|(name, _)| name.ends_with("next")).cloned();
        assert_eq!(next(&files(&slot)), next(&before));
    }

    #[test]
    fn an_erase_that_moves_a_record_aside_for_want_of_the_key_moves_the_answer_beside_it_too() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        die_before_rename(&slot, "one", &successor());
        fs::write(slot.record_path(), record::encode(&store.key().unwrap(), &first()).unwrap()).unwrap();
        let kept = [slot.record_path(), slot.beside("next")].map(|path| fs::read(path).unwrap());
        let wrong = mistaken(&store);
        let other = Slot::new(&wrong, "demo");
        let claim = try_login(&other);
        other.set_aside(&claim).unwrap();
        other.erase(claim).unwrap();
        let left: Vec<_> =
            files(&slot).into_iter().filter(|(name, _)| name != "demo.token.json.lock").collect();
        assert!(
            left.len() == 2
                && left
                    .iter()
                    .all(|(name, content)| { name.contains(".damaged-") && kept.contains(content) })
        );
    }

    #[test]
    fn padding_and_what_was_cut_short_are_not_kept() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let key = store.key_for_writing().unwrap();
        write_next(&slot, &first());
        let whole = fs::read(slot.beside("next")).unwrap();
        let padded = [&whole[..], &[7; 100]].concat();
        for content in [&whole[..whole.len() / 2], &padded, &[7; 100], b"junk", b""] {
            fs::write(slot.beside("next"), content).unwrap();
            assert!(!slot.keeps_next(&key, NO_PREDECESSOR).unwrap());
        }
    }
}
