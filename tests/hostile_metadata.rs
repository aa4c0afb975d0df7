//! Discovery with the real program against servers that lie, redirect, flood or fall silent: nothing of theirs
//! is believed, no browser opens, and no credential reaches another host.
//!
//! An endpoint or an issuer that moves is met in `moved_endpoints`; what floods, compressed or not, at the other
//! endpoints in `floods`.
//! Limit: public servers that name private hosts need public addresses; they are judged in `src/oauth/reach.rs`.

mod support;

use oauthserver::{Client, Document, Endpoint, Fault, OAuthServer, Patch, Settings, Times, browser};
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::Duration;
use support::{Ran, Sandbox, end, serve, server};

/// A login that ends before any browser opens or client is registered.
#[track_caller]
fn is_refused(server: &OAuthServer, code: &str, status: i32) -> String {
    let sandbox = Sandbox::with(server);
    let refused = sandbox.run(&["login", "demo", "--timeout", "60"]).ends(code, status);
    assert_eq!(sandbox.opened(), [""; 0], "{refused:?}");
    assert_eq!((server.registrations().len(), server.token_requests().len()), (0, 0), "{refused:?}");
    refused.stderr
}

#[track_caller]
fn is_not_trusted(server: &OAuthServer) -> String {
    is_refused(server, "untrusted_server", 5)
}

fn with_server_metadata(patch: Patch) -> OAuthServer {
    serve(Settings { server_metadata: patch, ..Settings::default() })
}

#[test]
fn a_description_on_another_origin_is_not_fetched_unless_the_configuration_names_it_case_9() {
    let (server, other) = (server(3600), support::server(3600));
    let place = format!("{}{}", other.origin(), other.document_path(Document::ResourcePath));
    let challenge = vec![format!("Bearer resource_metadata=\"{place}\"")];
    server.reconfigure(|settings| settings.challenge.raw = Some(challenge));
    let said = is_not_trusted(&server);
    assert!(said.contains(&other.origin()) && said.contains("--metadata-url"), "{said}");
    assert_eq!(other.connections(), 0);
    let resource = server.mcp_url();
    other.reconfigure(|settings| settings.resource = Some(resource));
    let sandbox = Sandbox::configured(&server, &json!({"metadataUrl": place}));
    sandbox.login("demo").succeeds();
    assert_eq!(sandbox.clear()["issuer"], other.issuer());
}

#[test]
fn a_description_of_no_or_another_resource_is_not_believed_case_10() {
    let server = server(3600);
    let (origin, url) = (server.origin(), server.mcp_url());
    let patches = [
        Patch::new().remove("resource"),
        Patch::new().set("resource", Value::Null),
        Patch::new().set("resource", ""),
        Patch::new().set("resource", format!("{url}2")),
        Patch::new().set("resource", format!("{origin}/other")),
        Patch::new().set("resource", format!("{url}/deeper")),
        Patch::new().set("resource", "https://other.example/mcp"),
        // Others would read these in another way, or could not keep them.
        Patch::new().set("resource", format!("{origin}\\@other.example/../mcp")),
        Patch::new().set("resource", format!("{origin}{}/mcp", "/.".repeat(400_000))),
    ];
    for patch in patches {
        server.reconfigure(|settings| settings.resource_metadata = patch.clone());
        is_not_trusted(&server);
    }
}

#[test]
fn metadata_of_an_issuer_that_is_not_the_same_text_is_not_believed_case_11() {
    let server = server(3600);
    let issuer = server.issuer();
    for other in [format!("{issuer}/"), issuer.replace("http:", "HTTP:"), format!("{issuer}?"), "x".into()] {
        server.reconfigure(|settings| settings.issuer = Some(other.clone()));
        let said = is_not_trusted(&server);
        assert!(said.contains(&issuer), "{other}: {said}");
    }
}

