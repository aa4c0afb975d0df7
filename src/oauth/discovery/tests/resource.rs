//! Protected resource metadata: the places, and the resource that it must speak of.

use super::*;
use crate::oauth::discovery::resource::covers;

#[test]
fn the_place_that_the_challenge_names_comes_first_rule_2() {
    let server = world(&[("/custom/place.json", resource("/mcp")), (OAUTH, authorization(""))]);
    let named = challenge(Some(&server.url("/custom/place.json")), None);
    discover(testing::http(), &at(&server, "/mcp"), Some(&named)).unwrap();
    assert_eq!(server.lines()[0], "GET /custom/place.json");
    let relative = challenge(Some("/custom/place.json"), None);
    discover(testing::http(), &at(&server, "/mcp"), Some(&relative)).unwrap();
}

#[test]
fn a_named_place_without_a_document_leads_to_the_well_known_ones_case_18() {
    let server = sound();
    let named = challenge(Some(&server.url("/gone")), None);
    discover(testing::http(), &at(&server, "/mcp"), Some(&named)).unwrap();
    assert_eq!(server.lines()[..2], ["GET /gone".to_owned(), format!("GET {RESOURCE}/mcp")]);
}

#[test]
fn the_challenge_is_read_from_the_answer_of_the_server() {
    let server = Scripted::start(|base, seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("POST", _) => {
            let challenge = format!("Basic realm=x, Bearer scope=\"a b\", resource_metadata=\"{base}/here\"");
            headed(401, "WWW-Authenticate", &challenge)
        }
        (_, "/here") => json(200, &resource("/mcp").to_string().replace("BASE", base)),
        (_, OAUTH) => json(200, &authorization("").to_string().replace("BASE", base)),
        _ => plain(404, "text/plain", ""),
    });
    assert_eq!(run(&at(&server, "/mcp")).unwrap().scope.as_deref(), Some("a b"));
}

#[test]
fn only_a_401_brings_a_challenge() {
    for status in [200, 400, 403] {
        let server = Scripted::start(move |base, seen| match (seen.method.as_str(), seen.target.as_str()) {
            ("POST", _) => {
                headed(status, "WWW-Authenticate", "Bearer scope=\"a b\", resource_metadata=\"/here\"")
            }
            (_, OAUTH) => json(200, &authorization("").to_string().replace("BASE", base)),
            _ => plain(404, "text/plain", ""),
        });
        assert_eq!(run(&at(&server, "/mcp")).unwrap().scope, None, "{status}");
        assert!(!server.lines().contains(&"GET /here".to_owned()));
    }
}

#[test]
fn a_place_on_another_origin_is_refused_and_not_fetched_case_9() {
    let (server, other) = (sound(), sound());
    let place = other.url("/.well-known/oauth-protected-resource/mcp");
    let ask = "ask whoever runs the server";
    for (bad, advice) in [
        (place.as_str(), "--metadata-url "),
        ("javascript:alert(1)", ask),
        ("http://example.com/x", ask),
        ("//example.com/x", ask),
        ("https://", ask),
    ] {
        let outcome = discover(testing::http(), &at(&server, "/mcp"), Some(&challenge(Some(bad), None)));
        refused(outcome, Code::UntrustedServer, advice);
    }
    assert!(server.seen().is_empty() && other.seen().is_empty());
}

#[test]
fn the_place_of_the_configuration_may_be_anywhere_case_9() {
    let server = world(&[(OAUTH, authorization(""))]);
    let document = value!({"resource": server.url("/mcp"), "authorization_servers": [server.url("")]});
    let other = world(&[("/elsewhere", document)]);
    let place = other.url("/elsewhere");
    let trusting = Server { metadata_url: Some(place.clone()), ..at(&server, "/mcp") };
    discover(testing::http(), &trusting, Some(&challenge(Some(&place), None))).unwrap();
    assert_eq!(other.lines(), ["GET /elsewhere"]);
    assert_eq!(server.lines(), [format!("GET {OAUTH}")]);
}

