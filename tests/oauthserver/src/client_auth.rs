//! Who is asking at the token and revocation endpoints (RFC 6749, section 2.3).
//!
//! Strict: one method a request, and only a method that the client was registered with.

use crate::answer::{Refusal, one};
use crate::assertion;
use crate::client::{AuthMethod, Client};
use crate::request::{Pairs, Request};
use crate::shared::Shared;
use crate::site::Site;
use crate::state::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

/// What the request presented.
struct Presented {
    method: AuthMethod,
    id: String,
    secret: Option<String>,
    assertion: Option<String>,
}

/// The client that the request proves to come from.
pub(crate) fn authenticate(
    shared: &Shared,
    site: &Site,
    state: &mut State,
    request: &Request,
    form: &Pairs,
) -> Result<Client, Refusal> {
    let presented = presented(request, form)?;
    let unknown = || Refusal::invalid_client("the client is unknown");
    let client = state.client(&site.settings, &presented.id).ok_or_else(unknown)?;
    if !client.auth_methods.contains(&presented.method) {
        return Err(Refusal::invalid_client("the client is not registered for this authentication method"));
    }
    let now = shared.clock.utc();
    match (presented.method, &presented.assertion) {
        (AuthMethod::None, _) => {}
        (AuthMethod::PrivateKeyJwt, Some(assertion)) => {
            assertion::check(site, &client, assertion, &mut state.assertions, now)?;
        }
        _ => check_secret(&client, presented.secret.as_deref(), now)?,
    }
    Ok(client)
}

/// Whether the request names no client at all, which a grant by assertion may do (RFC 7521, section 4.1).
pub(crate) fn is_nobody(request: &Request, form: &Pairs) -> bool {
    let named = |name: &str| form.iter().any(|(key, _)| key == name);
    request.header("authorization").next().is_none() && !named("client_id") && !named("client_secret")
}

fn check_secret(client: &Client, secret: Option<&str>, now: u64) -> Result<(), Refusal> {
    if client.secret.is_none() || client.secret.as_deref() != secret {
        return Err(Refusal::invalid_client("the client secret is wrong"));
    }
    if client.secret_expires_at != 0 && now >= client.secret_expires_at {
        return Err(Refusal::invalid_client("the client secret has expired"));
    }
    Ok(())
}

fn presented(request: &Request, form: &Pairs) -> Result<Presented, Refusal> {
    let id = one(form, "client_id")?.map(str::to_owned);
    let secret = one(form, "client_secret")?.map(str::to_owned);
    let assertion = one(form, "client_assertion")?.map(str::to_owned);
    let mut headers = request.header("authorization");
    let header = headers.next();
    let used = [header.is_some(), secret.is_some(), assertion.is_some()];
    if headers.next().is_some() || used.iter().filter(|used| **used).count() > 1 {
        return Err(Refusal::new("invalid_request", "two authentication methods were used"));
    }
    if let Some(header) = header {
        let (basic_id, secret) =
            basic(header).ok_or(Refusal::invalid_client("the Authorization header is malformed"))?;
        if id.is_some_and(|id| id != basic_id) {
            return Err(Refusal::new("invalid_request", "two different client ids were sent"));
        }
        return Ok(Presented {
            method: AuthMethod::Basic,
            id: basic_id,
            secret: Some(secret),
            assertion: None,
        });
    }
    let id = id.ok_or(Refusal::invalid_client("no client authentication"))?;
    if assertion.is_some() && one(form, "client_assertion_type")? != Some(assertion::TYPE) {
        return Err(Refusal::new("invalid_request", "the client_assertion_type is wrong"));
    }
    let method = match (&secret, &assertion) {
        (Some(_), _) => AuthMethod::Post,
        (None, Some(_)) => AuthMethod::PrivateKeyJwt,
        (None, None) => AuthMethod::None,
    };
    Ok(Presented { method, id, secret, assertion })
}

/// Id and secret of basic credentials, each form-decoded (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

/// Undoes form encoding of one value; none when it was not encoded, because `=` or `&` split it.
fn form_decoded(text: &str) -> Option<String> {
    if text.contains(['=', '&']) {
        return None;
    }
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    Some(pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::basic;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn header(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let (id, secret) = basic(&header("my%3Aid:p%2Bq+r%25")).unwrap();
        assert_eq!((id.as_str(), secret.as_str()), ("my:id", "p+q r%"));
    }

    #[test]
    fn raw_characters_that_form_encoding_would_have_changed_are_refused() {
        assert!(basic(&header("id:a=b")).is_none());
        assert!(basic(&header("no colon")).is_none());
        assert!(basic("Bearer abc").is_none());
        assert!(basic("Basic ***").is_none());
        assert!(basic("Basic").is_none());
    }
}
