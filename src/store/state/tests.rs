//! What the state of a server remembers, and what it forgets.

use super::*;
use crate::store::testing::Folder;

fn failure(wait: Option<u64>) -> Failure {
    Failure::new(Code::RateLimited, "slow down").retry_after(wait)
}

#[test]
fn a_failure_is_shared_for_its_own_generation_and_time_alone() {
    let mut state = State::default();
    state.share(&asker("one", 1), &failure(Some(30)));
    let now = clock::now();
    let met = |generation, now| state.shared_failure(&asker(generation, 1), now);
    assert_eq!(met("one", now + 10).unwrap().code, Code::RateLimited);
    assert_eq!(met("two", now), None);
    assert_eq!(met("one", now + 31), None);
    assert_eq!(met("one", now - 100), None, "the clock was set back");
}

fn asker(generation: &str, mark: u64) -> Asker<'_> {
    Asker { generation, mark, endpoint: None }
}

#[test]
fn callers_of_other_configurations_do_not_drive_each_others_failures_out() {
    let mut state = State::default();
    let now = clock::now();
    for mark in 0..3 {
        state.share(&asker("one", mark), &failure(None));
    }
    assert!((0..3).all(|mark| state.shared_failure(&asker("one", mark), now + 1).is_some()));
    assert_eq!(state.shared_failure(&asker("one", 3), now + 1), None);
    for mark in 0..100 {
        state.share(&asker("one", mark), &failure(None));
    }
    assert_eq!(state.shared_before.len(), MARKS);
    state.share(&asker("two", 0), &failure(None));
    assert_eq!(state.shared_before, [], "what is of no use goes");
    state.unshare();
    assert_eq!(state, State::default());
}

#[test]
fn a_pause_that_a_token_endpoint_asks_for_concerns_every_configuration_that_would_go_there() {
    let at = |mark, endpoint| Asker { endpoint: Some(endpoint), ..asker("one", mark) };
    let (here, there) = ("https://a.example/token", "https://b.example/token");
    let met = |failure: Failure, mark, endpoint| {
        let mut state = State::default();
        state.share(&at(1, here), &failure);
        state.shared_failure(&at(mark, endpoint), clock::now())
    };
    assert_eq!(met(failure(Some(30)), 2, here).unwrap().code, Code::RateLimited);
    assert_eq!(met(failure(Some(30)), 2, there), None);
    assert_eq!(met(failure(None), 2, here), None, "nobody asked for a pause");
    let refused = Failure::new(Code::InvalidClient, "no").retry_after(Some(30));
    assert_eq!(met(refused, 2, here), None, "who has put that right asks again");
}

#[test]
fn refusals_without_a_word_last_after_three_within_ten_minutes_or_more_and_one_generation() {
    let after = |met: &[(&str, u64)]| {
        let mut state = State::default();
        for (generation, at) in met {
            state.count_unexplained(generation, *at);
        }
        state.unexplained.unwrap().is_lasting()
    };
    assert!(after(&[("one", 1000), ("one", 1300), ("one", 1600)]));
    assert!(!after(&[("one", 1000), ("one", 1300), ("one", 1599)]), "not long enough");
    assert!(!after(&[("one", 1000), ("one", 9000)]), "not often enough");
    assert!(!after(&[("one", 1000), ("two", 1300), ("two", 1600)]), "of another token");
    assert!(!after(&[("one", 5000), ("one", 1000), ("one", 1300)]), "the clock was set back");
    let mut state = State::default();
    state.count_unexplained("one", 1000);
    state.succeed();
    assert_eq!(state, State::default());
}

#[test]
fn changes_at_once_are_all_kept() {
    let folder = Folder::new();
    let path = folder.path().join("state");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = StateFile::new(path.clone());
            scope.spawn(move || {
                for round in 0..25 {
                    let name = format!("{number}-{round}");
                    file.update(|state| drop(state.other.insert(name.clone(), Value::Null)));
                }
            });
        }
    });
    assert_eq!(StateFile::new(path).read().other.len(), 8 * 25);
}

#[test]
fn a_process_that_was_stopped_in_the_middle_does_not_keep_the_others_from_their_changes() {
    let folder = Folder::new();
    let file = StateFile::new(folder.path().join("state"));
    let stopped = file.lock().unwrap();
    assert!(file.lock().is_none(), "it holds the lock");
    file.update(|state| state.login_failed_at = Some(7));
    assert_eq!(file.read().login_failed_at, Some(7));
    file.forget().unwrap();
    assert_eq!(file.read(), State::default());
    drop(stopped);
}

#[test]
fn what_changes_nothing_leaves_nothing_behind() {
    let folder = Folder::new();
    StateFile::new(folder.path().join("state")).update(State::succeed);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_nonce_belongs_to_one_role_at_one_origin_and_few_are_kept() {
    let mut state = State::default();
    state.keep_nonce(NonceFor::Token, "https://a.example", "one");
    state.keep_nonce(NonceFor::Resource, "https://a.example", "two");
    assert_eq!(state.nonce(NonceFor::Token, "https://a.example"), Some("one"));
    assert_eq!(state.nonce(NonceFor::Resource, "https://a.example"), Some("two"));
    assert_eq!(state.nonce(NonceFor::Token, "https://b.example"), None);
    for count in 0..100 {
        state.keep_nonce(NonceFor::Token, &format!("https://{count}.example"), "x");
    }
    assert!(state.dpop_nonces.len() <= NONCES);
    assert_eq!(state.nonce(NonceFor::Token, "https://99.example"), Some("x"));
}

#[test]
fn members_of_newer_versions_and_junk_do_no_harm() {
    let folder = Folder::new();
    let path = folder.path().join("state");
    let file = StateFile::new(path.clone());
    std::fs::write(&path, "junk").unwrap();
    assert_eq!(file.read(), State::default());
    std::fs::write(&path, r#"{"later":{"x":1}}"#).unwrap();
    file.update(|state| state.login_failed_at = Some(7));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("later") && text.contains("login_failed_at"), "{text}");
}
