//! What the server remembers between requests: registrations, pending consents, codes, tokens.
//!
//! Owns the maps and the one-time rule of codes and tickets. One mutex around all of it (in `shared`), so a
//! request's work is atomic.

use crate::client::Client;
use crate::device::DeviceLogin;
use crate::settings::Settings;
use crate::tokens::Tokens;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// A valid authorization request: what a code stands for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
    /// The thumbprint of the key that the code is bound to (RFC 9449, section 10).
    pub(crate) dpop_jkt: Option<String>,
}

/// A code that was issued; kept after its use, to notice a second one.
pub(crate) struct Code {
    pub(crate) asked: Asked,
    pub(crate) expires: Duration,
    pub(crate) used: bool,
    /// What its use founded (RFC 6749, section 4.1.2: a second use revokes it).
    pub(crate) family: Option<usize>,
    /// The access token when there was no family.
    pub(crate) access: Option<String>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) registered: HashMap<String, Client>,
    pub(crate) tickets: HashMap<String, Asked>,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) tokens: Tokens,
    /// Logins that devices have begun, by their device code.
    pub(crate) devices: HashMap<String, DeviceLogin>,
    /// Every `jti` of a client assertion.
    pub(crate) assertions: HashSet<String>,
    /// Every `jti` of a `DPoP` proof.
    pub(crate) proofs: HashSet<String>,
    /// How often the `DPoP` nonces were renewed.
    pub(crate) nonce_round: u64,
    /// Every `jti` of an assertion that a grant rested on (RFC 7523, section 3).
    pub(crate) words: HashSet<String>,
}

impl State {
    /// The nonce that `role` demands now.
    pub(crate) fn nonce(&self, role: &str) -> String {
        format!("{role}-nonce-{}", self.nonce_round)
    }

    /// The client of that id: pre-registered, or dynamic.
    pub(crate) fn client(&self, settings: &Settings, id: &str) -> Option<Client> {
        let fixed = settings.clients.iter().find(|client| client.client_id == id);
        fixed.or_else(|| self.registered.get(id)).cloned()
    }
}