#[test]
fn an_issuer_that_is_trusted_of_one_server_is_not_believed_of_another_case_11() {
    let trusted = "https://accounts.example";
    let client = || {
        Client::confidential("ours", "s3cret").redirect_uri("http://127.0.0.1/callback").any_loopback_port()
    };
    let server = || {
        let server = serve(Settings { clients: vec![client()], ..Settings::default() });
        server.reconfigure(|settings| {
            settings.issuer = Some(trusted.to_owned());
            settings.iss.value = Some(trusted.to_owned());
        });
        server
    };
    // The second one is an MCP server that names itself, sends the browser to the first, and calls itself as that.
    let (good, evil) = (server(), server());
    let (page, resource) = (good.authorization_endpoint(), evil.resource());
    good.reconfigure(|settings| settings.resource = Some(resource));
    evil.reconfigure(|settings| {
        settings.server_metadata = Patch::new().set("authorization_endpoint", page.as_str());
    });
    let mut oauth2 = json!({"clientId": "ours", "clientSecret": "s3cret", "trustedIssuer": trusted});
    let refused = Sandbox::configured(&evil, &oauth2).login("demo").ends("config_invalid", 2);
    assert!(refused.stderr.contains("oauth2.issuer`"), "{refused:?}");
    oauth2["issuer"] = json!(good.issuer());
    let sandbox = Sandbox::configured(&evil, &oauth2);
    sandbox.login("demo").succeeds();
    sandbox.refresh().succeeds();
    assert_eq!(sandbox.clear()["issuer"], trusted);
    assert_eq!((good.token_requests().len(), evil.token_requests().len()), (2, 0));
    // Its other name is no other binding.
    oauth2["issuer"] = json!(trusted);
    oauth2["trustedIssuer"] = json!(good.issuer());
    sandbox.write_config(&json!({"servers": {"demo": {"url": evil.mcp_url(), "oauth2": oauth2}}}));
    sandbox.run(&["get", "demo"]).succeeds();
}

#[test]
fn endpoints_that_are_no_addresses_of_servers_are_refused_case_14() {
    let schemes = [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "ms-msdt:/id",
        "http://other.example/x",
        "-x",
        "",
    ];
    for endpoint in ["authorization_endpoint", "token_endpoint", "registration_endpoint"] {
        for scheme in schemes {
            let server = with_server_metadata(Patch::new().set(endpoint, scheme));
            is_not_trusted(&server);
        }
    }
}

/// A login within a gigabyte of memory, in which a person takes no part.
fn login_in_little_memory(sandbox: &Sandbox) -> Ran {
    let script = r#"ulimit -v 1048576; exec "$0" login demo --interactive never --timeout 20"#;
    let mut command = sandbox.shell(script);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    end(command.spawn().unwrap())
}

#[test]
fn floods_in_place_of_metadata_are_cut_off_in_little_memory_case_17() {
    let deep = "[".repeat(100_000);
    let floods = [Fault::BigBody(2 << 30), Fault::Endless, Fault::body(200, "application/json", deep)];
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    for flood in floods {
        server.fault(Endpoint::ServerMetadata, flood.clone(), Times::Always);
        let refused = login_in_little_memory(&sandbox);
        assert_eq!(refused.status, 75, "{} {refused:?}", flood.name());
        assert!(refused.stderr.contains(&server.origin()), "{} {refused:?}", flood.name());
        assert_eq!(server.registrations().len(), 0, "{}", flood.name());
        server.clear_faults();
    }
    sandbox.login("demo").succeeds();
}

#[test]
fn a_flood_in_place_of_the_resource_metadata_is_not_taken_for_a_server_without_any_case_17() {
    for flood in [Fault::BigBody(2 << 30), Fault::Endless] {
        let server = server(3600);
        let sandbox = Sandbox::with(&server);
        server.fault(Endpoint::ResourceMetadata, flood.clone(), Times::Always);
        let refused = login_in_little_memory(&sandbox).ends("unavailable", 75);
        assert!(refused.stderr.contains("too large"), "{} {refused:?}", flood.name());
        assert_eq!((sandbox.opened(), server.registrations().len()), (vec![], 0), "{}", flood.name());
        server.clear_faults();
        let first = Endpoint::Path(server.document_path(Document::ResourcePath));
        server.fault(first, flood, Times::Always);
        let refused = login_in_little_memory(&sandbox).ends("unavailable", 75);
        assert!(
            refused.stderr.contains("`metadataUrl`"),
            "the next place does not stand in for it: {refused:?}"
        );
        assert_eq!(server.registrations().len(), 0);
    }
}

