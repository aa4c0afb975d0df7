//! What every verb about one server begins with: its configuration, its place in the store, and the proof
//! that both speak of the same thing.

use super::call::Call;
use crate::binding;
use crate::broker::Wish;
use crate::browser;
use crate::cli::InteractiveArg;
use crate::config::environment::CLIENT_SECRET;
use crate::config::{self, Environment, Interactive, Loaded, Server};
use crate::failure::{Code, Failure, Outcome};
use crate::reply;
use crate::store::{Slot, Store};
use crate::token::{TokenRecord, split_scope};
use std::time::{Duration, Instant};

/// One server, opened for a verb.
pub struct Session<'e> {
    /// The process's environment.
    pub environment: &'e Environment,
    /// What the configuration says.
    pub loaded: Loaded,
    /// The store.
    pub store: Store,
    /// The server: the configured one, or what its record tells of it.
    pub server: Server,
}

impl<'e> Session<'e> {
    /// Opens `name`.
    ///
    /// # Errors
    /// Those of the configuration; `not_found` with near names; `url_mismatch` where the stored record is
    /// bound to something else than the configuration says.
    pub fn open(name: &str, environment: &'e Environment) -> Outcome<Self> {
        let loaded = config::load(name, environment)?;
        for warning in &loaded.machine.warnings {
            log::warn!("{warning}");
        }
        let store = store_of(&loaded);
        let server = match &loaded.server {
            Some(server) => server.clone(),
            None => server_of_record(name, &store, environment)?,
        };
        Ok(Self { environment, loaded, store, server })
    }

