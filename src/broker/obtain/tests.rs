use super::*;
use crate::secret::Secret;
use crate::token::{Clear, samples};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

/// A vault in memory whose redemptions are scripted.
struct Scripted {
    record: RefCell<Option<TokenRecord>>,
    redemptions: RefCell<VecDeque<Redemption>>,
    requests: Cell<usize>,
    lock_free: Cell<bool>,
    /// The lock can never be taken.
    lock_fails: Cell<bool>,
    /// What another process saves while we pause.
    arrives: RefCell<Option<TokenRecord>>,
    /// What another process has saved by the time its lock comes to us.
    comes_with_the_lock: RefCell<Option<TokenRecord>>,
    shared: Option<Failure>,
    /// Whether a process that died has saved a first answer.
    saved: Cell<bool>,
    seed: Seed,
}

enum Redemption {
    Succeeds,
    Vanishes,
    TimesOut,
    Fails(Code),
}

fn token(generation: &str, obtained_at: u64) -> TokenRecord {
    let clear = Clear { generation: generation.into(), ..samples::clear(obtained_at, Some(100)) };
    TokenRecord {
        clear: Clear { can_refresh: true, ..clear },
        access_token: Secret::new(format!("access-{generation}")),
        refresh_token: Some(Secret::new("refresh")),
        dpop_key: None,
        other: Vec::new(),
    }
}

fn fresh(generation: &str) -> TokenRecord {
    token(generation, clock::now())
}

/// Within its margin, but with ten seconds of life left.
fn ageing(generation: &str) -> TokenRecord {
    token(generation, clock::now() - 91)
}

fn expired(generation: &str) -> TokenRecord {
    token(generation, clock::now() - 200)
}

fn vault(record: Option<TokenRecord>, redemptions: Vec<Redemption>) -> Scripted {
    Scripted {
        record: RefCell::new(record),
        redemptions: RefCell::new(redemptions.into()),
        requests: Cell::new(0),
        lock_free: Cell::new(true),
        lock_fails: Cell::new(false),
        arrives: RefCell::new(None),
        comes_with_the_lock: RefCell::new(None),
        shared: None,
        saved: Cell::new(false),
        seed: Seed::None,
    }
}

impl Vault for Scripted {
    type Lock = ();

    fn peek(&self) -> Outcome<Option<TokenRecord>> {
        Ok(self.record.borrow().clone())
    }

    fn try_lock(&self) -> Outcome<Option<()>> {
        if self.lock_fails.get() {
            return Err(Failure::new(Code::CacheUnwritable, "no lock"));
        }
        if let Some(record) = self.comes_with_the_lock.take() {
            *self.record.borrow_mut() = Some(record);
        }
        Ok(self.lock_free.get().then_some(()))
    }

    fn has_saved(&self, record: Option<&TokenRecord>) -> bool {
        record.is_none() && self.saved.get()
    }

    fn shared_failure(&self, _generation: &str) -> Option<Failure> {
        self.shared.clone()
    }

    fn ended(&self) -> Option<String> {
        None
    }

    fn seed(&self) -> Outcome<Seed> {
        Ok(self.seed.clone())
    }

    fn redeem(&self, (): (), _generation: &str, _deadline: Instant) -> Redeemed {
        self.requests.set(self.requests.get() + 1);
        match self.redemptions.borrow_mut().pop_front().expect("no redemption is expected") {
            Redemption::Succeeds => {
                let record = fresh("new");
                *self.record.borrow_mut() = Some(record.clone());
                Redeemed::Done(Box::new(answer(&record, &Wish::default(), Source::Refreshed)))
            }
            Redemption::Vanishes => Redeemed::Vanished,
            Redemption::TimesOut => Redeemed::TimedOut,
            Redemption::Fails(code) => Redeemed::Failed(Failure::new(code, "scripted")),
        }
    }

    fn pause(&self, _deadline: Instant) {
        if let Some(record) = self.arrives.take() {
            *self.record.borrow_mut() = Some(record);
        }
    }
}

