//! What a configured client authenticates with, read at the moment when a request needs it. A private key is
//! proved to be one that can sign: before a person is asked anything.

use super::{Environment, Server, invalid};
use crate::failure::Outcome;
use crate::jose::SigningKey;
use crate::secret::Secret;
use crate::text::path_line;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// A private key, and the name that the authorization server knows it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateKey {
    /// The key, as PEM or JWK.
    #[serde(with = "crate::secret::wire")]
    pub text: Secret,
    /// `privateKeyId`, else the `kid` of a JWK.
    pub id: Option<String>,
}

/// What a configured client authenticates with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The client secret.
    #[serde(with = "crate::secret::wire_option")]
    pub secret: Option<Secret>,
    /// The private key.
    pub key: Option<PrivateKey>,
}

impl Server {
    /// What the configured client authenticates with, read now; a command is stopped at `deadline`.
    ///
    /// # Errors
    /// Those of [`SecretSource::read`](super::SecretSource::read), and `config_invalid` for a key that cannot sign.
    pub fn credentials(&self, env: &Environment, deadline: Option<Instant>) -> Outcome<Credentials> {
        let secret = match deadline {
            Some(deadline) => self.client_secret.read_by(env, deadline)?,
            None => self.client_secret.read(env)?,
        };
        let key = match deadline {
            Some(deadline) => self.private_key.read_by(env, deadline)?,
            None => self.private_key.read(env)?,
        };
        Ok(Credentials { secret, key: key.map(|text| self.proved(text)).transpose()? })
    }

    /// The key in `text`, which can sign as the configuration says.
    fn proved(&self, text: Secret) -> Outcome<PrivateKey> {
        let file = self.private_key.file().map(|file| format!(" {}", path_line(file)));
        let file = file.unwrap_or_default();
        let complain =
            |problem: &str| invalid(format!("the private key file{file} (`privateKeyFile`) {problem}"));
        let key = SigningKey::read(&text).map_err(complain)?;
        let fits = key.algorithm().as_str();
        match self.signing_algorithm {
            Some(wanted) if wanted != key.algorithm() => Err(complain(&format!(
                "holds a key for {fits}, but `signingAlgorithm` is {}; change one of them",
                wanted.as_str()
            ))),
            _ => Ok(PrivateKey { text, id: self.private_key_id.clone().or(key.key_id().map(str::to_owned)) }),
        }
    }
}
