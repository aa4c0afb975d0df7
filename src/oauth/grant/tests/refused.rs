//! What kills a token and what does not; what was lost and what never left.

use super::*;

#[test]
fn invalid_grant_kills_with_400_and_401_and_with_a_200_of_githubs_kind_case_43() {
    for status in [400, 401, 200] {
        let failure = dead(refreshed(status, value!({"error": "invalid_grant"})));
        assert_eq!(failure.code, Code::InteractionRequired);
        assert!(failure.message.contains("mcp-credential login demo"), "{failure}");
        assert_eq!(failure.server.as_deref(), Some("demo"));
    }
    for status in [403, 404, 422, 429, 500, 503] {
        transient(refreshed(status, value!({"error": "invalid_grant"})));
    }
    let body = "error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect+or+expired.";
    dead(answer_to(refresh(), move |_, _| plain(200, "application/x-www-form-urlencoded", body)));
}

#[test]
fn each_known_alias_kills_and_its_neighbours_do_not_case_44() {
    let rows = [
        (403, "invalid_grant", "Unknown or invalid refresh token."),
        (403, "unauthorized_client", "refresh_token is invalid"),
        (401, "unauthorized_client", "refresh_token is invalid"),
        (401, "invalid_request", "The refresh token is invalid."),
        (400, "invalid_request", "refresh_token is invalid"),
        (400, "invalid_request", "Invalid \"refresh_token\" in request."),
        (200, "bad_refresh_token", "The refresh token passed is incorrect or expired."),
        (200, "invalid_refresh_token", ""),
    ];
    for (status, error, description) in rows {
        dead(refreshed(status, value!({"error": error, "error_description": description})));
    }
    let neighbours = [
        (400, "unauthorized_client", "The client may not use this grant"),
        (400, "unauthorized_client", ""),
        (400, "invalid_request", "Missing parameter: refresh_token"),
        (400, "invalid_request", ""),
        (400, "invalid_scope", "refresh token is invalid"),
        (400, "invalid_client", "refresh token is invalid"),
        (200, "bad_verification_code", "it is a refresh, not a code"),
    ];
    for (status, error, description) in neighbours {
        let answer = refreshed(status, value!({"error": error, "error_description": description}));
        assert!(
            matches!(answer, Answer::Refused(_) | Answer::Transient(_)),
            "{error} {description}: {answer:?}"
        );
    }
}

#[test]
fn a_refused_code_is_dead_too_and_a_refused_client_credential_is_not() {
    let failure = dead(answer_to(code(), |_, _| json(400, &value!({"error": "invalid_grant"}))));
    assert!(failure.message.contains("authorization code"), "{failure}");
    dead(answer_to(code(), |_, _| json(200, &value!({"error": "bad_verification_code"}))));
    let answer =
        answer_to(GrantRequest::ClientCredentials, |_, _| json(400, &value!({"error": "invalid_grant"})));
    assert_eq!(refused(answer).code, Code::Denied);
}

#[test]
fn pages_empty_and_broken_refusals_and_server_faults_never_kill_a_token_case_44() {
    let bodies = [
        "",
        "   ",
        "<html>invalid_grant</html>",
        "{\"error\":\"invalid_grant\"",
        "{\"error\":{\"code\":\"invalid_grant\"}}",
        "[\"invalid_grant\"]",
        "\"invalid_grant\"",
        "invalid_grant",
        "{\"error\":null}",
        "{\"error\":\"temporarily_unavailable\"}",
        "{\"error\":\"server_error\"}",
        "{\"error\":\"never_heard_of_it\"}",
        "{\"message\":\"invalid refresh token\"}",
    ];
    for status in [400, 401, 403, 404, 408, 422, 500, 502, 503, 504] {
        for body in bodies {
            let failure = transient(answer_to(refresh(), move |_, _| plain(status, "text/html", body)));
            assert_eq!(failure.code, Code::Unavailable, "{status} {body}");
            assert!(failure.message.contains(&format!("HTTP {status}")), "{failure}");
        }
    }
}

