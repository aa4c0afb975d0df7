//! The members of a token answer, whatever it is written in: JSON as the standard asks, or a form, which
//! some servers (GitHub among them) send unless they are asked otherwise.
//!
//! Lenient about what does not matter: unknown and repeated members (the last one counts), a byte order
//! mark, a wrong `Content-Type`. It never fails harder than "this is no answer".

use crate::oauth::http::Reply;
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
