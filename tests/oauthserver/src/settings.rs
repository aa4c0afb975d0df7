//! How the server behaves: every rule that a test may bend, with strict defaults.
//!
//! Plain values, no behaviour. A [`Settings`] is given at start and may be changed while the server runs
//! ([`OAuthServer::reconfigure`](crate::OAuthServer::reconfigure)).

use crate::client::{AuthMethod, Client};
use crate::patch::Patch;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The server's behaviour. Written with struct update syntax:
///
/// ```
/// use oauthserver::{Consent, Settings};
/// use std::time::Duration;
/// let settings = Settings {
///     access_token_ttl: Duration::from_secs(30),
///     consent: Consent::Form,
///     ..Settings::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// TCP port on 127.0.0.1; 0 takes a free one. Read at start only.
    pub port: u16,
    /// Path of the MCP endpoint, `/mcp`. Empty: the endpoint is `/` and the resource has no path at all.
    pub mcp_path: String,
    /// Path of the issuer, such as `/tenant1`; empty for none. A trailing slash stays in the issuer.
    pub issuer_path: String,
    /// The resource identifier (RFC 9728) in place of the MCP URL: published, demanded and used as audience.
    pub resource: Option<String>,
    /// The `issuer` in the authorization server's metadata in place of the true one.
    pub issuer: Option<String>,
    /// The `authorization_servers` of the resource metadata in place of this server.
    pub authorization_servers: Option<Vec<String>>,
    /// Which well-known documents exist.
    pub documents: Vec<Document>,
    /// Changes to the resource metadata document.
    pub resource_metadata: Patch,
    /// Changes to the authorization server's metadata documents.
    pub server_metadata: Patch,

    /// Lifetime of access tokens, whole seconds; zero makes them dead on arrival.
    pub access_token_ttl: Duration,
    /// Lifetime of refresh tokens; none for ever.
    pub refresh_token_ttl: Option<Duration>,
    /// Lifetime of authorization codes.
    pub code_ttl: Duration,
    /// What the token answer says of the lifetime.
    pub expires_in: ExpiresIn,
    /// The spelling of `token_type`.
    pub token_type: String,
    /// Scope that is granted in place of the one that was asked for.
    pub granted_scope: Option<String>,
    /// Changes to a successful token answer.
    pub token_answer: Patch,
    /// Encoding of token answers and errors.
    pub token_format: TokenFormat,
    /// Status of token endpoint errors in place of 400 or 401 (GitHub answers them with 200).
    pub token_error_status: Option<u16>,
    /// Who gets a refresh token.
    pub refresh_tokens: RefreshTokens,
    /// What a refresh does to the refresh token.
    pub rotation: Rotation,
    /// What happens when a redeemed refresh token comes again.
    pub reuse: Reuse,

    /// What is demanded of the `resource` parameter (RFC 8707).
    pub resource_rule: ResourceRule,
    /// The `audience` that a client credentials request must carry (Auth0); none demands nothing.
    pub audience: Option<String>,
    /// `scopes_supported` of both metadata documents; empty leaves the member out.
    pub scopes_supported: Vec<String>,
    /// Whether the authorization server lists `offline_access` among its scopes.
    pub offline_access: bool,
    /// What the 401 of the MCP endpoint says.
    pub challenge: Challenge,
    /// Scopes that the MCP endpoint demands by JSON-RPC method (`*` for all): else 403 `insufficient_scope`.
    pub required_scopes: Vec<(String, String)>,

    /// What the authorization endpoint does with a valid request.
    pub consent: Consent,
    /// The `iss` parameter of the authorization response (RFC 9207).
    pub iss: IssParameter,
    /// `code_challenge_methods_supported`; none leaves the member out.
    pub pkce_methods: Option<Vec<String>>,
    /// Client authentication methods, advertised and accepted at registration.
    pub auth_methods: Vec<AuthMethod>,
    /// Dynamic registration (RFC 7591).
    pub registration: Registration,
    /// Pre-registered clients.
    pub clients: Vec<Client>,
    /// Tokens that are bound to a key (RFC 9449).
    pub dpop: Dpop,
    /// Whose assertions are taken (RFC 7523, section 2.1); empty: there is no such grant.
    pub trusted_issuers: Vec<Trusted>,
    /// The identity provider's side: token exchange for an ID-JAG (RFC 8693); none: there is no such grant.
    pub identity_provider: Option<Provider>,
    /// Device authorization (RFC 8628); none: there is no such endpoint, and no such grant.
    pub device: Option<Device>,
    /// Whether there is a revocation endpoint (RFC 7009).
    pub revocation: bool,
    /// Whether connections are kept open between requests.
    pub keep_alive: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: 0,
            mcp_path: "/mcp".to_owned(),
            issuer_path: String::new(),
            resource: None,
            issuer: None,
            authorization_servers: None,
            documents: vec![Document::ResourcePath, Document::ResourceRoot, Document::OAuthInsert],
            resource_metadata: Patch::new(),
            server_metadata: Patch::new(),
            access_token_ttl: Duration::from_secs(3600),
            refresh_token_ttl: None,
            code_ttl: Duration::from_secs(60),
            expires_in: ExpiresIn::Lifetime,
            token_type: "Bearer".to_owned(),
            granted_scope: None,
            token_answer: Patch::new(),
            token_format: TokenFormat::Json,
            token_error_status: None,
            refresh_tokens: RefreshTokens::ByGrantType,
            rotation: Rotation::Rotate,
            reuse: Reuse::RevokeFamily,
            resource_rule: ResourceRule::Exact,
            audience: None,
            scopes_supported: Vec::new(),
            offline_access: false,
            challenge: Challenge::default(),
            required_scopes: Vec::new(),
            consent: Consent::Auto,
            iss: IssParameter::default(),
            pkce_methods: Some(vec!["S256".to_owned()]),
            auth_methods: vec![AuthMethod::None, AuthMethod::Basic, AuthMethod::Post],
            registration: Registration::default(),
            clients: Vec::new(),
            dpop: Dpop::default(),
            trusted_issuers: Vec::new(),
            device: None,
            identity_provider: None,
            revocation: true,
            keep_alive: false,
        }
    }
}

