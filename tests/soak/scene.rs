//! Where a test plays: a server, somebody who is logged in, and the history of what everybody sees.

use crate::answer::{self, Kind};
use crate::history::{History, Saw};
use crate::support::{Ran, Sandbox, server};
use mcp_credential::store::key::KeySource;
use mcp_credential::store::{Slot, Store};
use oauthserver::{OAuthServer, TokenStatus};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// One test at a time: each wants the whole machine, and says how long it took.
static STAGE: Mutex<()> = Mutex::new(());

/// See the module.
pub struct Scene {
    pub server: OAuthServer,
    pub sandbox: Sandbox,
    pub history: History,
    _alone: MutexGuard<'static, ()>,
}

impl Scene {
    /// Somebody is logged in to a server whose tokens live `seconds`.
    pub fn with_tokens_of(seconds: u64) -> Self {
        let alone = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
        let server = server(seconds);
        let history = History::default();
        let began = history.now();
        let sandbox = Sandbox::logged_in(&server);
        history.add(began, Saw::LoggedIn);
        Self { server, sandbox, history, _alone: alone }
    }

    /// The store, through the library.
    pub fn store(&self) -> Store {
        Store::new(self.sandbox.state(""), None, KeySource::File)
    }

    /// What `began` before and has just ended in `ran` saw, if it ended in a token. Well-formed in any case.
    #[track_caller]
    pub fn token(&self, began: u64, ran: &Ran) -> Value {
        let answer = answer::document(ran, Kind::Answer);
        self.history.add(began, self.saw(&answer));
        answer
    }

    /// A token as the history knows it.
    pub fn saw(&self, answer: &Value) -> Saw {
        let [generation, token] = ["generation", "access_token"].map(|name| answer[name].as_str().unwrap());
        Saw::Token { generation: generation.to_owned(), login: self.server.family_of(token) }
    }

    /// The end of every test: the promises that hold whatever happened.
    #[track_caller]
    pub fn ends_well(&self) {
        self.server.clear_faults();
        self.sandbox.wait_for_rest();
        self.nothing_was_spent_twice();
        assert_eq!(self.sandbox.leftovers(), [""; 0]);
        self.history.is_one_story();
        self.the_stored_login_lives();
    }

    /// Every code and every refresh token was sent once, and was good.
    #[track_caller]
    fn nothing_was_spent_twice(&self) {
        assert_eq!((self.server.reuses(), self.server.family_revoked()), (0, false));
        let mut spent = HashSet::new();
        for request in self.server.token_requests() {
            assert!(request.committed && request.error.is_none(), "{request:?}");
            let token = request.form_value("refresh_token").or(request.form_value("code")).unwrap();
            assert!(spent.insert(token.to_owned()), "sent twice: {request:?}");
        }
    }

    #[track_caller]
    fn the_stored_login_lives(&self) {
        let answer = answer::document(&self.sandbox.run(&["get", "demo"]), Kind::Answer);
        assert!(self.server.mcp_accepts(answer["access_token"].as_str().unwrap()), "it opens the server");
        let store = self.store();
        let record = Slot::new(&store, "demo").peek().unwrap().unwrap();
        let refresh = record.refresh_token.unwrap();
        assert_eq!(self.server.refresh_token_status(refresh.expose()), TokenStatus::Live);
    }
}

/// Waits until `has_come`, however busy the machine is.
#[track_caller]
pub fn patiently(what: &str, mut has_come: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(300);
    while !has_come() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
