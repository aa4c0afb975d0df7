//! Which keys fit which grant, and what each grant needs.

use super::*;
use crate::config::{AuthMethod, Grant, Secrets};
use std::time::{Duration, Instant};

const IDP: &str = r#""idpIssuer":"https://idp.example.com","idpClientId":"i""#;

#[test]
fn every_grant_is_known_by_its_name() {
    for (block, grant) in [
        ("{}", Grant::AuthorizationCode),
        (r#"{"grant":"authorization_code"}"#, Grant::AuthorizationCode),
        (r#"{"grant":"device_code"}"#, Grant::DeviceCode),
        (r#"{"grant":"client_credentials","clientId":"c"}"#, Grant::ClientCredentials),
        (r#"{"grant":"jwt_bearer","assertionFile":"/a"}"#, Grant::JwtBearer),
        (
            &format!(r#"{{"grant":"enterprise_managed","clientId":"c",{IDP},"idpIdTokenEnv":"T"}}"#),
            Grant::EnterpriseManaged,
        ),
    ] {
        assert_eq!(Home::with_oauth2(block).server(&[]).grant, grant, "{block}");
    }
    let names = "authorization_code, device_code, client_credentials, jwt_bearer, enterprise_managed";
    assert_refused(r#"{"grant":"password"}"#, "grant", names);
}

#[test]
fn a_key_of_another_grant_is_refused_with_the_grant_that_it_belongs_to() {
    for (key, value, grant) in [
        ("assertionFile", r#""/a""#, "jwt_bearer"),
        ("assertionEnv", r#""A""#, "jwt_bearer"),
        ("assertionCommand", r#"["a"]"#, "jwt_bearer"),
        ("idpTokenUrl", r#""https://idp.example.com/t""#, "enterprise_managed"),
        ("idpIssuer", r#""https://idp.example.com""#, "enterprise_managed"),
        ("idpClientId", r#""i""#, "enterprise_managed"),
        ("idpAuthStyle", r#""header""#, "enterprise_managed"),
        ("idpClientSecretFile", r#""/s""#, "enterprise_managed"),
        ("idpIdTokenFile", r#""/t""#, "enterprise_managed"),
        ("idpIdTokenCommand", r#"["t"]"#, "enterprise_managed"),
    ] {
        assert_refused(&format!(r#"{{"{key}":{value}}}"#), key, &format!("set `grant` to {grant}"));
        let other = if grant == "jwt_bearer" { "client_credentials" } else { "jwt_bearer" };
        assert_refused(&format!(r#"{{"grant":"{other}","clientId":"c","{key}":{value}}}"#), key, grant);
    }
}

#[test]
fn what_a_grant_needs_is_named_where_it_is_missing() {
    assert_refused(r#"{"grant":"jwt_bearer"}"#, "assertionFile", "assertionEnv, assertionCommand");
    let idp = |rest: &str| format!(r#"{{"grant":"enterprise_managed","clientId":"c"{rest}}}"#);
    assert_refused(r#"{"grant":"enterprise_managed"}"#, "clientId", "enterprise_managed needs it");
    assert_refused(&idp(""), "idpClientId", "enterprise_managed needs it");
    assert_refused(&idp(&format!(",{IDP}")), "idpIdTokenFile", "idpIdTokenEnv, idpIdTokenCommand");
    assert_refused(&idp(r#","idpClientId":"i","idpIdTokenEnv":"T""#), "idpIssuer", "idpTokenUrl");
    let off = r#","tokenUrl":"https://a.example/t","discovery":{"enabled":false},"idpIdTokenEnv":"T","#;
    assert_refused(&idp(&format!("{off}{IDP}")), "idpTokenUrl", "discovery is off");
    let device = |rest: &str| {
        format!(
            r#"{{"grant":"device_code","discovery":{{"enabled":false}},"tokenUrl":"https://a.example/t"{rest}}}"#
        )
    };
    assert_refused(&device(""), "deviceAuthorizationUrl", "discovery is off");
    let given = device(r#","deviceAuthorizationUrl":"https://a.example/d""#);
    assert_eq!(Home::with_oauth2(&given).server(&[]).authorization_url, None);
    assert_refused(
        r#"{"grant":"jwt_bearer","assertionFile":"/a","assertionEnv":"A"}"#,
        "assertionFile",
        "keep one of assertionFile, assertionEnv, assertionCommand",
    );
}

#[test]
fn the_style_at_the_identity_provider_must_fit_what_its_client_has() {
    let with = |rest: &str| {
        format!(r#"{{"grant":"enterprise_managed","clientId":"c",{IDP},"idpIdTokenEnv":"T"{rest}}}"#)
    };
    let method =
        |rest: &str| Home::with_oauth2(&with(rest)).server(&[]).identity_provider.unwrap().auth_method;
    let secret = r#","idpClientSecretFile":"/s""#;
    assert_eq!(method(secret), None);
    for (style, expected) in
        [("header", AuthMethod::ClientSecretBasic), ("body", AuthMethod::ClientSecretPost)]
    {
        assert_eq!(method(&format!(r#"{secret},"idpAuthStyle":"{style}""#)), Some(expected));
    }
    for style in ["body", "none"] {
        assert_eq!(method(&format!(r#","idpAuthStyle":"{style}""#)), Some(AuthMethod::None));
    }
    assert_refused(&with(r#","idpAuthStyle":"header""#), "idpAuthStyle", "needs idpClientSecretFile");
    let none = format!(r#"{secret},"idpAuthStyle":"none""#);
    assert_refused(&with(&none), "idpAuthStyle", "drop one");
    assert_refused(&with(r#","idpAuthStyle":"private_key_jwt""#), "idpAuthStyle", "header, body or none");
}

#[test]
fn jwt_bearer_needs_no_client_and_may_have_one() {
    let server = Home::with_oauth2(r#"{"grant":"jwt_bearer","assertionFile":"/a"}"#).server(&[]);
    assert_eq!((server.client_id, server.assertion.is_given()), (None, true));
    let own = r#"{"grant":"jwt_bearer","assertionFile":"/a","clientId":"c","authStyle":"body"}"#;
    assert_eq!(Home::with_oauth2(own).server(&[]).client_id.as_deref(), Some("c"));
    let secret = r#"{"grant":"jwt_bearer","assertionFile":"/a","clientSecretFile":"/s"}"#;
    assert_refused(secret, "clientId", "client secret needs it");
}

#[cfg(unix)]
#[test]
fn case_6_no_command_gets_the_variable_that_carries_another_secret() {
    let home = Home::with_oauth2(
        r#"{"grant":"jwt_bearer","clientId":"c","clientSecretEnv":"MINE",
            "assertionCommand":["/bin/sh","-c","echo a.b.c${MINE}${OTHER}"]}"#,
    );
    let env = home.env(&[("MINE", "hunter2"), ("OTHER", "x"), ("PATH", "/usr/bin:/bin")]);
    let server = load("x", &env).unwrap().server.unwrap();
    let secrets = Secrets::read(&server, &env, Instant::now() + Duration::from_secs(30)).unwrap();
    assert_eq!(secrets.assertion.unwrap().expose(), "a.b.cx");
    assert_eq!(secrets.client.secret.unwrap().expose(), "hunter2");
}
