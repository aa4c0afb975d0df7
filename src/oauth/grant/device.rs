//! The device authorization request (RFC 8628, sections 3.1 and 3.2): a code for us, and one for a person.
//!
//! What a person will be shown is checked here: the addresses may be opened, the code is short and printable.

use super::fields::{self, Body};
use super::judge::Judge;
use super::{TokenRequest, form};
use crate::clock;
use crate::failure::Outcome;
use crate::oauth::http::{Http, Reply, TOKEN_LIMIT};
use crate::oauth::open::safe_to_open;
use crate::oauth::reach::may_name;
use crate::secret::Secret;
use serde_json::{Map, Value};
use url::Url;

/// The longest `device_code` that is accepted, in bytes.
const LONGEST_CODE: usize = 8 * 1024;
/// The longest `user_code` that a person could be asked to type, in characters.
const LONGEST_USER_CODE: usize = 64;
/// How long a code lives where the answer does not say it, in seconds.
const LIFETIME: u64 = 900;
/// The pause between two polls where the answer does not say it, in seconds (section 3.2).
const INTERVAL: u64 = 5;

/// What a person needs to log in on another device, and what we poll with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAuthorization {
    /// `device_code`.
    pub device_code: Secret,
    /// `user_code`, printable and short.
    pub user_code: String,
    /// `verification_uri`, fit to be shown and opened.
    pub verification_uri: String,
    /// `verification_uri_complete`, which holds the code, where there is one; fit to be shown and opened.
    pub verification_uri_complete: Option<String>,
    /// How long the codes live, in seconds.
    pub expires_in: u64,
    /// The pause between two polls, in seconds; at least 1, and as long as the server says.
    pub interval: u64,
}

/// Asks for a pair of codes. `request` is for the device authorization endpoint; whatever that names must be a host
/// that it may name, or one of `allowed`.
///
/// # Errors
/// What the server refuses it with, `unavailable`, and `untrusted_server` for an answer that must not be shown.
pub fn device_authorization(
    http: &Http,
    request: &TokenRequest,
    allowed: &[String],
) -> Outcome<DeviceAuthorization> {
    let form = form::build(request, None)?;
    let sent_at = clock::now();
    let reply = http.send(form, TOKEN_LIMIT);
    let judge = Judge::new(request, sent_at, clock::now());
    match reply.as_ref().ok().and_then(codes) {
        Some(fields) => read(request, &fields, allowed).map_err(|why| judge.unsound_failure(&why)),
        None => Err(judge.refused(reply)),
    }
}

/// The members of a success.
fn codes(reply: &Reply) -> Option<Map<String, Value>> {
    match fields::read(reply) {
        Body::Fields(fields) if (200..300).contains(&reply.status) => {
            fields.contains_key("device_code").then_some(fields)
        }
        _ => None,
    }
}

fn read(
    request: &TokenRequest,
    fields: &Map<String, Value>,
    allowed: &[String],
) -> Result<DeviceAuthorization, String> {
    let visible = |text: &&str| text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    let device_code = fields::text(fields, "device_code").filter(visible);
    let device_code = device_code.filter(|code| code.len() <= LONGEST_CODE);
    let user_code = fields::text(fields, "user_code").filter(visible);
    let user_code = user_code.filter(|code| code.len() <= LONGEST_USER_CODE && !code.trim().is_empty());
    // Google's spelling is older than the standard.
    let uri = fields::text(fields, "verification_uri").or_else(|| fields::text(fields, "verification_url"));
    let shown = |name: &str, uri: &str| {
        address(request, uri, allowed).map_err(|why| format!("its `{name}` must not be opened: {why}"))
    };
    let complete = fields::text(fields, "verification_uri_complete");
    Ok(DeviceAuthorization {
        device_code: Secret::new(device_code.ok_or("its `device_code` is no usable text")?),
        user_code: user_code.ok_or("its `user_code` is nothing that a person could type")?.to_owned(),
        verification_uri: shown("verification_uri", uri.ok_or("it names no `verification_uri`")?)?,
        verification_uri_complete: complete.map(|uri| shown("verification_uri_complete", uri)).transpose()?,
        expires_in: number(fields, "expires_in", f64::floor).unwrap_or(LIFETIME),
        interval: number(fields, "interval", f64::ceil).unwrap_or(INTERVAL),
    })
}

/// Seconds above 0, written as a number or as text; a fraction is `rounded`, and what is too long to be named is cut.
fn number(fields: &Map<String, Value>, name: &str, rounded: fn(f64) -> f64) -> Option<u64> {
    let whole = |seconds: f64| seconds.is_finite().then(|| saturated(rounded(seconds)));
    let seconds = match fields.get(name)? {
        Value::String(text) => text.trim().parse().ok().or_else(|| whole(text.trim().parse().ok()?)),
        number => number.as_u64().or_else(|| whole(number.as_f64()?)),
    };
    seconds.filter(|seconds| *seconds > 0).map(|seconds| seconds.min(clock::LAST_SECOND))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // The cast saturates.
fn saturated(seconds: f64) -> u64 {
    seconds as u64
}

/// An address for a person, judged like the authorization endpoint.
fn address(request: &TokenRequest, text: &str, allowed: &[String]) -> Result<String, String> {
    let safe = safe_to_open(text)?;
    let (Ok(url), Ok(endpoint)) = (Url::parse(&safe), Url::parse(&request.token_endpoint)) else {
        return Err("it is no URL".to_owned());
    };
    may_name(&endpoint, &url, allowed)
        .map(|()| safe)
        .map_err(|kind| format!("{kind}, which a server on another host must not name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pause_is_read_upwards_a_life_downwards_and_what_says_nothing_is_absent() {
        let read = |value: Value, rounded| {
            let fields: Map<String, Value> = [("seconds".to_owned(), value)].into_iter().collect();
            number(&fields, "seconds", rounded)
        };
        for (value, up, down) in [
            (json!(90), Some(90), Some(90)),
            (json!(12.0), Some(12), Some(12)),
            (json!(12.1), Some(13), Some(12)),
            (json!("12.5"), Some(13), Some(12)),
            (json!(" 7 "), Some(7), Some(7)),
            (json!(0.5), Some(1), None),
            (json!(1e300), Some(clock::LAST_SECOND), Some(clock::LAST_SECOND)),
            (json!(u64::MAX), Some(clock::LAST_SECOND), Some(clock::LAST_SECOND)),
        ] {
            assert_eq!(
                (read(value.clone(), f64::ceil), read(value.clone(), f64::floor)),
                (up, down),
                "{value}"
            );
        }
        for nothing in [
            json!(0),
            json!(-1),
            json!(-0.5),
            json!(null),
            json!("inf"),
            json!("NaN"),
            json!("soon"),
            json!([5]),
        ] {
            assert_eq!(read(nothing.clone(), f64::ceil), None, "{nothing}");
        }
    }
}
