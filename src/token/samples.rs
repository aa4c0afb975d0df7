//! Values for unit tests.

use super::{Clear, NO_PREDECESSOR, TokenRecord};
use crate::config::{AuthMethod, Grant};
use crate::oauth::grant::Granted;
use crate::secret::Secret;
use serde_json::Map;

pub fn clear(obtained_at: u64, lifetime: Option<u64>) -> Clear {
    Clear {
        server: "demo".into(),
        url: "https://mcp.example.com/mcp".into(),
        resource: Some("https://mcp.example.com/mcp".into()),
        issuer: Some("https://idp.example.com".into()),
        token_endpoint: "https://idp.example.com/token".into(),
        revocation_endpoint: None,
        token_endpoint_auth_method: AuthMethod::None,
        client_id: "client".into(),
        grant: Grant::AuthorizationCode,
        token_type: "Bearer".into(),
        scopes: None,
        scopes_requested: Some(vec!["read".into(), "write".into()]),
        obtained_at,
        expires_at: lifetime.map(|seconds| obtained_at + seconds),
        refresh_obtained_at: None,
        can_refresh: false,
        generation: "one".into(),
        predecessor: NO_PREDECESSOR.into(),
        other: Map::new(),
    }
}

pub fn granted(refresh: Option<&str>, expires_in: Option<u64>, scope: Option<&str>) -> Granted {
    Granted {
        access_token: Secret::new("access-2"),
        refresh_token: refresh.map(Secret::new),
        token_type: "Bearer".into(),
        expires_in,
        scope: scope.map(str::to_owned),
        sent_at: 5000,
    }
}

pub fn record(name: &str) -> TokenRecord {
    let first =
        Granted { access_token: Secret::new("access-1"), ..granted(Some("refresh-1"), Some(60), None) };
    let clear = Clear { server: name.into(), ..clear(0, None) };
    TokenRecord::first(clear, &first, "one".into())
}
