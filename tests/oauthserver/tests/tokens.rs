//! Refresh, rotation, reuse, expiry, revocation, client credentials.

mod support;

use oauthserver::browser::{self, Page};
use oauthserver::{
    AuthMethod, Client, ExpiresIn, OAuthServer, Patch, RefreshTokens, ResourceRule, Reuse, Rotation,
    Settings, TokenFormat, TokenStatus,
};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use support::{call, client_id, code, json, redeem, refresh, send, start};

fn text(page: &Page, member: &str) -> String {
    json(page)[member].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_refresh_rotates_and_the_old_token_is_spent() {
    let server = start(Settings::default());
    let first = server.issue_refresh_family("c", "read");
    let answer = refresh(&server, &first.refresh_token);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let next = text(&answer, "refresh_token");
    assert_ne!(next, first.refresh_token);
    assert!(server.mcp_accepts(&text(&answer, "access_token")));
    assert_eq!(text(&answer, "scope"), "read");
    assert_eq!(server.refresh_token_status(&first.refresh_token), TokenStatus::Spent);
    assert_eq!(server.refresh_token_status(&next), TokenStatus::Live);
    assert_eq!(server.refresh_token_status("x"), TokenStatus::Unknown);
    assert_eq!(refresh(&server, &next).status, 200);
    assert_eq!((server.reuses(), server.family_revoked()), (0, false));
    let log = server.refreshes();
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|request| request.committed && request.status == Some(200)));
}

#[test]
fn a_reuse_revokes_every_token_of_the_family_and_no_other() {
    let server = start(Settings::default());
    let first = server.issue_refresh_family("c", "");
    let stranger = server.issue_refresh_family("c", "");
    let second = refresh(&server, &first.refresh_token);
    let again = refresh(&server, &first.refresh_token);
    assert_eq!((again.status, text(&again, "error").as_str()), (400, "invalid_grant"));
    assert_eq!(server.reuses(), 1);
    assert!(server.family_revoked());
    assert!(!server.mcp_accepts(&text(&second, "access_token")));
    assert!(!server.mcp_accepts(&first.access_token));
    assert_eq!(refresh(&server, &text(&second, "refresh_token")).status, 400);
    assert_eq!(server.reuses(), 1, "the last token was never spent");
    assert!(server.mcp_accepts(&stranger.access_token));
    assert_eq!(server.live_refresh_token_count(), 1);
}

#[test]
fn a_token_is_told_by_its_login_and_by_its_end() {
    let server = start(Settings { access_token_ttl: Duration::from_secs(60), ..Settings::default() });
    let (one, other) = (server.issue_refresh_family("c", ""), server.issue_refresh_family("c", ""));
    let next = text(&refresh(&server, &one.refresh_token), "access_token");
    assert_eq!(server.family_of(&next), server.family_of(&one.access_token));
    assert_ne!(server.family_of(&next), server.family_of(&other.access_token));
    assert_eq!((server.family_of("x"), server.access_token_end("x")), (None, None));
    let end = server.access_token_end(&next).unwrap();
    assert!(end <= SystemTime::now() + Duration::from_secs(60));
    assert!(end > SystemTime::now() && server.mcp_accepts(&next));
    server.advance(Duration::from_secs(60));
    assert!(server.access_token_end(&next).unwrap() <= SystemTime::now() && !server.mcp_accepts(&next));
}

#[test]
fn of_many_redemptions_at_once_one_wins_and_the_others_are_reuse() {
    let server = start(Settings::default());
    let first = server.issue_refresh_family("c", "");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let redeem = || refresh(&server, &first.refresh_token).status;
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(redeem)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(server.reuses(), 15);
}

