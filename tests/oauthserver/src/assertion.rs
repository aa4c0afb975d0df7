//! `private_key_jwt`: a client that proves itself by a signed assertion (RFC 7523, sections 2.2 and 3).

use crate::answer::Refusal;
use crate::client::Client;
use crate::jwt::Jws;
use crate::site::Site;
use std::collections::HashSet;

/// The one `client_assertion_type` there is.
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest life of an assertion, in seconds.
const LONGEST: u64 = 300;

/// Checks `assertion` of `client` at `now`; `seen` holds every `jti` that came before.
///
/// # Errors
/// `invalid_client` that says what is wrong.
pub(crate) fn check(
    site: &Site,
    client: &Client,
    assertion: &str,
    seen: &mut HashSet<String>,
    now: u64,
) -> Result<(), Refusal> {
    let refused = |why| Err(Refusal::invalid_client(why));
    let Some(jws) = Jws::read(assertion) else { return refused("the assertion is no JWS") };
    let kid = jws.header.get("kid");
    let mut keys = client.keys.iter().filter(|key| kid.is_none() || key.get("kid") == kid);
    if !keys.any(|key| jws.is_signed_by(key)) {
        return refused("no registered key verifies the assertion");
    }
    let id = Some(client.client_id.as_str());
    if jws.text("iss") != id || jws.text("sub") != id {
        return refused("iss and sub must be the client_id");
    }
    let audience = jws.text("aud");
    let issuer = site.settings.issuer.clone().unwrap_or_else(|| site.issuer());
    if audience != Some(issuer.as_str()) && audience != Some(site.endpoint("token").as_str()) {
        return refused("aud is neither the issuer nor the token endpoint");
    }
    let Some(end) = jws.seconds("exp") else { return refused("there is no exp") };
    if end <= now || end > now + LONGEST {
        return refused("exp is over or too far away");
    }
    match jws.text("jti") {
        Some(jti) if seen.insert(jti.to_owned()) => Ok(()),
        _ => refused("the jti is missing or was used before"),
    }
}
