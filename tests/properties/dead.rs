//! `src/oauth/grant/dead.rs`: what kills a token, and that nothing else does. Every combination is tried.

use crate::laws::token_answer::{reply, requests};
use mcp_credential::oauth::grant::{Answer, GrantRequest, judge};
use serde_json::json;

const STATUSES: [u16; 14] = [200, 201, 302, 400, 401, 402, 403, 404, 409, 422, 429, 500, 502, 503];

/// What servers say about an error.
const SAID: [&str; 6] = [
    "",
    "Unknown or invalid refresh token.",
    "refresh_token is invalid",
    "The refresh token is invalid.",
    "The refresh token is expired",
    "Invalid \"refresh_token\" in request.",
];

const ANY: &[usize] = &[0, 1, 2, 3, 4, 5];

/// Errors that kill nothing.
const HARMLESS: [&str; 6] =
    ["invalid_client", "invalid_scope", "server_error", "temporarily_unavailable", "access_denied", "x"];

/// An error with one of these statuses, and with one of [`SAID`] where the error alone says too little.
type Refusal = (&'static str, &'static [u16], &'static [usize]);

/// What kills a refresh token, as the servers' own pages have it.
const OF_REFRESH_TOKENS: [Refusal; 7] = [
    ("invalid_grant", &[200, 400, 401], ANY),
    ("invalid_grant", &[403], &[1]),
    ("unauthorized_client", &[400, 401, 403], &[2, 3]),
    ("invalid_request", &[400, 401], &[2, 3]),
    ("invalid_request", &[400], &[5]),
    ("bad_refresh_token", &[200, 400, 401], ANY),
    ("invalid_refresh_token", &[200, 400, 401], ANY),
];

/// What kills an authorization code.
const OF_CODES: [Refusal; 3] = [
    ("invalid_grant", &[200, 400, 401], ANY),
    ("bad_verification_code", &[200, 400, 401], ANY),
    ("invalid_code", &[200, 400, 401], ANY),
];

/// What kills a device code.
const OF_DEVICE_CODES: [Refusal; 3] = [
    ("invalid_grant", &[200, 400, 401], ANY),
    ("expired_token", &[200, 400, 401], ANY),
    ("incorrect_device_code", &[200, 400, 401], ANY),
];

/// The errors that kill what `grant` exchanges.
fn deadly(grant: &GrantRequest) -> &'static [Refusal] {
    match grant {
        GrantRequest::RefreshToken { .. } => &OF_REFRESH_TOKENS,
        GrantRequest::AuthorizationCode { .. } => &OF_CODES,
        GrantRequest::DeviceCode { .. } => &OF_DEVICE_CODES,
        GrantRequest::ClientCredentials
        | GrantRequest::DeviceAuthorization
        | GrantRequest::JwtBearer { .. }
        | GrantRequest::TokenExchange { .. } => &[],
    }
}

#[test]
fn only_the_table_of_aliases_kills_a_token() {
    let known = OF_REFRESH_TOKENS.iter().chain(&OF_CODES).chain(&OF_DEVICE_CODES).map(|refusal| refusal.0);
    let errors: Vec<&str> = known.chain(HARMLESS).collect();
    for (error, status) in errors.iter().flat_map(|error| STATUSES.map(|status| (*error, status))) {
        for (said, description) in SAID.iter().enumerate() {
            let body = json!({"error": error, "error_description": description}).to_string();
            for request in requests() {
                let answer = judge(&request, Ok(reply(status, "application/json", body.as_bytes())), 0, 0);
                let kills = |(name, statuses, sentences): &Refusal| {
                    *name == error && statuses.contains(&status) && sentences.contains(&said)
                };
                let dead = deadly(&request.grant).iter().any(kills);
                assert_eq!(matches!(answer, Answer::Dead(_)), dead, "{error} {status} {description}");
            }
        }
    }
}
