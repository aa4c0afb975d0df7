//! A login on another device (RFC 8628): a code is shown, a person enters it wherever there is a browser, and the
//! authorization server is asked now and then whether that has happened.
//!
//! Any answer may be the one that carries the tokens. So each poll is the work of a worker, like the exchange of a
//! code: under the token lock, with the room for the record reserved, and it goes on when we are killed. Between
//! two polls nothing is held but the login lock. Limit: when we are killed between two polls, nobody asks any more,
//! and the codes expire.

use super::login_client;
use super::login_flow::{Opening, Way, finish_left, token_lock};
use super::session::{Session, say};
use crate::binding;
use crate::broker::{Answer, Redeemed, Source, Vault};
use crate::config::Grant;
use crate::dpop;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::discovery::Discovered;
use crate::oauth::grant::{
    Client, DEVICE_CODE, DeviceAuthorization, GrantRequest, TokenRequest, device_authorization,
};
use crate::oauth::http::Http;
use crate::oauth::url::origin;
use crate::text::one_line;
use crate::token::Clear;
use crate::vault::{StoreVault, pause};
use crate::worker::Task;
use std::thread;
use std::time::{Duration, Instant};
use url::Url;

/// How much longer the pause gets when the server asks to be asked less often (section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The pause up to which faults of the network double it; beyond that it grows by [`SLOW_DOWN`].
const DOUBLED_UP_TO: Duration = Duration::from_secs(60);

/// Logs in on another device where that is wanted: it was asked for, or no browser here would be seen and the
/// server offers it. `None` leaves the login to a browser.
///
/// # Errors
/// Those of the registration, of the device authorization endpoint and of the polls. A server that does not let the
/// client do it is no error where nobody asked for it.
pub fn instead(
    session: &Session,
    vault: &StoreVault,
    http: &Http,
    found: &Discovered,
    way: Way,
    deadline: Instant,
) -> Outcome<Option<Answer>> {
    let asked_for = match (session.server.grant, way.device) {
        (Grant::DeviceCode, Some(false)) => {
            let text =
                "this server is configured with the grant device_code; drop `--no-device` or `--paste`";
            return Err(Failure::new(Code::Usage, text));
        }
        (Grant::DeviceCode, _) | (_, Some(true)) => true,
        (_, None) if is_remote(session) && is_offered(found) => false,
        (_, Some(false) | None) => return Ok(None),
    };
    match begin(session, http, found) {
        Ok(login) if !asked_for && !login.is_at_home(found) => {
            // Where that page is stays unsaid: whoever wants it asks for it.
            let name = &session.server.name;
            say(&format!(
                "{name}: if no browser can reach this machine, `mcp-credential login {name} --device` gives a code to enter on \
                 another device; it is not done unasked, since the page for it is not at the authorization server's own \
                 address."
            ));
            Ok(None)
        }
        Ok(login) => login.finish(vault, way.opening, deadline).map(Some),
        Err(failure) if !asked_for && is_refusal(&failure) => {
            log::info!("no login on another device: {}", failure.message);
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

fn is_remote(session: &Session) -> bool {
    session.environment.is_ssh() || !session.environment.has_display()
}

fn is_offered(found: &Discovered) -> bool {
    let listed = found.grant_types.as_ref();
    found.device_authorization_endpoint.is_some()
        && listed.is_none_or(|grants| grants.iter().any(|grant| grant == DEVICE_CODE))
}

fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.code, Code::Denied | Code::InvalidClient | Code::ConfigInvalid)
}

/// A login whose codes are there.
struct Login<'a> {
    session: &'a Session<'a>,
    codes: DeviceAuthorization,
    /// When the codes stop working, if that can be told.
    end: Option<Instant>,
    request: TokenRequest,
    clear: Clear,
}

