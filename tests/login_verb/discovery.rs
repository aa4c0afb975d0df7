//! How a login finds its way: the layouts of the field, scopes, `resource`, and what it does not believe.

use super::{query, refresh};
use crate::support::{Sandbox, serve};
use oauthserver::{Client, Document, Endpoint, Fault, IssParameter, OAuthServer, Patch, Settings, Times};
use serde_json::json;

#[test]
fn every_layout_of_metadata_leads_to_a_login() {
    use Document::{OAuthInsert, OidcAppend, OidcInsert, ResourcePath, ResourceRoot};
    let layouts: [(&str, &[Document]); 7] = [
        ("", &[ResourcePath, OAuthInsert]),
        ("", &[ResourceRoot, OAuthInsert]),
        ("", &[ResourcePath, OidcInsert]),
        ("/tenant", &[ResourcePath, OAuthInsert]),
        ("/tenant", &[ResourceRoot, OidcInsert]),
        ("/tenant", &[ResourcePath, OidcAppend]),
        ("", &[OAuthInsert]),
    ];
    for (issuer_path, documents) in layouts {
        for named in [true, false] {
            logs_in(issuer_path, documents, named);
        }
    }
}

#[track_caller]
fn logs_in(issuer_path: &str, documents: &[Document], named: bool) {
    let mut settings = Settings {
        issuer_path: issuer_path.to_owned(),
        documents: documents.to_vec(),
        ..Settings::default()
    };
    settings.challenge.resource_metadata = named;
    let server = serve(settings);
    let sandbox = Sandbox::with(&server);
    let ran = sandbox.login("demo");
    assert_eq!(ran.status, 0, "{issuer_path:?} {documents:?} {named}: {ran:?}");
    assert_eq!(sandbox.run(&["get", "demo"]).succeeds().text("issuer"), server.issuer());
}

#[test]
fn a_server_without_any_metadata_is_met_at_the_places_of_the_first_revision() {
    let server = serve(Settings { documents: Vec::new(), ..Settings::default() });
    let sandbox = Sandbox::with(&server);
    sandbox.login("demo").succeeds();
    let answer = refresh(&sandbox).succeeds();
    assert!(server.mcp_accepts(&answer.text("access_token")));
    assert_eq!(answer.json().get("issuer"), None, "nobody named one");
}

#[test]
fn resource_is_sent_byte_for_byte_with_every_request() {
    for (mcp_path, resource) in [("/mcp", None), ("", None), ("/mcp", Some("http://127.0.0.1:PORT"))] {
        let server = serve(Settings { mcp_path: mcp_path.to_owned(), ..Settings::default() });
        let published = resource.map(|text| text.replace("PORT", &server.port().to_string()));
        server.reconfigure(|settings| settings.resource.clone_from(&published));
        let sandbox = Sandbox::logged_in(&server);
        refresh(&sandbox).succeeds();
        let wanted = Some(server.resource());
        let log = server.log();
        assert_eq!(log.to(&Endpoint::Authorize)[0].query_value("resource"), wanted.as_deref());
        let sent: Vec<Option<&str>> =
            log.token_requests().iter().map(|request| request.form_value("resource")).collect();
        assert_eq!(sent, [wanted.as_deref(), wanted.as_deref()]);
    }
}

#[test]
fn a_resource_of_the_configuration_wins_and_an_empty_one_is_left_out() {
    let server = serve(Settings { resource_rule: oauthserver::ResourceRule::Refuse, ..Settings::default() });
    let sandbox = Sandbox::configured(&server, &json!({"resource": ""}));
    sandbox.login("demo").succeeds();
    assert_eq!(refresh(&sandbox).succeeds().json().get("resource"), None);
}

#[test]
fn the_challenge_says_which_scope_and_else_the_metadata_does() {
    let scopes = || vec!["read".to_owned(), "write".to_owned()];
    let mut settings = Settings { scopes_supported: scopes(), ..Settings::default() };
    let supported = serve(settings.clone());
    settings.challenge.scope = Some("read admin".to_owned());
    let challenged = serve(settings);
    let silent = serve(Settings::default());
    let both = Settings { scopes_supported: scopes(), offline_access: true, ..Settings::default() };
    let offline = serve(both);
    for (server, wanted) in [
        (&supported, Some("read write")),
        (&challenged, Some("read admin")),
        (&silent, None),
        (&offline, Some("read write offline_access")),
    ] {
        let sandbox = Sandbox::logged_in(server);
        let log = server.log();
        assert_eq!(log.to(&Endpoint::Authorize)[0].query_value("scope"), wanted);
        let answer = sandbox.run(&["get", "demo"]).succeeds();
        let words = wanted.map(|scope| json!(scope.split(' ').collect::<Vec<_>>()));
        assert_eq!(answer.json().get("scopes"), words.as_ref());
    }
    let sandbox = Sandbox::configured(&challenged, &json!({"scope": "read"}));
    sandbox.login("demo").succeeds();
    let log = challenged.log();
    assert_eq!(query(log.to(&Endpoint::Authorize)[1], "scope"), "read", "the configuration wins");
}

