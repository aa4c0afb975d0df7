//! `src/oauth/grant`: whatever a token endpoint answers.

use crate::laws::token_answer::{SECRETS, any as law, fault, reply, requests};
use crate::{holds, json, one_of, urls};
use mcp_credential::clock::LAST_SECOND;
use mcp_credential::oauth::grant::{Answer, Granted, judge};
use mcp_credential::oauth::http::Transport;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const KINDS: [&str; 4] = ["application/json", "text/html", "application/x-www-form-urlencoded", ""];

const STATUSES: [u16; 16] = [200, 201, 204, 301, 307, 400, 401, 403, 404, 422, 429, 500, 502, 503, 504, 999];

/// What servers say, and what they should not.
fn error() -> impl Strategy<Value = String> {
    let known = [
        "invalid_grant",
        "invalid_request",
        "invalid_client",
        "unauthorized_client",
        "bad_refresh_token",
        "invalid_code",
        "bad_verification_code",
        "invalid_refresh_token",
        "temporarily_unavailable",
        "server_error",
        "slow_down",
        "INVALID_GRANT",
    ];
    let known = one_of(known).prop_map(str::to_owned);
    prop_oneof![8 => known, 1 => any::<String>(), 1 => Just(SECRETS[0].to_owned())]
}

fn description() -> impl Strategy<Value = String> {
    let said = [
        "refresh_token is invalid",
        "The refresh token is invalid.",
        "Unknown or invalid refresh token.",
        "try again",
    ];
    let echo =
        (urls::soup(3), one_of(SECRETS), urls::soup(3)).prop_map(|(a, secret, b)| format!("{a}{secret}{b}"));
    prop_oneof![4 => one_of(said).prop_map(str::to_owned), 2 => echo, 1 => any::<String>()]
}

fn member() -> impl Strategy<Value = (String, Value)> {
    let name = one_of([
        "access_token",
        "token_type",
        "refresh_token",
        "expires_in",
        "scope",
        "error",
        "error_description",
        "id_token",
    ]);
    let usual = one_of([
        json!("Bearer"),
        json!("abc"),
        json!(""),
        json!(3600),
        json!("3600"),
        json!(-1),
        json!(1e300),
        json!(0),
        Value::Null,
    ]);
    let value = prop_oneof![
        2 => usual,
        1 => error().prop_map(Value::from),
        1 => json::value(),
    ];
    (name.prop_map(str::to_owned), value)
}

/// Something like an answer, sound or not.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let object = prop::collection::vec(member(), 0..7)
        .prop_map(|members| Value::from(Map::from_iter(members)).to_string().into_bytes());
    let refusal = (error(), description()).prop_map(|(error, said)| {
        json!({"error": error, "error_description": said}).to_string().into_bytes()
    });
    let form = (error(), urls::soup(6))
        .prop_map(|(error, rest)| format!("error={error}&error_description={rest}").into_bytes());
    let good = member().prop_map(|(name, value)| {
        let mut answer = json!({"access_token": "abc", "token_type": "bearer", "expires_in": 60});
        answer[name] = value;
        answer.to_string().into_bytes()
    });
    prop_oneof![object, refusal, form, good, any::<Vec<u8>>()]
}

#[test]
fn no_answer_breaks_the_rules_for_tokens() {
    let sent_at = prop_oneof![Just(1_700_000_000), Just(LAST_SECOND - 1), any::<u64>()];
    let status = prop_oneof![4 => one_of(STATUSES), 1 => 100..1000_u16];
    holds((status, one_of(KINDS), body(), sent_at), |(status, kind, body, sent_at)| {
        law(status, kind, &body, sent_at);
    });
}

#[test]
fn an_answer_that_was_cut_off_grants_nothing_and_kills_nothing() {
    holds((body(), any::<prop::sample::Index>()), |(body, at)| {
        let cut = &body[..at.index(body.len() + 1)];
        for status in STATUSES {
            law(status, KINDS[0], cut, 0);
        }
        let object = serde_json::from_slice::<Map<String, Value>>(&body).is_ok() && cut.len() < body.len();
        for request in requests().iter().filter(|_| object && cut.starts_with(b"{")) {
            let answer = judge(request, Ok(reply(200, KINDS[0], cut)), 0, 0);
            assert!(matches!(answer, Answer::Ambiguous(_)), "{answer:?}");
        }
    });
}

#[test]
fn a_fault_of_the_network_grants_nothing_and_kills_nothing() {
    holds((any::<String>(), one_of(STATUSES)), |(reason, status)| {
        fault(&Transport::NotSent(mcp_credential::text::one_line(&reason)));
        fault(&Transport::Lost(mcp_credential::text::one_line(&reason)));
        fault(&Transport::TooLarge(Box::new(reply(status, "", b""))));
    });
}

/// `expires_in` as servers write it, and the seconds that it means.
fn lifetime() -> impl Strategy<Value = (Value, Option<u64>)> {
    let whole = 1..=LAST_SECOND - 1_700_000_000;
    prop_oneof![
        whole.clone().prop_map(|n| (json!(n), Some(n))),
        whole.clone().prop_map(|n| (json!(format!(" {n} ")), Some(n))),
        (1..1_000_000_u32).prop_map(|n| (json!(f64::from(n) + 0.5), Some(u64::from(n)))),
        any::<i64>().prop_filter("above 0", |n| *n <= 0).prop_map(|n| (json!(n), None)),
        (LAST_SECOND..).prop_map(|n| (json!(n), Some(LAST_SECOND - 1_700_000_000))),
        one_of(vec![
            json!(null),
            json!(true),
            json!([60]),
            json!("soon"),
            json!(0.2),
            json!("-5"),
            json!("")
        ])
        .prop_map(|v| (v, None)),
        Just((json!(1e300), Some(LAST_SECOND - 1_700_000_000))),
    ]
}

#[test]
fn a_sound_answer_is_granted_as_it_is_written() {
    let token =
        "[A-Za-z0-9._~+/-]{1,60}={0,2}".prop_filter("no JWT", |token| token.matches('.').count() != 2);
    let answer = (
        token,
        one_of(["Bearer", "bearer", "BEARER"]),
        of("[!-~]{1,40}"),
        lifetime(),
        of("[!#-~]{1,5}( [a-z:]{1,9}){0,3}"),
    );
    holds(answer, |(token, kind, refresh, (written, life), scope)| {
        let body = json!({
            "access_token": token,
            "token_type": kind,
            "refresh_token": refresh,
            "expires_in": written,
            "scope": scope,
        });
        let [request, ..] = requests();
        let answer = judge(&request, Ok(reply(200, KINDS[0], body.to_string().as_bytes())), 1_700_000_000, 0);
        let expected = Granted {
            access_token: mcp_credential::secret::Secret::new(token),
            refresh_token: refresh.map(mcp_credential::secret::Secret::new),
            token_type: "Bearer".to_owned(),
            expires_in: life,
            scope,
            sent_at: 1_700_000_000,
        };
        assert_eq!(answer, Answer::Granted(expected), "{body}");
    });
}
