//! Objects as callers write them, well and badly.

use super::*;
use crate::failure::Code;
use crate::oauth::challenge::Scheme;

fn read(text: &str) -> Request {
    parse(text.as_bytes()).unwrap()
}

#[track_caller]
fn refused(text: &[u8], why: &str) -> String {
    let failure = parse(text).unwrap_err();
    assert_eq!(failure.code, Code::Usage);
    assert!(failure.message.contains(why), "{} does not say: {why}", failure.message);
    failure.message
}

#[test]
fn every_field_is_read() {
    let request = read(
        r#"{"version":1,"server":"demo","url":"https://mcp.example.com/mcp","min_ttl":60,
            "rejected":{"generation":"gen"},
            "response":{"status":401,"www_authenticate":["Basic realm=x","Bearer scope=\"a b\""]},
            "http":{"method":"POST","url":"https://mcp.example.com/mcp","dpop_nonce":"n-1"}}"#,
    );
    assert_eq!(request.server.as_deref(), Some("demo"));
    assert_eq!(request.url.as_deref(), Some("https://mcp.example.com/mcp"));
    assert_eq!(request.min_ttl, Some(60));
    assert_eq!(request.rejected, Some(Rejected::Generation("gen".to_owned())));
    let challenge = request.challenge().unwrap();
    assert_eq!((challenge.scheme, challenge.scope.as_deref()), (Scheme::Bearer, Some("a b")));
    let http = request.http.unwrap();
    assert_eq!((http.method.as_str(), http.dpop_nonce.as_deref()), ("POST", Some("n-1")));
}

