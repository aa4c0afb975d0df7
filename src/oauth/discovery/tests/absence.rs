//! Whether there is no metadata, or it could only not be had: endpoints are guessed after the first alone.

use super::*;

const BELOW: &str = "/.well-known/oauth-protected-resource/mcp";

/// A server that refuses with a bare challenge, and answers a GET by `answer`, else with 404.
fn asked(answer: impl Fn(&str) -> Option<Script> + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |base, seen| {
        if seen.method == "POST" {
            return headed(401, "WWW-Authenticate", "Bearer");
        }
        match answer(&seen.target) {
            Some(Script::Answer(status, headers, body)) => {
                let body = String::from_utf8(body).unwrap().replace("BASE", base);
                Script::Answer(status, headers, body.into_bytes())
            }
            Some(script) => script,
            None => plain(404, "text/plain", "no"),
        }
    })
}

fn metadata() -> Script {
    json(200, &authorization(""))
}

#[test]
fn endpoints_are_guessed_where_every_place_says_that_nothing_is_there_rule_7() {
    for (status, kind, body) in [
        (404, "application/json", "{\"error\":\"not found\"}"),
        (405, "text/plain", ""),
        (410, "text/html", "<p>gone"),
        (200, "text/html; charset=utf-8", "<!doctype html><p>{"),
        (200, "text/plain", ""),
        (200, "text/plain", "ok"),
    ] {
        let server = asked(move |_| Some(plain(status, kind, body)));
        let found = run(&at(&server, "/mcp")).unwrap();
        assert_eq!(found.token_endpoint, server.url("/token"), "{status} {kind} {body}");
        assert_eq!(server.seen().len(), 5, "every place was looked at");
    }
}

/// Answers that say nothing of what is at a place, and what is told of them.
const DOUBTS: [(u16, &str, &str, &str); 14] = [
    (400, "text/plain", "", "HTTP 400"),
    (401, "text/plain", "", "HTTP 401"),
    (403, "text/html", "<html>blocked", "HTTP 403"),
    (451, "text/plain", "", "HTTP 451"),
    (204, "text/plain", "", "HTTP 204"),
    (302, "text/plain", "", "HTTP 302, a redirect"),
    (307, "text/plain", "", "HTTP 307, a redirect"),
    (200, "application/json", "<html>", "a page that is called JSON"),
    (200, "Application/JSON; charset=utf-8", "", "a page that is called JSON"),
    (200, "application/json", "null", "another JSON document"),
    (200, "text/html", "[]", "another JSON document"),
    (200, "text/plain", "[ not found", "no JSON"),
    (200, "application/json", "{\"status\":\"ok\"}", "no resource metadata"),
    (200, "application/json", "{\"status\":\"ok\"}", "no authorization server metadata"),
];

#[test]
fn what_a_place_does_not_say_is_not_taken_for_absence_rule_7() {
    for (status, kind, body, told) in DOUBTS {
        for place in [BELOW, RESOURCE, OAUTH, OPENID] {
            let is_other = (told.contains("resource") && !place.starts_with(RESOURCE))
                || (told.contains("authorization server") && place.starts_with(RESOURCE));
            if is_other {
                continue;
            }
            let server = asked(move |target| (target == place).then(|| plain(status, kind, body)));
            let outcome = run(&at(&server, "/mcp"));
            let message = outcome.as_ref().unwrap_err().message.clone();
            for words in [&server.url(place), "try again later", "`authorizationUrl` and `tokenUrl`"] {
                assert!(message.contains(words), "{words}: {message}");
            }
            refused(outcome, Code::Unavailable, told);
        }
    }
}

#[test]
fn a_grant_without_a_person_is_told_the_one_setting_that_it_needs() {
    let server = asked(|_| Some(plain(403, "text/plain", "")));
    let unattended = Server { grant: Grant::ClientCredentials, ..at(&server, "/mcp") };
    refused(run(&unattended), Code::Unavailable, "or set `tokenUrl` of demo");
    let told = Server { token_url: Some(server.url("/here")), ..unattended };
    assert_eq!(run(&told).unwrap().token_endpoint, server.url("/here"));
}

#[test]
fn where_the_challenge_names_metadata_nothing_is_guessed_rule_7() {
    let server = world(&[]);
    let named = challenge(Some("/gone"), None);
    let find = |server: &Scripted| discover(testing::http(), &at(server, "/mcp"), Some(&named));
    refused(
        find(&server),
        Code::Unavailable,
        &format!("its challenge names {}: HTTP 404", server.url("/gone")),
    );
    // What is really found counts.
    let server = world(&[(OAUTH, authorization(""))]);
    assert_eq!(find(&server).unwrap().issuer, Some(server.url("")));
}

