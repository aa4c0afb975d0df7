//! Token requests: one POST to the token endpoint, and a judgement of what came back.
//!
//! Owns the rule which answer kills a token and which does not. It sends exactly once and knows nothing of
//! retries, locks or stores. Limits: `error_description` is shown as one short line, and withheld where it
//! repeats a secret that was sent; an echo in another encoding is not recognised.

mod advice;
mod dead;
mod device;
mod extension;
mod fields;
mod form;
mod judge;
mod shown;
mod success;
#[cfg(test)]
mod tests;

pub use device::{DeviceAuthorization, device_authorization};
pub use extension::DEVICE_CODE;

use crate::clock;
use crate::config::AuthMethod;
use crate::failure::Failure;
use crate::oauth::client_assertion::ClientKey;
use crate::oauth::http::{Http, Reply, TOKEN_LIMIT, Transport};
use crate::secret::{Pairs, Secret};
use serde::{Deserialize, Serialize};

/// The client as the token endpoint knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`; empty where the request says nothing of a client (RFC 7521, section 4.1).
    pub client_id: String,
    /// `client_secret`, for the methods that need one.
    #[serde(with = "crate::secret::wire_option")]
    pub client_secret: Option<Secret>,
    /// The private key, for `private_key_jwt`.
    pub key: Option<ClientKey>,
    /// How the client authenticates.
    pub method: AuthMethod,
    /// Whether it was registered dynamically (RFC 7591), and so may be registered anew.
    pub dynamic: bool,
}

/// What is exchanged for a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantRequest {
    /// RFC 6749, section 4.1.3, with RFC 7636, section 4.5.
    AuthorizationCode {
        /// The code of the authorization response.
        #[serde(with = "crate::secret::wire")]
        code: Secret,
        /// The PKCE verifier.
        #[serde(with = "crate::secret::wire")]
        verifier: Secret,
        /// The redirect URI of the authorization request, byte for byte.
        redirect_uri: String,
    },
    /// RFC 6749, section 6.
    RefreshToken {
        /// The refresh token.
        #[serde(with = "crate::secret::wire")]
        token: Secret,
    },
    /// RFC 8628, section 3.4: one poll.
    DeviceCode {
        /// `device_code`.
        #[serde(with = "crate::secret::wire")]
        device_code: Secret,
    },
    /// RFC 8628, section 3.1: no token request, but built, sent and refused like one.
    DeviceAuthorization,
    /// RFC 6749, section 4.4.2.
    ClientCredentials,
    /// RFC 7523, section 2.1.
    JwtBearer {
        /// `assertion`.
        #[serde(with = "crate::secret::wire")]
        assertion: Secret,
        /// Who gave the assertion.
        of: Voucher,
    },
    /// RFC 8693, section 2.1, for an ID-JAG (MCP enterprise-managed authorization, section 4).
    TokenExchange {
        /// `subject_token`: the person's ID token.
        #[serde(with = "crate::secret::wire")]
        id_token: Secret,
    },
}

/// Who gave an assertion, and so what helps when it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voucher {
    /// The platform of the workload.
    Workload,
    /// The identity provider, in a token exchange: it is an ID-JAG.
    IdentityProvider,
}

impl GrantRequest {
    /// The secrets that it carries.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::AuthorizationCode { code, verifier, .. } => vec![code, verifier],
            Self::RefreshToken { token } => vec![token],
            Self::DeviceCode { device_code } => vec![device_code],
            Self::ClientCredentials | Self::DeviceAuthorization => Vec::new(),
            Self::JwtBearer { assertion, .. } => vec![assertion],
            Self::TokenExchange { id_token } => vec![id_token],
        }
    }

    /// Whether a person's login stands behind it, which may be renewed by a refresh token. The others are asked
    /// for anew instead.
    pub(super) fn is_login(&self) -> bool {
        matches!(
            self,
            Self::AuthorizationCode { .. }
                | Self::RefreshToken { .. }
                | Self::DeviceCode { .. }
                | Self::DeviceAuthorization
        )
    }

    /// Whether somebody else's word is presented, which a server may be asked to take once and not again.
    pub(super) fn presents_jwt(&self) -> bool {
        matches!(self, Self::JwtBearer { .. } | Self::TokenExchange { .. })
    }
}

/// The key that a token is to be bound to (RFC 9449).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofKey {
    /// The private key, as [`SigningKey::stored`](crate::jose::SigningKey::stored) reads it.
    #[serde(with = "crate::secret::wire")]
    pub key: Secret,
    /// Whether a token that is not bound is refused.
    pub required: bool,
}