/// A server with a client registered by hand, and a configuration that names both and the endpoints.
fn told(settings: Settings, more: &serde_json::Value) -> (OAuthServer, Sandbox) {
    let client = Client::public("app").redirect_uri("http://127.0.0.1/callback").any_loopback_port();
    let server = serve(Settings { clients: vec![client], ..settings });
    let mut oauth2 = json!({
        "clientId": "app",
        "tokenUrl": server.token_endpoint(),
        "authorizationUrl": server.authorization_endpoint(),
    });
    oauth2.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let sandbox = Sandbox::configured(&server, &oauth2);
    (server, sandbox)
}

#[test]
fn explicit_endpoints_win_and_without_discovery_nothing_is_fetched() {
    let (server, sandbox) = told(Settings::default(), &json!({"discovery": {"enabled": false}}));
    sandbox.login("demo").succeeds();
    refresh(&sandbox).succeeds();
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/authorize", "/token", "/token"]);
}

#[test]
fn explicit_endpoints_win_and_the_rest_is_discovered() {
    let settings = Settings { scopes_supported: vec!["read".to_owned()], ..Settings::default() };
    let (server, sandbox) = told(settings, &json!({}));
    let elsewhere = format!("{}/elsewhere", server.origin());
    server.reconfigure(|settings| {
        settings.server_metadata = Patch::new()
            .set("token_endpoint", elsewhere.as_str())
            .set("authorization_endpoint", elsewhere.as_str());
    });
    sandbox.login("demo").succeeds();
    assert_eq!((server.count("/elsewhere"), server.registrations().len()), (0, 0));
    assert_eq!(query(server.log().to(&Endpoint::Authorize)[0], "scope"), "read");
    assert_eq!(sandbox.clear()["issuer"], server.issuer());
    let erased = sandbox.run(&["erase", "demo", "--revoke"]).succeeds();
    assert_eq!(erased.json()["revoked"], true);
}

#[test]
fn beside_explicit_endpoints_an_announced_issuer_must_be_there_and_pkce_be_advertised() {
    let missing = IssParameter { advertised: true, sent: false, value: None };
    let silent = Settings { pkce_methods: None, ..Settings::default() };
    for (settings, opens) in [(Settings { iss: missing, ..Settings::default() }, 1), (silent, 0)] {
        let (server, sandbox) = told(settings, &json!({}));
        sandbox.login("demo").ends("untrusted_server", 5);
        assert_eq!((sandbox.opened().len(), server.token_requests().len()), (opens, 0));
    }
}

#[test]
fn explicit_endpoints_lead_to_a_login_whatever_becomes_of_discovery() {
    let stranger = Patch::new().set("resource", "https://other.example/mcp");
    let faults = [Endpoint::ResourceMetadata, Endpoint::ServerMetadata];
    for broken in [
        Settings { documents: Vec::new(), ..Settings::default() },
        Settings { resource_metadata: stranger, ..Settings::default() },
        Settings { issuer: Some("https://other.example".to_owned()), ..Settings::default() },
    ] {
        let (server, sandbox) = told(broken, &json!({}));
        server.reconfigure(|settings| settings.iss.advertised = false);
        sandbox.login("demo").succeeds();
    }
    for place in faults {
        let (server, sandbox) = told(Settings::default(), &json!({}));
        server.fault(place, Fault::status(503), Times::Always);
        sandbox.login("demo").succeeds();
        refresh(&sandbox).succeeds();
        server.clear_faults();
        sandbox.login("demo").succeeds();
        assert_eq!(sandbox.clear()["issuer"], server.issuer(), "the same server, found out later");
    }
}

#[test]
fn an_explicit_token_endpoint_wins_over_the_published_one() {
    let server = serve(Settings::default());
    let elsewhere = format!("{}/elsewhere", server.origin());
    server.reconfigure(|s| s.server_metadata = Patch::new().set("token_endpoint", elsewhere.as_str()));
    let sandbox = Sandbox::configured(&server, &json!({"tokenUrl": server.token_endpoint()}));
    sandbox.login("demo").succeeds();
    assert_eq!(server.count("/elsewhere"), 0);
}

