//! One entry of the request log.
//!
//! Owns what is kept of a request and how it is shown. `Debug` and [`Logged::line`] show names, never values,
//! because values are secrets.

use crate::faults::Endpoint;
use crate::request::{Pairs, Request};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Read, and being worked on.
    Arrived,
    /// Held by a fault, until a release.
    Held,
    /// The answer was decided; its bytes are on their way.
    Answered,
    /// Closed by a fault without a full answer.
    Dropped,
}

/// One request.
#[derive(Clone, PartialEq)]
pub struct Logged {
    /// Position in the log, from 0.
    pub seq: usize,
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Time since the server's start, without [`advance`](crate::OAuthServer::advance).
    pub at: Duration,
    /// The part of the server that it reached.
    pub endpoint: Endpoint,
    /// HTTP method; empty for bytes that were no request.
    pub method: String,
    /// Path as sent, without the query.
    pub path: String,
    /// Decoded query pairs.
    pub query: Vec<(String, String)>,
    /// Headers in their order, names as sent.
    pub headers: Vec<(String, String)>,
    /// Decoded form pairs.
    pub form: Vec<(String, String)>,
    /// The JSON body, if it is one.
    pub json: Option<Value>,
    /// The `grant_type` of a token request.
    pub grant: Option<String>,
    /// The fault that it met.
    pub fault: Option<&'static str>,
    /// Whether it changed the server's state: code redeemed, token rotated or revoked, client registered.
    pub committed: bool,
    /// The OAuth error that the work ended with.
    pub error: Option<String>,
    /// The status that was sent.
    pub status: Option<u16>,
    /// How far it got.
    pub phase: Phase,
}

impl Logged {
    pub(crate) fn new(request: &Request, endpoint: Endpoint, connection: u64) -> Self {
        let form = request.form();
        let grant = value(&form, "grant_type").map(str::to_owned);
        Self {
            seq: 0,
            connection,
            at: Duration::ZERO,
            grant: grant.filter(|_| endpoint == Endpoint::Token),
            endpoint,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            form,
            json: request.json(),
            fault: None,
            committed: false,
            error: None,
            status: None,
            phase: Phase::Arrived,
        }
    }

    /// The first header of that name, case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first form pair of that name.
    #[must_use]
    pub fn form_value(&self, name: &str) -> Option<&str> {
        value(&self.form, name)
    }

    /// The first query pair of that name.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Answered | Phase::Dropped)
    }

    /// One line for people, without a value of query, form, header or body.
    #[must_use]
    pub fn line(&self) -> String {
        let status = self.status.map_or("-".to_owned(), |status| status.to_string());
        let mut words = vec![short(&self.method, 20), short(&self.path, 120), status];
        if let Some(grant) = &self.grant {
            words.push(format!("grant={}", short(grant, 60)));
        }
        words.extend(self.error.iter().map(|error| format!("error={error}")));
        words.extend(self.committed.then(|| "committed".to_owned()));
        words.extend(self.fault.iter().map(|fault| format!("fault={fault}")));
        words.join(" ")
    }
}

impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &Pairs| {
            let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
            names.join(",")
        };
        write!(f, "#{} {}", self.seq, self.line())?;
        write!(f, " {:?}", self.phase)?;
        write!(f, " query[{}] form[{}]", names(&self.query), names(&self.form))
    }
}

/// What a peer sent, harmless on a terminal.
fn short(text: &str, limit: usize) -> String {
    text.escape_default().take(limit).collect()
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    let mut pairs = pairs.iter();
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
