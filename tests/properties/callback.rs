//! `src/oauth/callback`: requests that anybody may send.

use crate::laws::callback::{HOST, ISSUER, PATH, STATE, any as law, expected, rules};
use crate::{holds, one_of, urls};
use mcp_credential::oauth::callback::head::{HEAD_LIMIT, Parsed, parse};
use mcp_credential::oauth::callback::{IssuerRule, Verdict, judge};
use mcp_credential::secret::Secret;
use proptest::prelude::*;

/// A parameter that plays a role, often with the right value.
fn parameter() -> impl Strategy<Value = (String, String)> {
    let name =
        one_of(["state", "state", "code", "code", "iss", "iss", "error", "error_description", "State", "x"]);
    let usual =
        [STATE, ISSUER, "abc", "access_denied", "", "https://idp.example.com/", "N0NCE-OF_THIS.LOGIN~"];
    let value = prop_oneof![8 => one_of(usual).prop_map(str::to_owned), 1 => urls::soup(4)];
    (name.prop_map(str::to_owned), value)
}

/// `text` in a query, with more escapes than it needs.
fn escaped(text: &str, every: usize) -> String {
    let escape = |(at, byte): (usize, u8)| match byte {
        byte if byte.is_ascii_alphanumeric() && !at.is_multiple_of(every) => char::from(byte).to_string(),
        b' ' if !at.is_multiple_of(every) => "+".to_owned(),
        byte if at % 2 == 0 => format!("%{byte:02x}"),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().enumerate().map(escape).collect()
}

fn query(parameters: &[(String, String)], every: usize) -> String {
    let pairs =
        parameters.iter().map(|(name, value)| format!("{}={}", escaped(name, every), escaped(value, every)));
    pairs.collect::<Vec<_>>().join("&")
}

fn head(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: x\r\n\r\n")
}

/// What is nearly the awaited request.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![9 => Just("GET"), 1 => one_of(["POST", "get", "HEAD", "OPTIONS"])];
    let paths = ["/", "//callback", "/callback/", "/%63allback", "http://127.0.0.1:8080/callback", "*"];
    let path = prop_oneof![9 => Just(PATH), 1 => one_of(paths)];
    let hosts = one_of([HOST, "evil.example", "127.0.0.1", "localhost:8080", ""]);
    let hosts = prop_oneof![9 => Just(vec![HOST]), 2 => prop::collection::vec(hosts, 0..3)];
    let parameters = prop::collection::vec(parameter(), 0..5);
    let forced = prop_oneof![4 => Just(true), 1 => Just(false)];
    (method, path, hosts, parameters, forced, 1..9_usize, any::<bool>()).prop_map(
        |(method, path, hosts, mut parameters, forced, every, crlf)| {
            if forced {
                parameters.retain(|(name, _)| name != "state");
                parameters.push(("state".to_owned(), STATE.to_owned()));
            }
            let end = if crlf { "\r\n" } else { "\n" };
            let hosts: String = hosts.iter().flat_map(|host| ["hOst: ", host, end]).collect();
            format!("{method} {path}?{} HTTP/1.1{end}{hosts}{end}", query(&parameters, every)).into_bytes()
        },
    )
}

#[test]
fn no_request_but_the_awaited_one_ends_a_login() {
    holds(request(), |bytes| law(&bytes));
}

#[test]
fn a_request_that_was_cut_or_changed_does_no_harm() {
    let place = any::<prop::sample::Index>;
    holds((request(), place(), any::<Vec<u8>>(), any::<bool>()), |(mut bytes, at, junk, cut)| {
        let at = at.index(bytes.len());
        let end = if cut { bytes.len() } else { (at + junk.len()).min(bytes.len()) };
        bytes.splice(at..end, junk);
        law(&bytes);
    });
}

#[test]
fn any_bytes_are_whole_partial_or_invalid_and_stay_what_they_are() {
    let long = prop::collection::vec(any::<u8>(), 0..64).prop_map(|bytes| bytes.repeat(300));
    holds(prop_oneof![any::<Vec<u8>>(), long, request()], |bytes| {
        law(&bytes);
        let ended =
            (0..=bytes.len()).step_by(1 + bytes.len() / 50).map(|length| match parse(&bytes[..length]) {
                Parsed::Partial => 0,
                Parsed::Whole(_) => 1,
                Parsed::Invalid => 2,
            });
        let ended: Vec<u8> = ended.skip_while(|kind| *kind == 0).collect();
        assert!(ended.windows(2).all(|pair| pair[0] == pair[1]), "more bytes made something else of it");
        assert!(bytes.len() < HEAD_LIMIT || !matches!(parse(&bytes), Parsed::Partial));
    });
}

