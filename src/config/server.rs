//! A validated server: what every room may rely on once the configuration has been read.
//!
//! Plain values, checked before they get here. They cross to the refresh process as they stand, secrets
//! included, over a private socket and nowhere else.

use super::{SecretSource, Seeds};
use crate::jose::Algorithm;
use crate::secret::{Pairs, Secret};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How early a token is renewed unless the configuration says otherwise, in seconds.
pub const REFRESH_SKEW_SECONDS: u64 = 30;
/// The name that is sent at dynamic registration unless the configuration says otherwise.
pub const CLIENT_NAME: &str = "mcp-credential";

/// How tokens are obtained (`oauth2.grant`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// RFC 6749, section 4.1, with PKCE: a person logs in with a browser.
    #[default]
    AuthorizationCode,
    /// RFC 8628: a person logs in on another device, and enters a code there.
    DeviceCode,
    /// RFC 6749, section 4.4: the client logs in as itself.
    ClientCredentials,
    /// RFC 7523, section 2.1: a workload presents a JWT that its platform gave it.
    JwtBearer,
    /// MCP enterprise-managed authorization: the identity provider vouches for a person who is logged in there
    /// (RFC 8693), and the authorization server takes its word (RFC 7523).
    EnterpriseManaged,
}

impl Grant {
    /// The name in configuration, records and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::DeviceCode => "device_code",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "jwt_bearer",
            Self::EnterpriseManaged => "enterprise_managed",
        }
    }

    /// Whether a new token can be had without a person.
    #[must_use]
    pub fn is_unattended(self) -> bool {
        match self {
            Self::AuthorizationCode | Self::DeviceCode => false,
            Self::ClientCredentials | Self::JwtBearer | Self::EnterpriseManaged => true,
        }
    }
}

/// How the client authenticates at the token endpoint (RFC 7591, `token_endpoint_auth_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client: only `client_id`, in the body.
    None,
    /// HTTP Basic (RFC 6749, section 2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
    /// An assertion that is signed with the client's private key (RFC 7523, section 2.2).
    PrivateKeyJwt,
}

impl AuthMethod {
    /// The registered name of the method.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// Whether a login may start (`interactive`, `--interactive`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interactive {
    /// Only where stderr is a terminal and `CI` is not set.
    #[default]
    Auto,
    /// The caller owns the wait.
    Always,
    /// No browser, whoever asks.
    Never,
}

impl Interactive {
    /// What holds when `later` is stated over this: it wins, except over `never`, which wins always.
    #[must_use]
    pub fn overridden_by(self, later: Self) -> Self {
        if self == Self::Never { self } else { later }
    }
}

/// The `resource` parameter (RFC 8707).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceParameter {
    /// As the protected resource metadata publishes it, else the server's URL.
    #[default]
    Published,
    /// This value, byte for byte.
    Exactly(String),
    /// Left out, for servers that refuse it.
    Omitted,
}

/// Where the person's browser comes back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// Host of the listener and of the redirect URI; an IPv6 address stands without brackets.
    pub host: String,
    /// Fixed port, or 0 for any free one.
    pub port: u16,
    /// How long a login may take, in seconds.
    pub timeout_seconds: u64,
    /// The redirect URI to announce, where it is not derived from host and port.
    pub redirect_uri: Option<String>,
    /// Whether a host that is not loopback was allowed on purpose.
    pub allow_remote: bool,
    /// Whether the person brings the answer by hand, so that nothing listens (`login --paste`); no setting.
    pub pasted: bool,
}

impl Default for Callback {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            timeout_seconds: 300,
            redirect_uri: None,
            allow_remote: false,
            pasted: false,
        }
    }
}

/// The identity provider of `enterprise_managed`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// Its explicit token endpoint (`idpTokenUrl`).
    pub token_url: Option<String>,
    /// Its issuer (`idpIssuer`), whose metadata names the token endpoint where it is not given.
    pub issuer: Option<String>,
    /// The client as the identity provider knows it (`idpClientId`).
    pub client_id: String,
    /// How that client authenticates, where that is stated (`idpAuthStyle`).
    pub auth_method: Option<AuthMethod>,
    /// Where that client's secret comes from; never sent to another process.
    #[serde(skip)]
    pub client_secret: SecretSource,
    /// Where the person's ID token comes from; never sent to another process.
    #[serde(skip)]
    pub id_token: SecretSource,
}

