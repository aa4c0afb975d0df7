//! The secrets that one token request needs, read together.

use super::{Credentials, Environment, Grant, SecretSource, Server};
use crate::failure::Outcome;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What was read. It crosses to the refresh process over a private socket, and is kept nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// What the configured client authenticates with.
    pub client: Credentials,
    /// What the grant presents: the assertion of `jwt_bearer`, the ID token of `enterprise_managed`.
    #[serde(with = "crate::secret::wire_option")]
    pub assertion: Option<Secret>,
    /// The secret of the client that the identity provider knows.
    #[serde(with = "crate::secret::wire_option")]
    pub idp_client_secret: Option<Secret>,
}

impl Secrets {
    /// Reads what `server` is configured with, anew. A command is stopped at `deadline`.
    ///
    /// # Errors
    /// Those of [`SecretSource::read`] and [`Server::credentials`].
    pub fn read(server: &Server, env: &Environment, deadline: Instant) -> Outcome<Self> {
        let read =
            |source: Option<&SecretSource>| source.map_or(Ok(None), |source| source.read_by(env, deadline));
        let idp = server.identity_provider.as_ref();
        let assertion = match server.grant {
            Grant::JwtBearer => Some(&server.assertion),
            Grant::EnterpriseManaged => idp.map(|idp| &idp.id_token),
            Grant::AuthorizationCode | Grant::DeviceCode | Grant::ClientCredentials => None,
        };
        Ok(Self {
            client: server.credentials(env, Some(deadline))?,
            assertion: read(assertion)?,
            idp_client_secret: read(idp.map(|idp| &idp.client_secret))?,
        })
    }
}
