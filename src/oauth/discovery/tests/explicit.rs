//! Endpoints of the configuration: they win, and decide which others may stand beside them.

use super::*;

#[test]
fn explicit_endpoints_win_and_a_grant_without_a_person_fetches_nothing() {
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
    let seen = server.seen().len();
    let unattended =
        Server { grant: Grant::ClientCredentials, authorization_url: None, client_id: None, ..explicit };
    run(&unattended).unwrap();
    assert_eq!(server.seen().len(), seen);
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
    let far = value!({
        "token_endpoint": HERE,
        "authorization_endpoint": "https://idp.example.com/authorize",
        "revocation_endpoint": "https://IDP.example.com:443/revoke",
    });
    let refusals = [
        (Server { token_url: Some(HERE.to_owned()), ..configured("") }, "`authorizationUrl`"),
        (Server { authorization_url: Some(HERE.to_owned()), ..configured("") }, "`tokenUrl`"),
        (
            Server {
                grant: Grant::DeviceCode,
                device_authorization_url: Some(HERE.to_owned()),
                ..configured("")
            },
            "`tokenUrl`",
        ),
    ];
    for (explicit, missing) in refusals {
        refused(beside(&value!({}), explicit.clone()), Code::ConfigInvalid, missing);
        // An issuer that is elsewhere says nothing about what is here.
        refused(beside(&far, explicit), Code::ConfigInvalid, missing);
    }
}

#[test]
fn what_a_server_of_the_explicit_origin_names_elsewhere_is_left_out() {
    let strange = value!({
        "registration_endpoint": "https://idp.example.com.evil.example/register",
        "device_authorization_endpoint": "http://127.0.0.1:1/device",
    });
    let server = world(&[(OAUTH, with(authorization(""), &strange))]);
    let found = run(&Server { token_url: Some(server.url("/here")), ..at(&server, "/mcp") }).unwrap();
    assert_eq!(found.token_endpoint, server.url("/here"));
    assert_eq!(found.authorization_endpoint, Some(server.url("/authorize")));
    assert_eq!(found.revocation_endpoint, Some(server.url("/revoke")));
    assert_eq!((found.registration_endpoint, found.device_authorization_endpoint), (None, None));
    assert!(found.iss_parameter_supported && found.issuer.is_some());
}

#[test]
fn metadata_of_another_server_than_the_explicit_endpoints_is_not_used_at_all() {
    let both = Server {
        token_url: Some(HERE.to_owned()),
        authorization_url: Some("https://login.example.com/".to_owned()),
        ..configured("")
    };
    for named in [value!({}), value!({"token_endpoint": "https://login.example.com/token"})] {
        let found = beside(&named, both.clone()).unwrap();
        assert_eq!((found.issuer, found.iss_parameter_supported), (None, false));
        assert_eq!((found.token_endpoint_auth_methods, found.token_endpoint), (None, HERE.to_owned()));
    }
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
        discover(testing::http(), server, Some(&challenge(None, Some("a b")))).unwrap().scope
    };
    assert_eq!(asked(&server).as_deref(), Some("a b"));
    let configured = Server { scope: Some("c".to_owned()), ..server };
    assert_eq!(asked(&configured).as_deref(), Some("c"));
}

/// A login whose endpoints and client are all configured, at the server that `configured` is about.
fn told(server: Server) -> Server {
    Server {
        token_url: Some(HERE.to_owned()),
        authorization_url: Some(HERE.to_owned()),
        client_id: Some("me".to_owned()),
        ..server
    }
}

#[test]
fn a_login_that_is_told_everything_goes_on_where_discovery_fails_and_is_over_soon() {
    let missing = with(resource("/mcp"), &value!({"resource": "https://other.example.com"}));
    let place = "/.well-known/oauth-protected-resource/mcp";
    let strange = with(authorization(""), &value!({"issuer": "https://other.example.com"}));
    let script = with(authorization(""), &value!({"token_endpoint": "javascript:alert(1)"}));
    for documents in [
        vec![(place, missing)],
        vec![(place, resource("/mcp")), (OAUTH, strange)],
        vec![(place, resource("/mcp")), (OAUTH, script)],
    ] {
        let server = world(&documents);
        let found = run(&told(at(&server, "/mcp"))).unwrap();
        assert_eq!((found.token_endpoint.as_str(), found.issuer), (HERE, None), "{documents:?}");
        assert!(run(&Server { client_id: None, ..told(at(&server, "/mcp")) }).is_err(), "{documents:?}");
    }
    let bare = world(&[(place, resource("/mcp"))]);
    assert_eq!(run(&told(at(&bare, "/mcp"))).unwrap().token_endpoint, HERE);
    let faulty = Scripted::start(|_, _| headed(503, "Retry-After", "7"));
    run(&told(at(&faulty, "/mcp"))).unwrap();
    assert_eq!(faulty.seen().len(), 2, "the question, and the first place of the resource metadata");
    let gone = told(configured(&format!("http://127.0.0.1:{}/mcp", closed_port())));
    run(&gone).unwrap();
    let issuer = world(&[(OAUTH, authorization(""))]);
    let found = run(&Server { issuer: Some(issuer.url("")), ..gone }).unwrap();
    assert!(found.iss_parameter_supported, "the configured issuer is asked all the same");
}

#[test]
fn what_the_configuration_has_wrong_or_what_would_be_unprotected_stays_an_error() {
    let server = sound();
    let wrong = Server { metadata_url: Some(server.url("/nothing")), ..told(at(&server, "/mcp")) };
    refused(run(&wrong), Code::ConfigInvalid, "`metadataUrl`");
    let own = |server: &Scripted| Server {
        token_url: Some(server.url("/here")),
        authorization_url: Some(server.url("/page")),
        ..told(at(server, "/mcp"))
    };
    let unprotected = || without(authorization(""), "code_challenge_methods_supported");
    let server = world(&[(OAUTH, unprotected()), (OPENID, authorization(""))]);
    run(&own(&server)).unwrap();
    let server = world(&[(OAUTH, unprotected())]);
    refused(run(&own(&server)), Code::UntrustedServer, "--allow-missing-pkce-metadata");
}
