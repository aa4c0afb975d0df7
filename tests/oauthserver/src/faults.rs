//! Faults on demand: what a test may order, and the list of open orders.
//!
//! Owns the values and the choice of the order that a request meets. How a fault looks on the wire is
//! `serve`'s business.

use crate::request::Request;
use crate::response::Response;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A part of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The MCP endpoint.
    Mcp,
    /// The protected resource metadata documents (RFC 9728).
    ResourceMetadata,
    /// The authorization server metadata documents (RFC 8414 and OpenID Connect).
    ServerMetadata,
    /// The authorization endpoint and its consent form.
    Authorize,
    /// The token endpoint.
    Token,
    /// The token endpoint, `grant_type=refresh_token` only. For orders; a logged request says `Token`.
    Refresh,
    /// The registration endpoint.
    Register,
    /// The revocation endpoint.
    Revoke,
    /// The device authorization endpoint (RFC 8628).
    DeviceAuthorization,
    /// The page where a person decides about a device.
    DevicePage,
    /// That path exactly, whether it exists or not. A logged request to a path that does not exist says this.
    Path(String),
    /// Every request. For orders only.
    Any,
}

impl Endpoint {
    /// Whether an order for `self` concerns the request, which was routed to `routed`.
    fn covers(&self, routed: &Self, request: &Request) -> bool {
        match self {
            Self::Any => true,
            Self::Path(path) => *path == request.path,
            Self::Refresh => {
                let grant = ("grant_type".to_owned(), "refresh_token".to_owned());
                *routed == Self::Token && request.form().contains(&grant)
            }
            other => other == routed,
        }
    }
}

/// How often a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// The next that many requests.
    Next(usize),
    /// Until [`clear_faults`](crate::OAuthServer::clear_faults).
    Always,
}

/// What happens in place of the plain answer.
///
/// "Commit" is the request's own work: codes redeemed, tokens rotated, clients registered, tokens revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This answer, and no commit. See [`Fault::status`], [`Fault::json_error`] and their like.
    Status {
        /// Status code.
        code: u16,
        /// Headers besides `Content-Type`, `Content-Length` and `Connection`.
        headers: Vec<(String, String)>,
        /// Media type of the body; empty for none.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Says nothing. After [`release`](crate::OAuthServer::release) the request is worked on and answered as
    /// usual; after `clear_faults` the connection is closed and nothing was done.
    Hang,
    /// Commits, then waits for `release` (or `clear_faults`) before it answers.
    HoldAfterCommit,
    /// Commits, then answers after that time (or at `release` or `clear_faults`, if sooner).
    DelayAfterCommit(Duration),
    /// Closes the connection; no commit.
    DropBeforeCommit,
    /// Commits, then closes the connection without an answer.
    DropAfterCommit,
    /// Commits, announces the whole answer, sends half of its body and closes.
    Truncate,
    /// Commits, then sends the answer a byte per interval, head included.
    Drip {
        /// Time between two bytes.
        interval: Duration,
    },
    /// A redirect; no commit.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        code: u16,
        /// The `Location`.
        location: String,
    },
    /// 200 with a JSON string of about that many bytes; no commit. Nothing of that size is kept in memory.
    BigBody(u64),
    /// 200 with chunks that never end (until the peer closes, or `clear_faults`); no commit.
    Endless,
    /// These bytes and nothing else, then the end; no commit.
    RawBytes(Vec<u8>),
    /// Commits, throws the answer away, and then does what the inner fault says: a gateway that fails behind a
    /// server that succeeded.
    AfterCommit(Box<Fault>),
}

