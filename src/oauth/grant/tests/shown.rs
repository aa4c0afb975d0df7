//! What a person gets to read.

use super::*;

#[test]
fn other_refusals_say_what_to_change() {
    let cases = [
        ("invalid_scope", Code::Denied, "`scope`"),
        ("invalid_target", Code::Denied, "`resource`"),
        ("unauthorized_client", Code::Denied, "my client"),
        ("unsupported_grant_type", Code::Denied, "`grant`"),
        ("access_denied", Code::Denied, "access"),
        ("interaction_required", Code::InteractionRequired, "mcp-credential login demo"),
        ("invalid_client", Code::InvalidClient, "`clientId`"),
        ("incorrect_client_credentials", Code::InvalidClient, "`clientId`"),
    ];
    for (error, code, advice) in cases {
        let failure = refused(refreshed(400, value!({"error": error})));
        assert_eq!(failure.code, code, "{error}");
        assert!(failure.message.contains(advice), "{failure}");
    }
}

#[test]
fn a_stale_registration_is_told_apart_from_a_wrong_setting() {
    let server = Scripted::start(|_, _| json(401, &value!({"error": "invalid_client"})));
    let mut asked = asked(&server.url("/token"), refresh());
    asked.client.dynamic = true;
    let failure = refused(request(testing::http(), &asked));
    assert_eq!(failure.code, Code::InvalidClient);
    assert!(failure.message.contains("mcp-credential login demo"), "{failure}");
}

#[test]
fn a_description_is_one_plain_short_line_case_53() {
    let long = format!("\u{1b}]0;x\u{7} a\r\nb \u{202e}c {}", "x".repeat(10_000));
    let failure = refused(refreshed(400, value!({"error": "invalid_scope", "error_description": long})));
    assert!(!failure.message.contains(['\u{1b}', '\u{7}', '\n', '\r', '\u{202e}']), "{failure}");
    assert!(failure.message.chars().count() < 600, "{failure}");
}

#[test]
fn no_secret_that_was_sent_is_ever_echoed_case_78() {
    let echo = |_: &str, seen: &Seen| {
        let said = format!("bad request: {} / {:?}", seen.body, seen.form());
        json(400, &value!({"error": "invalid_scope", "error_description": said}))
    };
    for grant in [refresh(), code(), GrantRequest::ClientCredentials] {
        let server = Scripted::start(echo);
        let mut asked = asked(&server.url("/token"), grant);
        asked.client.client_secret = Some(Secret::new(SECRET));
        asked.client.method = AuthMethod::ClientSecretPost;
        let failure = refused(request(testing::http(), &asked));
        assert!(!failure.message.contains("CANARY"), "{failure}");
        assert!(failure.message.contains("withheld"), "{failure}");
    }
    let server = Scripted::start(echo);
    let mut asked = asked(&server.url("/token"), GrantRequest::ClientCredentials);
    let text = Secret::new(include_str!("../../../jose/tests/keys/ec-pkcs8.pem"));
    asked.client.key = Some(ClientKey { text, id: None, audience: "https://idp.example.com".to_owned() });
    asked.client.method = AuthMethod::PrivateKeyJwt;
    let failure = refused(request(testing::http(), &asked));
    assert!(!failure.message.contains("eyJ") && failure.message.contains("withheld"), "{failure}");
    let parts = [REFRESH.to_uppercase(), REFRESH.replace('-', "%2D"), REFRESH[3..16].to_owned()];
    for part in parts {
        let failure = dead(refreshed(400, value!({"error": "invalid_grant", "error_description": part})));
        assert!(failure.message.contains("withheld"), "{failure}");
    }
    let failure =
        refused(refreshed(400, value!({"error": "invalid_scope", "error_description": "scope `x` unknown"})));
    assert!(failure.message.contains("scope `x` unknown"), "an honest text is shown: {failure}");
}
