use super::*;
use crate::failure::Code;
use crate::store::recover::Recovery;
use crate::store::testing::Folder;
use crate::token::{NO_PREDECESSOR, samples};

fn held(slot: &Slot) -> Held {
    slot.token_lock().try_take().unwrap().unwrap()
}

fn claim(slot: &Slot) -> Claim {
    slot.claim(&held(slot)).unwrap().unwrap()
}

fn reserve<'s>(slot: &Slot<'s>, predecessor: &str, spends: Option<&Secret>) -> Reservation<'s> {
    slot.reserve(claim(slot), predecessor, spends, false).unwrap()
}

fn recovery(slot: &Slot, stored: Option<&TokenRecord>) -> Recovery {
    slot.recover(&claim(slot), &slot.store().key().unwrap(), stored).unwrap()
}

/// A store with one committed record of generation "one".
fn stored(slot: &Slot) -> TokenRecord {
    let record = samples::record("demo");
    reserve(slot, NO_PREDECESSOR, None).commit(&record).unwrap();
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
    reserve(&slot, "one", before.refresh_token.as_ref()).commit(&successor(&before)).unwrap();
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
    assert_eq!(files(&slot), ["demo.token.json", "demo.token.json.lock"]);
}

#[test]
fn a_hard_link_to_the_record_keeps_the_old_one_case_58() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let other = slot.store().home().join("other");
    std::fs::hard_link(slot.record_path(), &other).unwrap();
    let content = std::fs::read(&other).unwrap();
    reserve(&slot, "one", before.refresh_token.as_ref()).commit(&successor(&before)).unwrap();
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
    assert_eq!(std::fs::read(&other).unwrap(), content);
}

#[test]
fn the_reserve_is_on_disk_in_full_before_anything_is_spent() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let reservation = reserve(&slot, NO_PREDECESSOR, None);
    let padding = std::fs::read(slot.beside("next")).unwrap();
    assert_eq!(padding.len(), RESERVE_BYTES);
    assert!(padding.chunks(4096).all(|page| page.iter().any(|byte| *byte != 0)), "never zeros");
    assert!(slot.beside("intent").exists());
    reservation.release();
    assert_eq!(files(&slot), ["demo.token.json.lock"]);
}

#[test]
fn the_proof_that_a_record_can_be_written_leaves_nothing_also_when_it_is_killed() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let room = unnamed_room(Draft::beside(&slot.record_path()).unwrap()).unwrap();
    assert_eq!(room.metadata().unwrap().len(), RESERVE_BYTES as u64);
    assert_eq!(files(&slot), [""; 0], "while it stands");
    slot.prove_writable().unwrap();
    assert_eq!(files(&slot), [""; 0]);
}

/// What a process that died after the sync of `.next` leaves.
fn die_before_rename(slot: &Slot, record: &TokenRecord, predecessor: &str) {
    let mut reservation = reserve(slot, predecessor, record.refresh_token.as_ref());
    reservation.write(&record::encode(&reservation.key, record).unwrap()).unwrap();
}

#[test]
fn a_saved_answer_of_a_killed_process_is_adopted() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    die_before_rename(&slot, &successor(&before), "one");
    assert_eq!(slot.peek().unwrap().unwrap(), before);
    assert_eq!(recovery(&slot, Some(&before)), Recovery::Adopted);
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
    claim(&slot).forget();
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
    assert_ne!(recovery(&slot, Some(&before)), Recovery::Adopted);
    assert_eq!(slot.peek().unwrap().unwrap(), before);
}

#[test]
fn an_erased_login_does_not_come_back() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    die_before_rename(&slot, &samples::record("demo"), NO_PREDECESSOR);
    slot.erase(claim(&slot)).unwrap();
    assert_eq!(recovery(&slot, None), Recovery::Clean);
    die_before_rename(&slot, &samples::record("demo"), NO_PREDECESSOR);
    let mut none = samples::record("demo");
    none.clear.generation = NO_PREDECESSOR.into();
    assert_ne!(recovery(&slot, Some(&none)), Recovery::Adopted);
    assert_eq!(slot.peek().unwrap(), None);
}

#[test]
fn a_process_that_died_in_its_request_is_told_as_interrupted() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    drop(reserve(&slot, "one", before.refresh_token.as_ref()));
    assert_eq!(recovery(&slot, Some(&before)), Recovery::Interrupted);
    let other = TokenRecord { refresh_token: Some(Secret::new("another")), ..before };
    assert_eq!(recovery(&slot, Some(&other)), Recovery::Clean);
}

#[test]
fn doubt_stays_on_disk_until_it_is_answered() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let try_reserve = |in_doubt| slot.reserve(claim(&slot), "one", before.refresh_token.as_ref(), in_doubt);
    let reserve = |in_doubt| try_reserve(in_doubt).unwrap();
    let recovery = || recovery(&slot, Some(&before));
    reserve(false).release();
    assert_eq!(recovery(), Recovery::Clean);
    let mut reservation = reserve(false);
    reservation.doubt();
    reservation.release();
    assert_eq!(recovery(), Recovery::Interrupted);
    reserve(true).release();
    assert_eq!(recovery(), Recovery::Interrupted, "the next try did not answer it");
    std::fs::create_dir(slot.beside("next")).unwrap();
    assert!(try_reserve(true).is_err());
    std::fs::remove_dir(slot.beside("next")).unwrap();
    assert_eq!(recovery(), Recovery::Interrupted, "nor did one that found no room");
    reserve(true).commit(&successor(&before)).unwrap();
    assert_eq!(files(&slot), ["demo.token.json", "demo.token.json.lock"]);
}

