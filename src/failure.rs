//! What can go wrong, as callers see it: one closed table of codes and exit statuses.
//!
//! Owns the error codes of protocol.md. It knows nothing of how a failure is printed (`reply` does that)
//! nor of where it came from. A [`Failure`] says what happened, to which server, and what to do next.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The closed set of error codes. An unknown one, from a newer version, counts as [`Code::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A fault of this program.
    Internal,
    /// The command line or the request object is wrong.
    Usage,
    /// The configuration is wrong; the message names the key.
    ConfigInvalid,
    /// No such server.
    NotFound,
    /// A person must log in.
    InteractionRequired,
    /// The name is bound to something else than what was asked for.
    UrlMismatch,
    /// A server said something that must not be trusted.
    UntrustedServer,
    /// A file or directory is open to others, or is not ours.
    InsecureStorage,
    /// A stored record or key cannot be read back.
    CacheDamaged,
    /// The person or the authorization server said no.
    Denied,
    /// The granted scopes do not suffice.
    InsufficientScope,
    /// The authorization server does not accept the client.
    InvalidClient,
    /// The network or the server did not answer properly.
    Unavailable,
    /// The server asked to come back later.
    RateLimited,
    /// Another process held the lock for too long.
    LockTimeout,
    /// The time of this command is over.
    Deadline,
    /// The store cannot be written.
    CacheUnwritable,
    /// Nothing more precise is known.
    #[serde(other)]
    Other,
}

/// Every code, in the order of protocol.md's table.
pub const CODES: [Code; 18] = [
    Code::Other,
    Code::Internal,
    Code::Usage,
    Code::ConfigInvalid,
    Code::NotFound,
    Code::InteractionRequired,
    Code::UrlMismatch,
    Code::UntrustedServer,
    Code::InsecureStorage,
    Code::CacheDamaged,
    Code::Denied,
    Code::InsufficientScope,
    Code::InvalidClient,
    Code::Unavailable,
    Code::RateLimited,
    Code::LockTimeout,
    Code::Deadline,
    Code::CacheUnwritable,
];

impl Code {
    /// The code as it stands in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::ConfigInvalid => "config_invalid",
            Self::NotFound => "not_found",
            Self::InteractionRequired => "interaction_required",
            Self::UrlMismatch => "url_mismatch",
            Self::UntrustedServer => "untrusted_server",
            Self::InsecureStorage => "insecure_storage",
            Self::CacheDamaged => "cache_damaged",
            Self::Denied => "denied",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidClient => "invalid_client",
            Self::Unavailable => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::LockTimeout => "lock_timeout",
            Self::Deadline => "deadline",
            Self::CacheUnwritable => "cache_unwritable",
        }
    }

    /// The exit status that goes with the code (75 is `EX_TEMPFAIL` of sysexits.h).
    #[must_use]
    pub fn exit_status(self) -> u8 {
        match self {
            Self::Other | Self::Internal => 1,
            Self::Usage | Self::ConfigInvalid => 2,
            Self::NotFound => 3,
            Self::InteractionRequired => 4,
            Self::UrlMismatch | Self::UntrustedServer | Self::InsecureStorage | Self::CacheDamaged => 5,
            Self::Denied | Self::InsufficientScope | Self::InvalidClient => 6,
            Self::Unavailable
            | Self::RateLimited
            | Self::LockTimeout
            | Self::Deadline
            | Self::CacheUnwritable => 75,
        }
    }

    /// Whether the same call may succeed later without a person's help.
    #[must_use]
    pub fn retryable(self) -> bool {
        self.exit_status() == 75
    }

    /// Whether the way out is a login.
    #[must_use]
    pub fn wants_login(self) -> bool {
        matches!(self, Self::InteractionRequired | Self::InsufficientScope)
    }
}

/// A failure that ends a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it is.
    pub code: Code,
    /// What happened and what to do next. Foreign text in it has passed [`crate::text::one_line`].
    pub message: String,
    /// The server that it concerns, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Seconds after which another try makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The scopes that a server demands, with `insufficient_scope`; empty where it did not say which.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Whether no login helps, although the code as a rule asks for one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_login: bool,
}

impl Failure {
    /// A failure of kind `code`.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            server: None,
            retry_after: None,
            scopes: Vec::new(),
            without_login: false,
        }
    }

    /// Names the server, unless one is named already.
    #[must_use]
    pub fn of_server(mut self, server: &str) -> Self {
        self.server.get_or_insert_with(|| server.to_owned());
        self
    }

    /// Says when another try makes sense, in seconds from now.
    #[must_use]
    pub fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// Says which scopes are demanded.
    #[must_use]
    pub fn demanding(mut self, scopes: &[String]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    /// The same failure with another message.
    #[must_use]
    pub fn saying(&self, message: String) -> Self {
        Self { message, ..self.clone() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(server) => write!(f, "{server}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Failure {}

/// The result of whatever may end a command.
pub type Outcome<T> = Result<T, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_from_its_own_text() {
        for code in CODES {
            let text = format!("\"{}\"", code.as_str());
            assert_eq!(serde_json::to_string(&code).unwrap(), text);
            assert_eq!(serde_json::from_str::<Code>(&text).unwrap(), code);
        }
    }

    #[test]
    fn an_unknown_code_counts_as_other() {
        assert_eq!(serde_json::from_str::<Code>("\"brand_new\"").unwrap(), Code::Other);
    }
}
