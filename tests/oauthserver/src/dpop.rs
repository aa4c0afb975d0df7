//! `DPoP` proofs as a server checks them (RFC 9449, section 4.3), and the nonces that it demands (section 8).

use crate::answer::Refusal;
use crate::jwt::{Jws, sha256};
use crate::request::Request;
use serde_json::{Value, json};
use std::collections::HashSet;

/// How far `iat` may lie from the clock, in seconds.
const WINDOW: u64 = 300;

/// What a proof must say.
pub(crate) struct Demand<'a> {
    /// The URL that was called, without query.
    pub(crate) url: &'a str,
    /// The nonce, where one is demanded.
    pub(crate) nonce: Option<&'a str>,
    /// The access token that comes along.
    pub(crate) token: Option<&'a str>,
    /// Seconds since 1970 UTC.
    pub(crate) now: u64,
}

/// The thumbprint of the key that the request proves to hold; none where it carries no proof. `seen` holds every
/// `jti` that came before.
///
/// # Errors
/// `invalid_dpop_proof`, or `use_dpop_nonce` for a sound proof without the right nonce.
pub(crate) fn proved(
    request: &Request,
    demand: &Demand<'_>,
    seen: &mut HashSet<String>,
) -> Result<Option<String>, Refusal> {
    let mut headers = request.header("dpop");
    let Some(proof) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(bad("there are several proofs"));
    }
    let jws = Jws::read(proof).ok_or(bad("the proof is no JWS"))?;
    let key = jws.header.get("jwk").ok_or(bad("the proof names no key"))?;
    if jws.header.get("typ") != Some(&json!("dpop+jwt")) || key.get("d").is_some() || !jws.is_signed_by(key) {
        return Err(bad("the proof's header or signature is wrong"));
    }
    let right_request = jws.text("htm") == Some(&request.method) && jws.text("htu") == Some(demand.url);
    if !right_request {
        return Err(bad("the proof is for another request"));
    }
    let made = jws.seconds("iat").ok_or(bad("the proof has no iat"))?;
    if made.abs_diff(demand.now) > WINDOW {
        return Err(bad("the proof is too old or from the future"));
    }
    if demand.token.is_some()
        && jws.text("ath") != demand.token.map(|token| sha256(token.as_bytes())).as_deref()
    {
        return Err(bad("the proof is for another token"));
    }
    if demand.nonce.is_some() && jws.text("nonce") != demand.nonce {
        return Err(Refusal::new("use_dpop_nonce", "the proof needs the nonce of this answer"));
    }
    match jws.text("jti") {
        Some(jti) if seen.insert(jti.to_owned()) => thumbprint(key).map(Some),
        _ => Err(bad("the jti is missing or was used before")),
    }
}

/// RFC 7638, section 3.
fn thumbprint(key: &Value) -> Result<String, Refusal> {
    let member = |name: &str| key.get(name).cloned().unwrap_or_default();
    match key.get("kty").and_then(Value::as_str) {
        Some("EC") => {
            let names = ["crv", "kty", "x", "y"].map(|name| format!("{}:{}", json!(name), member(name)));
            Ok(sha256(format!("{{{}}}", names.join(",")).as_bytes()))
        }
        _ => Err(bad("the proof's key is of another kind than ES256 needs")),
    }
}

fn bad(why: &'static str) -> Refusal {
    Refusal::new("invalid_dpop_proof", why)
}
