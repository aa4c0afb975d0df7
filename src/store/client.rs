//! The client registrations of one server on disk: `NAME.client.json`, sealed like a token record.
//!
//! Each is bound to its issuer. The file holds the newest one and, beside it, the one that the stored token
//! belongs to, where that is another: a login that is begun at a new issuer and never finished must not cost
//! the login that is there.

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
    /// Whether it may log in on another device (RFC 8628).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_devices: bool,
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
    /// An older registration that is still needed. It has none itself.
    pub former: Option<Box<ClientRecord>>,
    /// Sealed members that this version does not know, as raw JSON; carried over on rewrite.
    pub other: Vec<(String, Secret)>,
}

impl ClientRecord {
    /// The registrations of this record, the newest first.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.former.as_deref())
    }

    /// The registration of that identifier alone.
    #[must_use]
    pub fn named(&self, client_id: &str) -> Option<Self> {
        let found = self.all().find(|record| record.clear.client_id == client_id)?;
        Some(Self { former: None, ..found.clone() })
    }

    fn sealed(&self) -> Sealed {
        let former = self.former.as_ref().map(|former| Former {
            clear: former.clear.clone(),
            client_secret: former.client_secret.clone(),
            other: unknown(&former.other),
        });
        Sealed { client_secret: self.client_secret.clone(), former, other: unknown(&self.other) }
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::secret::wire_option")]
    client_secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<Former>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Former {
    clear: ClientClear,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::secret::wire_option")]
    client_secret: Option<Secret>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Former {
    fn record(self) -> Box<ClientRecord> {
        Box::new(ClientRecord {
            clear: self.clear,
            client_secret: self.client_secret,
            former: None,
            other: hidden(self.other),
        })
    }
}

/// Whatever a newer version seals may be a secret.
fn hidden(members: Map<String, Value>) -> Vec<(String, Secret)> {
    members.into_iter().map(|(name, value)| (name, Secret::new(value.to_string()))).collect()
}

fn unknown(members: &[(String, Secret)]) -> Map<String, Value> {
    let read =
        |(name, raw): &(String, Secret)| Some((name.clone(), serde_json::from_str(raw.expose()).ok()?));
    members.iter().filter_map(read).collect()
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
            let former = sealed.former.map(Former::record);
            let other = hidden(sealed.other);
            Some(ClientRecord { clear, client_secret: sealed.client_secret, former, other })
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
            let sealed = Zeroizing::new(serde_json::to_vec(&record.sealed()).map_err(std::io::Error::other)?);
            let content = seal::seal(&key, Kind::Client, self.name(), &clear, &sealed)?;
            draft::replace(&path, &content, Durable::Yes)
        });
        written.map_err(|error| unwritable(&path, &error).of_server(self.name()))
    }

    /// Notes whether the server has refused the client of that identifier. One that is not stored is passed
    /// over, and where nothing changes nothing is written. The caller has the login lock, as whoever registers.
    ///
    /// # Errors
    /// Those of reading and saving.
    pub fn mark_client(&self, client_id: &str, suspect: bool) -> Outcome<()> {
        self.marked(client_id, suspect)?.map_or(Ok(()), |record| self.save_client(&record))
    }

    /// The same for a caller without the login lock. While a login is under way nothing is noted: what it registers
    /// must not be lost.
    ///
    /// # Errors
    /// As [`Slot::mark_client`], and those of the lock.
    pub fn mark_client_apart(&self, client_id: &str, suspect: bool) -> Outcome<()> {
        if self.marked(client_id, suspect)?.is_none() {
            return Ok(());
        }
        match self.login_lock().try_take()? {
            Some(_held) => self.mark_client(client_id, suspect),
            None => Ok(()),
        }
    }

    /// The registrations with that mark; `None` where it changes nothing.
    fn marked(&self, client_id: &str, suspect: bool) -> Outcome<Option<ClientRecord>> {
        let Some(mut record) = self.client()? else { return Ok(None) };
        let changed = |of: &mut ClientClear| {
            of.client_id == client_id && std::mem::replace(&mut of.suspect, suspect) != suspect
        };
        let newest = changed(&mut record.clear);
        let any = newest || record.former.as_mut().is_some_and(|former| changed(&mut former.clear));
        Ok(any.then_some(record))
    }

    /// Removes the registration, and what is known about the issuers of configured clients; `false` where there was
    /// neither.
    ///
    /// # Errors
    /// `cache_unwritable`.
    pub fn erase_client(&self) -> Outcome<bool> {
        let path = self.client_path();
        self.sweep_client();
        self.state().forget_doubt();
        let erased = file::remove(&path).map_err(|error| unwritable(&path, &error).of_server(self.name()))?;
        Ok(self.forget_issuers()? || erased)
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
                for_devices: false,
                registered_at: 1,
                client_secret_expires_at: None,
                suspect: false,
                other: Map::new(),
            },
            client_secret: Some(Secret::new("client-secret-1")),
            former: None,
            other: Vec::new(),
        }
    }

    #[test]
    fn the_registration_of_the_stored_token_stays_beside_a_newer_one() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let mut newer = record();
        newer.clear.client_id = "newer".into();
        newer.clear.issuer = "https://other.example.com".into();
        newer.former = Some(Box::new(record()));
        slot.save_client(&newer).unwrap();
        assert!(!std::fs::read_to_string(slot.client_path()).unwrap().contains("client-secret-1"));
        let stored = slot.client().unwrap().unwrap();
        assert_eq!(stored, newer);
        assert_eq!(stored.named("client"), Some(record()));
        assert_eq!(stored.named("newer").unwrap().former, None);
        assert_eq!(stored.named("nobody"), None);
        for (id, suspect) in [("client", [false, true]), ("newer", [true, true])] {
            slot.mark_client(id, true).unwrap();
            let marked = slot.client().unwrap().unwrap();
            assert_eq!(marked.all().map(|one| one.clear.suspect).collect::<Vec<_>>(), suspect);
        }
        slot.mark_client("client", false).unwrap();
        assert!(!slot.client().unwrap().unwrap().named("client").unwrap().clear.suspect);
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
    fn a_registration_that_could_not_be_read_back_replaces_nothing() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        slot.save_client(&record()).unwrap();
        let mut huge = record();
        huge.clear.issuer = "i".repeat(600 * 1024);
        assert_eq!(slot.save_client(&huge).unwrap_err().code, Code::CacheUnwritable);
        assert_eq!(slot.client().unwrap(), Some(record()));
    }

    #[test]
    fn sealed_members_of_newer_versions_outlive_a_rewrite() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        slot.save_client(&record()).unwrap();
        let clear = serde_json::to_string(&record().clear).unwrap();
        let newer = serde_json::json!({"client_secret": "s", "registration_access_token": "new",
            "former": {"clear": record().clear, "later": [1]}});
        let key = store.key().unwrap();
        let sealed = seal::seal(&key, Kind::Client, "demo", &clear, newer.to_string().as_bytes()).unwrap();
        std::fs::write(slot.client_path(), sealed).unwrap();
        slot.mark_client("client", true).unwrap();
        let content = std::fs::read(slot.client_path()).unwrap();
        let opened = seal::open(&key, Kind::Client, "demo", &content).unwrap();
        let after: Value = serde_json::from_slice(&opened.secrets).unwrap();
        assert_eq!(
            (&after["registration_access_token"], &after["former"]["later"][0]),
            (&"new".into(), &1.into())
        );
        assert!(
            !format!("{:?}", slot.client().unwrap()).contains("new\""),
            "whatever it is, it is not shown"
        );
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