#[test]
fn five_hundreds_and_429_do_not_kill_whatever_they_say_case_44() {
    for status in [429, 500, 503] {
        for error in ["invalid_grant", "invalid_client", "invalid_scope", "access_denied"] {
            transient(refreshed(status, value!({"error": error, "error_description": "revoked"})));
        }
    }
}

#[test]
fn a_server_that_fails_and_a_gateway_that_answers_for_it_leave_open_what_was_done_case_44() {
    for (status, is_unclear) in
        [(500, true), (501, false), (502, true), (503, false), (504, true), (520, true), (524, true)]
    {
        let answer = refreshed(status, value!({"error": "invalid_grant"}));
        assert_eq!(matches!(answer, Answer::Unclear(_)), is_unclear, "{answer:?}");
        let says_so = transient(answer).message.contains("nothing is lost");
        assert_eq!(says_so, !is_unclear, "{status}");
    }
}

#[test]
fn an_answer_of_a_place_that_is_no_token_endpoint_names_the_key_that_may_be_wrong() {
    for (status, suspicious) in
        [(404, true), (405, true), (410, true), (501, true), (403, false), (500, false)]
    {
        let failure = transient(answer_to(refresh(), move |_, _| plain(status, "text/html", "<html>")));
        assert_eq!(failure.message.contains("if `tokenUrl` of demo is configured"), suspicious, "{failure}");
    }
}

#[test]
fn a_429_is_rate_limited_and_its_wait_is_told_in_seconds_or_as_a_date() {
    let failure = transient(answer_to(refresh(), |_, _| headed(429, "Retry-After", "17")));
    assert_eq!((failure.code, failure.retry_after), (Code::RateLimited, Some(17)));
    let failure =
        transient(answer_to(refresh(), |_, _| headed(429, "Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")));
    assert_eq!(failure.retry_after, Some(86_400));
    let failure = transient(answer_to(refresh(), |_, _| headed(503, "Retry-After", "5")));
    assert_eq!((failure.code, failure.retry_after), (Code::Unavailable, Some(5)));
    assert_eq!(transient(answer_to(refresh(), |_, _| headed(429, "X", "y"))).retry_after, None);
}

#[test]
fn a_web_page_with_200_is_transient_and_a_success_cut_off_is_ambiguous() {
    transient(answer_to(refresh(), |_, _| {
        plain(200, "text/html", "<html>Log in to the hotel network</html>")
    }));
    for body in ["", "{\"access_token\":\"at-1\",\"refr"] {
        let answer = answer_to(refresh(), move |_, _| plain(200, "application/json", body));
        assert!(matches!(answer, Answer::Ambiguous(_)), "{answer:?}");
    }
}

#[test]
fn a_success_that_cannot_be_read_may_have_spent_what_was_sent_and_a_page_has_not() {
    let headed = |name: &'static str, value: &'static str, body: &'static [u8]| {
        answer_to(refresh(), move |_, _| {
            Script::Answer(200, vec![(name.to_owned(), value.to_owned())], body.to_vec())
        })
    };
    let packed = b"\x1f\x8b\x08\0\0\0\0\0";
    for (name, value, body, why) in [
        ("Content-Encoding", "gzip", packed.as_slice(), "compressed (gzip), although nobody asked"),
        ("Content-Encoding", " BR ", b"\x8b\x02\x80{\"a\":1}\x03", "compressed (BR)"),
        ("Content-Type", "text/plain", packed, "no text"),
        (
            "Content-Type",
            "application/json",
            b"[{\"access_token\":\"at-1\"}]",
            "neither a JSON object nor a form",
        ),
        ("Content-Type", "application/x-www-form-urlencoded", b"access_token=at-1&scope=a b", "neither"),
        ("Content-Type", "text/plain", b")]}',\n{\"access_token\":\"at-1\"}", "neither"),
        ("Content-Type", "application/xml", b"<OAuth><access_token>at-1</access_token></OAuth>", "neither"),
    ] {
        let answer = headed(name, value, body);
        let Answer::Unreadable(failure) = answer else { panic!("{value}: {answer:?}") };
        assert!(failure.message.contains(why) && failure.message.contains("may be spent"), "{failure}");
        assert!(failure.code == Code::Unavailable && !failure.message.contains("at-1"), "{failure}");
    }
    for (name, value, body) in [
        ("Content-Encoding", "utf-8", b"<html>Log in to the hotel network</html>".as_slice()),
        ("Content-Encoding", "identity", b"Service is being restarted"),
        ("Content-Type", "application/json", b"<html>access_token</html>"),
        ("Content-Type", "text/html", b"caf\xe9"),
    ] {
        assert!(transient(headed(name, value, body)).message.contains("nothing is lost"), "{value}");
    }
    // Whoever names a coding that is none, and sends plain JSON, is understood.
    let plain = b"{\"access_token\":\"at-1\",\"token_type\":\"Bearer\"}";
    assert_eq!(granted(headed("Content-Encoding", "UTF-8", plain)).access_token.expose(), "at-1");
    for status in [400, 503] {
        let answer = answer_to(refresh(), move |_, _| {
            Script::Answer(status, vec![("Content-Encoding".into(), "gzip".into())], packed.to_vec())
        });
        assert!(transient(answer).message.contains("nothing is lost"));
    }
}