/// Device authorization (RFC 8628).
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// The pause that polls must keep, whole seconds.
    pub interval: Duration,
    /// How long the codes live, whole seconds.
    pub lifetime: Duration,
    /// Changes to the answer with the codes.
    pub answer: Patch,
}

impl Default for Device {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), lifetime: Duration::from_secs(600), answer: Patch::new() }
    }
}

/// Somebody whose signature counts.
#[derive(Clone, PartialEq, Eq)]
pub struct Trusted {
    /// `iss` of what it signs.
    pub issuer: String,
    /// The key that it signs with ([`Jwt`](crate::Jwt)).
    pub key: String,
}

impl fmt::Debug for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trusted({})", self.issuer)
    }
}

/// An identity provider: what it signs with, and for whom it vouches.
#[derive(Clone, PartialEq, Eq)]
pub struct Provider {
    /// The key of its ID tokens and ID-JAGs.
    pub key: String,
    /// The authorization servers that its administrator allows.
    pub audiences: Vec<Audience>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({:?})", self.audiences)
    }
}

/// An authorization server that people are sent to with an ID-JAG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience {
    /// Its issuer.
    pub issuer: String,
    /// The resource behind it.
    pub resource: String,
    /// The client, as that authorization server knows it.
    pub client_id: String,
}

/// A well-known document. `<mcp>` is the path of the MCP endpoint, `<issuer>` that of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `/.well-known/oauth-protected-resource<mcp>` (RFC 9728, section 3.1).
    ResourcePath,
    /// `/.well-known/oauth-protected-resource`.
    ResourceRoot,
    /// `/.well-known/oauth-authorization-server<issuer>` (RFC 8414, section 3.1).
    OAuthInsert,
    /// `/.well-known/openid-configuration<issuer>`.
    OidcInsert,
    /// `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery, section 4).
    OidcAppend,
}

/// The `expires_in` of a token answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpiresIn {
    /// The true lifetime in seconds.
    Lifetime,
    /// Left out (Salesforce).
    Omit,
    /// This value, whatever it is.
    Raw(Value),
}

/// The encoding of the token endpoint's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// `application/json`, as RFC 6749 demands.
    Json,
    /// `application/x-www-form-urlencoded` (GitHub, unless asked).
    Form,
}

