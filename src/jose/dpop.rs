//! `DPoP` proofs (RFC 9449): one for each request, made when it is sent.

use super::{Problem, SigningKey, sha256, unique_id};
use crate::secret::Secret;
use serde_json::{Map, Value, json};
use url::Url;

/// The request that a proof is for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The HTTP method, as it is sent.
    pub method: &'a str,
    /// The URL of the request; query and fragment do not count.
    pub url: &'a Url,
    /// The nonce that the server has provided last (section 8).
    pub nonce: Option<&'a str>,
}

/// A proof for `target` by `key` (section 4.2); `now` in seconds since 1970 UTC. `token` is the access token
/// that goes with the request, where one does.
///
/// # Errors
/// When the system has no random bytes.
pub fn proof(key: &SigningKey, target: Target, token: Option<&Secret>, now: u64) -> Result<String, Problem> {
    let mut header = Map::new();
    header.insert("typ".to_owned(), "dpop+jwt".into());
    header.insert("jwk".to_owned(), key.public().to_value());
    let mut claims = json!({
        "jti": unique_id()?,
        "htm": target.method,
        "htu": htu(target.url),
        "iat": now,
    });
    if let Some(nonce) = target.nonce {
        claims["nonce"] = nonce.into();
    }
    if let Some(token) = token {
        claims["ath"] = Value::String(sha256(token.expose().as_bytes()));
    }
    key.sign(header, &claims)
}

/// The URL without query and fragment (section 4.2), and without what only the sender knows.
fn htu(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Neither can fail for the URLs that a request can be sent to.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}
