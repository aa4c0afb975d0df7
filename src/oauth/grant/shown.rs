//! What a token endpoint said, made fit to be shown: one plain line, and nothing of our own secrets.
//!
//! A hostile or careless server may echo the refresh token, the code or the client secret in its
//! `error_description`. Any text that shares a run of letters and digits with one of them is withheld, and so is
//! one with a signed token in it, as a client assertion is.
//! Limit: an echo in another alphabet (base64 of it, reversed) is not recognised.

use super::TokenRequest;
use crate::secret::Secret;
use crate::text::{LINE_LIMIT, one_line};
use std::collections::HashSet;

/// How many letters and digits in a row must agree to count as an echo.
const RUN: usize = 8;

/// The secrets that one request sent.
pub(super) struct Shown<'a>(Vec<&'a str>);

impl<'a> Shown<'a> {
    /// The secrets of `request`: what is exchanged, the client secret, and configured extra parameters,
    /// which may hold one.
    pub(super) fn new(request: &'a TokenRequest) -> Self {
        let secrets =
            request.grant.secrets().into_iter().chain(&request.client.client_secret).map(Secret::expose);
        Self(secrets.chain(request.extra_params.iter().map(|(_, value)| value.as_str())).collect())
    }

    /// `text` as one line, or a note in its place when it repeats a secret.
    pub(super) fn line(&self, text: &str) -> String {
        // Only what would be shown is looked at; `one_line` reads no further either.
        let seen: String = text.chars().take(LINE_LIMIT * 4).collect();
        if self.0.iter().any(|secret| echoes(&seen, secret)) || holds_jws(&seen) {
            return "(its text is withheld: it repeats a secret)".to_owned();
        }
        one_line(&seen)
    }
}

/// Whether `text` holds what looks like a signed token, ours or another: its header always begins so.
fn holds_jws(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    words.any(|word| word.contains("eyJ") && word.contains('.'))
}

/// Whether `text` holds `secret` or a run of it. Case, white space and percent signs do not hide it.
fn echoes(text: &str, secret: &str) -> bool {
    let (plain_text, plain_secret) = (plain(text), plain(secret));
    if plain_secret.len() < RUN {
        return !secret.is_empty() && text.contains(secret);
    }
    let runs: HashSet<&[u8]> = plain_text.windows(RUN).collect();
    plain_secret.windows(RUN).any(|run| runs.contains(run))
}

fn plain(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect()
}
