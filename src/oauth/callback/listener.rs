//! The listener: sockets on loopback that wait for one answer of the browser.
//!
//! Owns the sockets and the connections, all served by the caller's thread without blocking, so that no
//! peer can hold it: not by silence, not by half a request, not by hundreds of connections. It knows no
//! server, no URL but its own, and what a request means is the judge's. Sockets close on drop.
//!
//! Where the person pastes the answer there are no sockets, and only the redirect URI is left.
//!
//! Limits: it looks at its sockets every 10 ms; an answer that comes after the deadline is lost.

use super::address::{BindError, Plan};
use super::connection::{Connection, Reply};
use super::head::RequestHead;
use super::{Expected, IssuerBreach, IssuerRule, Refusal, Verdict, judge};
use crate::config::Callback;
use crate::failure::Outcome;
use crate::page::{self, Page, Status};
use crate::secret::Secret;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

/// How often the sockets are looked at.
const TICK: Duration = Duration::from_millis(10);
/// The most connections that stay open; beyond it the oldest that has sent no whole request goes.
const OPEN_LIMIT: usize = 64;
/// The most connections that are taken in one look at one socket.
const ACCEPT_LIMIT: usize = 128;

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With the authorization code.
    Code(Secret),
    /// The authorization server answered with an error.
    Denied {
        /// `error`, as it came.
        error: String,
        /// `error_description`, as it came.
        description: Option<String>,
    },
    /// The answer is not from the issuer that was asked.
    Untrusted(IssuerBreach),
    /// The deadline came first.
    TimedOut,
    /// The caller gave up.
    Cancelled,
}

/// Sockets that wait for the browser.
#[derive(Debug)]
pub struct Listener {
    plan: Plan,
    sockets: Vec<TcpListener>,
    port: u16,
}

impl Listener {
    /// Listens where `callback` says, or nowhere if the answer is pasted.
    ///
    /// # Errors
    /// `config_invalid` for settings that cannot work; `unavailable` when the port is taken. The message
    /// names the setting and says what to do.
    pub fn bind(callback: &Callback) -> Outcome<Self> {
        let plan = Plan::of(callback)?;
        if callback.pasted {
            let port = plan.unheard_port()?;
            return Ok(Self { plan, sockets: Vec::new(), port });
        }
        Self::on(plan)
    }

    /// Listens where `callback` says, or on any free port when that one is taken: for a client whose
    /// registration allows every port (RFC 8252, section 7.3) or is yet to be made.
    ///
    /// # Errors
    /// As [`Listener::bind`]; a taken port is one only where `redirectUri` fixes it.
    pub fn bind_or_any_port(callback: &Callback) -> Outcome<Self> {
        let plan = Plan::of(callback)?;
        match plan.bind() {
            Ok(sockets) => Ok(Self::over(plan, sockets)),
            Err(error) if error.is_taken() => plan.with_any_port().map_or(Err(error.failure()), Self::on),
            Err(error) => Err(error.failure()),
        }
    }

    fn on(plan: Plan) -> Outcome<Self> {
        let sockets = plan.bind().map_err(BindError::failure)?;
        Ok(Self::over(plan, sockets))
    }

    fn over(plan: Plan, sockets: Vec<TcpListener>) -> Self {
        let address = sockets.first().and_then(|socket| socket.local_addr().ok());
        Self { plan, sockets, port: address.map_or(0, |address| address.port()) }
    }

    /// The redirect URI to register and to send, byte for byte.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        self.plan.redirect_uri(self.port)
    }

    /// The addresses that are listened on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// What `ssh -L` must be told so that a browser on another machine reaches this listener, for example
    /// `8080:127.0.0.1:8080`. None where the redirect URI leads here by another way.
    #[must_use]
    pub fn tunnel(&self) -> Option<String> {
        let address = self.addresses().first()?.to_string();
        self.plan.browser_port(self.port).map(|port| format!("{port}:{address}"))
    }

    /// What the judge expects here, for a login with this `state` and this issuer.
    #[must_use]
    pub fn expected(&self, state: Secret, issuer: IssuerRule) -> Expected {
        Expected { path: self.plan.path().to_owned(), hosts: self.plan.hosts(self.port), state, issuer }
    }

    /// Waits for the answer of the login that `expected` describes. Once it is there, its page is sent
    /// before this returns (at most a few seconds later, even to a peer that does not read).
    pub fn wait(&self, expected: &Expected, deadline: Instant, cancelled: &dyn Fn() -> bool) -> Ended {
        let mut session = Session { expected, connections: Vec::new(), ended: None };
        loop {
            self.sockets.iter().for_each(|socket| session.accept(socket));
            session.serve();
            if let Some(ended) = session.finished() {
                return ended;
            }
            if session.ended.is_none() && cancelled() {
                return Ended::Cancelled;
            }
            if session.ended.is_none() && Instant::now() >= deadline {
                return Ended::TimedOut;
            }
            thread::sleep(TICK);
        }
    }
}

