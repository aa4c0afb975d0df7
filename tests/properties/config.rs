//! `src/config`: whatever stands in the file.

use crate::laws::config::{Home, NAME, URL, any as law};
use crate::{holds, holds_slowly, json, one_of};
use mcp_credential::config::edit::{Draft, NewServer, add};
use mcp_credential::config::{Environment, load};
use mcp_credential::secret::Secret;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Keys of the configuration, right and wrong ones.
const KEYS: [&str; 22] = [
    "scope",
    "clientId",
    "clientSecret",
    "clientSecretFile",
    "grant",
    "tokenUrl",
    "issuer",
    "callbackPort",
    "callbackHost",
    "extraParams",
    "headers",
    "refreshSkewSeconds",
    "discovery",
    "enabled",
    "resource",
    "allowPrivateHosts",
    "strict",
    "requireUrl",
    "redirectUri",
    "interactive",
    "later",
    "",
];

fn value() -> impl Strategy<Value = Value> {
    let usual = vec![
        json!("https://idp.example.com/token"),
        json!("a b"),
        json!(""),
        json!(8080),
        json!(true),
        json!({}),
        json!({"a": "b"}),
        json!(["a.internal"]),
        json!("client_credentials"),
        json!("/etc/x"),
        json!("\u{1b}[31m\u{202e}"),
        Value::Null,
        json!(1e300),
    ];
    prop_oneof![4 => one_of(usual), 1 => json::value()]
}

fn block() -> impl Strategy<Value = Map<String, Value>> {
    json::object(one_of(KEYS).prop_map(str::to_owned), value())
}

/// An entry, now and then of the name that is added.
fn entry() -> impl Strategy<Value = (String, Value)> {
    let odd = one_of(["DEMO", "", "a/b", "\u{7}"]).prop_map(str::to_owned);
    let name = prop_oneof![2 => Just(NAME.to_owned()), 3 => "[a-c]", 1 => odd];
    let url = prop_oneof![4 => Just(json!(URL)), 2 => Just(json!("https://b.example")), 1 => value()];
    let oauth2 = prop_oneof![4 => block().prop_map(Value::from), 1 => value()];
    (name, url, prop::option::of(oauth2), prop_oneof![3 => Just(Map::new()), 1 => block()]).prop_map(
        |(name, url, oauth2, more)| {
            let mut entry = Map::new();
            entry.extend(oauth2.map(|block| ("oauth2".to_owned(), block)));
            entry.extend([("url".to_owned(), url)]);
            entry.extend(more);
            (name, Value::from(entry))
        },
    )
}

/// A file, mostly of the right shape.
fn file() -> impl Strategy<Value = String> {
    let servers =
        prop::collection::vec(entry(), 0..4).prop_map(|entries| Value::from(Map::from_iter(entries)));
    let more = json::object(
        one_of(["$schema", "defaults", "zebra", "log", "upstream"]).prop_map(str::to_owned),
        value(),
    );
    let servers = prop_oneof![8 => servers, 1 => value()];
    let more = prop_oneof![3 => Just(Map::new()), 1 => more];
    (servers, more, any::<bool>(), any::<bool>()).prop_map(|(servers, more, first, pretty)| {
        let mut root = Map::new();
        root.extend(Some(("servers".to_owned(), servers.clone())).filter(|_| first));
        root.extend(more);
        root.entry("servers").or_insert(servers);
        if pretty { serde_json::to_string_pretty(&root).unwrap() } else { Value::from(root).to_string() }
    })
}

#[test]
fn an_edit_changes_what_it_was_told_to_and_nothing_else() {
    let home = Home::new();
    holds(file(), |text| law(&home, &text));
}

#[test]
fn any_text_in_the_file_is_read_without_harm() {
    let home = Home::new();
    let broken = (file(), any::<prop::sample::Index>(), "[\\[\\]{}\",:a0\u{feff}-]{0,4}").prop_map(
        |(text, at, junk)| {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            format!("{}{junk}{}", &text[..at], &text[at..])
        },
    );
    holds_slowly(
        prop_oneof![broken, any::<String>(), json::value().prop_map(|value| value.to_string())],
        |text| law(&home, &text),
    );
}

#[test]
fn what_is_added_can_be_loaded() {
    let home = Home::new();
    let names = prop::collection::vec("[a-z]{1,8}", 0..4);
    holds_slowly((names, "[a-z]{1,8}", "[a-z:]{1,5}( [a-z:]{1,5}){0,2}"), |(others, name, scope)| {
        let (env, file) = home.place();
        let servers: Map<String, Value> =
            others.into_iter().map(|name| (name, json!({"url": URL}))).collect();
        let draft = Draft { file, text: Some(Secret::new(json!({"servers": servers}).to_string())) };
        let text = add(&draft, &name, &NewServer::new(URL).with("scope", scope.as_str()), &env).unwrap();
        home.write(text.expose());
        let server = load(&name, &env).unwrap().server.unwrap();
        assert_eq!((server.url.as_str(), server.scope.as_ref()), (URL, Some(&scope)));
    });
}

/// Values of every type that hold a secret.
fn hidden() -> impl Strategy<Value = Value> {
    one_of(vec![
        json!("hunter2-CANARY"),
        json!(["hunter2-CANARY"]),
        json!({"a": "hunter2-CANARY"}),
        json!("hunter2-CANARY\n"),
        json!(""),
    ])
}

#[test]
fn no_message_and_no_debug_text_shows_the_value_of_a_secret() {
    let keys = ["clientSecret", "refreshToken", "authorizationCode", "codeVerifier"];
    let secrets = prop::collection::vec((one_of(keys), hidden(), any::<bool>()), 1..4);
    let home = Home::new();
    holds_slowly((secrets, block(), value()), |(secrets, block, header)| {
        let mut entry = json!({"url": URL, "oauth2": block, "headers": {"X-Key": header}});
        for (key, value, inside) in secrets {
            let place = if inside { &mut entry["oauth2"] } else { &mut entry };
            place[key] = value;
        }
        let text = json!({"servers": {NAME: entry}}).to_string();
        home.write(&text);
        let (env, file): (Environment, _) = home.place();
        let draft = Draft { file, text: Some(Secret::new(text)) };
        let said = format!(
            "{:?} {:?} {:?}",
            load(NAME, &env),
            add(&draft, NAME, &NewServer::new(URL), &env),
            add(&draft, NAME, &NewServer::new(URL).with("clientSecret", "hunter2-CANARY"), &env),
        );
        assert!(!said.contains("CANARY"), "{said}");
    });
}
