//! `src/request`: what a caller may hand over.

use crate::laws::request::any as law;
use crate::{holds, json, one_of, urls};
use mcp_credential::request::{Rejected, Request, parse};
use mcp_credential::secret::Secret;
use proptest::prelude::*;
use serde_json::{Map, Value, json as object};

/// What stands where a secret may stand.
const CANARY: &str = "canary-4711";

fn name() -> impl Strategy<Value = String> {
    let names = [
        "version",
        "server",
        "url",
        "min_ttl",
        "rejected",
        "generation",
        "token",
        "response",
        "status",
        "www_authenticate",
        "http",
        "method",
        "dpop_nonce",
        "later",
    ];
    one_of(names).prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = Value> {
    let texts =
        ["demo", "https://a.example/mcp", "Bearer error=insufficient_scope, scope=a", "POST", "nonce"];
    prop_oneof![
        3 => one_of(texts).prop_map(Value::from),
        2 => one_of([0, 1, 60, 401, 403, -1]).prop_map(Value::from),
        1 => json::value(),
        1 => urls::soup(4).prop_map(Value::from),
    ]
}

/// An object of our names, with what fits them as a rule.
fn nearly() -> impl Strategy<Value = Map<String, Value>> {
    let inner = json::object(name(), leaf()).prop_map(Value::from);
    json::object(name(), prop_oneof![2 => leaf(), 3 => inner])
}

#[test]
fn any_input_is_read_or_refused_without_harm() {
    let written = nearly().prop_map(|object| Value::from(object).to_string().into_bytes());
    let cut = (nearly(), any::<prop::sample::Index>(), any::<Vec<u8>>()).prop_map(|(object, at, junk)| {
        let text = Value::from(object).to_string().into_bytes();
        let (before, after) = text.split_at(at.index(text.len()));
        [before, &junk[..], after].concat()
    });
    holds(prop_oneof![written, cut, any::<Vec<u8>>()], |bytes| law(&bytes));
}

#[test]
fn what_is_read_is_what_was_written_and_what_is_unknown_changes_nothing() {
    let parts =
        (prop::option::of("[a-z]{1,9}"), prop::option::of(any::<u64>()), prop::option::of("[!-~]{1,40}"));
    holds((parts, json::value()), |((server, min_ttl, token), later)| {
        let mut written = Map::new();
        written.extend(server.clone().map(|server| ("server".to_owned(), object!(server))));
        written.extend(min_ttl.map(|seconds| ("min_ttl".to_owned(), object!(seconds))));
        written.extend(token.clone().map(|token| ("rejected".to_owned(), object!({"token": token, "x": 1}))));
        let rejected = token.map(|token| Rejected::Token(Secret::new(token)));
        let expected = Request { server, min_ttl, rejected, ..Request::default() };
        let read = |written: &Map<String, Value>| parse(Value::from(written.clone()).to_string().as_bytes());
        assert_eq!(read(&written), Ok(expected.clone()));
        written.insert("later".to_owned(), later);
        assert_eq!(read(&written), Ok(expected));
    });
}

#[test]
fn no_refusal_repeats_what_it_refuses() {
    let places = (nearly(), name(), name(), any::<prop::sample::Index>());
    holds(places, |(mut object, outer, inner, at)| {
        object.insert(outer.clone(), object!({inner: CANARY}));
        let whole = Value::from(object).to_string();
        let cut = &whole[..whole.floor_char_boundary(at.index(whole.len() + 1))];
        for text in [whole.as_str(), cut] {
            law(text.as_bytes());
            if let Err(failure) = parse(text.as_bytes()) {
                assert!(!failure.message.contains(CANARY), "{}", failure.message);
            }
        }
    });
}
