//! A token request as HTTP. The form and HTTP Basic come from the OAuth library, which is stopped before it
//! sends anything: its errors print what they could not read, so it never gets to see an answer.

use super::{GrantRequest, ProofKey, TokenRequest, extension};
use crate::clock;
use crate::config::AuthMethod;
use crate::failure::{Code, Failure, Outcome};
use crate::jose::SigningKey;
use crate::jose::dpop::{self, Target};
use crate::oauth::client_assertion;
use oauth2::basic::BasicClient;
use oauth2::http::HeaderValue;
use oauth2::http::header::AUTHORIZATION;
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, SyncHttpClient, TokenUrl,
};
use std::cell::RefCell;
use std::fmt;
use zeroize::Zeroizing;

type Library = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// The one POST that `request` asks for (RFC 6749, sections 4.1.3, 4.4.2, 4.5 and 6), with a new proof where a key
/// is to be proved (RFC 9449, section 5).
///
/// # Errors
/// `untrusted_server` when the token endpoint cannot be used, `invalid_client` when the method needs a secret
/// and there is none, `config_invalid` for a redirect URI that is no URL.
pub(super) fn build(request: &TokenRequest, nonce: Option<&str>) -> Outcome<HttpRequest> {
    let client = library(request)?;
    let kept = Keeper::default();
    let assertion = client_assertion::parameters(&request.client)
        .map_err(|failure| failure.of_server(&request.server))?;
    let assertion = assertion.iter().map(|(name, value)| (*name, value.expose()));
    let params = parameters(request).chain(assertion);
    // What the library answers is that it was stopped; it is not looked at.
    match &request.grant {
        GrantRequest::AuthorizationCode { code, verifier, redirect_uri } => {
            let redirect = RedirectUrl::new(redirect_uri.clone()).map_err(|_| bad_redirect(request))?;
            let client = client.set_redirect_uri(redirect);
            let start = client
                .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
                .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()));
            let _ =
                params.fold(start, |made, (name, value)| made.add_extra_param(name, value)).request(&kept);
        }
        GrantRequest::RefreshToken { token } => {
            let token = RefreshToken::new(token.expose().to_owned());
            let start = client.exchange_refresh_token(&token);
            let _ =
                params.fold(start, |made, (name, value)| made.add_extra_param(name, value)).request(&kept);
        }
        GrantRequest::ClientCredentials
        | GrantRequest::DeviceCode { .. }
        | GrantRequest::DeviceAuthorization
        | GrantRequest::JwtBearer { .. }
        | GrantRequest::TokenExchange { .. } => {
            let start = client.exchange_client_credentials();
            let _ =
                params.fold(start, |made, (name, value)| made.add_extra_param(name, value)).request(&kept);
        }
    }
    let mut built = kept.out(request)?;
    if let Some((grant_type, _)) = extension::parameters(&request.grant) {
        let form = Zeroizing::new(std::mem::take(built.body_mut()));
        *built.body_mut() = extension::renamed(&form, grant_type);
    }
    if let Some(dpop) = &request.dpop {
        built.headers_mut().insert("dpop", proof(request, dpop, nonce)?);
    }
    Ok(built)
}

fn proof(request: &TokenRequest, dpop: &ProofKey, nonce: Option<&str>) -> Outcome<HeaderValue> {
    let url =
        crate::oauth::url::endpoint(&request.token_endpoint).map_err(|why| bad_endpoint(request, &why))?;
    let unusable = |why| {
        let message = format!("the key of the login {why}; log in again");
        Failure::new(Code::CacheDamaged, message).of_server(&request.server)
    };
    let key = SigningKey::stored(&dpop.key).map_err(unusable)?;
    let target = Target { method: "POST", url: &url, nonce };
    let proof = dpop::proof(&key, target, None, clock::now()).map_err(unusable)?;
    let mut value = HeaderValue::from_str(&proof).map_err(|_| unusable("makes no proof"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn library(request: &TokenRequest) -> Outcome<Library> {
    let endpoint =
        crate::oauth::url::endpoint(&request.token_endpoint).map_err(|why| bad_endpoint(request, &why))?;
    let client = BasicClient::new(ClientId::new(request.client.client_id.clone()))
        .set_token_uri(TokenUrl::from_url(endpoint))
        .set_auth_type(match request.client.method {
            AuthMethod::ClientSecretBasic => AuthType::BasicAuth,
            AuthMethod::None | AuthMethod::ClientSecretPost | AuthMethod::PrivateKeyJwt => {
                AuthType::RequestBody
            }
        });
    match (&request.client.client_secret, request.client.method) {
        (_, AuthMethod::None | AuthMethod::PrivateKeyJwt) => Ok(client),
        (Some(secret), _) => Ok(client.set_client_secret(ClientSecret::new(secret.expose().to_owned()))),
        (None, method) => Err(no_secret(request, method)),
    }
}

/// The parameters beyond grant and client, in order. `scope` is among them because it is sent byte for
/// byte, and with every grant that has one.
fn parameters(request: &TokenRequest) -> impl Iterator<Item = (&str, &str)> {
    let own = [("scope", &request.scope), ("resource", &request.resource), ("audience", &request.audience)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let of_grant = extension::parameters(&request.grant).map(|(_, parameters)| parameters);
    let own = of_grant.into_iter().flatten().chain(own);
    own.chain(request.extra_params.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

fn bad_endpoint(request: &TokenRequest, why: &str) -> Failure {
    let shown = crate::text::one_line(&request.token_endpoint);
    let message =
        format!("the token endpoint {shown} cannot be used: {why}; check tokenUrl, or log in again");
    Failure::new(Code::UntrustedServer, message).of_server(&request.server)
}

fn bad_redirect(request: &TokenRequest) -> Failure {
    let message = "the redirect URI is not a URL; check redirectUri, callbackHost and callbackPort";
    Failure::new(Code::ConfigInvalid, message).of_server(&request.server)
}

fn no_secret(request: &TokenRequest, method: AuthMethod) -> Failure {
    let message = format!(
        "client authentication `{}` needs a client secret and none is configured; set clientSecretFile \
         (or clientSecret, clientSecretEnv, clientSecretCommand), or authStyle none for a public client",
        method.as_str()
    );
    Failure::new(Code::InvalidClient, message).of_server(&request.server)
}

/// An HTTP client that keeps the request and sends nothing.
#[derive(Default)]
struct Keeper(RefCell<Option<HttpRequest>>);

impl Keeper {
    fn out(self, request: &TokenRequest) -> Outcome<HttpRequest> {
        let mut kept = self.0.into_inner().ok_or_else(|| bad_endpoint(request, "it is no HTTP URL"))?;
        if let Some(value) = kept.headers_mut().get_mut(AUTHORIZATION) {
            value.set_sensitive(true);
        }
        Ok(kept)
    }
}

impl SyncHttpClient for Keeper {
    type Error = Stopped;

    fn call(&self, request: HttpRequest) -> Result<HttpResponse, Stopped> {
        self.0.replace(Some(request));
        Err(Stopped)
    }
}

/// The library was stopped on purpose.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped before sending")
    }
}

impl std::error::Error for Stopped {}
