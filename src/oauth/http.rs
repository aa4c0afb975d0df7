//! The one HTTP client: every leg of every flow (metadata, registration, token, revocation, MCP) goes
//! through it, so proxy, certificate authorities, time limits and size limits hold everywhere.
//!
//! It follows no redirect, keeps no cookie, sends no referer, reads no environment variable, reuses no
//! connection and decompresses nothing. It does not judge answers: status, headers and bounded body go
//! back as they came. Limits: an error names the kind of fault only, never the URL's query, a header or a
//! body; hosts are resolved by the system, so the address behind a name is not checked here.

mod build;
mod fault;
mod retry_after;
#[cfg(test)]
mod tests;
mod tls;

use crate::config::Network;
use crate::failure::Outcome;
use crate::oauth::url::is_loopback;
use oauth2::HttpRequest;
use reqwest::blocking::{Client, Request, Response};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue};
use std::fmt;
use std::io::Read;
use std::mem::ManuallyDrop;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use url::Url;
use zeroize::Zeroizing;

pub use fault::Transport;

/// The largest metadata document that is read, in bytes.
pub const METADATA_LIMIT: usize = 1024 * 1024;

/// The largest answer of a token or registration endpoint that is read, in bytes.
pub const TOKEN_LIMIT: usize = 64 * 1024;

/// The revision of MCP that a request for metadata names. 2025-03-26 asks for the header there; 2025-06-18 and 2025-11-25
/// want it in what an MCP server is asked at all, and later ones beside the same in a body, which a GET has not.
const REVISION: HeaderValue = HeaderValue::from_static("2025-11-25");

/// How long one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Name resolution, connection and TLS handshake. Giving up here costs nothing: nothing was sent.
    pub connect: Duration,
    /// The whole request, connection and body included.
    pub total: Duration,
}

impl Limits {
    /// For requests that spend nothing: metadata, registration, grants without a refresh token.
    pub const PLAIN: Self = Self { connect: Duration::from_secs(15), total: Duration::from_secs(15) };

    /// For a request that redeems a rotating token or a code: a server that rotates first and answers late
    /// has already spent the only good one, so the answer is waited for.
    pub const SPENDING: Self = Self { connect: Duration::from_secs(15), total: Duration::from_secs(105) };

    /// For a poll of a device code (RFC 8628, section 3.4): there is a next one, and others wait for the lock.
    pub const POLLING: Self = Self { connect: Duration::from_secs(15), total: Duration::from_secs(45) };
}

/// A complete answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// All header fields, repeated ones included.
    pub headers: HeaderMap,
    /// The body, at most as long as was asked for. It may hold tokens.
    pub body: Zeroizing<Vec<u8>>,
}

impl Reply {
    /// The body as text, without a byte order mark; what is no UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body);
        Zeroizing::new(String::from_utf8_lossy(body).into_owned())
    }

    /// How long to wait before another try, in seconds, where the answer says it (`Retry-After`, RFC 9110,
    /// section 10.2.3). `now` is in seconds since 1970 UTC.
    #[must_use]
    pub fn retry_after(&self, now: u64) -> Option<u64> {
        retry_after::seconds(self.header("retry-after")?, now)
    }

    /// The nonce for the next `DPoP` proof, where the answer provides one (RFC 9449, section 8.1).
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&str> {
        self.header("dpop-nonce").filter(|nonce| is_nonce(nonce))
    }

    /// The value of a header field, if there is one of that name and it is printable.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The longest nonce that is kept, in bytes.
const LONGEST_NONCE: usize = 1024;

/// Whether `text` is a nonce (RFC 9449, section 8.1): `1*NQCHAR` of RFC 6749, appendix A, of bounded length.
#[must_use]
pub fn is_nonce(text: &str) -> bool {
    let valid = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=LONGEST_NONCE).contains(&text.len()) && text.bytes().all(valid)
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply {{ status: {}, body: {} bytes }}", self.status, self.body.len())
    }
}

/// The client. Its first https request reads the system's certificate authorities, so build it once a flow.
#[derive(Debug, Clone)]
pub struct Http {
    plan: build::Plan,
    near: Built,
    far: Built,
    limits: Limits,
    deadline: Option<Instant>,
}

/// A client that is built when it is first needed.
// Never dropped: that would wait for a name resolution that hangs, and no time limit would hold.
type Built = OnceLock<ManuallyDrop<Client>>;

impl Http {
    /// A client for `network` whose requests are held to `limits`.
    ///
    /// # Errors
    /// `config_invalid` naming what set the proxy or the certificate authorities.
    pub fn new(network: &Network, limits: Limits) -> Outcome<Self> {
        let plan = build::Plan::new(network, limits)?;
        Ok(Self { plan, near: Built::new(), far: Built::new(), limits, deadline: None })
    }