/// The `iss` that fits `rule`; `spare` where it needs none.
fn fitting(rule: &IssuerRule, spare: bool) -> Option<String> {
    rule.issuer.clone().filter(|_| rule.advertised || spare)
}

/// What `parameters` come to under `rule`.
fn verdict(parameters: &[(String, String)], every: usize, rule: &IssuerRule) -> Verdict {
    let text = head(&format!("{PATH}?{}", query(parameters, every)));
    let Parsed::Whole(head) = parse(text.as_bytes()) else { panic!("a whole head") };
    judge(&head, &expected(rule))
}

/// Rules under which an answer can be sound at all.
fn rule() -> impl Strategy<Value = IssuerRule> {
    one_of(rules().into_iter().filter(|rule| rule.issuer.is_some() || !rule.advertised).collect::<Vec<_>>())
}

#[test]
fn the_awaited_answer_is_taken_in_any_order_and_spelling() {
    let others = prop::collection::vec(("[w-z]{1,3}", any::<String>()), 0..3);
    let answer = (rule(), any::<bool>(), "[ -~]{1,40}", others);
    holds((answer, 1..9_usize, any::<u64>()), |((rule, spare, code, others), every, order)| {
        let mut parameters = vec![("state".to_owned(), STATE.to_owned()), ("code".to_owned(), code.clone())];
        parameters.extend(fitting(&rule, spare).map(|issuer| ("iss".to_owned(), issuer)));
        parameters.extend(others);
        let turn = usize::try_from(order % 7).unwrap() % parameters.len();
        parameters.rotate_left(turn);
        assert_eq!(verdict(&parameters, every, &rule), Verdict::Success { code: Secret::new(code) });
        parameters
            .iter_mut()
            .filter(|(name, _)| name == "code")
            .for_each(|(name, _)| *name = "error".to_owned());
        assert!(matches!(verdict(&parameters, every, &rule), Verdict::Denied { .. }));
    });
}

#[test]
fn any_other_state_is_ignored() {
    let near = prop_oneof![
        Just(STATE.to_uppercase()),
        Just(format!("{STATE}\0")),
        (0..STATE.len()).prop_map(|length| STATE[..length].to_owned()),
        any::<String>().prop_map(|more| format!("{STATE}{more}x")),
        any::<String>(),
    ];
    let answer = one_of(["code", "error"]);
    holds((near, answer, rule(), 1..9_usize), |(state, answer, rule, every)| {
        let mut parameters = vec![("state".to_owned(), state), (answer.to_owned(), "abc".to_owned())];
        parameters.extend(fitting(&rule, true).map(|issuer| ("iss".to_owned(), issuer)));
        assert!(matches!(verdict(&parameters, every, &rule), Verdict::Ignored(_)));
        let ours = ("state".to_owned(), STATE.to_owned());
        parameters.push(ours.clone());
        assert!(matches!(verdict(&parameters, every, &rule), Verdict::Ignored(_)), "twice is not once");
        parameters[0] = ours;
        assert!(matches!(verdict(&parameters, every, &rule), Verdict::Ignored(_)), "twice is not once");
    });
}

#[test]
fn a_forged_issuer_never_succeeds() {
    let near = prop_oneof![
        one_of([
            "https://idp.example.com/",
            "HTTPS://idp.example.com",
            "https://idp.example.com:443",
            "https://evil.example",
            ""
        ])
        .prop_map(str::to_owned),
        any::<String>().prop_map(|more| format!("{ISSUER}{more}.")),
        any::<String>(),
    ];
    let recorded = one_of(rules().into_iter().filter(|rule| rule.issuer.is_some()).collect::<Vec<_>>());
    holds((near, recorded, 1..9_usize, any::<bool>()), |(issuer, rule, every, twice)| {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut parameters = vec![pair("state", STATE), pair("iss", &issuer), pair("code", "abc")];
        if twice {
            parameters.push(pair("iss", ISSUER));
        }
        if issuer != ISSUER || twice {
            assert!(matches!(verdict(&parameters, every, &rule), Verdict::Untrusted(_)));
        }
    });
}