fn wish() -> Wish {
    Wish { skew: 30, ..Wish::default() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn already() -> Instant {
    Instant::now()
}

#[test]
fn a_fresh_token_is_answered_without_a_request() {
    let vault = vault(Some(fresh("one")), vec![]);
    let answer = obtain(&vault, &wish(), soon()).unwrap();
    assert_eq!((answer.source, answer.clear.generation.as_str()), (Source::Cache, "one"));
}

#[test]
fn a_stale_token_is_refreshed_once() {
    let vault = vault(Some(expired("one")), vec![Redemption::Succeeds]);
    let answer = obtain(&vault, &wish(), soon()).unwrap();
    assert_eq!((answer.source, answer.access_token.expose()), (Source::Refreshed, "access-new"));
    assert_eq!(vault.requests.get(), 1);
}

#[test]
fn the_result_of_another_process_is_taken_without_a_request() {
    let vault = vault(Some(expired("one")), vec![]);
    vault.lock_free.set(false);
    *vault.arrives.borrow_mut() = Some(fresh("two"));
    let answer = obtain(&vault, &wish(), soon()).unwrap();
    assert_eq!((answer.source, answer.clear.generation.as_str()), (Source::AlreadyRotated, "two"));
}

#[test]
fn what_was_saved_just_before_the_lock_came_is_taken_without_a_request() {
    let vault = vault(Some(expired("one")), vec![]);
    *vault.comes_with_the_lock.borrow_mut() = Some(fresh("two"));
    let answer = obtain(&vault, &wish(), soon()).unwrap();
    assert_eq!((answer.source, answer.clear.generation.as_str()), (Source::AlreadyRotated, "two"));
}

#[test]
fn a_rejected_generation_that_was_replaced_costs_no_request() {
    let vault = vault(Some(fresh("two")), vec![]);
    let wish = Wish { rejected: Some("one".into()), ..wish() };
    assert_eq!(obtain(&vault, &wish, soon()).unwrap().clear.generation, "two");
}

#[test]
fn a_busy_lock_ends_in_lock_timeout_or_in_the_old_token() {
    let dead = vault(Some(expired("one")), vec![]);
    dead.lock_free.set(false);
    assert_eq!(obtain(&dead, &wish(), already()).unwrap_err().code, Code::LockTimeout);
    let living = vault(Some(ageing("one")), vec![]);
    living.lock_free.set(false);
    assert_eq!(obtain(&living, &wish(), already()).unwrap().source, Source::StaleOk);
}

#[test]
fn a_lock_that_cannot_be_taken_ends_in_its_failure_or_in_the_old_token() {
    for (record, rejected, told) in [
        (ageing("one"), None, Ok(Source::StaleOk)),
        (ageing("one"), Some("one"), Err(Code::CacheUnwritable)),
        (expired("one"), None, Err(Code::CacheUnwritable)),
    ] {
        let vault = vault(Some(record), vec![]);
        vault.lock_fails.set(true);
        let wish = Wish { rejected: rejected.map(str::to_owned), ..wish() };
        let answer = obtain(&vault, &wish, soon());
        assert_eq!(answer.map(|answer| answer.source).map_err(|failure| failure.code), told);
        assert_eq!(vault.requests.get(), 0);
    }
}

#[test]
fn a_slow_server_ends_in_deadline_or_in_the_old_token() {
    let dead = vault(Some(expired("one")), vec![Redemption::TimesOut]);
    assert_eq!(obtain(&dead, &wish(), soon()).unwrap_err().code, Code::Deadline);
    let living = vault(Some(ageing("one")), vec![Redemption::TimesOut]);
    assert_eq!(obtain(&living, &wish(), soon()).unwrap().source, Source::StaleOk);
}

#[test]
fn the_old_token_never_answers_for_a_rejected_one() {
    let vault = vault(Some(ageing("one")), vec![Redemption::Fails(Code::Unavailable)]);
    let wish = Wish { rejected: Some("one".into()), ..wish() };
    assert_eq!(obtain(&vault, &wish, soon()).unwrap_err().code, Code::Unavailable);
}

#[test]
fn a_refusal_before_the_end_answers_the_good_token() {
    let vault = vault(Some(ageing("one")), vec![Redemption::Fails(Code::InteractionRequired)]);
    assert_eq!(obtain(&vault, &wish(), soon()).unwrap().source, Source::StaleOk);
}

#[test]
fn a_shared_failure_costs_no_request() {
    let vault = Scripted {
        shared: Some(Failure::new(Code::RateLimited, "later")),
        ..vault(Some(expired("one")), vec![])
    };
    assert_eq!(obtain(&vault, &wish(), soon()).unwrap_err().code, Code::RateLimited);
}

#[test]
fn a_vanished_refresh_process_is_replaced_a_few_times() {
    let recovers = vault(Some(expired("one")), vec![Redemption::Vanishes, Redemption::Succeeds]);
    assert_eq!(obtain(&recovers, &wish(), soon()).unwrap().source, Source::Refreshed);
    let never = vault(Some(expired("one")), (0..VANISHED_LIMIT).map(|_| Redemption::Vanishes).collect());
    assert_eq!(obtain(&never, &wish(), soon()).unwrap_err().code, Code::Unavailable);
    assert_eq!(never.requests.get(), VANISHED_LIMIT);
}

#[test]
fn a_seed_begins_what_is_not_there_or_has_ended_and_nothing_else() {
    let ended =
        || TokenRecord { clear: Clear { can_refresh: false, ..expired("one").clear }, ..expired("one") };
    for record in [None, Some(ended())] {
        let vault = Scripted { seed: Seed::Unspent, ..vault(record, vec![Redemption::Succeeds]) };
        assert_eq!(obtain(&vault, &wish(), soon()).unwrap().clear.generation, "new");
    }
    for record in [
        fresh("one"),
        TokenRecord { clear: Clear { can_refresh: false, ..ageing("one").clear }, ..ageing("one") },
    ] {
        let vault = Scripted { seed: Seed::Unspent, ..vault(Some(record), vec![]) };
        assert_eq!(obtain(&vault, &wish(), soon()).unwrap().source, Source::Cache);
    }
}

#[test]
fn a_spent_seed_needs_a_person_and_says_so() {
    let vault = Scripted { seed: Seed::Spent("was used already".into()), ..vault(None, vec![]) };
    let failure = obtain(&vault, &wish(), soon()).unwrap_err();
    assert_eq!((failure.code, failure.message.as_str()), (Code::InteractionRequired, "was used already"));
}

#[test]
fn nobody_logged_in_needs_a_person() {
    let failure = obtain(&vault(None, vec![]), &wish(), soon()).unwrap_err();
    assert_eq!(failure.code, Code::InteractionRequired);
}

#[test]
fn what_a_process_that_died_has_saved_comes_before_any_word_about_a_login() {
    let vault = Scripted { seed: Seed::Spent("spent".into()), ..vault(None, vec![Redemption::Succeeds]) };
    vault.saved.set(true);
    let shared = Failure::new(Code::Unavailable, "a moment ago");
    let vault = Scripted { shared: Some(shared), ..vault };
    let answer = obtain(&vault, &wish(), soon()).unwrap();
    assert_eq!((answer.source, vault.requests.get()), (Source::Refreshed, 1));
}