/// Who gets a refresh token out of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshTokens {
    /// Clients that registered the grant type `refresh_token`.
    ByGrantType,
    /// Those of them that asked for the scope `offline_access` (Atlassian).
    NeedOfflineAccess,
    /// Nobody.
    Never,
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Replaces it; the old one is spent.
    Rotate,
    /// The same, and the family's earlier access tokens end at once.
    RotateAll,
    /// Keeps it, and repeats it in the answer.
    Repeat,
    /// Keeps it, and leaves `refresh_token` out of the answer.
    Omit,
}

/// What happens when a spent refresh token is presented again. Every presentation counts as a reuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// `invalid_grant`, and every refresh and access token of the family dies (RFC 9700, section 4.14.2).
    RevokeFamily,
    /// `invalid_grant`, and the family lives on.
    Refuse,
    /// It is redeemed as if it were not spent.
    Accept,
    /// Redeemed within that time after it was spent (Okta, about 30 s); after it, like `RevokeFamily`.
    Grace(Duration),
}

/// What is demanded of the `resource` parameter of authorization, token and refresh requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceRule {
    /// Present exactly once and equal to the published identifier byte for byte, else `invalid_target`.
    Exact,
    /// Nothing.
    Ignore,
    /// It must be absent, else `invalid_target` (Entra ID).
    Refuse,
}

/// The 401 of the MCP endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whether it carries `resource_metadata` (RFC 9728, section 5.1).
    pub resource_metadata: bool,
    /// Its `scope`.
    pub scope: Option<String>,
    /// These `WWW-Authenticate` headers in its place, one each; an empty list sends none.
    pub raw: Option<Vec<String>>,
}

impl Default for Challenge {
    fn default() -> Self {
        Self { resource_metadata: true, scope: None, raw: None }
    }
}

/// What the authorization endpoint does with a valid request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Redirects at once with a code.
    Auto,
    /// Shows a page whose form must be posted; [`browser::visit`](crate::browser::visit) approves it.
    Form,
    /// Redirects with `error=access_denied`.
    Deny,
    /// Answers 200 and never redirects.
    Silent,
}

/// The `iss` parameter of the authorization response (RFC 9207).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssParameter {
    /// Whether the metadata says `authorization_response_iss_parameter_supported`.
    pub advertised: bool,
    /// Whether it is sent.
    pub sent: bool,
    /// The value in place of the true issuer.
    pub value: Option<String>,
}

impl Default for IssParameter {
    fn default() -> Self {
        Self { advertised: true, sent: true, value: None }
    }
}

/// Tokens that are bound to a key (RFC 9449). Off by default: a proof is not looked at.
// Independent switches: an enum of their combinations would hide them.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dpop {
    /// A proof at the token endpoint binds the token, and the metadata says `dpop_signing_alg_values_supported`.
    pub offered: bool,
    /// The MCP endpoint takes bound tokens alone, and says so in its challenge and its metadata (RFC 9728,
    /// `dpop_bound_access_tokens_required`); the token endpoint refuses requests without a proof.
    pub required: bool,
    /// Whether the challenge of the MCP endpoint has the scheme `Bearer` all the same.
    pub bearer_challenge: bool,
    /// The token endpoint demands a nonce.
    pub token_nonce: bool,
    /// The MCP endpoint demands a nonce, another one.
    pub mcp_nonce: bool,
    /// The answer says `Bearer`, whatever was proved.
    pub ignored: bool,
}

/// Dynamic client registration (RFC 7591).
#[derive(Clone, Debug)]
pub struct Registration {
    /// Whether it exists at all.
    pub enabled: bool,
    /// Status of a success: 201, or 200 as some servers answer.
    pub status: u16,
    /// The method that every client is given, whatever it asked for.
    pub auth_method: Option<AuthMethod>,
    /// Whether loopback redirect URIs need `application_type` `native` (OpenID Connect Registration, section 2;
    /// MCP 2026-07-28 demands it of clients). The default of that member is `web`.
    pub native_only: bool,
    /// Whether a registered loopback redirect URI stands for every port (RFC 8252, section 7.3).
    pub any_loopback_port: bool,
    /// Lifetime of an issued secret; none for ever.
    pub secret_ttl: Option<Duration>,
    /// Changes to the registration answer.
    pub answer: Patch,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            enabled: true,
            status: 201,
            auth_method: None,
            native_only: true,
            any_loopback_port: true,
            secret_ttl: None,
            answer: Patch::new(),
        }
    }
}