/// Where metadata is only kept away, for example by a firewall: a credential of the configuration waits.
#[test]
fn no_credential_goes_to_a_guessed_endpoint_where_metadata_could_only_not_be_had_case_18() {
    let broken = "{\"resource\":\"http";
    let location = "/elsewhere".to_owned();
    for fault in [
        Fault::status(401),
        Fault::body(403, "text/html", "<html>blocked"),
        Fault::Redirect { code: 307, location },
        Fault::body(200, "application/json", broken),
    ] {
        let clients = vec![Client::confidential("ours", "s3cret")];
        let server = serve(Settings { clients, ..Settings::default() });
        let seed = server.issue_refresh_family("ours", "").refresh_token;
        let client = json!({"clientId": "ours", "clientSecret": "s3cret"});
        let with = |more: Value| {
            let mut oauth2 = client.clone();
            oauth2.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Sandbox::configured(&server, &oauth2)
        };
        let homes = [with(json!({"grant": "client_credentials"})), with(json!({"refreshToken": seed}))];
        for endpoint in [Endpoint::ResourceMetadata, Endpoint::ServerMetadata] {
            server.fault(endpoint, fault.clone(), Times::Always);
        }
        for sandbox in &homes {
            let refused = sandbox.run(&["get", "demo", "--timeout", "60"]).fails("unavailable", 75);
            let place = format!("{}/.well-known/oauth-", server.origin());
            assert!(refused.stderr.contains(&place) && refused.stderr.contains("try again"), "{refused:?}");
        }
        assert_eq!(server.token_requests().len(), 0, "{}", fault.name());
        server.clear_faults();
        for sandbox in &homes {
            sandbox.forget_state();
            sandbox.run(&["get", "demo", "--timeout", "60"]).succeeds();
            assert_eq!(sandbox.clear()["issuer"], server.issuer(), "{}", fault.name());
        }
    }
}

#[test]
fn a_fault_where_the_resource_metadata_is_leads_to_no_login_by_the_root_document_case_18() {
    let server = server(3600);
    let root = browser::get(&format!("{}{}", server.origin(), server.document_path(Document::ResourcePath)));
    let root = Fault::body(200, "application/json", root.unwrap().body);
    server.fault(Endpoint::Path(server.document_path(Document::ResourceRoot)), root, Times::Always);
    let first = Endpoint::Path(server.document_path(Document::ResourcePath));
    for fault in [Fault::status(503), Fault::body(200, "application/json", "{\"resource\":")] {
        server.fault(first.clone(), fault, Times::Always);
        assert!(is_refused(&server, "unavailable", 75).contains("`metadataUrl`"));
    }
}

#[test]
fn a_page_in_place_of_metadata_is_passed_over_and_named_in_the_end_case_18() {
    let server = server(3600);
    let first = Endpoint::Path(server.document_path(Document::ResourcePath));
    server.fault(first, Fault::html(200), Times::Always);
    Sandbox::with(&server).login("demo").succeeds();
    let server = support::server(3600);
    server.fault(Endpoint::ServerMetadata, Fault::html(200), Times::Always);
    let said = is_refused(&server, "unavailable", 75);
    assert!(said.contains(&server.origin()), "{said}");
}

#[test]
fn a_byte_order_mark_or_a_wrong_media_type_does_not_hide_metadata_case_18() {
    let server = server(3600);
    let path = server.document_path(Document::OAuthInsert);
    let body = browser::get(&format!("{}{path}", server.origin())).unwrap().body;
    let marked = [b"\xef\xbb\xbf".as_slice(), body.as_bytes()].concat();
    server.fault(Endpoint::Path(path), Fault::body(200, "text/plain", marked), Times::Always);
    Sandbox::with(&server).login("demo").succeeds();
}

const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// The redirect was met, told and not followed.
#[track_caller]
fn stays(server: &OAuthServer, other: &OAuthServer, code: u16, ran: Ran) {
    let ran = ran.ends("unavailable", 75);
    assert!(server.log().faults_fired() > 0, "{ran:?}");
    for said in [server.origin(), "redirect".to_owned(), format!("HTTP {code}")] {
        assert!(ran.stderr.contains(&said), "{said}: {ran:?}");
    }
    assert_eq!(other.connections(), 0, "{ran:?}");
}

#[test]
fn no_registration_and_no_code_goes_along_a_redirect_case_19() {
    let other = server(3600);
    for (endpoint, path) in [(Endpoint::Register, "register"), (Endpoint::Token, "token")] {
        for code in REDIRECTS {
            let server = server(3600);
            let location = format!("{}/{path}", other.origin());
            server.fault(endpoint.clone(), Fault::Redirect { code, location }, Times::Always);
            let sandbox = Sandbox::with(&server);
            stays(&server, &other, code, sandbox.login("demo"));
            assert!(!sandbox.record().exists());
        }
    }
}

