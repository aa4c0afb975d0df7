//! The authorization request: its URL, and what must be remembered to judge its answer.
//!
//! Pure but for the random numbers. Issuer, `state` and PKCE verifier are made and kept together, so that an
//! answer can never be matched with the verifier or the issuer of another request (mix-up).

use super::LoginCode;
use crate::config::Server;
use crate::failure::{Code, Failure, Outcome};
use crate::oauth::callback::{Expected, IssuerRule, Listener};
use crate::oauth::known::{self, Unprompted};
use crate::oauth::open::{encode_value, safe_to_open};
use crate::secret::Secret;
use crate::text::one_line;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use std::fmt;
use url::form_urlencoded;

/// Random bytes in a `state` and in a PKCE verifier (RFC 7636, section 4.1, recommends 32).
const RANDOM_BYTES: usize = 32;

/// What `authorizationParams` may not set: this program answers for these, or has a setting for them. A
/// request object (RFC 9101) would replace them all.
const RESERVED: [&str; 11] = [
    "dpop_jkt",
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "resource",
    "request",
    "request_uri",
];

/// The authorization endpoint, and what discovery learned about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizationEndpoint {
    /// `authorization_endpoint`.
    pub url: String,
    /// The issuer, as its metadata spells it; none where it was configured without one.
    pub issuer: Option<String>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207).
    pub iss_parameter_supported: bool,
    /// `resource` (RFC 8707), sent byte for byte; none or empty leaves it out.
    pub resource: Option<String>,
    /// `scope`, space-separated; none or empty leaves it out.
    pub scope: Option<String>,
    /// `dpop_jkt` (RFC 9449, section 10): the thumbprint of the key that the code is bound to.
    pub dpop_jkt: Option<String>,
}

/// One authorization request that may be shown and opened.
#[derive(Clone)]
pub struct Authorization {
    url: String,
    redirect_uri: String,
    state: Secret,
    verifier: Secret,
    issuer: IssuerRule,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Authorization {
    /// Makes a request with a new PKCE pair (S256) and a new `state`, and the URL that carries it.
    ///
    /// # Errors
    /// `untrusted_server` when the endpoint must not be opened (`config_invalid` if it is the configured
    /// one), `config_invalid` when `authorizationParams` sets what it may not.
    pub fn prepare(
        server: &Server,
        endpoint: &AuthorizationEndpoint,
        client_id: &str,
        redirect_uri: &str,
    ) -> Outcome<Self> {
        let made = Self::made(server, endpoint, client_id, redirect_uri, known::UNPROMPTED);
        made.map_err(|failure| failure.of_server(&server.name))
    }

    fn made(
        server: &Server,
        endpoint: &AuthorizationEndpoint,
        client_id: &str,
        redirect_uri: &str,
        unprompted: &[Unprompted],
    ) -> Outcome<Self> {
        let (state, verifier) = (random_text()?, random_text()?);
        let pkce = PkceCodeVerifier::new(verifier.expose().to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&pkce);
        let own = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("scope", endpoint.scope.as_deref().unwrap_or_default()),
            ("state", state.expose()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", challenge.method().as_str()),
            ("resource", endpoint.resource.as_deref().unwrap_or_default()),
            // No standard has it here, but the servers that want it read it here (Auth0).
            ("audience", server.audience.as_deref().unwrap_or_default()),
            ("dpop_jkt", endpoint.dpop_jkt.as_deref().unwrap_or_default()),
            ("prompt", prompt(server, endpoint, unprompted)),
        ];
        let url = request_url(server, &endpoint.url, &own)?;
        let issuer =
            IssuerRule { issuer: endpoint.issuer.clone(), advertised: endpoint.iss_parameter_supported };
        Ok(Self { url, redirect_uri: redirect_uri.to_owned(), state, verifier, issuer })
    }

    /// The URL to show and to open: one argument that no shell could act on. It carries `state`, so it is
    /// for the person alone, not for logs.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The issuer that the answer must be from, where one is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.issuer.as_deref()
    }

    pub(super) fn expected_at(&self, listener: &Listener) -> Expected {
        listener.expected(self.state.clone(), self.issuer.clone())
    }

