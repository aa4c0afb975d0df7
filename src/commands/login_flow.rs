//! The story of a login: one at a time for a name, the store proved before the browser opens, the code
//! exchanged by a worker under the token lock.
//!
//! The login lock is held while the person decides, the token lock never is.

use super::session::{Session, say};
use crate::binding;
use crate::broker::{Answer, Need, Redeemed, Source, Vault, Wish, judge};
use crate::clock;
use crate::dpop;
use crate::failure::{Code, Failure, Outcome};
use crate::jose::SigningKey;
use crate::oauth::callback::paste;
use crate::oauth::challenge::Challenge;
use crate::oauth::discovery::{Discovered, discover};
use crate::oauth::grant::{GrantRequest, ProofKey, TokenRequest};
use crate::oauth::http::{Http, Limits};
use crate::oauth::login::{self, Authorization, AuthorizationEndpoint, LoginCode, Person};
use crate::store::Slot;
use crate::store::lock::Held;
use crate::store::recover::Recovery;
use crate::terminal::{self, Lines, Typed};
use crate::token::{NO_PREDECESSOR, TokenRecord};
use crate::vault::{StoreVault, everywhere, pause};
use crate::worker::Task;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::login_client::{self, Registered};
use super::{login_device, quiet, stale, step_up};

/// How long the exchange of the code may take once the lock is held: as long as a worker waits.
const EXCHANGE: Duration = Duration::from_secs(120);

/// How long a refresh of the old token is waited for after the person has logged in, if the time of the login is over.
const LAST_WAIT: Duration = Duration::from_secs(15);

/// Whether the browser is opened or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// The address is printed and the browser opened.
    Browser,
    /// The address is printed.
    Nothing,
    /// The address is printed, and the one that the browser ends at is read from the terminal.
    Paste,
}

/// How a person logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Whether the browser is opened.
    pub opening: Opening,
    /// Whether the login is on another device (RFC 8628), where the caller has said it.
    pub device: Option<bool>,
}

/// What is known before a login of what it has to bring.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// What the MCP server said when it refused the caller; without it, it is asked.
    pub challenge: Option<&'a Challenge>,
    /// The scopes to ask for beside those that were asked for before.
    pub scopes: Option<&'a [String]>,
}

/// Logs in, or takes the token of a login that was under way. `wish` is that of a `get` which another
/// login may satisfy meanwhile; a typed `login` has none.
///
/// # Errors
/// Every code of protocol.md.
pub fn run(
    session: &Session,
    vault: &StoreVault,
    wish: Option<&Wish>,
    wanted: &Wanted,
    way: Way,
    timeout: Option<u64>,
) -> Outcome<Answer> {
    let seconds = timeout.unwrap_or(session.server.callback.timeout_seconds);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    // Before the first lock: without a place for the token nobody should be asked to log in.
    let store = everywhere(&session.store, session.environment)?;
    Slot::new(&store, &session.server.name).prove_writable()?;
    let before = generation_of(vault.peek().ok().flatten().as_ref());
    let (_lock, queued) = login_lock(session, deadline)?;
    let others = Others { wish, scopes: wanted.scopes, moved_on_from: queued.then_some(before) };
    if let Some(answer) = others.answer(vault)? {
        return Ok(answer);
    }
    if let Some(wish) = wish {
        admit(session, wish)?;
    }
    let outcome = lead(session, vault, wanted, way, deadline);
    if outcome.is_err() {
        session.slot().state().update(|state| state.login_failed_at = Some(clock::now()));
    }
    outcome
}

/// Takes the login lock, after whoever holds it. The second value says whether there was a wait.
fn login_lock(session: &Session, deadline: Instant) -> Outcome<(Held, bool)> {
    let mut lock = session.slot().login_lock();
    let mut waited = false;
    loop {
        if let Some(held) = lock.try_take()? {
            return Ok((held, waited));
        }
        if Instant::now() >= deadline {
            let text = "another login of this server is under way and was not completed in time; complete it in the browser, or try again";
            return Err(Failure::new(Code::LockTimeout, text));
        }
        if !std::mem::replace(&mut waited, true) {
            say(&format!("{}: another login is under way; waiting for its token", session.server.name));
        }
        pause(deadline);
    }
}

/// What somebody else's login may have brought while this one waited for its turn.
struct Others<'a> {
    wish: Option<&'a Wish>,
    scopes: Option<&'a [String]>,
    /// The generation before the wait, where there was one.
    moved_on_from: Option<String>,
}