#[test]
fn a_success_of_the_wrong_shape_is_refused() {
    for body in ["{}", "{\"access_token\":7,\"token_type\":\"Bearer\"}", "{\"ok\":true}"] {
        refused(answer_to(refresh(), move |_, _| plain(200, "application/json", body)));
    }
}

#[test]
fn json_of_any_depth_is_survived_case_17() {
    let deep = "{\"a\":".repeat(10_000);
    let answer = answer_to(refresh(), move |_, _| plain(200, "application/json", &deep));
    assert!(matches!(answer, Answer::Ambiguous(_)));
}

#[test]
fn a_body_without_end_is_cut_off_case_17() {
    assert_eq!(refused(answer_to(refresh(), |_, _| Script::Flood)).code, Code::UntrustedServer);
    let page = "x".repeat(TOKEN_LIMIT + 1);
    let failure = transient(answer_to(refresh(), move |_, _| plain(502, "text/html", &page)));
    assert!(failure.message.contains("502"), "{failure}");
}

#[test]
fn redirects_are_never_followed_case_19() {
    for status in [301, 302, 303, 307, 308] {
        let other = Scripted::always(200, "application/json", "{}");
        let location = other.url("/token");
        let failure = transient(answer_to(refresh(), move |_, _| headed(status, "Location", &location)));
        assert_eq!(failure.code, Code::Unavailable);
        assert!(failure.message.contains("redirect"), "{failure}");
        assert!(other.seen().is_empty());
    }
}

#[test]
fn a_request_that_never_left_is_transient() {
    let endpoint = format!("http://127.0.0.1:{}/token", closed_port());
    let failure = transient(request(testing::http(), &asked(&endpoint, refresh())));
    assert_eq!(failure.code, Code::Unavailable);
    assert!(failure.message.contains("refused the connection"), "{failure}");
}

#[test]
fn a_connection_lost_after_sending_is_ambiguous_case_51() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"at-1\"";
    for raw in ["", "HTTP/1.1 200", cut] {
        let answer = answer_to(refresh(), move |_, _| Script::Raw(raw.as_bytes().to_vec()));
        let Answer::Ambiguous(failure) = answer else { panic!("{answer:?}") };
        assert_eq!(failure.code, Code::Unavailable);
    }
}

#[test]
fn a_server_that_stays_silent_or_drips_ends_as_ambiguous_case_21() {
    let endpoint = |script: fn(&str, &Seen) -> Script| Scripted::start(script);
    for server in [endpoint(|_, _| Script::Silence), endpoint(|_, _| Script::Drip)] {
        let http = testing::hasty();
        let answer = request(&http, &asked(&server.url("/token"), refresh()));
        assert!(matches!(answer, Answer::Ambiguous(_)), "{answer:?}");
        assert_eq!(server.seen().len(), 1, "sent once");
    }
}
