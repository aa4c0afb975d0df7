//! Seeds: a refresh token or an authorization code that was obtained elsewhere, to begin with where nothing is
//! stored. They are good for one first token; whether one was spent already is the store's to know.
//!
//! Owns what a seed must look like and what it needs beside it.

use super::Server;
use super::merge::Merged;
use crate::failure::Outcome;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// The seeds of one server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seeds {
    /// `refreshToken`.
    #[serde(with = "crate::secret::wire_option")]
    pub refresh_token: Option<Secret>,
    /// `authorizationCode`, with what belongs to it.
    pub code: Option<CodeSeed>,
}

/// An authorization code that was obtained elsewhere. It belongs to the redirect URI of the `callback…` settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSeed {
    /// `authorizationCode`.
    #[serde(with = "crate::secret::wire")]
    pub code: Secret,
    /// `codeVerifier` (RFC 7636, section 4.1).
    #[serde(with = "crate::secret::wire")]
    pub verifier: Secret,
}

impl Seeds {
    /// The secrets that are spent, in the order in which they are tried.
    #[must_use]
    pub fn secrets(&self) -> Vec<&Secret> {
        self.refresh_token.iter().chain(self.code.iter().map(|seed| &seed.code)).collect()
    }
}

/// Fills in the seeds. What a seed belongs to must have been filled in before.
///
/// # Errors
/// `config_invalid` that names the key, never the value.
pub(super) fn fill(merged: &mut Merged, server: &mut Server) -> Outcome<()> {
    server.seeds.refresh_token = merged.parsed("refreshToken", printable)?;
    let code = merged.parsed("authorizationCode", printable)?;
    let verifier = merged.parsed("codeVerifier", verifier)?;
    server.seeds.code = match (code, verifier) {
        (Some(code), Some(verifier)) => Some(CodeSeed { code, verifier }),
        (None, None) => None,
        (Some(_), None) => {
            let problem =
                "is missing; `authorizationCode` cannot be redeemed without the PKCE verifier of its request";
            return Err(merged.missing("codeVerifier", problem));
        }
        (None, Some(_)) => {
            return Err(merged.missing("authorizationCode", "is missing; `codeVerifier` belongs to one"));
        }
    };
    let Some(key) = first_key(&server.seeds) else { return Ok(()) };
    if server.grant.is_unattended() {
        let problem = format!("has no use with the grant {}; remove one of them", server.grant.as_str());
        return Err(merged.about(key, &problem));
    }
    if server.client_id.is_none() {
        let problem = format!("is missing; `{key}` belongs to the client that it was issued to");
        return Err(merged.missing("clientId", &problem));
    }
    let fixed = server.callback.redirect_uri.is_some() || server.callback.port != 0;
    if server.seeds.code.is_some() && !fixed {
        let problem =
            "is missing; `authorizationCode` can be redeemed with the redirect URI of its request alone";
        return Err(merged.missing("redirectUri", problem));
    }
    Ok(())
}

fn first_key(seeds: &Seeds) -> Option<&'static str> {
    match seeds {
        Seeds { refresh_token: Some(_), .. } => Some("refreshToken"),
        Seeds { code: Some(_), .. } => Some("authorizationCode"),
        _ => None,
    }
}

/// RFC 6749, appendix A.11 and A.17: `1*VSCHAR`.
fn printable(text: &str) -> Result<Secret, String> {
    if text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Ok(Secret::new(text));
    }
    Err("holds a character that no token and no code has, perhaps a line end".to_owned())
}

/// RFC 7636, section 4.1.
fn verifier(text: &str) -> Result<Secret, String> {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
        return Ok(Secret::new(text));
    }
    Err("must be 43 to 128 letters, digits and `-._~`, as RFC 7636 demands".to_owned())
}
