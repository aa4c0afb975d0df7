//! Any clear part of a record, and any record.

use crate::json;
use crate::one_of;
use mcp_credential::config::{AuthMethod, Grant};
use mcp_credential::secret::Secret;
use mcp_credential::token::{Clear, TokenRecord};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Members of the clear part and of the sealed part that this version knows.
const KNOWN: [&str; 21] = [
    "server",
    "url",
    "resource",
    "issuer",
    "token_endpoint",
    "revocation_endpoint",
    "token_endpoint_auth_method",
    "client_id",
    "grant",
    "token_type",
    "scopes",
    "scopes_requested",
    "obtained_at",
    "expires_at",
    "refresh_obtained_at",
    "can_refresh",
    "generation",
    "predecessor",
    "access_token",
    "refresh_token",
    "dpop_key",
];

/// Any second, the ends and the near past among them.
pub fn second() -> impl Strategy<Value = u64> {
    let usual = 1_700_000_000..1_700_010_000_u64;
    prop_oneof![4 => usual, 1 => 0..100_u64, 1 => u64::MAX - 100..=u64::MAX, 1 => any::<u64>()]
}

/// A lifetime or a margin.
pub fn seconds() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..10_000_u64, 1 => u64::MAX - 100..=u64::MAX, 1 => any::<u64>()]
}

/// Any text, a short one.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..6).prop_map(String::from_iter)
}

/// A clear part where nothing is special.
pub fn sample() -> Clear {
    Clear {
        server: "demo".to_owned(),
        url: "https://mcp.example.com/mcp".to_owned(),
        resource: None,
        issuer: None,
        token_endpoint: "https://idp.example.com/token".to_owned(),
        revocation_endpoint: None,
        token_endpoint_auth_method: AuthMethod::None,
        client_id: "client".to_owned(),
        grant: Grant::AuthorizationCode,
        token_type: "Bearer".to_owned(),
        scopes: None,
        scopes_requested: None,
        obtained_at: 1_700_000_000,
        expires_at: None,
        refresh_obtained_at: None,
        can_refresh: true,
        generation: "one".to_owned(),
        predecessor: "none".to_owned(),
        other: Map::new(),
    }
}

/// A clear part with any times.
pub fn timed() -> impl Strategy<Value = Clear> {
    let lifetime = (second(), seconds()).prop_map(|(at, life)| Some(at.saturating_add(life)));
    let end = prop_oneof![1 => Just(None), 4 => lifetime, 1 => of(second())];
    (second(), end, any::<bool>(), one_of(["one", "two"])).prop_map(|(at, end, can_refresh, generation)| {
        Clear { obtained_at: at, expires_at: end, can_refresh, generation: generation.to_owned(), ..sample() }
    })
}

/// Any clear part.
fn clear() -> impl Strategy<Value = Clear> {
    let scopes = || of(prop::collection::vec(text(), 0..3));
    let bound = (text(), text(), of(text()), of(text()), text(), of(text()), text(), text());
    let method = one_of([AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost]);
    let grant = one_of([Grant::AuthorizationCode, Grant::ClientCredentials]);
    let more = (text(), text(), scopes(), scopes(), of(second()), unknown());
    (timed(), bound, method, grant, more).prop_map(|(timed, bound, method, grant, more)| Clear {
        server: bound.0,
        url: bound.1,
        resource: bound.2,
        issuer: bound.3,
        token_endpoint: bound.4,
        revocation_endpoint: bound.5,
        token_endpoint_auth_method: method,
        client_id: bound.6,
        grant,
        token_type: bound.7,
        generation: more.0,
        predecessor: more.1,
        scopes: more.2,
        scopes_requested: more.3,
        refresh_obtained_at: more.4,
        other: more.5,
        ..timed
    })
}

fn unknown() -> impl Strategy<Value = Map<String, Value>> {
    let keys = text().prop_filter("it is known", |key| !KNOWN.contains(&key.as_str()));
    json::object(keys, json::value())
}

/// Any record, with sealed members of newer versions.
pub fn record() -> impl Strategy<Value = TokenRecord> {
    let secret = || text().prop_map(Secret::new);
    let tokens = (secret(), of(secret()), of(secret()));
    (clear(), tokens, unknown()).prop_map(|(clear, (access_token, refresh_token, dpop_key), other)| {
        TokenRecord {
            clear,
            access_token,
            refresh_token,
            dpop_key,
            other: other.into_iter().map(|(name, value)| (name, Secret::new(value.to_string()))).collect(),
        }
    })
}
