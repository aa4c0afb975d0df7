//! What every caller and every reader saw, and whether one story explains it all.
//!
//! The stored token is one thing that changes step by step. Whoever answers a token saw it stored at some moment
//! between his begin and his end. So it was stored without a break from the earliest end to the latest begin of
//! those who saw it, and nothing that lies wholly within may say otherwise. The same holds of the login that a
//! token goes back to. A second rule: where nothing is stored though somebody had logged in, somebody erased.
//! Limit: what could have been so is accepted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saw {
    /// A token, by its generation and by the number of the login that it goes back to, where that is known.
    Token { generation: String, login: Option<usize> },
    /// A token that is not of this generation.
    Other { than: String },
    /// No token.
    Nothing,
    /// A token was taken away.
    Erased,
    /// Perhaps a token was taken away: the call was killed.
    MayHaveErased,
    /// A person's login put a token in its place.
    LoggedIn,
    /// There was a token of somebody's login.
    SomeLogin,
}

/// Something seen at some moment between two instants of the history's own clock.
#[derive(Debug, Clone)]
struct Event {
    began: u64,
    ended: u64,
    saw: Saw,
}

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    clock: AtomicU64,
    events: Mutex<Vec<Event>>,
}

impl History {
    /// Now. No two instants are equal.
    pub fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// Writes down what was seen between `began` and now.
    pub fn add(&self, began: u64, saw: Saw) {
        self.add_between(began, self.now(), saw);
    }

    /// Writes down what was seen between two instants.
    pub fn add_between(&self, began: u64, ended: u64, saw: Saw) {
        self.events().push(Event { began, ended, saw });
    }

    /// How much was seen.
    pub fn len(&self) -> usize {
        self.events().len()
    }

    /// Everything that does not fit.
    pub fn contradictions(&self) -> Vec<String> {
        let events = self.events();
        let mut found = breaks(&events, "token", |saw| generation_of(saw).map(str::to_owned));
        found.extend(breaks(&events, "login", login_of));
        found.extend(lost_logins(&events));
        found
    }