// Five independent switches of one configuration block: an enum of their combinations would hide them.
#[allow(clippy::struct_excessive_bools)]
/// One server as the merged and validated configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Server {
    /// The name that callers use.
    pub name: String,
    /// Canonical URL of the MCP server: lower-case scheme and host, no fragment.
    pub url: String,
    /// How tokens are obtained.
    pub grant: Grant,
    /// Explicit token endpoint; wins over discovery.
    pub token_url: Option<String>,
    /// Explicit authorization endpoint; wins over discovery.
    pub authorization_url: Option<String>,
    /// Explicit device authorization endpoint; wins over discovery.
    pub device_authorization_url: Option<String>,
    /// The pinned issuer of the authorization server.
    pub issuer: Option<String>,
    /// URL of the protected resource metadata (RFC 9728).
    pub metadata_url: Option<String>,
    /// Whether metadata may be fetched at all.
    pub discovery: bool,
    /// Pre-registered client identifier.
    pub client_id: Option<String>,
    /// Where the client secret comes from; never sent to another process.
    #[serde(skip)]
    pub client_secret: SecretSource,
    /// Where the client's private key comes from; never sent to another process.
    #[serde(skip)]
    pub private_key: SecretSource,
    /// The `kid` that the authorization server knows the private key by.
    pub private_key_id: Option<String>,
    /// The algorithm that the private key must be for.
    pub signing_algorithm: Option<Algorithm>,
    /// What a login may begin with that was obtained elsewhere.
    pub seeds: Seeds,
    /// Where the assertion of `jwt_bearer` comes from; never sent to another process.
    #[serde(skip)]
    pub assertion: SecretSource,
    /// The identity provider of `enterprise_managed`.
    pub identity_provider: Option<IdentityProvider>,
    /// The configured client authentication method.
    pub auth_method: Option<AuthMethod>,
    /// URL of a Client ID Metadata Document: the client's identifier where the authorization server reads
    /// such documents.
    pub client_metadata_url: Option<String>,
    /// Whether tokens are bound to a key (RFC 9449); where the server decides, nothing.
    pub dpop: Option<bool>,
    /// The name sent at dynamic registration.
    pub client_name: String,
    /// Configured scope, space-separated.
    pub scope: Option<String>,
    /// `audience` form parameter.
    pub audience: Option<String>,
    /// More form parameters for the token endpoint, in order.
    pub extra_params: Pairs,
    /// More parameters for the authorization request, in order.
    pub authorization_params: Pairs,
    /// How early a token is renewed, in seconds (at most a tenth of its lifetime).
    pub refresh_skew_seconds: u64,
    /// Whether a login may start.
    pub interactive: Interactive,
    /// Where the browser comes back to.
    pub callback: Callback,
    /// What is sent as `resource`.
    pub resource: ResourceParameter,
    /// The exact other name under which the metadata of `issuer` is accepted.
    pub trusted_issuer: Option<String>,
    /// Accept an authorization server that does not advertise PKCE.
    pub allow_missing_pkce_metadata: bool,
    /// Send `scope` with refresh requests.
    pub scope_on_refresh: bool,
    /// Private hosts that this server may name.
    pub allow_private_hosts: Vec<String>,
    /// Refuse callers that state no URL.
    pub require_url: bool,
    /// Extra headers of the `headers` format, in order.
    pub headers: Pairs,
    /// Turn the table of known exceptions off.
    pub strict: bool,
}

impl Server {
    /// The server of a stored login that no configuration speaks of any more, with the default settings.
    #[must_use]
    pub fn unconfigured(name: String, url: String, grant: Grant) -> Self {
        Self {
            name,
            url,
            grant,
            discovery: true,
            client_name: CLIENT_NAME.to_owned(),
            refresh_skew_seconds: REFRESH_SKEW_SECONDS,
            ..Self::default()
        }
    }
}

/// How the network is reached; the same for every leg of every flow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Network {
    /// URL of the proxy for requests that do not go to loopback. It may carry a password.
    #[serde(with = "crate::secret::wire_option")]
    pub proxy: Option<Secret>,
    /// What set the proxy, as messages name it.
    pub proxy_source: Option<String>,
    /// Hosts that are reached without the proxy, comma-separated (`NO_PROXY`).
    pub no_proxy: Option<String>,
    /// PEM file of certificate authorities to trust besides those of the system.
    pub ca_bundle: Option<PathBuf>,
    /// What set that file, as messages name it.
    pub ca_bundle_source: Option<String>,
}
