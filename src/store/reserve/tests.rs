use super::*;
use crate::store::testing::Folder;
use crate::token::samples;

fn held(slot: &Slot) -> Held {
    slot.token_lock().try_take().unwrap().unwrap()
}

/// A store with one committed record of generation "one".
fn stored(slot: &Slot) -> TokenRecord {
    let record = samples::record("demo");
    let lock = held(slot);
    slot.reserve(&lock, NO_PREDECESSOR, None).unwrap().commit(&record).unwrap();
    slot.peek().unwrap().unwrap()
}

fn successor(of: &TokenRecord) -> TokenRecord {
    TokenRecord::renewed(of, &samples::granted(Some("refresh-2"), Some(60), None), "two".into())
}

fn files(slot: &Slot) -> Vec<String> {
    let entries = std::fs::read_dir(slot.store().cache()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_commit_leaves_the_record_and_the_lock_alone() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let lock = held(&slot);
    slot.reserve(&lock, "one", before.refresh_token.as_ref()).unwrap().commit(&successor(&before)).unwrap();
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
    assert_eq!(files(&slot), ["demo.token.json", "demo.token.json.lock"]);
}

#[test]
fn the_reserve_is_on_disk_in_full_before_anything_is_spent() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let lock = held(&slot);
    let reservation = slot.reserve(&lock, NO_PREDECESSOR, None).unwrap();
    let padding = std::fs::read(slot.beside("next")).unwrap();
    assert_eq!(padding.len(), RESERVE_BYTES);
    assert!(padding.chunks(4096).all(|page| page.iter().any(|byte| *byte != 0)), "never zeros");
    assert!(slot.beside("intent").exists());
    reservation.release();
    assert_eq!(files(&slot), ["demo.token.json.lock"]);
}

/// What a process that died after the sync of `.next` leaves.
fn die_before_rename(slot: &Slot, record: &TokenRecord, predecessor: &str) {
    let lock = held(slot);
    let mut reservation = slot.reserve(&lock, predecessor, record.refresh_token.as_ref()).unwrap();
    write_over(&mut reservation.next, &record::encode(&reservation.key, record).unwrap()).unwrap();
}

#[test]
fn a_saved_answer_of_a_killed_process_is_adopted() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    die_before_rename(&slot, &successor(&before), "one");
    assert_eq!(slot.peek().unwrap().unwrap(), before);
    let recovery = slot.recover(&held(&slot), &store.key().unwrap(), Some(&before)).unwrap();
    assert_eq!(recovery, Recovery::Adopted);
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
    assert_eq!(files(&slot), ["demo.token.json", "demo.token.json.lock"]);
}

#[test]
fn an_answer_that_follows_another_generation_is_never_adopted() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let mut stranger = successor(&before);
    stranger.clear.predecessor = "zero".into();
    die_before_rename(&slot, &stranger, "one");
    let recovery = slot.recover(&held(&slot), &store.key().unwrap(), Some(&before)).unwrap();
    assert_ne!(recovery, Recovery::Adopted);
    assert_eq!(slot.peek().unwrap().unwrap(), before);
}

#[test]
fn an_erased_login_does_not_come_back() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    die_before_rename(&slot, &samples::record("demo"), NO_PREDECESSOR);
    let key = store.key().unwrap();
    assert_eq!(slot.recover(&held(&slot), &key, None).unwrap(), Recovery::Clean);
    let mut none = samples::record("demo");
    none.clear.generation = NO_PREDECESSOR.into();
    assert_ne!(slot.recover(&held(&slot), &key, Some(&none)).unwrap(), Recovery::Adopted);
    assert_eq!(slot.peek().unwrap(), None);
}

#[test]
fn a_process_that_died_in_its_request_is_told_as_interrupted() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let lock = held(&slot);
    slot.reserve(&lock, "one", before.refresh_token.as_ref()).unwrap().leave_interrupted();
    let key = store.key().unwrap();
    assert_eq!(slot.recover(&lock, &key, Some(&before)).unwrap(), Recovery::Interrupted);
    let other = TokenRecord { refresh_token: Some(Secret::new("another")), ..before };
    assert_eq!(slot.recover(&lock, &key, Some(&other)).unwrap(), Recovery::Clean);
}

#[test]
fn a_living_writer_under_a_replaced_lock_file_is_waited_for() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let lock = held(&slot);
    let _reservation = slot.reserve(&lock, "one", None).unwrap();
    std::fs::remove_file(slot.beside("lock")).unwrap();
    let second = held(&slot);
    let recovery = slot.recover(&second, &store.key().unwrap(), Some(&before)).unwrap();
    assert_eq!(recovery, Recovery::Busy);
}

#[test]
fn links_and_other_files_in_the_place_of_the_reserve_are_refused() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let victim = folder.path().join("victim");
    std::fs::write(&victim, "mine").unwrap();
    std::os::unix::fs::symlink(&victim, slot.beside("next")).unwrap();
    let refused = slot.recover(&held(&slot), &store.key().unwrap(), Some(&before)).unwrap_err();
    assert_eq!(refused.code, Code::InsecureStorage);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
}

#[test]
fn a_failed_save_is_tried_again_in_a_new_file() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let lock = held(&slot);
    let mut reservation = slot.reserve(&lock, "one", before.refresh_token.as_ref()).unwrap();
    // A handle that cannot be written stands for a file whose writing fails.
    reservation.next = File::open(slot.beside("next")).unwrap();
    reservation.commit(&successor(&before)).unwrap();
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
}

#[test]
fn a_damaged_record_is_named_and_left_in_place() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    stored(&slot);
    std::fs::write(slot.record_path(), "junk").unwrap();
    let failure = slot.peek().unwrap_err();
    assert_eq!(failure.code, Code::CacheDamaged);
    assert_eq!(std::fs::read_to_string(slot.record_path()).unwrap(), "junk");
}
