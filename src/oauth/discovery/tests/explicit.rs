//! Endpoints of the configuration: they win, and decide which others may stand beside them.

use super::*;

#[test]
fn explicit_endpoints_win_and_nothing_is_fetched() {
    let server = sound();
    let explicit = Server {
        token_url: Some("https://idp.example.com/token".to_owned()),
        authorization_url: Some("https://idp.example.com/authorize".to_owned()),
        client_id: Some("me".to_owned()),
        scope: Some("a b".to_owned()),
        ..at(&server, "/mcp")
    };
    let found = run(&explicit).unwrap();
    assert_eq!(found.token_endpoint, "https://idp.example.com/token");
    assert_eq!(found.authorization_endpoint.as_deref(), Some("https://idp.example.com/authorize"));
    assert_eq!((found.resource, found.scope), (Some(server.url("/mcp")), Some("a b".to_owned())));
    let unattended =
        Server { grant: Grant::ClientCredentials, authorization_url: None, client_id: None, ..explicit };
    run(&unattended).unwrap();
    assert!(server.seen().is_empty());
}

#[test]
fn one_explicit_endpoint_replaces_the_one_that_was_found() {
    let server = sound();
    let explicit = Server { token_url: Some(server.url("/other/token")), ..at(&server, "/mcp") };
    let found = run(&explicit).unwrap();
    assert_eq!(found.token_endpoint, server.url("/other/token"));
    assert_eq!(found.authorization_endpoint, Some(server.url("/authorize")));
}

#[test]
fn without_discovery_the_missing_endpoint_is_named_and_nothing_is_fetched() {
    let server = sound();
    let off = Server { discovery: false, ..at(&server, "/mcp") };
    refused(run(&off), Code::ConfigInvalid, "`authorizationUrl` and `tokenUrl`");
    let half = Server { token_url: Some("https://idp.example.com/token".to_owned()), ..off.clone() };
    refused(run(&half), Code::ConfigInvalid, "`authorizationUrl` and `tokenUrl`");
    let full = Server { authorization_url: Some("https://idp.example.com/a".to_owned()), ..half };
    run(&full).unwrap();
    assert!(server.seen().is_empty());
}

#[test]
fn an_explicit_endpoint_that_cannot_be_used_is_a_fault_of_the_configuration() {
    let wrong = Server {
        token_url: Some("http://idp.example.com/token".to_owned()),
        ..configured("https://a.example/")
    };
    refused(run(&wrong), Code::ConfigInvalid, "`tokenUrl`");
}

const HERE: &str = "https://idp.example.com/here";

/// Discovery at a server whose metadata names the endpoints of `document`.
fn beside(document: &Value, explicit: Server) -> Outcome<Discovered> {
    let server = world(&[(OAUTH, with(authorization(""), document))]);
    run(&Server { url: server.url("/mcp"), ..explicit })
}

#[test]
fn beside_an_explicit_endpoint_only_its_origin_may_have_others() {
    let token_url = || Server { token_url: Some(HERE.to_owned()), ..configured("") };
    refused(beside(&value!({}), token_url()), Code::ConfigInvalid, "`authorizationUrl`");
    let page = value!({"authorization_endpoint": "https://idp.example.com/authorize"});
    let found = beside(&page, token_url()).unwrap();
    assert_eq!((found.registration_endpoint, found.revocation_endpoint), (None, None));
    let near = value!({
        "authorization_endpoint": "https://IDP.example.com:443/authorize",
        "revocation_endpoint": "https://idp.example.com/revoke",
        "registration_endpoint": "https://idp.example.com.evil.example/register",
        "device_authorization_endpoint": "https://idp.example.com:8443/device",
    });
    let found = beside(&near, token_url()).unwrap();
    assert_eq!(found.revocation_endpoint.as_deref(), Some("https://idp.example.com/revoke"));
    assert_eq!((found.registration_endpoint, found.device_authorization_endpoint), (None, None));
    let page_alone = Server { authorization_url: Some(HERE.to_owned()), ..configured("") };
    refused(beside(&value!({}), page_alone), Code::ConfigInvalid, "`tokenUrl`");
    let device = Server {
        grant: Grant::DeviceCode,
        device_authorization_url: Some(HERE.to_owned()),
        ..configured("")
    };
    refused(beside(&value!({}), device), Code::ConfigInvalid, "`tokenUrl`");
}

#[test]
fn metadata_of_another_server_than_the_explicit_endpoints_is_not_used_at_all() {
    let both = Server {
        token_url: Some(HERE.to_owned()),
        authorization_url: Some("https://login.example.com/".to_owned()),
        ..configured("")
    };
    let found = beside(&value!({}), both.clone()).unwrap();
    assert_eq!((found.issuer, found.iss_parameter_supported), (None, false));
    assert_eq!(found.token_endpoint_auth_methods, None);
    let own = value!({"token_endpoint": "https://login.example.com/token"});
    let found = beside(&own, both).unwrap();
    assert!(found.iss_parameter_supported && found.issuer.is_some());
    assert_eq!(found.token_endpoint, HERE);
}

#[test]
fn metadata_of_a_configured_issuer_names_endpoints_wherever_they_are() {
    let idp = world(&[(OAUTH, authorization(""))]);
    let server = sound();
    let pinned =
        Server { issuer: Some(idp.url("")), token_url: Some(HERE.to_owned()), ..at(&server, "/mcp") };
    let found = run(&pinned).unwrap();
    assert_eq!(found.token_endpoint, HERE);
    assert_eq!(found.revocation_endpoint, Some(idp.url("/revoke")));
}

#[test]
fn a_login_that_begins_elsewhere_needs_no_page() {
    let seeds = crate::config::Seeds {
        refresh_token: Some(crate::secret::Secret::new("seed".to_owned())),
        ..Default::default()
    };
    let token_url = Server { token_url: Some(HERE.to_owned()), seeds, ..configured("") };
    assert_eq!(beside(&value!({}), token_url).unwrap().authorization_endpoint, None);
}

#[test]
fn explicit_endpoints_without_a_person_still_take_the_scope_of_the_challenge() {
    let server = Server {
        grant: Grant::ClientCredentials,
        token_url: Some(HERE.to_owned()),
        ..configured("https://mcp.example.com/mcp")
    };
    let asked = |server: &Server| {
        discover(&testing::http(), server, Some(&challenge(None, Some("a b")))).unwrap().scope
    };
    assert_eq!(asked(&server).as_deref(), Some("a b"));
    let configured = Server { scope: Some("c".to_owned()), ..server };
    assert_eq!(asked(&configured).as_deref(), Some("c"));
}
