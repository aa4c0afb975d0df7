//! The redirect URI's side of a login: what came back from the browser, and whether it counts.
//!
//! This file is the judge: pure, over one request head, without sockets or time. [`listener`] owns the
//! sockets, [`head`] the bytes. None of them knows a server's name, a store or a token endpoint.
//!
//! Anybody on this machine and any page in the browser can send requests here. So whatever is not the
//! awaited answer gets a short refusal and changes nothing; only a request that carries the `state` of
//! this login can end it. Limit: whoever can read the browser's address line can end it too.

mod address;
mod connection;
pub mod head;
pub mod listener;
pub mod paste;

use crate::config::Callback;
use crate::failure::Outcome;
use crate::secret::Secret;
pub use address::default_redirect_uris;
use head::RequestHead;
pub use listener::{Ended, Listener};
use std::borrow::Cow;

/// The longest authorization code that is taken, in bytes after decoding.
pub const CODE_LIMIT: usize = 4 * 1024;

/// What the awaited request looks like.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Path of the redirect URI, as it stands in the request line.
    pub path: String,
    /// The values of `Host` that are ours, for example `127.0.0.1:8080`.
    pub hosts: Vec<String>,
    /// `state` of the authorization request.
    pub state: Secret,
    /// What `iss` must say.
    pub issuer: IssuerRule,
}

/// What RFC 9207 asks of this answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssuerRule {
    /// The issuer that was recorded before the browser opened. Without one there is nothing to compare.
    pub issuer: Option<String>,
    /// Whether its metadata says `authorization_response_iss_parameter_supported`.
    pub advertised: bool,
}

/// The redirect URI that `callback` announces, where it fixes one: it is configured, or its port is.
///
/// # Errors
/// `config_invalid` for settings that cannot work, or that leave the port to chance.
pub fn redirect_uri(callback: &Callback) -> Outcome<String> {
    match &callback.redirect_uri {
        Some(uri) => Ok(uri.clone()),
        None => address::Plan::of(callback)?.fixed_redirect_uri(),
    }
}

/// The judge's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Not the awaited request: refuse it and keep waiting.
    Ignored(Refusal),
    /// The authorization code.
    Success {
        /// `code`.
        code: Secret,
    },
    /// The authorization server, or the person there, said no (RFC 6749, section 4.1.2.1).
    Denied {
        /// `error`, as it came.
        error: String,
        /// `error_description`, as it came.
        description: Option<String>,
    },
    /// The answer is not from the issuer that was asked: the login ends, and no token request follows.
    Untrusted(IssuerBreach),
}

/// How a request that does not count is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 400
    BadRequest,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
}

/// How an answer broke RFC 9207.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerBreach {
    /// `iss` is missing though the server announced it.
    Missing,
    /// `iss` is there more than once.
    Repeated,
    /// `iss` is this text, as it came.
    Other(String),
}

/// Judges one request. The `Host` comes first (DNS rebinding), then the address, then `state`: only after
/// that is anything else of the query looked at, and `iss` before `error` and `code`.
#[must_use]
pub fn judge(head: &RequestHead<'_>, expected: &Expected) -> Verdict {
    if !is_our_host(&head.hosts, &expected.hosts) {
        return Verdict::Ignored(Refusal::BadRequest);
    }
    let Some(query) = query_at(head.target, &expected.path) else {
        return Verdict::Ignored(Refusal::NotFound);
    };
    if head.method != "GET" {
        return Verdict::Ignored(Refusal::MethodNotAllowed);
    }
    let query = Query(query);
    if !query.once("state").is_some_and(|state| same(&state, expected.state.expose())) {
        return Verdict::Ignored(Refusal::BadRequest);
    }
    match breach(&query, &expected.issuer) {
        Some(breach) => Verdict::Untrusted(breach),
        None => response(&query).unwrap_or(Verdict::Ignored(Refusal::BadRequest)),
    }
}

/// RFC 9110, section 7.2: one `Host`; the name in it does not heed case.
fn is_our_host(hosts: &[&[u8]], ours: &[String]) -> bool {
    matches!(hosts, [host] if ours.iter().any(|our| our.as_bytes().eq_ignore_ascii_case(host)))
}

/// The query of an origin-form target at exactly `path`. Nothing is normalised: whoever was sent here by
/// the authorization server comes with the path as we announced it.
fn query_at<'a>(target: &'a str, path: &str) -> Option<&'a str> {
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return None;
    }
    let (at, query) = target.split_once('?').unwrap_or((target, ""));
    (at == path && at.starts_with('/')).then_some(query)
}

/// RFC 9207, section 2.4: simple string comparison, of what is there whether it was announced or not.
fn breach(query: &Query<'_>, rule: &IssuerRule) -> Option<IssuerBreach> {
    let mut given = query.all("iss");
    match (given.next(), given.next(), &rule.issuer) {
        (None, ..) => rule.advertised.then_some(IssuerBreach::Missing),
        (Some(_), Some(_), _) => Some(IssuerBreach::Repeated),
        (Some(iss), None, Some(issuer)) if iss == issuer.as_str() => None,
        (Some(_), None, None) if !rule.advertised => None,
        (Some(iss), None, _) => Some(IssuerBreach::Other(iss.into_owned())),
    }
}

/// The answer itself: one usable `code` or one `error`, never both (RFC 6749, sections 4.1.2 and 4.1.2.1).
fn response(query: &Query<'_>) -> Option<Verdict> {
    if query.all("error").next().is_none() {
        let code = query.once("code").filter(|code| is_usable_code(code))?;
        return Some(Verdict::Success { code: Secret::new(code) });
    }
    if query.all("code").next().is_some() {
        return None;
    }
    let error = query.once("error").filter(|error| !error.is_empty())?.into_owned();
    Some(Verdict::Denied { error, description: query.once("error_description").map(Cow::into_owned) })
}

/// RFC 6749, appendix A.11: `1*VSCHAR`.
fn is_usable_code(code: &str) -> bool {
    (1..=CODE_LIMIT).contains(&code.len()) && code.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
}

/// Equality whose time does not tell where the first difference is.
fn same(one: &str, other: &str) -> bool {
    let differences =
        one.bytes().zip(other.bytes()).fold(0, |seen, (a, b)| std::hint::black_box(seen | (a ^ b)));
    one.len() == other.len() && differences == 0
}

/// The query of the request, form-decoded on the way.
struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        url::form_urlencoded::parse(self.0.as_bytes())
            .filter_map(move |(key, value)| (key == name).then_some(value))
    }

    /// The value of `name`, if it is there exactly once.
    fn once(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }
}

#[cfg(test)]
mod tests;
