use super::*;
use crate::secret::Secret;
use crate::store::seeds::SeedUse;
use crate::store::testing::Folder;
use crate::token::samples;
use std::fs;

fn claim(slot: &Slot) -> Claim {
    let held = slot.token_lock().try_take().unwrap().unwrap();
    slot.claim(&held).unwrap().unwrap()
}

fn send(slot: &Slot, seed: &Secret) {
    let held = slot.token_lock().try_take().unwrap().unwrap();
    slot.mark_seed(&held, seed, SeedUse::Sent).unwrap();
}

fn first() -> TokenRecord {
    let mut record = samples::record("demo");
    record.clear.predecessor = NO_PREDECESSOR.into();
    record
}

fn successor(of: &TokenRecord) -> TokenRecord {
    TokenRecord::renewed(of, &samples::granted(Some("refresh-2"), Some(60), None), "two".into())
}

fn commit(slot: &Slot, predecessor: &str, spends: &Secret, record: &TokenRecord) {
    slot.reserve(claim(slot), predecessor, Some(spends), false).unwrap().commit(record).unwrap();
}

/// What a process that died after the sync of `.next` leaves.
fn die_before_rename(slot: &Slot, predecessor: &str, spends: &Secret, record: &TokenRecord) {
    drop(slot.reserve(claim(slot), predecessor, Some(spends), false).unwrap());
    fs::write(slot.beside("next"), record::encode(&slot.store().key().unwrap(), record).unwrap()).unwrap();
}

fn finish(slot: &Slot) -> Recovery {
    slot.finish(&claim(slot)).unwrap()
}

fn endings(slot: &Slot) -> Vec<String> {
    let names = fs::read_dir(slot.store().cache()).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().into_string().unwrap().replace("demo.token.json", ""));
    let mut names: Vec<String> = names.filter(|name| name != ".lock").collect();
    names.sort();
    names
}

#[test]
fn a_first_answer_of_a_killed_process_is_adopted_and_its_seed_is_spent() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, seed) = (Slot::new(&store, "demo"), Secret::new("seed"));
    assert!(!slot.has_saved(None));
    send(&slot, &seed);
    die_before_rename(&slot, NO_PREDECESSOR, &seed, &first());
    assert!(slot.has_saved(None));
    let claimed = claim(&slot);
    assert_eq!(slot.finish(&claimed).unwrap(), Recovery::Adopted);
    claimed.forget();
    assert_eq!(slot.peek().unwrap().unwrap(), first());
    assert_eq!(slot.seed_use(&seed).unwrap(), SeedUse::Spent);
    assert_eq!(endings(&slot), ["", ".seeds"]);
}

#[test]
fn a_first_answer_without_the_mark_of_its_request_is_never_adopted() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, token) = (Slot::new(&store, "demo"), Secret::new("token"));
    die_before_rename(&slot, "one", &token, &first());
    assert!(!slot.has_saved(None) && finish(&slot) == Recovery::Clean, "another request was under way");
    die_before_rename(&slot, NO_PREDECESSOR, &token, &successor(&first()));
    assert!(!slot.has_saved(None) && finish(&slot) == Recovery::Clean, "what it follows was erased");
    die_before_rename(&slot, NO_PREDECESSOR, &token, &first());
    fs::remove_file(slot.beside("intent")).unwrap();
    assert!(!slot.has_saved(None) && finish(&slot) == Recovery::Clean);
    assert_eq!(slot.peek().unwrap(), None);
}

#[test]
fn an_erase_takes_a_first_answer_that_was_not_in_its_place_yet_for_good() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, token) = (Slot::new(&store, "demo"), Secret::new("token"));
    for recovers in [true, false] {
        die_before_rename(&slot, NO_PREDECESSOR, &token, &first());
        let claimed = claim(&slot);
        assert!(!recovers || slot.finish(&claimed).unwrap() == Recovery::Adopted);
        slot.erase(claimed).unwrap();
        assert_eq!(endings(&slot), [""; 0]);
        assert!(!slot.has_saved(None) && finish(&slot) == Recovery::Clean);
    }
}

#[test]
fn a_first_answer_takes_the_place_of_a_record_that_cannot_be_read_which_is_kept() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, token) = (Slot::new(&store, "demo"), Secret::new("token"));
    die_before_rename(&slot, NO_PREDECESSOR, &token, &first());
    fs::write(slot.record_path(), "damaged").unwrap();
    assert_eq!(finish(&slot), Recovery::Adopted);
    assert_eq!(slot.peek().unwrap().unwrap(), first());
    let aside = endings(&slot).into_iter().find(|name| name.starts_with(".damaged-")).unwrap();
    assert_eq!(fs::read(slot.beside(&aside[1..])).unwrap(), b"damaged");
}

#[test]
fn a_seed_is_spent_once_its_answer_is_stored_however_it_came_there() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, seed) = (Slot::new(&store, "demo"), Secret::new("seed"));
    send(&slot, &seed);
    commit(&slot, NO_PREDECESSOR, &seed, &first());
    assert_eq!(slot.seed_use(&seed).unwrap(), SeedUse::Spent, "at once");
    // The last login has ended, and another seed begins the next.
    let again = Secret::new("again");
    send(&slot, &again);
    die_before_rename(&slot, "one", &again, &successor(&first()));
    assert!(slot.has_saved(Some(&first())));
    assert_eq!(finish(&slot), Recovery::Adopted);
    assert_eq!(slot.seed_use(&again).unwrap(), SeedUse::Spent, "adopted");
}

#[test]
fn a_kill_between_a_commit_and_its_last_step_leaves_that_step_to_the_next_run() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, seed, other) = (Slot::new(&store, "demo"), Secret::new("seed"), Secret::new("other"));
    send(&slot, &seed);
    send(&slot, &other);
    die_before_rename(&slot, NO_PREDECESSOR, &seed, &first());
    fs::rename(slot.beside("next"), slot.record_path()).unwrap();
    assert_eq!(finish(&slot), Recovery::Clean);
    assert_eq!(slot.seed_use(&seed).unwrap(), SeedUse::Spent);
    assert_eq!(slot.seed_use(&other).unwrap(), SeedUse::Sent, "whose answer nobody knows");
}

#[test]
fn the_mark_of_a_request_stays_until_the_seed_is_written_down_as_spent() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, seed) = (Slot::new(&store, "demo"), Secret::new("seed"));
    send(&slot, &seed);
    let list = slot.beside("seeds");
    let aside = fs::read(&list).unwrap();
    // A directory can neither be read as the list nor replaced by one.
    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    commit(&slot, NO_PREDECESSOR, &seed, &first());
    assert!(slot.beside("intent").exists() && slot.peek().unwrap().unwrap() == first(), "it is saved");
    fs::remove_dir(&list).unwrap();
    fs::write(&list, aside).unwrap();
    assert_eq!(finish(&slot), Recovery::Clean);
    assert_eq!(slot.seed_use(&seed).unwrap(), SeedUse::Spent);
}
