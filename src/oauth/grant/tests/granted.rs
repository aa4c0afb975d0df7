//! Answers that grant a token, and those that must not.

use super::*;

#[test]
fn an_answer_without_a_refresh_token_grants_none_case_45() {
    assert_eq!(granted(refreshed(200, token(value!({})))).refresh_token, None);
    assert_eq!(granted(refreshed(200, token(value!({"refresh_token": ""})))).refresh_token, None);
    assert_eq!(granted(refreshed(200, token(value!({"refresh_token": null})))).refresh_token, None);
}

#[test]
fn lifetimes_of_every_spelling_follow_one_rule_case_47() {
    let cases = [
        (value!(3600), Some(3600)),
        (value!("3600"), Some(3600)),
        (value!(" 60 "), Some(60)),
        (value!(59.9), Some(59)),
        (value!(0), None),
        (value!("0"), None),
        (value!(-5), None),
        (value!(0.5), None),
        (value!(null), None),
        (value!(true), None),
        (value!("soon"), None),
        (value!([3600]), None),
    ];
    for (written, read) in cases {
        let answer = granted(refreshed(200, token(value!({"expires_in": written}))));
        assert_eq!(answer.expires_in, read, "{written}");
    }
    for huge in [value!(9_223_372_036_854_775_808_u64), value!(u64::MAX), value!(1e300), value!("1e300")] {
        let answer = granted(refreshed(200, token(value!({"expires_in": huge}))));
        let end = answer.expires_in.unwrap() + answer.sent_at;
        assert_eq!(end, crate::clock::LAST_SECOND, "{huge}");
    }
}

fn jwt(claims: &str) -> String {
    let part = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(claims))
}

#[test]
fn a_jwt_tells_its_lifetime_where_the_answer_does_not_case_47() {
    let later = clock::now() + 500;
    let told = |claims: &str, more: Value| {
        let mut body = token(more);
        body["access_token"] = value!(jwt(claims));
        granted(refreshed(200, body)).expires_in
    };
    let about_500 = |lifetime: Option<u64>| lifetime.is_some_and(|seconds| (1..=500).contains(&seconds));
    assert!(about_500(told(&format!(r#"{{"exp":{later}}}"#), value!({}))));
    assert!(about_500(told(&format!(r#"{{"exp":{later}.5}}"#), value!({"expires_in": 0}))));
    assert_eq!(told(&format!(r#"{{"exp":{later}}}"#), value!({"expires_in": 60})), Some(60));
    assert_eq!(told(r#"{"exp":1}"#, value!({})), None, "expired before it was asked for");
    assert_eq!(told(r#"{"exp":99999999999999}"#, value!({})), None, "not plausible");
    assert_eq!(told(r#"{"exp":"x"}"#, value!({})), None);
    assert_eq!(told("not json", value!({})), None);
}

#[test]
fn bearer_is_accepted_in_any_case_and_nothing_else_is_case_48() {
    for spelling in ["Bearer", "bearer", "BEARER"] {
        let answer = granted(refreshed(200, token(value!({"token_type": spelling}))));
        assert_eq!(answer.token_type, "Bearer");
    }
    for other in [value!("mac"), value!("DPoP"), value!("Bearer "), value!(""), value!(null), value!(7)] {
        let failure = refused(refreshed(200, token(value!({"token_type": other}))));
        assert_eq!(failure.code, Code::UntrustedServer, "{other}");
    }
}

#[test]
fn an_access_token_that_no_header_may_carry_is_refused_and_not_shown_case_49() {
    let long = "a".repeat(32 * 1024 + 1);
    let huge = "a".repeat(1024 * 1024);
    for bad in ["", "a\r\nX: y", "a\0", "a b", "tök", "=", "a=b", "a\"", &long, &huge] {
        let failure = refused(refreshed(200, token(value!({"access_token": bad}))));
        assert_eq!(failure.code, Code::UntrustedServer);
        assert!(failure.message.len() < 500 && !failure.message.contains("X: y"), "{failure}");
    }
    let longest = "a".repeat(32 * 1024);
    for good in ["a", "A-z._~+/0==", &longest] {
        granted(refreshed(200, token(value!({"access_token": good}))));
    }
}

#[test]
fn a_refresh_token_that_cannot_be_printed_is_refused() {
    for bad in ["a\nb", "a\u{1b}[31m", "tök"] {
        let failure = refused(refreshed(200, token(value!({"refresh_token": bad}))));
        assert_eq!(failure.code, Code::UntrustedServer);
    }
}

#[test]
fn client_credentials_ignore_a_refresh_token_case_52() {
    let body = token(value!({"refresh_token": "rt-2"}));
    let answer = answer_to(GrantRequest::ClientCredentials, move |_, _| json(200, &body));
    assert_eq!(granted(answer).refresh_token, None);
}

#[test]
fn the_granted_scope_is_reported_as_it_was_said_case_50() {
    assert_eq!(granted(refreshed(200, token(value!({"scope": "a b"})))).scope.as_deref(), Some("a b"));
    assert_eq!(granted(refreshed(200, token(value!({"scope": ["a", "b"]})))).scope.as_deref(), Some("a b"));
    for none in [value!(""), value!(null), value!("a\u{1b}[0m"), value!(5)] {
        assert_eq!(granted(refreshed(200, token(value!({"scope": none})))).scope, None);
    }
}

#[test]
fn of_scopes_beyond_measure_the_first_whole_names_are_kept_and_the_token_with_them() {
    let kept = |scope: &str| granted(refreshed(200, token(value!({"scope": scope})))).scope;
    let names: Vec<String> = (0..6_000).map(|number| format!("a{number}")).collect();
    let scope = kept(&names.join(" ")).unwrap();
    let found: Vec<&str> = scope.split(' ').collect();
    assert!(
        (8_000..=8 * 1024).contains(&scope.len()) && found[..] == names[..found.len()],
        "{}",
        scope.len()
    );
    let exact = format!("{} {}", "a".repeat(8 * 1024), "b");
    assert_eq!(kept(&exact), Some("a".repeat(8 * 1024)));
    assert_eq!(kept(&"a".repeat(8 * 1024 + 1)), None, "no whole name");
}

#[test]
fn form_encoded_answers_byte_order_marks_and_repeated_members_are_read() {
    let bodies = [
        ("application/x-www-form-urlencoded", "access_token=at-1&token_type=bearer&expires_in=60&scope=a+b"),
        ("text/plain", "access_token=at-1&token_type=bearer&expires_in=60"),
        ("text/html", "\u{feff}{\"access_token\":\"at-1\",\"token_type\":\"bearer\",\"expires_in\":\"60\"}"),
        (
            "application/json",
            r#"{"access_token":"at-0","access_token":"at-1","token_type":"bearer","expires_in":60,"z":{}}"#,
        ),
    ];
    for (kind, body) in bodies {
        let answer = granted(answer_to(refresh(), move |_, _| plain(200, kind, body)));
        assert_eq!((answer.access_token.expose(), answer.expires_in), ("at-1", Some(60)), "{body}");
    }
}