fn begin<'a>(session: &'a Session<'a>, http: &Http, found: &Discovered) -> Outcome<Login<'a>> {
    let server = &session.server;
    let Some(endpoint) = &found.device_authorization_endpoint else {
        let text = "the authorization server offers no login on another device; leave out `--device`, or set \
                    `deviceAuthorizationUrl` in the configuration";
        return Err(Failure::new(Code::ConfigInvalid, text).of_server(&server.name));
    };
    let registered = login_client::find_or_register(session, http, found, true)?;
    let mut client = registered.client;
    let sent = Instant::now();
    let mut codes = ask(session, http, found, endpoint, &client);
    if registered.is_old && codes.as_ref().is_err_and(|failure| failure.code == Code::InvalidClient) {
        // The server has forgotten it: that is proved here, and mended once.
        client = login_client::register_now(session, http, found, true)?.client;
        codes = ask(session, http, found, endpoint, &client);
    }
    let codes = codes?;
    let dpop = dpop::for_login(server, found)?;
    let poll = GrantRequest::DeviceCode { device_code: codes.device_code.clone() };
    Ok(Login {
        end: sent.checked_add(Duration::from_secs(codes.expires_in)),
        request: TokenRequest { dpop, ..request(session, found, &client, poll) },
        clear: binding::template(server, found, &client),
        session,
        codes,
    })
}

/// The device authorization request (section 3.1).
fn ask(
    session: &Session,
    http: &Http,
    found: &Discovered,
    endpoint: &str,
    client: &Client,
) -> Outcome<DeviceAuthorization> {
    let server = &session.server;
    let asked = TokenRequest {
        token_endpoint: endpoint.to_owned(),
        scope: found.scope.clone(),
        extra_params: server.authorization_params.clone(),
        ..request(session, found, client, GrantRequest::DeviceAuthorization)
    };
    device_authorization(http, &asked, &server.allow_private_hosts)
}

fn request(session: &Session, found: &Discovered, client: &Client, grant: GrantRequest) -> TokenRequest {
    let server = &session.server;
    TokenRequest {
        server: server.name.clone(),
        token_endpoint: found.token_endpoint.clone(),
        client: client.clone(),
        grant,
        scope: None,
        resource: found.resource.clone(),
        audience: server.audience.clone(),
        extra_params: server.extra_params.clone(),
        dpop: None,
    }
}