#[test]
fn a_description_that_names_no_authorization_server_leaves_nothing_to_guess_rule_7() {
    let bare = || value!({"resource": "BASE/mcp"});
    refused(run(&at(&world(&[(BELOW, bare())]), "/mcp")), Code::Unavailable, "names no authorization server");
    let server = world(&[(BELOW, bare()), (OAUTH, authorization(""))]);
    assert_eq!(run(&at(&server, "/mcp")).unwrap().issuer, Some(server.url("")));
}

#[test]
fn metadata_at_the_origin_of_the_server_counts_whatever_else_is_not_known_rule_7() {
    for (status, kind, body, _) in DOUBTS {
        let server =
            asked(move |target| Some(if target == OPENID { metadata() } else { plain(status, kind, body) }));
        let found = run(&at(&server, "/mcp")).unwrap();
        assert_eq!(found.issuer, Some(server.url("")), "{status} {kind} {body}");
    }
}

#[test]
fn broken_json_is_a_fault_of_the_server_and_no_missing_document_case_18() {
    let deep: &'static str = format!("{{\"x\":{}{}}}", "[".repeat(200), "]".repeat(200)).leak();
    for (kind, body) in [
        ("application/json", "{\"resource\":\"BASE/mcp\",\"authoriz"),
        ("text/html", "\u{feff} {\"resource\":"),
        ("Application/JSON; charset=utf-8", "{"),
        ("application/problem+json", "[[["),
        ("application/json", deep),
    ] {
        for place in [BELOW, OAUTH] {
            let server = asked(move |target| (target == place).then(|| plain(200, kind, body)));
            refused(run(&at(&server, "/mcp")), Code::Unavailable, "broken JSON");
            let places = if place == BELOW { 2 } else { 5 };
            assert_eq!(server.seen().len(), places, "{kind} {body}");
        }
    }
}

#[test]
fn a_fault_at_a_place_of_the_resource_metadata_is_not_made_good_by_the_next_place_rule_2() {
    let root = || json(200, &resource(""));
    for status in [429, 500, 503] {
        let server = asked(move |target| match target {
            RESOURCE => Some(root()),
            OAUTH => Some(metadata()),
            BELOW => Some(headed(status, "Retry-After", "7")),
            _ => None,
        });
        let outcome = run(&at(&server, "/mcp"));
        assert_eq!(outcome.as_ref().unwrap_err().retry_after, Some(7));
        assert!(outcome.as_ref().unwrap_err().message.contains(&format!("HTTP {status}")));
        refused(
            outcome,
            Code::Unavailable,
            "try again later, and if that place is always like this, set `metadataUrl` of demo",
        );
        assert_eq!(server.lines(), ["POST /mcp", &format!("GET {BELOW}")]);
        let told = Server { metadata_url: Some(server.url(RESOURCE)), ..at(&server, "/mcp") };
        run(&told).unwrap();
    }
    let server = asked(
        move |target| if target == "/named" { Some(plain(503, "text/plain", "")) } else { Some(root()) },
    );
    let named = challenge(Some("/named"), None);
    refused(discover(testing::http(), &at(&server, "/mcp"), Some(&named)), Code::Unavailable, "/named");
    assert_eq!(server.lines(), ["GET /named"]);
}

#[test]
fn a_gateway_that_has_no_way_to_a_place_which_nobody_named_leaves_the_next_one_rule_2() {
    let answers = |target: &str| match target {
        RESOURCE => Some(json(200, &resource(""))),
        OAUTH => Some(metadata()),
        BELOW | "/named" => Some(plain(502, "text/html", "<html>Bad Gateway</html>")),
        _ => None,
    };
    run(&at(&asked(answers), "/mcp")).unwrap();
    let named = challenge(Some("/named"), None);
    let outcome = discover(testing::http(), &at(&asked(answers), "/mcp"), Some(&named));
    refused(outcome, Code::Unavailable, "HTTP 502");
    let nowhere = asked(|_| Some(plain(502, "text/html", "<html>Bad Gateway</html>")));
    refused(run(&at(&nowhere, "/mcp")), Code::Unavailable, "HTTP 502");
}

#[test]
fn a_configured_place_that_has_a_fault_is_tried_again_and_not_corrected() {
    let server = asked(|_| Some(plain(503, "text/plain", "")));
    let told = Server { metadata_url: Some(server.url("/here")), ..at(&server, "/mcp") };
    let failure = run(&told).unwrap_err();
    assert_eq!(failure.code, Code::Unavailable);
    assert!(failure.message.ends_with("try again later"), "{failure}");
}

#[test]
fn the_other_places_of_one_issuer_make_good_for_a_fault_of_the_first_rule_5() {
    for (status, body) in [(503, ""), (200, "{\"issuer\":")] {
        let server = asked(move |target| match target {
            BELOW => Some(json(200, &resource("/mcp"))),
            OAUTH => Some(plain(status, "application/json", body)),
            OPENID => Some(metadata()),
            _ => None,
        });
        assert_eq!(run(&at(&server, "/mcp")).unwrap().issuer, Some(server.url("")));
    }
}
