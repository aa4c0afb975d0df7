//! `src/oauth/discovery`: whatever servers publish.

use crate::laws::discovery::{World, any as law};
use crate::{holds, json, one_of};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A public server and one on this machine.
const SERVERS: [&str; 3] =
    ["https://mcp.example.com/mcp", "http://127.0.0.1:8000/a/b?x=1", "https://10.0.0.7/"];

/// What a server may name where a URL is due: sound ones first.
const URLS: [&str; 24] = [
    "https://mcp.example.com/mcp",
    "https://mcp.example.com",
    "https://idp.example.com",
    "https://idp.example.com/t",
    "https://idp.example.com/authorize",
    "https://idp.example.com/token",
    "http://127.0.0.1:8000/a",
    "http://127.0.0.1:8000",
    "http://127.0.0.1:8000/token",
    "https://10.0.0.7/",
    "https://10.0.0.7",
    "https://10.0.0.8/token",
    "https://mcp.example.com/",
    "https://mcp.example.com.evil.example/mcp",
    "http://idp.example.com/token",
    "https://169.254.169.254/latest",
    "http://localhost:6379/",
    "https://u:p@idp.example.com/",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://idp.example.com/#x",
    "https://[::ffff:127.0.0.1]/",
    "-https://idp.example.com/",
    "",
];

fn url() -> impl Strategy<Value = Value> {
    prop_oneof![12 => one_of(URLS[..8].to_vec()), 6 => one_of(URLS)].prop_map(Value::from)
}

/// Any member that discovery looks at.
fn member() -> impl Strategy<Value = (String, Value)> {
    let one = one_of([
        "resource",
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
    ]);
    let list = prop::collection::vec(url(), 0..3).prop_map(Value::from);
    let methods = one_of([json!(["S256"]), json!(["plain"]), json!([]), json!("S256"), Value::Null]);
    let other = one_of([
        "scopes_supported",
        "grant_types_supported",
        "authorization_response_iss_parameter_supported",
    ]);
    let scopes = prop_oneof![Just(json!(["a", "offline_access", "\u{1b}[31m", 7])), json::value()];
    prop_oneof![
        6 => (one.clone(), url()),
        1 => (one, json::value()),
        2 => (Just("authorization_servers"), list),
        3 => (Just("code_challenge_methods_supported"), methods),
        1 => (other, scopes),
    ]
    .prop_map(|(name, value)| (name.to_owned(), value))
}

/// A document with whatever members, mostly on top of a sound one.
fn document(server: &'static str) -> impl Strategy<Value = (u16, Vec<u8>)> {
    let base = one_of([json!({}), resource(server), resource(server), metadata(), metadata(), metadata()]);
    let members = prop::collection::vec(member(), 0..4);
    let status = prop_oneof![8 => Just(200_u16), 1 => one_of([404, 301, 429, 500, 503])];
    let object = (base, members).prop_map(|(base, members)| {
        let mut object = base.as_object().cloned().unwrap_or_default();
        object.extend(members);
        Value::from(object).to_string().into_bytes()
    });
    (status, prop_oneof![8 => object, 1 => any::<Vec<u8>>()])
}

fn resource(server: &str) -> Value {
    json!({"resource": server, "authorization_servers": ["https://idp.example.com"]})
}

fn metadata() -> Value {
    json!({
        "issuer": "https://idp.example.com",
        "authorization_endpoint": "https://idp.example.com/authorize",
        "token_endpoint": "https://idp.example.com/token",
        "code_challenge_methods_supported": ["S256"],
    })
}

fn ping() -> impl Strategy<Value = (u16, String)> {
    let metadata = prop_oneof![2 => Just(Value::from("https://mcp.example.com/x")), 1 => url()];
    let header = metadata.prop_map(|url| format!("Bearer resource_metadata={url}, scope=\"a b\""));
    (one_of([401, 401, 200, 403, 500]), prop_oneof![Just(String::new()), header])
}

#[test]
fn no_document_leads_to_an_endpoint_or_a_request_that_the_server_may_not_name() {
    let world = one_of(SERVERS)
        .prop_flat_map(|server| (Just(server), ping(), prop::collection::vec(document(server), 0..8)));
    holds(world, |(server, ping, documents)| {
        law(server, &World::new(ping, documents));
    });
}

#[test]
fn sound_documents_are_believed_whatever_else_stands_in_them() {
    let more = || json::object("x_[a-z]{1,6}", json::value());
    holds((more(), more()), |(one, two)| {
        let with = |base: Value, more: Map<String, Value>| {
            let mut object = base.as_object().cloned().unwrap();
            object.extend(more);
            (200, Value::from(object).to_string().into_bytes())
        };
        let documents = vec![with(resource(SERVERS[0]), one), with(metadata(), two)];
        let found = law(SERVERS[0], &World::new((401, String::new()), documents)).unwrap();
        assert_eq!(found.issuer.as_deref(), Some("https://idp.example.com"));
        assert_eq!(found.token_endpoint, "https://idp.example.com/token");
        assert_eq!(found.resource.as_deref(), Some(SERVERS[0]));
    });
}