impl Others<'_> {
    /// Its token, if it is the answer.
    fn answer(&self, vault: &StoreVault) -> Outcome<Option<Answer>> {
        let record = match vault.peek() {
            Ok(record) => record,
            // A login replaces what cannot be read back, and what was made for another server or client.
            Err(failure) if matches!(failure.code, Code::CacheDamaged | Code::UrlMismatch) => None,
            Err(failure) => return Err(failure),
        };
        let Some(record) = record.filter(|record| self.takes(record)) else { return Ok(None) };
        Ok(Some(Answer {
            min_ttl_met: self.wish.and_then(|wish| wish.min_ttl_met(&record.clear, clock::now())),
            clear: record.clear,
            access_token: record.access_token,
            dpop_key: record.dpop_key,
            proof: None,
            source: Source::AlreadyRotated,
            persisted: true,
        }))
    }

    /// Whoever asked for more scopes at the same moment was given what the person granted, all of it or not.
    fn takes(&self, record: &TokenRecord) -> bool {
        let satisfies = |wish: &Wish| judge(Some(&record.clear), wish, clock::now()) == Need::Nothing;
        let moved_on = self.moved_on_from.as_ref().is_some_and(|before| record.clear.generation != *before);
        match self.wish {
            Some(wish) if moved_on => satisfies(&Wish { step_up: None, ..wish.clone() }),
            Some(wish) => satisfies(wish),
            None => {
                let step_up = self.scopes.map(<[String]>::to_vec);
                moved_on && satisfies(&Wish { step_up, ..Wish::default() })
            }
        }
    }
}

/// Whether a login that nobody typed may begin, now that it is its turn: whoever waited for one that the person
/// refused must not ask again.
fn admit(session: &Session, wish: &Wish) -> Outcome<()> {
    let code = if wish.step_up.is_some() { Code::InsufficientScope } else { Code::InteractionRequired };
    let scopes = wish.step_up.as_deref().unwrap_or_default();
    let failure = Failure::new(code, "a login is needed").demanding(scopes);
    quiet::check(session, &failure)?;
    step_up::check(session, &failure)?;
    step_up::count(session);
    Ok(())
}

fn generation_of(record: Option<&TokenRecord>) -> String {
    record.map_or(NO_PREDECESSOR, |record| &record.clear.generation).to_owned()
}

/// The login itself, under the login lock.
fn lead(
    session: &Session,
    vault: &StoreVault,
    wanted: &Wanted,
    way: Way,
    deadline: Instant,
) -> Outcome<Answer> {
    let http = Http::new(&session.loaded.machine.network, Limits::PLAIN)?.until(deadline);
    let mut found = discover(&http, &session.server, wanted.challenge)?;
    // A configured scope is what a login asks for, unless more is demanded.
    if session.server.scope.is_none() || wanted.scopes.is_some() {
        found.scope = step_up::scope(session, &found, wanted.scopes.unwrap_or_default());
    }
    if let Some(answer) = login_device::instead(session, vault, &http, &found, way, deadline)? {
        return Ok(answer);
    }
    // Whoever cannot store the token in the end must not be asked.
    drop(token_lock(session, vault, deadline)?);
    let registered = login_client::find_or_register(session, &http, &found, false)?;
    let registered = stale::replaced(session, &http, &found, registered)?;
    let dpop = dpop::for_login(&session.server, &found)?;
    let code = ask_person(session, &found, &registered, dpop.as_ref(), way.opening, deadline)
        .map_err(|failure| stale::advised(session, &registered, failure))?;
    exchange(session, vault, &found, &registered, dpop, code, deadline)
}

fn ask_person(
    session: &Session,
    found: &Discovered,
    registered: &Registered,
    dpop: Option<&ProofKey>,
    opening: Opening,
    deadline: Instant,
) -> Outcome<LoginCode> {
    let dpop_jkt = dpop.and_then(|dpop| Some(SigningKey::stored(&dpop.key).ok()?.public().thumbprint()));
    let endpoint = AuthorizationEndpoint { dpop_jkt, ..endpoint_of(session, found)? };
    let client_id = &registered.client.client_id;
    let redirect_uri = registered.listener.redirect_uri();
    let authorization = Authorization::prepare(&session.server, &endpoint, client_id, &redirect_uri)?;
    let open = |url: &str| session.open_browser(url);
    let input = terminal::stdin();
    let mut lines = (opening == Opening::Paste).then(|| Lines::of(input.as_fd(), paste::LIMIT));
    let mut read = |deadline| lines.as_mut().map_or(Typed::Ended, |lines| lines.next(deadline));
    let mut person = Person {
        terminal: &mut std::io::stderr(),
        open_browser: (opening == Opening::Browser).then_some(&open),
        is_remote: session.environment.is_ssh() || !session.environment.has_display(),
        paste: (opening == Opening::Paste).then_some(&mut read),
        deadline: Some(deadline),
        cancelled: &|| false,
    };
    login::authorize(&session.server, &registered.listener, &authorization, &mut person)
}

/// Where the person is sent, with what discovery learned about it.
///
/// # Errors
/// `config_invalid` where nobody named an authorization endpoint.
pub fn endpoint_of(session: &Session, found: &Discovered) -> Outcome<AuthorizationEndpoint> {
    Ok(AuthorizationEndpoint {
        url: found.authorization_endpoint.clone().ok_or_else(|| no_authorization_endpoint(session))?,
        issuer: found.issuer.clone(),
        iss_parameter_supported: found.iss_parameter_supported,
        resource: found.resource.clone(),
        scope: found.scope.clone(),
        dpop_jkt: None,
    })
}

