//! What a request's work ends with, the errors of OAuth, and the reading of parameters.
//!
//! Shared by the endpoints; knows none of them.

use crate::request::Pairs;
use crate::response::Response;
use crate::settings::{ResourceRule, Settings};
use crate::site::Site;
use serde_json::{Map, Value};

/// A response, and what the log should say of it.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) committed: bool,
    pub(crate) error: Option<String>,
}

impl Answer {
    /// The server's state changed.
    pub(crate) fn committed(response: Response) -> Self {
        Self { committed: true, ..Self::from(response) }
    }

    /// Refused with that OAuth error.
    pub(crate) fn refused(response: Response, error: &str) -> Self {
        Self { error: Some(error.to_owned()), ..Self::from(response) }
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        Self { response, committed: false, error: None }
    }
}

/// An OAuth error (RFC 6749, section 5.2).
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) why: &'static str,
}

impl Refusal {
    /// With status 400.
    pub(crate) fn new(error: &'static str, why: &'static str) -> Self {
        Self { status: 400, error, why }
    }

    /// `invalid_client` with status 401.
    pub(crate) fn invalid_client(why: &'static str) -> Self {
        Self { status: 401, error: "invalid_client", why }
    }

    pub(crate) fn body(&self) -> Map<String, Value> {
        let member = |name: &str, value: &str| (name.to_owned(), value.into());
        [member("error", self.error), member("error_description", self.why)].into_iter().collect()
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let response = Response::json(refusal.status, &Value::Object(refusal.body()));
        Self::refused(challenged(response), refusal.error)
    }
}

/// The response with the challenge that a 401 needs (RFC 6749, section 5.2).
pub(crate) fn challenged(response: Response) -> Response {
    match response.status {
        401 => response.header("WWW-Authenticate", "Basic realm=\"oauthserver\""),
        _ => response,
    }
}

/// The value of a parameter that may come once at most; an empty one counts as absent (RFC 6749, section 3.1).
pub(crate) fn one<'a>(pairs: &'a Pairs, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = pairs.iter().filter(|(key, _)| key == name);
    let first = values.next().map(|(_, value)| value.as_str());
    if values.next().is_some() {
        return Err(Refusal::new("invalid_request", "a parameter is repeated"));
    }
    Ok(first.filter(|value| !value.is_empty()))
}

/// A parameter that must be there.
pub(crate) fn required<'a>(pairs: &'a Pairs, name: &str) -> Result<&'a str, Refusal> {
    let missing = || Refusal::new("invalid_request", "a required parameter is missing");
    one(pairs, name)?.ok_or_else(missing)
}

/// Checks `resource` (RFC 8707) by the rule of the settings.
pub(crate) fn check_resource(site: &Site, pairs: &Pairs) -> Result<(), Refusal> {
    let sent: Vec<&str> =
        pairs.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.as_str()).collect();
    let accepted = match site.settings.resource_rule {
        ResourceRule::Ignore => true,
        ResourceRule::Refuse => sent.is_empty(),
        ResourceRule::Exact => sent == [site.resource()],
    };
    let why = "resource must be the published identifier, byte for byte";
    accepted.then_some(()).ok_or(Refusal::new("invalid_target", why))
}

/// The scope to grant for what was asked: known words only, and a default when nothing was asked.
pub(crate) fn scope_to_grant(site: &Site, asked: Option<&str>) -> Result<String, Refusal> {
    let Some(asked) = asked else {
        return Ok(default_scope(&site.settings));
    };
    let known = site.known_scopes();
    let strange = |word: &str| !known.is_empty() && !known.contains(&word);
    if asked.split(' ').any(strange) {
        return Err(Refusal::new("invalid_scope", "the scope is unknown"));
    }
    Ok(asked.to_owned())
}

fn default_scope(settings: &Settings) -> String {
    let supported = || settings.scopes_supported.join(" ");
    settings.challenge.scope.clone().unwrap_or_else(supported)
}
