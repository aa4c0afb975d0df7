//! The client information that comes back (RFC 7591, section 3.2.1), checked.

use super::enough;
use super::refusal::{self, Refused};
use super::{Order, Registered};
use crate::clock;
use crate::config::AuthMethod;
use crate::failure::{Code, Outcome};
use crate::oauth::client_auth::{by_name, choose};
use crate::oauth::grant::DEVICE_CODE;
use crate::oauth::http::Reply;
use crate::secret::Secret;
use serde_json::{Map, Value};

const BASIC: AuthMethod = AuthMethod::ClientSecretBasic;

/// The longest identifier or secret that is accepted, in bytes: it is stored with each token.
pub const LONGEST_CREDENTIAL: usize = 8 * 1024;

/// Reads a 2xx answer. Some servers put a refusal into one.
pub(super) fn read(order: &Order, reply: &Reply) -> Outcome<Result<Registered, Refused>> {
    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(reply.text().trim()) else {
        let what = format!(
            "answered the registration with HTTP {} and no JSON object; try again later",
            reply.status
        );
        return Err(order.failure(Code::Unavailable, &what));
    };
    if !fields.contains_key("client_id") && fields.contains_key("error") {
        return refusal::judge(order, reply);
    }
    let client = client(order, &fields).map_err(|why| {
        let what = format!(
            "answered the registration with something that cannot be used: {why}; ask whoever runs it"
        );
        order.failure(Code::UntrustedServer, &what)
    })?;
    enough::check(order, &fields).map(|()| Ok(client)).map_err(|why| {
        let what = format!(
            "registered a client that this login cannot use: {why}; register a client there by hand and set `clientId` \
             of {}, or ask whoever runs it",
            order.server.name
        );
        order.failure(Code::UntrustedServer, &what)
    })
}

fn client(order: &Order, fields: &Map<String, Value>) -> Result<Registered, &'static str> {
    let client_id = printable(fields, "client_id")?.ok_or("there is no `client_id`")?;
    let secret = printable(fields, "client_secret")?;
    let method = method(order, fields, secret.is_some())?;
    Ok(Registered {
        client_id: client_id.to_owned(),
        client_secret: secret.filter(|_| method != AuthMethod::None).map(Secret::new),
        method,
        redirect_uris: taken(order.redirect_uris, fields),
        for_devices: order.for_devices && may_use_devices(fields),
        client_secret_expires_at: seconds(fields, "client_secret_expires_at"),
        issued_at: clock::now(),
    })
}

/// A text of printable characters (RFC 6749, appendix A.1 and A.2); an empty one counts as absent.
fn printable<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    let text = fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.len() > LONGEST_CREDENTIAL => Err("its client credentials are too long"),
        Some(text) if !text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) => {
            Err("its client credentials are not printable")
        }
        text => Ok(text),
    }
}

/// The method that came back (rule 11). One that needs a secret is none where no secret came with it. Where no method
/// came with a secret it is the default, HTTP Basic (RFC 7591, section 2), unless the server lists others only.
fn method(order: &Order, fields: &Map<String, Value>, has_secret: bool) -> Result<AuthMethod, &'static str> {
    let Some(name) = fields.get("token_endpoint_auth_method").and_then(Value::as_str) else {
        let advertised = order.discovered.token_endpoint_auth_methods.as_deref();
        let is_basic = advertised.is_none_or(|names| names.iter().any(|name| name == BASIC.as_str()));
        return Ok(match order.server.auth_method {
            None if has_secret && is_basic => BASIC,
            configured => choose(configured, advertised, has_secret),
        });
    };
    let method = by_name(name).ok_or("it wants a client authentication that this program does not have")?;
    Ok(if has_secret { method } else { AuthMethod::None })
}

/// An answer may name fewer grants than were asked for; one that names none grants all.
fn may_use_devices(fields: &Map<String, Value>) -> bool {
    let listed = fields.get("grant_types").and_then(Value::as_array);
    listed.is_none_or(|grants| grants.iter().any(|grant| grant.as_str() == Some(DEVICE_CODE)))
}

/// The redirect URIs that the answer repeats, or all of them where it repeats none as it was written.
fn taken(asked: &[String], fields: &Map<String, Value>) -> Vec<String> {
    let listed = fields.get("redirect_uris").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let repeated: Vec<String> =
        asked.iter().filter(|uri| listed.iter().any(|one| one.as_str() == Some(uri))).cloned().collect();
    if repeated.is_empty() { asked.to_vec() } else { repeated }
}

/// Seconds since 1970; 0 means never.
fn seconds(fields: &Map<String, Value>, name: &str) -> Option<u64> {
    let seconds = match fields.get(name)? {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_u64(),
    };
    seconds.filter(|seconds| *seconds > 0).map(|seconds| seconds.min(clock::LAST_SECOND))
}
