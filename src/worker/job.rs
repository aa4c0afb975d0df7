//! What caller and worker say to each other: one job, then lines of JSON. Both ends are the same program.

use crate::broker::Source;
use crate::config::{Network, Secrets, Server};
use crate::failure::Failure;
use crate::oauth::challenge::Challenge;
use crate::oauth::grant::TokenRequest;
use crate::secret::Secret;
use crate::store::Store;
use crate::store::key::KeySource;
use crate::token::Clear;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;
use zeroize::Zeroizing;

/// The largest job that is read, in bytes.
const JOB_LIMIT: u64 = 4 * 1024 * 1024;

/// What a worker needs to know. It has no environment and reads no configuration.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// The state directory.
    home: PathBuf,
    /// The directory of the records.
    cache: PathBuf,
    /// The directories of other servers' records.
    others: Vec<PathBuf>,
    /// The key, when it does not come from the key file.
    #[serde(with = "crate::secret::wire_option")]
    key: Option<Secret>,
    /// The server.
    pub server: Server,
    /// The configured secrets that the task needs.
    pub secrets: Secrets,
    /// How the network is reached.
    pub network: Network,
    /// What is to be done.
    pub task: Task,
    /// The mark of the configuration: a failure is shared with callers that have the same.
    pub mark: u64,
    /// The log level of the caller.
    pub log: String,
    /// The correlation id of the flow.
    pub flow: String,
    /// When this process got it.
    #[serde(skip, default = "Instant::now")]
    pub begun: Instant,
}

/// What is to be done.
#[derive(Debug, Serialize, Deserialize)]
pub enum Task {
    /// Renew the token of this generation (`none` where there is no record).
    Renew {
        /// The generation that the caller saw under the lock.
        generation: String,
        /// What the MCP server said when it refused the caller, where the caller handed that over.
        challenge: Option<Box<Challenge>>,
    },
    /// Exchange what a person's login brought.
    Exchange {
        /// The token request, code and verifier included.
        request: Box<TokenRequest>,
        /// What the new record is bound to.
        clear: Box<Clear>,
    },
}

/// A line from the worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// A log line for the caller's stderr.
    Log {
        /// Its level.
        level: String,
        /// Its text.
        text: String,
    },
    /// The new token.
    Done {
        /// What is known about it.
        clear: Box<Clear>,
        /// The token.
        #[serde(with = "crate::secret::wire")]
        access_token: Secret,
        /// The key that it is bound to.
        #[serde(with = "crate::secret::wire_option")]
        dpop_key: Option<Secret>,
        /// Where it came from.
        source: Source,
        /// Whether it is saved.
        persisted: bool,
    },
    /// The store has moved on: look again.
    Again,
    /// A person has not decided yet.
    Pending {
        /// The server wants to be asked less often.
        slow_down: bool,
    },
    /// It failed.
    Failed(Failure),
}

impl Job {
    /// A job for `server` in `store`, whose configuration has this `mark`.
    #[must_use]
    pub fn new(
        store: &Store,
        server: Server,
        secrets: Secrets,
        network: Network,
        task: Task,
        mark: u64,
    ) -> Self {
        let key = match store.key_source() {
            KeySource::Value(key) => Some(key.clone()),
            KeySource::File => None,
        };
        Self {
            home: store.home().to_owned(),
            cache: store.cache().to_owned(),
            others: store.others().to_owned(),
            key,
            server,
            secrets,
            network,
            task,
            mark,
            log: log::max_level().to_string(),
            flow: crate::logging::flow().to_owned(),
            begun: Instant::now(),
        }
    }

    /// What the MCP server said to the caller, where that was handed over.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        match &self.task {
            Task::Renew { challenge, .. } => challenge.as_deref(),
            Task::Exchange { .. } => None,
        }
    }

    /// The store that the job works on.
    #[must_use]
    pub fn store(&self) -> Store {
        let key = self.key.clone().map_or(KeySource::File, KeySource::Value);
        Store::new(self.home.clone(), Some(self.cache.clone()), key).beside(self.others.clone())
    }

    /// Sends the job.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, mut socket: &UnixStream) -> io::Result<()> {
        let body = Zeroizing::new(serde_json::to_vec(self).map_err(io::Error::other)?);
        socket.write_all(&body)
    }

    /// Receives a job.
    ///
    /// # Errors
    /// The system's, or a job that is none.
    pub fn read(socket: &UnixStream) -> io::Result<Self> {
        let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
        socket.take(JOB_LIMIT).read_to_end(&mut body)?;
        serde_json::from_slice(&body).map_err(io::Error::other)
    }
}

/// Prints a worker's log line as one of ours.
pub fn relay(level: &str, text: &str) {
    let level = log::Level::from_str(level).unwrap_or(log::Level::Info);
    log::log!(level, "{text}");
}
