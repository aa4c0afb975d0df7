//! Giving a token back (RFC 7009).

use super::client_assertion;
use super::grant::Client;
use super::http::{Http, TOKEN_LIMIT, Transport, uri};
use super::url::{endpoint, origin};
use crate::config::AuthMethod;
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use crate::text::one_line;
use base64::{Engine, engine::general_purpose::STANDARD};
use oauth2::HttpRequest;
use oauth2::http::{HeaderValue, Method, header};
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

/// What a token is, to help the server find it (RFC 7009, section 2.1, `token_type_hint`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// `refresh_token`
    RefreshToken,
    /// `access_token`
    AccessToken,
}

impl Hint {
    fn as_str(self) -> &'static str {
        match self {
            Self::RefreshToken => "refresh_token",
            Self::AccessToken => "access_token",
        }
    }
}

/// Asks the server at `revocation_endpoint` to revoke `token`. A token that it does not know counts as
/// revoked (section 2.2).
///
/// # Errors
/// `untrusted_server` for an endpoint that must not be used, `config_invalid` for a key that cannot sign,
/// `unavailable` when no answer came, `denied`
/// when the server refuses.
pub fn revoke(
    http: &Http,
    revocation_endpoint: &str,
    client: &Client,
    token: &Secret,
    hint: Hint,
) -> Outcome<()> {
    let url = endpoint(revocation_endpoint).map_err(|why| {
        let shown = one_line(revocation_endpoint);
        Failure::new(Code::UntrustedServer, format!("the revocation endpoint {shown} cannot be used: {why}"))
    })?;
    let at = origin(&url);
    let unreached =
        |fault: Transport| Failure::new(Code::Unavailable, format!("{at} did not revoke the token: {fault}"));
    let mut request = HttpRequest::new(body(client, token, hint)?);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri(&url).map_err(unreached)?;
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form);
    if let Some(basic) = basic(client) {
        request.headers_mut().insert(header::AUTHORIZATION, basic);
    }
    let reply = http.send(request, TOKEN_LIMIT).map_err(unreached)?;
    match reply.status {
        200..=299 => Ok(()),
        429 | 500.. => Err(Failure::new(
            Code::Unavailable,
            format!("{at} could not revoke the token now (HTTP {})", reply.status),
        )),
        status => {
            Err(Failure::new(Code::Denied, format!("{at} refused to revoke the token (HTTP {status})")))
        }
    }
}

fn body(client: &Client, token: &Secret, hint: Hint) -> Outcome<Vec<u8>> {
    let mut form = Serializer::new(String::new());
    form.append_pair("token", token.expose()).append_pair("token_type_hint", hint.as_str());
    if client.method != AuthMethod::ClientSecretBasic {
        form.append_pair("client_id", &client.client_id);
    }
    if let (AuthMethod::ClientSecretPost, Some(secret)) = (client.method, &client.client_secret) {
        form.append_pair("client_secret", secret.expose());
    }
    for (name, value) in client_assertion::parameters(client)? {
        form.append_pair(name, value.expose());
    }
    Ok(form.finish().into_bytes())
}

/// HTTP Basic with both parts form-encoded (RFC 6749, section 2.3.1).
fn basic(client: &Client) -> Option<HeaderValue> {
    let secret = client.client_secret.as_ref().filter(|_| client.method == AuthMethod::ClientSecretBasic)?;
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = Zeroizing::new(format!("{}:{}", encoded(&client.client_id), encoded(secret.expose())));
    let mut value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair.as_bytes()))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(method: AuthMethod) -> Client {
        let client_secret = (method != AuthMethod::None).then(|| Secret::new("s: 1"));
        Client { client_id: "id/1".into(), client_secret, key: None, method, dynamic: false }
    }

    fn sent(method: AuthMethod) -> String {
        String::from_utf8(body(&client(method), &Secret::new("t&1"), Hint::RefreshToken).unwrap()).unwrap()
    }

    #[test]
    fn each_kind_of_client_authenticates_in_its_own_way() {
        assert_eq!(sent(AuthMethod::None), "token=t%261&token_type_hint=refresh_token&client_id=id%2F1");
        assert!(sent(AuthMethod::ClientSecretPost).ends_with("&client_id=id%2F1&client_secret=s%3A+1"));
        assert_eq!(sent(AuthMethod::ClientSecretBasic), "token=t%261&token_type_hint=refresh_token");
        let header = basic(&client(AuthMethod::ClientSecretBasic)).unwrap();
        assert_eq!(header.to_str().unwrap(), format!("Basic {}", STANDARD.encode("id%2F1:s%3A+1")));
        assert_eq!(basic(&client(AuthMethod::ClientSecretPost)), None);
    }
}
