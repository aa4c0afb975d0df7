//! Client ID Metadata Documents: the one that this program prints is enough for its own logins.

use crate::clients_at;
use crate::support::ports::free_port;
use crate::support::{Sandbox, serve};
use oauthserver::{AuthMethod, Client, OAuthServer, Patch, Settings};
use serde_json::{Value, json};
use std::net::TcpListener;

const URL: &str = "https://corp.example.com/mcp-credential.json";

/// What `client-metadata` prints for `URL`.
fn document(options: &[&str]) -> Value {
    let arguments = [&["client-metadata", "--url", URL], options].concat();
    let ran = Sandbox::new().run(&arguments).succeeds();
    assert_eq!(ran.stderr, "");
    ran.json()
}

/// A server that reads such documents, has read ours, and would register anybody as well.
fn reads(document: &Value, any_port: bool) -> OAuthServer {
    let client = Client::from_metadata(URL, document).expect("a document that a server takes");
    serve(Settings {
        clients: vec![if any_port { client.any_loopback_port() } else { client }],
        server_metadata: Patch::new().set("client_id_metadata_document_supported", true),
        ..Settings::default()
    })
}

#[test]
fn the_printed_document_lets_every_loopback_host_log_in_without_a_registration() {
    for host in ["127.0.0.1", "localhost", "::1"] {
        if TcpListener::bind((host, 0)).is_err() {
            continue;
        }
        let server = reads(&document(&[]), true);
        let oauth2 = json!({"clientMetadataUrl": URL, "callbackHost": host});
        let sandbox = Sandbox::configured(&server, &oauth2);
        sandbox.login("demo").succeeds();
        sandbox.refresh().succeeds();
        assert_eq!((clients_at(&server), server.registrations().len()), (vec![URL.to_owned()], 0));
        for request in server.token_requests() {
            assert_eq!(request.form_value("client_id"), Some(URL));
            assert_eq!((request.form_value("client_secret"), request.header("authorization")), (None, None));
        }
        assert!(!sandbox.files().contains(&"demo.client.json".to_owned()), "nothing to keep");
    }
}

#[test]
fn a_client_with_a_document_and_a_key_proves_itself_and_gives_its_tokens_back() {
    let jwks = "https://corp.example.com/jwks.json";
    let document = document(&["--jwks-uri", jwks]);
    assert_eq!(document["jwks_uri"], jwks);
    let mut key: Value = serde_json::from_str(include_str!("../../src/jose/tests/keys/ec.jwk")).unwrap();
    key.as_object_mut().unwrap().shift_remove("d");
    let server = reads(&document, true);
    server.reconfigure(|settings| {
        settings.clients[0].keys = vec![key];
        settings.auth_methods = vec![AuthMethod::PrivateKeyJwt];
    });
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("key.pem");
    std::fs::write(&file, include_str!("../../src/jose/tests/keys/ec-pkcs8.pem")).unwrap();
    let oauth2 = json!({"clientMetadataUrl": URL, "privateKeyFile": file});
    sandbox.write_config(&json!({"servers": {"demo": {"url": server.mcp_url(), "oauth2": oauth2}}}));
    sandbox.login("demo").succeeds();
    sandbox.refresh().succeeds();
    assert!(server.token_requests().iter().all(|request| request.form_value("client_assertion").is_some()));
    let erased = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!(erased.json()["revoked"], true, "{erased:?}");
}

#[test]
fn a_server_that_compares_ports_gets_the_one_of_the_document() {
    let port = free_port();
    let server = reads(&document(&["--callback-port", &port.to_string()]), false);
    let oauth2 = json!({"clientMetadataUrl": URL, "callbackPort": port});
    Sandbox::configured(&server, &oauth2).login("demo").succeeds();
    assert_eq!(clients_at(&server), [URL]);
}

#[test]
fn one_document_serves_at_every_issuer_and_a_new_issuer_needs_no_registration() {
    let (first, second) = (reads(&document(&[]), true), reads(&document(&[]), true));
    let sandbox = Sandbox::configured(&first, &json!({"clientMetadataUrl": URL}));
    sandbox.login("demo").succeeds();
    first.reconfigure(|settings| settings.authorization_servers = Some(vec![second.issuer()]));
    second.reconfigure(|settings| settings.resource = Some(first.resource()));
    sandbox.login("demo").succeeds();
    assert_eq!((clients_at(&first), clients_at(&second)), (vec![URL.to_owned()], vec![URL.to_owned()]));
    assert_eq!((first.registrations().len(), second.registrations().len()), (0, 0));
}