#[test]
fn no_client_secret_goes_along_a_redirect_case_19() {
    let other = server(3600);
    for style in ["header", "body"] {
        let client = Client::confidential("service", "s3cret");
        let server = serve(Settings { clients: vec![client], ..Settings::default() });
        for code in REDIRECTS {
            let location = other.token_endpoint();
            server.fault(Endpoint::Token, Fault::Redirect { code, location }, Times::Next(9));
            let oauth2 = json!({"grant": "client_credentials", "clientId": "service",
                "clientSecret": "s3cret", "authStyle": style});
            let sandbox = Sandbox::configured(&server, &oauth2);
            stays(&server, &other, code, sandbox.run(&["get", "demo", "--timeout", "60"]));
            server.clear_faults();
        }
    }
}

#[test]
fn no_token_that_is_revoked_goes_along_a_redirect_case_19() {
    let other = server(3600);
    for code in REDIRECTS {
        let server = server(3600);
        let sandbox = Sandbox::logged_in(&server);
        let location = other.revocation_endpoint();
        server.fault(Endpoint::Revoke, Fault::Redirect { code, location }, Times::Always);
        let erased = sandbox.run(&["erase", "demo", "--revoke", "--timeout", "60"]).succeeds();
        assert_eq!((&erased.json()["erased"], &erased.json()["revoked"]), (&json!(true), &json!(false)));
        assert!(server.log().faults_fired() > 0);
        assert_eq!((other.connections(), sandbox.record().exists()), (0, false));
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_unavailable_with_the_reason_and_no_switch_allows_it_case_20() {
    let server = server(3600);
    let sandbox = Sandbox::new();
    let url = server.mcp_url().replace("http:", "https:");
    sandbox.run(&["add", "demo", &url]).succeeds();
    let ended = sandbox.run(&["login", "demo", "--timeout", "60"]).ends("unavailable", 75);
    assert!(ended.stderr.contains("TLS") || ended.stderr.contains("certificate"), "{ended:?}");
    assert_eq!((sandbox.opened(), server.registrations().len()), (vec![], 0));
    for switch in ["--insecure", "-k", "--no-verify-tls"] {
        assert_eq!(sandbox.run(&["get", "demo", switch]).status, 2, "{switch}");
    }
}

#[test]
fn metadata_that_drips_costs_a_login_its_time_and_the_next_one_succeeds_case_21() {
    for endpoint in [Endpoint::ResourceMetadata, Endpoint::ServerMetadata] {
        let server = server(3600);
        let drip = Fault::Drip { interval: Duration::from_secs(1) };
        server.fault(endpoint, drip, Times::Always);
        let sandbox = Sandbox::with(&server);
        let ran = sandbox.run(&["login", "demo", "--timeout", "2"]);
        assert_eq!(ran.status, 75, "{ran:?}");
        assert_eq!(sandbox.opened(), [""; 0]);
        server.clear_faults();
        sandbox.login("demo").succeeds();
    }
}

/// What a refused login advises to run, typed into a shell as it stands.
#[track_caller]
fn follow_the_advice(sandbox: &Sandbox) {
    let refused = sandbox.run(&["login", "demo"]).ends("untrusted_server", 5);
    let advice = refused.stderr.split('`').find(|text| text.starts_with("mcp-credential add demo "));
    let options = advice.unwrap_or_else(|| panic!("{refused:?}")).strip_prefix("mcp-credential ").unwrap();
    support::ran(sandbox.shell(&format!("\"$0\" {options}")).output().unwrap()).succeeds();
}

#[test]
fn the_command_that_a_refusal_names_allows_what_was_refused_and_nothing_else() {
    let server = server(3600);
    let sandbox = Sandbox::with(&server);
    let other = "https://$(id).example/it's";
    server.reconfigure(|settings| {
        settings.issuer = Some(other.to_owned());
        settings.iss.value = Some(other.to_owned());
    });
    follow_the_advice(&sandbox);
    server.reconfigure(|settings| {
        settings.server_metadata = Patch::new().remove("code_challenge_methods_supported");
    });
    follow_the_advice(&sandbox);
    sandbox.login("demo").succeeds();
    server.reconfigure(|settings| settings.issuer = Some("https://third.example".to_owned()));
    sandbox.run(&["login", "demo"]).ends("untrusted_server", 5);
}
