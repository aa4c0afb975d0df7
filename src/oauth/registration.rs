//! Dynamic client registration (RFC 7591), and what to tell a person where there is none.
//!
//! It registers and reads the answer; it keeps nothing, so the caller must write the result down before it
//! is used, and must not come here again while it is good: servers block clients that register at every
//! start. Limits: no initial access token, no software statement, and the registration is not managed
//! afterwards (RFC 7592).

mod answer;
mod enough;
mod refusal;
#[cfg(test)]
mod tests;

use crate::config::{AuthMethod, Server};
use crate::failure::{Failure, Outcome};
use crate::oauth::client_auth::by_name;
use crate::oauth::discovery::Discovered;
use crate::oauth::grant::DEVICE_CODE;
use crate::oauth::http::{Http, Reply, TOKEN_LIMIT, Transport};
use crate::secret::Secret;
use oauth2::HttpRequest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use answer::LONGEST_CREDENTIAL;

/// A client as the authorization server registered it. It belongs to the issuer that it was registered
/// with and to no other (rule 12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`, where the method needs one. Written out by serde: seal what holds it.
    #[serde(with = "crate::secret::wire_option")]
    pub client_secret: Option<Secret>,
    /// The method that came back, which may not be the one that was asked for.
    pub method: AuthMethod,
    /// The redirect URIs that were asked for and taken, byte for byte as asked for.
    pub redirect_uris: Vec<String>,
    /// Whether it may log in on another device, as far as the answer says it.
    pub for_devices: bool,
    /// When the secret ends, in seconds since 1970 UTC; absent when it does not.
    pub client_secret_expires_at: Option<u64>,
    /// When it was registered, in seconds since 1970 UTC, by our own clock.
    pub issued_at: u64,
}

/// Registers a native client for `server` with the redirect URIs that the login will use; `for_devices` lets it
/// log in on another device as well.
///
/// A refusal of the wanted scope is answered with one more request without it; nothing else is tried twice.
///
/// # Errors
/// `config_invalid` where nobody registers clients: it says what to register by hand and which keys to set.
/// `denied` for a refusal, with what to change; `rate_limited` and `unavailable`; `untrusted_server` for an
/// answer that must not be used.
pub fn register(
    http: &Http,
    server: &Server,
    discovered: &Discovered,
    redirect_uris: &[String],
    for_devices: bool,
) -> Outcome<Registered> {
    let order = Order { http, server, discovered, redirect_uris, for_devices };
    let registered = match discovered.registration_endpoint.as_deref() {
        Some(endpoint) => order.place(endpoint),
        None => Err(refusal::by_hand(&order, "has no registration endpoint")),
    };
    registered.map_err(|failure| failure.of_server(&server.name))
}

/// Everything that one registration is about.
struct Order<'a> {
    http: &'a Http,
    server: &'a Server,
    discovered: &'a Discovered,
    redirect_uris: &'a [String],
    for_devices: bool,
}

impl Order<'_> {
    fn place(&self, endpoint: &str) -> Outcome<Registered> {
        let scope = self.discovered.scope.as_deref();
        match (self.once(endpoint, scope)?, scope) {
            (Ok(registered), _) => Ok(registered),
            (Err(refused), Some(_)) if refused.may_be_the_scope => {
                self.once(endpoint, None)?.map_err(|second| second.failure)
            }
            (Err(refused), _) => Err(refused.failure),
        }
    }

    /// One request. The inner error is a refusal, the outer one anything that ends the matter.
    fn once(&self, endpoint: &str, scope: Option<&str>) -> Outcome<Result<Registered, refusal::Refused>> {
        let reply = self.send(endpoint, scope).map_err(|fault| refusal::fault(self, &fault))?;
        match reply.status {
            200..=299 => answer::read(self, &reply),
            _ => refusal::judge(self, &reply),
        }
    }

    fn send(&self, endpoint: &str, scope: Option<&str>) -> Result<Reply, Transport> {
        let unusable = |_| Transport::NotSent("its registration endpoint is not a usable URL".to_owned());
        let url = crate::oauth::url::endpoint(endpoint).map_err(unusable)?;
        let mut request = HttpRequest::new(self.wishes(scope).to_string().into_bytes());
        *request.method_mut() = oauth2::http::Method::POST;
        *request.uri_mut() = crate::oauth::http::uri(&url)?;
        for name in ["accept", "content-type"] {
            let json = oauth2::http::HeaderValue::from_static("application/json");
            request.headers_mut().insert(name, json);
        }
        self.http.send(request, TOKEN_LIMIT)
    }

    /// The client metadata (RFC 7591, section 2; `application_type` of `OpenID` Connect Registration, section
    /// 2). No `resource`: it is no client metadata, and Keycloak refuses it.
    fn wishes(&self, scope: Option<&str>) -> Value {
        let name = Some(self.server.client_name.as_str()).filter(|name| !name.is_empty());
        let mut wishes = json!({
            "client_name": name.unwrap_or("mcp-credential"),
            "application_type": "native",
            "redirect_uris": self.redirect_uris,
            "grant_types": self.grants(),
            "response_types": ["code"],
            "token_endpoint_auth_method": self.wanted_method().as_str(),
        });
        if let Some(scope) = scope {
            wishes["scope"] = scope.into();
        }
        wishes
    }

    /// The grants of a login, and that of a login on another device where one is wanted (RFC 8628, section 3.4).
    fn grants(&self) -> Vec<&'static str> {
        let devices = self.for_devices.then_some(DEVICE_CODE);
        ["authorization_code", "refresh_token"].into_iter().chain(devices).collect()
    }

    /// The configured method; else `none` for a native client (RFC 8252, section 8.5), where the server
    /// lists it or says nothing; else the first listed one that we can use.
    fn wanted_method(&self) -> AuthMethod {
        let listed = self.discovered.token_endpoint_auth_methods.as_deref().unwrap_or_default();
        let usable = || listed.iter().filter_map(|name| by_name(name));
        match self.server.auth_method {
            // Such a client is known by its keys, which are not sent here.
            Some(method) if method != AuthMethod::PrivateKeyJwt => method,
            _ if usable().any(|method| method == AuthMethod::None) => AuthMethod::None,
            _ => usable().next().unwrap_or(AuthMethod::None),
        }
    }

    /// The authorization server in a message.
    fn host(&self) -> String {
        let url = self.discovered.registration_endpoint.as_deref().unwrap_or(&self.discovered.token_endpoint);
        url::Url::parse(url)
            .map_or_else(|_| "the authorization server".to_owned(), |url| crate::oauth::url::origin(&url))
    }

    fn failure(&self, code: crate::failure::Code, what: &str) -> Failure {
        Failure::new(code, format!("the authorization server at {} {what}", self.host()))
    }
}