#[test]
fn reuse_can_be_refused_forgiven_or_forgiven_for_a_while() {
    let twice = |reuse| {
        let server = start(Settings { reuse, ..Settings::default() });
        let first = server.issue_refresh_family("c", "");
        refresh(&server, &first.refresh_token);
        server.advance(Duration::from_secs(20));
        let status = refresh(&server, &first.refresh_token).status;
        (status, server.family_revoked(), server.reuses())
    };
    assert_eq!(twice(Reuse::Refuse), (400, false, 1));
    assert_eq!(twice(Reuse::Accept), (200, false, 1));
    assert_eq!(twice(Reuse::Grace(Duration::from_secs(600))), (200, false, 1));
    assert_eq!(twice(Reuse::Grace(Duration::from_secs(10))), (400, true, 1));
}

#[test]
fn rotation_can_be_off_with_or_without_a_repetition() {
    for (rotation, repeated) in [(Rotation::Repeat, true), (Rotation::Omit, false)] {
        let server = start(Settings { rotation, ..Settings::default() });
        let first = server.issue_refresh_family("c", "");
        for _ in 0..2 {
            let answer = refresh(&server, &first.refresh_token);
            assert_eq!(answer.status, 200);
            let expected = if repeated { json!(first.refresh_token) } else { Value::Null };
            assert_eq!(json(&answer)["refresh_token"], expected);
        }
        assert_eq!(server.reuses(), 0);
    }
}

#[test]
fn a_rotation_may_end_the_access_tokens_before_it() {
    let server = start(Settings { rotation: Rotation::RotateAll, ..Settings::default() });
    let first = server.issue_refresh_family("c", "");
    let second = refresh(&server, &first.refresh_token);
    assert!(!server.mcp_accepts(&first.access_token));
    assert!(server.mcp_accepts(&text(&second, "access_token")));
}

#[test]
fn tokens_expire_by_the_servers_clock() {
    let server = start(Settings {
        access_token_ttl: Duration::from_secs(30),
        refresh_token_ttl: Some(Duration::from_secs(60)),
        ..Settings::default()
    });
    let first = server.issue_refresh_family("c", "");
    assert!(server.mcp_accepts(&first.access_token));
    server.advance(Duration::from_secs(30));
    assert!(!server.mcp_accepts(&first.access_token));
    assert_eq!(call(&server, &first.access_token, "ping").0, 401);
    server.advance(Duration::from_secs(30));
    assert_eq!(server.refresh_token_status(&first.refresh_token), TokenStatus::Expired);
    assert_eq!(refresh(&server, &first.refresh_token).status, 400);
    assert_eq!(server.reuses(), 0);
    server.advance(Duration::MAX);
}

#[test]
fn a_lifetime_of_zero_is_dead_on_arrival() {
    let server = start(Settings { access_token_ttl: Duration::ZERO, ..Settings::default() });
    let first = server.issue_refresh_family("c", "");
    assert!(!server.mcp_accepts(&first.access_token));
    assert_eq!(json(&refresh(&server, &first.refresh_token))["expires_in"], 0);
}

#[test]
fn access_tokens_can_be_ended_and_families_revoked_from_outside() {
    let server = start(Settings::default());
    let first = server.issue_refresh_family("c", "");
    server.expire_access_tokens();
    assert!(!server.mcp_accepts(&first.access_token));
    assert_eq!(server.live_access_token_count(), 0);
    assert_eq!(server.live_refresh_token_count(), 1);
    server.revoke_families();
    assert_eq!(refresh(&server, &first.refresh_token).status, 400);
    assert_eq!(server.refresh_token_status(&first.refresh_token), TokenStatus::Revoked);
}

