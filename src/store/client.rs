//! A client registration on disk: `NAME.client.json`, sealed like a token record and bound to its issuer.

use super::draft::{self, Durable};
use super::file::{self, unwritable};
use super::seal::{self, Kind};
use super::slot::Slot;
use crate::config::AuthMethod;
use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What is known about a registered client and is no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientClear {
    /// The name that callers use for the server.
    pub server: String,
    /// The authorization server that knows this client; no other one ever sees it.
    pub issuer: String,
    /// `client_id`.
    pub client_id: String,
    /// `token_endpoint_auth_method` as the registration returned it.
    pub token_endpoint_auth_method: AuthMethod,
    /// The redirect URIs that were registered.
    pub redirect_uris: Vec<String>,
    /// When it was registered, in seconds since 1970 UTC.
    pub registered_at: u64,
    /// When the secret ends (RFC 7591, section 3.2.1), in seconds since 1970 UTC; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<u64>,
    /// The server has refused the client: the next login registers anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspect: bool,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A stored registration.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientRecord {
    /// What is no secret.
    pub clear: ClientClear,
    /// `client_secret`, where the server issued one.
    pub client_secret: Option<Secret>,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::secret::wire_option")]
    client_secret: Option<Secret>,
}

impl Slot<'_> {
    /// The registration's path.
    #[must_use]
    pub fn client_path(&self) -> PathBuf {
        self.store().cache().join(format!("{}.client.json", self.name()))
    }

    /// The stored registration.
    ///
    /// # Errors
    /// `cache_damaged` or `insecure_storage`; the file is left as it is.
    pub fn client(&self) -> Outcome<Option<ClientRecord>> {
        let path = self.client_path();
        let Some(content) = file::read_private(&path)? else { return Ok(None) };
        let key = self.store().key()?;
        let record = seal::open(&key, Kind::Client, self.name(), &content).ok().and_then(|opened| {
            let clear: ClientClear = serde_json::from_str(opened.clear).ok()?;
            let sealed: Sealed = serde_json::from_slice(&opened.secrets).ok()?;
            Some(ClientRecord { clear, client_secret: sealed.client_secret })
        });
        record.map(Some).ok_or_else(|| {
            let text = format!(
                "{} cannot be read back; it was left in place; erase it with `mcp-credential erase {} --scope client`",
                path.display(),
                self.name()
            );
            Failure::new(Code::CacheDamaged, text).of_server(self.name())
        })
    }

    /// Saves a registration.
    ///
    /// # Errors
    /// `cache_unwritable`, and those of the key.
    pub fn save_client(&self, record: &ClientRecord) -> Outcome<()> {
        self.store().prepare()?;
        let key = self.store().key_for_writing()?;
        let path = self.client_path();
        self.sweep_client();
        let written = serde_json::to_string(&record.clear).map_err(std::io::Error::other).and_then(|clear| {
            let sealed = Sealed { client_secret: record.client_secret.clone() };
            let sealed = Zeroizing::new(serde_json::to_vec(&sealed).map_err(std::io::Error::other)?);
            let content = seal::seal(&key, Kind::Client, self.name(), &clear, &sealed)?;
            draft::replace(&path, &content, Durable::Yes)
        });
        written.map_err(|error| unwritable(&path, &error).of_server(self.name()))
    }

    /// Removes the registration; `false` where there was none.
    ///
    /// # Errors
    /// `cache_unwritable`.
    pub fn erase_client(&self) -> Outcome<bool> {
        let path = self.client_path();
        self.sweep_client();
        file::remove(&path).map_err(|error| unwritable(&path, &error).of_server(self.name()))
    }

    fn sweep_client(&self) {
        draft::sweep(self.store().cache(), &[format!("{}.client.json", self.name())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    fn record() -> ClientRecord {
        ClientRecord {
            clear: ClientClear {
                server: "demo".into(),
                issuer: "https://idp.example.com".into(),
                client_id: "client".into(),
                token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
                redirect_uris: vec!["http://127.0.0.1:7/callback".into()],
                registered_at: 1,
                client_secret_expires_at: None,
                suspect: false,
                other: Map::new(),
            },
            client_secret: Some(Secret::new("client-secret-1")),
        }
    }

    #[test]
    fn a_registration_comes_back_and_its_secret_does_not_stand_in_the_file() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        slot.save_client(&record()).unwrap();
        assert_eq!(slot.client().unwrap(), Some(record()));
        assert!(!std::fs::read_to_string(slot.client_path()).unwrap().contains("client-secret-1"));
        assert!(slot.erase_client().unwrap());
        assert_eq!(slot.client().unwrap(), None);
    }

    #[test]
    fn a_registration_put_at_another_name_is_refused_and_left() {
        let folder = Folder::new();
        let store = folder.store();
        Slot::new(&store, "demo").save_client(&record()).unwrap();
        let other = Slot::new(&store, "other");
        std::fs::copy(Slot::new(&store, "demo").client_path(), other.client_path()).unwrap();
        assert_eq!(other.client().unwrap_err().code, Code::CacheDamaged);
        assert!(other.client_path().exists());
    }
}
