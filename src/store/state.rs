//! What is worth remembering about a server but may be lost: the last error, a failure that is shared for
//! a few seconds, and when a person last left a login unanswered. No secret stands here.

use super::draft::{self, Durable};
use super::file;
use super::lock::try_flock;
use crate::clock;
use crate::failure::{Code, Failure};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// For how long a failure is shared with other callers when the server named no time, in seconds.
const SHARED_FOR: u64 = 5;
/// The longest time for which a server's `Retry-After` is obeyed, in seconds.
const LONGEST_WAIT: u64 = 3600;

/// For how long, in seconds, and how often a refusal without a word is met before a person is asked.
const LASTING: u64 = 600;
const LASTING_CALLS: u32 = 3;

/// How many failures are shared with callers of other configurations than the latest.
const MARKS: usize = 8;

/// How many nonces are kept for one server.
const NONCES: usize = 8;
/// How often the lock is tried while nothing changes. A change takes about a millisecond, unless its process was
/// stopped in the middle. Tries are counted and not time: where the whole machine stood still, no holder is to blame.
const TRIES: u32 = 250;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(2);

/// The content of the state file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The last failure that a command of this server ended with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
    /// A failure that other callers get as well, without another request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<Shared>,
    /// The same of callers whose configuration is another, the newest last: they must not drive each other out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared_before: Vec<Shared>,
    /// When a login failed or was left unanswered, in seconds since 1970 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_failed_at: Option<u64>,
    /// A login of a registered client that was begun and has not been completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
    /// Why the stored login can no longer be refreshed, to be told to whoever needs it next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Refusals of the refresh token without a word, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unexplained: Option<Unexplained>,
    /// What the server last said of a token that it was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probed>,
    /// Until when the server is not asked, because it refused a token that was just issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_off_until: Option<u64>,
    /// When a login was begun that nobody typed, in seconds since 1970 UTC.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub step_ups: Vec<u64>,
    /// The nonces that servers have provided for `DPoP` proofs (RFC 9449, sections 8 and 9), by what they are for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dpop_nonces: BTreeMap<String, String>,
    /// Members that this version does not know.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Refusals that give no reason, and nothing else in between. Times are seconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unexplained {
    /// The generation that could not be renewed, or `none`.
    pub generation: String,
    /// When the first came.
    pub since: u64,
    /// When the last came.
    pub last: u64,
    /// How many.
    pub calls: u32,
}

impl Unexplained {
    /// Whether they have gone on for so long that the refresh token is believed to be what is refused.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.calls >= LASTING_CALLS && self.last.saturating_sub(self.since) >= LASTING
    }
}

/// A login that was begun: if its client was unknown to the authorization server, only the person saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The `client_id` that it was begun with.
    pub client_id: String,
    /// Whether a client has been registered because the authorization page refused the one before it, since a
    /// login was last completed.
    pub renewed: bool,
}

/// Which server a nonce is for: an authorization server's is no good at the resource, even on one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceFor {
    /// The token endpoint.
    Token,
    /// The MCP server.
    Resource,
}

impl NonceFor {
    fn name(self, origin: &str) -> String {
        let role = match self {
            Self::Token => "token",
            Self::Resource => "resource",
        };
        format!("{role} {origin}")
    }
}

/// What the server said of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// The generation that it was asked about.
    pub generation: String,
    /// When, in milliseconds since 1970 UTC.
    pub at_ms: u64,
    /// Whether it refused the token.
    pub rejected: bool,
    /// The challenge that it refused it with, as JSON: `probe` knows what it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Value>,
}

/// A failure and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Seconds since 1970 UTC.
    pub at: u64,
    /// What it was.
    pub failure: Failure,
}

/// A failure that holds for one generation and for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// The generation that could not be renewed, or `none`.
    pub generation: String,
    /// When it happened, in seconds since 1970 UTC.
    pub at: u64,
    /// Until when it holds.
    pub until: u64,
    /// The mark of the configuration that it happened with.
    #[serde(default)]
    pub mark: u64,
    /// The token endpoint that said it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What it was.
    pub failure: Failure,
}