#[test]
fn every_field_may_be_absent_and_an_unknown_one_is_passed_over() {
    assert_eq!(read("{}"), Request::default());
    assert_eq!(read(r#" {"later":{"x":[1,null]},"rejected":{"token":"t","later":1}} "#).server, None);
    let http = read(r#"{"http":{"method":"GET","url":"https://a.example/","later":true}}"#).http.unwrap();
    assert_eq!(http.dpop_nonce, None);
}

#[test]
fn a_nonce_is_as_long_as_one_of_an_answer_may_be_and_no_longer() {
    let with = |nonce: &str| {
        format!(r#"{{"http":{{"method":"GET","url":"https://a.example/","dpop_nonce":"{nonce}"}}}}"#)
    };
    let longest = "n".repeat(1024);
    assert_eq!(read(&with(&longest)).http.unwrap().dpop_nonce, Some(longest.clone()));
    let message = refused(with(&format!("{longest}n")).as_bytes(), "`http.dpop_nonce` is no nonce");
    assert!(!message.contains("nnn"), "{message}");
}

#[test]
fn one_text_stands_for_a_list_of_one() {
    let one = read(r#"{"response":{"www_authenticate":"Bearer scope=a"}}"#);
    assert_eq!(one, read(r#"{"response":{"www_authenticate":["Bearer scope=a"]}}"#));
}

#[test]
fn a_status_that_refuses_nothing_brings_no_challenge() {
    let with = |status: &str| {
        let challenge = r#""www_authenticate":"Bearer error=insufficient_scope, scope=a""#;
        read(&format!(r#"{{"response":{{{status}{challenge}}}}}"#))
    };
    for status in ["", r#""status":401,"#, r#""status":403,"#] {
        assert_eq!(with(status).step_up(), Some(vec!["a".to_owned()]), "{status}");
    }
    for status in [r#""status":200,"#, r#""status":500,"#] {
        assert_eq!((with(status).challenge(), with(status).step_up()), (None, None), "{status}");
    }
}

#[test]
fn only_insufficient_scope_is_a_step_up_and_it_may_not_say_what_it_wants() {
    let of = |field: &str| read(&format!(r#"{{"response":{{"status":403,"www_authenticate":"{field}"}}}}"#));
    assert_eq!(of("Bearer scope=a").step_up(), None);
    assert_eq!(of("Bearer error=invalid_token, scope=a").step_up(), None);
    assert_eq!(of("Bearer error=insufficient_scope").step_up(), Some(Vec::new()));
}

#[test]
fn an_object_of_64_kib_is_read_and_one_byte_more_is_refused() {
    let mut text = br#"{"server":"demo"}"#.to_vec();
    text.resize(SIZE_LIMIT, b' ');
    assert_eq!(parse(&text).unwrap().server.as_deref(), Some("demo"));
    text.push(b' ');
    refused(&text, "larger than 64 KiB");
}

#[test]
fn what_is_no_object_is_refused() {
    for text in ["null", "1", "\"demo\"", "[]", "[{}]"] {
        refused(text.as_bytes(), "must be an object");
    }
    for text in ["{", "{}{}", "{'server':1}", "{\"server\":\"de\u{0}mo\"}", "\u{feff}{}", "demo"] {
        refused(text.as_bytes(), "it is not JSON");
    }
    refused(b"{\"server\":\"\xff\"}", "it is not JSON");
    refused(b" \n", "empty");
    let deep = format!("{{\"later\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    refused(deep.as_bytes(), "it is not JSON");
}

#[test]
fn a_key_that_stands_twice_is_refused_however_deep() {
    refused(br#"{"server":"a","server":"a"}"#, "`server` is there twice");
    refused(br#"{"rejected":{"token":"a","token":"b"}}"#, "`token` is there twice");
    refused(br#"{"later":[{"canary":1,"canary":2}]}"#, "a member is there twice");
}

#[test]
fn a_wrong_type_or_value_is_refused_and_named() {
    for (text, why) in [
        (r#"{"version":2}"#, "`version` is not 1"),
        (r#"{"version":"1"}"#, "`version` must be a whole number"),
        (r#"{"server":null}"#, "`server` must be a text, and is null"),
        (r#"{"server":""}"#, "`server` is empty"),
        (r#"{"url":7}"#, "`url` must be a text"),
        (r#"{"url":"ftp://a.example/"}"#, "`url` cannot be used"),
        (r#"{"url":"https://a.example/\u0000"}"#, "`url` cannot be used"),
        (r#"{"min_ttl":-1}"#, "`min_ttl` must be a whole number"),
        (r#"{"min_ttl":1.5}"#, "`min_ttl` must be a whole number"),
        (r#"{"min_ttl":99999999999999999999}"#, "`min_ttl` must be a whole number"),
        (r#"{"rejected":"gen"}"#, "`rejected` must be an object"),
        (r#"{"rejected":{}}"#, "neither `generation` nor `token`"),
        (r#"{"rejected":{"generation":null}}"#, "`rejected.generation` must be a text"),
        (r#"{"rejected":{"generation":"a","token":"b"}}"#, "both `generation` and `token`"),
        (r#"{"response":[]}"#, "`response` must be an object"),
        (r#"{"response":{"status":"401"}}"#, "`response.status` must be a whole number from 100 to 599"),
        (r#"{"response":{"status":99}}"#, "`response.status`"),
        (r#"{"response":{"www_authenticate":[1]}}"#, "`response.www_authenticate` must be"),
        (r#"{"response":{"www_authenticate":{}}}"#, "`response.www_authenticate` must be"),
        (r#"{"http":{"url":"https://a.example/"}}"#, "`http.method` is missing"),
        (r#"{"http":{"method":"GET"}}"#, "`http.url` is missing"),
        (r#"{"http":{"method":"GET /","url":"https://a.example/"}}"#, "`http.method` is no HTTP method"),
        (r#"{"http":{"method":"GET","url":"/mcp"}}"#, "`http.url` cannot be used"),
        (r#"{"http":{"method":"GET","url":"https://a.example/","dpop_nonce":"a b"}}"#, "is no nonce"),
    ] {
        refused(text.as_bytes(), why);
    }
}

#[test]
fn nothing_of_the_object_is_repeated_in_a_message_case_78() {
    for text in [
        r#"{"version":"canary"}"#,
        r#"{"min_ttl":"canary"}"#,
        r#"{"rejected":"canary"}"#,
        r#"{"rejected":{"generation":"canary","token":"canary"}}"#,
        r#"{"canary":1,"canary":2}"#,
        r#"{"rejected":{"token":"canary""#,
        r#"{"rejected":{"token":canary}}"#,
        r#"{"url":"https://canary:canary@a.example/canary"}"#,
        r#"{"http":{"method":"can ary","url":"canary"}}"#,
        r#"{"response":{"status":"canary"}}"#,
    ] {
        let message = refused(text.as_bytes(), "the request object");
        assert!(!message.contains("canary") && !message.contains("can ary"), "{message}");
    }
    let request = read(r#"{"rejected":{"token":"canary"}}"#);
    assert!(!format!("{request:?}").contains("canary"));
}
