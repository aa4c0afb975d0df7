//! The judge, one table a case.

use super::*;

const OURS: &str = "127.0.0.1:7";
const STATE: &str = "the-state";

fn expected() -> Expected {
    Expected {
        path: "/callback".to_owned(),
        hosts: vec![OURS.to_owned(), "localhost:7".to_owned()],
        state: Secret::new(STATE),
        issuer: IssuerRule { issuer: Some("https://as.example".to_owned()), advertised: false },
    }
}

fn judged(method: &str, target: &str) -> Verdict {
    judge(&RequestHead { method, target, hosts: vec![OURS.as_bytes()] }, &expected())
}

fn queried(query: &str) -> Verdict {
    judged("GET", &format!("/callback?{query}"))
}

fn success(code: &str) -> Verdict {
    Verdict::Success { code: Secret::new(code) }
}

const BAD_REQUEST: Verdict = Verdict::Ignored(Refusal::BadRequest);
const NOT_FOUND: Verdict = Verdict::Ignored(Refusal::NotFound);
const NOT_ALLOWED: Verdict = Verdict::Ignored(Refusal::MethodNotAllowed);

#[test]
fn the_awaited_answer_gives_its_code() {
    assert_eq!(queried("code=a%2Fb&state=the-state"), success("a/b"));
    assert_eq!(queried("state=the-state&x=1&code=c&iss=https%3A%2F%2Fas.example"), success("c"));
}

#[test]
fn case_27_another_path_is_not_found_and_another_method_is_not_allowed() {
    for path in ["/", "/favicon.ico", "/callbac", "/callback/", "/Callback", "/callback;x", "*", "callback"] {
        let target = format!("{path}?code=c&state=the-state");
        assert_eq!(judged("GET", &target), NOT_FOUND, "{path}");
        assert_eq!(judged("HEAD", &target), NOT_FOUND, "{path}");
    }
    for method in ["HEAD", "POST", "OPTIONS", "PUT", "get", "CONNECT"] {
        assert_eq!(judged(method, "/callback?code=c&state=the-state"), NOT_ALLOWED, "{method}");
    }
}

#[test]
fn case_28_only_the_one_right_state_counts() {
    for query in [
        "",
        "code=c",
        "code=c&state=",
        "code=c&state=the-stat",
        "code=c&state=the-state1",
        "code=c&state=The-state",
        "code=c&state=the-state&state=the-state",
        "code=c&state=the-state&st%61te=x",
        "code=c&State=the-state",
        "code=c&state=the-state%00",
        "code=c;state=the-state",
    ] {
        assert_eq!(queried(query), BAD_REQUEST, "{query}");
    }
    assert_eq!(judged("GET", "/callback"), BAD_REQUEST);
}

#[test]
fn case_29_an_error_without_the_right_state_is_ignored() {
    for query in ["error=access_denied", "error=access_denied&state=x", "error=x&state=the-state&state=y"] {
        assert_eq!(queried(query), BAD_REQUEST, "{query}");
    }
}

#[test]
fn an_error_with_the_right_state_is_the_answer() {
    let description = Some("not today".to_owned());
    assert_eq!(
        queried("error=access_denied&error_description=not+today&state=the-state"),
        Verdict::Denied { error: "access_denied".to_owned(), description }
    );
    assert_eq!(
        queried("error=x&error_description=a&error_description=b&state=the-state"),
        Verdict::Denied { error: "x".to_owned(), description: None }
    );
    for query in ["error=", "error=a&error=b", "error=a&code=c", "code=c&error"] {
        assert_eq!(queried(&format!("{query}&state=the-state")), BAD_REQUEST, "{query}");
    }
}

fn judged_issuer(issuer: Option<&str>, advertised: bool, query: &str) -> Verdict {
    let issuer = IssuerRule { issuer: issuer.map(str::to_owned), advertised };
    let target = format!("/callback?{query}&state=the-state");
    let head = RequestHead { method: "GET", target: &target, hosts: vec![OURS.as_bytes()] };
    judge(&head, &Expected { issuer, ..expected() })
}

#[test]
fn case_30_a_wrong_issuer_ends_the_login_whatever_else_the_answer_says() {
    let wrong = [
        "https://as.example/",
        "https://AS.example",
        "https://as.example:443",
        "HTTPS://as.example",
        "https%3A%2F%2Fevil.example",
        "",
        "+https://as.example",
    ];
    for (iss, rest) in wrong.iter().flat_map(|iss| ["code=c", "error=x", "x=y"].map(|rest| (iss, rest))) {
        for advertised in [false, true] {
            let verdict = judged_issuer(Some("https://as.example"), advertised, &format!("{rest}&iss={iss}"));
            assert!(
                matches!(verdict, Verdict::Untrusted(IssuerBreach::Other(_))),
                "{iss} {rest}: {verdict:?}"
            );
        }
    }
    let twice = "code=c&iss=https://as.example&iss=https://as.example";
    let verdict = judged_issuer(Some("https://as.example"), true, twice);
    assert_eq!(verdict, Verdict::Untrusted(IssuerBreach::Repeated));
}