/// Who asks for a failure that is shared.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The generation that is to be renewed, or `none`.
    pub generation: &'a str,
    /// The mark of his configuration.
    pub mark: u64,
    /// The token endpoint that his request goes to, where that is known.
    pub endpoint: Option<&'a str>,
}

impl Shared {
    /// A clock that was set back must not make a failure last.
    fn holds(&self, generation: &str, now: u64) -> bool {
        self.generation == generation && self.at <= now && now < self.until
    }

    /// Who has put the configuration right must not be told what was wrong with it. But a server that asked for a pause
    /// means whoever comes to it with this token.
    fn concerns(&self, asker: &Asker) -> bool {
        let asks_to_wait = matches!(self.failure.code, Code::RateLimited | Code::Unavailable)
            && self.failure.retry_after.is_some();
        self.mark == asker.mark
            || (asks_to_wait && self.endpoint.is_some() && self.endpoint.as_deref() == asker.endpoint)
    }
}

/// The state file of one server.
#[derive(Debug, Clone)]
pub struct StateFile {
    path: PathBuf,
}

impl StateFile {
    /// The state at `path`.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The state; an unreadable or missing one is empty, since losing it is harmless.
    #[must_use]
    pub fn read(&self) -> State {
        let content = file::read_private(&self.path).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&content).unwrap_or_default()
    }

    /// Changes the state, so that no change of another process is lost. Best effort: a failure is only logged.
    /// `change` may run twice.
    pub fn update(&self, change: impl Fn(&mut State)) {
        // What changes nothing needs no lock, and leaves nothing behind.
        if self.changed(&change).is_none() {
            return;
        }
        let _held = self.lock();
        let Some(state) = self.changed(&change) else { return };
        if let Err(error) = self.write(&state) {
            log::debug!("the state file could not be written: {error}");
        }
    }

    /// Forgets what is known of a token; a change under way does not bring it back. The doubt about a client stays
    /// as long as its registration.
    ///
    /// # Errors
    /// The system's.
    pub fn forget(&self) -> io::Result<()> {
        let _held = self.lock();
        let kept = self.read().unfinished.map(|login| State { unfinished: Some(login), ..State::default() });
        // Where it cannot be kept, it may be lost.
        if kept.is_some_and(|kept| self.write(&kept).is_ok()) {
            return Ok(());
        }
        file::remove(&self.path).map(|_| ())
    }

    /// Forgets the doubt about a client, since its registration goes. Best effort.
    pub fn forget_doubt(&self) {
        if self.read().unfinished.is_none() {
            return;
        }
        self.update(|state| state.unfinished = None);
        let _held = self.lock();
        if self.read() == State::default() {
            let _ = file::remove(&self.path);
        }
    }

    fn write(&self, state: &State) -> io::Result<()> {
        let content = serde_json::to_vec(state).map_err(io::Error::other)?;
        draft::replace(&self.path, &content, Durable::No)
    }

    /// What `change` makes of the state, if it changes anything.
    fn changed(&self, change: &impl Fn(&mut State)) -> Option<State> {
        let before = self.read();
        let mut state = before.clone();
        change(&mut state);
        (state != before).then_some(state)
    }

    /// Locks the directory, for the moment between reading and replacing: the state has no permanent file of its
    /// own that could be locked. Whoever stands still with it is not waited for, since what stands here may be lost.
    fn lock(&self) -> Option<File> {
        let folder = File::open(self.path.parent().unwrap_or(Path::new("/"))).ok()?;
        let mut seen = self.version();
        let mut tries = 0;
        while !try_flock(&folder).ok()? {
            tries += 1;
            if tries == TRIES {
                let now = self.version();
                // Others have had their turns, so this one comes as well.
                if now == seen {
                    return None;
                }
                (seen, tries) = (now, 0);
            }
            thread::sleep(PAUSE);
        }
        Some(folder)
    }

    /// Differs after each change.
    fn version(&self) -> Option<(u64, i64, i64)> {
        std::fs::symlink_metadata(&self.path).map(|file| (file.ino(), file.mtime(), file.mtime_nsec())).ok()
    }
}

