//! NAME -> a validated [`Server`]: file, environment, merge, validation.
//!
//! The only room that reads environment variables and `config.json`. The way: `place` finds the file, `file`
//! picks the entry, `entry` checks its keys, `merge` lays the environment over it, `validate` judges the
//! result. It reads no secret and writes nothing: a [`SecretSource`] is read when a request needs it, and
//! `edit` hands text back.

mod access;
mod client;
pub mod edit;
mod entry;
pub mod environment;
mod file;
mod grant;
mod header;
mod keys;
mod list;
mod load;
mod login;
mod machine;
mod mark;
mod merge;
pub mod name;
pub(crate) mod node;
mod place;
mod private_key;
mod read;
mod secret_command;
mod secret_keys;
mod secret_source;
mod secrets;
mod seeds;
pub mod server;
#[cfg(test)]
mod tests;
mod validate;
mod withheld;

pub use environment::Environment;
pub use list::load_all;
pub use load::{cache_dirs, load, names, names_at, usual_cache_dir};
pub use mark::mark;
pub use private_key::{Credentials, PrivateKey};
pub use secret_source::{SecretPlace, SecretSource, Setting};
pub use secrets::Secrets;
pub use seeds::{CodeSeed, Seeds};
pub use server::{
    AuthMethod, Callback, Grant, IdentityProvider, Interactive, Network, ResourceParameter, Server,
};
pub use withheld::secret_variables;

use crate::failure::{Code, Failure, Outcome};
use crate::secret::Secret;
use std::path::PathBuf;

/// Everything that a command about one server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The server, where the file or the environment defines it. Without one, its record may still be there.
    pub server: Option<Server>,
    /// Whether the file defines it. A server of the environment alone is bound by its first record.
    pub from_file: bool,
    /// The directory of its records.
    pub cache_dir: PathBuf,
    /// The key that seals them.
    pub key: KeySource,
    /// What holds for every server.
    pub machine: Machine,
}

/// What holds for every server of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// `~/.mcp-credential`, absolute. It need not exist yet.
    pub state_dir: PathBuf,
    /// The configuration file, absolute. It need not exist.
    pub config_file: PathBuf,
    /// The directory of the records of servers that name no other.
    pub cache_dir: PathBuf,
    /// How the network is reached.
    pub network: Network,
    /// How long a command without interaction may take, in seconds.
    pub timeout_seconds: u64,
    /// What a person should know, one line each.
    pub warnings: Vec<String>,
}

/// Every server of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllServers {
    /// In the order of the file.
    pub servers: Vec<Listed>,
    /// Whether the file is mcp-oauth2-proxy's: it then defines whatever name is asked for, and lists none.
    pub any_name: bool,
    /// The key that seals the records.
    pub key: KeySource,
    /// What holds for every server.
    pub machine: Machine,
}

/// One server of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name as it is written, not necessarily a valid one.
    pub name: String,
    /// The directory of its records.
    pub cache_dir: PathBuf,
    /// The server, or what is wrong with its entry.
    pub server: Outcome<Server>,
}

/// Where the key comes from that seals the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `key.bin` in the state directory.
    File,
    /// `MCP_CREDENTIAL_KEY`: standard base64, padded, of exactly 32 bytes.
    Value(Secret),
}

fn invalid(message: String) -> Failure {
    Failure::new(Code::ConfigInvalid, message)
}