#[test]
fn a_wrong_refresh_request_spends_nothing() {
    let server = start(Settings { clients: vec![Client::public("other")], ..Settings::default() });
    let first = server.issue_refresh_family("c", "read");
    let resource = server.resource();
    let with_slash = format!("{resource}/");
    let valid = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &first.refresh_token),
        ("client_id", "c"),
        ("resource", &resource),
        ("scope", "read"),
    ];
    for (name, wrong, error) in [
        ("client_id", "other", "invalid_grant"),
        ("resource", &with_slash, "invalid_target"),
        ("resource", "", "invalid_target"),
        ("scope", "read write", "invalid_scope"),
        ("refresh_token", "", "invalid_request"),
        ("refresh_token", "unknown", "invalid_grant"),
    ] {
        let form = valid.map(|(key, value)| (key, if key == name { wrong } else { value }));
        let page = browser::post_form(&server.token_endpoint(), &form).unwrap();
        assert_eq!(text(&page, "error"), error, "{name}={wrong}");
    }
    let (status, _) = send(&server, "POST /token HTTP/1.1\r\nContent-Type: application/json", "{}");
    assert_eq!(status, 400);
    assert_eq!(refresh(&server, &first.refresh_token).status, 200);
}

#[test]
fn a_grant_that_the_client_did_not_register_is_refused() {
    let server = start(Settings {
        clients: vec![
            Client::public("c").grant_types(&["authorization_code"]),
            Client::confidential("login-only", "hush").grant_types(&["authorization_code"]),
        ],
        ..Settings::default()
    });
    let first = server.issue_refresh_family("c", "");
    let refused = refresh(&server, &first.refresh_token);
    assert_eq!(text(&refused, "error"), "unauthorized_client");
    let (status, answer) = credentials(&server, "", "&client_id=login-only&client_secret=hush");
    assert_eq!((status, support::body(&answer)["error"].as_str()), (400, Some("unauthorized_client")));
}

#[test]
fn resource_can_be_ignored_or_refused() {
    let server = start(Settings { resource_rule: ResourceRule::Refuse, ..Settings::default() });
    let first = server.issue_refresh_family("c", "");
    let refused = refresh(&server, &first.refresh_token);
    assert_eq!(text(&refused, "error"), "invalid_target");
    server.reconfigure(|settings| settings.resource_rule = ResourceRule::Ignore);
    assert_eq!(refresh(&server, &first.refresh_token).status, 200);
}

#[test]
fn the_answer_can_be_bent() {
    let server = start(Settings {
        expires_in: ExpiresIn::Raw(json!("soon")),
        token_type: "bEaReR".to_owned(),
        rotation: Rotation::Omit,
        token_answer: Patch::new().set("access_token", "a\r\nb").remove("scope"),
        ..Settings::default()
    });
    let first = server.issue_refresh_family("c", "read");
    let answer = refresh(&server, &first.refresh_token);
    let expected = json!({ "access_token": "a\r\nb", "token_type": "bEaReR", "expires_in": "soon" });
    assert_eq!(json(&answer), expected);
    server.reconfigure(|settings| settings.expires_in = ExpiresIn::Omit);
    assert_eq!(json(&refresh(&server, &first.refresh_token)).get("expires_in"), None);
}

#[test]
fn answers_can_be_forms_and_errors_can_have_status_200() {
    let server = start(Settings {
        token_format: TokenFormat::Form,
        token_error_status: Some(200),
        ..Settings::default()
    });
    let first = server.issue_refresh_family("c", "a b");
    let answer = refresh(&server, &first.refresh_token);
    assert!(answer.body.starts_with("access_token=at_"), "{}", answer.body);
    assert!(answer.body.contains("&expires_in=3600&"), "{}", answer.body);
    let error = refresh(&server, "unknown");
    assert_eq!(error.status, 200);
    assert!(error.body.starts_with("error=invalid_grant&"), "{}", error.body);
}

#[test]
fn a_login_gets_a_refresh_token_when_the_settings_and_the_scope_say_so() {
    let server = start(Settings { refresh_tokens: RefreshTokens::NeedOfflineAccess, ..Settings::default() });
    let client = client_id(&server);
    let tokens = json(&redeem(&server, &client, &code(&server, &client)));
    assert_eq!(tokens.get("refresh_token"), None);
    let url = support::authorization_url(&server, &client, &[("scope", "offline_access")]);
    let back = support::redirect_of(&browser::get(&url).unwrap());
    let code = support::value(&back, "code").unwrap();
    let tokens = json(&redeem(&server, &client, code));
    assert!(tokens["refresh_token"].is_string());
}