impl Login<'_> {
    /// Whether the pages are the authorization server's own. One elsewhere may be that of another service, and the
    /// code be that of a stranger's login there (section 5.4): nobody is sent to it unasked.
    fn is_at_home(&self, found: &Discovered) -> bool {
        let own = self.session.server.device_authorization_url.as_ref().or(found.issuer.as_ref());
        let origin_of = |text: &String| Url::parse(text).ok().map(|url| origin(&url));
        let home = own.and_then(origin_of);
        let pages = [Some(&self.codes.verification_uri), self.codes.verification_uri_complete.as_ref()];
        home.is_some() && pages.into_iter().flatten().all(|page| origin_of(page) == home)
    }

    fn finish(self, vault: &StoreVault, opening: Opening, deadline: Instant) -> Outcome<Answer> {
        let end = self.end.map_or(deadline, |end| deadline.min(end));
        let mut interval = Duration::from_secs(self.codes.interval);
        if Instant::now().checked_add(interval).is_none_or(|first| first >= end) {
            return Err(self.never_asked(end));
        }
        self.show(opening, end);
        loop {
            log::info!("{}: the server is asked in {} s", self.session.server.name, interval.as_secs());
            if Instant::now().checked_add(interval).is_none_or(|next| next >= end) {
                thread::sleep(end.saturating_duration_since(Instant::now()));
                return Err(self.timed_out());
            }
            thread::sleep(interval);
            let (came, before) = self.poll(vault, end)?;
            match came {
                Redeemed::Done(answer) => return Ok(*answer),
                Redeemed::Pending { slow_down: false } => {}
                Redeemed::Pending { slow_down: true } => interval = interval.saturating_add(SLOW_DOWN),
                Redeemed::Failed(failure) if is_passing(&failure) => {
                    log::info!("asked in vain: {}", failure.message);
                    interval = after_fault(interval, failure.retry_after);
                }
                Redeemed::Failed(failure) => return Err(failure),
                Redeemed::TimedOut => return Err(self.timed_out()),
                Redeemed::Again => pause(end),
                Redeemed::Vanished => {
                    finish_left(self.session, vault, end)?;
                    match saved(vault, before.as_deref()) {
                        Some(answer) => return Ok(answer),
                        None => interval = after_fault(interval, None),
                    }
                }
            }
        }
    }

    /// One poll, in a worker, which goes on by itself when our time is over. Beside what came of it, the generation
    /// that was stored under the lock before.
    fn poll(&self, vault: &StoreVault, end: Instant) -> Outcome<(Redeemed, Option<String>)> {
        let lock = token_lock(self.session, vault, end)?;
        let before = vault.peek().ok().flatten().map(|record| record.clear.generation);
        let task =
            Task::Exchange { request: Box::new(self.request.clone()), clear: Box::new(self.clear.clone()) };
        Ok((vault.work(lock, task, end), before))
    }

    /// The address on a line of its own, so that it can be copied whole.
    fn show(&self, opening: Opening, end: Instant) {
        let (name, codes) = (&self.session.server.name, &self.codes);
        let seconds = end.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
        let code = one_line(&codes.user_code);
        let uri = &codes.verification_uri;
        say(&format!(
            "{name}: to log in, open this address in a browser on any device, and enter the code {code} there; it is \
             waited for at most {seconds:.0} s.\n{uri}"
        ));
        if let Some(complete) = &codes.verification_uri_complete {
            say(&format!(
                "This address has the code in it already; check that the page shows {code}:\n{complete}"
            ));
        }
        if opening == Opening::Browser && !is_remote(self.session) {
            let address = codes.verification_uri_complete.as_ref().unwrap_or(uri);
            match self.session.open_browser(address) {
                Ok(()) => say("A browser was asked to open it; if none appears, open the address yourself."),
                Err(why) => {
                    say(&format!("No browser was opened ({}): open the address yourself.", one_line(&why)));
                }
            }
        }
    }

    /// A person who enters the code would wait for nothing.
    fn never_asked(&self, end: Instant) -> Failure {
        let (name, pause) = (&self.session.server.name, self.codes.interval);
        let left = end.saturating_duration_since(Instant::now()).as_secs();
        let text = format!(
            "the authorization server wants to be asked every {pause} s, and the login ends in {left} s; run \
             `mcp-credential login {name} --no-device` for a login with a browser, or give more time with `--timeout` \
             where the code lasts that long"
        );
        Failure::new(Code::Deadline, text).of_server(name)
    }

    fn timed_out(&self) -> Failure {
        let name = &self.session.server.name;
        let text = format!(
            "nobody finished the login in time; run `mcp-credential login {name} --device` for a new code (`--timeout` \
             or `callbackTimeoutSeconds` gives more time)"
        );
        Failure::new(Code::Deadline, text).of_server(name)
    }
}

/// Whether the next poll may fare better.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure.code, Code::Unavailable | Code::RateLimited)
}

/// The pause after a fault: always longer than before, since the next poll must come less often (RFC 8628, section
/// 3.5), and as long as the server `asked` for, in seconds.
fn after_fault(interval: Duration, asked: Option<u64>) -> Duration {
    let doubled = interval.saturating_mul(2);
    let grown = if doubled <= DOUBLED_UP_TO {
        doubled
    } else {
        interval.saturating_add(SLOW_DOWN).max(DOUBLED_UP_TO)
    };
    grown.max(asked.map(Duration::from_secs).unwrap_or_default())
}

/// The token that a worker has saved before it vanished, in the place of `before`.
fn saved(vault: &StoreVault, before: Option<&str>) -> Option<Answer> {
    let record = vault.peek().ok().flatten()?;
    let is_new = before != Some(record.clear.generation.as_str());
    is_new.then_some(Answer {
        clear: record.clear,
        access_token: record.access_token,
        dpop_key: record.dpop_key,
        proof: None,
        source: Source::Login,
        min_ttl_met: None,
        persisted: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_makes_every_pause_longer_and_never_shorter() {
        let after = |seconds: u64, asked| after_fault(Duration::from_secs(seconds), asked).as_secs();
        assert_eq!([1, 5, 30, 31, 58].map(|seconds| after(seconds, None)), [2, 10, 60, 60, 63]);
        assert_eq!([60, 63, 90].map(|seconds| after(seconds, None)), [65, 68, 95]);
        assert_eq!((after(5, Some(7)), after(5, Some(120)), after(300, Some(1))), (10, 120, 305));
        assert_eq!(after_fault(Duration::MAX, None), Duration::MAX);
    }
}