#[test]
fn a_configured_place_without_a_document_is_a_fault_of_the_configuration() {
    let server = sound();
    let wrong = Server { metadata_url: Some(server.url("/gone")), ..at(&server, "/mcp") };
    refused(run(&wrong), Code::ConfigInvalid, "`metadataUrl`");
    let wrong = Server { metadata_url: Some("ftp://x".to_owned()), ..at(&server, "/mcp") };
    refused(run(&wrong), Code::ConfigInvalid, "`metadataUrl`");
}

#[test]
fn path_and_query_come_before_the_root_rule_2() {
    let server = world(&[]);
    let _ = run(&at(&server, "/a/mcp?tenant=1"));
    let expected =
        ["POST /a/mcp?tenant=1", &format!("GET {RESOURCE}/a/mcp?tenant=1"), &format!("GET {RESOURCE}")];
    assert_eq!(server.lines()[..3], expected);
    let server = world(&[]);
    let _ = run(&at(&server, "/mcp/"));
    let expected =
        [&format!("GET {RESOURCE}/mcp/"), &format!("GET {RESOURCE}/mcp"), &format!("GET {RESOURCE}")];
    assert_eq!(server.lines()[1..4].iter().collect::<Vec<_>>(), expected);
    let server = world(&[]);
    let _ = run(&at(&server, ""));
    assert_eq!(server.lines()[1..3], [format!("GET {RESOURCE}"), format!("GET {OAUTH}")]);
}

#[test]
fn a_document_of_the_root_serves_every_path_and_its_resource_is_sent_as_written_rule_16() {
    let server = world(&[(RESOURCE, resource("")), (OAUTH, authorization(""))]);
    assert_eq!(run(&at(&server, "/mcp")).unwrap().resource, Some(server.url("")), "no slash is added");
    let server = world(&[(RESOURCE, resource("/")), (OAUTH, authorization(""))]);
    assert_eq!(run(&at(&server, "/mcp")).unwrap().resource, Some(server.url("/")), "and none is taken away");
}

#[test]
fn a_document_of_another_resource_is_refused_and_no_other_place_is_tried_case_10() {
    let documents = [
        value!({"resource": "https://evil.example.com/mcp", "authorization_servers": ["BASE"]}),
        value!({"resource": "BASE/other", "authorization_servers": ["BASE"]}),
        value!({"resource": "BASE/mc", "authorization_servers": ["BASE"]}),
        value!({"resource": "BASE/mcp#x", "authorization_servers": ["BASE"]}),
        value!({"resource": 7, "authorization_servers": ["BASE"]}),
        value!({"authorization_servers": ["BASE"]}),
    ];
    for document in documents {
        let place = "/.well-known/oauth-protected-resource/mcp";
        let server = world(&[(place, document), (RESOURCE, resource("")), (OAUTH, authorization(""))]);
        refused(run(&at(&server, "/mcp")), Code::UntrustedServer, "resource metadata");
        assert_eq!(server.seen().len(), 2);
    }
}

#[test]
fn a_resource_covers_by_origin_and_whole_segments_rule_3() {
    let covers = |resource: &str, server: &str| covers(resource, &Url::parse(server).unwrap());
    for (resource, server) in [
        ("https://a.example", "https://a.example/mcp"),
        ("https://A.example:443/", "https://a.example"),
        ("https://a.example/mcp", "https://a.example/mcp/"),
        ("https://a.example/mcp/", "https://a.example/mcp"),
        ("https://a.example/mcp", "https://a.example/mcp/v1?x=1"),
        ("https://a.example/mcp?x=1", "https://a.example/mcp?x=1"),
    ] {
        assert!(covers(resource, server), "{resource} {server}");
    }
    for (resource, server) in [
        ("https://a.example/mcp", "https://a.example/mcpx"),
        ("https://a.example/mcp/v1", "https://a.example/mcp"),
        ("https://a.example/mcp", "https://b.example/mcp"),
        ("https://a.example", "https://a.example.evil/"),
        ("http://a.example", "https://a.example/"),
        ("https://a.example:8443", "https://a.example/"),
        ("https://a.example/mcp?x=1", "https://a.example/mcp?x=2"),
        ("https://a.example/mcp/../other", "https://a.example/mcp"),
        ("https://u@a.example", "https://a.example/"),
        ("a.example", "https://a.example/"),
        ("", "https://a.example/"),
    ] {
        assert!(!covers(resource, server), "{resource} {server}");
    }
}