    /// The same client, all of whose requests together end by `deadline`.
    #[must_use]
    pub fn until(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// How long a request that starts now may take.
    fn time_left(&self) -> Duration {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(self.limits.total, |left| left.min(self.limits.total))
    }

    /// Sends `request` once and reads the answer, at most `cap` bytes of body.
    ///
    /// # Errors
    /// [`Transport`], which tells whether the request may have been received.
    pub fn send(&self, request: HttpRequest, cap: usize) -> Result<Reply, Transport> {
        let deadline = Instant::now() + self.time_left();
        let response = self.start(request)?;
        let mut reply = head(&response);
        match read_body(response, cap, deadline) {
            Ok(Some(body)) => {
                reply.body = body;
                Ok(reply)
            }
            Ok(None) => Err(Transport::TooLarge(Box::new(reply))),
            Err(reason) => Err(Transport::Lost(reason)),
        }
    }

    /// Sends `request` once and reads status and headers alone: the body may be an endless stream.
    ///
    /// # Errors
    /// [`Transport`], which tells whether the request may have been received.
    pub fn send_for_head(&self, request: HttpRequest) -> Result<Reply, Transport> {
        self.start(request).map(|response| head(&response))
    }

    /// Fetches a metadata document: one GET that asks for JSON and says which MCP is spoken, at most
    /// [`METADATA_LIMIT`] bytes.
    ///
    /// # Errors
    /// [`Transport`].
    pub fn get(&self, url: &Url) -> Result<Reply, Transport> {
        let mut request = HttpRequest::new(Vec::new());
        *request.uri_mut() = uri(url)?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().insert("mcp-protocol-version", REVISION);
        self.send(request, METADATA_LIMIT)
    }

    fn start(&self, request: HttpRequest) -> Result<Response, Transport> {
        let mut request = Request::try_from(request).map_err(|_| fault::unusable_url())?;
        let client = self.client_for(request.url())?;
        let left = self.time_left();
        if left.is_zero() {
            return Err(Transport::NotSent("the time was over before it could be asked".to_owned()));
        }
        *request.timeout_mut() = Some(left);
        // Without it every coding would be welcome (RFC 9110, section 12.5.3), and none is undone here.
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let what = described(&request);
        let outcome = client.execute(request).map_err(|error| fault::classify(&error, self.plan.names()));
        match &outcome {
            Ok(response) => log::debug!("{what}: HTTP {}", response.status().as_u16()),
            Err(fault) => log::debug!("{what}: {fault}"),
        }
        outcome
    }

    /// Which client carries a request to `url`.
    fn client_for(&self, url: &Url) -> Result<&Client, Transport> {
        let near = url.scheme() == "http" && is_loopback(url);
        let built = if near { &self.near } else { &self.far };
        if let Some(client) = built.get() {
            return Ok(client);
        }
        let client = if near { self.plan.near() } else { self.plan.far() };
        let client = client.map_err(|_| fault::no_client())?;
        Ok(built.get_or_init(|| ManuallyDrop::new(client)))
    }
}

/// `url` in the form that requests are built with.
///
/// # Errors
/// [`Transport::NotSent`] for the few URLs that HTTP cannot carry.
pub fn uri(url: &Url) -> Result<oauth2::http::Uri, Transport> {
    url.as_str().parse().map_err(|_| fault::unusable_url())
}

/// A request as log lines name it: without its query, which may hold more than a log should.
fn described(request: &Request) -> String {
    let url = request.url();
    crate::text::one_line(&format!("{} {}{}", request.method(), crate::oauth::url::origin(url), url.path()))
}

fn head(response: &Response) -> Reply {
    let status = response.status().as_u16();
    Reply { status, headers: response.headers().clone(), body: Zeroizing::default() }
}

/// The body, `None` when it is longer than `cap` bytes, or why it broke off. The client's own limit holds
/// for each read, so a server that drips is stopped by `deadline`.
fn read_body(
    mut response: Response,
    cap: usize,
    deadline: Instant,
) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    // Room for the whole answer at once: a growing vector would leave copies of it behind.
    let mut body = Zeroizing::new(Vec::with_capacity(cap.min(TOKEN_LIMIT)));
    let mut chunk = Zeroizing::new([0_u8; 8192]);
    loop {
        if Instant::now() >= deadline {
            return Err("the time was over before the whole answer had come".to_owned());
        }
        let count = match response.read(&mut chunk[..]) {
            Ok(0) => return Ok(Some(body)),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(fault::broken_body(&error)),
        };
        if body.len() + count > cap {
            return Ok(None);
        }
        body.extend_from_slice(&chunk[..count]);
    }
}
