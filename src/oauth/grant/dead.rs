//! What kills a refresh token or a code: a proved refusal of it, and nothing else.
//!
//! One table, each row with its source. Whatever is not in it keeps the tokens.

use super::GrantRequest;

/// One way in which a server says that what was exchanged is worth nothing.
struct Row {
    /// `error`.
    error: &'static str,
    /// The HTTP statuses that it comes with.
    statuses: &'static [u16],
    /// What was exchanged.
    of: Exchanged,
    /// Where the code alone says too little: phrases, one of which the description must hold.
    phrases: &'static [&'static str],
}

#[derive(PartialEq)]
enum Exchanged {
    RefreshToken,
    Code,
    DeviceCode,
    Any,
}

/// A device code that nobody has used in time.
pub(super) const EXPIRED: &str = "expired_token";

/// The statuses of a refusal; 200 is what GitHub and Slack answer errors with.
const REFUSALS: &[u16] = &[400, 401, 200];

const TABLE: [Row; 11] = [
    // RFC 6749, section 5.2.
    Row { error: "invalid_grant", statuses: REFUSALS, of: Exchanged::Any, phrases: &[] },
    // Atlassian, "Implementing the refresh token flow", developer.atlassian.com/cloud/oauth: 403 with
    // "Unknown or invalid refresh token."
    Row {
        error: "invalid_grant",
        statuses: &[403],
        of: Exchanged::RefreshToken,
        phrases: &["unknown or invalid refresh token"],
    },
    // auth.atlassian.com, as reported by Parabol in August 2025: "refresh_token is invalid".
    Row {
        error: "unauthorized_client",
        statuses: &[400, 401, 403],
        of: Exchanged::RefreshToken,
        phrases: &["refresh token is invalid"],
    },
    // league/oauth2-server 7 and older (OAuthServerException::invalidRefreshToken): 401 or 400 with "The
    // refresh token is invalid."; Obot's gateway: "refresh_token is invalid".
    Row {
        error: "invalid_request",
        statuses: &[400, 401],
        of: Exchanged::RefreshToken,
        phrases: &["refresh token is invalid"],
    },
    // Authlib 0.10 (RefreshTokenGrant): 400 with `Invalid "refresh_token" in request.`, also for an
    // expired one.
    Row {
        error: "invalid_request",
        statuses: &[400],
        of: Exchanged::RefreshToken,
        phrases: &["invalid refresh token in request"],
    },
    // GitHub, docs.github.com "Refreshing user access tokens", with HTTP 200.
    Row { error: "bad_refresh_token", statuses: REFUSALS, of: Exchanged::RefreshToken, phrases: &[] },
    // GitHub, docs.github.com "Troubleshooting OAuth app access token request errors", with HTTP 200.
    Row { error: "bad_verification_code", statuses: REFUSALS, of: Exchanged::Code, phrases: &[] },
    // RFC 8628, section 3.5.
    Row { error: EXPIRED, statuses: REFUSALS, of: Exchanged::DeviceCode, phrases: &[] },
    // GitHub, docs.github.com "Authorizing OAuth apps", device flow: "The device_code provided is not valid".
    Row { error: "incorrect_device_code", statuses: REFUSALS, of: Exchanged::DeviceCode, phrases: &[] },
    // Slack, docs.slack.dev, method oauth.v2.user.access: "The given refresh token is invalid", HTTP 200.
    Row { error: "invalid_refresh_token", statuses: REFUSALS, of: Exchanged::RefreshToken, phrases: &[] },
    // Slack, the same page: "Value passed for code was invalid."
    Row { error: "invalid_code", statuses: REFUSALS, of: Exchanged::Code, phrases: &[] },
];

/// Whether this answer proves that what `grant` exchanged is spent or dead.
pub(super) fn proves(grant: &GrantRequest, status: u16, error: &str, description: &str) -> bool {
    let exchanged = match grant {
        GrantRequest::AuthorizationCode { .. } => Exchanged::Code,
        GrantRequest::RefreshToken { .. } => Exchanged::RefreshToken,
        GrantRequest::DeviceCode { .. } => Exchanged::DeviceCode,
        GrantRequest::ClientCredentials
        | GrantRequest::DeviceAuthorization
        | GrantRequest::JwtBearer { .. }
        | GrantRequest::TokenExchange { .. } => return false,
    };
    let description = plain(description);
    TABLE.iter().any(|row| {
        row.error == error
            && row.statuses.contains(&status)
            && (row.of == exchanged || row.of == Exchanged::Any)
            && (row.phrases.is_empty() || row.phrases.iter().any(|phrase| description.contains(phrase)))
    })
}

/// Lower case, with `refresh_token` and `"refresh_token"` written as two words.
fn plain(description: &str) -> String {
    let spaced = description.to_ascii_lowercase().replace('_', " ");
    spaced.replace(['"', '\'', '`'], "")
}
