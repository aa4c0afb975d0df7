//! What a refusal means for the caller, and what to do about it, in words for a person. Pure.

use super::{GrantRequest, TokenRequest, Voucher};
use crate::failure::Code;

/// What a refusal means for the caller, and what to do about it. `None`: it is not known to be one, so it
/// may pass (`temporarily_unavailable`, `server_error`, codes of no standard).
pub(super) fn refusal_of(error: &str, request: &TokenRequest, status: u16) -> Option<(Code, String)> {
    let name = &request.server;
    Some(match error {
        // RFC 6749; GitHub's and Slack's own names for it, from the pages that `dead` names.
        "invalid_client" | "incorrect_client_credentials" | "invalid_client_id" | "bad_client_secret" => {
            (Code::InvalidClient, client_advice(request))
        }
        "invalid_scope" => {
            let next = if request.grant.is_login() { "log in again" } else { "try again" };
            (Code::Denied, format!("change `scope` of {name} in the configuration, then {next}"))
        }
        // RFC 8707, section 2.
        "invalid_target" => (
            Code::Denied,
            format!("set `resource` of {name} to what the server expects, or to \"\" to leave it out"),
        ),
        "unauthorized_client" => {
            (Code::Denied, format!("allow the grant for {} at that server", client(request)))
        }
        "unsupported_grant_type" | "invalid_grant_type" => {
            (Code::Denied, format!("set `grant` of {name} to one that the server supports"))
        }
        "access_denied" if matches!(request.grant, GrantRequest::DeviceCode { .. }) => (
            Code::Denied,
            format!(
                "the login was refused on the other device; run `mcp-credential login {name} --device` to try again"
            ),
        ),
        // RFC 9449, section 5. A nonce that was provided has been tried by now.
        "invalid_dpop_proof" | "use_dpop_nonce" => (Code::Denied, proof_advice(request)),
        "access_denied" => (Code::Denied, "ask whoever runs that server for access".to_owned()),
        "redirect_uri_mismatch" | "bad_redirect_uri" => (
            Code::Denied,
            format!("register the redirect URI there, or set `redirectUri` of {name} to the registered one"),
        ),
        "invalid_request" => {
            let first = if request.grant.is_login() { "log in again if the login is old, else " } else { "" };
            let refreshes = matches!(request.grant, GrantRequest::RefreshToken { .. });
            let more = if refreshes { ", `scopeOnRefresh`" } else { "" };
            (Code::Denied, format!("{first}check `extraParams`, `audience`, `resource`{more} of {name}"))
        }
        // The assertion or client itself was refused: there is no token that could die.
        "invalid_grant" if !request.grant.is_login() && matches!(status, 200 | 400 | 401) => {
            (Code::Denied, assertion_advice(request))
        }
        // OpenID Connect Core, section 3.1.2.6; Entra ID sends them from its token endpoint.
        "interaction_required" | "login_required" | "consent_required" => {
            (Code::InteractionRequired, format!("run `mcp-credential login {name}`"))
        }
        _ => return None,
    })
}

/// What to do when a server does not take the proof of a key, or wants one.
fn proof_advice(request: &TokenRequest) -> String {
    let name = &request.server;
    match &request.grant {
        _ if request.dpop.is_some() => {
            "check that the clock of this machine is right, else ask whoever runs that server".to_owned()
        }
        GrantRequest::TokenExchange { .. } => {
            "it demands the proof of a key (DPoP), which this program makes for no identity provider; ask whoever \
             runs it"
                .to_owned()
        }
        grant => {
            let next = if grant.is_login() { format!("run `mcp-credential login {name}`") } else { "try again".to_owned() };
            format!("that server demands tokens that are bound to a key: set `\"dpop\": true` of {name} in the configuration, then {next}")
        }
    }
}

/// What to do when a server does not take what a grant without a person presents.
pub(super) fn assertion_advice(request: &TokenRequest) -> String {
    let name = &request.server;
    match &request.grant {
        GrantRequest::JwtBearer { of: Voucher::Workload, .. } => format!(
            "it does not accept the assertion: check that the JWT of {name} (`assertionFile`, `assertionEnv` or \
             `assertionCommand`) has not expired, and that it was issued for that server"
        ),
        GrantRequest::JwtBearer { of: Voucher::IdentityProvider, .. } => format!(
            "it does not accept what the identity provider of {name} says: ask whoever runs that server whether it \
             trusts that provider, and whether `clientId` is the client that the provider vouches for"
        ),
        GrantRequest::TokenExchange { .. } => format!(
            "it does not accept the ID token: check that the one of {name} (`idpIdTokenFile`, `idpIdTokenEnv` or \
             `idpIdTokenCommand`) has not expired, and that it was issued to `idpClientId`"
        ),
        _ => client_advice(request),
    }
}

fn client_advice(request: &TokenRequest) -> String {
    let (id, name) = (shown_id(request), &request.server);
    if let GrantRequest::TokenExchange { .. } = request.grant {
        return format!(
            "client `{id}` is not accepted: check `idpClientId` of {name}, whether it needs `idpClientSecretFile`, and \
             `idpAuthStyle`"
        );
    }
    if id.is_empty() {
        return format!(
            "it wants to know the client: set `clientId` of {name}, and its secret if it has one"
        );
    }
    if request.client.dynamic {
        return format!(
            "the registration of client `{id}` is no longer accepted; run `mcp-credential login {name}` to register anew"
        );
    }
    if crate::oauth::url::client_metadata_url(&request.client.client_id).is_ok() {
        return format!(
            "client `{id}` is not accepted: that server must be able to read a client metadata document at that URL, with exactly that `client_id`"
        );
    }
    let secret = match request.client.client_secret {
        _ if request.client.key.is_some() => {
            "`clientId`, `privateKeyFile` and `privateKeyId`, and that its public key is registered,"
        }
        Some(_) => "`clientId`, `clientSecret` (or its file) and `authStyle`",
        None => {
            "`clientId`, and whether it needs a secret (`clientSecretFile`, or `OAUTH2_CLIENT_SECRET` in the environment, \
             which is not set or empty),"
        }
    };
    format!("client `{id}` is not accepted: check {secret} of {name}")
}

fn client(request: &TokenRequest) -> String {
    let id = shown_id(request);
    if id.is_empty() { "this caller".to_owned() } else { format!("client `{id}`") }
}

fn shown_id(request: &TokenRequest) -> String {
    crate::text::one_line(&request.client.client_id)
}
