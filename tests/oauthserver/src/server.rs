//! The handle that tests hold: start, watch, disturb, inspect, stop.
//!
//! Owns the lifetime of the listener. Every method may be called from any thread, at any time, also while
//! requests are held.

use crate::client::Client;
use crate::connections::Listener;
use crate::faults::{Endpoint, Fault, Times};
use crate::log::RequestLog;
use crate::logged::Logged;
use crate::port::HeldPort;
use crate::settings::{Document, Settings};
use crate::shared::Shared;
use crate::tokens::{Subject, TokenStatus};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Tokens that were issued without a login.
#[derive(Clone, PartialEq, Eq)]
pub struct Minted {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// Lifetime of the access token in seconds.
    pub expires_in: u64,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minted {{ expires_in: {} }}", self.expires_in)
    }
}

/// A running server. Dropping it closes the port and every connection, held ones as well.
pub struct OAuthServer {
    shared: Arc<Shared>,
    listener: Mutex<Option<Listener>>,
    /// So that the port is still free after a time offline.
    _held: Option<HeldPort>,
}

impl OAuthServer {
    /// Starts a server on 127.0.0.1.
    ///
    /// # Errors
    /// The port is taken, or the system has no socket, thread or randomness left.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let held = HeldPort::for_later(settings.port)?;
        let port = held.as_ref().map_or(settings.port, HeldPort::number);
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = socket.local_addr()?.port();
        let shared = Arc::new(Shared::new(settings, port)?);
        let listener = Listener::start(&shared, socket)?;
        Ok(Self { shared, listener: Mutex::new(Some(listener)), _held: held })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.shared.site().origin()
    }

    /// URL of the MCP endpoint.
    #[must_use]
    pub fn mcp_url(&self) -> String {
        self.shared.site().mcp_url()
    }

    /// The resource identifier, as published and demanded.
    #[must_use]
    pub fn resource(&self) -> String {
        self.shared.site().resource()
    }

    /// The true issuer (metadata and `iss` may say otherwise, see [`Settings`]).
    #[must_use]
    pub fn issuer(&self) -> String {
        self.shared.site().issuer()
    }

    /// URL of the authorization endpoint.
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        self.shared.site().endpoint("authorize")
    }

    /// URL of the token endpoint.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        self.shared.site().endpoint("token")
    }

    /// URL of the registration endpoint.
    #[must_use]
    pub fn registration_endpoint(&self) -> String {
        self.shared.site().endpoint("register")
    }

    /// URL of the revocation endpoint.
    #[must_use]
    pub fn revocation_endpoint(&self) -> String {
        self.shared.site().endpoint("revoke")
    }

    /// Path of a well-known document, whether it exists or not.
    #[must_use]
    pub fn document_path(&self, document: Document) -> String {
        self.shared.site().document(document)
    }

    /// Changes the settings; requests that arrive later see them.
    pub fn reconfigure(&self, how: impl FnOnce(&mut Settings)) {
        self.shared.reconfigure(how);
    }

    /// Accepts the access tokens of `other` at this server's MCP endpoint, if they were issued for this server's
    /// resource (so `other` needs [`Settings::resource`]).
    pub fn trust_tokens_of(&self, other: &Self) {
        self.shared.befriend(&other.shared);
    }

    /// Closes the port and every connection, and keeps all state: clients find the connection refused.
    pub fn go_offline(&self) {
        drop(self.listener().take());
    }

    /// Opens the same port again.
    ///
    /// # Errors
    /// Somebody else listens on the port, or the system has no socket or thread left.
    pub fn go_online(&self) -> io::Result<()> {
        let mut listener = self.listener();
        if listener.is_none() {
            let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port()))?;
            *listener = Some(Listener::start(&self.shared, socket)?);
        }
        Ok(())
    }

    /// Orders a fault. The oldest order that concerns a request wins.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault, times: Times) {
        self.shared.orders.add(endpoint, fault, times);
    }

    /// Withdraws all orders, and ends what they hold: hanging requests are closed with nothing done, committed
    /// ones are answered, endless bodies end.
    pub fn clear_faults(&self) {
        self.shared.orders.clear();
        self.shared.gate.clear();
    }

    /// Lets every held request go on to its usual answer. Orders stay: later requests are held again.
    pub fn release(&self) {
        self.shared.gate.release();
    }

    /// Moves the server's clock forward.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Demands other `DPoP` nonces from now on.
    pub fn renew_dpop_nonces(&self) {
        self.shared.state().nonce_round += 1;
    }

    /// Ends all access tokens that were issued so far. Refresh tokens stay.
    pub fn expire_access_tokens(&self) {
        self.shared.state().tokens.expire_access();
    }

    /// Revokes all token families, as a user does on the account page.
    pub fn revoke_families(&self) {
        self.shared.state().tokens.revoke_families();
    }

    /// Forgets all dynamically registered clients.
    pub fn forget_clients(&self) {
        self.shared.state().registered.clear();
    }

    /// Issues an access token and a refresh token for `client_id`, without a request. A client that is not known
    /// is registered as a public one without redirect URIs.
    #[must_use]
    pub fn issue_refresh_family(&self, client_id: &str, scope: &str) -> Minted {
        let site = self.shared.site();
        let subject = Subject {
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            audience: site.resource(),
            jkt: None,
        };
        let mut state = self.shared.state();
        if state.client(&site.settings, client_id).is_none() {
            let client = Client::public(client_id);
            state.registered.insert(client_id.to_owned(), client);
        }
        let issued = state.tokens.found(&self.shared.mint(&site), &subject);
        Minted {
            access_token: issued.access,
            refresh_token: issued.refresh.unwrap_or_default(),
            expires_in: site.settings.access_token_ttl.as_secs(),
        }
    }

    /// Whether the MCP endpoint would accept the token: the same check, without a request.
    #[must_use]
    pub fn mcp_accepts(&self, token: &str) -> bool {
        self.shared.accepted(token).is_some()
    }

    /// When the access token ends (or ended) by the machine's clock, if nobody moves this server's. None: this
    /// server never issued it.
    #[must_use]
    pub fn access_token_end(&self, token: &str) -> Option<SystemTime> {
        let end = self.shared.state().tokens.access_end(token)?;
        let (now, here) = (self.shared.clock.now(), SystemTime::now());
        Some(here + end.saturating_sub(now) - now.saturating_sub(end))
    }

    /// The number of the login that an access token goes back to: equal for a login's own token and all that
    /// were refreshed from it. None: it goes back to none, or this server never issued it.
    #[must_use]
    pub fn family_of(&self, access_token: &str) -> Option<usize> {
        self.shared.state().tokens.family_of_access(access_token)
    }

    /// The state of a refresh token.
    #[must_use]
    pub fn refresh_token_status(&self, token: &str) -> TokenStatus {
        self.shared.state().tokens.status(token, self.shared.clock.now())
    }

    /// Number of refresh tokens that could be redeemed.
    #[must_use]
    pub fn live_refresh_token_count(&self) -> usize {
        self.shared.state().tokens.live_refresh(self.shared.clock.now())
    }

    /// Number of access tokens that are accepted.
    #[must_use]
    pub fn live_access_token_count(&self) -> usize {
        self.shared.state().tokens.live_access(self.shared.clock.now())
    }

    /// Number of clients that are registered dynamically (or by [`OAuthServer::issue_refresh_family`]).
    #[must_use]
    pub fn registered_client_count(&self) -> usize {
        self.shared.state().registered.len()
    }

    /// Whether any token family was revoked, for whatever reason.
    #[must_use]
    pub fn family_revoked(&self) -> bool {
        self.shared.state().tokens.any_revoked()
    }

    /// How often a spent refresh token was presented by its client.
    #[must_use]
    pub fn reuses(&self) -> usize {
        self.shared.state().tokens.reuses()
    }

    /// The request log of this moment.
    #[must_use]
    pub fn log(&self) -> RequestLog {
        self.shared.log.snapshot()
    }

    /// All requests so far, as own values.
    #[must_use]
    pub fn requests(&self) -> Vec<Logged> {
        self.log().iter().cloned().collect()
    }

    /// Number of requests to that path.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.log().count(path)
    }

    /// Requests to the token endpoint.
    #[must_use]
    pub fn token_requests(&self) -> Vec<Logged> {
        self.log().token_requests().into_iter().cloned().collect()
    }

    /// Requests that asked for a refresh, whatever became of them.
    #[must_use]
    pub fn refreshes(&self) -> Vec<Logged> {
        self.log().refreshes().into_iter().cloned().collect()
    }

    /// Requests to the registration endpoint.
    #[must_use]
    pub fn registrations(&self) -> Vec<Logged> {
        self.log().registrations().into_iter().cloned().collect()
    }

    /// Waits until the condition holds for the log, at most `limit`; tells whether it does. The condition is asked
    /// again at every change of the log, and may call this server.
    pub fn wait_for(&self, condition: impl Fn(&RequestLog) -> bool, limit: Duration) -> bool {
        self.shared.log.wait_for(condition, limit)
    }

    /// Number of connections that were ever accepted, also those that sent nothing.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.accepted()
    }

    /// Number of connections that are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.connections.count()
    }

    fn listener(&self) -> MutexGuard<'_, Option<Listener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OAuthServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OAuthServer({})", self.mcp_url())
    }
}