fn no_authorization_endpoint(session: &Session) -> Failure {
    let text = "the authorization server names no authorization endpoint; set `authorizationUrl` in the configuration";
    Failure::new(Code::ConfigInvalid, text).of_server(&session.server.name)
}

/// The code is spent by a worker, under the token lock, with the room for its record reserved.
fn exchange(
    session: &Session,
    vault: &StoreVault,
    found: &Discovered,
    registered: &Registered,
    dpop: Option<ProofKey>,
    code: LoginCode,
    login_ends: Instant,
) -> Outcome<Answer> {
    let server = &session.server;
    let clear = binding::template(server, found, &registered.client);
    let request = TokenRequest {
        server: server.name.clone(),
        token_endpoint: found.token_endpoint.clone(),
        client: registered.client.clone(),
        grant: GrantRequest::AuthorizationCode {
            code: code.code,
            verifier: code.verifier,
            redirect_uri: code.redirect_uri,
        },
        scope: None,
        resource: found.resource.clone(),
        audience: server.audience.clone(),
        extra_params: server.extra_params.clone(),
        dpop,
    };
    let patience = login_ends.max(Instant::now() + LAST_WAIT);
    loop {
        let lock = token_lock(session, vault, patience)?;
        let before = generation_of(vault.peek().ok().flatten().as_ref());
        let task = Task::Exchange { request: Box::new(request.clone()), clear: Box::new(clear.clone()) };
        // Counted from here: the wait for the lock is not the server's.
        match vault.work(lock, task, Instant::now() + EXCHANGE) {
            Redeemed::Done(answer) => return Ok(*answer),
            Redeemed::Again | Redeemed::Pending { .. } if Instant::now() < patience => pause(patience),
            Redeemed::Again | Redeemed::Pending { .. } => return Err(still_refreshing()),
            Redeemed::Failed(failure) => return Err(failure),
            Redeemed::TimedOut => return saved_meanwhile(vault, before)?.ok_or_else(no_answer),
            Redeemed::Vanished => {
                finish_left(session, vault, patience)?;
                return saved_meanwhile(vault, before)?.ok_or_else(cut_short);
            }
        }
    }
}

/// The token that a worker has saved before it was gone, in the place of the generation `before`.
fn saved_meanwhile(vault: &StoreVault, before: String) -> Outcome<Option<Answer>> {
    let saved = Others { wish: None, scopes: None, moved_on_from: Some(before) }.answer(vault)?;
    Ok(saved.map(|answer| Answer { source: Source::Login, ..answer }))
}

/// Puts what a worker that is gone has left in its place, before anything is said about it.
///
/// # Errors
/// `lock_timeout`, and those of the store.
pub(super) fn finish_left(session: &Session, vault: &StoreVault, deadline: Instant) -> Outcome<()> {
    let slot = session.slot();
    loop {
        if let Some(held) = vault.try_lock()?
            && let Some(claim) = slot.claim(&held)?
        {
            if slot.finish(&claim)? == Recovery::Adopted {
                claim.forget();
            }
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(still_refreshing());
        }
        pause(deadline);
    }
}

/// The stored record. One that cannot be read makes way for an answer that was saved to take its place.
///
/// # Errors
/// Those of [`Slot::peek`](crate::store::Slot::peek), and of [`finish_left`].
pub(super) fn stored(
    session: &Session,
    vault: &StoreVault,
    deadline: Instant,
) -> Outcome<Option<TokenRecord>> {
    match vault.peek() {
        Err(failure) if failure.code == Code::CacheDamaged && vault.has_saved(None) => {
            finish_left(session, vault, deadline)?;
            vault.peek()
        }
        stored => stored,
    }
}

/// The token lock, after whoever refreshes the old token.
///
/// # Errors
/// `lock_timeout`.
pub(super) fn token_lock(session: &Session, vault: &StoreVault, deadline: Instant) -> Outcome<Held> {
    let mut told = false;
    loop {
        if let Some(held) = vault.try_lock()? {
            return Ok(held);
        }
        if Instant::now() >= deadline {
            return Err(still_refreshing());
        }
        if !std::mem::replace(&mut told, true) {
            say(&format!("{}: waiting for a refresh of the old token to end", session.server.name));
        }
        pause(deadline);
    }
}

fn still_refreshing() -> Failure {
    let text = "a refresh of the old token is under way and does not end; log in again later";
    Failure::new(Code::LockTimeout, text)
}

fn no_answer() -> Failure {
    let text = "the authorization server did not answer the exchange of the login; log in again";
    Failure::new(Code::Unavailable, text)
}

fn cut_short() -> Failure {
    let text = "the process that exchanged the login was ended before it had saved an answer; log in again";
    Failure::new(Code::Unavailable, text)
}