/// One wait: the connections under way, oldest first, and the answer once it came.
struct Session<'a> {
    expected: &'a Expected,
    connections: Vec<Connection>,
    ended: Option<Ended>,
}

impl Session<'_> {
    fn accept(&mut self, socket: &TcpListener) {
        for _ in 0..ACCEPT_LIMIT {
            match socket.accept() {
                Ok((stream, _)) => self.connections.extend(Connection::new(stream).ok()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if is_of_one_connection(error.kind()) => {}
                // No descriptors or no memory left: make room.
                Err(_) => return self.evict(),
            }
        }
    }

    /// Serves what is there before it makes room, so that a request that came whole is never evicted.
    fn serve(&mut self) {
        let Self { expected, connections, ended } = self;
        connections.retain_mut(|connection| connection.advance(&mut |head| reply(head, expected, ended)));
        while self.connections.len() > OPEN_LIMIT {
            self.evict();
        }
    }

    fn evict(&mut self) {
        let oldest = self.connections.iter().position(Connection::is_reading).unwrap_or(0);
        if oldest < self.connections.len() {
            self.connections.remove(oldest);
        }
    }

    /// The answer, as soon as the browser that brought it has its page.
    fn finished(&mut self) -> Option<Ended> {
        if self.connections.iter().any(Connection::settles) { None } else { self.ended.take() }
    }
}

fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// Judges one request. The first verdict that ends the login counts; a later one gets the page of the
/// first (browsers do send a navigation twice) and changes nothing.
fn reply(head: &RequestHead<'_>, expected: &Expected, ended: &mut Option<Ended>) -> Reply {
    let (end, refusal) = match judge(head, expected) {
        Verdict::Ignored(refusal) => (None, Some(refusal)),
        Verdict::Success { code } => (Some(Ended::Code(code)), None),
        Verdict::Denied { error, description } => (Some(Ended::Denied { error, description }), None),
        Verdict::Untrusted(breach) => (Some(Ended::Untrusted(breach)), None),
    };
    let settles = ended.is_none() && end.is_some();
    if settles {
        *ended = end;
    }
    let (status, page) = match refusal {
        Some(refusal) => (status_of(refusal), Page::NotHere),
        None => page_of(ended.as_ref()),
    };
    Reply { bytes: page::answer(status, page, head.method != "HEAD"), settles }
}

fn page_of(ended: Option<&Ended>) -> (Status, Page) {
    match ended {
        Some(Ended::Code(_)) => (Status::Ok, Page::Received),
        Some(Ended::Denied { .. }) => (Status::Ok, Page::Failed),
        _ => (Status::BadRequest, Page::Failed),
    }
}

fn status_of(refusal: Refusal) -> Status {
    match refusal {
        Refusal::BadRequest => Status::BadRequest,
        Refusal::NotFound => Status::NotFound,
        Refusal::MethodNotAllowed => Status::MethodNotAllowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn listener() -> (Listener, Expected) {
        let listener = Listener::bind(&Callback::default()).unwrap();
        let expected = listener.expected(Secret::new("S"), IssuerRule::default());
        (listener, expected)
    }

    /// One look at the sockets, as `wait` takes it.
    fn look(session: &mut Session<'_>, listener: &Listener) {
        session.accept(&listener.sockets[0]);
        session.serve();
    }

    fn connect(listener: &Listener) -> TcpStream {
        let stream = TcpStream::connect(listener.addresses()[0]).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    fn log_in(listener: &Listener) -> TcpStream {
        let mut browser = connect(listener);
        let host = listener.addresses()[0];
        write!(browser, "GET /callback?code=c&state=S HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        browser
    }

    #[test]
    fn case_38_only_so_many_connections_stay_open_and_the_youngest_do() {
        let (listener, expected) = listener();
        let mut session = Session { expected: &expected, connections: Vec::new(), ended: None };
        let peers: Vec<TcpStream> = (0..OPEN_LIMIT * 2).map(|_| connect(&listener)).collect();
        while session.connections.len() < OPEN_LIMIT {
            look(&mut session, &listener);
        }
        look(&mut session, &listener);
        assert_eq!(session.connections.len(), OPEN_LIMIT);
        let last = peers.last().unwrap();
        last.set_nonblocking(true).unwrap();
        assert_eq!(last.peek(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn a_page_is_whole_at_once_and_the_wait_ends_when_its_browser_has_gone() {
        let (listener, expected) = listener();
        let mut session = Session { expected: &expected, connections: Vec::new(), ended: None };
        let mut browser = log_in(&listener);
        while session.ended.is_none() {
            look(&mut session, &listener);
        }
        assert_eq!(session.finished(), None, "the browser may still be reading");
        let mut page = String::new();
        browser.read_to_string(&mut page).unwrap();
        assert!(page.ends_with("</html>\n"), "{page}");
        drop(browser);
        while !session.connections.is_empty() {
            look(&mut session, &listener);
        }
        assert_eq!(session.finished(), Some(Ended::Code(Secret::new("c"))));
    }
}
