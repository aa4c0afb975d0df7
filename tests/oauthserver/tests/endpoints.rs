//! Metadata layouts, registration, the MCP endpoint.

mod support;

use oauthserver::browser;
use oauthserver::{AuthMethod, Challenge, Document, OAuthServer, Patch, Registration, Settings};
use serde_json::{Value, json};
use std::time::Duration;
use support::{call, client_id, json, native, register, send, start};

fn exists(server: &OAuthServer, path: &str) -> bool {
    browser::get(&format!("{}{path}", server.origin())).unwrap().status == 200
}

#[test]
fn only_the_documents_of_the_settings_exist() {
    let all = [
        Document::ResourcePath,
        Document::ResourceRoot,
        Document::OAuthInsert,
        Document::OidcInsert,
        Document::OidcAppend,
    ];
    let server = start(Settings { issuer_path: "/tenant1".to_owned(), ..Settings::default() });
    for document in all {
        server.reconfigure(|settings| settings.documents = vec![document]);
        for other in all {
            let path = server.document_path(other);
            assert_eq!(exists(&server, &path), other == document, "{path}");
        }
    }
    server.reconfigure(|settings| settings.documents.clear());
    let (_, answer) = call(&server, "x", "ping");
    assert!(answer.contains("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n"), "{answer}");
}

#[test]
fn the_documents_can_be_bent() {
    let server = start(Settings {
        resource: Some("https://mcp.example".to_owned()),
        issuer: Some("https://other.example/".to_owned()),
        authorization_servers: Some(vec!["https://as.example".to_owned()]),
        pkce_methods: None,
        offline_access: true,
        server_metadata: Patch::new().set("token_endpoint", "javascript:x").remove("issuer_x"),
        resource_metadata: Patch::new().set("resource", Value::Null),
        ..Settings::default()
    });
    let get = |document| {
        let path = server.document_path(document);
        json(&browser::get(&format!("{}{path}", server.origin())).unwrap())
    };
    let metadata = get(Document::OAuthInsert);
    assert_eq!(metadata["issuer"], "https://other.example/");
    assert_eq!(metadata["token_endpoint"], "javascript:x");
    assert_eq!(metadata.get("code_challenge_methods_supported"), None);
    assert_eq!(metadata["scopes_supported"], json!(["offline_access"]));
    let resource = get(Document::ResourceRoot);
    assert_eq!(resource["resource"], Value::Null);
    assert_eq!(resource["authorization_servers"], json!(["https://as.example"]));
}

