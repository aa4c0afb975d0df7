//! The request object: what a program hands over on standard input with `--request -`, beside its command
//! line.
//!
//! Owns the grammar of the object and reading it in time. It knows no server and no store: whoever uses a
//! value checks that it belongs to the server. Limit: what stands in the object is never repeated in a
//! message, because it may hold a token; only the names of its own fields are.

mod input;
mod object;
#[cfg(test)]
mod tests;

pub use input::read;
pub use object::{SIZE_LIMIT, parse};

use crate::oauth::challenge::Challenge;
use crate::secret::Secret;

/// A request object. Every field may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The name of the server; not checked against the grammar of names here.
    pub server: Option<String>,
    /// The URL that the caller is about to talk to: an endpoint by its form.
    pub url: Option<String>,
    /// The life that the token must still have, in seconds.
    pub min_ttl: Option<u64>,
    /// The token that the MCP server rejected.
    pub rejected: Option<Rejected>,
    /// What the MCP server answered.
    pub response: Option<Response>,
    /// The HTTP request that the answer's headers are for.
    pub http: Option<HttpTarget>,
}

/// Which token was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// The one of this generation.
    Generation(String),
    /// This one, whatever its generation is.
    Token(Secret),
}

/// What an MCP server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its HTTP status, where the caller told it.
    pub status: Option<u16>,
    /// The challenge to follow among its `WWW-Authenticate` fields.
    pub challenge: Option<Challenge>,
}

/// The HTTP request that headers are made for (RFC 9449, section 4.2: `htm` and `htu` of a proof).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// The method, a token (RFC 9110, section 9.1), as the caller wrote it: methods are case-sensitive.
    pub method: String,
    /// The URL, an endpoint by its form. That it is on the server's own origin is checked by
    /// [`crate::binding::check_target`].
    pub url: String,
    /// The nonce that the resource server asked for (RFC 9449, section 9), well-formed.
    pub dpop_nonce: Option<String>,
}

impl Request {
    /// The challenge of a refusal. A status that is neither 401 nor 403 is none (RFC 9110, section 15.5).
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        let response = self.response.as_ref()?;
        let refuses = response.status.is_none_or(|status| matches!(status, 401 | 403));
        response.challenge.as_ref().filter(|_| refuses)
    }

    /// Whether the server refused the proof that went with the token and not the token, which is good then.
    #[must_use]
    pub fn blames_proof(&self) -> bool {
        self.challenge().is_some_and(Challenge::blames_proof)
    }

    /// The scopes that the server demands beyond those of the token (RFC 6750, section 3.1,
    /// `insufficient_scope`). An empty list: it demands more and does not say what.
    #[must_use]
    pub fn step_up(&self) -> Option<Vec<String>> {
        self.challenge().and_then(Challenge::demanded_scopes)
    }
}
