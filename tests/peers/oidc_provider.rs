//! oidc-provider: a certified authorization server, with every rule of its own left in force.

use crate::peer::Peer;
use std::ops::Deref;

/// A running oidc-provider.
pub struct Provider(Peer);

impl Provider {
    /// Starts the server; access tokens live for `access_token_ttl` seconds.
    pub fn start(access_token_ttl: u32) -> Self {
        Self::with(access_token_ttl, &[])
    }

    /// The same with more options.
    pub fn with(access_token_ttl: u32, more: &[&str]) -> Self {
        let ttl = access_token_ttl.to_string();
        Self(Peer::node("oidc-provider/server.mjs", &[&["--access-token-ttl", &ttl], more].concat()))
    }

    /// Starts the server with an issuer that has a path. Its metadata then lies behind that path alone, where
    /// `OpenID` Connect Discovery appends it.
    pub fn start_at(issuer_path: &str) -> Self {
        Self(Peer::node("oidc-provider/server.mjs", &["--issuer-path", issuer_path]))
    }

    /// The id and the secret of the service client made for this way to authenticate: `header` or `body`.
    pub fn service(&self, auth_style: &str) -> (&str, &str) {
        let client = &self.said("clients")[auth_style];
        (client["id"].as_str().unwrap(), client["secret"].as_str().unwrap())
    }
}

impl Deref for Provider {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.0
    }
}
