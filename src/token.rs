//! Token values: what is known about a token, when it is fresh, and what a new answer makes of it.
//!
//! Pure: no file, no network, no clock of its own. All instants are seconds since 1970 in UTC.

use crate::clock;
use crate::config::{AuthMethod, Grant};
use crate::oauth::grant::Granted;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `predecessor` of a record that replaced nothing.
pub const NO_PREDECESSOR: &str = "none";
/// `token_type` of a token that is bound to a key (RFC 9449, section 5).
pub const DPOP: &str = "DPoP";
/// How long a token of unknown lifetime counts as fresh, in seconds.
pub const ASSUMED_LIFETIME: u64 = 3600;
/// How far `obtained_at` may lie ahead of the clock before the clock is believed to have been set back.
const CLOCK_TOLERANCE: u64 = 60;
/// The life that a token must still have to be answered when it could not be renewed, in seconds.
const REAL_LIFE: u64 = 5;

/// What is known about a stored token and is no secret: the `clear` part of its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clear {
    /// The name that callers use.
    pub server: String,
    /// The server's canonical URL when the token was obtained.
    pub url: String,
    /// `resource` exactly as sent; absent where none was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The issuer that the token came from, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Where the token came from and is refreshed.
    pub token_endpoint: String,
    /// Where it can be revoked (RFC 7009).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// How the client authenticated.
    pub token_endpoint_auth_method: AuthMethod,
    /// The client that the token was issued to.
    pub client_id: String,
    /// How it was obtained.
    pub grant: Grant,
    /// `Bearer` or `DPoP`.
    pub token_type: String,
    /// The scopes that were granted, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The scopes that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes_requested: Option<Vec<String>>,
    /// When the request for this token was sent.
    pub obtained_at: u64,
    /// When it ends, counted from `obtained_at`; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// When the refresh token was obtained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_obtained_at: Option<u64>,
    /// Whether a refresh token is held.
    pub can_refresh: bool,
    /// Names this access token: random, opaque, no secret.
    pub generation: String,
    /// The generation that this one replaced, or `none`.
    pub predecessor: String,
    /// Members that this version does not know; carried over on rewrite.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A stored token: its clear part and its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenRecord {
    /// What is no secret.
    pub clear: Clear,
    /// The access token.
    pub access_token: Secret,
    /// The refresh token, where one is held.
    pub refresh_token: Option<Secret>,
    /// The key that the token is bound to, where it is.
    pub dpop_key: Option<Secret>,
    /// Sealed members that this version does not know, as raw JSON; carried over on rewrite.
    pub other: Vec<(String, Secret)>,
}

impl Clear {
    /// The second from which the token should be renewed: `skew` seconds early, but never earlier than a
    /// tenth of the lifetime before its end, so that a short life is no storm of renewals.
    #[must_use]
    pub fn refresh_after(&self, skew: u64) -> u64 {
        let end = self.expires_at.unwrap_or(self.obtained_at.saturating_add(ASSUMED_LIFETIME));
        let lifetime = end.saturating_sub(self.obtained_at);
        end.saturating_sub(skew.min(lifetime / 10))
    }

    /// Whether the token may be answered without a thought. A token from the future is not fresh: the
    /// clock has been set back, and nothing is known of its life.
    #[must_use]
    pub fn is_fresh(&self, now: u64, skew: u64) -> bool {
        now < self.refresh_after(skew) && self.obtained_at <= now.saturating_add(CLOCK_TOLERANCE)
    }

    /// Whether the token has not ended yet. An unknown end counts as far away.
    #[must_use]
    pub fn is_alive(&self, now: u64) -> bool {
        self.lives_for(now, 0)
    }

    /// Whether the token has real life left, so that it may be answered when it could not be renewed.
    #[must_use]
    pub fn has_real_life(&self, now: u64) -> bool {
        self.lives_for(now, REAL_LIFE)
    }

    /// Whether more than `seconds` of life are left.
    #[must_use]
    pub fn lives_for(&self, now: u64, seconds: u64) -> bool {
        self.expires_at.is_none_or(|end| end > now.saturating_add(seconds))
    }

    /// The whole lifetime in seconds, where known.
    #[must_use]
    pub fn lifetime(&self) -> Option<u64> {
        self.expires_at.map(|end| end.saturating_sub(self.obtained_at))
    }
}

impl TokenRecord {
    /// The record that `granted` makes of `before`: without a new refresh token the old one stays
    /// (RFC 6749, section 6), without `scope` the granted scopes are those that were asked for.
    #[must_use]
    pub fn renewed(before: &Self, granted: &Granted, generation: String) -> Self {
        let mut record = Self { access_token: granted.access_token.clone(), ..before.clone() };
        record.clear.predecessor.clone_from(&before.clear.generation);
        if let Some(token) = &granted.refresh_token {
            record.refresh_token = Some(token.clone());
            record.clear.refresh_obtained_at = Some(granted.sent_at);
        }
        record.take(granted, generation);
        record
    }

    /// The first record of a new grant. `clear` says whom the token is bound to; its token facts and its
    /// generation are replaced by what was granted.
    #[must_use]
    pub fn first(clear: Clear, granted: &Granted, generation: String) -> Self {
        let mut record = Self {
            clear,
            access_token: granted.access_token.clone(),
            refresh_token: granted.refresh_token.clone(),
            dpop_key: None,
            other: Vec::new(),
        };
        record.clear.refresh_obtained_at = record.refresh_token.as_ref().map(|_| granted.sent_at);
        record.take(granted, generation);
        record
    }

    fn take(&mut self, granted: &Granted, generation: String) {
        let clear = &mut self.clear;
        clear.token_type.clone_from(&granted.token_type);
        clear.obtained_at = granted.sent_at;
        clear.expires_at = granted.expires_in.map(|seconds| end_of_life(granted.sent_at, seconds));
        if let Some(scope) = &granted.scope {
            clear.scopes = Some(split_scope(scope));
        } else if clear.scopes.is_none() {
            clear.scopes.clone_from(&clear.scopes_requested);
        }
        clear.can_refresh = self.refresh_token.is_some();
        clear.generation = generation;
    }

    /// The same token, bound to `key` where it is of the type that is.
    #[must_use]
    pub fn bound_to(mut self, key: Option<&Secret>) -> Self {
        if self.clear.token_type == DPOP {
            self.dpop_key = key.cloned();
        }
        self
    }

    /// The same token without its refresh token, which the server has refused. The generation stays: it
    /// names the access token, and that has not changed.
    #[must_use]
    pub fn without_refresh_token(&self) -> Self {
        let mut record = Self { refresh_token: None, ..self.clone() };
        record.clear.can_refresh = false;
        record.clear.refresh_obtained_at = None;
        record
    }
}

fn end_of_life(sent_at: u64, seconds: u64) -> u64 {
    sent_at.saturating_add(seconds).min(clock::LAST_SECOND)
}

/// The scopes of a space-separated list (RFC 6749, section 3.3), in order, none twice.
#[must_use]
pub fn split_scope(scope: &str) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    for one in scope.split_ascii_whitespace() {
        if !scopes.iter().any(|known| known == one) {
            scopes.push(one.to_owned());
        }
    }
    scopes
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
