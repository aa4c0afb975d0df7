//! The grants beyond RFC 6749, whose names are URIs (section 4.5): their own parameters.
//!
//! The OAuth library does not know them. It builds the request of `client_credentials`, which has no parameter of
//! its own and every way of client authentication, and the grant's name is put in place afterwards.

use super::GrantRequest;
use url::form_urlencoded;

/// The type of the assertion that an identity provider gives (draft-ietf-oauth-identity-assertion-authz-grant).
pub(super) const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// RFC 8693, section 3.
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// The type of the device grant (RFC 8628, section 3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// `grant_type` and the other parameters of an extension grant; `None` for the grants of RFC 6749.
pub(super) fn parameters(grant: &GrantRequest) -> Option<(&'static str, Vec<(&'static str, &str)>)> {
    match grant {
        GrantRequest::AuthorizationCode { .. }
        | GrantRequest::RefreshToken { .. }
        | GrantRequest::ClientCredentials => None,
        GrantRequest::DeviceCode { device_code } => {
            Some((DEVICE_CODE, vec![("device_code", device_code.expose())]))
        }
        GrantRequest::DeviceAuthorization => Some(("", Vec::new())),
        GrantRequest::JwtBearer { assertion, .. } => {
            Some(("urn:ietf:params:oauth:grant-type:jwt-bearer", vec![("assertion", assertion.expose())]))
        }
        GrantRequest::TokenExchange { id_token } => Some((
            "urn:ietf:params:oauth:grant-type:token-exchange",
            vec![
                ("requested_token_type", ID_JAG),
                ("subject_token", id_token.expose()),
                ("subject_token_type", ID_TOKEN),
            ],
        )),
    }
}

/// `form` with `grant_type` in the place of the one that is there, or with none where it is empty; and without an
/// empty `client_id`: a request need not name a client (RFC 7521, section 4.1).
pub(super) fn renamed(form: &[u8], grant_type: &str) -> Vec<u8> {
    let mut renamed = form_urlencoded::Serializer::new(String::with_capacity(form.len() + 64));
    for (name, value) in form_urlencoded::parse(form) {
        match &*name {
            "grant_type" if grant_type.is_empty() => continue,
            "grant_type" => renamed.append_pair(&name, grant_type),
            "client_id" if value.is_empty() => continue,
            _ => renamed.append_pair(&name, &value),
        };
    }
    renamed.finish().into_bytes()
}