    /// The server's place in the store.
    #[must_use]
    pub fn slot(&self) -> Slot<'_> {
        Slot::new(&self.store, &self.server.name)
    }

    /// Refuses callers that state another URL than the name is bound to, or none where one is required.
    ///
    /// # Errors
    /// `url_mismatch`.
    pub fn check_caller(&self, stated: Option<&str>) -> Outcome<()> {
        let by_variable = self.environment.caller_url()?;
        for url in [stated, by_variable.as_deref()].into_iter().flatten() {
            binding::check_stated(&self.server.name, &self.server.url, url)?;
        }
        if self.server.require_url && stated.is_none() && by_variable.is_none() {
            let text = "a token of this server is given only to callers that state the URL they talk to; add `--url URL`";
            return Err(Failure::new(Code::UrlMismatch, text).of_server(&self.server.name));
        }
        Ok(())
    }

    /// Refuses a call that is not about this server.
    ///
    /// # Errors
    /// `url_mismatch` for another URL than the name is bound to, or for headers of a request to elsewhere.
    pub fn check_call(&self, call: &Call) -> Outcome<()> {
        self.check_caller(call.request.url.as_deref())?;
        let target = call.request.http.as_ref();
        target.map_or(Ok(()), |target| binding::check_target(&self.server.name, &self.server.url, target))
    }

    /// What `call` asks for, given the `stored` record.
    #[must_use]
    pub fn wish_of(&self, call: &Call, stored: Option<&TokenRecord>) -> Wish {
        let step_up = call.request.step_up();
        // Who wants more and says neither of which token nor which scopes cannot mean another one than the stored.
        let any = step_up.as_ref().is_some_and(Vec::is_empty) && call.request.rejected.is_none();
        let unsaid = stored.filter(|_| any).map(|stored| stored.clear.generation.clone());
        Wish {
            min_ttl: call.request.min_ttl.unwrap_or(0),
            rejected: call.rejected(stored).or(unsaid),
            step_up,
            ..self.wish()
        }
    }

    /// What a call asks for, before its own wishes.
    #[must_use]
    pub fn wish(&self) -> Wish {
        let unattended = self.server.grant.is_unattended();
        Wish {
            skew: self.server.refresh_skew_seconds,
            unattended,
            limit: self.server.scope.as_deref().filter(|_| unattended).map(split_scope),
            ..Wish::default()
        }
    }

    /// When a call without a person has to end that `began` then and states this `timeout`, in seconds.
    #[must_use]
    pub fn deadline(&self, began: Instant, timeout: Option<u64>) -> Instant {
        began + Duration::from_secs(timeout.unwrap_or(self.loaded.machine.timeout_seconds))
    }

    /// Opens the person's browser, which gets no variable that carries a secret, of this server or of another one.
    ///
    /// # Errors
    /// A sentence that says why no browser was opened.
    pub fn open_browser(&self, url: &str) -> Result<(), String> {
        let withheld = config::secret_variables(self.environment);
        browser::open(url, &withheld.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whoever corrects a secret has to know where it came from: a variable takes the place of what the file says.
    fn with_origin_of_secret(&self, failure: Failure) -> Failure {
        let source = &self.server.client_secret;
        let variable = match source.variable() {
            _ if failure.code != Code::InvalidClient || !source.is_given() => None,
            None => self.environment.has_client_secret().then_some(CLIENT_SECRET),
            _ => source.shown_variable(),
        };
        match variable.filter(|variable| !failure.message.contains(variable)) {
            Some(variable) => {
                let text = format!("{}; the secret came from the variable `{variable}`", failure.message);
                failure.saying(text)
            }
            None => failure,
        }
    }

    /// Keeps a failure for `status`, since stderr may be lost, and names the server in it.
    #[must_use]
    pub fn remember(&self, failure: Failure) -> Failure {
        let failure = self.with_origin_of_secret(failure).of_server(&self.server.name);
        // Only where something is kept already: a failure must not be the first thing that is written. A slip at the
        // keyboard says nothing of the server.
        if failure.code != Code::Usage && self.store.cache().is_dir() && self.store.check().is_ok() {
            self.slot().state().update(|state| state.remember(&failure));
        }
        failure
    }
}

/// The store that the configuration names.
#[must_use]
pub fn store_of(loaded: &Loaded) -> Store {
    Store::new(loaded.machine.state_dir.clone(), Some(loaded.cache_dir.clone()), loaded.key.clone())
}

/// When a login may start: `never` wins over all, and what was typed over the rest.
#[must_use]
pub fn interactive(server: &Server, typed: Option<InteractiveArg>) -> Interactive {
    let typed = typed.map(|typed| match typed {
        InteractiveArg::Auto => Interactive::Auto,
        InteractiveArg::Always => Interactive::Always,
        InteractiveArg::Never => Interactive::Never,
    });
    typed.map_or(server.interactive, |typed| server.interactive.overridden_by(typed))
}

/// A server that is in no configuration any more, as its record tells of it.
fn server_of_record(name: &str, store: &Store, environment: &Environment) -> Outcome<Server> {
    let clear = Slot::new(store, name).peek_clear()?;
    clear
        .map(|clear| Server::unconfigured(clear.server, clear.url, clear.grant))
        .ok_or_else(|| unknown(name, store, environment))
}

/// The failure of a name that nothing knows, with the names that are near.
#[must_use]
pub fn unknown(name: &str, store: &Store, environment: &Environment) -> Failure {
    let mut known = config::names(environment).unwrap_or_default();
    known.extend(store.names().unwrap_or_default());
    let near = config::name::near(name, &known);
    let hint = match near.as_slice() {
        [] => format!("add it with `mcp-credential add {name} URL`, or see `mcp-credential list`"),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    let hint = match environment.lacks_url() {
        Some(variable) => format!(
            "`{variable}` is set, but `UPSTREAM_URL` is not: set it to the URL of the server that the environment describes; else {hint}"
        ),
        None => hint,
    };
    Failure::new(Code::NotFound, format!("no server of this name is configured; {hint}")).of_server(name)
}

/// Says something to a person who is waiting.
pub fn say(text: &str) {
    reply::note(text);
}
