//! Token answers: any status, any header, any bytes.

use super::shown;
use mcp_credential::clock::LAST_SECOND;
use mcp_credential::config::AuthMethod;
use mcp_credential::failure::Failure;
use mcp_credential::oauth::grant::{Answer, Client, GrantRequest, Granted, TokenRequest, Voucher, judge};
use mcp_credential::oauth::http::{Reply, TOKEN_LIMIT, Transport};
use mcp_credential::secret::Secret;

/// The refresh token, code and client secret that the requests here send.
pub const SECRETS: [&str; 3] =
    ["refresh-CANARY-0123456789", "code-CANARY-9876543210", "client-CANARY-5647382910"];

/// One request of each kind.
pub fn requests() -> [TokenRequest; 6] {
    let [refresh, code, assertion] = SECRETS.map(Secret::new);
    let verifier = Secret::new("verifier-of-forty-three-characters-or-more-x");
    let redirect_uri = "http://127.0.0.1:8080/callback".to_owned();
    [
        GrantRequest::RefreshToken { token: refresh },
        GrantRequest::AuthorizationCode { code, verifier, redirect_uri },
        GrantRequest::ClientCredentials,
        GrantRequest::JwtBearer { assertion: assertion.clone(), of: Voucher::Workload },
        GrantRequest::DeviceCode { device_code: assertion.clone() },
        GrantRequest::TokenExchange { id_token: assertion },
    ]
    .map(asked)
}

fn asked(grant: GrantRequest) -> TokenRequest {
    TokenRequest {
        server: "demo".to_owned(),
        token_endpoint: "https://idp.example.com/token".to_owned(),
        client: Client {
            client_id: "the client".to_owned(),
            client_secret: Some(Secret::new(SECRETS[2])),
            key: None,
            method: AuthMethod::ClientSecretBasic,
            dynamic: false,
        },
        grant,
        scope: None,
        resource: None,
        audience: None,
        extra_params: mcp_credential::secret::Pairs::default(),
        dpop: None,
    }
}

/// An answer with this status, `Content-Type` and body.
pub fn reply(status: u16, kind: &str, body: &[u8]) -> Reply {
    let header = "content-type".parse().ok().zip(kind.parse().ok());
    Reply { status, headers: header.into_iter().collect(), body: body.to_vec().into() }
}

/// The law for any complete answer to each request.
pub fn any(status: u16, kind: &str, body: &[u8], sent_at: u64) {
    if body.len() > TOKEN_LIMIT {
        return;
    }
    for request in requests() {
        let answer = judge(&request, Ok(reply(status, kind, body)), sent_at, sent_at);
        check(&request, status, body, sent_at, &answer);
    }
}

/// No transport fault ever kills a token or makes one.
pub fn fault(fault: &Transport) {
    let over = matches!(fault, Transport::TooLarge(reply) if reply.status >= 300);
    for request in requests() {
        match judge(&request, Err(fault.clone()), 0, 0) {
            Answer::Granted(_) | Answer::Dead(_) | Answer::Pending { .. } => {
                panic!("nothing came, and it counts")
            }
            Answer::Ambiguous(_) if over => panic!("a complete status came"),
            Answer::Unreadable(_) => panic!("nothing came to be read"),
            Answer::Transient(failure)
            | Answer::Unexplained(failure)
            | Answer::Unclear(failure)
            | Answer::Ambiguous(failure)
            | Answer::Refused(failure) => {
                shown::message(&failure);
            }
        }
    }
}