    pub(super) fn with_code(&self, code: Secret) -> LoginCode {
        LoginCode { code, verifier: self.verifier.clone(), redirect_uri: self.redirect_uri.clone() }
    }
}

/// A server must ignore `offline_access` unless the person is asked for consent (`OpenID` Connect Core 1.0,
/// section 11): without it there is no refresh token. What `authorizationParams` says about it wins, then what is
/// known of the server.
fn prompt(server: &Server, endpoint: &AuthorizationEndpoint, unprompted: &[Unprompted]) -> &'static str {
    let offline =
        endpoint.scope.as_deref().is_some_and(|scope| scope.split(' ').any(|name| name == "offline_access"));
    let configured = server.authorization_params.iter().any(|(name, _)| name == "prompt");
    if !offline || configured {
        return "";
    }
    match known::unprompted(unprompted, server, &endpoint.url) {
        Some(row) => {
            log::info!("{} is not told to ask for consent, a known exception ({})", row.origin, row.source);
            ""
        }
        None => "consent",
    }
}

fn random_text() -> Outcome<Secret> {
    let mut bytes = zeroize::Zeroizing::new([0; RANDOM_BYTES]);
    getrandom::fill(&mut bytes[..]).map_err(|error| {
        Failure::new(Code::Internal, format!("the system gives no random numbers ({error}); try again"))
    })?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(&bytes[..])))
}

/// `endpoint` with its own query kept (RFC 6749, section 3.1), then `own`, then what is configured.
fn request_url(server: &Server, endpoint: &str, own: &[(&str, &str)]) -> Outcome<String> {
    let refused = |why: String| refused_endpoint(server, endpoint, &why);
    let mut query = Query::of(safe_to_open(endpoint).map_err(refused)?);
    for (name, value) in own.iter().filter(|(_, value)| !value.is_empty()) {
        // Whether the person is asked is the endpoint's own business; the rest is ours.
        if !query.set(name, value) && *name != "prompt" {
            return Err(refused(format!("its own query sets `{name}`")));
        }
    }
    let is_ours = |name: &str| RESERVED.contains(&name) || (name == "audience" && server.audience.is_some());
    // An empty value leaves a parameter out that would be sent by itself.
    for (name, value) in server.authorization_params.iter().filter(|(_, value)| !value.is_empty()) {
        if is_ours(name) || !query.set(name, value) {
            return Err(taken_parameter(name));
        }
    }
    safe_to_open(&query.url).map_err(refused)
}

fn refused_endpoint(server: &Server, endpoint: &str, why: &str) -> Failure {
    let shown = one_line(endpoint);
    if server.authorization_url.as_deref() == Some(endpoint) {
        let what = format!("`authorizationUrl` `{shown}` cannot be opened: {why}; correct it");
        return Failure::new(Code::ConfigInvalid, what);
    }
    let what = format!(
        "the server names an authorization endpoint that must not be opened, `{shown}`: {why}; tell its \
         operator, or set `authorizationUrl` if you know the right one"
    );
    Failure::new(Code::UntrustedServer, what)
}

fn taken_parameter(name: &str) -> Failure {
    let what = format!(
        "`authorizationParams` sets `{}`, which is set already and must stand once; remove it (`scope`, \
         `resource`, `audience`, `clientId` and `redirectUri` are settings of their own)",
        one_line(name)
    );
    Failure::new(Code::ConfigInvalid, what)
}

/// A URL that grows by parameters, each name once (RFC 6749, section 3.1).
struct Query {
    url: String,
    present: Vec<(String, String)>,
}

impl Query {
    fn of(url: String) -> Self {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let present = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { url, present }
    }

    /// Appends a parameter unless it is there with the same value. False if it is there with another one.
    fn set(&mut self, name: &str, value: &str) -> bool {
        if let Some((_, present)) = self.present.iter().find(|(present, _)| present == name) {
            return present == value;
        }
        let separator = match self.url.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        for part in [separator, &encode_value(name), "=", &encode_value(value)] {
            self.url.push_str(part);
        }
        self.present.push((name.to_owned(), value.to_owned()));
        true
    }
}

#[cfg(test)]
mod tests;
