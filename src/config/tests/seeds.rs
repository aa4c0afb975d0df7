//! Seeds: what must stand beside them, and that no message shows one.

use super::{Home, assert_refused, assert_says};
use crate::config::CodeSeed;
use crate::failure::Code;
use crate::secret::Secret;

const VERIFIER: &str = "0123456789-0123456789.0123456789_0123456789~";

#[test]
fn seeds_are_read_from_the_file_and_from_the_environment() {
    let home = Home::with_oauth2(&format!(
        r#"{{"clientId":"c","redirectUri":"http://127.0.0.1:7/x","refreshToken":"r","authorizationCode":"a","codeVerifier":"{VERIFIER}"}}"#
    ));
    let seeds = home.server(&[]).seeds;
    assert_eq!(seeds.refresh_token, Some(Secret::new("r")));
    assert_eq!(seeds.code, Some(CodeSeed { code: Secret::new("a"), verifier: Secret::new(VERIFIER) }));
    let tried: Vec<&str> = seeds.secrets().iter().map(|seed| seed.expose()).collect();
    assert_eq!(tried, ["r", "a"]);
    let seeds = home.server(&[("OAUTH2_REFRESH_TOKEN", "e"), ("OAUTH2_AUTHORIZATION_CODE", "f")]).seeds;
    assert_eq!((seeds.refresh_token.unwrap().expose(), seeds.code.unwrap().code.expose()), ("e", "f"));
}

#[test]
fn a_seed_without_what_belongs_to_it_is_refused_by_name() {
    assert_refused(r#"{"refreshToken":"r"}"#, "clientId", "`refreshToken` belongs to the client");
    assert_refused(r#"{"clientId":"c","authorizationCode":"a"}"#, "codeVerifier", "PKCE");
    let alone = format!(r#"{{"clientId":"c","codeVerifier":"{VERIFIER}"}}"#);
    assert_refused(&alone, "authorizationCode", "is missing");
    let code = format!(r#""clientId":"c","authorizationCode":"a","codeVerifier":"{VERIFIER}""#);
    assert_refused(&format!("{{{code}}}"), "redirectUri", "redirect URI of its request");
    Home::with_oauth2(&format!(r#"{{{code},"callbackPort":7}}"#)).server(&[]);
    let unattended = r#"{"clientId":"c","refreshToken":"r","grant":"client_credentials"}"#;
    assert_refused(unattended, "refreshToken", "has no use with the grant client_credentials");
}

#[test]
fn what_no_token_and_no_verifier_looks_like_is_refused_and_not_shown() {
    for (key, value) in [
        ("refreshToken", "hunter2\\u0007"),
        ("authorizationCode", "hunter2\\u00e9"),
        ("codeVerifier", "hunter2"),
        ("codeVerifier", "hunter2+0123456789-0123456789.0123456789_0123"),
    ] {
        let home = Home::with_oauth2(&format!(r#"{{"clientId":"c","{key}":"{value}"}}"#));
        let failure = home.refusal(&[]);
        assert_says(&failure, Code::ConfigInvalid, &[key]);
        assert!(!failure.message.contains("hunter2"), "{failure}");
    }
}

#[test]
fn a_token_endpoint_is_enough_for_a_seed_without_discovery() {
    let block = r#"{"clientId":"c","refreshToken":"r","tokenUrl":"https://idp.example.com/t","discovery":{"enabled":false}}"#;
    assert_eq!(Home::with_oauth2(block).server(&[]).authorization_url, None);
    let block = r#"{"clientId":"c","tokenUrl":"https://idp.example.com/t","discovery":{"enabled":false}}"#;
    assert_refused(block, "authorizationUrl", "discovery is off");
}