#[test]
fn case_30_an_announced_issuer_must_be_there_and_another_one_need_not() {
    let issuer = Some("https://as.example");
    for query in ["code=c", "error=access_denied&error_description=evil", "Iss=https://as.example&code=c"] {
        let verdict = judged_issuer(issuer, true, query);
        assert_eq!(verdict, Verdict::Untrusted(IssuerBreach::Missing), "{query}");
    }
    assert_eq!(judged_issuer(issuer, false, "code=c"), success("c"));
    assert_eq!(judged_issuer(issuer, true, "code=c&iss=https%3a%2f%2fas.example"), success("c"));
    assert_eq!(
        judged_issuer(None, false, "code=c&iss=https://x.example"),
        success("c"),
        "nothing to compare"
    );
    let unknown = judged_issuer(None, true, "code=c&iss=https://x.example");
    assert!(matches!(unknown, Verdict::Untrusted(_)), "announced, but never recorded: {unknown:?}");
}

#[test]
fn case_30_a_wrong_issuer_without_the_state_does_not_end_the_login() {
    assert_eq!(queried("code=c&iss=https://evil.example&state=guess"), BAD_REQUEST);
}

#[test]
fn case_32_only_one_short_printable_code_counts() {
    for code in [
        "code=".to_owned(),
        "code".to_owned(),
        "code=a&code=a".to_owned(),
        "code=a&c%6fde=b".to_owned(),
        "code=a%0d%0ab".to_owned(),
        "code=a%00".to_owned(),
        "code=%7f".to_owned(),
        "code=%c3%a9".to_owned(),
        "code=%ff".to_owned(),
        format!("code={}", "x".repeat(CODE_LIMIT + 1)),
        format!("code={}", "x".repeat(1024 * 1024)),
    ] {
        let shown: String = code.chars().take(40).collect();
        assert_eq!(queried(&format!("{code}&state=the-state")), BAD_REQUEST, "{shown}");
    }
    let longest = "x".repeat(CODE_LIMIT);
    assert_eq!(queried(&format!("code={longest}&state=the-state")), success(&longest));
}

#[test]
fn case_33_one_host_that_is_ours_must_be_named() {
    let target = "/callback?code=c&state=the-state";
    let judged = |hosts: &[&str]| {
        let hosts = hosts.iter().map(|host| host.as_bytes()).collect();
        judge(&RequestHead { method: "GET", target, hosts }, &expected())
    };
    for hosts in [
        &[][..],
        &["evil.example"],
        &["evil.example:7"],
        &["127.0.0.1"],
        &["127.0.0.1:8"],
        &["127.0.0.1:7.evil.example"],
        &["127.0.0.1:7 "],
        &["127.1:7"],
        &[""],
        &["127.0.0.1:7", "127.0.0.1:7"],
        &["127.0.0.1:7", "evil.example"],
    ] {
        assert_eq!(judged(hosts), BAD_REQUEST, "{hosts:?}");
    }
    assert_eq!(judged(&["LocalHost:7"]), success("c"));
}

#[test]
fn case_34_a_target_in_another_form_is_not_found() {
    for target in [
        "http://127.0.0.1:7/callback",
        "https://evil.example/callback",
        "//callback",
        "//127.0.0.1:7/callback",
        "/./callback",
        "/x/../callback",
        "/%63allback",
        "/callback%3Fcode=c",
        "/callback#",
        "/callback\u{e9}",
    ] {
        assert_eq!(judged("GET", &format!("{target}?code=c&state=the-state")), NOT_FOUND, "{target}");
    }
    assert_eq!(judged("GET", "/callback?code=c&state=the-state#x"), NOT_FOUND);
}

#[test]
fn texts_are_the_same_only_when_every_byte_is() {
    assert!(same("", "") && same("abc", "abc"));
    for other in ["", "a", "ab", "abd", "bbc", "abcd", "abcabc"] {
        assert!(!same("abc", other) && !same(other, "abc"), "{other}");
    }
}

#[test]
fn a_verdict_does_not_show_the_code() {
    assert!(!format!("{:?} {:?}", success("hunter2"), expected()).contains("hunter2"));
    assert!(!format!("{:?}", expected()).contains(STATE));
}