impl Fault {
    /// An empty answer of that status.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::body(code, "", "")
    }

    /// An answer with a body.
    #[must_use]
    pub fn body(code: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Status { code, headers: Vec::new(), content_type: content_type.to_owned(), body: body.into() }
    }

    /// An OAuth error: `{"error": …}` (RFC 6749, section 5.2).
    #[must_use]
    pub fn json_error(code: u16, error: &str) -> Self {
        let body = serde_json::json!({ "error": error }).to_string();
        Self::body(code, "application/json", body)
    }

    /// A gateway's HTML page.
    #[must_use]
    pub fn html(code: u16) -> Self {
        let page = "<html><head><title>Error</title></head><body><h1>Error</h1></body></html>";
        Self::body(code, "text/html", page)
    }

    /// 429 with `Retry-After` in seconds.
    #[must_use]
    pub fn too_many_requests(retry_after: u64) -> Self {
        Self::status(429).header("Retry-After", &retry_after.to_string())
    }

    /// The same with one more header; only [`Fault::Status`] has headers, others stay as they are.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// The same after a commit whose answer is thrown away.
    #[must_use]
    pub fn after_commit(self) -> Self {
        Self::AfterCommit(Box::new(self))
    }

    /// The variant's name, for the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "Status",
            Self::Hang => "Hang",
            Self::HoldAfterCommit => "HoldAfterCommit",
            Self::DelayAfterCommit(_) => "DelayAfterCommit",
            Self::DropBeforeCommit => "DropBeforeCommit",
            Self::DropAfterCommit => "DropAfterCommit",
            Self::Truncate => "Truncate",
            Self::Drip { .. } => "Drip",
            Self::Redirect { .. } => "Redirect",
            Self::BigBody(_) => "BigBody",
            Self::Endless => "Endless",
            Self::RawBytes(_) => "RawBytes",
            Self::AfterCommit(_) => "AfterCommit",
        }
    }

    /// The scripted answer of `Status` and `Redirect`.
    pub(crate) fn response(&self) -> Option<Response> {
        match self {
            Self::Redirect { code, location } => Some(Response::redirect(*code, location)),
            Self::Status { code, headers, content_type, body } => {
                Some(scripted(*code, headers, content_type, body))
            }
            _ => None,
        }
    }
}

fn scripted(status: u16, headers: &[(String, String)], media: &str, body: &[u8]) -> Response {
    let mut response = Response::empty(status);
    if !media.is_empty() {
        response = response.header("Content-Type", media);
    }
    response.headers.extend_from_slice(headers);
    response.body = body.to_vec();
    response
}

struct Order {
    endpoint: Endpoint,
    fault: Fault,
    left: Option<usize>,
}

/// The open orders, oldest first.
#[derive(Default)]
pub(crate) struct Orders(Mutex<Vec<Order>>);

impl Orders {
    pub(crate) fn add(&self, endpoint: Endpoint, fault: Fault, times: Times) {
        let left = match times {
            Times::Next(count) => Some(count),
            Times::Always => None,
        };
        self.lock().push(Order { endpoint, fault, left });
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// The fault that this request meets: the oldest order that concerns it.
    pub(crate) fn take(&self, routed: &Endpoint, request: &Request) -> Option<Fault> {
        let mut orders = self.lock();
        orders.retain(|order| order.left != Some(0));
        let order = orders.iter_mut().find(|order| order.endpoint.covers(routed, request))?;
        order.left = order.left.map(|left| left.saturating_sub(1));
        Some(order.fault.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Fault, Orders, Times};
    use crate::request::Request;

    #[test]
    fn orders_are_met_oldest_first_and_used_up() {
        let orders = Orders::default();
        orders.add(Endpoint::Token, Fault::status(503), Times::Next(2));
        orders.add(Endpoint::Any, Fault::Hang, Times::Always);
        let mut names = Vec::new();
        for endpoint in [Endpoint::Token, Endpoint::Mcp, Endpoint::Token, Endpoint::Token] {
            let fault = orders.take(&endpoint, &Request::default()).unwrap();
            names.push(fault.name());
        }
        assert_eq!(names, ["Status", "Hang", "Status", "Hang"]);
        orders.clear();
        assert_eq!(orders.take(&Endpoint::Token, &Request::default()), None);
    }

    #[test]
    fn an_order_for_refreshes_spares_the_other_grants() {
        let form = |body: &str| Request {
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            body: body.into(),
            ..Request::default()
        };
        let orders = Orders::default();
        orders.add(Endpoint::Refresh, Fault::Hang, Times::Always);
        let code = form("grant_type=authorization_code");
        assert_eq!(orders.take(&Endpoint::Token, &code), None);
        let refresh = form("grant_type=refresh_token");
        assert_eq!(orders.take(&Endpoint::Token, &refresh), Some(Fault::Hang));
    }
}
