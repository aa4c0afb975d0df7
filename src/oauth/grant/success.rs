//! The checks of a successful token answer (RFC 6749, section 5.1): only what is sound becomes a [`Granted`].
//!
//! A refusal here names the member and never quotes it.

use super::extension::ID_JAG;
use super::fields::text;
use super::{GrantRequest, Granted, TokenRequest};
use crate::clock::LAST_SECOND;
use crate::secret::Secret;
use crate::token::DPOP;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token that is accepted, in bytes.
const LONGEST_TOKEN: usize = 32 * 1024;

/// The longest list of scopes that is kept, in bytes: it is stored, and may stand in the next request.
const LONGEST_SCOPE: usize = 8 * 1024;

/// The longest lifetime that the `exp` of an access token may claim, in seconds: ten years.
const LONGEST_CLAIM: u64 = 10 * 366 * 86_400;

/// The answer as a [`Granted`], or which member of it must not be used.
///
/// # Errors
/// Half a sentence that says what is wrong with the answer.
pub(super) fn granted(
    request: &TokenRequest,
    fields: &Map<String, Value>,
    sent_at: u64,
) -> Result<Granted, &'static str> {
    let access_token = text(fields, "access_token").ok_or("it holds no `access_token`")?;
    if access_token.len() > LONGEST_TOKEN {
        return Err("its `access_token` is longer than 32 KiB");
    }
    if !is_b64token(access_token) {
        return Err("its `access_token` holds characters that no header may carry (RFC 6750, section 2.1)");
    }
    let token_type = token_type(request, fields)?;
    Ok(Granted {
        access_token: Secret::new(access_token),
        refresh_token: refresh_token(request, fields)?,
        token_type: token_type.to_owned(),
        expires_in: lifetime(fields, sent_at).or_else(|| claimed_lifetime(access_token, sent_at)),
        scope: scope(fields),
        sent_at,
    })
}

/// The type in its usual spelling. A token that was asked to be bound and is not (RFC 9449, section 5) is as good
/// as any other, unless bound ones are insisted on.
fn known_type(request: &TokenRequest, named: &str) -> Result<&'static str, &'static str> {
    let required = request.dpop.as_ref().map(|dpop| dpop.required);
    match required {
        Some(_) if named.eq_ignore_ascii_case(DPOP) => Ok(DPOP),
        Some(true) => Err("its `token_type` is not DPoP, which `dpop` insists on"),
        _ if named.eq_ignore_ascii_case("bearer") => Ok("Bearer"),
        Some(false) => Err("its `token_type` is neither Bearer nor DPoP"),
        None => Err("its `token_type` is not Bearer"),
    }
}

/// `b64token` of RFC 6750, section 2.1.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// `Bearer` or `DPoP`; of a token exchange, `N_A` and the proof that it is an ID-JAG (MCP enterprise-managed
/// authorization, section 4.2).
fn token_type(request: &TokenRequest, fields: &Map<String, Value>) -> Result<&'static str, &'static str> {
    let is_exchange = matches!(request.grant, GrantRequest::TokenExchange { .. });
    if is_exchange && text(fields, "issued_token_type") != Some(ID_JAG) {
        return Err("its `issued_token_type` is not that of an ID-JAG");
    }
    let named = text(fields, "token_type").ok_or("it names no `token_type`")?;
    match is_exchange {
        false => known_type(request, named),
        true if named.eq_ignore_ascii_case("n_a") => Ok("N_A"),
        true => Err("its `token_type` is not N_A"),
    }
}

/// The refresh token; an empty one counts as none. What is asked for anew has none: RFC 6749, section 4.4.3, and
/// RFC 7521, section 4.1.
fn refresh_token(
    request: &TokenRequest,
    fields: &Map<String, Value>,
) -> Result<Option<Secret>, &'static str> {
    if !request.grant.is_login() {
        return Ok(None);
    }
    match text(fields, "refresh_token") {
        Some(token) if token.len() > LONGEST_TOKEN => Err("its `refresh_token` is longer than 32 KiB"),
        // RFC 6749, appendix A.17.
        Some(token) if !is_visible(token) => {
            Err("its `refresh_token` holds characters that are not printable")
        }
        token => Ok(token.map(Secret::new)),
    }
}

/// `expires_in` where it is a number above 0, written as a number or as text; cut so that the instant it
/// leads to can still be named.
fn lifetime(fields: &Map<String, Value>, sent_at: u64) -> Option<u64> {
    let longest = LAST_SECOND.saturating_sub(sent_at);
    let seconds = match fields.get("expires_in")? {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
        _ => None,
    };
    seconds.filter(|seconds| *seconds > 0).map(|seconds| seconds.min(longest))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // The cast saturates; NaN is excluded.
fn whole(seconds: f64) -> Option<u64> {
    (seconds >= 1.0).then_some(seconds as u64)
}

/// Seconds from `sent_at` to the `exp` of an access token that is a JWT (RFC 9068, section 2.2). It is
/// read as a hint, not as a proof: the signature is the resource server's affair.
fn claimed_lifetime(access_token: &str, sent_at: u64) -> Option<u64> {
    let mut parts = access_token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
    let exp = claims.get("exp")?;
    let exp = exp.as_u64().or_else(|| whole(exp.as_f64()?))?;
    exp.checked_sub(sent_at).filter(|seconds| (1..=LONGEST_CLAIM).contains(seconds))
}

/// `scope`, where it is printable. Some servers send a list. A token is worth more than a list of what it is good for, so
/// of one that is too long the first names are kept: those are granted in any case.
fn scope(fields: &Map<String, Value>) -> Option<String> {
    let scope = match fields.get("scope")? {
        Value::String(scope) => scope.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    let scope = is_visible(&scope).then(|| shortened(scope))?;
    (!scope.trim().is_empty()).then_some(scope)
}

fn shortened(scope: String) -> String {
    let Some(kept) = scope.get(..LONGEST_SCOPE) else { return scope };
    // The last name may be cut, unless a blank follows it.
    let end = if scope[LONGEST_SCOPE..].starts_with(' ') { Some(kept.len()) } else { kept.rfind(' ') };
    log::info!("the server names more scopes than are kept");
    kept[..end.unwrap_or_default()].to_owned()
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}