fn check(request: &TokenRequest, status: u16, body: &[u8], sent_at: u64, answer: &Answer) {
    let failure = match answer {
        Answer::Granted(granted) => return sound(request, status, sent_at, granted),
        Answer::Dead(failure) => {
            assert!(may_be_dead(&request.grant, status, body), "HTTP {status} killed a token");
            failure
        }
        Answer::Pending { .. } => {
            assert!(matches!(request.grant, GrantRequest::DeviceCode { .. }), "nobody is waited for");
            return;
        }
        Answer::Ambiguous(failure) | Answer::Unreadable(failure) => {
            assert!((200..300).contains(&status), "HTTP {status} is an answer");
            failure
        }
        Answer::Unclear(failure) => {
            assert!(status >= 500, "HTTP {status} is the server's own");
            failure
        }
        Answer::Unexplained(failure) => {
            let refreshes = matches!(request.grant, GrantRequest::RefreshToken { .. });
            assert!(refreshes && matches!(status, 400 | 401), "HTTP {status} says more than nothing");
            failure
        }
        Answer::Transient(failure) | Answer::Refused(failure) => failure,
    };
    says_no_secret(request, failure);
}

fn sound(request: &TokenRequest, status: u16, sent_at: u64, granted: &Granted) {
    assert!((200..300).contains(&status), "HTTP {status} granted something");
    let token = granted.access_token.expose();
    let body = token.trim_end_matches('=');
    assert!(!body.is_empty() && token.len() <= 32 * 1024);
    assert!(body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)), "{token:?}");
    let is_exchange = matches!(request.grant, GrantRequest::TokenExchange { .. });
    let kind = if is_exchange { "N_A" } else { "Bearer" };
    assert_eq!((granted.token_type.as_str(), granted.sent_at), (kind, sent_at));
    let visible =
        |text: &str| !text.trim().is_empty() && text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    assert!(granted.scope.as_deref().is_none_or(visible));
    let refresh = granted.refresh_token.as_ref();
    assert!(refresh.is_none_or(|token| token.expose().bytes().all(|byte| (0x20..0x7f).contains(&byte))));
    let login = matches!(
        request.grant,
        GrantRequest::RefreshToken { .. }
            | GrantRequest::AuthorizationCode { .. }
            | GrantRequest::DeviceCode { .. }
    );
    assert!(refresh.is_none() || login);
    if let (Some(seconds), true) = (granted.expires_in, sent_at < LAST_SECOND) {
        assert!(seconds > 0, "a token that never lived");
        assert!(sent_at.checked_add(seconds).is_some());
    }
}

/// What documents of servers say kills a token: a refusal of it by one of these names. Neither a busy
/// server nor a client that is not accepted.
fn may_be_dead(grant: &GrantRequest, status: u16, body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body).to_lowercase();
    let names: &[&str] = match grant {
        GrantRequest::ClientCredentials
        | GrantRequest::DeviceAuthorization
        | GrantRequest::JwtBearer { .. }
        | GrantRequest::TokenExchange { .. } => return false,
        GrantRequest::DeviceCode { .. } => &["invalid_grant", "expired_token", "incorrect_device_code"],
        GrantRequest::AuthorizationCode { .. } => &["invalid_grant", "bad_verification_code", "invalid_code"],
        GrantRequest::RefreshToken { .. } => &[
            "invalid_grant",
            "bad_refresh_token",
            "invalid_refresh_token",
            "unauthorized_client",
            "invalid_request",
        ],
    };
    // A name may be spelled with escapes; then its letters are not in the body.
    let said = names.iter().any(|name| body.contains(name)) || body.contains(['\\', '%']);
    matches!(status, 200 | 400 | 401 | 403) && said
}

/// The secrets that `request` sent stand in no message. (It knows no others.)
fn says_no_secret(request: &TokenRequest, failure: &Failure) {
    shown::message(failure);
    let message = failure.message.to_lowercase();
    let sent = match &request.grant {
        GrantRequest::RefreshToken { token } => token.expose(),
        GrantRequest::AuthorizationCode { code, .. } => code.expose(),
        GrantRequest::JwtBearer { assertion, .. } => assertion.expose(),
        GrantRequest::TokenExchange { id_token } => id_token.expose(),
        GrantRequest::DeviceCode { device_code } => device_code.expose(),
        GrantRequest::ClientCredentials | GrantRequest::DeviceAuthorization => SECRETS[2],
    };
    for secret in [sent, SECRETS[2]] {
        assert!(!message.contains(&secret.to_lowercase()), "{message:?} shows a secret");
    }
}