#[test]
fn a_configured_audience_goes_with_the_authorization_and_with_every_token_request() {
    let server = serve(Settings::default());
    let sandbox = Sandbox::configured(&server, &json!({"audience": "urn:api"}));
    sandbox.login("demo").succeeds();
    refresh(&sandbox).succeeds();
    assert_eq!(query(server.log().to(&Endpoint::Authorize)[0], "audience"), "urn:api");
    let requests = server.token_requests();
    let sent: Vec<Option<&str>> = requests.iter().map(|request| request.form_value("audience")).collect();
    assert_eq!(sent, [Some("urn:api"); 2]);
    let twice = json!({"audience": "urn:api", "authorizationParams": {"audience": "urn:api"}});
    let refused = Sandbox::configured(&server, &twice).login("demo").ends("config_invalid", 2);
    assert!(refused.stderr.contains("`audience`"), "{refused:?}");
}

#[track_caller]
fn is_not_believed(server: &OAuthServer, opens: usize) -> String {
    let sandbox = Sandbox::with(server);
    let refused = sandbox.login("demo").ends("untrusted_server", 5);
    assert_eq!(sandbox.opened().len(), opens);
    assert_eq!(server.token_requests().len(), 0, "no token request follows");
    sandbox.run(&["get", "demo"]).fails("interaction_required", 4);
    refused.stderr
}

#[test]
fn case_30_an_answer_of_another_issuer_is_not_used() {
    let other = "https://evil.example";
    for advertised in [true, false] {
        let iss = IssParameter { advertised, sent: true, value: Some(other.to_owned()) };
        let said = is_not_believed(&serve(Settings { iss, ..Settings::default() }), 1);
        assert!(said.contains(other), "{said}");
    }
    let missing = IssParameter { advertised: true, sent: false, value: None };
    is_not_believed(&serve(Settings { iss: missing, ..Settings::default() }), 1);
}

#[test]
fn an_answer_without_iss_counts_where_none_was_announced() {
    let iss = IssParameter { advertised: false, sent: false, value: None };
    let server = serve(Settings { iss, ..Settings::default() });
    Sandbox::logged_in(&server);
}

#[test]
fn case_16_a_server_that_does_not_advertise_pkce_is_not_logged_in_to() {
    for methods in [None, Some(vec!["plain".to_owned()])] {
        let server = serve(Settings { pkce_methods: methods, ..Settings::default() });
        let said = is_not_believed(&server, 0);
        assert!(said.contains("--allow-missing-pkce-metadata"), "{said}");
        assert_eq!(server.registrations().len(), 0);
        let sandbox = Sandbox::configured(&server, &json!({"allowMissingPkceMetadata": true}));
        sandbox.login("demo").succeeds();
    }
}

#[test]
fn metadata_of_another_resource_or_issuer_is_not_believed() {
    let resource = Patch::new().set("resource", "https://other.example/mcp");
    is_not_believed(&serve(Settings { resource_metadata: resource, ..Settings::default() }), 0);
    let issuer = Some("https://other.example".to_owned());
    is_not_believed(&serve(Settings { issuer, ..Settings::default() }), 0);
    let script = Patch::new().set("authorization_endpoint", "javascript:alert(1)");
    is_not_believed(&serve(Settings { server_metadata: script, ..Settings::default() }), 0);
}

#[test]
fn a_server_that_speaks_no_tls_at_its_port_is_told_apart() {
    let server = serve(Settings::default());
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "demo", &server.mcp_url().replace("http://", "https://")]).succeeds();
    let refused = sandbox.run(&["login", "demo"]).fails("unavailable", 75);
    assert!(refused.stderr.contains("write http:// for a server of this machine"), "{}", refused.stderr);
}

#[test]
fn a_server_that_stays_silent_is_given_up_in_the_time_of_the_login() {
    let server = serve(Settings::default());
    server.fault(Endpoint::ServerMetadata, Fault::Hang, Times::Always);
    let (patient, hurried) = (Sandbox::with(&server), Sandbox::with(&server));
    let mut waits = patient.watch(&["login", "demo"]);
    let ended = hurried.run(&["login", "demo", "--timeout", "1"]).fails("unavailable", 75);
    assert!(ended.stderr.contains(&server.origin()), "{}", ended.stderr);
    assert!(!waits.has_ended(), "the other one has more time");
    waits.kill();
}
