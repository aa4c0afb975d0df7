//! `WWW-Authenticate` (RFC 9110, sections 11.2 and 11.6.1): which challenge an MCP server sent, and what it
//! says.
//!
//! A field may hold several challenges, a challenge several parameters, in any order; the field may be
//! repeated. A scheme that we do not know never hides the one that we do. It is lenient where servers are
//! careless (unquoted URLs, missing commas) and never guesses: a parameter that is repeated with different
//! values counts as absent, because neither of them can be trusted over the other. Whatever cannot be read
//! ends the field there. Pure: no URL is judged and nothing is fetched here.

mod parse;
#[cfg(test)]
mod tests;

use crate::token::split_scope;
use parse::Raw;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

/// The longest text of a parameter that is looked at, in bytes: what is longer counts as absent. A challenge is kept
/// for a moment and handed on.
const LONGEST: usize = 4096;

/// How many scopes of a challenge count. Together they are no longer than [`LONGEST`] either: a login sends them in a
/// URL, and a person types them.
const MOST_SCOPES: usize = 100;

/// The authentication schemes that this client can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449.
    Dpop,
}

/// A challenge of a scheme that we know. Its texts are the server's own and unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The scheme.
    pub scheme: Scheme,
    /// URL of the protected resource metadata (RFC 9728, section 5.1).
    pub resource_metadata: Option<String>,
    /// The scopes that are needed, space-separated (RFC 6750, section 3), where it is a well-formed list; of a flood
    /// the first ones.
    pub scope: Option<String>,
    /// `error`, for example `invalid_token` or `insufficient_scope`.
    pub error: Option<String>,
    /// `error_description`. To be shown through [`crate::text::one_line`] only.
    pub error_description: Option<String>,
}

impl Challenge {
    /// The challenge of an answer, from all its `WWW-Authenticate` fields.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let fields = headers.get_all("www-authenticate").iter();
        Self::pick(fields.map(|field| String::from_utf8_lossy(field.as_bytes())))
    }

    /// The challenge to follow among those of `fields`: one that asks for more scope, or for another
    /// proof, before any other, then one that names its metadata, then Bearer before `DPoP`, then the first. A place of metadata that only another
    /// one names is taken over. `None` where there is none of these schemes.
    pub fn pick<F: AsRef<str>>(fields: impl IntoIterator<Item = F>) -> Option<Self> {
        let all = fields.into_iter().flat_map(|field| parse::challenges(field.as_ref()));
        let mut known: Vec<Self> = all.filter_map(|raw| Self::known(&raw)).collect();
        // The sort is stable: it keeps the first among equals in front.
        known.sort_by_key(|challenge| {
            (challenge.resource_metadata.is_none(), challenge.scheme != Scheme::Bearer)
        });
        let place = known.first()?.resource_metadata.clone();
        let is_urgent = |one: &Self| one.wants_more_scope() || one.blames_proof();
        let followed = known.iter().position(is_urgent).unwrap_or_default();
        let mut followed = known.swap_remove(followed);
        followed.resource_metadata = followed.resource_metadata.or(place);
        Some(followed)
    }

    /// Whether the token is good but not for this (RFC 6750, section 3.1).
    #[must_use]
    pub fn wants_more_scope(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }

    /// The scopes that are demanded beyond those of the token; `None` where it is not scopes that it lacks. An empty
    /// list: the server does not say which.
    #[must_use]
    pub fn demanded_scopes(&self) -> Option<Vec<String>> {
        self.wants_more_scope().then(|| split_scope(self.scope.as_deref().unwrap_or_default()))
    }

    /// Whether it asks for a token that is bound to a key (RFC 9449, section 7.1).
    #[must_use]
    pub fn is_dpop(&self) -> bool {
        self.scheme == Scheme::Dpop
    }

    /// Whether the token is good and the proof needs the nonce of this answer (RFC 9449, section 9).
    #[must_use]
    pub fn wants_dpop_nonce(&self) -> bool {
        self.is_dpop() && self.error.as_deref() == Some("use_dpop_nonce")
    }

    /// Whether it is the proof that was refused and not the token (RFC 9449, sections 7.1 and 9).
    #[must_use]
    pub fn blames_proof(&self) -> bool {
        self.wants_dpop_nonce() || (self.is_dpop() && self.error.as_deref() == Some("invalid_dpop_proof"))
    }

    fn known(raw: &Raw) -> Option<Self> {
        let scheme = match raw.scheme.to_ascii_lowercase().as_str() {
            "bearer" => Scheme::Bearer,
            "dpop" => Scheme::Dpop,
            _ => return None,
        };
        let short = |name: &str| raw.value(name).filter(|text| text.len() <= LONGEST);
        Some(Self {
            scheme,
            resource_metadata: short("resource_metadata"),
            scope: raw.value("scope").filter(|scope| is_scope(scope)).and_then(bounded),
            error: short("error"),
            error_description: short("error_description"),
        })
    }
}

/// `scope` of RFC 6749, section 3.3; more than one blank between two names is let pass.
fn is_scope(scope: &str) -> bool {
    let token = |byte: u8| matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !scope.trim().is_empty() && scope.bytes().all(token)
}

/// The scopes that count among those of `scope`: all of them, but for a flood.
fn bounded(scope: String) -> Option<String> {
    let names = || scope.split(' ').filter(|name| !name.is_empty());
    if scope.len() <= LONGEST && names().count() <= MOST_SCOPES {
        return Some(scope);
    }
    let (mut kept, mut length): (Vec<&str>, usize) = (Vec::new(), 0);
    for name in names() {
        let longer = length + name.len() + usize::from(!kept.is_empty());
        if longer <= LONGEST && kept.len() < MOST_SCOPES && !kept.contains(&name) {
            kept.push(name);
            length = longer;
        }
    }
    (!kept.is_empty()).then(|| kept.join(" "))
}