#[test]
fn a_living_writer_under_a_replaced_lock_file_is_waited_for() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let reservation = reserve(&slot, "one", before.refresh_token.as_ref());
    std::fs::remove_file(slot.beside("lock")).unwrap();
    assert!(slot.try_token_lock(&mut slot.token_lock()).unwrap().is_none(), "not even locked");
    let second = held(&slot);
    assert!(slot.claim(&second).unwrap().is_none());
    drop((second, reservation));
    assert!(slot.try_token_lock(&mut slot.token_lock()).unwrap().is_some());
}

#[test]
fn two_that_lost_the_lock_file_do_not_touch_each_others_files() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    // One stands still before it has claimed anything, while the lock file is deleted.
    let one = held(&slot);
    std::fs::remove_file(slot.beside("lock")).unwrap();
    let mut other = reserve(&slot, "one", before.refresh_token.as_ref());
    assert!(slot.claim(&one).unwrap().is_none());
    assert_eq!(std::fs::read(slot.beside("next")).unwrap().len(), RESERVE_BYTES);
    other.commit(&successor(&before)).unwrap();
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
    assert!(slot.claim(&one).unwrap().is_some(), "and reads what the other has saved");
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
    let refused = slot.recover(&claim(&slot), &store.key().unwrap(), Some(&before)).unwrap_err();
    assert_eq!(refused.code, Code::InsecureStorage);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "mine");
}

#[test]
fn a_failed_save_is_tried_again_in_a_new_file() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let mut reservation = reserve(&slot, "one", before.refresh_token.as_ref());
    // A handle that cannot be written stands for a file whose writing fails.
    reservation.next = Some(File::open(slot.beside("next")).unwrap());
    reservation.commit(&successor(&before)).unwrap();
    assert_eq!(slot.peek().unwrap().unwrap(), successor(&before));
}

#[test]
fn what_is_synced_is_not_written_again_when_its_place_cannot_be_taken() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    let mut reservation = reserve(&slot, "one", before.refresh_token.as_ref());
    // A directory in the place of the record cannot be replaced by a file.
    std::fs::remove_file(slot.record_path()).unwrap();
    std::fs::create_dir(slot.record_path()).unwrap();
    assert!(reservation.commit(&successor(&before)).is_err());
    let saved = std::fs::read(slot.beside("next")).unwrap();
    assert!(reservation.commit(&successor(&before)).is_err());
    assert_eq!(std::fs::read(slot.beside("next")).unwrap(), saved);
    std::fs::remove_dir(slot.record_path()).unwrap();
    reservation.commit(&successor(&before)).unwrap();
    assert_eq!(std::fs::read(slot.record_path()).unwrap(), saved);
    reservation.commit(&successor(&before)).unwrap();
    assert_eq!(std::fs::read(slot.record_path()).unwrap(), saved, "the live record least of all");
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

#[test]
fn what_somebody_else_has_put_in_the_place_of_ours_stays() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let before = stored(&slot);
    for in_doubt in [false, true] {
        let spends = before.refresh_token.as_ref();
        let mut reservation = slot.reserve(claim(&slot), "one", spends, in_doubt).unwrap();
        for suffix in ["next", "intent"] {
            std::fs::remove_file(slot.beside(suffix)).unwrap();
            std::fs::write(slot.beside(suffix), "of another").unwrap();
        }
        reservation.in_doubt = false;
        reservation.release();
        for suffix in ["next", "intent"] {
            assert_eq!(std::fs::read_to_string(slot.beside(suffix)).unwrap(), "of another");
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_makes_way_for_a_token_and_not_for_a_try() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let first = stored(&slot);
    std::fs::write(slot.record_path(), "damaged").unwrap();
    let mut tried = reserve(&slot, NO_PREDECESSOR, None);
    tried.displace_damaged();
    tried.release();
    assert_eq!(files(&slot), ["demo.token.json", "demo.token.json.lock"]);
    assert_eq!(std::fs::read(slot.record_path()).unwrap(), b"damaged");
    let mut granted = reserve(&slot, NO_PREDECESSOR, None);
    granted.displace_damaged();
    granted.commit(&first).unwrap();
    assert_eq!(slot.peek().unwrap().unwrap(), first);
    let aside = files(&slot).into_iter().find(|name| name.contains(".damaged-")).unwrap();
    assert_eq!(std::fs::read(store.cache().join(aside)).unwrap(), b"damaged");
}

#[test]
fn whoever_spends_something_else_leaves_the_doubt_about_the_refresh_token_case_51() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let record = stored(&slot);
    let mut lost = reserve(&slot, "one", record.refresh_token.as_ref());
    lost.doubt();
    lost.release();
    let device_code = Secret::new("device-code");
    for _ in 0..2 {
        let claim = claim(&slot);
        let key = store.key().unwrap();
        assert_eq!(slot.recover(&claim, &key, Some(&record)).unwrap(), Recovery::Interrupted);
        slot.reserve(claim, "one", Some(&device_code), true).unwrap().release();
    }
    assert_eq!(recovery(&slot, Some(&record)), Recovery::Interrupted);
    let mut login = slot.reserve(claim(&slot), "one", Some(&device_code), true).unwrap();
    login.commit(&successor(&record)).unwrap();
    assert_eq!(recovery(&slot, Some(&successor(&record))), Recovery::Clean);
}
