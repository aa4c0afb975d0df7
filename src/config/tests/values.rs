//! What each value must look like.

use super::*;
use crate::config::{
    AuthMethod, Callback, Grant, Interactive, ResourceParameter, SecretPlace, SecretSource, Seeds, Setting,
};
use crate::jose::Algorithm;

#[test]
fn an_entry_with_a_url_alone_has_the_defaults() {
    let server = Home::with_entry(r#"{"url":"https://mcp.example.com"}"#).server(&[]);
    let expected = Server {
        name: "x".to_owned(),
        url: "https://mcp.example.com".to_owned(),
        discovery: true,
        client_name: "mcp-credential".to_owned(),
        refresh_skew_seconds: 30,
        ..Server::default()
    };
    assert_eq!(server, expected);
    assert_eq!((server.grant, server.interactive), (Grant::AuthorizationCode, Interactive::Auto));
    assert_eq!((server.callback, server.resource), (Callback::default(), ResourceParameter::Published));
}

#[test]
fn every_supported_key_reaches_the_server() {
    let home = Home::with_entry(
        r#"{
        "url": "https://mcp.example.com/mcp", "requireUrl": true, "headers": {"X-Tenant": "t 1", "X-B": ""},
        "oauth2": {
            "grant": "authorization_code", "tokenUrl": "https://idp.example.com/t", "clientId": "c",
            "authorizationUrl": "https://idp.example.com/a", "deviceAuthorizationUrl": "https://idp.example.com/d", "issuer": "https://IDP.example.com/",
            "metadataUrl": "https://mcp.example.com/m", "clientSecretCommand": ["pass", "show", "x"],
            "scope": " a  b ", "audience": "aud", "authStyle": "body", "refreshSkewSeconds": 5,
            "extraParams": {"z": "1", "a": "2"}, "authorizationParams": {"access_type": "offline"},
            "interactive": "never", "callbackHost": "[::1]", "callbackPort": 53682,
            "callbackTimeoutSeconds": 10, "callbackAllowRemote": true,
            "redirectUri": "https://cb.example.com/x", "discovery": {"enabled": false}, "resource": "",
            "clientMetadataUrl": "https://corp.example.com/client.json",
            "clientName": "Me", "dpop": false, "trustedIssuer": "https://other.example.com",
            "allowMissingPkceMetadata": true, "scopeOnRefresh": true,
            "allowPrivateHosts": ["10.0.0.1", "Intra.Example"], "strict": true
        }}"#,
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let some = |text: &str| Some(text.to_owned());
    let expected = Server {
        name: "x".to_owned(),
        url: "https://mcp.example.com/mcp".to_owned(),
        grant: Grant::AuthorizationCode,
        token_url: some("https://idp.example.com/t"),
        authorization_url: some("https://idp.example.com/a"),
        device_authorization_url: some("https://idp.example.com/d"),
        issuer: some("https://IDP.example.com/"),
        assertion: SecretSource::default(),
        identity_provider: None,
        metadata_url: some("https://mcp.example.com/m"),
        discovery: false,
        client_id: some("c"),
        client_secret: SecretSource::new(
            Setting::ClientSecret,
            SecretPlace::Command(vec!["pass".into(), "show".into(), "x".into()]),
        ),
        private_key: SecretSource::default(),
        private_key_id: None,
        signing_algorithm: None,
        seeds: Seeds::default(),
        auth_method: Some(AuthMethod::ClientSecretPost),
        client_metadata_url: some("https://corp.example.com/client.json"),
        dpop: Some(false),
        client_name: "Me".to_owned(),
        scope: some("a b"),
        audience: some("aud"),
        extra_params: vec![pair("z", "1"), pair("a", "2")].into(),
        authorization_params: vec![pair("access_type", "offline")].into(),
        refresh_skew_seconds: 5,
        interactive: Interactive::Never,
        callback: Callback {
            host: "::1".to_owned(),
            port: 53682,
            timeout_seconds: 10,
            redirect_uri: some("https://cb.example.com/x"),
            allow_remote: true,
            pasted: false,
        },
        resource: ResourceParameter::Omitted,
        trusted_issuer: some("https://other.example.com"),
        allow_missing_pkce_metadata: true,
        scope_on_refresh: true,
        allow_private_hosts: vec!["10.0.0.1".to_owned(), "intra.example".to_owned()],
        require_url: true,
        headers: vec![pair("X-Tenant", "t 1"), pair("X-B", "")].into(),
        strict: true,
    };
    assert_eq!(home.server(&[]), expected);
}

#[test]
fn a_url_that_hides_or_lacks_something_is_refused() {
    for (url, word) in [
        ("mcp.example.com", "absolute URL"),
        ("//mcp.example.com", "absolute URL"),
        ("https://", "absolute URL"),
        ("https://u:hunter2@a.example/", "user name or a password"),
        ("https://a.example/#f", "fragment"),
        ("http://a.example/", "plain http"),
        ("http://127.0.0.1.evil.example/", "plain http"),
        ("ftp://a.example/", "`ftp`"),
        ("", "is empty"),
    ] {
        let failure = Home::with_entry(&format!(r#"{{"url":"{url}"}}"#)).refusal(&[]);
        assert_says(&failure, Code::ConfigInvalid, &["`servers.x.url`", word]);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
    assert_says(
        &Home::with_entry("{}").refusal(&[]),
        Code::ConfigInvalid,
        &["`servers.x.url`", "`UPSTREAM_URL`", "missing"],
    );
    for url in ["http://0x7f.1/mcp", "http://127.1/", "http://localhost.:8080/x"] {
        Home::with_entry(&format!(r#"{{"url":"{url}"}}"#)).server(&[]);
    }
}

#[test]
fn endpoints_are_https_or_loopback() {
    for key in ["tokenUrl", "authorizationUrl", "issuer", "metadataUrl", "trustedIssuer", "redirectUri"] {
        for url in
            ["http://idp.example.com/x", "idp.example.com", "javascript:alert(1)", "file:///etc/passwd"]
        {
            assert_refused(&format!(r#"{{"{key}":"{url}"}}"#), key, "is no ");
        }
        let issuer = if key == "trustedIssuer" { r#""issuer":"https://idp.example.com","# } else { "" };
        Home::with_oauth2(&format!(r#"{{{issuer}"{key}":"http://127.0.0.1:8/x"}}"#)).server(&[]);
    }
}

#[test]
fn a_trusted_issuer_is_refused_without_the_issuer_that_may_call_itself_so() {
    let alone = r#"{"trustedIssuer":"https://other.example.com"}"#;
    assert_refused(alone, "issuer", "`trustedIssuer`");
    let both = r#"{"issuer":"https://idp.example.com","trustedIssuer":"https://other.example.com"}"#;
    Home::with_oauth2(both).server(&[]);
}

#[test]
fn a_value_of_the_wrong_type_is_refused_and_not_quoted() {
    for (block, key, word) in [
        (r#"{"clientSecret":4711}"#, "clientSecret", "must be a text, and is a number"),
        (r#"{"clientId":null}"#, "clientId", "must be a text, and is null"),
        (r#"{"tokenUrl":["4711"]}"#, "tokenUrl", "must be a text, and is a list"),
        (r#"{"strict":"true"}"#, "strict", "true or false"),
        (r#"{"callbackPort":"4711"}"#, "callbackPort", "0 to 65535"),
        (r#"{"callbackPort":65536}"#, "callbackPort", "0 to 65535"),
        (r#"{"callbackPort":1.5}"#, "callbackPort", "0 to 65535"),
        (r#"{"callbackTimeoutSeconds":0}"#, "callbackTimeoutSeconds", "1 to 86400"),
        (r#"{"refreshSkewSeconds":-1}"#, "refreshSkewSeconds", "0 to 86400"),
        (r#"{"extraParams":["4711"]}"#, "extraParams", "object of texts"),
        (r#"{"extraParams":{"a":4711}}"#, "extraParams", "texts alone"),
        (r#"{"allowPrivateHosts":"4711"}"#, "allowPrivateHosts", "list of texts"),
        (r#"{"clientSecretCommand":"echo 4711"}"#, "clientSecretCommand", "list of texts"),
        (r#"{"interactive":4711}"#, "interactive", "\"auto\", true or false"),
        (r#"{"discovery":4711}"#, "discovery", "must be an object, and is a number"),
    ] {
        assert_refused(block, key, word);
        assert!(!Home::with_oauth2(block).refusal(&[]).message.contains("4711"));
    }
}

#[test]
fn an_empty_text_is_refused_except_as_resource() {
    for key in ["clientId", "clientSecret", "scope", "audience", "clientName", "grant", "tokenCacheDir"] {
        assert_refused(&format!(r#"{{"{key}":""}}"#), key, "is empty");
    }
    assert_eq!(Home::with_oauth2(r#"{"resource":""}"#).server(&[]).resource, ResourceParameter::Omitted);
}

#[test]
fn a_resource_is_an_absolute_uri_without_a_fragment_or_a_bare_identifier() {
    let exactly = |uri: &str| ResourceParameter::Exactly(uri.to_owned());
    for uri in [
        "https://r.example",
        "api://0f1e-2d3c/mcp",
        "urn:example:mcp",
        "00000003-0000-0000-c000-000000000000",
    ] {
        for block in
            [format!(r#"{{"resource":"{uri}"}}"#), format!(r#"{{"extraParams":{{"resource":"{uri}"}}}}"#)]
        {
            assert_eq!(Home::with_oauth2(&block).server(&[]).resource, exactly(uri), "{block}");
        }
    }
    let none = Home::with_oauth2(r#"{"extraParams":{"resource":""}}"#).server(&[]);
    assert_eq!((none.resource, none.extra_params.is_empty()), (ResourceParameter::Omitted, true));
    for bad in [
        "not a uri#frag",
        "https://r.example/#x",
        "mcp/x",
        "https://r.exämple",
        "https://r.example\\\\@b.example",
    ] {
        assert_refused(&format!(r#"{{"resource":"{bad}"}}"#), "resource", "is no absolute URI");
        let extra = format!(r#"{{"extraParams":{{"resource":"{bad}"}}}}"#);
        assert_refused(&extra, "extraParams", "is no absolute URI");
    }
}

#[test]
fn the_grant_without_a_person_needs_a_client() {
    assert_refused(r#"{"grant":"client_credentials"}"#, "clientId", "the grant client_credentials needs it");
    assert_refused(r#"{"clientSecretEnv":"S"}"#, "clientId", "the client secret needs it");
    let home = Home::with_oauth2(r#"{"grant":"client_credentials","clientId":"c","authStyle":"body"}"#);
    assert_eq!(home.server(&[]).auth_method, Some(AuthMethod::ClientSecretPost));
}

#[test]
fn the_client_authenticates_as_configured() {
    let method = |block: &str| Home::with_oauth2(block).server(&[]).auth_method;
    assert_eq!(method("{}"), None);
    assert_eq!(method(r#"{"clientId":"c","authStyle":"none"}"#), Some(AuthMethod::None));
    assert_eq!(method(r#"{"clientId":"c","authStyle":"body"}"#), Some(AuthMethod::None));
    assert_eq!(method(r#"{"authStyle":"body"}"#), Some(AuthMethod::ClientSecretPost));
    assert_eq!(method(r#"{"authStyle":"header"}"#), Some(AuthMethod::ClientSecretBasic));
    assert_refused(r#"{"clientId":"c","clientSecret":"s","authStyle":"none"}"#, "authStyle", "drop one");
    assert_refused(r#"{"authStyle":"Header"}"#, "authStyle", "header, body, none or private_key_jwt");
}

#[test]
fn a_private_key_goes_with_a_client_and_without_a_secret() {
    let home = Home::with_oauth2(
        r#"{"clientId":"c","privateKeyFile":"/k.pem","privateKeyId":"1","signingAlgorithm":"RS256",
            "authStyle":"private_key_jwt"}"#,
    );
    let server = home.server(&[]);
    let place = SecretPlace::File("/k.pem".into());
    assert_eq!(server.private_key, SecretSource::new(Setting::PrivateKey, place));
    assert_eq!(server.private_key_id.as_deref(), Some("1"));
    assert_eq!(server.signing_algorithm, Some(Algorithm::Rs256));
    assert_eq!(server.auth_method, Some(AuthMethod::PrivateKeyJwt));
    for (block, key, word) in [
        (r#"{"privateKeyFile":"/k"}"#, "clientId", "privateKeyFile needs it"),
        (r#"{"clientId":"c","privateKeyFile":"k.pem"}"#, "privateKeyFile", "absolute"),
        (r#"{"clientId":"c","privateKeyFile":"/k","clientSecret":"s"}"#, "privateKeyFile", "keep one"),
        (r#"{"clientId":"c","privateKeyFile":"/k","authStyle":"body"}"#, "authStyle", "drop one"),
        (r#"{"clientId":"c","authStyle":"private_key_jwt"}"#, "authStyle", "needs privateKeyFile"),
        (r#"{"clientId":"c","privateKeyId":"1"}"#, "privateKeyId", "privateKeyFile names none"),
        (r#"{"clientId":"c","signingAlgorithm":"ES256"}"#, "signingAlgorithm", "privateKeyFile names none"),
        (
            r#"{"clientId":"c","privateKeyFile":"/k","signingAlgorithm":"PS256"}"#,
            "signingAlgorithm",
            "ES256 or RS256",
        ),
    ] {
        assert_refused(block, key, word);
    }
}

#[test]
fn a_secret_is_given_in_one_way() {
    assert_refused(
        r#"{"clientId":"c","clientSecret":"hunter2","clientSecretEnv":"S"}"#,
        "clientSecret",
        "several ways",
    );
    assert_refused(r#"{"clientId":"c","clientSecretEnv":"A=B"}"#, "clientSecretEnv", "environment variable");
    assert_refused(r#"{"clientId":"c","clientSecretFile":"s.txt"}"#, "clientSecretFile", "absolute");
    assert_refused(r#"{"clientId":"c","clientSecretCommand":[]}"#, "clientSecretCommand", "name a program");
    assert_refused(
        r#"{"clientId":"c","clientSecretCommand":["./s"]}"#,
        "clientSecretCommand",
        "absolute path",
    );
}

#[test]
fn a_switch_that_is_a_text_is_refused_and_not_quoted() {
    assert_refused(r#"{"dpop":"hunter2"}"#, "dpop", "must be true or false");
    assert!(!Home::with_oauth2(r#"{"dpop":"hunter2"}"#).refusal(&[]).message.contains("hunter2"));
}

#[test]
fn a_client_metadata_url_is_one_that_every_server_reads_alike() {
    for url in ["http://a.example/c", "https://a.example", "https://a.example/c#x", "https://a.example/./c"] {
        assert_refused(&format!(r#"{{"clientMetadataUrl":"{url}"}}"#), "clientMetadataUrl", "document");
    }
}

#[test]
fn the_callback_stays_on_this_machine_unless_allowed() {
    for host in ["0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.evil.example"] {
        assert_refused(&format!(r#"{{"callbackHost":"{host}"}}"#), "callbackHost", "callbackAllowRemote");
        let home = Home::with_oauth2(&format!(r#"{{"callbackHost":"{host}","callbackAllowRemote":true}}"#));
        assert_eq!(home.server(&[]).callback.host, host);
    }
    assert_refused(r#"{"redirectUri":"https://cb.example.com/x"}"#, "redirectUri", "callbackAllowRemote");
    assert_refused(r#"{"redirectUri":"http://127.0.0.1/x#y"}"#, "redirectUri", "fragment");
    for (host, parsed) in [("localhost", "localhost"), ("::1", "::1"), ("127.1", "127.0.0.1")] {
        let home = Home::with_oauth2(&format!(r#"{{"callbackHost":"{host}"}}"#));
        assert_eq!(home.server(&[]).callback.host, parsed);
    }
    for host in ["http://127.0.0.1", "127.0.0.1:8080", "local host", "a/b"] {
        assert_refused(&format!(r#"{{"callbackHost":"{host}"}}"#), "callbackHost", "must be a host");
    }
}

#[test]
fn parameters_that_the_flow_owns_cannot_be_set() {
    for name in ["grant_type", "client_id", "client_secret", "refresh_token", "code_verifier", "scope"] {
        assert_refused(
            &format!(r#"{{"extraParams":{{"{name}":"x"}}}}"#),
            "extraParams",
            &format!("`{name}`"),
        );
    }
    for name in ["state", "redirect_uri", "code_challenge", "response_type", "response_mode", "resource"] {
        let block = format!(r#"{{"authorizationParams":{{"{name}":"x"}}}}"#);
        assert_refused(&block, "authorizationParams", &format!("`{name}`"));
    }
    assert_refused(r#"{"extraParams":{"":"x"}}"#, "extraParams", "without a name");
}

#[test]
fn texts_for_servers_have_no_control_characters() {
    for key in ["clientId", "audience", "clientName"] {
        assert_refused(&format!(r#"{{"{key}":"a\nb"}}"#), key, "control character");
        assert_refused(&format!(r#"{{"{key}":" a"}}"#), key, "blank");
    }
    for scope in ["a\\nb", "a\\\"b", "a\\\\b", "  ", "ä"] {
        assert_refused(&format!(r#"{{"scope":"{scope}"}}"#), "scope", "separated by blanks");
    }
}

#[test]
fn without_discovery_the_endpoints_are_needed() {
    let off = r#""discovery":{"enabled":false}"#;
    assert_refused(&format!("{{{off}}}"), "tokenUrl", "discovery is off");
    assert_refused(
        &format!(r#"{{{off},"tokenUrl":"https://a.example/t"}}"#),
        "authorizationUrl",
        "discovery is off",
    );
    let machine =
        format!(r#"{{{off},"tokenUrl":"https://a.example/t","grant":"client_credentials","clientId":"c"}}"#);
    assert!(!Home::with_oauth2(&machine).server(&[]).discovery);
}

#[test]
fn private_hosts_are_hosts() {
    for host in ["https://a.example", "a.example:8080", ""] {
        assert_refused(&format!(r#"{{"allowPrivateHosts":["{host}"]}}"#), "allowPrivateHosts", "must");
    }
}

#[test]
fn headers_that_are_not_ours_to_set_are_refused() {
    for name in [
        "Authorization",
        "host",
        "Content-Type",
        "content-length",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
        "Accept",
        "Proxy-Authorization",
        "Transfer-Encoding",
        "Connection",
        "DPoP",
        "Cookie",
    ] {
        let home =
            Home::with_entry(&format!(r#"{{"url":"https://a.example","headers":{{"{name}":"hunter2"}}}}"#));
        let failure = home.refusal(&[]);
        assert_says(
            &failure,
            Code::ConfigInvalid,
            &["`servers.x.headers`", &format!("`{name}`"), "reserved"],
        );
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}

#[test]
fn headers_must_be_valid_http() {
    for (headers, word) in [
        (r#"{"X A":"1"}"#, "not a header name"),
        (r#"{"":"1"}"#, "not a header name"),
        (r#"{"X-Ä":"1"}"#, "not a header name"),
        (r#"{"X-A":"1\r\nHost: evil"}"#, "cannot stand in a header"),
        (r#"{"X-A":" 1"}"#, "cannot stand in a header"),
        (r#"{"X-A":"é"}"#, "cannot stand in a header"),
        (r#"{"X-A":"1","x-a":"2"}"#, "there twice"),
        (r#"{"X-A":1}"#, "texts alone"),
        (r#"["X-A"]"#, "object of texts"),
    ] {
        let failure =
            Home::with_entry(&format!(r#"{{"url":"https://a.example","headers":{headers}}}"#)).refusal(&[]);
        assert_says(&failure, Code::ConfigInvalid, &["`servers.x.headers`", word]);
    }
    let big = "v".repeat(32 * 1024);
    let failure = Home::with_entry(&format!(r#"{{"url":"https://a.example","headers":{{"X-A":"{big}"}}}}"#))
        .refusal(&[]);
    assert_says(&failure, Code::ConfigInvalid, &["`servers.x.headers`", "larger than"]);
}
