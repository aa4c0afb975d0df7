//! A token for a caller, by whatever way is open: from the broker, and where only a person can help, by a login.
//! May one start, does one already run, or is a person asked to begin one?

use super::login_flow::{self, Opening, Wanted, Way};
use super::session::{Session, interactive};
use super::{quiet, step_up};
use crate::broker::{Answer, Need, Vault, Wish, judge, obtain};
use crate::cli::InteractiveArg;
use crate::clock;
use crate::config::Interactive;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::challenge::Challenge;
use crate::vault::{StoreVault, pause};
use std::io::IsTerminal;
use std::time::Instant;

/// A call that may need a person.
pub struct Asker<'a> {
    /// The server.
    pub session: &'a Session<'a>,
    /// Its records.
    pub vault: &'a StoreVault<'a>,
    /// What the MCP server said, where the caller handed it over.
    pub challenge: Option<&'a Challenge>,
    /// `--interactive`.
    pub typed: Option<InteractiveArg>,
    /// When a call without a person has to end.
    pub deadline: Instant,
}

impl Asker<'_> {
    /// The token that answers `wish`.
    ///
    /// # Errors
    /// `interaction_required` or `insufficient_scope` where only a person can help and no login may start; what a
    /// renewal or a login failed with.
    pub fn token(&self, wish: &Wish) -> Outcome<Answer> {
        let mut outcome = obtain(self.vault, wish, self.deadline);
        // A record that cannot be read makes way for an answer that was saved to take its place.
        let is_damaged = matches!(&outcome, Err(failure) if failure.code == Code::CacheDamaged);
        if is_damaged && self.vault.has_saved(None) {
            login_flow::finish_left(self.session, self.vault, self.deadline)?;
            outcome = obtain(self.vault, wish, self.deadline);
        }
        match outcome {
            Err(failure) if failure.code.wants_login() && !failure.without_login => {
                self.or_refuse(wish, failure)
            }
            Err(failure) if failure.code == Code::InsufficientScope && wish.exceeds_limit() => {
                Err(step_up::allow(&self.session.server, &failure))
            }
            other => other,
        }
    }

    /// Logs in where a login may start; else waits for one that is under way; else says that one is needed.
    fn or_refuse(&self, wish: &Wish, failure: Failure) -> Outcome<Answer> {
        let session = self.session;
        if !self.may_start() {
            return self.wait_for_login(wish, failure);
        }
        let quiet = quiet::check(session, &failure).and_then(|()| step_up::check(session, &failure));
        if let Err(quiet) = quiet {
            return self.wait_for_login(wish, quiet);
        }
        let wanted = Wanted { challenge: self.challenge, scopes: wish.step_up.as_deref() };
        let way = Way { opening: Opening::Browser, device: None };
        login_flow::run(session, self.vault, Some(wish), &wanted, way, None)
    }

    fn may_start(&self) -> bool {
        match interactive(&self.session.server, self.typed) {
            Interactive::Always => true,
            Interactive::Never => false,
            Interactive::Auto => std::io::stderr().is_terminal() && !self.session.environment.is_ci(),
        }
    }

    fn wait_for_login(&self, wish: &Wish, failure: Failure) -> Outcome<Answer> {
        let session = self.session;
        let mut login = session.slot().login_lock();
        // Without a store nobody can be logging in, and nothing should be created by asking.
        while session.store.cache().is_dir() && login.try_take()?.is_none() {
            if Instant::now() >= self.deadline {
                let text = "a login is under way and was not completed in time";
                return Err(failure.saying(format!("{}; {text}", failure.message)));
            }
            pause(self.deadline);
            let record = self.vault.peek()?;
            if judge(record.as_ref().map(|record| &record.clear), wish, clock::now()) == Need::Nothing {
                break;
            }
        }
        obtain(self.vault, wish, self.deadline)
            .map_err(|other| if other.code == Code::UrlMismatch { other } else { failure })
    }
}
