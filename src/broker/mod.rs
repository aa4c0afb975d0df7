//! The heart: which token answers a call, and when one is renewed.
//!
//! fresh? -> answer. Stale -> lock -> read again -> redeem once, whoever asks -> answer. It knows neither
//! HTTP nor files: a [`Vault`] keeps the records, holds the lock and redeems.

mod judge;
mod obtain;

pub use judge::{Need, Wish, judge};
pub use obtain::{Redeemed, Seed, Vault, obtain};

use crate::secret::Secret;
use crate::token::Clear;
use serde::{Deserialize, Serialize};

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The stored token was fresh.
    Cache,
    /// This call refreshed it.
    Refreshed,
    /// Another call had renewed it already.
    AlreadyRotated,
    /// A person logged in.
    Login,
    /// A grant without a person.
    Granted,
    /// The token could not be renewed in time, and has life left.
    StaleOk,
}

/// A token to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What is known about it.
    pub clear: Clear,
    /// The token.
    pub access_token: Secret,
    /// The key that it is bound to, where it is.
    pub dpop_key: Option<Secret>,
    /// The proof of that key for the request that the caller has named (RFC 9449, section 7).
    pub proof: Option<Secret>,
    /// Where it came from.
    pub source: Source,
    /// Whether it lives as long as the caller asked for; absent when he did not ask.
    pub min_ttl_met: Option<bool>,
    /// Whether it is saved: the one exception to "saved before it is printed" is false here.
    pub persisted: bool,
}
