//! Which authorization server each configured client belongs to: the one that gave it its last token here.
//!
//! A registration of our own says its issuer itself. A client that a person registered is known by the configuration
//! alone, and the token record that would tell goes with the login: so its issuer stands in a file beside the record,
//! which outlives an erased login and goes with the registration. It holds no secret and is not sealed: whoever could
//! change it could as well take it away, and a login must not need the key of a record that it replaces. What cannot
//! be read back is damage, and never counts as unknown. It grows by one line a client, up to a limit.

use super::draft::{self, Durable};
use super::file::{self, unwritable};
use super::lock::Held;
use super::slot::Slot;
use crate::failure::{Code, Failure, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io;
use std::path::PathBuf;

/// The most clients that are kept; the oldest goes first.
const LIMIT: usize = 64;

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    clients: Vec<Bound>,
    /// Members that this version does not know.
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// An authorization server, as far as a client that was granted a token there must know it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// Its issuer, where its metadata names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Its token endpoint.
    pub token_endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Bound {
    client_id: String,
    /// The MCP server: a name that a person points elsewhere begins anew.
    url: String,
    #[serde(flatten)]
    home: Home,
}

impl Known {
    fn of(&self, client_id: &str, url: &str) -> Option<&Home> {
        let bound = self.clients.iter().find(|bound| bound.client_id == client_id && bound.url == url);
        bound.map(|bound| &bound.home)
    }

    /// The file, without the oldest where all of them would be more than is read back.
    fn encode(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let content = file::readable(serde_json::to_vec(self).map_err(io::Error::other)?);
            if content.is_ok() || self.clients.len() <= 1 {
                return content;
            }
            self.clients.remove(0);
        }
    }

    fn bind(&mut self, client_id: &str, url: &str, home: Home) {
        self.clients.retain(|bound| bound.client_id != client_id || bound.url != url);
        self.clients.push(Bound { client_id: client_id.to_owned(), url: url.to_owned(), home });
        let surplus = self.clients.len().saturating_sub(LIMIT);
        self.clients.drain(..surplus);
    }
}

impl Slot<'_> {
    /// The authorization server that `client_id` belongs to at the MCP server `url`, where a token was granted there.
    ///
    /// # Errors
    /// `cache_damaged`, `insecure_storage`: nothing may be sent with that client then.
    pub fn home_of(&self, client_id: &str, url: &str) -> Outcome<Option<Home>> {
        Ok(self.known_issuers()?.of(client_id, url).cloned())
    }

    /// Writes down that `client_id` belongs to `home`, durable, under the token lock; nothing where it stands there.
    ///
    /// # Errors
    /// `cache_unwritable`, and those of [`Slot::home_of`].
    pub fn bind_client(&self, _held: &Held, client_id: &str, url: &str, home: Home) -> Outcome<()> {
        let mut known = self.known_issuers()?;
        if known.of(client_id, url) == Some(&home) {
            return Ok(());
        }
        known.bind(client_id, url, home);
        let path = self.issuers_path();
        let written = known.encode().and_then(|content| draft::replace(&path, &content, Durable::Yes));
        written.map_err(|error| unwritable(&path, &error))
    }

    /// Forgets the issuers of all clients; `false` where none was known.
    ///
    /// # Errors
    /// `cache_unwritable`.
    pub fn forget_issuers(&self) -> Outcome<bool> {
        let path = self.issuers_path();
        file::remove(&path).map_err(|error| unwritable(&path, &error).of_server(self.name()))
    }

    fn issuers_path(&self) -> PathBuf {
        self.beside("issuers")
    }

    fn known_issuers(&self) -> Outcome<Known> {
        let path = self.issuers_path();
        let Some(content) = file::read_private(&path)? else { return Ok(Known::default()) };
        serde_json::from_slice(&content).map_err(|_| {
            let text = format!(
                "{} cannot be read back; it was left in place; erase it with `mcp-credential erase {} --scope client`",
                path.display(),
                self.name()
            );
            Failure::new(Code::CacheDamaged, text).of_server(self.name())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Folder;

    const URL: &str = "https://mcp.example.com/mcp";
    const ISSUER: &str = "https://idp.example.com";

    fn home(issuer: &str) -> Home {
        Home { issuer: Some(issuer.to_owned()), token_endpoint: format!("{issuer}/token") }
    }

    #[test]
    fn a_client_belongs_to_the_issuer_that_was_written_down_last_for_its_server() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let held = slot.token_lock().try_take().unwrap().unwrap();
        assert_eq!(slot.home_of("app", URL).unwrap(), None);
        for issuer in [ISSUER, ISSUER, "https://new.example.com"] {
            slot.bind_client(&held, "app", URL, home(issuer)).unwrap();
            assert_eq!(slot.home_of("app", URL).unwrap(), Some(home(issuer)));
        }
        slot.bind_client(&held, "other", URL, home(ISSUER)).unwrap();
        assert_eq!(slot.home_of("app", URL).unwrap(), Some(home("https://new.example.com")));
        assert_eq!(slot.home_of("app", "https://other.example.com").unwrap(), None);
        assert_eq!(Slot::new(&store, "elsewhere").home_of("app", URL).unwrap(), None);
        assert!(slot.forget_issuers().unwrap() && !slot.forget_issuers().unwrap());
        assert_eq!(slot.home_of("app", URL).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_back_is_damage_and_goes_with_the_registration() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let held = slot.token_lock().try_take().unwrap().unwrap();
        slot.bind_client(&held, "app", URL, home(ISSUER)).unwrap();
        std::fs::write(slot.issuers_path(), "junk").unwrap();
        let failure = slot.home_of("app", URL).unwrap_err();
        assert_eq!(failure.code, Code::CacheDamaged);
        assert!(failure.message.contains("mcp-credential erase demo --scope client"), "{failure}");
        assert_eq!(slot.bind_client(&held, "app", URL, home(ISSUER)).unwrap_err().code, Code::CacheDamaged);
        assert!(slot.erase_client().unwrap());
        assert_eq!(slot.home_of("app", URL).unwrap(), None);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let mut known = Known::default();
        for number in 0..LIMIT + 3 {
            known.bind(&number.to_string(), URL, home(ISSUER));
        }
        assert_eq!(
            (known.clients.len(), known.of("2", URL), known.of("3", URL)),
            (LIMIT, None, Some(&home(ISSUER)))
        );
    }

    #[test]
    fn the_longest_names_that_servers_may_give_leave_the_file_readable() {
        let folder = Folder::new();
        let store = folder.store();
        let slot = Slot::new(&store, "demo");
        let held = slot.token_lock().try_take().unwrap().unwrap();
        let long = |number: usize| home(&format!("https://{number}.example.com/{}", "i".repeat(4_000)));
        for number in 0..LIMIT {
            let client_id = format!("{number}{}", "c".repeat(4_000));
            slot.bind_client(&held, &client_id, URL, long(number)).unwrap();
            assert_eq!(slot.home_of(&client_id, URL).unwrap(), Some(long(number)));
        }
    }
}
