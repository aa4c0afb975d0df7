//! A file of mcp-oauth2-proxy defines whatever name is asked for.

use super::*;
use crate::config::{
    AuthMethod, Grant, ResourceParameter, SecretPlace, SecretSource, Setting, load_all, names,
};
use crate::secret::Secret;

/// The shape of that project's documentation (github.com/ChengleiYuan/mcp-oauth2-proxy, release 0.2.0): every
/// block and key that it names for this grant.
const GOLDEN: &str = r#"{
  "upstream": {
    "url": "https://tools.example.com/mcp",
    "timeoutMs": 15000,
    "openServerStream": false,
    "protocolVersion": "2025-06-18"
  },
  "oauth2": {
    "grant": "client_credentials",
    "tokenUrl": "https://login.example.com/oauth2/token",
    "clientId": "nightly",
    "clientSecret": "replaced by the environment",
    "scope": "tools:read tools:write",
    "audience": "https://tools.example.com",
    "authStyle": "body",
    "refreshSkewSeconds": 45,
    "extraParams": { "resource": "https://tools.example.com" }
  },
  "discovery": { "enabled": false },
  "log": { "level": "info" }
}"#;

#[test]
fn its_file_is_understood_for_any_name() {
    let home = Home::new();
    let path = home.write("proxy.json", GOLDEN);
    let more = [("MCP_PROXY_CONFIG", path.as_str()), ("OAUTH2_CLIENT_SECRET", "s")];
    let loaded = load("nightly@ci", &home.env(&more)).unwrap();
    let server = loaded.server.unwrap();
    assert!(loaded.from_file);
    let expected = Server {
        name: "nightly@ci".to_owned(),
        url: "https://tools.example.com/mcp".to_owned(),
        grant: Grant::ClientCredentials,
        token_url: Some("https://login.example.com/oauth2/token".to_owned()),
        client_id: Some("nightly".to_owned()),
        client_secret: SecretSource::new(Setting::ClientSecret, SecretPlace::Value(Secret::new("s"))),
        auth_method: Some(AuthMethod::ClientSecretPost),
        client_name: "mcp-credential".to_owned(),
        scope: Some("tools:read tools:write".to_owned()),
        audience: Some("https://tools.example.com".to_owned()),
        refresh_skew_seconds: 45,
        resource: ResourceParameter::Exactly("https://tools.example.com".to_owned()),
        ..Server::default()
    };
    assert_eq!(server, expected);
}

#[test]
fn its_interactive_login_is_understood() {
    let home = Home::with(
        r#"{"upstream":{"url":"https://a.example/mcp"},
            "oauth2":{"grant":"authorization_code","clientId":"c","authorizationUrl":"https://i.example/a",
                      "interactive":true,"callbackHost":"127.0.0.1","callbackPort":53682,
                      "callbackTimeoutSeconds":300,"redirectUri":"http://127.0.0.1:53682/callback"}}"#,
    );
    let server = home.server(&[]);
    assert_eq!((server.callback.port, server.discovery), (53682, true));
    assert_eq!(server.client_id.as_deref(), Some("c"));
}

#[test]
fn its_keys_are_checked_with_their_own_paths() {
    for (text, path) in [
        (r#"{"upstream":{"url":"nowhere"}}"#, "`upstream.url`"),
        (r#"{"upstream":{}}"#, "`upstream.url`"),
        (r#"{"upstream":{"url":"https://a.example","timeout":1}}"#, "`upstream.timeout`"),
        (r#"{"upstream":{"url":"https://a.example","url":"https://b.example"}}"#, "`upstream.url`"),
        (r#"{"upstream":{"url":"https://a.example"},"oauth2":{"scop":"a"}}"#, "`oauth2.scop`"),
        (r#"{"upstream":{"url":"https://a.example"},"discovery":{"enable":true}}"#, "`discovery.enable`"),
        (r#"{"upstream":{"url":"https://a.example"},"log":{"lvl":"info"}}"#, "`log.lvl`"),
        (r#"{"upstream":"https://a.example"}"#, "`upstream`"),
        (r#"{"upstream":{"url":"https://a.example"},"oauth2":{"refreshToken":"r"}}"#, "`oauth2.clientId`"),
    ] {
        assert_says(&Home::with(text).refusal(&[]), Code::ConfigInvalid, &[path]);
    }
}

#[test]
fn the_environment_must_not_aim_it_elsewhere_either() {
    let home = Home::with(GOLDEN);
    let failure = home.refusal(&[("UPSTREAM_URL", "https://evil.example/mcp")]);
    assert_says(&failure, Code::UrlMismatch, &["`UPSTREAM_URL`", "`upstream.url`"]);
}

#[test]
fn the_two_formats_do_not_mix() {
    let mixed = r#"{"servers":{},"upstream":{"url":"https://a.example"}}"#;
    assert_says(&Home::with(mixed).refusal(&[]), Code::ConfigInvalid, &["mixes `upstream`", "`servers`"]);
    let half = r#"{"oauth2":{"clientId":"c"}}"#;
    assert_says(
        &Home::with(half).refusal(&[]),
        Code::ConfigInvalid,
        &["`oauth2` at the top", "no `upstream`"],
    );
}

#[test]
fn it_lists_no_names() {
    let home = Home::with(GOLDEN);
    let all = load_all(&home.env(&[])).unwrap();
    assert!(all.any_name && all.servers.is_empty());
    assert!(names(&home.env(&[])).unwrap().is_empty());
}