/// Everything that one token request says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRequest {
    /// The server's name, for messages.
    pub server: String,
    /// Where it is sent.
    pub token_endpoint: String,
    /// Who sends it.
    pub client: Client,
    /// What is exchanged.
    pub grant: GrantRequest,
    /// `scope`, where it is sent.
    pub scope: Option<String>,
    /// `resource` (RFC 8707), byte for byte as published.
    pub resource: Option<String>,
    /// `audience`, where it is configured.
    pub audience: Option<String>,
    /// Configured extra form parameters, in order.
    pub extra_params: Pairs,
    /// The key that the token is to be bound to.
    pub dpop: Option<ProofKey>,
}

/// A successful answer (RFC 6749, section 5.1), checked: the tokens are printable and of bounded size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// `access_token`, a `b64token` of RFC 6750.
    pub access_token: Secret,
    /// `refresh_token`, where one was issued.
    pub refresh_token: Option<Secret>,
    /// `Bearer` or `DPoP`, whatever its spelling was; `N_A` for what a token exchange gave.
    pub token_type: String,
    /// Lifetime in seconds from the moment the request was sent; absent when the server did not say it
    /// in a usable way.
    pub expires_in: Option<u64>,
    /// `scope`, where the answer names it.
    pub scope: Option<String>,
    /// When the request was sent, in seconds since 1970 UTC: `expires_in` counts from here.
    pub sent_at: u64,
}

/// What a token request came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A token.
    Granted(Granted),
    /// A person has not decided yet (RFC 8628, section 3.5). Nothing was spent.
    Pending {
        /// The server wants to be asked less often.
        slow_down: bool,
    },
    /// A proved refusal of what was exchanged (`invalid_grant` and its known aliases): it is spent or dead.
    Dead(Failure),
    /// The request did not leave, or a complete answer says to try later: nothing was spent.
    Transient(Failure),
    /// A refresh token was refused without a word: that proves nothing, and the same request at once brings nothing.
    Unexplained(Failure),
    /// A server failed, or a gateway answered for one that did not: nobody knows whether the request took effect. It
    /// may be tried later.
    Unclear(Failure),
    /// The connection was lost after the request may have been received: nobody knows whether it took
    /// effect.
    Ambiguous(Failure),
    /// A complete success came that cannot be read: what was sent may be spent, and the same request at once would be a
    /// reuse of it.
    Unreadable(Failure),
    /// Refused for another reason (client, scope, policy): trying again does not help, nothing is spent.
    Refused(Failure),
}

/// What one request came to, and what it says of the proof of the next one.
#[derive(Debug)]
pub struct Exchange {
    /// The answer, judged.
    pub answer: Answer,
    /// The nonce for the next proof, where the answer provides one (RFC 9449, section 8).
    pub nonce: Option<String>,
    /// It was refused for want of that nonce alone: nothing was spent.
    pub wants_nonce: bool,
}

/// Sends `request` once and judges the answer. Nothing is followed, retried or stored. `nonce` is the one that
/// the server has provided last; only a request with a proof needs it.
#[must_use]
pub fn exchange(http: &Http, request: &TokenRequest, nonce: Option<&str>) -> Exchange {
    let form = match form::build(request, nonce) {
        Ok(form) => form,
        Err(failure) => {
            return Exchange { answer: Answer::Refused(failure), nonce: None, wants_nonce: false };
        }
    };
    let sent_at = clock::now();
    let reply = http.send(form, TOKEN_LIMIT);
    let complete = reply.as_ref().ok().filter(|_| request.dpop.is_some());
    let nonce = complete.and_then(Reply::dpop_nonce).map(str::to_owned);
    let wants_nonce = nonce.is_some() && complete.is_some_and(judge::wants_nonce);
    Exchange { answer: judge(request, reply, sent_at, clock::now()), nonce, wants_nonce }
}

/// [`exchange`] where only the answer matters.
#[must_use]
pub fn request(http: &Http, request: &TokenRequest) -> Answer {
    exchange(http, request, None).answer
}

/// What came back for `request`, judged: it left at `sent_at` and was answered at `now`, in seconds since
/// 1970 UTC. Pure.
#[must_use]
pub fn judge(request: &TokenRequest, reply: Result<Reply, Transport>, sent_at: u64, now: u64) -> Answer {
    judge::Judge::new(request, sent_at, now).answer(reply)
}
