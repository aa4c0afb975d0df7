//! The environment over the file, and what it must not aim elsewhere.

use super::*;
use crate::config::{AuthMethod, Grant, ResourceParameter, SecretPlace, SecretSource, Setting};
use crate::secret::Secret;

const URL: (&str, &str) = ("UPSTREAM_URL", "https://mcp.example.com/mcp");

#[test]
fn the_environment_alone_is_a_full_configuration() {
    let loaded = Home::new()
        .load(&[
            URL,
            ("OAUTH2_GRANT", "client_credentials"),
            ("OAUTH2_TOKEN_URL", "https://idp.example.com/token"),
            ("OAUTH2_CLIENT_ID", "c"),
            ("OAUTH2_CLIENT_SECRET", "s"),
            ("OAUTH2_SCOPE", "a b"),
            ("OAUTH2_AUDIENCE", "aud"),
            ("OAUTH2_AUTH_STYLE", "header"),
            ("OAUTH2_REFRESH_SKEW_SECONDS", "7"),
            ("OAUTH2_EXTRA_PARAMS", r#"{"one":"1","two":"2"}"#),
        ])
        .unwrap();
    let server = loaded.server.unwrap();
    assert!(!loaded.from_file);
    assert_eq!((server.url.as_str(), server.grant), (URL.1, Grant::ClientCredentials));
    assert_eq!(server.token_url.as_deref(), Some("https://idp.example.com/token"));
    assert_eq!(
        server.client_secret,
        SecretSource::new(Setting::ClientSecret, SecretPlace::Value(Secret::new("s")))
    );
    assert_eq!(server.auth_method, Some(AuthMethod::ClientSecretBasic));
    assert_eq!((server.scope.as_deref(), server.audience.as_deref()), (Some("a b"), Some("aud")));
    assert_eq!(server.refresh_skew_seconds, 7);
    assert_eq!(
        *server.extra_params,
        [("one".to_owned(), "1".to_owned()), ("two".to_owned(), "2".to_owned())]
    );
}

#[test]
fn the_login_can_be_arranged_by_the_environment() {
    let server = Home::new().server(&[
        URL,
        ("OAUTH2_AUTHORIZATION_URL", "https://idp.example.com/authorize"),
        ("OAUTH2_CALLBACK_HOST", "localhost"),
        ("OAUTH2_CALLBACK_PORT", "53682"),
        ("OAUTH2_CALLBACK_TIMEOUT_SECONDS", "60"),
        ("OAUTH2_REDIRECT_URI", "http://localhost:53682/cb"),
    ]);
    assert_eq!(server.authorization_url.as_deref(), Some("https://idp.example.com/authorize"));
    let callback = server.callback;
    assert_eq!((callback.host.as_str(), callback.port, callback.timeout_seconds), ("localhost", 53682, 60));
    assert_eq!(callback.redirect_uri.as_deref(), Some("http://localhost:53682/cb"));
}

#[test]
fn without_a_url_the_environment_defines_no_server() {
    let loaded = Home::new().load(&[("OAUTH2_CLIENT_ID", "c"), ("UPSTREAM_URL", "")]).unwrap();
    assert_eq!(loaded.server, None);
}

#[test]
fn the_environment_overrides_the_file_key_by_key() {
    let home = Home::with_oauth2(r#"{"scope":"file","audience":"file","callbackPort":1}"#);
    let server = home.server(&[("OAUTH2_SCOPE", "env"), ("OAUTH2_CALLBACK_PORT", "2")]);
    assert_eq!((server.scope.as_deref(), server.callback.port), (Some("env"), 2));
    assert_eq!(server.audience.as_deref(), Some("file"));
    assert_eq!(home.server(&[("OAUTH2_SCOPE", "")]).scope.as_deref(), Some("file"));
}

#[test]
fn a_secret_of_the_environment_takes_the_place_of_the_files() {
    for way in [r#""clientSecret":"f""#, r#""clientSecretFile":"/f""#, r#""clientSecretEnv":"F""#] {
        let home = Home::with_oauth2(&format!(r#"{{"clientId":"c",{way}}}"#));
        let server = home.server(&[("OAUTH2_CLIENT_SECRET", "e")]);
        assert_eq!(
            server.client_secret,
            SecretSource::new(Setting::ClientSecret, SecretPlace::Value(Secret::new("e")))
        );
    }
}

#[test]
fn what_is_wrong_in_the_environment_is_told_by_the_variable() {
    for (name, value, word) in [
        ("UPSTREAM_URL", "mcp.example.com", "absolute URL"),
        ("OAUTH2_GRANT", "password", "authorization_code, device_code"),
        ("OAUTH2_TOKEN_URL", "http://idp.example.com/token", "plain http"),
        ("OAUTH2_CALLBACK_PORT", "65536", "0 to 65535"),
        ("OAUTH2_CALLBACK_PORT", "many", "0 to 65535"),
        ("OAUTH2_CALLBACK_HOST", "10.0.0.1", "callbackAllowRemote"),
        ("OAUTH2_REFRESH_SKEW_SECONDS", "-1", "whole number"),
        ("OAUTH2_EXTRA_PARAMS", "{", "object of texts"),
        ("OAUTH2_EXTRA_PARAMS", r#"{"a":1}"#, "texts alone"),
        ("OAUTH2_AUTH_STYLE", "cookie", "header, body, none or private_key_jwt"),
        ("OAUTH2_REFRESH_TOKEN", "hunter2\n", "perhaps a line end"),
        ("OAUTH2_AUTHORIZATION_CODE", "hunter2\u{7f}", "perhaps a line end"),
        ("OAUTH2_CODE_VERIFIER", "hunter2", "43 to 128"),
    ] {
        let failure = Home::new()
            .refusal(&[("UPSTREAM_URL", URL.1), (name, value)].as_slice()[usize::from(name == URL.0)..]);
        assert_says(&failure, Code::ConfigInvalid, &[&format!("`{name}` of the environment"), word]);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}

#[test]
fn the_environment_must_not_name_another_endpoint_than_the_file() {
    let home = Home::with_oauth2(
        r#"{"tokenUrl":"https://idp.example.com/token","authorizationUrl":"https://idp.example.com/a"}"#,
    );
    for (name, value) in [
        ("UPSTREAM_URL", "https://evil.example/mcp"),
        ("UPSTREAM_URL", "https://mcp.example.com/mcp/"),
        ("OAUTH2_TOKEN_URL", "https://evil.example/token"),
        ("OAUTH2_AUTHORIZATION_URL", "https://evil.example/a"),
    ] {
        let failure = home.refusal(&[(name, value)]);
        assert_says(&failure, Code::UrlMismatch, &[&format!("`{name}`"), "servers.x.", "unset the variable"]);
        assert_eq!(failure.server.as_deref(), Some("x"));
    }
}

#[test]
fn the_environment_may_repeat_what_the_file_says() {
    let home = Home::with_oauth2(r#"{"tokenUrl":"https://idp.example.com/token"}"#);
    let server = home.server(&[
        ("UPSTREAM_URL", "https://MCP.example.com:443/mcp"),
        ("OAUTH2_TOKEN_URL", "https://idp.example.com/token"),
    ]);
    assert_eq!(server.url, "https://mcp.example.com/mcp");
}

#[test]
fn an_endpoint_of_the_environment_gets_no_credential_of_the_file() {
    let evil = [("OAUTH2_TOKEN_URL", "https://evil.example/token")];
    for way in [
        r#""clientId":"c","clientSecret":"f""#,
        r#""clientId":"c","clientSecretFile":"/f""#,
        r#""clientId":"c","clientSecretEnv":"F""#,
        r#""clientId":"c","clientSecretCommand":["f"]"#,
        r#""privateKeyFile":"/f""#,
        r#""assertionFile":"/f""#,
        r#""idpIdTokenEnv":"F""#,
        r#""refreshToken":"f""#,
        r#""extraParams":{"api_key":"f"}"#,
        r#""authorizationParams":{"api_key":"f"}"#,
    ] {
        let home = Home::with_oauth2(&format!(r#"{{"grant":"client_credentials",{way}}}"#));
        let failure = home.refusal(&evil);
        assert_says(
            &failure,
            Code::UrlMismatch,
            &["`OAUTH2_TOKEN_URL`", "servers.x.oauth2.", "would receive"],
        );
        let with_own = [evil[0], ("OAUTH2_CLIENT_SECRET", "e"), ("OAUTH2_EXTRA_PARAMS", "{}")];
        assert_eq!(home.refusal(&with_own).code, Code::UrlMismatch);
    }
}

#[test]
fn an_endpoint_of_the_environment_gets_no_login_of_a_name_in_the_file() {
    for (name, value) in [
        ("OAUTH2_TOKEN_URL", "https://evil.example/token"),
        ("OAUTH2_AUTHORIZATION_URL", "https://evil.example/a"),
    ] {
        for home in [
            Home::with_entry(r#"{"url":"https://mcp.example.com/mcp"}"#),
            Home::with_oauth2(r#"{"clientId":"c"}"#),
            Home::with_oauth2(r#"{"grant":"device_code"}"#),
        ] {
            let failure = home.refusal(&[(name, value)]);
            let words =
                [&format!("`{name}`"), "would receive the login of `servers.x.", "unset the variable"];
            assert_says(&failure, Code::UrlMismatch, &words);
        }
    }
    let nowhere = Home::with_entry(r#"{"oauth2":{"scope":"a"}}"#);
    assert_says(&nowhere.refusal(&[URL]), Code::UrlMismatch, &["`UPSTREAM_URL`", "the login of"]);
}

#[test]
fn a_client_of_the_environment_gets_no_credential_of_the_file() {
    let other = ("OAUTH2_CLIENT_ID", "other");
    for way in [
        r#""clientId":"c","clientSecretFile":"/f""#,
        r#""clientId":"c","privateKeyFile":"/f""#,
        r#""grant":"jwt_bearer","assertionFile":"/f""#,
    ] {
        let home = Home::with_oauth2(&format!("{{{way}}}"));
        let words =
            ["`OAUTH2_CLIENT_ID`", "is not the client that", "servers.x.oauth2.", "unset the variable"];
        assert_says(&home.refusal(&[other]), Code::UrlMismatch, &words);
    }
    let home = Home::with_oauth2(r#"{"clientId":"c","clientSecretFile":"/f","extraParams":{"a":"b"}}"#);
    assert_eq!(home.server(&[("OAUTH2_CLIENT_ID", "c")]).client_id.as_deref(), Some("c"));
    let own = [other, ("OAUTH2_CLIENT_SECRET", "e")];
    assert_eq!(home.server(&own).client_id.as_deref(), Some("other"), "with a secret of its own");
    let home = Home::with_oauth2(r#"{"clientId":"c"}"#);
    assert_eq!(home.server(&[other]).client_id.as_deref(), Some("other"), "a public client");
}

#[test]
fn the_environment_aims_its_own_credentials_where_no_person_logs_in() {
    let aims = [
        ("OAUTH2_TOKEN_URL", "https://idp.example.com/token"),
        ("OAUTH2_CLIENT_ID", "c"),
        ("OAUTH2_CLIENT_SECRET", "e"),
    ];
    let filed = Home::with_oauth2(r#"{"grant":"client_credentials"}"#);
    assert_eq!(filed.server(&aims).token_url.as_deref(), Some(aims[0].1));
    let grant = ("OAUTH2_GRANT", "client_credentials");
    let bare = Home::with_entry(r#"{"url":"https://mcp.example.com/mcp"}"#);
    assert_eq!(bare.server(&[&aims[..], &[grant]].concat()).token_url.as_deref(), Some(aims[0].1));
    let person = [&aims[..], &[("OAUTH2_GRANT", "authorization_code")]].concat();
    assert_eq!(filed.refusal(&person).code, Code::UrlMismatch);
}

#[test]
fn a_resource_among_the_extra_parameters_is_the_resource() {
    let home = Home::with_oauth2(r#"{"extraParams":{"a":"1","resource":"https://r.example"}}"#);
    let server = home.server(&[]);
    assert_eq!(server.resource, ResourceParameter::Exactly("https://r.example".to_owned()));
    assert_eq!(*server.extra_params, [("a".to_owned(), "1".to_owned())]);
    assert_refused(
        r#"{"resource":"https://a.example","extraParams":{"resource":"https://b.example"}}"#,
        "extraParams",
        "`resource`",
    );
}