    /// Fails where something does not fit.
    #[track_caller]
    pub fn is_one_story(&self) {
        let found = self.contradictions();
        let few = &found[..found.len().min(5)];
        assert!(found.is_empty(), "{} contradictions, first of all: {few:#?}", found.len());
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn generation_of(saw: &Saw) -> Option<&str> {
    match saw {
        Saw::Token { generation, .. } => Some(generation),
        _ => None,
    }
}

fn login_of(saw: &Saw) -> Option<String> {
    match saw {
        Saw::Token { login, .. } => login.map(|number| number.to_string()),
        _ => None,
    }
}

/// A time in which one thing was stored without a break.
#[derive(Debug)]
struct Hold {
    name: String,
    from: u64,
    to: u64,
}

impl Hold {
    fn is_denied_by(&self, saw: &Saw, name: Option<&String>) -> bool {
        match saw {
            Saw::Token { .. } => name.is_some_and(|name| *name != self.name),
            Saw::Other { than } => *than == self.name,
            Saw::Nothing | Saw::Erased | Saw::LoggedIn => true,
            Saw::MayHaveErased | Saw::SomeLogin => false,
        }
    }
}

fn breaks(events: &[Event], kind: &str, name: impl Fn(&Saw) -> Option<String>) -> Vec<String> {
    let holds = holds(events, &name);
    let mut found = Vec::new();
    for pair in holds.windows(2) {
        if pair[1].from < pair[0].to {
            found.push(format!("two {kind}s at once: {:?} and {:?}", pair[0], pair[1]));
        }
    }
    for event in events {
        let before = holds.partition_point(|hold| hold.from < event.began);
        let Some(hold) = before.checked_sub(1).map(|last| &holds[last]) else { continue };
        if event.ended < hold.to && hold.is_denied_by(&event.saw, name(&event.saw).as_ref()) {
            found.push(format!("{event:?} while this {kind} was stored: {hold:?}"));
        }
    }
    found
}

fn holds(events: &[Event], name: impl Fn(&Saw) -> Option<String>) -> Vec<Hold> {
    let mut seen: HashMap<String, (u64, u64)> = HashMap::new();
    for event in events {
        let Some(name) = name(&event.saw) else { continue };
        let (from, to) = seen.entry(name).or_insert((u64::MAX, 0));
        *from = event.ended.min(*from);
        *to = event.began.max(*to);
    }
    let mut holds: Vec<_> = seen.into_iter().map(|(name, (from, to))| Hold { name, from, to }).collect();
    holds.retain(|hold| hold.from < hold.to);
    holds.sort_by_key(|hold| hold.from);
    holds
}

fn lost_logins(events: &[Event]) -> Vec<String> {
    let is_login = |event: &&Event| matches!(event.saw, Saw::LoggedIn | Saw::SomeLogin);
    let is_erasure = |event: &&Event| matches!(event.saw, Saw::Erased | Saw::MayHaveErased);
    let logins: Vec<_> = events.iter().filter(is_login).collect();
    let erasures: Vec<_> = events.iter().filter(is_erasure).collect();
    let mut found = Vec::new();
    for nothing in events.iter().filter(|event| event.saw == Saw::Nothing) {
        let done = logins.iter().filter(|login| login.ended < nothing.began);
        let Some(login) = done.max_by_key(|login| login.began) else { continue };
        let explains = |erasure: &&&Event| erasure.ended > login.began && erasure.began < nothing.ended;
        if !erasures.iter().any(|erasure| explains(&erasure)) {
            found.push(format!("{nothing:?} after {login:?}, and nobody erased"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(generation: &str, login: usize) -> Saw {
        Saw::Token { generation: generation.to_owned(), login: Some(login) }
    }

    /// The contradictions of a story: begin, end, and what was seen.
    fn told(story: &[(u64, u64, Saw)]) -> usize {
        let history = History::default();
        for (began, ended, saw) in story {
            history.add_between(*began, *ended, saw.clone());
        }
        history.contradictions().len()
    }

    #[test]
    fn steps_one_after_another_and_calls_that_overlap_are_one_story() {
        let (a, b) = (token("a", 1), token("b", 1));
        assert_eq!(told(&[(1, 2, a.clone()), (3, 6, a.clone()), (4, 7, b.clone()), (8, 9, b)]), 0);
        assert_eq!(told(&[(1, 2, a.clone()), (3, 6, Saw::Erased), (4, 5, a), (7, 8, Saw::Nothing)]), 0);
    }

    #[test]
    fn a_token_that_comes_back_is_found() {
        let (a, b) = (token("a", 1), token("b", 1));
        assert_eq!(told(&[(1, 2, a.clone()), (3, 4, b), (5, 6, a.clone())]), 1);
        assert_eq!(told(&[(1, 2, a.clone()), (3, 4, Saw::Nothing), (5, 6, a)]), 2, "at both levels");
    }

    #[test]
    fn a_login_that_comes_back_with_another_token_is_found() {
        assert_eq!(told(&[(1, 2, token("a", 1)), (3, 4, Saw::Erased), (5, 6, token("b", 1))]), 1);
        assert_eq!(told(&[(1, 2, token("a", 1)), (3, 4, token("b", 2)), (5, 6, token("c", 1))]), 1);
        assert_eq!(told(&[(1, 2, token("a", 1)), (3, 4, Saw::LoggedIn), (5, 6, token("c", 1))]), 1);
    }

    #[test]
    fn two_tokens_at_once_are_found() {
        let (a, b) = (token("a", 1), token("b", 1));
        let mixed = [(1, 2, a.clone()), (3, 4, b.clone()), (5, 6, a), (7, 8, b)];
        assert!(told(&mixed) > 0);
    }

    #[test]
    fn a_denied_generation_is_found() {
        let (a, denied) = (token("a", 1), Saw::Other { than: "a".to_owned() });
        assert_eq!(told(&[(1, 2, a.clone()), (3, 4, denied), (5, 6, a)]), 1);
    }

    #[test]
    fn a_lost_login_is_told_from_an_erased_one() {
        assert_eq!(told(&[(1, 2, Saw::LoggedIn), (3, 4, Saw::Nothing)]), 1);
        assert_eq!(told(&[(1, 2, Saw::Erased), (3, 4, Saw::SomeLogin), (5, 6, Saw::Nothing)]), 1);
        assert_eq!(told(&[(1, 2, Saw::LoggedIn), (3, 6, Saw::MayHaveErased), (4, 5, Saw::Nothing)]), 0);
        assert_eq!(told(&[(1, 3, Saw::LoggedIn), (2, 4, Saw::Erased), (5, 6, Saw::Nothing)]), 0);
        assert_eq!(told(&[(1, 4, Saw::LoggedIn), (2, 3, Saw::Nothing)]), 0);
    }
}