#[test]
fn a_resource_that_others_would_read_in_another_way_is_refused_case_10() {
    // Whoever knows no backslash in a URL takes what is before the `@` for a name, and what follows for the host.
    let honest = "https://evil.example\\@honest.example/mcp";
    assert!(!covers(honest, &Url::parse(honest).unwrap()));
    for stranger in ["\\", " ", "\t", "\u{7f}", "ü", "<", ">", "\"", "{", "}", "|", "^", "`"] {
        let document = value!({"resource": format!("BASE/{stranger}"), "authorization_servers": ["BASE"]});
        let server = world(&[(RESOURCE, document), (OAUTH, authorization(""))]);
        refused(run(&at(&server, "/")), Code::UntrustedServer, "which no URI may hold");
    }
}

#[test]
fn a_resource_that_is_too_long_to_be_stored_is_refused() {
    for (dots, is_refused) in [(2_000, false), (400_000, true)] {
        let document =
            value!({"resource": format!("BASE/{}mcp", "./".repeat(dots)), "authorization_servers": ["BASE"]});
        let server = world(&[(RESOURCE, document), (OAUTH, authorization(""))]);
        let found = run(&at(&server, "/mcp"));
        if is_refused {
            refused(found, Code::UntrustedServer, "longer than any name");
        } else {
            assert!(found.unwrap().resource.is_some_and(|resource| resource.len() > 4_000));
        }
    }
}

/// What discovery says of bound tokens, for a server with these additions to its two documents.
fn bound(resource_more: &Value, server_more: &Value) -> (bool, bool) {
    let server = world(&[
        ("/.well-known/oauth-protected-resource/mcp", with(resource("/mcp"), resource_more)),
        (OAUTH, with(authorization(""), server_more)),
    ]);
    let found = run(&at(&server, "/mcp")).unwrap();
    (found.dpop.required, found.dpop.without_es256)
}

#[test]
fn bound_tokens_are_demanded_by_the_metadata_of_the_resource_and_no_other() {
    let none = value!({});
    let listed = value!({"dpop_signing_alg_values_supported": ["ES256", "EdDSA"]});
    assert_eq!(bound(&none, &none), (false, false));
    assert_eq!(bound(&none, &listed), (false, false), "an authorization server that could is no demand");
    assert_eq!(bound(&value!({"dpop_bound_access_tokens_required": true}), &listed), (true, false));
    for value in [value!("true"), value!(1), value!(false)] {
        assert!(!bound(&value!({"dpop_bound_access_tokens_required": value}), &none).0);
    }
}

#[test]
fn a_list_of_algorithms_without_ours_is_noticed_wherever_it_stands() {
    let (none, other) = (value!({}), value!({"dpop_signing_alg_values_supported": ["EdDSA"]}));
    assert!(bound(&none, &other).1 && bound(&other, &none).1);
}

#[test]
fn a_challenge_of_the_scheme_dpop_is_a_demand_also_where_nothing_is_fetched() {
    let server = sound();
    let demand = Challenge { scheme: Scheme::Dpop, ..challenge(None, None) };
    assert!(discover(testing::http(), &at(&server, "/mcp"), Some(&demand)).unwrap().dpop.required);
    let explicit = Server {
        token_url: Some("https://idp.example.com/token".to_owned()),
        authorization_url: Some("https://idp.example.com/authorize".to_owned()),
        client_id: Some("c".to_owned()),
        ..configured("https://mcp.example.com/mcp")
    };
    assert!(discover(testing::http(), &explicit, Some(&demand)).unwrap().dpop.required);
    assert!(!discover(testing::http(), &explicit, None).unwrap().dpop.required);
}
