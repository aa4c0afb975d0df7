//! Token requests against scripted endpoints: what is sent, and what each answer comes to.

mod extension;
mod granted;
mod refused;
mod shown;

use super::*;
use crate::config::Network;
use crate::failure::Code;
use crate::oauth::http::Limits;
use crate::oauth::testing::{self, Script, Scripted, Seen, closed_port, headed, json, plain};
use base64::Engine;
use serde_json::{Value, json as value};

const REFRESH: &str = "refresh-CANARY-0123456789";
const SECRET: &str = "secret-CANARY+%&ü";

fn asked(endpoint: &str, grant: GrantRequest) -> TokenRequest {
    TokenRequest {
        server: "demo".to_owned(),
        token_endpoint: endpoint.to_owned(),
        client: Client {
            client_id: "my client".to_owned(),
            client_secret: None,
            key: None,
            method: AuthMethod::None,
            dynamic: false,
        },
        grant,
        scope: None,
        resource: None,
        audience: None,
        extra_params: Pairs::default(),
        dpop: None,
    }
}

fn refresh() -> GrantRequest {
    GrantRequest::RefreshToken { token: Secret::new(REFRESH) }
}

fn code() -> GrantRequest {
    GrantRequest::AuthorizationCode {
        code: Secret::new("code-CANARY-0123456789"),
        verifier: Secret::new("verifier-CANARY-0123456789"),
        redirect_uri: "http://127.0.0.1:7777/callback".to_owned(),
    }
}

/// What `script` as a token endpoint makes of a request for `grant`.
fn answer_to(grant: GrantRequest, script: impl Fn(&str, &Seen) -> Script + Send + Sync + 'static) -> Answer {
    let server = Scripted::start(script);
    request(testing::http(), &asked(&server.url("/token"), grant))
}

fn refreshed(status: u16, body: Value) -> Answer {
    answer_to(refresh(), move |_, _| json(status, &body))
}

fn granted(answer: Answer) -> Granted {
    match answer {
        Answer::Granted(granted) => granted,
        other => panic!("{other:?}"),
    }
}

fn transient(answer: Answer) -> Failure {
    match answer {
        Answer::Transient(failure) | Answer::Unexplained(failure) | Answer::Unclear(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn refused(answer: Answer) -> Failure {
    match answer {
        Answer::Refused(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn dead(answer: Answer) -> Failure {
    match answer {
        Answer::Dead(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn token(mut more: Value) -> Value {
    for (name, value) in [("access_token", "at-1"), ("token_type", "Bearer")] {
        more.as_object_mut().unwrap().entry(name).or_insert_with(|| value!(value));
    }
    more
}

#[test]
fn a_refresh_says_grant_token_client_scope_and_resource_byte_for_byte_rule_16() {
    let server =
        Scripted::start(|_, _| json(200, &token(value!({"expires_in": 3600, "refresh_token": "rt-2"}))));
    let mut asked = asked(&server.url("/token?tenant=1"), refresh());
    asked.scope = Some("b  a".to_owned());
    asked.resource = Some("https://MCP.example.com".to_owned());
    asked.audience = Some("api".to_owned());
    asked.extra_params = vec![("x".to_owned(), "1 2".to_owned())].into();
    let answer = granted(request(testing::http(), &asked));
    assert_eq!(answer.expires_in, Some(3600));
    assert_eq!(answer.refresh_token.unwrap().expose(), "rt-2");
    let seen = server.seen();
    assert_eq!(server.lines(), ["POST /token?tenant=1"]);
    assert_eq!(seen[0].header("accept"), Some("application/json"));
    assert_eq!(seen[0].header("authorization"), None);
    let form = seen[0].form();
    let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("grant_type", "refresh_token"),
        ("refresh_token", REFRESH),
        ("client_id", "my client"),
        ("scope", "b  a"),
        ("resource", "https://MCP.example.com"),
        ("audience", "api"),
        ("x", "1 2"),
    ];
    assert_eq!(form, expected);
}

#[test]
fn a_code_is_sent_with_its_verifier_and_its_redirect_uri() {
    let server = Scripted::start(|_, _| json(200, &token(value!({}))));
    granted(request(testing::http(), &asked(&server.url("/token"), code())));
    let seen = server.seen();
    assert_eq!(seen[0].param("grant_type").as_deref(), Some("authorization_code"));
    assert_eq!(seen[0].param("code_verifier").as_deref(), Some("verifier-CANARY-0123456789"));
    assert_eq!(seen[0].param("redirect_uri").as_deref(), Some("http://127.0.0.1:7777/callback"));
    assert_eq!(seen[0].param("resource"), None);
}

#[test]
fn a_secret_goes_into_the_form_or_form_encoded_into_http_basic() {
    let server = Scripted::start(|_, _| json(200, &token(value!({}))));
    let mut asked = asked(&server.url("/token"), GrantRequest::ClientCredentials);
    asked.client.client_secret = Some(Secret::new(SECRET));
    asked.client.method = AuthMethod::ClientSecretPost;
    granted(request(testing::http(), &asked));
    asked.client.method = AuthMethod::ClientSecretBasic;
    granted(request(testing::http(), &asked));
    let seen = server.seen();
    assert_eq!(seen[0].param("client_secret").as_deref(), Some(SECRET));
    // RFC 6749, section 2.3.1: form-encoded first, then HTTP Basic.
    let basic = base64::prelude::BASE64_STANDARD.encode("my+client:secret-CANARY%2B%25%26%C3%BC");
    assert_eq!(seen[1].header("authorization"), Some(format!("Basic {basic}").as_str()));
    assert_eq!(seen[1].param("client_secret"), None);
    assert_eq!(seen[1].param("client_id"), None);
}

#[test]
fn a_public_client_sends_no_secret_even_where_one_is_at_hand() {
    let server = Scripted::start(|_, _| json(200, &token(value!({}))));
    let mut asked = asked(&server.url("/token"), refresh());
    asked.client.client_secret = Some(Secret::new(SECRET));
    granted(request(testing::http(), &asked));
    assert_eq!(server.seen()[0].param("client_secret"), None);
}

#[test]
fn a_method_that_needs_a_secret_is_refused_without_one_and_nothing_is_sent() {
    let server = Scripted::always(200, "application/json", "{}");
    let mut asked = asked(&server.url("/token"), refresh());
    asked.client.method = AuthMethod::ClientSecretBasic;
    let failure = refused(request(testing::http(), &asked));
    assert_eq!(failure.code, Code::InvalidClient);
    assert!(failure.message.contains("clientSecretFile"), "{failure}");
    assert!(server.seen().is_empty());
}

#[test]
fn an_endpoint_in_plain_http_or_another_scheme_gets_nothing() {
    for endpoint in ["http://idp.example.com/token", "file:///etc/passwd", "javascript:alert(1)", ""] {
        let failure = refused(request(testing::http(), &asked(endpoint, refresh())));
        assert_eq!(failure.code, Code::UntrustedServer, "{endpoint}");
    }
}

#[test]
fn the_proxy_of_the_configuration_is_not_used_for_loopback() {
    let network = Network {
        proxy: Some(Secret::new(format!("http://u:p@127.0.0.1:{}", closed_port()))),
        ..Network::default()
    };
    let server = Scripted::start(|_, _| json(200, &token(value!({}))));
    let http = Http::new(&network, Limits::PLAIN).unwrap();
    granted(request(&http, &asked(&server.url("/token"), refresh())));
    assert_eq!(server.seen().len(), 1);
}