#[test]
fn registration_refuses_what_it_should() {
    let server = start(Settings::default());
    let with = |name: &str, value: Value| {
        let mut metadata = native();
        metadata[name] = value;
        metadata
    };
    for (metadata, error) in [
        (with("redirect_uris", json!([])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["http://example.com/cb"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["javascript:alert(1)"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["http://127.0.0.1/cb#f"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!(["/cb"])), "invalid_redirect_uri"),
        (with("redirect_uris", json!("http://127.0.0.1/cb")), "invalid_client_metadata"),
        (with("application_type", json!("web")), "invalid_redirect_uri"),
        (with("application_type", json!(1)), "invalid_client_metadata"),
        (with("grant_types", json!(["password"])), "invalid_client_metadata"),
        (with("response_types", json!(["token"])), "invalid_client_metadata"),
        (with("token_endpoint_auth_method", json!("tls")), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let (status, answer) = register(&server, &metadata);
        assert_eq!((status, answer["error"].as_str()), (400, Some(error)), "{metadata}");
    }
    assert_eq!(server.registered_client_count(), 0);
    assert_eq!(register(&server, &native()).0, 201);
    let last = server.registrations().pop().unwrap();
    assert_eq!(last.json.unwrap()["application_type"], "native");
    assert!(last.committed);
}

#[test]
fn registration_can_answer_200_with_another_method_and_a_mortal_secret() {
    let server = start(Settings {
        registration: Registration {
            status: 200,
            auth_method: Some(AuthMethod::Post),
            secret_ttl: Some(Duration::from_secs(60)),
            ..Registration::default()
        },
        ..Settings::default()
    });
    let (status, answer) = register(&server, &native());
    assert_eq!((status, answer["token_endpoint_auth_method"].as_str()), (200, Some("client_secret_post")));
    let issued = answer["client_id_issued_at"].as_u64().unwrap();
    let expires = answer["client_secret_expires_at"].as_u64().unwrap();
    assert!((issued + 58..=issued + 61).contains(&expires), "{issued} {expires}");
    let token = || {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", answer["client_id"].as_str().unwrap()),
            ("client_secret", answer["client_secret"].as_str().unwrap()),
        ];
        browser::post_form(&server.token_endpoint(), &form).unwrap().status
    };
    assert_eq!(token(), 400, "authenticated, but without a refresh token");
    server.advance(Duration::from_secs(61));
    assert_eq!(token(), 401);
}

#[test]
fn registration_can_be_off_and_registered_clients_forgotten() {
    let server = start(Settings::default());
    let client = client_id(&server);
    server.forget_clients();
    let url = support::authorization_url(&server, &client, &[]);
    assert_eq!(browser::get(&url).unwrap().status, 400);
    server.reconfigure(|settings| settings.registration.enabled = false);
    let head = "POST /register HTTP/1.1\r\nContent-Type: application/json";
    assert_eq!(send(&server, head, &native().to_string()).0, 404);
}

#[test]
fn the_challenge_says_what_the_settings_say() {
    let server = start(Settings {
        challenge: Challenge { scope: Some("read write".to_owned()), ..Challenge::default() },
        ..Settings::default()
    });
    let (status, answer) = send(&server, "POST /mcp HTTP/1.1", "{}");
    let document = server.document_path(Document::ResourcePath);
    let url = format!("{}{document}", server.origin());
    let expected = format!("WWW-Authenticate: Bearer resource_metadata=\"{url}\", scope=\"read write\"\r\n");
    assert!(status == 401 && answer.contains(&expected), "{answer}");
    server.reconfigure(|settings| {
        settings.challenge.raw = Some(vec!["Basic realm=\"x\"".to_owned(), "Bearer".to_owned()]);
    });
    let (_, answer) = send(&server, "POST /mcp HTTP/1.1", "{}");
    assert!(answer.contains("WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Bearer\r\n"));
}

#[test]
fn the_mcp_endpoint_wants_one_bearer_header_and_speaks_json_rpc() {
    let server = start(Settings {
        required_scopes: vec![("tools/call".to_owned(), "write".to_owned())],
        ..Settings::default()
    });
    let token = server.issue_refresh_family("c", "read").access_token;
    let (status, answer) = call(&server, &token, "initialize");
    assert_eq!(status, 200);
    assert_eq!(support::body(&answer)["result"]["serverInfo"]["name"], "oauthserver");
    assert_eq!(support::body(&call(&server, &token, "nope").1)["error"]["code"], -32601);
    let (status, answer) = call(&server, &token, "tools/call");
    assert!(status == 403 && answer.contains("error=\"insufficient_scope\""), "{answer}");
    assert!(answer.contains("scope=\"write\""), "{answer}");
    let auth = format!("Authorization: bearer {token}");
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(send(&server, &format!("POST /mcp HTTP/1.1\r\n{auth}"), note).0, 202);
    assert_eq!(send(&server, &format!("POST /mcp HTTP/1.1\r\n{auth}"), "{").0, 400);
    assert_eq!(send(&server, &format!("GET /mcp HTTP/1.1\r\n{auth}"), "").0, 405);
    assert_eq!(send(&server, &format!("POST /mcp HTTP/1.1\r\n{auth}\r\n{auth}"), note).0, 401);
    assert_eq!(send(&server, &format!("POST /mcp?access_token={token} HTTP/1.1"), note).0, 401);
}

#[test]
fn a_token_for_another_resource_is_refused_unless_its_server_is_trusted() {
    let resource_server = start(Settings::default());
    let authorization_server =
        start(Settings { resource: Some(resource_server.mcp_url()), ..Settings::default() });
    let token = authorization_server.issue_refresh_family("c", "").access_token;
    assert!(!resource_server.mcp_accepts(&token));
    resource_server.trust_tokens_of(&authorization_server);
    assert!(resource_server.mcp_accepts(&token));
    authorization_server.reconfigure(|settings| settings.resource = None);
    let own = authorization_server.issue_refresh_family("c", "").access_token;
    assert!(!resource_server.mcp_accepts(&own));
    assert!(authorization_server.mcp_accepts(&own));
}
