//! An OAuth 2.1 authorization server and an MCP server in one process, for tests and demonstrations.
//!
//! It is strict where the specifications are (PKCE, exact redirect URIs, one-time codes, byte-exact `resource`,
//! rotation with reuse detection), bends where a test says so ([`Settings`]), breaks on demand ([`Fault`]), and
//! writes down every request ([`RequestLog`]). Listens on 127.0.0.1 only, over plain HTTP.
//! Not for production: no users, no persistence, no TLS.
//!
//! ```
//! use oauthserver::{Endpoint, Fault, OAuthServer, Settings, Times, browser};
//! use std::time::Duration;
//!
//! let server = OAuthServer::start(Settings::default())?;
//! let login = server.issue_refresh_family("some-client", "read");
//! assert!(server.mcp_accepts(&login.access_token));
//!
//! // The access token ends; the next refresh meets a 503, the one after it succeeds.
//! server.expire_access_tokens();
//! assert!(!server.mcp_accepts(&login.access_token));
//! server.fault(Endpoint::Refresh, Fault::status(503), Times::Next(1));
//! let resource = server.resource();
//! let refresh = [
//!     ("grant_type", "refresh_token"),
//!     ("refresh_token", login.refresh_token.as_str()),
//!     ("client_id", "some-client"),
//!     ("resource", resource.as_str()),
//! ];
//! assert_eq!(browser::post_form(&server.token_endpoint(), &refresh)?.status, 503);
//! assert_eq!(browser::post_form(&server.token_endpoint(), &refresh)?.status, 200);
//! assert_eq!(server.reuses(), 0);
//!
//! // The same refresh token again is reuse: the whole family dies.
//! assert_eq!(browser::post_form(&server.token_endpoint(), &refresh)?.status, 400);
//! assert!(server.family_revoked());
//!
//! // Tests wait for what they need to see, never for time.
//! let seen = server.wait_for(|log| log.refreshes().len() == 3, Duration::from_secs(5));
//! assert!(seen);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The way of a request: `connections` (accept) -> `serve` (read, log, fault, answer) -> `site` (which room) ->
//! one endpoint (`mcp`, `metadata`, `authorize`, `device`, `token`, `register`, `revoke`) -> `state` and `tokens`.

mod answer;
mod assertion;
mod authorize;
pub mod browser;
mod client;
mod client_auth;
mod clock;
mod connections;
mod device;
mod dpop;
mod faults;
mod folder;
mod gate;
mod hs256;
mod jwt;
mod log;
mod logged;
mod mcp;
mod metadata;
mod patch;
mod port;
mod random;
mod register;
mod request;
mod response;
mod revoke;
mod serve;
mod server;
mod settings;
mod shared;
mod site;
mod state;
mod token;
mod tokens;
mod vouched;

pub use client::{AuthMethod, Client};
pub use faults::{Endpoint, Fault, Times};
pub use folder::new_folder;
pub use hs256::Jwt;
pub use log::RequestLog;
pub use logged::{Logged, Phase};
pub use patch::Patch;
pub use port::HeldPort;
pub use server::{Minted, OAuthServer};
pub use settings::{
    Audience, Challenge, Consent, Device, Document, Dpop, ExpiresIn, IssParameter, Provider, RefreshTokens,
    Registration, ResourceRule, Reuse, Rotation, Settings, TokenFormat, Trusted,
};
pub use tokens::TokenStatus;