#[test]
fn a_server_that_does_not_say_that_it_reads_documents_gets_a_registration() {
    for said in [json!(false), json!("true"), json!(1), Value::Null] {
        let server = reads(&document(&[]), true);
        server.reconfigure(|settings| {
            settings.server_metadata =
                Patch::new().set("client_id_metadata_document_supported", said.clone());
        });
        Sandbox::configured(&server, &json!({"clientMetadataUrl": URL})).login("demo").succeeds();
        assert_eq!(server.registrations().len(), 1, "{said}");
        assert_ne!(clients_at(&server), [URL], "{said}");
    }
}

#[test]
fn a_configured_client_comes_before_the_document() {
    let server = reads(&document(&[]), true);
    let app = Client::public("app").redirect_uri("http://127.0.0.1/callback").any_loopback_port();
    server.reconfigure(|settings| settings.clients.push(app));
    let oauth2 = json!({"clientMetadataUrl": URL, "clientId": "app"});
    Sandbox::configured(&server, &oauth2).login("demo").succeeds();
    assert_eq!(clients_at(&server), ["app"]);
}

#[test]
fn the_document_comes_before_a_registration_that_is_stored() {
    let server = reads(&document(&[]), true);
    let sandbox = Sandbox::logged_in(&server);
    sandbox.run(&["add", "demo", &server.mcp_url(), "--client-metadata-url", URL]).succeeds();
    sandbox.refresh().succeeds();
    let client_of = |at: usize| server.token_requests()[at].form_value("client_id").unwrap().to_owned();
    assert_eq!(client_of(0), client_of(1), "the old token still belongs to the client that got it");
    sandbox.login("demo").succeeds();
    assert_eq!((server.registrations().len(), client_of(2).as_str()), (1, URL));
}

#[test]
fn whoever_can_neither_register_nor_read_a_document_is_told_what_to_do() {
    let server = reads(&document(&[]), true);
    server.reconfigure(|settings| settings.registration.enabled = false);
    let hosted = Sandbox::with(&server).run(&["login", "demo"]).fails("config_invalid", 2);
    assert!(hosted.stderr.contains("client-metadata --help"), "{hosted:?}");
    server.reconfigure(|settings| settings.server_metadata = Patch::new());
    let sandbox = Sandbox::configured(&server, &json!({"clientMetadataUrl": URL}));
    let refused = sandbox.run(&["login", "demo"]).fails("config_invalid", 2);
    assert!(refused.stderr.contains("`clientMetadataUrl`"), "{refused:?}");
    for told in ["`clientId`", "http://127.0.0.1:53682/callback", "`callbackPort` to 53682"] {
        assert!(refused.stderr.contains(told), "{told}: {refused:?}");
    }
}

#[test]
fn a_document_that_the_server_does_not_take_any_more_is_named_in_the_refusal() {
    let server = reads(&document(&[]), true);
    let sandbox = Sandbox::configured(&server, &json!({"clientMetadataUrl": URL}));
    sandbox.login("demo").succeeds();
    server.reconfigure(|settings| settings.clients.clear());
    let refused = sandbox.refresh().fails("invalid_client", 6);
    assert!(refused.stderr.contains(URL) && refused.stderr.contains("document"), "{refused:?}");
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn the_document_says_what_was_asked_for() {
    let plain = document(&[]);
    assert_eq!(plain["client_name"], "mcp-credential");
    assert_eq!(plain.get("client_uri"), None);
    let options = ["--client-name", "Corp MCP", "--client-uri", "https://corp.example.com/mcp"];
    let named = document(&[&options[..], &["--redirect-uri", "http://127.0.0.1:7/back"]].concat());
    assert_eq!((&named["client_name"], &named["client_uri"]), (&json!(options[1]), &json!(options[3])));
    assert_eq!(named["redirect_uris"], json!(["http://127.0.0.1:7/back"]));
}

#[test]
fn a_document_that_no_server_would_take_is_not_printed() {
    let good = ["client-metadata", "--url", URL];
    let wrong: [(&[&str], &str); 7] = [
        (&[&good[..], &["--jwks-uri", "http://corp.example.com/jwks"]].concat(), "--jwks-uri"),
        (&["client-metadata", "--url", "http://corp.example.com/c"], "--url"),
        (&["client-metadata", "--url", "https://corp.example.com"], "--url"),
        (&[&good[..], &["--client-name", " "]].concat(), "--client-name"),
        (&[&good[..], &["--client-uri", "corp"]].concat(), "--client-uri"),
        (&[&good[..], &["--redirect-uri", "http://10.0.0.1/x"]].concat(), "--redirect-uri"),
        (&[&good[..], &["--redirect-uri", "http://127.0.0.1/x#y"]].concat(), "--redirect-uri"),
    ];
    for (arguments, option) in wrong {
        let refused = Sandbox::new().run(arguments).fails("usage", 2);
        assert!(refused.stderr.contains(option) && refused.stdout.is_empty(), "{refused:?}");
    }
}