fn credentials(server: &OAuthServer, authorization: &str, form: &str) -> (u16, String) {
    let head =
        format!("POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded{authorization}");
    let resource = server.resource();
    send(server, &head, &format!("grant_type=client_credentials&resource={resource}{form}"))
}

#[test]
fn client_credentials_are_checked_by_method_secret_and_audience() {
    let server = start(Settings {
        audience: Some("api".to_owned()),
        clients: vec![
            Client::confidential("my:id", "p+q r%").auth_methods(&[AuthMethod::Basic]),
            Client::confidential("post", "hush").auth_methods(&[AuthMethod::Post]),
            Client::public("public").grant_types(&["client_credentials"]),
        ],
        ..Settings::default()
    });
    // my%3Aid:p%2Bq+r%25, and the same without form encoding.
    let encoded = "\r\nAuthorization: Basic bXklM0FpZDpwJTJCcStyJTI1";
    let plain = "\r\nAuthorization: Basic bXk6aWQ6cCtxIHIl";
    for (authorization, form, status, error) in [
        (encoded, "&audience=api&x=1", 200, None),
        (encoded, "", 400, Some("invalid_target")),
        (encoded, "&audience=other", 400, Some("invalid_target")),
        (plain, "&audience=api", 401, Some("invalid_client")),
        (encoded, "&audience=api&client_secret=x", 400, Some("invalid_request")),
        (encoded, "&audience=api&client_id=post", 400, Some("invalid_request")),
        ("", "&audience=api&client_id=post&client_secret=hush", 200, None),
        ("", "&audience=api&client_id=post&client_secret=wrong", 401, Some("invalid_client")),
        ("", "&audience=api&client_id=post", 401, Some("invalid_client")),
        ("", "&audience=api&client_id=my:id&client_secret=p%2Bq+r%25", 401, Some("invalid_client")),
        ("", "&audience=api&client_id=public", 400, Some("unauthorized_client")),
        ("", "&audience=api", 401, Some("invalid_client")),
    ] {
        let (got, answer) = credentials(&server, authorization, form);
        assert_eq!(got, status, "{authorization} {form}");
        let body = support::body(&answer);
        assert_eq!(body.get("error").and_then(Value::as_str), error, "{authorization} {form}");
        assert_eq!(body.get("refresh_token"), None);
        assert_eq!(status == 401, answer.contains("WWW-Authenticate: Basic"));
    }
    let first = server.token_requests().remove(0);
    assert_eq!((first.form_value("x"), first.committed), (Some("1"), true));
}

#[test]
fn revocation_ends_a_token_and_is_silent_about_unknown_ones() {
    let server = start(Settings { clients: vec![Client::public("other")], ..Settings::default() });
    let first = server.issue_refresh_family("c", "");
    let revoke = |token: &str, client: &str| {
        let form = [("token", token), ("client_id", client)];
        browser::post_form(&server.revocation_endpoint(), &form).unwrap().status
    };
    assert_eq!(revoke("unknown", "c"), 200);
    assert_eq!(revoke(&first.access_token, "other"), 400);
    assert_eq!(revoke(&first.access_token, "stranger"), 401);
    assert!(server.mcp_accepts(&first.access_token));
    assert_eq!(revoke(&first.access_token, "c"), 200);
    assert!(!server.mcp_accepts(&first.access_token));
    assert_eq!(server.live_refresh_token_count(), 1);
    assert_eq!(revoke(&first.refresh_token, "c"), 200);
    assert_eq!(server.live_refresh_token_count(), 0);
    assert!(server.family_revoked());
}