impl State {
    /// Remembers a failure as the last error. That a login is needed is no news where it is known why there is none.
    pub fn remember(&mut self, failure: &Failure) {
        let tells_more = |last: &LastError| last.failure.code != Code::InteractionRequired;
        let is_plain = failure.code == Code::InteractionRequired && self.ended.is_none();
        if is_plain && self.last_error.as_ref().is_some_and(tells_more) {
            return;
        }
        self.last_error = Some(LastError { at: clock::now(), failure: failure.clone() });
    }

    /// Shares a failure of `asker` with whoever asks for the same generation in the next seconds, with a configuration
    /// of the same mark, or at an endpoint that asked for a pause.
    pub fn share(&mut self, asker: &Asker, failure: &Failure) {
        let at = clock::now();
        let wait = failure.retry_after.unwrap_or(SHARED_FOR).clamp(SHARED_FOR, LONGEST_WAIT);
        let latest = Shared {
            generation: asker.generation.to_owned(),
            at,
            until: at.saturating_add(wait),
            mark: asker.mark,
            endpoint: asker.endpoint.map(str::to_owned),
            failure: failure.clone(),
        };
        self.shared_before.extend(self.shared.replace(latest));
        self.shared_before.retain(|before| before.mark != asker.mark && before.holds(asker.generation, at));
        let surplus = self.shared_before.len().saturating_sub(MARKS);
        self.shared_before.drain(..surplus);
    }

    /// The failure that holds for `asker` at `now`, with the seconds that are left of it.
    #[must_use]
    pub fn shared_failure(&self, asker: &Asker, now: u64) -> Option<Failure> {
        let mut all = self.shared.iter().chain(self.shared_before.iter().rev());
        let shared = all.find(|shared| shared.holds(asker.generation, now) && shared.concerns(asker))?;
        let left = shared.failure.retry_after.map(|_| shared.until.saturating_sub(now));
        Some(shared.failure.clone().retry_after(left))
    }

    /// Forgets the failures that are shared.
    pub fn unshare(&mut self) {
        self.shared = None;
        self.shared_before.clear();
    }

    /// Counts a refusal without a word that `generation` met at `now`.
    pub fn count_unexplained(&mut self, generation: &str, now: u64) {
        // A clock that was set back must not make a moment of it ten minutes.
        let before =
            self.unexplained.take().filter(|before| before.generation == generation && before.last <= now);
        self.unexplained = Some(match before {
            Some(before) => Unexplained { last: now, calls: before.calls.saturating_add(1), ..before },
            None => Unexplained { generation: generation.to_owned(), since: now, last: now, calls: 1 },
        });
    }

    /// Keeps the nonce that `origin` provided for proofs in this role.
    pub fn keep_nonce(&mut self, role: NonceFor, origin: &str, nonce: &str) {
        let name = role.name(origin);
        // Servers that come and go must not let the file grow.
        if self.dpop_nonces.len() >= NONCES && !self.dpop_nonces.contains_key(&name) {
            self.dpop_nonces.clear();
        }
        self.dpop_nonces.insert(name, nonce.to_owned());
    }

    /// The nonce that `origin` has provided last for proofs in this role.
    #[must_use]
    pub fn nonce(&self, role: NonceFor, origin: &str) -> Option<&str> {
        self.dpop_nonces.get(&role.name(origin)).map(String::as_str)
    }

    /// Forgets everything that a new token puts right.
    pub fn succeed(&mut self) {
        self.unshare();
        self.last_error = None;
        self.ended = None;
        self.unexplained = None;
        self.login_failed_at = None;
        self.unfinished = None;
    }
}

#[cfg(test)]
mod tests;
