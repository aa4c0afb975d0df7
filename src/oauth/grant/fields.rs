//! The members of a token answer, whatever it is written in: JSON as the standard asks, or a form, which
//! some servers (GitHub among them) send unless they are asked otherwise.
//!
//! Lenient about what does not matter: unknown and repeated members (the last one counts), a byte order
//! mark, a wrong `Content-Type`. It never fails harder than "this is no answer".

use crate::oauth::http::Reply;
use crate::text::one_line;
use serde_json::{Map, Value};

/// What a body turned out to be.
#[derive(Debug)]
pub(super) enum Body {
    /// A set of members.
    Fields(Map<String, Value>),
    /// A JSON object that does not end, or is not well formed.
    BrokenJson,
    /// No byte at all.
    Empty,
    /// A page, a message, anything else.
    Foreign,
}

/// Reads the body of `reply`.
pub(super) fn read(reply: &Reply) -> Body {
    let text = reply.text();
    let text = text.trim();
    if text.is_empty() {
        return Body::Empty;
    }
    if text.starts_with('{') {
        return serde_json::from_str(text).map_or(Body::BrokenJson, Body::Fields);
    }
    let declared = reply.header("content-type").is_some_and(|kind| {
        kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
    });
    match form(text) {
        Some(fields) if declared || names_an_answer(&fields) => Body::Fields(fields),
        _ => Body::Foreign,
    }
}

/// Whether a success that is [`Body::Foreign`] is the token endpoint's own all the same, and then why it cannot be read.
/// A page is anybody's: a gateway or a hotel's network answers with one while the server was never asked.
pub(super) fn disguise(reply: &Reply) -> Option<String> {
    let text = reply.text();
    let text = text.trim();
    if text.starts_with('<') && !text.contains("<access_token>") {
        return None;
    }
    let coding = reply.header("content-encoding").map(str::trim).unwrap_or_default();
    if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") {
        return Some(format!("it is compressed ({}), although nobody asked for that", one_line(coding)));
    }
    let media = reply.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let is_declared = media.contains("json") || media.contains("x-www-form-urlencoded");
    if is_declared || text.contains("access_token") {
        return Some("it is neither a JSON object nor a form".to_owned());
    }
    let is_binary = text.chars().any(|c| c.is_control() && !c.is_ascii_whitespace());
    is_binary.then(|| "it is no text".to_owned())
}

/// A member that is a text with at least one character.
pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn form(text: &str) -> Option<Map<String, Value>> {
    let markup = |byte: u8| byte == b'<' || byte.is_ascii_whitespace();
    if text.bytes().any(markup) || !text.contains('=') {
        return None;
    }
    Some(
        url::form_urlencoded::parse(text.as_bytes())
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    )
}

fn names_an_answer(fields: &Map<String, Value>) -> bool {
    fields.contains_key("access_token") || fields.contains_key("error")
}
